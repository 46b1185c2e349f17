// Puts load on the server with workers and on the same server without, in turn:  npm run server:load [-- connections] [seconds] [rounds]
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { encode } from "fast-png";
import { PIXELS, readDigits } from "../../mnist/digits.mjs";
import { astronaut, readPhoto } from "../../photo.mjs";

const [connections = 50, seconds = 5, rounds = 3] = process.argv.slice(2).map(Number);
const SERVERS = { workers: "../server.mjs", "without workers": "../in-process.mjs" };
const SIDE = 64;

/** The square of 64 x 64 pixels in the middle of a photo. */
function photo() {
  const { data, width, height, channels } = readPhoto(astronaut);
  const square = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => {
    const [c, p] = [i % 3, Math.floor(i / 3)];
    const [x, y] = [(width - SIDE) / 2 + (p % SIDE), (height - SIDE) / 2 + Math.floor(p / SIDE)];
    return data[(y * width + x) * channels + c];
  });
  return Buffer.from(encode({ data: square, width: SIDE, height: SIDE, channels: 3 }));
}

/** A digit that somebody wrote. */
function digit() {
  const data = Uint8Array.from(readDigits().test.x.subarray(0, PIXELS), (v) => Math.round(255 * (1 - v)));
  return Buffer.from(encode({ data, width: 28, height: 28, channels: 1 }));
}

const upscale = { method: "POST", path: "/upscale", body: photo() };
const classify = { method: "POST", path: "/classify", body: digit() };
/** Every connection sends these one after the other, again and again. */
const LOADS = {
  "upscale 64 x 64": [upscale],
  classify: [classify],
  "one upscale, nine classify": [upscale, ...new Array(9).fill(classify)],
};

/**
 * A server process, once it listens.
 *
 * @param {string} file
 * @returns {Promise<{ url: string, end: () => Promise<number | null> }>}
 */
function start(file) {
  const script = fileURLToPath(new URL(file, import.meta.url));
  const server = spawn(process.execPath, [script], { env: { ...process.env, PORT: "0" } });
  server.stderr.pipe(process.stderr);
  const ended = new Promise((resolve) => server.on("exit", resolve));
  return new Promise((resolve, reject) => {
    let printed = "";
    server.stdout.on("data", (text) => {
      printed += text;
      const url = /listening on (\S+),/.exec(printed)?.[1];
      const end = () => {
        server.kill("SIGTERM");
        return ended;
      };
      if (url) resolve({ url, end });
    });
    ended.then((code) => reject(new Error(`${file} ended with ${code}`)));
  });
}

/** The 99th percentile of the event loop's delay since it was last asked for, in milliseconds. @param {string} url */
async function delay(url) {
  const text = await (await fetch(`${url}/metrics`)).text();
  return 1000 * Number(/nodejs_eventloop_delay_seconds\{quantile="0.99"\} (\S+)/.exec(text)?.[1]);
}

/**
 * What autocannon says; `errors` are requests without an answer.
 *
 * @typedef {{ requests: { average: number }, latency: { p50: number, p99: number }, non2xx: number, errors: number }} Result
 */

/** @param {number[]} values */
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

const folder = fileURLToPath(new URL(".", import.meta.url));
if (!existsSync(new URL("node_modules/autocannon", import.meta.url)))
  execFileSync("npm", ["ci", "--prefix", folder, "--no-audit", "--no-fund"], {
    ...{ stdio: "inherit", shell: process.platform === "win32" },
  });
/** @type {(options: object) => Promise<Result>} */
const autocannon = createRequire(import.meta.url)("autocannon");

const servers = await Promise.all(
  Object.entries(SERVERS).map(async ([name, file]) => ({ name, ...(await start(file)) })),
);
console.log(
  `Node ${process.versions.node}, ${connections} connections, median of ${rounds} rounds of ${seconds} s\n`,
);
console.log(
  "load                        server           requests/s  p50 ms  p99 ms  event loop p99 ms  failed",
);
for (const [load, requests] of Object.entries(LOADS)) {
  /** By server. @type {(Result & { loop: number })[][]} */
  const results = servers.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, { url }] of servers.entries()) {
      await autocannon({ url, connections, duration: 1, requests });
      await delay(url);
      const result = await autocannon({ url, connections, duration: seconds, requests, timeout: 30 });
      results[i].push({ ...result, loop: await delay(url) });
    }
  const speeds = results.map((list) => median(list.map(({ requests }) => requests.average)));
  for (const [i, list] of results.entries()) {
    const [p50, p99] = [median(list.map((r) => r.latency.p50)), median(list.map((r) => r.latency.p99))];
    const failed = list.reduce((sum, { non2xx, errors }) => sum + non2xx + errors, 0);
    const columns = [
      ...[load.padEnd(27), servers[i].name.padEnd(15), speeds[i].toFixed(1).padStart(11)],
      ...[p50, p99].map((ms) => ms.toFixed(0).padStart(7)),
      ...[
        median(list.map(({ loop }) => loop))
          .toFixed(1)
          .padStart(18),
        String(failed).padStart(7),
      ],
    ];
    console.log(columns.join(" "));
  }
  const [withWorkers, without] = speeds;
  console.log(`${"".padEnd(27)} ${(withWorkers / without).toFixed(2)} times as many requests\n`);
}
const codes = await Promise.all(servers.map(({ end }) => end()));
process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
