// examples/batch: a queue whose consumers come, go and are killed, and a result for every picture. Needs redis-server (Debian: redis-server).
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { encode } from "fast-png";
import { afterAll, describe, expect, it } from "vitest";

const example = fileURLToPath(new URL("../../examples/batch/", import.meta.url));
const hasRedis = spawnSync("redis-server", ["--version"]).status === 0;
if (!hasRedis) console.log("skipped: the batch example (redis-server is not installed)");

const started: ChildProcess[] = [];
const folder = mkdtempSync(join(tmpdir(), "convolith-batch-"));
afterAll(async () => {
  const running = started.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  // The demonstration ends what it has started; consumers whose Redis is gone may wait for it.
  for (const child of running) child.kill("SIGTERM");
  if (running.length) await sleep(500);
  for (const child of running) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a program; what it prints, and how it ends. */
function start(command: string, args: string[]) {
  const child = spawn(command, args);
  started.push(child);
  let printed = "";
  child.stdout.on("data", (text) => (printed += text));
  child.stderr.on("data", (text) => (printed += text));
  const ended = once(child, "exit").then(([code]) => ({ code: code as number | null, printed }));
  return { child, ended, printed: () => printed };
}
const run = (script: string, ...args: string[]) => start(process.execPath, [join(example, script), ...args]);

/** The lines of all results. */
const resultsIn = (out: string): { file: string; digit?: number; error?: string }[] =>
  readdirSync(out).flatMap((name) =>
    name.endsWith(".ndjson")
      ? readFileSync(join(out, name), "utf8")
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line))
      : [],
  );

describe.skipIf(!hasRedis)("a batch", () => {
  it("of 10,000 pictures has 10,000 results when one of three consumers is killed half-way", async () => {
    const { ended } = run("demo.mjs", "--kill", "--lock", "3000");
    const { code, printed } = await ended;
    expect(printed).toMatch(/killed worker \d+ when (4[5-9]|[5-9]\d) jobs were done/);
    expect(printed).toContain("100 jobs done, 0 failed");
    expect(printed).toContain("10000 of 10000 pictures have one result, 0 another number");
    expect(code).toBe(0);
    const results = resultsIn(join(example, "out/results"));
    expect(results.length).toBe(10_000);
    expect(new Set(results.map(({ file }) => file)).size).toBe(10_000);
    expect(results.every(({ digit }) => Number.isInteger(digit))).toBe(true);
  });

  it("goes on with other consumers when one drains, and tells of a picture that is none", async () => {
    const [pictures, out] = ["pictures", "results"].map((name) => join(folder, name));
    for (const path of [pictures, out]) mkdirSync(path);
    const data = Uint8Array.from({ length: 784 }, (_, i) => (i * 7) % 256);
    const png = encode({ width: 28, height: 28, channels: 1, data });
    for (let i = 0; i < 1999; i++) writeFileSync(join(pictures, `${i}.png`), png);
    writeFileSync(join(pictures, "broken.png"), "no picture");

    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    server.close();
    const settings = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    const redis = start("redis-server", settings);
    while (!redis.printed().includes("Ready to accept connections")) await sleep(20);
    const common = ["--redis", `redis://127.0.0.1:${port}`];

    for (let time = 0; time < 2; time++) {
      const { code, printed } = await run("add.mjs", pictures, "--chunk", "20", ...common).ended;
      expect([code, printed]).toEqual([0, "2000 pictures in 100 jobs\n"]);
    }
    const first = run("work.mjs", "--out", out, ...common);
    const done = () => readdirSync(out).filter((name) => name.endsWith(".ndjson")).length;
    while (done() < 5) await sleep(5);
    first.child.kill("SIGTERM");
    const drained = await first.ended;
    const [, jobs] = /worker \d+: (\d+) jobs/.exec(drained.printed) ?? [];
    // It ended by itself, with every job that it had taken.
    expect([drained.code, Number(jobs)]).toEqual([0, done()]);
    expect(done()).toBeLessThan(100);
    expect(readdirSync(out).filter((name) => name.endsWith(".part"))).toEqual([]);

    const others = [0, 1].map(() => run("work.mjs", "--out", out, ...common));
    const status = await run("status.mjs", ...common).ended;
    expect([status.code, status.printed]).toEqual([0, "100 jobs done, 0 failed\n"]);
    for (const other of others) other.child.kill("SIGTERM");
    for (const other of others) expect((await other.ended).code).toBe(0);
    const results = resultsIn(out);
    expect(new Set(results.map(({ file }) => file)).size).toBe(2000);
    expect(results.length).toBe(2000);
    expect(results.filter(({ error }) => error !== undefined).map(({ file }) => file)).toEqual([
      join(pictures, "broken.png"),
    ]);
  });

  it("says so where no Redis answers", async () => {
    const { code, printed } = await run("status.mjs", "--redis", "redis://127.0.0.1:1").ended;
    expect(code).toBe(1);
    expect(printed).toMatch(/^no Redis answers at redis:\/\/127\.0\.0\.1:1: start redis-server/);
  });
});
