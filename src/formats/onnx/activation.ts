// Activations as ONNX nodes, composed of several where ONNX has no op for one.
import { type Activation, type ActivationKind, activation, prelu } from "../../ops/activation.ts";
import { axisOf } from "../../ops/check.ts";
import { logSoftmax, type SoftmaxParams, softmax } from "../../ops/softmax.ts";
import { arranged, axisIn, entry, range, type Translation, type TranslationEntry } from "./call.ts";
import type { OnnxGraph } from "./graph.ts";
import type { Attribute } from "./proto.ts";

/** Emits a function of x and gives the name of its value. */
type Unary = (g: OnnxGraph, x: string) => string;

const unary =
  (op: string, attributes: Readonly<Record<string, Attribute>> = {}): Unary =>
  (g, x) =>
    g.emit(op, [x], attributes);

/** x * f(x). */
const timesInput =
  (f: Unary): Unary =>
  (g, x) =>
    g.emit("Mul", [x, f(g, x)]);

/** x * (1 + f) / 2. */
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
  silu: timesInput(unary("Sigmoid")),
  mish: timesInput((g, x) => g.emit("Tanh", [g.emit("Softplus", [x])])),
  hardSwish: unary("HardSwish"),
  hardSigmoid: unary("HardSigmoid", { alpha: { float: 1 / 6 }, beta: { float: 0.5 } }),
  hardSigmoidKeras: unary("HardSigmoid", { alpha: { float: 0.2 }, beta: { float: 0.5 } }),
  exp: unary("Exp"),
  softsign: unary("Softsign"),
  abs: unary("Abs"),
  neg: unary("Neg"),
  sqrt: unary("Sqrt"),
};

const writeActivation: Translation<Activation> = (g, { inputs: [x], outputs: [y], params }) => {
  const layout = g.layout(x);
  g.define(y, ACTIVATIONS[params.kind](g, g.value(x, layout), params.alpha), layout);
};

const writePrelu: Translation<object> = (g, { inputs: [x, alpha], outputs: [y] }) => {
  const layout = g.layout(x);
  const rank = x.shape.length;
  const full = [...new Array<number>(rank - alpha.shape.length).fill(1), ...alpha.shape];
  const perm = arranged(range(rank), layout);
  const dims = perm.map((axis) => full[axis]);
  g.define(y, g.emit("PRelu", [g.value(x, layout), g.weight(alpha, full, perm, dims)]), layout);
};

const alongAxis =
  (op: string): Translation<SoftmaxParams> =>
  (g, { inputs: [x], outputs: [y], params, where }) => {
    const layout = g.layout(x);
    const rank = x.shape.length;
    const axis = axisIn(layout, axisOf(params.axis, rank, where), rank);
    g.define(y, g.emit(op, [g.value(x, layout)], { axis }), layout);
  };

export const activationTranslations: readonly TranslationEntry[] = [
  entry(activation, writeActivation),
  entry(prelu, writePrelu),
  entry(softmax, alongAxis("Softmax")),
  entry(logSoftmax, alongAxis("LogSoftmax")),
];
