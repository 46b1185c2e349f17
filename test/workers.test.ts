// Workers that fail, end or are forgotten: nothing hangs, nothing is wrong without an error, and the process ends when it should.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createEngine, type Engine, WorkerError } from "../src/index.ts";
import { threadWorker } from "../src/runtime/hosts/default.ts";
import { stridedRows } from "../src/runtime/records.ts";
import { loadShared, startThreads } from "../src/runtime/thread-pool.ts";
import { ACTIVATION_AFFINE } from "../src/runtime/wasm.ts";
import { binary, threaded } from "./harness.ts";

const FAILING = new URL("fixtures/failing-worker.mjs", import.meta.url);
const noise = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7));

/** A convolution in many ranges: the bytes of its result, which are quick to compare. */
function convolve(engine: Engine): Buffer {
  using x = engine.tensor(noise(64 * 64 * 8), [1, 64, 64, 8]);
  using w = engine.tensor(noise(25 * 8 * 24), [5, 5, 8, 24]);
  using y = engine.conv2d(x, w);
  return Buffer.from(y.data().buffer);
}

describe("a worker that ends", () => {
  // Machines with one core run these, too.
  beforeEach(() => vi.stubGlobal("navigator", { hardwareConcurrency: 8 }));
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.unstubAllEnvs();
  });

  const failing = (how: string, threads: number) => {
    vi.stubEnv("FAILING_WORKER", how);
    return createEngine({ threads, worker: FAILING });
  };
  const right = async () => {
    using engine = await createEngine();
    return convolve(engine);
  };
  /** Convolves until a worker was lost: the error, and for how long that call blocked. */
  const lose = (engine: Engine): { error: unknown; ms: number } => {
    for (;;) {
      const start = performance.now();
      try {
        convolve(engine);
      } catch (error) {
        return { error, ms: performance.now() - start };
      }
    }
  };

  it("inside a call fails the call within seconds; the engine then goes on with one thread", async () => {
    using engine = await failing("dies inside", 2);
    expect(engine.info).toMatchObject({ threads: 2 });
    const { live } = engine.memory;
    const { error, ms } = lose(engine);
    expect(error).toBeInstanceOf(WorkerError);
    expect((error as Error).message).toMatch(/^a worker did not finish its part of \w+ and must have been/);
    // 3 s where nothing else runs; here it is to end at all.
    expect(ms).toBeLessThan(20_000);
    // It could still write, for all the caller knows.
    expect(() => convolve(engine)).toThrow(/lost a worker inside a call/);
    await vi.waitFor(() => expect(engine.info.threads).toBe(1), 10_000);
    expect(engine.info.fallback).toBe("a worker ended: it exited with code 3");
    expect(convolve(engine).equals(await right())).toBe(true);
    expect(engine.memory.live).toBe(live);
  });

  it("inside a call leaves the others at work", async () => {
    using engine = await failing("one dies inside", 3);
    expect(lose(engine).error).toBeInstanceOf(WorkerError);
    await vi.waitFor(() => expect(engine.info.threads).toBe(2), 10_000);
    const y = await right();
    for (let run = 0; run < 20; run++) expect(convolve(engine).equals(y)).toBe(true);
  });

  it("inside a call leaves an engine that can be disposed of at once", async () => {
    const engine = await failing("dies inside", 2);
    lose(engine);
    engine.dispose();
    engine.dispose();
    expect(() => convolve(engine)).toThrow("the engine has been disposed");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(engine.info).toMatchObject({ threads: 2 });
  });

  it("between calls is done without", async () => {
    using engine = await failing("dies asleep", 3);
    const y = await right();
    await vi.waitFor(() => {
      expect(convolve(engine).equals(y)).toBe(true);
      expect(engine.info.threads).toBe(1);
    }, 10_000);
    expect(engine.info.fallback).toBe("a worker ended: it exited with code 3");
    expect(convolve(engine).equals(y)).toBe(true);
  });

  it("is not one that is slow", async () => {
    using engine = await failing("is slow", 2);
    const y = await right();
    for (let run = 0; run < 4; run++) expect(convolve(engine).equals(y)).toBe(true);
    expect(engine.info.threads).toBe(2);
  });
});

describe("a trap on a worker", () => {
  it("keeps its reason", async () => {
    for (const [build, reason] of [
      ["simd", /out of bounds/],
      ["checked", /at assembly\/\w+\.ts:\d+:\d+$/],
    ] as const) {
      const runtime = await threaded(build, 2);
      const rows = runtime.memory.allocate(64, "test");
      runtime.memory.ints.set(stridedRows({ run: 1, axes: 1, dims: [1, 0, 0] }).words, rows / 4);
      // Far outside of memory; or rows of one block, of which later units are none.
      const address = build === "simd" ? 0xfff00000 : runtime.memory.allocate(64, "test");
      // The caller's own part is a pause; only the worker runs the kernel.
      const start = () => {
        const until = performance.now() + 2;
        while (performance.now() < until);
      };
      const call = {
        name: "activation_f32" as const,
        kernel: start,
        args: [address, address, rows, ACTIVATION_AFFINE, 1, 1],
        units: 64,
        index: 0,
      };
      const run = () => {
        for (let i = 0; i < 1000; i++) runtime.executor.run(call);
      };
      expect(run).toThrow(/^internal: activation_f32 trapped on a worker: /);
      expect(run).toThrow(reason);
      const own = new Error("the caller's own");
      const trap = () => {
        start();
        throw own;
      };
      expect(() => runtime.executor.run({ ...call, kernel: trap })).toThrow(own);
      expect(runtime.executor.threads).toBe(2);
      runtime.dispose();
    }
  });
});

describe("Node's workers", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("are preferred to web workers, get no flags, and are unreferenced after every listener", async () => {
    const seen: unknown[] = [];
    const web = vi.fn();
    class Worker {
      constructor(url: URL, options: unknown) {
        seen.push(url.href, options);
      }
      on(event: string, listener: (value: unknown) => void) {
        seen.push(event);
        if (event === "message") queueMicrotask(() => listener("ready"));
      }
      postMessage() {}
      unref() {
        seen.push("unref");
      }
      terminate() {}
    }
    vi.stubGlobal("Worker", web);
    vi.stubGlobal("process", { ...process, getBuiltinModule: () => ({ Worker }) });
    const { share } = await loadShared(binary("simd"));
    // A path, as import.meta.resolve gives it.
    const pool = await startThreads(2, share!, await threadWorker("file:///w.js"));
    const options = { eval: false, execArgv: [] };
    expect(seen).toEqual(["file:///w.js", options, "message", "error", "exit", "unref"]);
    expect(web).not.toHaveBeenCalled();
    pool.dispose();
  });
});

describe("a process", () => {
  const folder = new URL(`../build/process-${process.pid}/`, import.meta.url);
  const inFolder = (name: string) => fileURLToPath(new URL(name, folder));
  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    await build({
      entryPoints: [fileURLToPath(new URL("../src/index.ts", import.meta.url))],
      outfile: inFolder("index.mjs"),
      bundle: true,
      format: "esm",
      target: "es2022",
      loader: { ".deflate": "base64" },
    });
    writeFileSync(inFolder("forgets.mjs"), program);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const program = `
    Object.defineProperty(globalThis, "navigator", { value: { hardwareConcurrency: 2 } });
    const { createEngine } = await import(${JSON.stringify(pathToFileURL(inFolder("index.mjs")).href)});
    const engine = await createEngine({ threads: 2 });
    const x = engine.tensor(new Float32Array(64 * 64 * 8).fill(1), [1, 64, 64, 8]);
    const y = engine.conv2d(x, engine.tensor(new Float32Array(9 * 8 * 8).fill(1), [3, 3, 8, 8]));
    console.log(JSON.stringify({ ...engine.info, build: undefined, y: y.data()[0] }));
    await new Promise((resolve) => setTimeout(resolve, 20));`;

  it("ends by itself though nobody disposed of a threaded engine", () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [inFolder("forgets.mjs")], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect({ stdout, stderr, status }).toEqual({ stdout: '{"threads":2,"y":72}\n', stderr: "", status: 0 });
  });

  it("starts workers whatever flags it was started with", () => {
    const flags = ["--input-type=module"];
    // With this one Node 20 hands the other on to workers, which refuse it.
    if (process.allowedNodeEnvironmentFlags.has("--experimental-default-type"))
      flags.push("--experimental-default-type=module");
    const { stdout, status } = spawnSync(process.execPath, [...flags, "-e", program], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect({ stdout, status }).toEqual({ stdout: '{"threads":2,"y":72}\n', status: 0 });
  });
});
