// Operators that map values one by one.
import { FormatError } from "../../errors.ts";
import { sizeOf } from "../../tensor.ts";
import { describe } from "../../validate.ts";
import { constant } from "../import/constant.ts";
import type { Value } from "../import/value.ts";
import type { ModelWriter } from "../import/writer.ts";
import { type Call, channelsFirst, type Operator, type Operators } from "./graph-call.ts";

const unary =
  (op: string, params?: { p?: number; q?: number }): Operator =>
  (call, writer) =>
    writer.unary(op, call.input(0), params);

/** Of the same type, as TensorFlow has it. */
function pair(call: Call): [Value, Value] {
  const [a, b] = [call.input(0), call.input(1)];
  if (a.type !== b.type)
    throw new FormatError(`${call.where}: reads a value of type ${a.type} and one of type ${b.type}`);
  return [a, b];
}

const arithmetic =
  (op: string): Operator =>
  (call, writer) =>
    writer.arithmetic(op, ...pair(call));

const compare =
  (op: string): Operator =>
  (call, writer) =>
    writer.compare(op, ...pair(call));

/** Integers are divided as TensorFlow.js does: rounded down. */
const divide: Operator = (call, writer) => {
  const [a, b] = pair(call);
  return writer.arithmetic(a.type === "float" ? "div" : "floorDiv", a, b);
};

/** 0 where it is divided by 0. */
const divideNoNan: Operator = (call, writer) => {
  const [a, b] = pair(call);
  const zero = writer.float(0);
  return writer.where(writer.compare("equal", b, zero), zero, writer.arithmetic("div", a, b));
};

const addAll: Operator = (call, writer) => {
  const [first, ...rest] = call.inputs;
  if (!first) throw new FormatError(`${call.where}: has no inputs`);
  return rest.reduce((sum, value) => writer.arithmetic("add", sum, value), first);
};

/** A bias for each channel. */
export function addBias(call: Call, writer: ModelWriter, x: Value, bias: Value): Value {
  call.rank(bias, 1, "the bias");
  const spatial = channelsFirst(call) ? x.shape.slice(2).map(() => 1) : [];
  return writer.arithmetic("add", x, writer.reshape(bias, [...bias.shape, ...spatial]));
}

/** A condition of one axis chooses rows. */
const select: Operator = (call, writer) => {
  const [condition, a, b] = [call.input(0), call.input(1), call.input(2)];
  const rows = call.node.op === "Select" && condition.shape.length === 1 && a.shape.length > 1;
  const chosen = rows
    ? writer.reshape(condition, [...condition.shape, ...a.shape.slice(1).map(() => 1)])
    : condition;
  return writer.where(chosen, a, b);
};

/** As an activation of a node, or of one that is fused into another. */
export const leakyRelu = (writer: ModelWriter, x: Value, alpha: number): Value =>
  alpha === 0 ? writer.unary("relu", x) : writer.unary("leakyRelu", x, { p: alpha });

/** alpha has one value, one for each channel, or one for each pixel and channel, in front of which may be axes of size 1. */
export function prelu(call: Call, writer: ModelWriter, x: Value, alpha: Value): Value {
  const rank = x.shape.length;
  const own = [...alpha.shape.slice(Math.max(alpha.shape.length - rank, 0))];
  const fits = own.every((d, i) => d === 1 || d === x.shape[rank - own.length + i]);
  if (!fits || sizeOf(own) !== sizeOf(alpha.shape))
    throw new FormatError(
      `${call.where}: alpha ${describe(alpha.shape)} does not broadcast to ${describe(x.shape)}`,
    );
  if (!alpha.constant) return writer.layer("dynamicPRelu", [x, alpha], {}, { perImage: false })[0];
  while (own[0] === 1 && own.length > 1) own.shift();
  const weight = writer.reshape(alpha, own).constant!;
  if (sizeOf(own) === 1) {
    const [value] = weight.data;
    if (Number.isFinite(value)) return leakyRelu(writer, x, value);
  }
  if (own.length === rank) call.unsupported("a slope for each image of a batch is not supported");
  const config = own.length === 1 ? (own[0] === 1 ? { shared: true } : {}) : { shape: own };
  return writer.image("prelu", x, config, { alpha: weight });
}

/** The values of x within limits, which are joined where x was limited before: a relu of which the minimum with 6 is taken is a relu6. */
function limited(call: Call, writer: ModelWriter, x: Value, low: number, high: number): Value {
  const { limits } = call.around;
  const { of, min, max } = limits.get(x) ?? { of: x, min: -Infinity, max: Infinity };
  const least = Math.min(Math.max(min, low), high);
  const most = Math.max(Math.min(max, high), low);
  if (least === min && most === max) return x;
  const given = (limit: number): number | undefined => (Number.isFinite(limit) ? limit : undefined);
  const y = writer.clip(of, given(least), given(most));
  limits.set(y, { of, min: least, max: most });
  return y;
}

/** The smaller or larger of two; of a value and a number, a limit. */
const extreme =
  (op: "min" | "max"): Operator =>
  (call, writer) => {
    const [a, b] = pair(call);
    const [x, { constant: known, shape }] = b.constant ? [a, b] : [b, a];
    const limit = known && sizeOf(shape) === 1 && shape.length <= x.shape.length ? known.data[0] : NaN;
    if (x.constant || x.type !== "float" || !Number.isFinite(limit)) return writer.arithmetic(op, a, b);
    return op === "min"
      ? limited(call, writer, x, -Infinity, limit)
      : limited(call, writer, x, limit, Infinity);
  };

const relu =
  (most: number): Operator =>
  (call, writer) =>
    limited(call, writer, call.input(0), 0, most);

const clip: Operator = (call, writer) => {
  const x = call.input(0);
  const [low, high] = [call.input(1), call.input(2)];
  if (low.constant && high.constant && low.shape.length === 0 && high.shape.length === 0)
    return writer.clip(x, call.number(1, "the minimum"), call.number(2, "the maximum"));
  return writer.arithmetic("min", writer.arithmetic("max", x, low), high);
};

const cast: Operator = (call, writer) => writer.cast(call.input(0), call.attributes.type("DstT"));

const same: Operator = (call) => call.input(0);

/** Values of the shape and the type of x. */
const filled =
  (value: number): Operator =>
  (call, writer) => {
    const { shape, type } = call.input(0);
    const data = type === "float" ? Float32Array.of(value) : Float64Array.of(value);
    return writer.layer("fill", [writer.ints(shape), writer.known(constant([], type, data))])[0];
  };

export const elementwiseOperators: Operators = {
  Abs: unary("abs"),
  Neg: unary("neg"),
  Exp: unary("exp"),
  Expm1: unary("expm1"),
  Log: unary("log"),
  Log1p: unary("log1p"),
  Sqrt: unary("sqrt"),
  Rsqrt: unary("rsqrt"),
  Square: unary("square"),
  Floor: unary("floor"),
  Ceil: unary("ceil"),
  Round: unary("round"),
  Rint: unary("round"),
  Sign: unary("sign"),
  Reciprocal: unary("reciprocal"),
  Inv: unary("reciprocal"),
  Sin: unary("sin"),
  Cos: unary("cos"),
  Tan: unary("tan"),
  Asin: unary("asin"),
  Acos: unary("acos"),
  Atan: unary("atan"),
  Sinh: unary("sinh"),
  Cosh: unary("cosh"),
  Tanh: unary("tanh"),
  Asinh: unary("asinh"),
  Acosh: unary("acosh"),
  Atanh: unary("atanh"),
  Erf: unary("erf"),
  Sigmoid: unary("sigmoid"),
  Elu: unary("elu"),
  Selu: unary("selu"),
  Relu: relu(Infinity),
  Relu6: relu(6),
  Softplus: unary("softplus"),
  Softsign: unary("softsign"),
  IsNan: unary("isNaN"),
  IsInf: unary("isInf"),
  IsFinite: unary("isFinite"),
  LogicalNot: unary("not"),
  Invert: unary("bitNot"),
  LeakyRelu: (call, writer) => leakyRelu(writer, call.input(0), call.attributes.float("alpha", 0.2)),
  Prelu: (call, writer) => prelu(call, writer, call.input(0), call.input(1)),

  Add: arithmetic("add"),
  AddV2: arithmetic("add"),
  AddN: addAll,
  Accumulate: addAll,
  AccumulateNV2: addAll,
  BiasAdd: (call, writer) => addBias(call, writer, call.input(0), call.input(1)),
  BiasAddV1: (call, writer) => addBias(call, writer, call.input(0), call.input(1)),
  Sub: arithmetic("sub"),
  Mul: arithmetic("mul"),
  Div: divide,
  RealDiv: divide,
  DivNoNan: divideNoNan,
  FloorDiv: arithmetic("floorDiv"),
  FloorMod: arithmetic("mod"),
  Mod: arithmetic("mod"),
  Maximum: extreme("max"),
  Minimum: extreme("min"),
  Pow: arithmetic("pow"),
  SquaredDifference: arithmetic("squaredDifference"),
  Atan2: arithmetic("atan2"),
  LogicalAnd: arithmetic("and"),
  LogicalOr: arithmetic("or"),
  LogicalXor: arithmetic("xor"),
  BitwiseAnd: arithmetic("and"),
  BitwiseOr: arithmetic("or"),
  BitwiseXor: arithmetic("xor"),
  LeftShift: arithmetic("shiftLeft"),
  RightShift: arithmetic("shiftRight"),

  Equal: compare("equal"),
  NotEqual: compare("notEqual"),
  Less: compare("less"),
  LessEqual: compare("lessOrEqual"),
  Greater: compare("greater"),
  GreaterEqual: compare("greaterOrEqual"),

  Select: select,
  SelectV2: select,
  ClipByValue: clip,
  Cast: cast,

  Identity: same,
  Snapshot: same,
  StopGradient: same,
  PreventGradient: same,
  CheckNumerics: same,
  EnsureShape: same,
  PlaceholderWithDefault: same,
  // Trained with rounding in mind: as TensorFlow.js, the network computes without.
  FakeQuantWithMinMaxVars: same,
  FakeQuantWithMinMaxVarsPerChannel: same,
  FakeQuantWithMinMaxArgs: same,
  ReadVariableOp: same,
  IdentityN: (call) => call.inputs,
  ZerosLike: filled(0),
  OnesLike: filled(1),
};
