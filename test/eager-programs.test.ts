// Programs of eager calls that are kept: another call on the same shapes gives what a first call would, and what is kept is bounded.
import { afterEach, beforeEach, expect, it } from "vitest";
import { Engine as EngineOf } from "../src/engine/engine.ts";
import { createEngine, type Engine, MemoryError, rescale, sequential, type Tensor } from "../src/index.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import { BUILDS, binary, limited, threaded } from "./harness.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await createEngine();
});
afterEach(() => {
  expect(engine.memory.live).toBe(0);
  engine.dispose();
});

const noise = (length: number, seed = 1): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin((i + 1) * 12.9898 * seed));

/** The values of a result, which is disposed. */
function values(result: Tensor): number[] {
  using y = result;
  return Array.from(y.data());
}

it("holds nothing more after a thousand calls than after two", () => {
  using x = engine.tensor(noise(8 * 8 * 3), [1, 8, 8, 3]);
  using w = engine.tensor(noise(9 * 3 * 4), [3, 3, 3, 4]);
  const first = values(engine.conv2d(x, w, { padding: "same" }));
  // The second keeps the filter packed.
  values(engine.conv2d(x, w, { padding: "same" }));
  const { memory } = engine;
  expect(memory.cached).toBeGreaterThan(0);
  for (let i = 0; i < 1000; i++) expect(values(engine.conv2d(x, w, { padding: "same" }))).toEqual(first);
  expect(engine.memory).toEqual(memory);
});

it("reads what tensors hold now, wherever they lie", () => {
  /** The formula, for 3x3 and 8 channels on 6 x 6 pixels. */
  const sums = (a: Float32Array, b: Float32Array): number[] =>
    Array.from({ length: 4 * 4 * 8 }, (_, i) => {
      const [y, x, o] = [Math.floor(i / 32), Math.floor(i / 8) % 4, i % 8];
      let sum = 0;
      for (let k = 0; k < 72; k++) {
        const [ky, kx, c] = [Math.floor(k / 24), Math.floor(k / 8) % 3, k % 8];
        sum += a[((y + ky) * 6 + x + kx) * 8 + c] * b[k * 8 + o];
      }
      return sum;
    });
  const kept: Tensor[] = [];
  for (let seed = 1; seed <= 5; seed++) {
    // Others take the place where tensors and scratch lay before.
    kept.push(engine.tensor(noise(seed * 333), [seed * 333]));
    const [a, b] = [noise(288, seed), noise(576, seed + 9)];
    using x = engine.tensor(a, [1, 6, 6, 8]);
    using w = engine.tensor(b, [3, 3, 8, 8]);
    const y = values(engine.conv2d(x, w));
    expect(Math.max(...sums(a, b).map((v, i) => Math.abs(v - y[i])))).toBeLessThan(1e-5);
    x.write(b.subarray(0, 288));
    const z = values(engine.conv2d(x, w));
    expect(Math.max(...sums(b, b).map((v, i) => Math.abs(v - z[i])))).toBeLessThan(1e-5);
  }
  for (const t of kept) t.dispose();
});

it("packs a filter once, and again when it has been written to", async () => {
  using x = engine.tensor(noise(12 * 12 * 16), [1, 12, 12, 16]);
  const filter = (seed: number): Float32Array => noise(9 * 16 * 24, seed);
  using w = engine.tensor(filter(1), [3, 3, 16, 24]);
  using other = engine.tensor(filter(3), [3, 3, 16, 24]);
  using bias = engine.tensor(noise(24), [24]);
  /** What an engine that has seen nothing gives. */
  const fresh = async (data: Float32Array): Promise<number[]> => {
    using e = await createEngine();
    return values(
      e.conv2d(e.tensor(noise(12 * 12 * 16), [1, 12, 12, 16]), e.tensor(data, [3, 3, 16, 24]), {
        bias: e.tensor(noise(24), [24]),
      }),
    );
  };
  const [one, two, three] = await Promise.all([filter(1), filter(2), filter(3)].map(fresh));
  const convolve = (by: Tensor): number[] => values(engine.conv2d(x, by, { bias }));
  for (let i = 0; i < 4; i++) {
    expect(convolve(w)).toEqual(one);
    expect(convolve(other)).toEqual(three);
  }
  const { memory } = engine;
  w.write(filter(2));
  for (let i = 0; i < 4; i++) expect(convolve(w)).toEqual(two);
  expect(convolve(other)).toEqual(three);
  // Written where it was.
  expect(engine.memory.cached).toBe(memory.cached);
  bias.write(new Float32Array(24));
  const zero = convolve(w);
  expect(zero).not.toEqual(two);
  expect(convolve(w)).toEqual(zero);
});

it("sees that a network wrote into a filter", () => {
  using net = engine.compile(sequential([3, 3, 2], [rescale({ scale: 2, offset: 0 })]));
  using source = engine.tensor(noise(18), [1, 3, 3, 2]);
  using w = engine.tensor(new Float32Array(18), [1, 3, 3, 2]);
  // A filter of 1 x 3 pixels, 3 in and 2 out, is where the network writes.
  using y = engine.tensor(noise(12, 5), [1, 1, 4, 3]);
  const convolve = (): number[] => values(engine.conv2d(y, w));
  for (let i = 0; i < 3; i++) expect(convolve().every((v) => v === 0)).toBe(true);
  net.run(source, w);
  const after = convolve();
  expect(after.some((v) => v !== 0)).toBe(true);
  using copy = engine.tensor(w.data(), [1, 3, 3, 2]);
  expect(values(engine.conv2d(y, copy))).toEqual(after);
});

it("lets go of filters that have been disposed", () => {
  using x = engine.tensor(noise(8 * 8 * 16), [1, 8, 8, 16]);
  for (let i = 0; i < 100; i++) {
    using w = engine.tensor(noise(9 * 16 * 16, i + 1), [3, 3, 16, 16]);
    for (let k = 0; k < 3; k++) engine.conv2d(x, w).dispose();
  }
  // Winograd's form of one filter is four times as large; a hundred do not add up.
  expect(engine.memory.cached).toBeLessThan(10 * (9 * 16 * 16 * 4) * 4);
});

it("tells apart what differs in options alone, or in which tensor is given twice", () => {
  using a = engine.tensor([-1, 2, -3, 4], [4]);
  using b = engine.tensor([10, 20, 30, 40], [4]);
  for (let round = 0; round < 2; round++) {
    expect(values(engine.leakyRelu(a, { alpha: 0.5 }))).toEqual([-0.5, 2, -1.5, 4]);
    expect(values(engine.leakyRelu(a, { alpha: 0.25 }))).toEqual([-0.25, 2, -0.75, 4]);
    expect(values(engine.add(a, b))).toEqual([9, 22, 27, 44]);
    expect(values(engine.add(a, a))).toEqual([-2, 4, -6, 8]);
    expect(values(engine.sub(b, a))).toEqual([11, 18, 33, 36]);
    expect(values(engine.sub(a, b))).toEqual([-11, -18, -33, -36]);
    expect(values(engine.reshape(a, { shape: [2, 2] }))).toEqual([-1, 2, -3, 4]);
    expect(values(engine.concat([a, b], { axis: 0 }))).toEqual([-1, 2, -3, 4, 10, 20, 30, 40]);
    expect(values(engine.concat([b, a, b], { axis: 0 }))).toEqual([
      10, 20, 30, 40, -1, 2, -3, 4, 10, 20, 30, 40,
    ]);
    const [x, y] = engine.split(b, { axis: 0, sizes: [2, 2] });
    expect([values(x), values(y)]).toEqual([
      [10, 20],
      [30, 40],
    ]);
  }
});

it("keeps a bounded number of programs", () => {
  let most = 0;
  for (let size = 1; size <= 3000; size++) {
    using x = engine.tensor(new Float32Array(size * 16), [1, 4, size, 4]);
    engine.maxPool2d(x, { size: [2, 1] }).dispose();
    most = Math.max(most, engine.memory.cached);
    if (size === 400) expect(most).toBeGreaterThan(0);
  }
  expect(most).toBeLessThan(2 ** 20);
});

it("gives them up where memory runs short, and goes on", async () => {
  using tight = new EngineOf(await limited(20));
  const [x, w] = [tight.tensor(noise(400), [1, 10, 10, 4]), tight.tensor(noise(144), [3, 3, 4, 4])];
  const first = values(tight.conv2d(x, w));
  const { cached, live } = tight.memory;
  expect(cached).toBeGreaterThan(0);
  expect(() => tight.tensor(new Float32Array(1e6), [1e6])).toThrow(MemoryError);
  expect(tight.memory).toMatchObject({ cached: 0, live });
  expect(values(tight.conv2d(x, w))).toEqual(first);
  // A program in use is not given up for the result it is to write.
  const { capacity } = tight.memory;
  const rest = capacity - tight.memory.live;
  for (let bytes = rest; bytes > 64; bytes -= 4096) {
    let all: Tensor | undefined;
    try {
      all = tight.tensor(new Float32Array(bytes >> 2), [bytes >> 2]);
      expect(values(tight.conv2d(x, w))).toEqual(first);
    } catch (error) {
      expect(error).toBeInstanceOf(MemoryError);
    } finally {
      all?.dispose();
    }
  }
  expect(values(tight.conv2d(x, w))).toEqual(first);
  x.dispose();
  w.dispose();
  expect(tight.memory.live).toBe(0);
});

it.each(BUILDS)("gives the same bits again in the %s build, on one thread and on two", async (build) => {
  for (const runtime of [new Runtime(await load(binary(build))), await threaded(build, 2)]) {
    using e = new EngineOf(runtime);
    using x = e.tensor(noise(30 * 30 * 16), [1, 30, 30, 16]);
    using w = e.tensor(noise(9 * 16 * 24), [3, 3, 16, 24]);
    const first = values(e.conv2d(x, w, { padding: "same" }));
    using other = e.tensor(noise(5000), [5000]);
    expect(values(e.conv2d(x, w, { padding: "same" }))).toEqual(first);
    expect(other.size).toBe(5000);
  }
});
