// Functions of values one by one that models read from files have, as ONNX nodes: composed of several where ONNX has no op for one.
import { type MapKind, type MapParams, map } from "../../ops/math.ts";
import { entry, type Translation, type TranslationEntry } from "./call.ts";
import type { OnnxGraph } from "./graph.ts";

/** Emits a function of x and gives the name of its value. */
type Unary = (g: OnnxGraph, x: string, p: number | undefined, q: number | undefined) => string;

const plain =
  (op: string): Unary =>
  (g, x) =>
    g.emit(op, [x]);

/** f(x), with the sign of x, of f for values not below 0. */
const odd =
  (f: (g: OnnxGraph, size: string) => string): Unary =>
  (g, x) =>
    g.emit("Mul", [g.emit("Sign", [x]), f(g, g.emit("Abs", [x]))]);

const infinite: Unary = (g, x, p = 0) =>
  g.emit("IsInf", [x], { detect_negative: Number(p <= 0), detect_positive: Number(p >= 0) });

const FLOATS: Readonly<Partial<Record<MapKind, Unary>>> = {
  log: plain("Log"),
  log2: (g, x) => g.emit("Mul", [g.emit("Log", [x]), g.scalar(Math.LOG2E)]),
  log1p: (g, x) => g.emit("Log", [g.emit("Add", [x, g.scalar(1)])]),
  expm1: (g, x) => g.emit("Sub", [g.emit("Exp", [x]), g.scalar(1)]),
  exp2: (g, x) => g.emit("Pow", [g.scalar(2), x]),
  floor: plain("Floor"),
  ceil: plain("Ceil"),
  round: plain("Round"),
  trunc: odd((g, size) => g.emit("Floor", [size])),
  sign: plain("Sign"),
  reciprocal: plain("Reciprocal"),
  rsqrt: (g, x) => g.emit("Reciprocal", [g.emit("Sqrt", [x])]),
  erf: plain("Erf"),
  sin: plain("Sin"),
  cos: plain("Cos"),
  tan: plain("Tan"),
  asin: plain("Asin"),
  acos: plain("Acos"),
  atan: plain("Atan"),
  sinh: plain("Sinh"),
  cosh: plain("Cosh"),
  asinh: plain("Asinh"),
  acosh: plain("Acosh"),
  atanh: plain("Atanh"),
  cbrt: odd((g, size) => g.emit("Pow", [size, g.scalar(1 / 3)])),
  thresholdedRelu: (g, x, p = 1) => g.emit("ThresholdedRelu", [x], { alpha: { float: p } }),
  shrink: (g, x, p = 0, q = 0) => g.emit("Shrink", [x], { lambd: { float: p }, bias: { float: q } }),
  celu: (g, x, p = 1) => g.emit("Celu", [x], { alpha: { float: p } }),
  hardSigmoid: (g, x, p = 0, q = 0) =>
    g.emit("HardSigmoid", [x], { alpha: { float: p }, beta: { float: q } }),
  scaledElu: (g, x, p = 0, q = 0) => g.emit("Selu", [x], { alpha: { float: p }, gamma: { float: q } }),
  swish: (g, x, p = 1) => g.emit("Mul", [x, g.emit("Sigmoid", [g.emit("Mul", [x, g.scalar(p)])])]),
};

/** Functions of floats to bool. */
const TRUTHS: Readonly<Partial<Record<MapKind, Unary>>> = {
  isNaN: plain("IsNaN"),
  isInf: infinite,
  isFinite: (g, x) =>
    g.emit("Not", [g.emit("Or", [g.emit("IsNaN", [x]), infinite(g, x, undefined, undefined)])]),
};

const INTEGERS: Readonly<Partial<Record<MapKind, Unary>>> = {
  abs: plain("Abs"),
  neg: plain("Neg"),
  sign: plain("Sign"),
  square: (g, x) => g.emit("Mul", [x, x]),
  bitNot: (g, x) => g.emit("Sub", [g.numbers([-1], [], "int32"), x]),
  relu: (g, x) => g.emit("Max", [x, g.numbers([0], [], "int32")]),
};

const writeMap: Translation<MapParams> = (g, { inputs: [x], outputs: [y], params: { op, p, q } }) => {
  const layout = g.layout(x);
  if (op === "not") return g.defineTruth(y, g.emit("Not", [g.truth(x, layout)]), layout);
  const from = g.value(x, layout);
  const truth = TRUTHS[op];
  if (truth) return g.defineTruth(y, truth(g, from, p, q), layout);
  g.define(y, (x.dtype === "int32" ? INTEGERS : FLOATS)[op]!(g, from, p, q), layout);
};

export const mapTranslations: readonly TranslationEntry[] = [entry(map, writeMap)];
