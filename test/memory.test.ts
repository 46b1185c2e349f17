import v8 from "node:v8";
import vm from "node:vm";
import { describe, expect, it, vi } from "vitest";
import { ArgumentError, DisposedError, MemoryError, ShapeError } from "../src/errors.ts";
import {
  conv2d,
  dense,
  depthwiseConv2d,
  flatten,
  gelu,
  leakyRelu,
  maxPool2d,
  resize,
  softmax,
} from "../src/layers/index.ts";
import { sequential } from "../src/model/build-model.ts";
import { Builder } from "../src/model/graph-builder.ts";
import { Network } from "../src/network/network.ts";
import { conv } from "../src/ops/conv.ts";
import { binary as binaryOp } from "../src/ops/elementwise.ts";
import { maxPool } from "../src/ops/pool.ts";
import { softmax as softmaxOp } from "../src/ops/softmax.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { ALIGN, BAND, Memory } from "../src/runtime/memory.ts";
import { Program } from "../src/runtime/program.ts";
import { hasRelaxedSimd, load } from "../src/runtime/wasm.ts";
import { Tensor } from "../src/tensor.ts";
import { binary, builds, evaluate, limited } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

const PAGE = 65536;

/** An arena over a memory of its own, that can grow to so many pages. */
function arena(pages = 16, checked = false, heapBase = 100): { wasm: WebAssembly.Memory; memory: Memory } {
  const wasm = new WebAssembly.Memory({ initial: 1, maximum: pages });
  return { wasm, memory: new Memory(wasm, heapBase, checked) };
}

const net = sequential(
  [12, 12, 4],
  [
    conv2d({ filters: 8, kernel: 3, padding: "same", activation: "relu" }),
    depthwiseConv2d({ kernel: 3, padding: "same" }),
    leakyRelu(),
    maxPool2d({ size: 2 }),
    gelu(),
    flatten(),
    dense({ units: 10 }),
    softmax(),
  ],
);

describe("the arena", () => {
  it("hands out aligned blocks past the module's own data, that do not overlap", () => {
    const { memory } = arena(16, false, 1000);
    let end = 1000;
    for (const bytes of [1, 4, 63, 64, 65, 1000, 0]) {
      const address = memory.allocate(bytes, "test");
      expect(address % ALIGN).toBe(0);
      expect(address).toBeGreaterThanOrEqual(end);
      end = address + Math.max(bytes, 1);
    }
  });

  it("counts what is live, and the most that ever was", () => {
    const { memory } = arena();
    const [a, b] = [memory.allocate(100, "a"), memory.allocate(64, "b")];
    expect(memory.use).toEqual({ live: 192, peak: 192, cached: 0, capacity: PAGE });
    memory.free(a);
    expect(memory.use).toEqual({ live: 64, peak: 192, cached: 0, capacity: PAGE });
    memory.free(b);
    expect(memory.use).toEqual({ live: 0, peak: 192, cached: 0, capacity: PAGE });
  });

  it("counts what is cached apart, and gives it up rather than fail", () => {
    const { memory } = arena();
    const kept = memory.allocate(32768, "kept");
    memory.cache(kept);
    expect(memory.use).toMatchObject({ live: 0, cached: 32768 });
    memory.onShortage = () => memory.free(kept);
    // More than is free besides.
    const most = 16 * PAGE - 128;
    const rest = memory.allocate(most, "all");
    expect(memory.use).toMatchObject({ live: most, cached: 0 });
    memory.free(rest);
    expect(() => memory.allocate(2 * most, "too much")).toThrow(MemoryError);
  });

  it("fills the first gap that is large enough", () => {
    const { memory } = arena();
    const [a, , c, , e] = [256, 64, 128, 64, 512, 64].map((bytes) => memory.allocate(bytes, "test"));
    for (const address of [e, a, c]) memory.free(address);
    expect(memory.allocate(128, "fits a")).toBe(a);
    expect(memory.allocate(128, "the rest of a")).toBe(a + 128);
    expect(memory.allocate(256, "fits e, not c")).toBe(e);
    expect(memory.allocate(128, "fits c")).toBe(c);
  });

  it("joins neighbours that are free, whatever the order they became so", () => {
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      const { memory } = arena();
      const blocks = [64, 128, 64].map((bytes) => memory.allocate(bytes, "test"));
      memory.allocate(64, "fence");
      for (const i of order) memory.free(blocks[i]);
      expect(memory.allocate(256, "all three")).toBe(blocks[0]);
    }
  });

  it("lets the free stretch at the end grow with what is asked", () => {
    const { memory } = arena(2);
    memory.allocate(64, "first");
    const last = memory.allocate(60_000, "last");
    memory.free(last);
    // Two pages hold this only from where the freed block began.
    expect(memory.allocate(100_000, "larger")).toBe(last);
    expect(memory.use.capacity).toBe(2 * PAGE);
  });

  it("never gives one byte to two, and gives all back, in a long random life", () => {
    for (const checked of [false, true]) {
      const { memory } = arena(64, checked);
      const held = new Map<number, number>();
      let dice = 1;
      const roll = (n: number): number => {
        dice = (Math.imul(dice, 1664525) + 1013904223) >>> 0;
        return (dice >>> 8) % n;
      };
      for (let step = 0; step < 3000; step++) {
        if (held.size > 40 || (held.size && roll(2))) {
          const address = [...held.keys()][roll(held.size)];
          memory.free(address);
          held.delete(address);
        } else {
          const bytes = 1 + roll(9000);
          const address = memory.allocate(bytes, "test");
          for (const [other, length] of held)
            expect(address + bytes <= other || other + length <= address).toBe(true);
          held.set(address, bytes);
        }
      }
      for (const address of held.keys()) memory.free(address);
      expect(memory.use.live).toBe(0);
      // Everything is one stretch again.
      const { capacity } = memory.use;
      memory.allocate(capacity - 1024, "everything");
      expect(memory.use.capacity).toBe(capacity);
    }
  });

  it("reserves room for a block, which is there then", () => {
    const { memory } = arena(8);
    const a = memory.allocate(1000, "a");
    memory.reserve(5 * PAGE, "b");
    const { capacity, live, peak } = memory.use;
    expect(capacity).toBeGreaterThan(5 * PAGE);
    expect([live, peak]).toEqual([1024, 1024]);
    memory.free(memory.allocate(5 * PAGE, "b"));
    expect(memory.use.capacity).toBe(capacity);
    memory.reserve(5 * PAGE, "again");
    expect(memory.use.capacity).toBe(capacity);
    expect(() => memory.reserve(9 * PAGE, "too much")).toThrow(/^too much: needs 589824 bytes/);
    expect(memory.use.capacity).toBe(capacity);
    memory.free(a);
  });

  it("refuses what is no number of bytes", () => {
    const { memory } = arena();
    const before = memory.use;
    for (const bytes of [Number.NaN, -1, 0.5, Infinity, 2 ** 53, undefined as unknown as number])
      expect(() => memory.allocate(bytes, "x")).toThrow(`internal: x: ${bytes} bytes is no number of bytes`);
    expect(memory.use).toEqual(before);
  });

  it("refuses to free what it did not give, or gave back before", () => {
    const { memory } = arena();
    const a = memory.allocate(64, "a");
    memory.free(a);
    expect(() => memory.free(a)).toThrow(`no block at ${a}`);
    expect(() => memory.free(12345)).toThrow("no block at 12345");
  });

  it("keeps contents when it grows, and views are fresh", () => {
    const { memory } = arena(64);
    const a = memory.allocate(40, "a") / 4;
    memory.floats.set([1.5, -2, 3], a);
    memory.ints.set([7], a + 3);
    memory.allocate(20 * PAGE, "grows");
    expect([...memory.floats.subarray(a, a + 3)]).toEqual([1.5, -2, 3]);
    expect(memory.ints[a + 3]).toBe(7);
    expect(memory.floats.byteLength).toBe(memory.use.capacity);
    expect(memory.ints.byteLength).toBe(memory.use.capacity);
  });
});

describe("memory that cannot grow", () => {
  it("throws, says what and how much, and is as it was", () => {
    const { memory } = arena(4);
    const a = memory.allocate(PAGE, "a");
    memory.floats.fill(3, a / 4, a / 4 + 10);
    const before = memory.use;
    expect(() => memory.allocate(4 * PAGE, 'conv2d "stem"')).toThrow(MemoryError);
    expect(() => memory.allocate(4 * PAGE, 'conv2d "stem"')).toThrow(
      /^conv2d "stem": needs 262144 bytes, but linear memory of 131072 bytes \(65536 live\) cannot grow to \d+; dispose of tensors/,
    );
    expect(() => memory.allocate(2 ** 32, "beyond wasm32")).toThrow(MemoryError);
    expect(memory.use).toEqual(before);
    expect(memory.floats[a / 4]).toBe(3);
    const b = memory.allocate(PAGE, "still fits");
    memory.free(a);
    expect(memory.allocate(PAGE, "again")).toBe(a);
    for (const address of [a, b]) memory.free(address);
    expect(memory.use.live).toBe(0);
  });

  it("is asked for before a program is planned, or a weight initialised", async () => {
    const runtime = await limited(12);
    const made = vi.spyOn(Builder.prototype, "weights", "get");
    const written = vi.spyOn(Program.prototype, "call");
    const large = sequential(
      [4, 4, 8],
      [conv2d({ filters: 8, kernel: 1 }), flatten(), dense({ units: 100_000 })],
    );
    expect(() => new Network(runtime, large)).toThrow(MemoryError);
    expect(made).not.toHaveBeenCalled();
    expect(written).not.toHaveBeenCalled();
    expect(runtime.memory.use.live).toBe(0);
    // Filters that fit, and values that do not: still no table, no call and no weight is made.
    const tables = vi.spyOn(Program.prototype, "table");
    const stretched = sequential([4, 4, 1], [resize({ size: [4, 200_000], method: "linear" })]);
    expect(() => new Network(runtime, stretched)).toThrow(MemoryError);
    expect(tables).not.toHaveBeenCalled();
    tables.mockRestore();
    const wide = sequential(
      [128, 128, 8],
      [conv2d({ filters: 8, kernel: 1 }), conv2d({ filters: 8, kernel: 3 })],
    );
    expect(() => new Network(runtime, wide)).toThrow(MemoryError);
    expect(made).not.toHaveBeenCalled();
    expect(written).toHaveBeenCalled();
    expect(runtime.memory.use.live).toBe(0);
    written.mockRestore();
    new Network(runtime, net).dispose();
    expect(made).toHaveBeenCalled();
    made.mockRestore();
  });

  for (const build of ["simd", "checked"] as const)
    it(`leaves the engine usable (${build})`, async () => {
      const runtime = await limited(12, build);
      const large = sequential([128, 128, 16], [conv2d({ filters: 16, kernel: 3 })]);
      const first = new Network(runtime, net, { seed: 1 });
      const image = Float32Array.from({ length: 576 }, (_, i) => Math.sin(i));
      const want = first.predict(image);
      const before = runtime.memory.use.live;
      for (let i = 0; i < 20; i++) {
        expect(() => new Network(runtime, large)).toThrow(MemoryError);
        expect(runtime.memory.use.live).toBe(before);
      }
      // A tensor in the place of every image asks for more than there is, halfway through.
      const images = new Tensor(runtime, { shape: [100, 12, 12, 4], dtype: "float32" }, "test");
      const fill = runtime.memory.use;
      const rest = runtime.memory.allocate(12 * PAGE - fill.capacity + 1024, "rest");
      let full: unknown;
      for (let i = 0; i < 2000 && !full; i++)
        try {
          runtime.memory.allocate(512, "the last");
        } catch (error) {
          full = error;
        }
      expect(full).toBeInstanceOf(MemoryError);
      const live = runtime.memory.use.live;
      expect(() => first.predict(images)).toThrow(MemoryError);
      expect(runtime.memory.use.live).toBe(live);
      runtime.memory.free(rest);
      images.dispose();
      expect(first.predict(image)).toEqual(want);
      first.dispose();
    });
});

describe("tensors", () => {
  it("outlive growth, and give their memory back once", async () => {
    const runtime = await limited(200);
    const values = Float32Array.from({ length: 1000 }, (_, i) => i / 7);
    const t = new Tensor(runtime, { shape: [10, 100], dtype: "float32" }, "test");
    t.write(values);
    const big = new Tensor(runtime, { shape: [1_000_000], dtype: "float32" }, "test");
    expect(t.data()).toEqual(values);
    const ints = new Tensor(runtime, { shape: [3], dtype: "int32" }, "test");
    ints.write([-1, 0, 2 ** 31 - 1]);
    expect(ints.data()).toEqual(Int32Array.of(-1, 0, 2 ** 31 - 1));
    expect(() => t.write([1, 2])).toThrow(
      new ShapeError("write: 2 values for shape [10,100], which holds 1000"),
    );
    for (const tensor of [t, big, ints]) {
      tensor.dispose();
      tensor[Symbol.dispose]();
      expect(tensor.disposed).toBe(true);
      expect(() => tensor.data()).toThrow(DisposedError);
      expect(() => tensor.write([])).toThrow(DisposedError);
    }
    expect(runtime.memory.use.live).toBe(0);
  });

  it("belong to one engine, and die with it", async () => {
    const [a, b] = await Promise.all([limited(20), limited(20)]);
    const described = sequential([2], [leakyRelu()]);
    const other = new Network(b, described);
    const t = new Tensor(a, { shape: [1, 2], dtype: "float32" }, "test");
    t.write([1, 2]);
    expect(() => other.predict(t)).toThrow(ArgumentError);
    expect(() => other.predict(t)).toThrow(
      "belongs to another engine; copy it with engine.tensor(t.data(), t.shape)",
    );
    const mine = new Network(a, described);
    a.dispose();
    expect([t.disposed, mine.disposed, a.disposed]).toEqual([true, true, true]);
    expect(() => t.data()).toThrow(DisposedError);
    expect(() => mine.predict([1, 2])).toThrow(DisposedError);
    expect(() => new Network(a, described)).toThrow(DisposedError);
    expect(() => a.memory).toThrow(DisposedError);
    t.dispose();
    mine.dispose();
  });
});

describe("the checked build", () => {
  it("paints bands round blocks and finds a byte that is written there", async () => {
    const runtime = await limited(20, "checked");
    const { memory } = runtime;
    for (const [what, at] of [
      ["just before", -1],
      ["far before", -BAND],
      ["just after", 128],
      ["far after", 128 + BAND - 1],
    ] as const) {
      const address = memory.allocate(100, what);
      const bytes = new Uint8Array(memory.floats.buffer);
      const was = bytes[address + at];
      memory.verify(address);
      bytes[address + at] ^= 1;
      expect(() => memory.verify(address)).toThrow(
        `a kernel wrote outside its buffer, at address ${address + at}`,
      );
      expect(() => memory.free(address)).toThrow("a kernel wrote outside its buffer");
      bytes[address + at] = was;
      memory.free(address);
    }
    expect(memory.use.live).toBe(0);
  });

  it("finds it after a run too, between any two buffers of a program", async () => {
    const runtime = await limited(40, "checked");
    const checked = new Network(runtime, net);
    const image = new Float32Array(576);
    checked.predict(image);
    const bytes = new Uint8Array(runtime.memory.floats.buffer);
    // Bands are the runs of 64 bytes of the pattern that were there before the run and must be there after it.
    const bands: number[] = [];
    for (let at = 0; at + BAND <= bytes.length; at += ALIGN)
      if (bytes.subarray(at, at + BAND).every((b) => b === 0xa5)) bands.push(at);
    let found = 0;
    for (const at of bands) {
      bytes[at + 5] = 0;
      try {
        checked.predict(image);
      } catch (error) {
        expect((error as Error).message).toContain(`a kernel wrote outside its buffer, at address ${at + 5}`);
        found++;
      }
      bytes[at + 5] = 0xa5;
    }
    // Two bands round each of the two blocks, and one behind each buffer of a run.
    expect(found).toBeGreaterThanOrEqual(10);
    checked.dispose();
  });

  it("traps where a kernel is called with what it must not get", async () => {
    const { kernels } = await limited(20, "checked");
    // One panel there is, not two.
    expect(() => kernels.pack_filter_f32(4096, 4096, 0, 4096, 1, 1, 8, 1, 0, 2)).toThrow("assembly/pack.ts");
  });
});

describe("addresses beyond 2 GiB", () => {
  it("are no negative numbers to any kernel", async () => {
    const runtime = new Runtime(await load(binary(hasRelaxedSimd() ? "relaxed" : "simd")));
    // Reserved and never touched: no page of it is real.
    const low = runtime.memory.allocate(2 ** 31, "reserve");
    const value = (shape: number[]) => ({
      shape,
      data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 7) % 11) - 5),
    });
    const params = {
      stride: [1, 1],
      dilation: [1, 1],
      padding: "same",
      paddingMode: "zeros",
      groups: 1,
    } as const;
    for (const [c, oc, groups] of [
      [5, 9, 1],
      [6, 6, 6],
      [3, 3, 3],
    ]) {
      const inputs = [value([2, 7, 9, c]), value([3, 3, c / groups, oc]), value([oc])];
      const [y] = await evaluate(runtime, conv, inputs, { ...params, groups });
      expectEqual(y.data, oracle.conv(inputs, { ...params, groups })[0].data);
    }
    const x = value([2, 7, 9, 5]);
    const window = {
      kernel: [3, 3],
      stride: [2, 2],
      dilation: [1, 1],
      padding: "same",
      ceilMode: false,
    } as const;
    expectEqual((await evaluate(runtime, maxPool, [x], window))[0].data, oracle.maxPool([x], window)[0].data);
    const [sum] = await evaluate(runtime, binaryOp, [x, value([5])], { kind: "add" });
    expectEqual(sum.data, oracle.binary([x, value([5])], { kind: "add" })[0].data);
    const [soft] = await evaluate(runtime, softmaxOp, [x], { axis: -1 });
    expectWithin(soft.data, oracle.softmax([x], { axis: -1 })[0].data, 1e-6);
    const deep = new Network(runtime, net);
    runtime.memory.free(low);
    const shallow = new Network(runtime, net);
    const image = Float32Array.from({ length: 576 }, (_, i) => Math.cos(i));
    expect(deep.predict(image)).toEqual(shallow.predict(image));
  });
});

for (const { name, engine } of builds())
  describe(`a thousand runs (${name})`, () => {
    it("leave linear memory as it was", async () => {
      const runtime = await engine;
      const network = new Network(runtime, net, { batchSize: 2 });
      const images = new Float32Array(3 * 576).fill(0.5);
      const t = new Tensor(runtime, { shape: [3, 12, 12, 4], dtype: "float32" }, "test");
      network.predict(t).dispose();
      const before = runtime.memory.use;
      for (let i = 0; i < 1000; i++) {
        network.predict(images);
        if (i % 10 === 0) network.predict(t).dispose();
      }
      expect(runtime.memory.use).toEqual(before);
      for (const gone of [network, t]) gone.dispose();
      expect(runtime.memory.use.live).toBe(0);
    });
  });

describe("garbage", () => {
  v8.setFlagsFromString("--expose-gc");
  const gc = vm.runInNewContext("gc") as () => void;
  const RUNS = 1000;

  /**
   * Bytes of JS heap that one call makes once its code has been optimised: the median of five rounds, tried again as
   * long as it is not less than `enough`, for a busy machine optimises late.
   */
  function garbage(call: () => void, enough = 16): number {
    for (let i = 0; i < 10 * RUNS; i++) call();
    let median = Infinity;
    for (let attempt = 0; attempt < 12 && median >= enough; attempt++) {
      const rounds = Array.from({ length: 5 }, () => {
        gc();
        const before = process.memoryUsage().heapUsed;
        for (let i = 0; i < RUNS; i++) call();
        return (process.memoryUsage().heapUsed - before) / RUNS;
      });
      median = rounds.sort((a, b) => a - b)[2];
    }
    return median;
  }

  it("is made, where it is made: the measure works", () => {
    const kept: unknown[] = [];
    const make = () => {
      kept[0] = new Array(10).fill(0);
    };
    expect(garbage(make, Infinity)).toBeGreaterThan(50);
  });

  const tiny = sequential(
    [4, 4, 2],
    [
      conv2d({ filters: 3, kernel: 3, padding: "same", activation: "relu" }),
      leakyRelu(),
      depthwiseConv2d({ kernel: 2 }),
      flatten(),
      dense({ units: 3 }),
      softmax(),
    ],
  );

  it("is not made by run, whatever goes in and out", async () => {
    const runtime = await limited(20);
    const network = new Network(runtime, tiny, { batchSize: 2 });
    const [image, into] = [new Float32Array(64).fill(1), new Float32Array(6)];
    const lists = [[image], [into]] as const;
    const [x, y] = [
      [2, 4, 4, 2],
      [2, 3],
    ].map((shape) => new Tensor(runtime, { shape, dtype: "float32" }, "test"));
    expect(garbage(() => network.run(image, into))).toBeLessThan(16);
    expect(garbage(() => network.run(lists[0], lists[1]))).toBeLessThan(16);
    expect(garbage(() => network.run(x, y))).toBeLessThan(16);
  });

  it("is what predict gives back, however many layers there are", async () => {
    const layers = Array.from({ length: 200 }, (_, i) => (i % 2 ? leakyRelu() : maxPool2d({ size: 1 })));
    const network = new Network(await limited(20), sequential([2, 2, 1], layers));
    const image = new Float32Array(4).fill(1);
    const kept: unknown[] = [];
    const predict = () => {
      kept[0] = network.predict(image);
    };
    // Four floats, the objects of their array, and lists of inputs and outputs; a boxed number per layer would be 3,200.
    expect(garbage(predict, 2048)).toBeLessThan(2048);
  });
});
