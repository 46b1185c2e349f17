// examples/server on the packed package: right answers, bad input, overload, a worker that dies, and the end.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type DecodedPng, decode, encode } from "fast-png";
import { afterEach, expect, inject, test } from "vitest";
import { asJpeg, asPng, digits, enlarged, refused } from "./digits.ts";
import { copyExamples } from "./examples.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const examples = copyExamples(root, inject("project"), "server", "digits", "upscale");
const preload = new URL("kill-worker.mjs", import.meta.url).href;
const astronaut = decode(readFileSync(join(root, "examples/astronaut.png")));
const small = corner(astronaut, 128);
/** Nine tiles. */
const photo = new Uint8Array(encode(small));
const started: ChildProcess[] = [];

afterEach(() => {
  for (const process of started.splice(0)) process.kill("SIGKILL");
});

/** A server process on a free port. */
async function start(env: Record<string, string> = {}) {
  const process_ = spawn(
    process.execPath,
    ["--import", preload, "server/server.mjs"],
    // A busy machine may take long.
    {
      cwd: examples,
      env: {
        ...process.env,
        ...{ PORT: "0", WORKERS: "2", TIMEOUT_MS: "100000", DRAIN_MS: "100000" },
        ...env,
      },
    },
  );
  started.push(process_);
  let printed = "";
  const ended = new Promise<number | null>((resolve) => process_.on("exit", resolve));
  const url = await new Promise<string>((resolve, reject) => {
    const read = (text: Buffer): void => {
      printed += text;
      const found = /listening on (\S+),/.exec(printed);
      if (found) resolve(found[1]);
    };
    process_.stdout.on("data", read);
    process_.stderr.on("data", read);
    void ended.then((code) => reject(new Error(`the server ended with ${code}: ${printed}`)));
  });
  return {
    kill: (signal: NodeJS.Signals) => process_.kill(signal),
    ended,
    printed: () => printed,
    get: (path: string) => fetch(url + path),
    post: (path: string, body: Uint8Array<ArrayBuffer>, signal?: AbortSignal) =>
      fetch(url + path, { method: "POST", body, signal }),
    /** A sample of GET /metrics. */
    async metric(name: string): Promise<number> {
      const lines = (await (await fetch(`${url}/metrics`)).text()).split("\n");
      return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? 0);
    },
  };
}

function corner({ data, width, channels }: DecodedPng, side: number) {
  const length = side * side * channels;
  const pixels = Uint8Array.from({ length }, (_, i) => {
    const [x, y] = [Math.floor(i / channels) % side, Math.floor(i / channels / side)];
    return data[(y * width + x) * channels + (i % channels)];
  });
  return { data: pixels, width: side, height: side, channels };
}

/** Asks until it holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

test("classifies, upscales, and says what is wrong with bad input", async () => {
  const server = await start();
  const answers = await Promise.all(
    digits.flatMap(({ digit, pixels }) =>
      [asPng(pixels), asJpeg(pixels), enlarged(pixels)].map(async (file) => {
        const response = await server.post("/classify", file);
        const answer = (await response.json()) as { digit: number; probabilities: number[] };
        expect(answer.probabilities).toHaveLength(10);
        return [response.status, answer.digit === digit];
      }),
    ),
  );
  expect(answers.filter(([status]) => status !== 200)).toEqual([]);
  expect(answers.filter(([, right]) => right).length).toBeGreaterThanOrEqual(answers.length - 6);

  const upscaled = await server.post("/upscale", photo);
  expect([upscaled.status, upscaled.headers.get("content-type")]).toEqual([200, "image/png"]);
  const { width, height, data } = decode(await upscaled.arrayBuffer());
  expect([width, height]).toEqual([2 * small.width, 2 * small.height]);
  // The same picture: every pixel is close to those around it in the small one.
  let difference = 0;
  for (let p = 0; p < width * height; p++) {
    const [x, y] = [p % width, Math.floor(p / width)];
    difference += Math.abs(data[p * 3] - small.data[((y >> 1) * small.width + (x >> 1)) * small.channels]);
  }
  expect(difference / (width * height)).toBeLessThan(8);

  for (const [what, file, status] of refused) {
    // What is to be classified may have 16 million pixels.
    const response = await server.post(status === 413 ? "/upscale" : "/classify", file);
    expect([what, response.status, await response.json()]).toEqual([
      what,
      status,
      { error: expect.any(String) },
    ]);
  }
  expect((await server.get("/classify")).status).toBe(405);
  expect((await server.get("/")).status).toBe(404);
  expect((await server.post("/classify", new Uint8Array(11 * 2 ** 20))).status).toBe(413);
  expect(await (await server.get("/health")).json()).toEqual({ status: "ready" });
  expect(await server.metric('http_requests_total{route="/classify",status="200"}')).toBe(answers.length);
  expect(await server.metric('http_request_duration_seconds_bucket{route="/upscale",le="+Inf"}')).toBe(2);
  expect(await server.metric('http_request_duration_seconds_count{route="/upscale"}')).toBe(2);
});

test("refuses at once what is too much, and takes requests again afterwards", async () => {
  const server = await start({ MAX_REQUESTS: "2" });
  const responses = await Promise.all(Array.from({ length: 20 }, () => server.post("/upscale", photo)));
  const statuses = responses.map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([200, 503]));
  for (const response of responses)
    if (response.status === 503) expect(response.headers.get("retry-after")).toBe("1");
  expect((await server.post("/classify", asPng(digits[0].pixels))).status).toBe(200);
});

test("takes back what a client no longer waits for", async () => {
  const server = await start({ WORKERS: "1" });
  const aborter = new AbortController();
  const left = Array.from({ length: 8 }, () => server.post("/upscale", photo, aborter.signal));
  await until(async () => (await server.metric("engine_requests_waiting")) > 0);
  aborter.abort();
  expect((await Promise.allSettled(left)).filter(({ status }) => status === "fulfilled")).toEqual([]);
  await until(async () => (await server.metric("http_requests_in_flight")) === 0);
  expect(await server.metric("engine_requests_waiting")).toBe(0);
  expect(await server.metric('http_requests_total{route="/upscale",status="499"}')).toBe(8);
});

test("gives up what takes too long", async () => {
  const server = await start({ WORKERS: "1", TIMEOUT_MS: "1" });
  expect((await server.post("/upscale", photo)).status).toBe(504);
});

test("loses only the requests of a worker that dies, and replaces it", async () => {
  const server = await start();
  const requests = Array.from({ length: 12 }, () => server.post("/upscale", photo));
  await until(async () => (await server.metric("engine_requests_running")) === 4);
  server.kill("SIGUSR2");
  const statuses = (await Promise.all(requests)).map(({ status }) => status);
  const failed = statuses.filter((status) => status !== 200);
  // A worker is given two requests at most.
  expect([[500], [500, 500]]).toContainEqual(failed);
  await until(async () => (await server.metric("engine_worker_restarts_total")) === 1);
  expect(await server.metric("engine_workers")).toBe(2);
  const after = await Promise.all(Array.from({ length: 6 }, () => server.post("/upscale", photo)));
  expect(after.map(({ status }) => status)).toEqual(new Array(6).fill(200));
});

test("answers what it has begun when it is told to end", async () => {
  const server = await start();
  const requests = Array.from({ length: 6 }, () => server.post("/upscale", photo));
  await until(async () => (await server.metric("http_requests_in_flight")) === 6);
  server.kill("SIGTERM");
  const responses = await Promise.all(requests);
  expect(responses.map(({ status }) => status)).toEqual(new Array(6).fill(200));
  expect(responses.at(-1)!.headers.get("connection")).toBe("close");
  expect([await server.ended, server.printed()]).toEqual([0, expect.stringContaining("drained")]);
  await expect(server.get("/health")).rejects.toThrow();
});
