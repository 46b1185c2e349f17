// Workers as hosts have them: threads that are killed, and processes that end when their work is done.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adam, dense, sequential, WorkerError } from "../src/index.ts";
import { startWorker } from "../src/runtime/hosts/workers.ts";
import type { HostWorker } from "../src/runtime/thread-pool.ts";
import { openWorkerEngine } from "../src/worker/create.ts";
import { binary } from "./harness.ts";

const code = readFileSync(new URL("../build/engine-worker.txt", import.meta.url), "utf8");
const none = (): never => {
  throw new Error("not here");
};
/** Long enough to be killed: some hundred milliseconds a run. */
const slow = sequential([512], [dense({ units: 512 })]);
const many = new Float32Array(512 * 8000).fill(0.01);

describe("a thread that is killed", () => {
  it("fails its requests alone, and is replaced", async () => {
    const hosts: HostWorker[] = [];
    const engine = await openWorkerEngine({ workers: 2 }, Promise.resolve(binary("simd")), () => {
      const host = startWorker({ url: undefined, code, file: none });
      hosts.push(host);
      return host;
    });
    const net = await engine.compile(slow, { seed: 1 });
    const right = await net.predict(many.subarray(0, 512));
    const answers = Array.from({ length: 6 }, () =>
      net.predict(many).then(
        (answer) => answer.subarray(0, 512),
        (error) => error,
      ),
    );
    hosts[0].stop();
    const settled = await Promise.all(answers);
    const failed = settled.filter((answer) => answer instanceof Error);
    expect(failed.length).toBe(2);
    for (const error of failed) {
      expect(error).toBeInstanceOf(WorkerError);
      expect(error.message).toBe("predict: the worker ended before it answered: it exited with code 1");
    }
    for (const answer of settled) if (!(answer instanceof Error)) expect(answer).toEqual(right);
    expect(engine.info).toMatchObject({ workers: 2, restarts: 1 });
    const data = { x: many.subarray(0, 512 * 4), y: new Uint8Array(4) };
    const fit = net.fit(data, {
      loss: "softmaxCrossEntropy",
      optimizer: adam(),
      epochs: 5,
      onEpoch: ({ epoch }) => {
        if (epoch === 1) for (const host of hosts) host.stop();
      },
    });
    await expect(fit).rejects.toBeInstanceOf(WorkerError);
    // The host has yet to tell of the other one.
    while (engine.info.restarts < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await net.predict(many.subarray(0, 512))).toEqual(right);
    expect(engine.info).toMatchObject({ workers: 2, restarts: 3 });
    await engine.dispose();
  });
});

describe("a process", () => {
  const folder = new URL(`../build/process-${process.pid}/`, import.meta.url);
  const inFolder = (name: string) => fileURLToPath(new URL(name, folder));
  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    for (const [name, entry] of [
      ["index", "index.ts"],
      ["worker", "worker/index.ts"],
    ])
      await build({
        entryPoints: [fileURLToPath(new URL(`../src/${entry}`, import.meta.url))],
        outfile: inFolder(`${name}.mjs`),
        bundle: true,
        format: "esm",
        target: "es2022",
        loader: { ".deflate": "base64" },
      });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const runs = (name: string, body: string) => {
    const imports = ["index", "worker"].map((name) =>
      JSON.stringify(pathToFileURL(inFolder(`${name}.mjs`)).href),
    );
    writeFileSync(
      inFolder(name),
      `import { dense, sequential } from ${imports[0]};
       import { createWorkerEngine } from ${imports[1]};
       const engine = await createWorkerEngine({ workers: 2 });
       const net = await engine.compile(sequential([256], [dense({ units: 256 })]), { weights: {
         "dense_1.kernel": new Float32Array(256 * 256).fill(1), "dense_1.bias": new Float32Array(256) } });
       const x = new Float32Array(256 * 3000).fill(2);
       ${body}`,
    );
    const { stdout, stderr, status } = spawnSync(process.execPath, [inFolder(name)], {
      encoding: "utf8",
      timeout: 60_000,
    });
    return { stdout, stderr, status };
  };

  it("ends by itself though nobody disposed of the engine, but not before its requests are answered", () => {
    const body = `
      net.predict(x).then((y) => console.log(y.length, y[0]));
      net.fit({ x, y: new Uint8Array(3000) }, { loss: "softmaxCrossEntropy", optimizer: { kind: "sgd" }, batchSize: 500 })
        .then((reports) => console.log(reports.length));`;
    expect(runs("forgets.mjs", body)).toEqual({
      stdout: expect.stringMatching(/^768000 512\n1\n$/),
      stderr: "",
      status: 0,
    });
  });

  it("ends when the engine is disposed of inside a request", () => {
    const body = `
      const answer = net.predict(x).catch((error) => console.log(error.code));
      await engine.dispose();
      await answer;`;
    expect(runs("disposes.mjs", body)).toEqual({ stdout: "CONVOLITH_DISPOSED\n", stderr: "", status: 0 });
  });
});
