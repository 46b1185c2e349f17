// Arithmetic, comparisons, choices and conversions of values one by one as ONNX nodes.
import type { Edge } from "../../graph/graph.ts";
import {
  type CompareParams,
  compare,
  type PairKind,
  type PairParams,
  pair,
  where,
} from "../../ops/arithmetic.ts";
import { type AffineParams, affine, type BinaryParams, binary } from "../../ops/elementwise.ts";
import { type CastParams, type ClipParams, cast, clip } from "../../ops/math.ts";
import { sizeOf } from "../../tensor.ts";
import { arranged, entry, range, type Translation, type TranslationEntry } from "./call.ts";
import type { Layout, OnnxGraph } from "./graph.ts";

/** The layout for values that broadcast to `rank` axes. */
function broadcastLayout(g: OnnxGraph, edges: readonly Edge[], rank: number): Layout {
  // Broadcasting aligns the last axes; where ranks differ these must be ours.
  const fit = ({ shape, data }: Edge) => data !== undefined || shape.length === rank || sizeOf(shape) === 1;
  return edges.every(fit) ? g.layout(...edges.filter(({ shape }) => shape.length === rank)) : "last";
}

/** A value that broadcasts to `rank` axes. */
function operand(g: OnnxGraph, edge: Edge, rank: number, layout: Layout): string {
  const missing = rank - edge.shape.length;
  if (edge.data === undefined || missing === 0 || layout === "last") return g.value(edge, layout);
  const full = [...new Array<number>(missing).fill(1), ...edge.shape];
  const perm = arranged(range(rank), layout);
  const dims = perm.map((axis) => full[axis]);
  const first = dims.findIndex((size) => size > 1);
  return g.weight(edge, full, perm, first < 0 ? [] : dims.slice(first));
}

const BINARY = { add: "Add", sub: "Sub", mul: "Mul", div: "Div", min: "Min", max: "Max" } as const;

const writeBinary: Translation<BinaryParams> = (g, { inputs: [a, b], outputs: [y], params }) => {
  const rank = y.shape.length;
  const layout = broadcastLayout(g, [a, b], rank);
  const operands = [a, b].map((edge) => operand(g, edge, rank, layout));
  g.define(y, g.emit(BINARY[params.kind], operands), layout);
};

const writeAffine: Translation<AffineParams> = (
  g,
  { inputs: [x], outputs: [y], params: { scale, offset } },
) => {
  if (scale === 1 && offset === 0) return g.alias(y, x);
  const layout = g.layout(x);
  let made = g.value(x, layout);
  if (scale !== 1) made = g.emit("Mul", [made, g.scalar(scale)]);
  if (offset !== 0) made = g.emit("Add", [made, g.scalar(offset)]);
  g.define(y, made, layout);
};

/** Emits a function of two values, whose type is told, and gives the name of the result. */
type Pair = (g: OnnxGraph, a: string, b: string, integer: boolean) => string;

const plain =
  (op: string): Pair =>
  (g, a, b) =>
    g.emit(op, [a, b]);

const remainder =
  (fmod: 0 | 1): Pair =>
  (g, a, b) =>
    g.emit("Mod", [a, b], { fmod });

/** With the sign of b, which ONNX's op has for integers alone. */
const modulo: Pair = (g, a, b, integer) => {
  if (integer) return remainder(0)(g, a, b, integer);
  const rest = remainder(1)(g, a, b, integer);
  const apart = g.emit("Less", [g.emit("Mul", [rest, b]), g.scalar(0)]);
  return g.emit("Where", [apart, g.emit("Add", [rest, b]), rest]);
};

const floorDiv: Pair = (g, a, b, integer) => {
  if (!integer) return g.emit("Floor", [g.emit("Div", [a, b])]);
  return g.emit("Div", [g.emit("Sub", [a, modulo(g, a, b, integer)]), b]);
};

/** ONNX shifts no integers with a sign: they are multiplied, or divided, by a power of two. */
const shift =
  (op: (g: OnnxGraph, a: string, power: string) => string): Pair =>
  (g, a, b) => {
    const power = g.emit("Pow", [g.ints([2], []), g.cast(b, "int64")]);
    return g.cast(op(g, g.cast(a, "int64"), power), "int32");
  };

/** atan(y / x), turned by half a circle where x is below 0. */
const atan2: Pair = (g, y, x) => {
  const half = g.emit("Where", [g.emit("Less", [y, g.scalar(0)]), g.scalar(-Math.PI), g.scalar(Math.PI)]);
  const turn = g.emit("Where", [g.emit("Less", [x, g.scalar(0)]), half, g.scalar(0)]);
  const none = g.emit("Equal", [y, g.scalar(0)]);
  const angle = g.emit("Where", [none, g.scalar(0), g.emit("Atan", [g.emit("Div", [y, x])])]);
  return g.emit("Add", [angle, turn]);
};

const PAIRS: Readonly<Record<PairKind, Pair>> = {
  add: plain("Add"),
  sub: plain("Sub"),
  mul: plain("Mul"),
  div: plain("Div"),
  min: plain("Min"),
  max: plain("Max"),
  pow: plain("Pow"),
  mod: modulo,
  fmod: remainder(1),
  floorDiv,
  squaredDifference(g, a, b) {
    const difference = g.emit("Sub", [a, b]);
    return g.emit("Mul", [difference, difference]);
  },
  atan2,
  and: plain("BitwiseAnd"),
  or: plain("BitwiseOr"),
  xor: plain("BitwiseXor"),
  shiftLeft: shift((g, a, power) => g.emit("Mul", [a, power])),
  shiftRight: shift((g, a, power) => floorDiv(g, a, power, true)),
};

const writePair: Translation<PairParams> = (g, { inputs: [a, b], outputs: [y], params: { op } }) => {
  const rank = y.shape.length;
  const layout = broadcastLayout(g, [a, b], rank);
  const [left, right] = [a, b].map((edge) => operand(g, edge, rank, layout));
  g.define(y, PAIRS[op](g, left, right, y.dtype === "int32"), layout);
};

const COMPARE = {
  equal: "Equal",
  notEqual: "Equal",
  less: "Less",
  lessOrEqual: "LessOrEqual",
  greater: "Greater",
  greaterOrEqual: "GreaterOrEqual",
} as const;

const writeCompare: Translation<CompareParams> = (g, { inputs: [a, b], outputs: [y], params: { op } }) => {
  const rank = y.shape.length;
  const layout = broadcastLayout(g, [a, b], rank);
  const truth = g.emit(
    COMPARE[op],
    [a, b].map((edge) => operand(g, edge, rank, layout)),
  );
  g.defineTruth(y, op === "notEqual" ? g.emit("Not", [truth]) : truth, layout);
};

const writeWhere: Translation<object> = (g, { inputs, outputs: [y] }) => {
  const rank = y.shape.length;
  const layout = broadcastLayout(g, inputs, rank);
  const [condition, a, b] = inputs;
  const truth =
    condition.data === undefined
      ? g.truth(condition, layout)
      : g.cast(operand(g, condition, rank, layout), "bool");
  const operands = [a, b].map((edge) => operand(g, edge, rank, layout));
  g.define(y, g.emit("Where", [truth, ...operands]), layout);
};

const writeCast: Translation<CastParams> = (g, { inputs: [x], outputs: [y], params: { dtype, bool } }) => {
  const layout = g.layout(x);
  if (!bool) return g.define(y, g.cast(g.value(x, layout), dtype), layout);
  const truth = g.truth(x, layout);
  if (dtype === "int32") g.defineTruth(y, truth, layout);
  else g.define(y, g.cast(truth, dtype), layout);
};

const writeClip: Translation<ClipParams> = (g, { inputs: [x], outputs: [y], params: { min, max } }) => {
  const layout = g.layout(x);
  const whole = (v: number): number => Math.min(Math.max(v, -(2 ** 31)), 2 ** 31 - 1);
  const limit = (v: number | undefined, inwards: (v: number) => number): string => {
    if (v === undefined) return "";
    return g.numbers([x.dtype === "int32" ? inwards(whole(v)) : v], [], x.dtype);
  };
  const limits = [limit(min, Math.ceil), limit(max, Math.floor)];
  g.define(y, g.emit("Clip", [g.value(x, layout), ...limits]), layout);
};

export const elementwiseTranslations: readonly TranslationEntry[] = [
  entry(binary, writeBinary),
  entry(affine, writeAffine),
  entry(pair, writePair),
  entry(compare, writeCompare),
  entry(where, writeWhere),
  entry(cast, writeCast),
  entry(clip, writeClip),
];
