// Eager ops and their gradients against PyTorch's: test/fixtures/torch/ops.json, made by scripts/torch/ops.py.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { gradients } from "../src/eager/gradients.ts";
import { Engine } from "../src/engine/engine.ts";
import type { DType, Tensor } from "../src/tensor.ts";
import { builds } from "./harness.ts";

interface Plain {
  readonly shape: readonly number[];
  readonly dtype?: DType;
  readonly data: readonly number[];
}

interface Case {
  readonly inputs: readonly Plain[];
  readonly y: Plain;
  readonly dy: Plain;
  readonly gradients: readonly (readonly number[])[];
}

const FIXTURES: Readonly<Record<string, Case>> = JSON.parse(
  readFileSync(new URL("fixtures/torch/ops.json", import.meta.url), "utf8"),
);

// biome-ignore lint/suspicious/noExplicitAny: a case knows which of its tensors are int32
type Tensors = any[];
type Call = (e: Engine, t: Tensors) => Tensor;

const minus = [-1];
/** What is called (the ops behind: cast, expand, maxPoolIndices, ...), where it is not the op of the case's name on the case's inputs. */
const CALLS: Readonly<Record<string, Call>> = {
  // A straight-through estimator, and a factor that is a constant.
  stopGradient: (e, [x]) => e.mul(e.add(x, e.stopGradient(e.sub(e.round(x), x))), e.stopGradient(x)),
  "gridSample border": (e, [x, grid]) => e.gridSample(x, grid, { padding: "border", alignCorners: true }),
  clip: (e, [x]) => e.clip(x, { min: -1, max: 1.5 }),
  "clip min": (e, [x]) => e.clip(x, { min: 0 }),
  "pow at 0": (e, [a, b]) => e.pow(a, b),
  "pow 3": (e, [x]) => e.pow(x, 3),
  "mod of both signs": (e, [a, b]) => e.mod(a, b),
  numbers: (e, [x]) => e.add(e.sub(e.mul(2, x), e.div(e.sub(1, x), 4)), e.where(e.greater(x, 0), x, 0.5)),
  "matmul batched": (e, [a, b]) => e.matmul(a, b),
  "matmul broadcast": (e, [a, b]) => e.matmul(a, b),
  "matmul shared a": (e, [a, b]) => e.matmul(a, b),
  "matmul transposed": (e, [a, b]) => e.matmul(a, b, { transposeA: true, transposeB: true }),
  "matmul transposed a": (e, [a, b]) => e.matmul(a, b, { transposeA: true }),
  "matmul transposed b": (e, [a, b]) => e.matmul(a, b, { transposeB: true }),
  "matmul row": (e, [a, b]) => e.matmul(a, b),
  "matmul column": (e, [a, b]) => e.matmul(a, b),
  "matmul dot": (e, [a, b]) => e.matmul(a, b),
  sum: (e, [x]) => e.sum(x, { axes: [0, 2] }),
  "sum of all": (e, [x]) => e.sum(x),
  mean: (e, [x]) => e.mean(x, { axes: [1], keepDims: true }),
  prod: (e, [x]) => e.prod(x, { axes: [1] }),
  "prod of zeros": (e, [x]) => e.prod(x, { axes: minus, keepDims: true }),
  "prod of two axes": (e, [x]) => e.prod(x, { axes: [2, 0] }),
  amax: (e, [x]) => e.amax(x, { axes: minus }),
  amin: (e, [x]) => e.amin(x, { axes: [0, 2], keepDims: true }),
  logSumExp: (e, [x]) => e.logSumExp(x, { axes: [0, 2] }),
  norm: (e, [x]) => e.norm(x, { axes: [1, 2] }),
  variance: (e, [x]) => e.variance(x, { axes: [0, 2] }),
  "variance of all": (e, [x]) => e.variance(x, { correction: 0 }),
  std: (e, [x]) => e.std(x, { axes: [1], keepDims: true }),
  "norm of 0": (e, [x]) => e.norm(x, { axes: [1] }),
  cumsum: (e, [x]) => e.cumsum(x, { axis: 1 }),
  "cumsum exclusive reverse": (e, [x]) => e.cumsum(x, { axis: -1, exclusive: true, reverse: true }),
  topK: (e, [x]) => e.topK(x as Tensor, { k: 3 })[0],
  "topK smallest": (e, [x]) => e.topK(x as Tensor, { k: 2, axis: 0, largest: false })[0],
  "gather axis 1": (e, [x, i]) => e.gather(x, i, { axis: 1 }),
  "gather batchDims": (e, [x, i]) => e.gather(x, i, { axis: 1, batchDims: 1 }),
  "scatterND add": (e, [x, i, u]) => e.scatterND(x, i, u, { op: "add" }),
  "scatterElements add": (e, [x, i, u]) => e.scatterElements(x, i, u, { op: "add" }),
  stack: (e, list) => e.stack(list, { axis: 1 }),
  unstack: (e, [x]) => {
    const [first, , last] = e.unstack(x as Tensor, { axis: 1 });
    return e.mul(first, last);
  },
  tile: (e, [x]) => e.tile(x, { repeats: [3, 2] }),
  reverse: (e, [x]) => e.reverse(x, { axes: [0, 2] }),
  broadcastTo: (e, [x]) => e.broadcastTo(x, { shape: [2, 3, 4] }),
  expandDims: (e, [x]) => e.expandDims(x, { axis: -1 }),
  stridedSlice: (e, [x]) => e.stridedSlice(x, { begin: [1, 7, 1], size: [2, 3, 2], step: [1, -3, 2] }),
  "pad any axis": (e, [x]) => {
    const padding = [
      [2, 1],
      [1, 0],
    ] as const;
    return e.clip(e.pad(x as Tensor, { padding, value: -Infinity }), { min: -9 });
  },
  "pad reflect": (e, [x]) =>
    e.pad(x, {
      padding: [
        [2, 0],
        [3, 1],
      ],
      mode: "reflect",
    }),
  "pad wrap": (e, [x]) =>
    e.pad(x, {
      padding: [
        [0, 0],
        [2, 1],
      ],
      mode: "wrap",
    }),
  "pad symmetric": (e, [x]) =>
    e.pad(x, {
      padding: [
        [0, 0],
        [2, 1],
      ],
      mode: "symmetric",
    }),
  "pad replicate": (e, [x]) =>
    e.pad(x, {
      padding: [
        [0, 0],
        [1, 2],
      ],
      mode: "replicate",
    }),
  maxPoolWithIndices: (e, [x]) => e.maxPoolWithIndices(x, { size: 3, stride: 2, padding: 1 })[0],
  maxUnpool: (e, [x]) => {
    const [y, indices] = e.maxPoolWithIndices(x, { size: 2 });
    return e.maxUnpool(e.square(y), indices, { outputSize: x.shape.slice(1, -1) });
  },
};

const callOf = (name: string): Call =>
  CALLS[name] ?? ((e, t) => (e as unknown as Record<string, (...t: Tensors) => Tensor>)[name](...t));

/** Agreement to 1e-5 of the largest value. */
function expectNear(what: string, got: ArrayLike<number>, wanted: readonly number[]): void {
  expect([what, got.length]).toEqual([what, wanted.length]);
  const scale = wanted.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
  wanted.forEach((v, i) => {
    if (!(Math.abs(got[i] - v) <= 1e-5 * scale))
      expect.fail(`${what}: element ${i} is ${got[i]} but PyTorch's is ${v}`);
  });
}

describe.each(builds())("eager ops are PyTorch's, $name build", ({ engine: runtime }) => {
  it.each(Object.keys(FIXTURES))("%s", async (name) => {
    const { inputs, y, dy, gradients: wanted } = FIXTURES[name];
    const engine = new Engine(await runtime);
    const { live } = engine.memory;
    const tensors = inputs.map(({ data, shape, dtype }) => engine.tensor(data, shape, dtype));
    const floats = tensors.filter(({ dtype }) => dtype === "float32") as Tensor[];
    const call = callOf(name);
    const up = engine.tensor(dy.data, dy.shape);
    const { value, gradients: made } = gradients(() => call(engine, tensors), floats, { dy: up });
    expect(value.shape).toEqual(y.shape);
    expectNear("the result", value.data(), y.data);
    made.forEach((t, i) => {
      expect(t.shape).toEqual(floats[i].shape);
      expectNear(`gradient ${i}`, t.data(), wanted[i]);
    });
    for (const t of [...tensors, up, value, ...made]) t.dispose();
    expect(engine.memory.live).toBe(live);
  });
});
