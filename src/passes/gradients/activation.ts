// Gradients of activations: from the output where the formula allows, so that the input need not be kept.

import { float32, type Op, sizeOf } from "../../graph/op.ts";
import { type Activation, type ActivationKind, activation, prelu } from "../../ops/activation.ts";
import { affine, binary, emitBroadcast } from "../../ops/elementwise.ts";
import {
  GRAD_ABS,
  GRAD_CLIP,
  GRAD_ELU,
  GRAD_ELU_X,
  GRAD_GELU,
  GRAD_GELU_TANH,
  GRAD_HARD_SWISH,
  GRAD_MISH,
  GRAD_POLYNOMIAL,
  GRAD_PRELU,
  GRAD_SILU,
  GRAD_SOFTPLUS,
  GRAD_SOFTSIGN,
  MAP_BLOCK,
} from "../../runtime/wasm.ts";
import { sumTo } from "./broadcast.ts";
import { type GradientEntry, gradientOf, whereWanted } from "./rule.ts";

export interface Derivative {
  /** What the kernel makes the derivative from: the activation's input or its output. */
  from: "x" | "y";
  /** One of the kernel's GRAD_ kinds, and its parameters. */
  kind: number;
  numbers?: readonly [p: number, q: number, r: number];
}

/** One slope between 0 and `end`, another outside; without `end` there is no upper end: no number is above NaN. */
const piecewise = (inside: number, outside: number, end = NaN): Derivative => ({
  from: "y",
  kind: GRAD_CLIP,
  numbers: [inside, outside, end],
});
const polynomial = (p: number, q: number, r: number): Derivative => ({
  from: "y",
  kind: GRAD_POLYNOMIAL,
  numbers: [p, q, r],
});
const ofInput = (kind: number): Derivative => ({ from: "x", kind });

const DERIVATIVES: Readonly<Partial<Record<ActivationKind, Derivative>>> = {
  relu: piecewise(1, 0),
  relu6: piecewise(1, 0, 6),
  selu: { from: "y", kind: GRAD_ELU, numbers: [1.7580993408473766, 1.0507009873554805, 0] },
  sigmoid: polynomial(0, 1, -1),
  tanh: polynomial(1, 0, -1),
  softplus: { from: "y", kind: GRAD_SOFTPLUS },
  softsign: { from: "y", kind: GRAD_SOFTSIGN },
  hardSigmoid: piecewise(1 / 6, 0, 1),
  hardSigmoidKeras: piecewise(0.2, 0, 1),
  hardSwish: ofInput(GRAD_HARD_SWISH),
  silu: ofInput(GRAD_SILU),
  mish: ofInput(GRAD_MISH),
  gelu: ofInput(GRAD_GELU),
  geluTanh: ofInput(GRAD_GELU_TANH),
  abs: ofInput(GRAD_ABS),
};

/** With a negative alpha the sign of the output does not tell the sign of the input. */
function derivativeOf({ kind, alpha }: Activation): Derivative {
  if (kind === "leakyRelu") {
    const below = alpha ?? 0.01;
    return { ...piecewise(1, below), from: below < 0 ? "x" : "y" };
  }
  if (kind === "elu") {
    const depth = alpha ?? 1;
    const numbers = [depth, 1, 0] as const;
    return depth < 0 ? { from: "x", kind: GRAD_ELU_X, numbers } : { from: "y", kind: GRAD_ELU, numbers };
  }
  return DERIVATIVES[kind]!;
}

/** dx from dy and from the activation's input or output, whichever its derivative is made from. */
export const activationGrad: Op<Derivative> = {
  name: "activationGrad",
  inPlace: true,
  infer: ([dy]) => [float32(dy.shape)],
  forward(e, [dy, v], [out], { kind, numbers: [p, q, r] = [0, 0, 0] }) {
    const count = sizeOf(dy.shape);
    const units = Math.ceil(count / MAP_BLOCK);
    e.call("activation_grad_f32", units, [out.base, dy.base, v.base, count, kind, p, q, r]);
  },
};

/** dx of prelu from [dy, x, alpha]: dy above 0, alpha · dy below. */
export const preluGrad: Op<Record<string, never>> = {
  name: "preluGrad",
  infer: ([dy]) => [float32(dy.shape)],
  forward(e, [dy, x, alpha], [out]) {
    const count = sizeOf(dy.shape);
    emitBroadcast(e, "mul_f32", out, dy, alpha);
    e.call("select_f32", Math.ceil(count / MAP_BLOCK), [out.base, dy.base, x.base, out.base, count]);
  },
};

export const activationGradients: readonly GradientEntry[] = [
  gradientOf(activation, (g, { params, inputs: [x], outputs: [y] }, dy) => {
    if (params.kind === "linear") return [dy];
    if (params.kind === "neg") return [g.op(affine, [dy], { scale: -1, offset: 0 })];
    if (params.kind === "exp") return [g.op(binary, [dy, y], { kind: "mul" })];
    if (params.kind === "sqrt")
      return [g.op(affine, [g.op(binary, [dy, y], { kind: "div" })], { scale: 0.5, offset: 0 })];
    const derivative = derivativeOf(params);
    return [g.op(activationGrad, [dy, derivative.from === "x" ? x : y], derivative)];
  }),
  gradientOf(prelu, (g, { inputs: [x, alpha] }, dy, wanted) =>
    whereWanted(wanted, [
      () => g.op(preluGrad, [dy, x, alpha], {}),
      () => sumTo(g, g.op(activationGrad, [dy, x], ofInput(GRAD_PRELU)), alpha.shape),
    ]),
  ),
];
