// What each op becomes in ONNX: one rule per op. An op without a rule cannot be written.

import type { Edge } from "../../graph/graph.ts";
import type { Op } from "../../graph/op.ts";
import { type Activation, type ActivationKind, activation, prelu } from "../../ops/activation.ts";
import { axisOf } from "../../ops/check.ts";
import { type ConvParams, conv } from "../../ops/conv.ts";
import { type ConvTransposeParams, convTranspose, transposed } from "../../ops/conv-transpose.ts";
import { dense } from "../../ops/dense.ts";
import { type AffineParams, affine, type BinaryParams, binary } from "../../ops/elementwise.ts";
import {
  type BatchNormParams,
  batchNorm,
  type GroupNormParams,
  groupNorm,
  instanceNorm,
} from "../../ops/norm.ts";
import { type PadParams, pad } from "../../ops/pad.ts";
import {
  type AvgPoolParams,
  avgPool,
  type GlobalPoolParams,
  globalAvgPool,
  globalMaxPool,
  type MaxPoolParams,
  maxPool,
} from "../../ops/pool.ts";
import { type ArgMaxParams, argMax, type ReduceParams, reduce } from "../../ops/reduce.ts";
import { type ResizeParams, resize } from "../../ops/resize.ts";
import {
  type BlockParams,
  type ConcatParams,
  concat,
  depthToSpace,
  flatten,
  reshape,
  type SliceParams,
  type SplitParams,
  slice,
  spaceToDepth,
  split,
  type TransposeParams,
  transpose,
} from "../../ops/shape.ts";
import { logSoftmax, type SoftmaxParams, softmax } from "../../ops/softmax.ts";
import { type Axis, slide } from "../../ops/window.ts";
import type { Shape } from "../../tensor.ts";
import { channelsFirst, type Layout, type OnnxGraph, sameOrder } from "./graph.ts";
import { type Attribute, DATA_TYPE } from "./proto.ts";

/** A node of our graph, with its parameters typed. */
interface Call<P> {
  readonly inputs: readonly Edge[];
  readonly outputs: readonly Edge[];
  readonly params: P;
  readonly where: string;
}

type Rule<P> = (g: OnnxGraph, call: Call<P>) => void;

/** Where an axis of ours lies in a layout. */
function axisIn(layout: Layout, axis: number, rank: number): number {
  if (layout === "last" || rank < 3 || axis === 0) return axis;
  return axis === rank - 1 ? 1 : axis + 1;
}

/** One value per axis, put in the order of a layout. */
const arranged = <T>(values: readonly T[], layout: Layout): readonly T[] =>
  layout === "first" ? channelsFirst(values) : values;

// Convolution.

/** [k..., in / groups, out] as [out, in / groups, k...]. */
function filter(g: OnnxGraph, edge: Edge): string {
  const { shape } = edge;
  const axes = shape.length - 2;
  const perm = [axes + 1, axes, ...range(axes)];
  return g.weight(
    edge,
    shape,
    perm,
    perm.map((axis) => shape[axis]),
  );
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

const writeConv: Rule<ConvParams> = (g, { inputs: [x, w, bias], outputs: [y], params: p, where }) => {
  const kernel = w.shape.slice(0, -2);
  const axes = slide(x.shape.slice(1, -1), { ...p, kernel }, where);
  let pads = padsOf(axes);
  let from = g.value(x, "first");
  if (p.paddingMode !== "zeros" && pads.some((pad) => pad > 0)) {
    const around = [0, 0, ...pads.slice(0, axes.length), 0, 0, ...pads.slice(axes.length)];
    from = g.emit("Pad", [from, g.ints(around)], { mode: EDGES[p.paddingMode] });
    pads = pads.map(() => 0);
  }
  const operands = [from, filter(g, w), ...(bias ? [g.plain(bias)] : [])];
  const attributes = {
    kernel_shape: kernel,
    strides: p.stride,
    dilations: p.dilation,
    pads,
    group: p.groups,
  };
  g.give(y, g.emit("Conv", operands, attributes), "first");
};

const EDGES = { constant: "constant", reflect: "reflect", replicate: "edge" } as const;

const padsOf = (axes: readonly { before: number; after: number }[]): number[] => [
  ...axes.map((a) => a.before),
  ...axes.map((a) => a.after),
];

const writeConvTranspose: Rule<ConvTransposeParams> = (g, { inputs, outputs: [y], params: p, where }) => {
  const [x, w, bias] = inputs;
  const kernel = w.shape.slice(0, -2);
  const last = kernel.length;
  const outs = w.shape[last + 1] / p.groups;
  // [k..., in / groups, groups, out / groups] as [groups, in / groups, out / groups, k...].
  const split = [...kernel, w.shape[last], p.groups, outs];
  const turned = [last + 1, last, last + 2, ...range(last)];
  const weight = g.weight(w, split, turned, [x.shape[last + 1], outs, ...kernel]);
  // ONNX tells both ends of an axis: what is too much at the end is cut, what is missing is extra (but less than a step).
  const ends = transposed(inputs, p, where).axes.map((a) => {
    const full = (a.size - 1) * a.stride + a.dilation * (a.kernel - 1) + 1;
    const missing = a.out + a.before - full;
    const extra = Math.min(Math.max(missing, 0), Math.max(a.stride, a.dilation) - 1);
    return { before: a.before, after: Math.max(-missing, 0), extra, rest: Math.max(missing, 0) - extra };
  });
  const attributes = {
    kernel_shape: kernel,
    strides: p.stride,
    dilations: p.dilation,
    pads: padsOf(ends),
    output_padding: ends.map((e) => e.extra),
    group: p.groups,
  };
  const operands = [g.value(x, "first"), weight];
  if (ends.every((e) => e.rest === 0)) {
    if (bias) operands.push(g.plain(bias));
    return g.give(y, g.emit("ConvTranspose", operands, attributes), "first");
  }
  // Pixels beyond that hold the bias alone.
  const around = [0, 0, ...ends.map(() => 0), 0, 0, ...ends.map((e) => e.rest)];
  let made = g.emit("Pad", [g.emit("ConvTranspose", operands, attributes), g.ints(around)]);
  if (bias) made = g.emit("Add", [made, perChannel(g, bias, y.shape.length)]);
  g.give(y, made, "first");
};

/** A vector as [c, 1, ...]: one number for each channel of what lies channels first. */
const perChannel = (g: OnnxGraph, edge: Edge, rank: number): string =>
  g.weight(edge, edge.shape, [0], [edge.shape[0], ...new Array<number>(rank - 2).fill(1)]);

const writeDense: Rule<object> = (g, { inputs: [x, w, bias], outputs: [y] }) => {
  const [features, units] = w.shape;
  // Where its input was flattened channels first, the rows of the weights follow.
  const c = g.flattenedFrom(x)?.at(-1) ?? 1;
  const weight = g.weight(w, [features / c, c, units], [1, 0, 2], w.shape);
  if (x.shape.length === 2) {
    const operands = [g.value(x, "last"), weight, ...(bias ? [g.plain(bias)] : [])];
    g.give(y, g.emit("Gemm", operands), "last");
    return;
  }
  const product = g.emit("MatMul", [g.value(x, "last"), weight]);
  g.give(y, bias ? g.emit("Add", [product, g.plain(bias)]) : product, "last");
};

// Pooling.

/** ONNX of this opset has PyTorch's rule for windows that hang over the end in no version: that border is told instead. */
const overhang = (a: Axis): number =>
  Math.max(a.after, (a.out - 1) * a.stride + a.dilation * (a.kernel - 1) + 1 - a.size - a.before);

const writeMaxPool: Rule<MaxPoolParams> = (g, { inputs: [x], outputs: [y], params: p, where }) => {
  const axes = slide(x.shape.slice(1, -1), p, where);
  const pads = padsOf(axes.map((a) => ({ before: a.before, after: overhang(a) })));
  const attributes = { kernel_shape: p.kernel, strides: p.stride, dilations: p.dilation, pads };
  g.give(y, g.emit("MaxPool", [g.value(x, "first")], attributes), "first");
};

const writeAvgPool: Rule<AvgPoolParams> = (g, { inputs: [x], outputs: [y], params: p, where }) => {
  const dilation = p.kernel.map(() => 1);
  const axes = slide(x.shape.slice(1, -1), { ...p, dilation }, where);
  let from = g.value(x, "first");
  let ends = axes.map((a) => ({ before: a.before, after: overhang(a) }));
  if (p.countIncludePad && padsOf(axes).some((pad) => pad > 0)) {
    // The border counts, what hangs over it does not: so the border becomes part of the picture.
    const around = [0, 0, ...axes.map((a) => a.before), 0, 0, ...axes.map((a) => a.after)];
    from = g.emit("Pad", [from, g.ints(around)]);
    ends = axes.map((a) => ({ before: 0, after: overhang(a) - a.after }));
  }
  const attributes = { kernel_shape: p.kernel, strides: p.stride, pads: padsOf(ends), count_include_pad: 0 };
  g.give(y, g.emit("AveragePool", [from], attributes), "first");
};

const globalPool =
  (op: string): Rule<GlobalPoolParams> =>
  (g, { inputs: [x], outputs: [y], params }) => {
    const pooled = g.emit(op, [g.value(x, "first")]);
    g.give(y, params.keepDims ? pooled : g.emit("Flatten", [pooled], { axis: 1 }), "first");
  };

// Normalisation.

const writeBatchNorm: Rule<BatchNormParams> = (g, { inputs: [x, ...vectors], outputs: [y], params }) => {
  const operands = [g.value(x, "first"), ...vectors.map((v) => g.plain(v))];
  g.give(y, g.emit("BatchNormalization", operands, { epsilon: { float: params.epsilon } }), "first");
};

/** Opset 17 has instance normalisation only: groups are made its channels, and scaled by our channels afterwards. */
function normalise(
  g: OnnxGraph,
  [x, gamma, beta]: readonly Edge[],
  [y]: readonly Edge[],
  groups: number,
  epsilon: number,
): void {
  const shape = channelsFirst(x.shape);
  const rows = g.reshape(g.value(x, "first"), [shape[0], groups, -1]);
  const [ones, zeros] = [1, 0].map((v) => g.floats(new Array(groups).fill(v), [groups]));
  const normed = g.emit("InstanceNormalization", [rows, ones, zeros], { epsilon: { float: epsilon } });
  const [scale, shift] = [gamma, beta].map((v) => perChannel(g, v, shape.length));
  const scaled = g.emit("Mul", [g.reshape(normed, shape), scale]);
  g.give(y, g.emit("Add", [scaled, shift]), "first");
}

const writeGroupNorm: Rule<GroupNormParams> = (g, { inputs, outputs, params }) =>
  normalise(g, inputs, outputs, params.groups, params.epsilon);

const writeInstanceNorm: Rule<BatchNormParams> = (g, { inputs, outputs, params }) => {
  const [x, gamma, beta] = inputs;
  // Without pixels, [n, c], ONNX has nothing to normalise.
  if (x.shape.length < 3) return normalise(g, inputs, outputs, x.shape[1], params.epsilon);
  const operands = [g.value(x, "first"), g.plain(gamma), g.plain(beta)];
  const attributes = { epsilon: { float: params.epsilon } };
  g.give(outputs[0], g.emit("InstanceNormalization", operands, attributes), "first");
};

// Value by value.

const unary =
  (op: string, attributes: Readonly<Record<string, Attribute>> = {}) =>
  (g: OnnxGraph, x: string): string =>
    g.emit(op, [x], attributes);

const times =
  (weight: (g: OnnxGraph, x: string) => string) =>
  (g: OnnxGraph, x: string): string =>
    g.emit("Mul", [x, weight(g, x)]);

/** (1 + f) / 2, times x. */
const halfOnePlus = (g: OnnxGraph, x: string, f: string): string =>
  g.emit("Mul", [g.emit("Mul", [x, g.scalar(0.5)]), g.emit("Add", [f, g.scalar(1)])]);

const ACTIVATIONS: Readonly<
  Record<ActivationKind, (g: OnnxGraph, x: string, alpha: number | undefined) => string>
> = {
  linear: (_, x) => x,
  relu: unary("Relu"),
  relu6: (g, x) => g.emit("Clip", [x, g.scalar(0), g.scalar(6)]),
  leakyRelu: (g, x, alpha = 0.01) => g.emit("LeakyRelu", [x], { alpha: { float: alpha } }),
  elu: (g, x, alpha = 1) => g.emit("Elu", [x], { alpha: { float: alpha } }),
  selu: unary("Selu"),
  gelu: (g, x) => halfOnePlus(g, x, g.emit("Erf", [g.emit("Mul", [x, g.scalar(Math.SQRT1_2)])])),
  geluTanh(g, x) {
    const cube = g.emit("Mul", [g.emit("Mul", [x, x]), x]);
    const inner = g.emit("Add", [x, g.emit("Mul", [cube, g.scalar(0.044715)])]);
    return halfOnePlus(g, x, g.emit("Tanh", [g.emit("Mul", [inner, g.scalar(Math.sqrt(2 / Math.PI))])]));
  },
  sigmoid: unary("Sigmoid"),
  tanh: unary("Tanh"),
  softplus: unary("Softplus"),
  silu: times(unary("Sigmoid")),
  mish: times((g, x) => g.emit("Tanh", [g.emit("Softplus", [x])])),
  hardSwish: unary("HardSwish"),
  hardSigmoid: unary("HardSigmoid", { alpha: { float: 1 / 6 }, beta: { float: 0.5 } }),
  hardSigmoidKeras: unary("HardSigmoid", { alpha: { float: 0.2 }, beta: { float: 0.5 } }),
  exp: unary("Exp"),
  softsign: unary("Softsign"),
  abs: unary("Abs"),
  neg: unary("Neg"),
  sqrt: unary("Sqrt"),
};

const writeActivation: Rule<Activation> = (g, { inputs: [x], outputs: [y], params }) => {
  const layout = g.layout(x);
  g.give(y, ACTIVATIONS[params.kind](g, g.value(x, layout), params.alpha), layout);
};

const writePrelu: Rule<object> = (g, { inputs: [x, alpha], outputs: [y] }) => {
  const layout = g.layout(x);
  const rank = x.shape.length;
  const full = [...new Array<number>(rank - alpha.shape.length).fill(1), ...alpha.shape];
  const perm = arranged(range(rank), layout);
  const slope = g.weight(
    alpha,
    full,
    perm,
    perm.map((axis) => full[axis]),
  );
  g.give(y, g.emit("PRelu", [g.value(x, layout), slope]), layout);
};

const BINARY = { add: "Add", sub: "Sub", mul: "Mul", div: "Div", min: "Min", max: "Max" } as const;

const writeBinary: Rule<BinaryParams> = (g, { inputs: [a, b], outputs: [y], params }) => {
  // Of different rank they meet at their last axes, which must then be ours.
  const layout = a.shape.length === b.shape.length ? g.layout(a, b) : "last";
  g.give(y, g.emit(BINARY[params.kind], [g.value(a, layout), g.value(b, layout)]), layout);
};

const writeAffine: Rule<AffineParams> = (g, { inputs: [x], outputs: [y], params }) => {
  const layout = g.layout(x);
  const scaled = g.emit("Mul", [g.value(x, layout), g.scalar(params.scale)]);
  g.give(y, g.emit("Add", [scaled, g.scalar(params.offset)]), layout);
};

const alongAxis =
  (op: string): Rule<SoftmaxParams> =>
  (g, { inputs: [x], outputs: [y], params, where }) => {
    const layout = g.layout(x);
    const rank = x.shape.length;
    const axis = axisIn(layout, axisOf(params.axis, rank, where), rank);
    g.give(y, g.emit(op, [g.value(x, layout)], { axis }), layout);
  };

// Reductions.

const REDUCE = { sum: "ReduceSum", mean: "ReduceMean", max: "ReduceMax", min: "ReduceMin" } as const;

/** The layout to reduce in, and the one the result then has. */
function reducing(g: OnnxGraph, x: Edge, axes: readonly number[], keepDims: boolean): [Layout, Layout] {
  const layout = g.layout(x);
  const rank = x.shape.length;
  if (layout === "last" || rank < 3 || keepDims) return [layout, layout];
  // Without the channels what is left lies as ours; with them, and the batch before them, they still come first.
  if (axes.includes(rank - 1)) return ["first", "last"];
  return axes.includes(0) ? ["last", "last"] : ["first", "first"];
}

const writeReduce: Rule<ReduceParams> = (g, { inputs: [x], outputs: [y], params: p, where }) => {
  if (p.axes.length === 0) return g.alias(y, x);
  const rank = x.shape.length;
  const ours = p.axes.map((axis) => axisOf(axis, rank, where));
  const [layout, after] = reducing(g, x, ours, p.keepDims);
  const axes = ours.map((axis) => axisIn(layout, axis, rank)).sort((a, b) => a - b);
  const from = g.value(x, layout);
  const keepdims = Number(p.keepDims);
  // The sum alone already takes its axes as an input in this opset.
  const reduced =
    p.kind === "sum"
      ? g.emit("ReduceSum", [from, g.ints(axes)], { keepdims })
      : g.emit(REDUCE[p.kind], [from], { axes, keepdims });
  g.give(y, reduced, after);
};

const writeArgMax: Rule<ArgMaxParams> = (g, { inputs: [x], outputs: [y], params: p, where }) => {
  const rank = x.shape.length;
  const axis = axisOf(p.axis, rank, where);
  const [layout, after] = reducing(g, x, [axis], p.keepDims);
  const place = g.emit("ArgMax", [g.value(x, layout)], {
    axis: axisIn(layout, axis, rank),
    keepdims: Number(p.keepDims),
  });
  g.give(y, g.emit("Cast", [place], { to: DATA_TYPE.int32 }), after);
};

// Resizing.

const COORDINATES = {
  halfPixel: "half_pixel",
  alignCorners: "align_corners",
  asymmetric: "asymmetric",
} as const;

const writeResize: Rule<ResizeParams> = (g, { inputs: [x], outputs: [y], params: p }) => {
  const from = g.value(x, "first");
  const scales = p.size.map((size, i) => size / x.shape[i + 1]);
  // Whole factors are exact in float32; other sizes are told as such, with the batch and the channels as they come.
  const target = scales.every(Number.isInteger)
    ? [g.floats([1, 1, ...scales], [scales.length + 2])]
    : [
        "",
        g.emit("Concat", [g.emit("Shape", [from], { start: 0, end: 2 }), g.ints(p.size)], {
          axis: 0,
        }),
      ];
  const attributes = {
    mode: p.method,
    coordinate_transformation_mode: COORDINATES[p.coordinates],
    nearest_mode: p.coordinates === "asymmetric" ? "floor" : "round_prefer_ceil",
  };
  g.give(y, g.emit("Resize", [from, "", ...target], attributes), "first");
};

// Shapes.

const writeReshape: Rule<object> = (g, { inputs: [x], outputs: [y] }) => {
  const from = g.ordered(x);
  if (sameOrder(y.shape)) g.give(y, g.reshape(from, channelsFirst(y.shape)), "first");
  else g.give(y, g.reshape(from, y.shape), "last");
};

const writeFlatten: Rule<object> = (g, { inputs: [x], outputs: [y] }) => {
  if (x.shape.length < 2) return g.give(y, g.reshape(g.value(x, "last"), y.shape), "last");
  if (!sameOrder(x.shape) && g.layout(x) === "first" && g.feedsDense(y, dense))
    return g.giveFlattened(y, g.emit("Flatten", [g.value(x, "first")], { axis: 1 }), x.shape);
  g.give(y, g.emit("Flatten", [g.ordered(x)], { axis: 1 }), "last");
};

const writeTranspose: Rule<TransposeParams> = (g, { inputs: [x], outputs: [y], params }) => {
  const layout = g.layout(x);
  const rank = x.shape.length;
  const perm = channelsFirst(params.perm).map((axis) => axisIn(layout, axis, rank));
  g.give(y, g.emit("Transpose", [g.value(x, layout)], { perm }), "first");
};

const writeConcat: Rule<ConcatParams> = (g, { inputs, outputs: [y], params, where }) => {
  const layout = g.layout(...inputs);
  const rank = y.shape.length;
  const axis = axisIn(layout, axisOf(params.axis, rank, where), rank);
  const values = inputs.map((x) => g.value(x, layout));
  g.give(y, g.emit("Concat", values, { axis }), layout);
};

const writeSlice: Rule<SliceParams> = (g, { inputs: [x], outputs: [y], params: { begin, size } }) => {
  const layout = g.layout(x);
  const rank = x.shape.length;
  const cut = range(rank).filter((axis) => size[axis] !== x.shape[axis]);
  if (!cut.length) return g.alias(y, x);
  const starts = g.ints(cut.map((axis) => begin[axis]));
  const ends = g.ints(cut.map((axis) => begin[axis] + size[axis]));
  const axes = g.ints(cut.map((axis) => axisIn(layout, axis, rank)));
  g.give(y, g.emit("Slice", [g.value(x, layout), starts, ends, axes]), layout);
};

const writeSplit: Rule<SplitParams> = (g, { inputs: [x], outputs, params, where }) => {
  const layout = g.layout(x);
  const rank = x.shape.length;
  const axis = axisIn(layout, axisOf(params.axis, rank, where), rank);
  const operands = [g.value(x, layout), g.ints(params.sizes)];
  g.emitAll("Split", operands, { axis }, outputs.length).forEach((name, i) => {
    g.give(outputs[i], name, layout);
  });
};

const writePad: Rule<PadParams> = (g, { inputs: [x], outputs: [y], params: { pads, mode, value } }) => {
  const layout = g.layout(x);
  const around = arranged(pads, layout);
  const operands = [g.value(x, layout), g.ints([...around.map(([a]) => a), ...around.map(([, b]) => b)])];
  if (mode === "constant") operands.push(g.scalar(value));
  g.give(y, g.emit("Pad", operands, { mode: EDGES[mode] }), layout);
};

const writeDepthToSpace: Rule<BlockParams> = (g, { inputs: [x], outputs: [y], params }) => {
  const attributes = { blocksize: params.block, mode: params.order.toUpperCase() };
  g.give(y, g.emit("DepthToSpace", [g.value(x, "first")], attributes), "first");
};

const writeSpaceToDepth: Rule<BlockParams> = (g, { inputs: [x], outputs: [y], params: { block, order } }) => {
  const from = g.value(x, "first");
  if (order === "dcr") return g.give(y, g.emit("SpaceToDepth", [from], { blocksize: block }), "first");
  // ONNX has no other order: [n, c, h, block, w, block] turned to [n, c, block, block, h, w].
  const [n, oh, ow] = y.shape;
  const blocks: Shape = [n, x.shape[3], oh, block, ow, block];
  const turned = g.emit("Transpose", [g.reshape(from, blocks)], { perm: [0, 1, 3, 5, 2, 4] });
  g.give(y, g.reshape(turned, channelsFirst(y.shape)), "first");
};

/** Ties a rule to its op, so that both agree on the parameters. */
// biome-ignore lint/suspicious/noExplicitAny: the table holds rules of every parameter type
const rule = <P>(op: Op<P>, write: Rule<P>): [Op<any>, Rule<any>] => [op, write];

const RULES = new Map([
  rule(conv, writeConv),
  rule(convTranspose, writeConvTranspose),
  rule(dense, writeDense),
  rule(maxPool, writeMaxPool),
  rule(avgPool, writeAvgPool),
  rule(globalMaxPool, globalPool("GlobalMaxPool")),
  rule(globalAvgPool, globalPool("GlobalAveragePool")),
  rule(batchNorm, writeBatchNorm),
  rule(groupNorm, writeGroupNorm),
  rule(instanceNorm, writeInstanceNorm),
  rule(activation, writeActivation),
  rule(prelu, writePrelu),
  rule(binary, writeBinary),
  rule(affine, writeAffine),
  rule(softmax, alongAxis("Softmax")),
  rule(logSoftmax, alongAxis("LogSoftmax")),
  rule(reduce, writeReduce),
  rule(argMax, writeArgMax),
  rule(resize, writeResize),
  rule(reshape, writeReshape),
  rule(flatten, writeFlatten),
  rule(transpose, writeTranspose),
  rule(concat, writeConcat),
  rule(slice, writeSlice),
  rule(split, writeSplit),
  rule(pad, writePad),
  rule(depthToSpace, writeDepthToSpace),
  rule(spaceToDepth, writeSpaceToDepth),
]);

/** The rule of an op, if ONNX can say it. */
export function ruleOf(op: unknown): Rule<unknown> | undefined {
  return RULES.get(op as Op<unknown>);
}
