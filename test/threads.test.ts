// Crews of workers: the same bits for any number of threads, every unit done once, and a reason where there can be no thread pool.
import { availableParallelism } from "node:os";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createEngine, sequential } from "../src/index.ts";
import {
  add,
  avgPool2d,
  batchNorm,
  conv2d,
  convTranspose2d,
  dense,
  depthwiseConv2d,
  flatten,
  gelu,
  groupNorm,
  maxPool2d,
  resize,
  softmax,
} from "../src/layers/index.ts";
import { input, model } from "../src/model/build-model.ts";
import { Network } from "../src/network/network.ts";
import { singleThread } from "../src/runtime/executor.ts";
import { cores, startWorker } from "../src/runtime/hosts/workers.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { stridedRows } from "../src/runtime/records.ts";
import { shareMemory } from "../src/runtime/shared-memory.ts";
import { type HostWorker, loadShared, startThreads } from "../src/runtime/thread-pool.ts";
import { ACTIVATION_AFFINE, MAP_BLOCK } from "../src/runtime/wasm.ts";
import { BUILDS, binary, threaded } from "./harness.ts";

const noise = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7));

/** Every family of kernels: Winograd, products cut by pixels and by channels, depthwise, pooling, norms, elementwise. */
function everything() {
  const x = input([33, 29, 3]);
  const stem = conv2d({ filters: 32, kernel: 7, stride: 2, padding: "half", activation: "relu" })(x);
  const a = conv2d({ filters: 32, kernel: 3, padding: "same" })(stem);
  const b = depthwiseConv2d({ kernel: 5, padding: "same", activation: "silu" })(stem);
  const sum = gelu()(batchNorm()(add()([a, b])));
  const up = convTranspose2d({ filters: 20, kernel: 3, stride: 2, padding: "same" })(sum);
  const small = avgPool2d({ size: 3, stride: 2 })(groupNorm({ groups: 5 })(up));
  const wide = conv2d({ filters: 130, kernel: 1 })(maxPool2d({ size: 2 })(resize({ size: [20, 22] })(small)));
  return model({ inputs: x, outputs: softmax()(dense({ units: 70 })(flatten()(wide))) });
}

describe("a network", () => {
  it("gives the same bits on any number of threads", async () => {
    for (const build of BUILDS) {
      let first: Float32Array | undefined;
      for (const threads of [1, 2, 3, 5]) {
        const runtime = await threaded(build, threads);
        using net = new Network(runtime, everything(), { seed: 1, batchSize: 2 });
        const x = noise(3 * 33 * 29 * 3);
        first ??= net.predict(x);
        for (let run = 0; run < 5; run++) expect(net.predict(x)).toEqual(first);
        runtime.dispose();
      }
      expect(first!.some((v) => v > 0 && v < 1)).toBe(true);
    }
  });

  it("is worked on by the thread pool, not by the caller alone", async () => {
    const runtime = await threaded("simd", 2);
    using net = new Network(
      runtime,
      sequential([64, 64, 16], [conv2d({ filters: 64, kernel: 3, stride: 2 })]),
    );
    const x = noise(64 * 64 * 16);
    // The caller takes its ranges by Atomics.add, one at a time; how many are left for it depends on what the worker takes.
    const taken = vi.spyOn(Atomics, "add");
    const counts = new Set<number>();
    for (let run = 0; run < 5000 && counts.size < 2; run++) {
      taken.mockClear();
      net.predict(x);
      counts.add(taken.mock.calls.length);
    }
    taken.mockRestore();
    expect(counts.size).toBe(2);
    runtime.dispose();
  });
});

describe("a thread pool", () => {
  const affine = (runtime: Runtime, address: number, count: number, add: number) => {
    const { words } = stridedRows({ run: count, axes: 1, dims: [1, 0, 0] });
    const rows = runtime.memory.allocate(words.byteLength, "test");
    runtime.memory.ints.set(words, rows / 4);
    return {
      name: "activation_f32" as const,
      kernel: runtime.kernels.activation_f32,
      args: [address, address, rows, ACTIVATION_AFFINE, 1, add],
      units: Math.ceil(count / MAP_BLOCK),
      index: 0,
    };
  };

  it("does every unit of every call once", async () => {
    const runtime = await threaded("simd", 4);
    const count = 37 * MAP_BLOCK + 5;
    const address = runtime.memory.allocate(count * 4, "test");
    runtime.memory.floats.fill(0, address / 4, address / 4 + count);
    const call = affine(runtime, address, count, 1);
    for (let i = 1; i <= 3000; i++) runtime.executor.run(call);
    const wrong = runtime.memory.floats
      .subarray(address / 4, address / 4 + count)
      .findIndex((v) => v !== 3000);
    expect(wrong).toBe(-1);
    runtime.dispose();
  });

  it("wakes from its sleep", async () => {
    const runtime = await threaded("simd", 3);
    const address = runtime.memory.allocate(64 * MAP_BLOCK * 4, "test");
    runtime.memory.floats.fill(0, address / 4, address / 4 + 64 * MAP_BLOCK);
    const call = affine(runtime, address, 64 * MAP_BLOCK, 1);
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      runtime.executor.run(call);
    }
    expect(runtime.memory.floats[address / 4 + 63 * MAP_BLOCK]).toBe(20);
    runtime.dispose();
  });

  it("sees memory that has grown", async () => {
    const runtime = await threaded("simd", 2);
    runtime.memory.allocate(40 << 20, "test");
    const address = runtime.memory.allocate(16 * MAP_BLOCK * 4, "test");
    runtime.memory.floats.fill(1, address / 4, address / 4 + 16 * MAP_BLOCK);
    const call = affine(runtime, address, 16 * MAP_BLOCK, 1);
    for (let i = 0; i < 100; i++) runtime.executor.run(call);
    expect(
      runtime.memory.floats.subarray(address / 4, address / 4 + 16 * MAP_BLOCK).every((v) => v === 101),
    ).toBe(true);
    runtime.dispose();
  });

  it("reports a trap on whatever thread it happens, and works on", async () => {
    const runtime = await threaded("checked", 2);
    const address = runtime.memory.allocate(32 * MAP_BLOCK * 4, "test");
    // Twice the units there are: the later half trips the kernel's assertion.
    const call = affine(runtime, address, 16 * MAP_BLOCK, 1);
    for (let i = 0; i < 50; i++) expect(() => runtime.executor.run({ ...call, units: 32 })).toThrow();
    runtime.memory.floats.fill(1, address / 4, address / 4 + 16 * MAP_BLOCK);
    runtime.executor.run(call);
    expect(runtime.memory.floats[address / 4 + 15 * MAP_BLOCK]).toBe(2);
    runtime.dispose();
  });

  it("starts whole or not at all", async () => {
    const stopped: number[] = [];
    const { share } = await loadShared(binary("simd"));
    let started = 0;
    const start = (): HostWorker => {
      const id = started++;
      return {
        post() {},
        onMessage: (listener) => {
          if (id === 0) listener("ready");
        },
        onEnd: (listener) => {
          if (id === 2) listener("no script");
        },
        ref() {},
        unref() {},
        stop: () => stopped.push(id),
      };
    };
    await expect(startThreads(4, share!, start)).rejects.toThrow("a worker did not start: no script");
    expect(stopped.sort()).toEqual([0, 1, 2]);
  });
});

describe("createEngine({ threads })", () => {
  // Machines with one core run these, too.
  beforeEach(() => vi.stubGlobal("navigator", { hardwareConcurrency: 8 }));
  afterEach(() => vi.unstubAllGlobals());

  it("runs on so many", async () => {
    using engine = await createEngine({ threads: 2 });
    expect(engine.info.threads).toBe(2);
    expect(engine.info.fallback).toBeUndefined();
    using x = engine.tensor(noise(40 * 40 * 8), [1, 40, 40, 8]);
    using w = engine.tensor(noise(9 * 8 * 24), [3, 3, 8, 24]);
    using one = await createEngine();
    using y = engine.conv2d(x, w);
    using z = one.conv2d(one.tensor(x.data(), x.shape), one.tensor(w.data(), w.shape));
    expect(y.data()).toEqual(z.data());
  });

  it("falls back to one, and says why", async () => {
    const why = async (options: Parameters<typeof createEngine>[0]) => {
      using engine = await createEngine({ threads: 2, ...options });
      expect(engine.info.threads).toBe(1);
      using x = engine.tensor([1, 2, 3, 4], [1, 2, 2, 1]);
      expect(Array.from(engine.conv2d(x, engine.tensor([1, 1, 1, 1], [2, 2, 1, 1])).data())).toEqual([10]);
      return engine.info.fallback;
    };
    expect(await why({ worker: new URL("missing.js", import.meta.url) })).toMatch(
      /a worker did not start: .*missing\.js/,
    );
    // A module that was compiled with a memory of its own.
    expect(await why({ wasm: new WebAssembly.Module(binary("simd")) })).toBe(
      "the given module was compiled with a memory that is not shared; give its bytes",
    );
    vi.stubGlobal("crossOriginIsolated", false);
    expect(await why({})).toMatch(/cross-origin isolated/);
    vi.unstubAllGlobals();
    vi.stubGlobal("navigator", { hardwareConcurrency: 8 });
    vi.stubGlobal("process", { ...process, getBuiltinModule: undefined });
    expect(await why({})).toMatch(/neither web workers nor Node's worker threads/);
  });

  it("warns on the console, once", async () => {
    vi.resetModules();
    const fresh = await import("../src/engine/create.ts");
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    vi.stubGlobal("crossOriginIsolated", false);
    for (const threads of [1, 4, 2]) (await fresh.createEngine({ threads })).dispose();
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/^convolith: one thread instead of 4: .*cross-origin isolated/)],
    ]);
    warn.mockRestore();
  });

  it("takes a module compiled for threads, and bytes from a response", async () => {
    const module = new WebAssembly.Module(shareMemory(binary("simd")));
    using a = await createEngine({ threads: 2, wasm: module });
    const response = new Response(binary("simd"), { headers: { "content-type": "application/wasm" } });
    using b = await createEngine({ threads: 2, wasm: response });
    expect([a.info.threads, b.info.threads]).toEqual([2, 2]);
  });

  it("takes no more than the machine runs at once, and says so", async () => {
    vi.stubGlobal("navigator", { hardwareConcurrency: 2 });
    using two = await createEngine({ threads: 256 });
    expect(two.info).toMatchObject({
      threads: 2,
      fallback: "256 threads were asked for, but this machine runs 2 at once",
    });
    vi.stubGlobal("navigator", { hardwareConcurrency: 1 });
    using one = await createEngine({ threads: 2 });
    expect(one.info).toMatchObject({
      threads: 1,
      fallback: "2 threads were asked for, but this machine runs 1 at once",
    });
    // Node 20 has no navigator.
    vi.stubGlobal("navigator", undefined);
    expect(cores()).toBe(availableParallelism());
  });
});

describe("web workers", () => {
  afterEach(() => vi.unstubAllGlobals());

  /** Workers that fail at once where `refused` says so, and what was done with them. */
  function stubWorkers(refused?: "throws" | "errors"): unknown[][] {
    const made: unknown[][] = [];
    class Worker {
      onmessage?: (event: { data: unknown }) => void;
      onerror?: (event: { message: string }) => void;
      constructor(from: URL | string, options?: unknown) {
        const blob = `${from}`.startsWith("blob:");
        if (blob && refused === "throws") throw new Error("refused by the page's policy");
        made.push(options ? [`${from}`, options] : [blob ? "blob" : `${from}`]);
        if (blob && refused === "errors") queueMicrotask(() => this.onerror!({ message: "" }));
        else queueMicrotask(() => this.onmessage?.({ data: "ready" }));
      }
      postMessage(message: unknown, transfer: unknown[]) {
        made.push(["posted", message, ...(transfer ?? [])]);
      }
      terminate() {
        made.push(["terminated"]);
      }
    }
    vi.stubGlobal("Worker", Worker);
    vi.stubGlobal("process", undefined);
    return made;
  }
  const script = { url: undefined, code: "0", file: () => new Worker("https://example.org/file.js") };

  it("run the code that is carried along", async () => {
    const made = stubWorkers();
    const worker = startWorker(script);
    const heard = new Promise((resolve) => worker.onMessage(resolve));
    worker.post("hello");
    expect(await heard).toBe("ready");
    worker.unref();
    worker.stop();
    expect(made).toEqual([["blob"], ["posted", "hello"], ["terminated"]]);
  });

  it("come from where they are said to lie, and from nowhere else", async () => {
    const made = stubWorkers();
    startWorker({ ...script, url: "https://example.org/w.js" });
    expect(made).toEqual([["https://example.org/w.js", { type: "module" }]]);
  });

  it.each(["throws", "errors"] as const)(
    "come from the file where a policy refuses blobs: %s",
    async (how) => {
      const made = stubWorkers(how);
      const worker = startWorker(script);
      const heard = new Promise((resolve, reject) => {
        worker.onMessage(resolve);
        worker.onEnd(reject);
      });
      worker.post("hello");
      expect(await heard).toBe("ready");
      const file = [["https://example.org/file.js"], ["posted", "hello"]];
      expect(made).toEqual(how === "throws" ? file : [["blob"], ["posted", "hello"], ...file]);
    },
  );

  it("that cannot be had say why", async () => {
    stubWorkers("errors");
    const none = () => {
      throw new Error("no file either");
    };
    const worker = startWorker({ ...script, file: none });
    expect(await new Promise((resolve) => worker.onEnd(resolve))).toBe("no file either");
  });
});

describe("a module with shared memory", () => {
  it("is valid in every build, and differs in nothing else", () => {
    for (const build of BUILDS) {
      const bytes = binary(build);
      const shared = shareMemory(bytes);
      expect(WebAssembly.validate(shared)).toBe(true);
      // The flag, and the maximum of 65536 pages in three bytes.
      expect(shared.length).toBe(bytes.length + 3);
      expect(shareMemory(shared)).toEqual(shared);
    }
  });

  it("is not made of what is no module, or has no memory to share", () => {
    const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
    for (const bytes of [[], header, [...header, 2], [...header, 2, 9, 1, 1], [...header, 2, 4, 1, 0, 0, 1]])
      expect(() => shareMemory(Uint8Array.from(bytes))).toThrow(/WebAssembly binary/);
  });
});

it("alone is an executor of one thread", () => {
  expect(singleThread.threads).toBe(1);
  singleThread.dispose();
});
