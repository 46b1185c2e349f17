// Operators that work value by value: functions, activations, arithmetic, comparisons, logic, casts.

import type { Value } from "../import/value.ts";
import { type Call, ELEMENTS, type Operators, type Translate, type Typed, wrapped } from "./operator.ts";
import { elementType } from "./tensor.ts";

/** A function by its name in `unary`. */
const unary =
  (op: string): Translate =>
  (call) =>
    wrapped(call, call.w.unary(op, call.input(0)), call.element(0));

/** A function with one or two parameters, each with the name of its attribute and a default. */
const withParameters =
  (op: string, ...parameters: readonly (readonly [name: string, initial: number])[]): Translate =>
  (call) => {
    const [p, q] = parameters.map(([name, initial]) => call.attributes.float(name) ?? initial);
    return call.w.unary(op, call.input(0), q === undefined ? { p } : { p, q });
  };

/** The second operand, which before opset 7 is aligned by attributes: from `axis` on. */
function second(call: Call): Value {
  const [a, b] = [call.input(0), call.input(1)];
  if (call.opset >= 7) return b;
  const broadcast = call.attributes.flag("broadcast");
  const axis = call.attributes.int("axis");
  if (!broadcast || axis === undefined) return b;
  const after = a.shape.length - call.axis(axis, a.shape.length) - b.shape.length;
  if (after < 0) call.fail(`an operand of shape [${b.shape}] does not fit [${a.shape}] from axis ${axis} on`);
  return call.w.reshape(b, [...b.shape, ...new Array<number>(after).fill(1)]);
}

const arithmetic =
  (op: string): Translate =>
  (call) => {
    const b = second(call);
    return wrapped(call, call.w.arithmetic(op, call.input(0), b), call.element(0));
  };

const compare =
  (op: string): Translate =>
  (call) =>
    call.w.compare(op, call.input(0), second(call));

/** The same operation on any number of inputs. */
const variadic =
  (op: string): Translate =>
  (call) =>
    combined(call, op);

function combined(call: Call, op: string): Value {
  const [first, ...others] = call.inputs;
  if (!first) call.fail("has no inputs");
  return others.reduce((a, b) => call.w.arithmetic(op, a, b), first);
}

/** a to the power of b, whose types may differ; the result has that of a. */
function pow(call: Call): Value {
  const { w } = call;
  const a = call.input(0);
  const b = second(call);
  const known = b.constant && b.constant.data.length === 1 ? b.constant.data[0] : undefined;
  if (a.type === "float") {
    const simple: Record<number, string> = { 2: "square", 0.5: "sqrt", [-1]: "reciprocal", [-0.5]: "rsqrt" };
    if (known === 1 && b.shape.length <= a.shape.length) return a;
    if (known !== undefined && Object.hasOwn(simple, known) && b.shape.length <= a.shape.length)
      return w.unary(simple[known], a);
    return w.arithmetic("pow", a, w.cast(b, "float"));
  }
  if (b.type === "float") return w.cast(w.arithmetic("pow", w.cast(a, "float"), b), a.type);
  return wrapped(call, w.arithmetic("pow", a, b), call.element(0));
}

/** Integers have the sign of the divisor, unless `fmod` is set. */
function mod(call: Call): Value {
  const fmod = call.attributes.flag("fmod");
  if (!fmod && call.input(0).type === "float") call.fail("floats need fmod = 1");
  return call.w.arithmetic(fmod ? "fmod" : "mod", call.input(0), call.input(1));
}

/** Limits are attributes before opset 11, and inputs since. */
function clip(call: Call): Value {
  const { w, attributes } = call;
  const x = call.input(0);
  let [min, max] = [attributes.float("min"), attributes.float("max")];
  const [low, high] = [call.optional(1), call.optional(2)];
  if (low?.constant) min = call.number(1, "min");
  if (high?.constant) max = call.number(2, "max");
  let y = min === undefined && max === undefined ? x : w.clip(x, min, max);
  if (low && !low.constant) y = w.arithmetic("max", y, low);
  if (high && !high.constant) y = w.arithmetic("min", y, high);
  return y;
}

/** x for x > 0, slope * x below; the slope has any shape that broadcasts to x's. */
function prelu(call: Call): Value {
  const { w } = call;
  const [x, slope] = [call.input(0), call.input(1)];
  const known = slope.constant;
  const rank = x.shape.length;
  // Before opset 7, a list is one for each channel.
  const perChannel = slope.shape.length === 1 && call.opset < 7 && rank > 2 && slope.shape[0] === x.shape[1];
  const shape = perChannel ? [slope.shape[0], ...x.shape.slice(2).map(() => 1)] : slope.shape;
  if (known && known.data.length === 1 && shape.length <= rank)
    return w.unary("leakyRelu", x, { p: known.data[0] });
  const alpha = w.reshape(slope, shape);
  const whole = [...x.shape.slice(shape.length).map(() => 1), ...shape];
  if (known && x.type === "float" && rank > 2 && whole.length === rank && whole[0] === 1) {
    const order = [0, ...x.shape.slice(2).map((_, i) => i + 2), 1];
    const turned = w.transpose(w.reshape(slope, whole), order);
    const flat = w.reshape(turned, turned.shape.slice(1)).constant!;
    const channels = flat.shape.slice(0, -1).every((size) => size === 1);
    const config = channels && flat.shape.at(-1) === x.shape[1] ? {} : { shape: flat.shape };
    const back = [0, rank - 1, ...x.shape.slice(2).map((_, i) => i + 1)];
    return w.transpose(w.image("prelu", w.transpose(x, order), config, { alpha: flat }), back);
  }
  const zero = x.type === "float" ? w.float(0) : w.ints(0);
  const below = w.arithmetic("mul", w.arithmetic("min", x, zero), alpha);
  return w.arithmetic("add", w.arithmetic("max", x, zero), below);
}

function selu(call: Call): Value {
  const alpha = call.attributes.float("alpha");
  const gamma = call.attributes.float("gamma");
  const x = call.input(0);
  if (alpha === undefined && gamma === undefined) return call.w.unary("selu", x);
  return call.w.unary("scaledElu", x, { p: alpha ?? 1.6732632423543772, q: gamma ?? 1.0507009873554805 });
}

function gelu(call: Call): Value {
  const { w } = call;
  const x = call.input(0);
  if (call.attributes.word("approximate", ["none", "tanh"]) === "none") return w.unary("gelu", x);
  const times = (a: Value, by: number): Value => w.arithmetic("mul", a, w.float(by));
  const cube = w.arithmetic("mul", w.unary("square", x), x);
  const inner = times(w.arithmetic("add", x, times(cube, 0.044715)), Math.sqrt(2 / Math.PI));
  return times(w.arithmetic("mul", x, w.arithmetic("add", w.unary("tanh", inner), w.float(1))), 0.5);
}

function isInf(call: Call): Value {
  const { attributes, w } = call;
  const negative = (attributes.int("detect_negative") ?? 1) !== 0;
  const positive = (attributes.int("detect_positive") ?? 1) !== 0;
  const x = call.input(0);
  if (!negative && !positive)
    return w.unary("not", w.compare("equal", w.unary("isInf", x, { p: 0 }), w.unary("isInf", x, { p: 0 })));
  return w.unary("isInf", x, { p: negative && positive ? 0 : positive ? 1 : -1 });
}

/** The value as elements of another type. */
export function castTo(call: Call, x: Value, to: Typed["element"]): Typed {
  const { w } = call;
  // Half the bits of a float are lost: what follows may need that.
  if (to.name === "bfloat16" && call.element(0).name !== "bfloat16" && !x.constant)
    call.refuse("rounding to bfloat16 has no equivalent here: floats have 32 bits");
  const value = w.cast(x, to.kind);
  return { value: x.type === "float" ? value : wrapped(call, value, to), element: to };
}

function cast(call: Call): Typed {
  const to = call.attributes.int("to");
  if (to === undefined) call.fail("attribute to is missing");
  call.attributes.ignore("saturate", "round_mode");
  return castTo(call, call.input(0), elementType(to, call.where));
}

function dropout(call: Call): readonly (Typed | Value)[] {
  const { w, attributes } = call;
  attributes.ignore("ratio", "seed", "is_test");
  const x = call.input(0);
  // In inference nothing is dropped; asked to train, it may still drop nothing.
  if (call.has(2) && call.number(2, "training_mode") !== 0 && call.number(1, "ratio") !== 0)
    call.refuse("dropping values at random has no equivalent here (training_mode)");
  if (call.outputs < 2) return [x];
  const mask = w.layer("fill", [w.ints(x.shape), w.ints(1)])[0];
  return [x, { value: w.cast(mask, "bool"), element: ELEMENTS.bool }];
}

export const ELEMENTWISE: Operators = {
  Abs: unary("abs"),
  Acos: unary("acos"),
  Acosh: unary("acosh"),
  Asin: unary("asin"),
  Asinh: unary("asinh"),
  Atan: unary("atan"),
  Atanh: unary("atanh"),
  BitwiseNot: unary("bitNot"),
  Ceil: unary("ceil"),
  Cos: unary("cos"),
  Cosh: unary("cosh"),
  Erf: unary("erf"),
  Exp: unary("exp"),
  Floor: unary("floor"),
  IsInf: isInf,
  IsNaN: unary("isNaN"),
  Log: unary("log"),
  Neg: unary("neg"),
  Not: unary("not"),
  Reciprocal: unary("reciprocal"),
  Round: unary("round"),
  Sign: unary("sign"),
  Sin: unary("sin"),
  Sinh: unary("sinh"),
  Sqrt: unary("sqrt"),
  Tan: unary("tan"),

  Celu: withParameters("celu", ["alpha", 1]),
  Elu: withParameters("elu", ["alpha", 1]),
  Gelu: gelu,
  HardSigmoid: withParameters("hardSigmoid", ["alpha", 0.2], ["beta", 0.5]),
  HardSwish: unary("hardSwish"),
  LeakyRelu: withParameters("leakyRelu", ["alpha", 0.01]),
  Mish: unary("mish"),
  PRelu: prelu,
  Relu: (call) => call.w.clip(call.input(0), 0, undefined),
  Selu: selu,
  Shrink: withParameters("shrink", ["lambd", 0.5], ["bias", 0]),
  Sigmoid: unary("sigmoid"),
  Softplus: unary("softplus"),
  Softsign: unary("softsign"),
  Swish: withParameters("swish", ["alpha", 1]),
  Tanh: unary("tanh"),
  ThresholdedRelu: withParameters("thresholdedRelu", ["alpha", 1]),

  Add: arithmetic("add"),
  BitwiseAnd: arithmetic("and"),
  BitwiseOr: arithmetic("or"),
  BitwiseXor: arithmetic("xor"),
  BitShift: (call) => {
    const left = call.attributes.string("direction") === "LEFT";
    return arithmetic(left ? "shiftLeft" : "shiftRight")(call);
  },
  Div: arithmetic("div"),
  Mod: mod,
  Mul: arithmetic("mul"),
  Pow: pow,
  Sub: arithmetic("sub"),
  Max: variadic("max"),
  Mean: (call) => call.w.arithmetic("mul", combined(call, "add"), call.w.float(1 / call.inputs.length)),
  Min: variadic("min"),
  Sum: variadic("add"),

  And: arithmetic("and"),
  Or: arithmetic("or"),
  Xor: arithmetic("xor"),
  Equal: compare("equal"),
  Greater: compare("greater"),
  GreaterOrEqual: compare("greaterOrEqual"),
  Less: compare("less"),
  LessOrEqual: compare("lessOrEqual"),
  Where: (call) => ({
    value: call.w.where(call.input(0), call.input(1), call.input(2)),
    element: call.element(1),
  }),

  Cast: cast,
  CastLike: (call) => {
    call.attributes.ignore("saturate", "round_mode");
    return castTo(call, call.input(0), call.element(1));
  },
  Clip: clip,
  Dropout: dropout,
  Identity: (call) => ({ value: call.input(0), element: call.element(0) }),
};
