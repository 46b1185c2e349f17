// Gradients of gradients, and losses made of them, against PyTorch's: test/fixtures/torch/ops-second.json, made by scripts/torch/ops.py.
// Graphs are differentiated as they are written, twice.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { gradients } from "../src/eager/gradients.ts";
import { UnsupportedError } from "../src/errors.ts";
import { Edge, Graph } from "../src/graph/graph.ts";
import { Lowering } from "../src/graph/lower.ts";
import { sizeOf } from "../src/graph/op.ts";
import { createEngine } from "../src/index.ts";
import { type ActivationKind, activation } from "../src/ops/activation.ts";
import { pair } from "../src/ops/arithmetic.ts";
import { batchNormTrain } from "../src/ops/batch-norm-train.ts";
import { conv } from "../src/ops/conv.ts";
import { dense } from "../src/ops/dense.ts";
import { affine, type BinaryKind, binary } from "../src/ops/elementwise.ts";
import { fold } from "../src/ops/fold.ts";
import { layerNorm } from "../src/ops/layer-norm.ts";
import { LOSSES } from "../src/ops/loss.ts";
import { map } from "../src/ops/math.ts";
import { matmul } from "../src/ops/matmul.ts";
import { groupNorm, instanceNorm } from "../src/ops/norm.ts";
import { avgPool, maxPool } from "../src/ops/pool.ts";
import { type ReduceKind, reduce } from "../src/ops/reduce.ts";
import { flatten } from "../src/ops/shape.ts";
import { logSoftmax, softmax } from "../src/ops/softmax.ts";
import { differentiate } from "../src/passes/differentiate.ts";
import { convFilterGrad } from "../src/passes/gradients/filter-grad.ts";
import { Address } from "../src/runtime/address.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { Program } from "../src/runtime/program.ts";
import type { Tensor } from "../src/tensor.ts";
import { gradientsOf } from "./gradients.ts";
import { builds, evaluate, write } from "./harness.ts";
import { Random } from "./random.ts";

interface Plain {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

interface Case {
  readonly inputs: readonly Plain[];
  readonly y: Plain;
  readonly dy: Plain;
  /** Of second order: y is the gradient by input 0 of sum(dy · f), and the gradients are those of sum(v · y). */
  readonly v?: readonly number[];
  readonly gradients: readonly (readonly number[])[];
}

const FIXTURES: Readonly<Record<string, Case>> = JSON.parse(
  readFileSync(new URL("fixtures/torch/ops-second.json", import.meta.url), "utf8"),
);

type Build = (g: Graph, inputs: readonly Edge[]) => Edge;

const of = (g: Graph, kind: BinaryKind, a: Edge, b: Edge): Edge => g.op(binary, [a, b], { kind });
const square = (g: Graph, x: Edge): Edge => of(g, "mul", x, x);
const product = (g: Graph, x: Edge, axes: number[], keepDims: boolean): Edge =>
  g.op(fold, [x], { op: "prod", axes, keepDims });
const act =
  (kind: ActivationKind, alpha?: number): Build =>
  (g, [x]) =>
    g.op(activation, [x], { kind, ...(alpha !== undefined && { alpha }) });
const reduced = (g: Graph, kind: ReduceKind, x: Edge, axes: readonly number[]): Edge =>
  g.op(reduce, [x], { kind, axes, keepDims: false });
const root = (g: Graph, x: Edge): Edge => g.op(activation, [x], { kind: "sqrt" });
const norm = (g: Graph, x: Edge): Edge => root(g, reduced(g, "sum", square(g, x), [1]));

const convOf = (
  stride: number[],
  padding: number,
  options: { groups?: number; dilation?: number[] } = {},
) => {
  const params = { dilation: stride.map(() => 1), groups: 1, ...options };
  return (g: Graph, x: Edge, w: Edge, pads = stride.map(() => padding)): Edge =>
    g.op(conv, [x, w], { stride, padding: pads, paddingMode: "zeros", ...params });
};
const pooled =
  (size: number, stride: number, ceilMode = false): Build =>
  (g, [x]) => {
    const both = { kernel: [size, size], stride: [stride, stride] };
    return square(g, g.op(maxPool, [x], { ...both, dilation: [1, 1], padding: "valid", ceilMode }));
  };
const normalised =
  (axes: readonly number[]): Build =>
  (g, inputs) =>
    g.apply(layerNorm, inputs, { axes, epsilon: 1e-5 })[0];

/** A critic of images, and how far its gradients by them are from length 1. */
function penalty(g: Graph, [x, w1, b1, w2, w3]: readonly Edge[]): Edge {
  const step = convOf([2, 2], 1);
  const leaky = act("leakyRelu", 0.2);
  const h1 = leaky(g, [of(g, "add", step(g, x, w1), b1)]);
  const h2 = leaky(g, [step(g, h1, w2)]);
  const score = g.op(dense, [g.op(flatten, [h2], {}), w3], {});
  const [dx] = differentiate(g, score, [x]);
  const length = norm(g, g.op(flatten, [dx!], {}));
  return reduced(g, "mean", square(g, g.op(affine, [length], { scale: 1, offset: -1 })), [0]);
}

const BUILDS: Readonly<Record<string, Build>> = {
  matmul: (g, inputs) => square(g, g.op(matmul, inputs, { transposeA: false, transposeB: false })),
  dense: (g, inputs) => square(g, g.op(dense, inputs, {})),
  arithmetic: (g, [a, b, c]) => {
    const over = of(g, "sub", of(g, "mul", a, b), a);
    const under = g.op(affine, [of(g, "add", a, c)], { scale: 1, offset: 3 });
    return of(g, "add", of(g, "div", over, under), b);
  },
  relu: (g, x) => square(g, act("relu")(g, x)),
  leakyRelu: (g, [x, w]) => square(g, act("leakyRelu", 0.2)(g, [of(g, "mul", x, w)])),
  elu: act("elu", 0.7),
  softmax: (g, [x]) => g.op(softmax, [x], { axis: -1 }),
  logSoftmax: (g, [x]) => g.op(logSoftmax, [x], { axis: -1 }),
  sqrt: (g, [x]) => reduced(g, "mean", root(g, x), [0]),
  norm: (g, [x]) => norm(g, x),
  "exp log": (g, [x]) => of(g, "mul", g.op(map, [x], { op: "log" }), act("exp")(g, [x])),
  pow: (g, inputs) => g.op(pair, inputs, { op: "pow" }),
  amax: (g, [x]) => square(g, reduced(g, "max", x, [1])),
  conv1d: (g, [x, w]) => square(g, convOf([2], 1)(g, x, w)),
  conv2d: (g, [x, w]) => square(g, convOf([2, 1], 0)(g, x, w, [1, 0])),
  "conv2d groups": (g, [x, w]) => square(g, convOf([1, 1], 0, { groups: 2, dilation: [1, 2] })(g, x, w)),
  conv3d: (g, [x, w]) => square(g, convOf([1, 1, 1], 0)(g, x, w)),
  meanSquaredError: (g, inputs) => g.op(LOSSES.meanSquaredError, inputs, {}),
  meanAbsoluteError: (g, inputs) => g.op(LOSSES.meanAbsoluteError, inputs, {}),
  huber: (g, inputs) => g.op(LOSSES.huber, inputs, { delta: 1.25 }),
  binaryCrossEntropy: (g, inputs) => g.op(LOSSES.binaryCrossEntropy, inputs, {}),
  softmaxCrossEntropy: (g, inputs) => g.op(LOSSES.softmaxCrossEntropy, inputs, { labelSmoothing: 0.1 }),
  maxPool: pooled(3, 2),
  "maxPool pairs": pooled(2, 2),
  prod: (g, [x]) => square(g, product(g, x, [1], false)),
  "prod of zeros": (g, [x]) => product(g, x, [1], true),
  "prod of two axes": (g, [x]) => product(g, x, [2, 0], false),
  avgPool: (g, [x]) => {
    const both = { kernel: [2, 2], stride: [2, 2] };
    const params = { ...both, padding: "valid", ceilMode: false, countIncludePad: false } as const;
    return square(g, g.op(avgPool, [x], params));
  },
  groupNorm: (g, inputs) => g.op(groupNorm, inputs, { groups: 2, epsilon: 1e-5 }),
  instanceNorm: (g, inputs) => g.op(instanceNorm, inputs, { epsilon: 1e-5 }),
  batchNorm: (g, inputs) => g.apply(batchNormTrain, inputs, { epsilon: 1e-5 })[0],
  layerNorm: normalised([-1]),
  "layerNorm of two axes": normalised([-2, -1]),
  "wgan penalty": penalty,
};

/** The values of some edges of a graph. */
function valuesOf(
  runtime: Runtime,
  graph: Graph,
  given: readonly (readonly [Edge, Plain])[],
  wanted: readonly Edge[],
): Float32Array[] {
  graph.prune(wanted);
  const program = new Program(runtime, "second");
  const lowering = new Lowering(program);
  for (const [edge] of given) {
    const base = Address.of(sizeOf(edge.shape) * 4, "run");
    lowering.place(edge, base);
    program.input(base);
  }
  lowering.write(graph);
  for (const edge of wanted) program.output(lowering.valueOf(edge).base);
  program.place();
  for (const [edge, plain] of given) write(runtime, lowering.valueOf(edge).base, plain);
  program.run();
  const results = wanted.map((edge) => {
    const from = lowering.valueOf(edge).base.value / 4;
    return runtime.memory.floats.slice(from, from + sizeOf(edge.shape));
  });
  program.dispose();
  return results;
}

/** Agreement to 1e-5 of the largest value. */
function expectNear(what: string, got: ArrayLike<number>, wanted: readonly number[]): void {
  expect([what, got.length]).toEqual([what, wanted.length]);
  const scale = wanted.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
  wanted.forEach((v, i) => {
    if (!(Math.abs(got[i] - v) <= 1e-5 * scale))
      expect.fail(`${what}: element ${i} is ${got[i]} but PyTorch's is ${v}`);
  });
}

const edgeOf = ({ shape }: Plain): Edge => new Edge({ shape, dtype: "float32" });

const BUILT = builds();

describe.each(BUILT)("gradients of gradients are PyTorch's, $name build", ({ engine }) => {
  it.each(Object.keys(FIXTURES))("%s", async (name) => {
    const { inputs, y, dy, v, gradients } = FIXTURES[name];
    const build = BUILDS[name] ?? act(name as ActivationKind);
    const graph = new Graph();
    graph.enter(name, name);
    const edges = inputs.map(edgeOf);
    const up = edgeOf(dy);
    let result = build(graph, edges);
    let last = up;
    const given = [...edges.map((edge, i) => [edge, inputs[i]] as const), [up, dy] as const];
    if (v) {
      [result] = differentiate(graph, result, [edges[0]], up) as [Edge];
      last = edgeOf(y);
      given.push([last, { shape: y.shape, data: v }]);
    }
    const wrt = v ? [...edges, up] : edges;
    const made = differentiate(graph, result, wrt, last);
    const values = valuesOf(await engine, graph, given, [
      result,
      ...made.filter((edge) => edge !== undefined),
    ]);
    expect(result.shape).toEqual(y.shape);
    expectNear("the result", values.shift()!, y.data);
    made.forEach((edge, i) => {
      // What the gradient does not depend on has no gradient.
      expectNear(`gradient ${i}`, edge ? values.shift()! : gradients[i].map(() => 0), gradients[i]);
    });
  });
});

/** The same penalty as a user writes it: gradients within gradients. */
it("a gradient penalty of eager ops is PyTorch's", async () => {
  const { inputs, y, dy, gradients: wanted } = FIXTURES["wgan penalty"];
  using e = await createEngine();
  const tensors = inputs.map(({ data, shape }) => e.tensor(data, shape));
  const [x, w1, bias, w2, w3] = tensors;
  const critic = (): Tensor => {
    const options = { stride: 2, padding: 1 } as const;
    const h1 = e.leakyRelu(e.conv2d(x, w1, { ...options, bias }), { alpha: 0.2 });
    const h2 = e.leakyRelu(e.conv2d(h1, w2, options), { alpha: 0.2 });
    return e.sum(e.dense(e.flatten(h2), w3));
  };
  const { value, gradients: made } = gradients(
    () => {
      const [dx] = gradients(critic, [x]).gradients;
      return e.mean(e.square(e.sub(e.norm(e.flatten(dx), { axes: [1] }), 1)));
    },
    // Slopes of leakyRelu are constant between jumps: of x and of the bias it does not depend.
    { w1, w2, w3 },
    { dy: e.tensor(dy.data, []) },
  );
  expectNear("the penalty", value.data(), y.data);
  expectNear("by w1", made.w1.data(), wanted[1]);
  expectNear("by w2", made.w2.data(), wanted[3]);
  expectNear("by w3", made.w3.data(), wanted[4]);
  expect([...wanted[0], ...wanted[2]].every((v) => v === 0)).toBe(true);
});

it("the curvature of a loss is the same for classes as for their probabilities", async () => {
  using e = await createEngine();
  const x = e.tensor([1, -2, 0.5, 0.25, 3, -1], [2, 3]);
  const v = e.tensor([0.5, 1, -1, 2, -0.5, 1], [2, 3]);
  const classes = e.tensor([2, 0], [2], "int32");
  const products = [classes, e.oneHot(classes, { depth: 3 })].map((target) => {
    const options = { kind: "softmaxCrossEntropy", labelSmoothing: 0.1 } as const;
    const of = () => gradients(() => e.loss(x, target, options), [x]).gradients[0];
    return gradients(of, [x], { dy: v }).gradients[0].data();
  });
  expectNear("by classes", products[0], Array.from(products[1]));
  expect(Math.abs(products[0][0])).toBeGreaterThan(0.01);
});

it("gradients of gradients that there are not are refused by name", () => {
  const graph = new Graph();
  graph.enter("norm", 'instanceNorm "n"');
  const [x, gamma, beta] = [[1, 4, 2], [2], [2]].map((shape) => edgeOf({ shape, data: [] }));
  const [dgamma] = differentiate(graph, BUILDS.instanceNorm(graph, [x, gamma, beta]), [gamma]);
  expect(() => differentiate(graph, dgamma!, [x])).toThrow(UnsupportedError);
  expect(() => differentiate(graph, dgamma!, [x])).toThrow('instanceNorm "n": cannot be differentiated');
});

/** dw is linear in x and in dy, so that <ddw, dw> is <dx, x> and <ddy, dy>, whatever the window. */
it("the gradients of filter gradients are their adjoints, with any window", async () => {
  const [{ engine }] = BUILT;
  const random = new Random(21);
  const plain = (...shape: number[]) => ({
    shape,
    data: Float32Array.from({ length: sizeOf(shape) }, () => random.next() * 2 - 1),
  });
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
    Array.from(a, (v, i) => v * b[i]).reduce((sum, v) => sum + v, 0);
  for (let i = 0; i < 120; i++) {
    const axes = 1 + random.below(3);
    const groups = random.pick([1, 1, 2, 4]);
    const [c, oc] = [groups * (1 + random.below(3)), groups * (1 + random.below(3))];
    const each = (make: (axis: number) => number): number[] =>
      Array.from({ length: axes }, (_, a) => make(a));
    const kernel = each(() => 1 + random.below(3));
    const stride = each(() => 1 + random.below(3));
    const dilation = each(() => 1 + random.below(2));
    const size = each(() => 5 + random.below(4));
    const before = each(() => random.below(3));
    const out = each((a) => {
      const reach = dilation[a] * (kernel[a] - 1) + 1;
      const least = Math.max(Math.floor((size[a] + before[a] - reach) / stride[a]) + 1, 1);
      return least + random.below(2);
    });
    const paddingMode = random.pick(["zeros", "zeros", "replicate"] as const);
    const x = plain(2, ...size, c);
    const dy = plain(2, ...out, oc);
    const params = { kernel, stride, dilation, before, paddingMode, groups };
    const [dw] = await evaluate(engine, convFilterGrad, [x, dy], params);
    const ddw = plain(...dw.shape);
    const [dx, ddy] = await gradientsOf(engine, convFilterGrad, [x, dy], params, [ddw]);
    const want = dot(ddw.data, dw.data);
    const scale = 1e-5 * (1 + Math.sqrt(dot(ddw.data, ddw.data) * dot(dw.data, dw.data)));
    const what = JSON.stringify({ ...params, size, out, c, oc });
    expect(Math.abs(dot(x.data, dx!) - want), what).toBeLessThan(scale);
    expect(Math.abs(dot(dy.data, ddy!) - want), what).toBeLessThan(scale);
  }
});
