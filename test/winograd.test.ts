// Winograd's 3x3 and 5x5 convolutions against float64 sums, at every ragged edge, and how near it comes.
import { describe, expect, test } from "vitest";
import { conv2d, sequential } from "../src/index.ts";
import { Network } from "../src/network/network.ts";
import { conv } from "../src/ops/conv.ts";
import { convAlgorithm, NOMINAL_IMAGES } from "../src/runtime/plan.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { relativeL2 } from "./tolerance.ts";

/** Relative L2 error that every case must stay below, up to 512 channels; F(4x4) with points 0, ±√½, ±√2. */
const BOUND = 3e-6;

interface Case {
  /** [n, h, w] */
  size: readonly [number, number, number];
  c: number;
  oc: number;
  padding?: number | "valid" | "same" | "half" | readonly (readonly [number, number])[];
  dilation?: readonly [number, number];
  paddingMode?: "zeros" | "reflect" | "replicate";
  bias?: boolean;
  activation?: { kind: "relu" | "relu6" | "tanh" };
  /** Which tiles are expected: 2x2 outputs where those of 4x4 would hang over. Default 4. */
  tiles?: 2 | 4;
  /** Side of the filter. Default 3; 5 is convolved in tiles of 2x2 outputs. */
  k?: 3 | 5;
}

const algorithmOf = ({ tiles = 4, k = 3 }: Case): string => (k === 5 ? "winograd2k5" : `winograd${tiles}`);

/** Numbers in [-1, 1), the same in every run. */
function noise(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function inputsOf({
  size: [n, h, w],
  c,
  oc,
  bias = true,
  k = 3,
}: Case): { shape: number[]; data: Float32Array }[] {
  const filter = noise(k * k * c * oc, 2).map((v) => v / (k * Math.sqrt(c)));
  const inputs = [
    { shape: [n, h, w, c], data: noise(n * h * w * c, 1) },
    { shape: [k, k, c, oc], data: filter },
  ];
  return bias ? [...inputs, { shape: [oc], data: noise(oc, 3) }] : inputs;
}

const paramsOf = ({ padding = "same", dilation = [1, 1], paddingMode = "zeros", activation }: Case) => ({
  stride: [1, 1],
  dilation,
  padding,
  paddingMode,
  groups: 1,
  activation,
});

const facts = ({ size: [, h, w], c, oc, dilation = [1, 1], padding, k = 3 }: Case, winograd = true) => ({
  inPerGroup: c,
  outPerGroup: oc,
  groups: 1,
  kernel: [1, k, k],
  stride: [1, 1, 1],
  dilation: [1, ...dilation],
  out: [1, h, w].map((d, i) => (i && padding === "valid" ? d - (k - 1) * dilation[i - 1] : d)),
  images: NOMINAL_IMAGES,
  winograd,
});

const CASES: Record<string, Case> = {
  "whole tiles": { size: [1, 16, 16], c: 16, oc: 16 },
  "one pixel more": { size: [1, 17, 13], c: 16, oc: 20 },
  "one pixel less": { size: [1, 15, 19], c: 20, oc: 16 },
  "maps smaller than a tile": { size: [13, 3, 3], c: 16, oc: 16 },
  "no border": { size: [1, 18, 19], c: 16, oc: 24, padding: "valid" },
  "a border of two": { size: [1, 14, 14], c: 16, oc: 16, padding: 2 },
  "a border on one side": {
    size: [2, 13, 11],
    c: 16,
    oc: 16,
    padding: [
      [0, 3],
      [2, 0],
    ],
  },
  "mirrored border": { size: [1, 14, 15], c: 16, oc: 16, paddingMode: "reflect" },
  "repeated border": { size: [1, 14, 15], c: 16, oc: 16, paddingMode: "replicate" },
  "dilation in even phases": { size: [1, 16, 16], c: 16, oc: 16, dilation: [2, 2] },
  "dilation in phases of several sizes": { size: [1, 17, 19], c: 16, oc: 16, dilation: [3, 2] },
  "dilation along one axis": { size: [2, 11, 13], c: 20, oc: 28, dilation: [1, 3], padding: 1 },
  "no bias": { size: [1, 16, 12], c: 16, oc: 16, bias: false },
  relu: { size: [1, 16, 16], c: 16, oc: 16, activation: { kind: "relu" } },
  relu6: { size: [1, 16, 16], c: 16, oc: 16, activation: { kind: "relu6" } },
  tanh: { size: [1, 16, 16], c: 16, oc: 16, activation: { kind: "tanh" } },
  "channels past a panel": { size: [1, 14, 14], c: 36, oc: 44 },
  "several chunks, the last one short": { size: [1, 30, 27], c: 128, oc: 160 },
  "a batch in several chunks": { size: [5, 14, 14], c: 96, oc: 128 },
  "2x2: a small map": { size: [1, 5, 5], c: 64, oc: 64, tiles: 2 },
  "2x2: whole tiles": { size: [1, 6, 6], c: 64, oc: 20, tiles: 2, bias: false },
  "2x2: no border": { size: [1, 7, 8], c: 64, oc: 16, padding: "valid", tiles: 2 },
  "2x2: mirrored border": { size: [1, 6, 6], c: 64, oc: 36, paddingMode: "reflect", tiles: 2 },
  "2x2: more phases than pixels": {
    size: [4, 9, 40],
    c: 32,
    oc: 16,
    dilation: [10, 1],
    padding: "half",
    tiles: 2,
  },
  "2x2: dilation": { size: [1, 4, 6], c: 64, oc: 16, dilation: [2, 1], tiles: 2 },
  "2x2: a batch of tiny maps": { size: [3, 2, 2], c: 68, oc: 24, tiles: 2, activation: { kind: "relu" } },
  "5x5: whole tiles": { size: [1, 12, 12], c: 16, oc: 16, k: 5 },
  "5x5: one pixel more": {
    size: [1, 13, 9],
    c: 20,
    oc: 36,
    k: 5,
    bias: false,
    activation: { kind: "relu6" },
  },
  "5x5: no border": { size: [2, 11, 12], c: 16, oc: 20, k: 5, padding: "valid" },
  "5x5: mirrored border": { size: [1, 9, 14], c: 16, oc: 16, k: 5, paddingMode: "reflect" },
  "5x5: dilation in phases of several sizes": { size: [1, 13, 17], c: 16, oc: 16, k: 5, dilation: [3, 2] },
  "5x5: several chunks": { size: [2, 15, 16], c: 96, oc: 112, k: 5 },
};

describe.each(builds())("winograd, $name build", ({ engine }) => {
  test.each(Object.entries(CASES))("%s", async (_, c) => {
    expect(convAlgorithm(facts(c))).toBe(algorithmOf(c));
    const inputs = inputsOf(c);
    const [expected] = oracle.conv(inputs, paramsOf(c));
    const [actual] = await evaluate(engine, conv, inputs as Plain[], paramsOf(c));
    expect(actual.shape).toEqual(expected.shape);
    expect(relativeL2(actual.data, expected.data)).toBeLessThan(BOUND);
  });

  test.each<Case>([
    { size: [1, 14, 14], c: 256, oc: 256 },
    { size: [1, 7, 7], c: 512, oc: 64 },
    { size: [1, 6, 6], c: 512, oc: 64, tiles: 2 },
    { size: [1, 8, 8], c: 512, oc: 64, k: 5 },
  ])("stays near the formula at $c channels", async (c) => {
    expect(convAlgorithm(facts(c))).toBe(algorithmOf(c));
    const inputs = inputsOf(c);
    const [expected] = oracle.conv(inputs, paramsOf(c));
    const [actual] = await evaluate(engine, conv, inputs as Plain[], paramsOf(c));
    const error = relativeL2(actual.data, expected.data);
    expect(error).toBeLessThan(BOUND);
    // Not so near that it could be another algorithm with a laxer bound: float32 sums alone make this much.
    expect(error).toBeGreaterThan(1e-8);
  });
});

describe("the plan", () => {
  const c: Case = { size: [1, 16, 16], c: 16, oc: 16 };
  test("keeps to the formula where it is told to", () => {
    expect(convAlgorithm(facts(c, false))).toBe("gemm");
  });
  test.each([
    ["few tiles", { ...facts(c), out: [1, 2, 2] }],
    ["fewer still", { ...facts(c), inPerGroup: 64, out: [1, 1, 1] }],
    ["few channels in", { ...facts(c), inPerGroup: 12 }],
    ["few channels out", { ...facts(c), outPerGroup: 12 }],
    ["channels not in fours", { ...facts(c), inPerGroup: 18 }],
    ["stride", { ...facts(c), stride: [1, 2, 1] }],
    ["another window", { ...facts(c), kernel: [1, 3, 5] }],
    ["depth", { ...facts(c), kernel: [3, 3, 3] }],
    ["groups", { ...facts(c), groups: 2 }],
  ])("takes the matrix product for %s", (_, f) => {
    expect(convAlgorithm(f)).toBe("gemm");
  });
});

test("a deterministic engine gives whole numbers exactly where Winograd would round", async () => {
  const [{ engine }] = builds({ deterministic: true });
  const c: Case = { size: [1, 16, 16], c: 16, oc: 16, bias: false };
  const inputs = inputsOf(c).map(({ shape, data }, i) => ({
    shape,
    data: data.map((_, j) => ((j * 7 + i) % 11) - 5),
  }));
  const [expected] = oracle.conv(inputs, paramsOf(c));
  const [actual] = await evaluate(engine, conv, inputs, paramsOf(c));
  expect(Array.from(actual.data)).toEqual(Array.from(expected.data));
});

test("one infinity makes NaN of whole tiles, and only of what reads it where the engine is deterministic", async () => {
  const c: Case = { size: [1, 16, 16], c: 16, oc: 16, bias: false };
  const [image, filter] = inputsOf(c);
  const ones = { ...filter, data: filter.data.map(() => 1) };
  const broken = { ...image, data: image.data.map((v, i) => (i === (5 * 16 + 6) * 16 + 3 ? Infinity : v)) };
  const run = async (deterministic: boolean) => {
    const [{ engine }] = builds({ deterministic });
    const [y] = await evaluate(engine, conv, [broken, ones], paramsOf(c));
    return Array.from(y.data);
  };
  const [expected] = oracle.conv([broken, ones], paramsOf(c));
  const infinite = Array.from(expected.data, (v) => v === Infinity);
  expect(infinite.filter(Boolean)).toHaveLength(9 * 16);
  const exact = await run(true);
  expect(exact.map((v) => v === Infinity)).toEqual(infinite);
  expect(exact.some(Number.isNaN)).toBe(false);
  const fast = await run(false);
  // What the formula makes infinite is no number by either way; tiles of 4 x 4 that read the pixel are lost as a whole.
  expect(fast.every((v, i) => !infinite[i] || !Number.isFinite(v))).toBe(true);
  const lost = fast
    .map((v, i) => (Number.isFinite(v) ? -1 : Math.floor(i / 16)))
    .filter((pixel) => pixel >= 0);
  for (const pixel of lost) {
    expect(Math.floor(pixel / 16)).toBeLessThan(8);
    expect(pixel % 16).toBeGreaterThanOrEqual(4);
    expect(pixel % 16).toBeLessThan(8);
  }
  expect(lost.length).toBeGreaterThan(9 * 16);
});

test("a network that prefers memory packs no filter into more than its weights and a panel's edge", async () => {
  const [{ engine }] = builds();
  const runtime = await engine;
  const net = sequential([16, 16, 32], [conv2d({ filters: 64, kernel: 3, padding: "same" })]);
  const [fast, small] = (["speed", "memory"] as const).map((prefer) => new Network(runtime, net, { prefer }));
  expect(fast.summary()).toContain("winograd4");
  expect(small.summary()).toContain("gemm");
  const weights = 9 * 32 * 64 * 4;
  expect(fast.bytes.kept).toBeGreaterThan(3.5 * weights);
  expect(small.bytes.kept).toBeLessThan(1.1 * weights);
  const image = noise(16 * 16 * 32, 4);
  expect(relativeL2(fast.predict(image), small.predict(image))).toBeLessThan(BOUND);
  fast.dispose();
  small.dispose();
});
