// Activations, which map each value on its own, by PyTorch's definitions; and prelu, whose slope is a tensor.

import { ShapeError } from "../errors.ts";
import { float32, type Op } from "../graph/op.ts";
import {
  ACTIVATION_ABS,
  ACTIVATION_CLAMP,
  ACTIVATION_ELU,
  ACTIVATION_EXP,
  ACTIVATION_GELU,
  ACTIVATION_GELU_TANH,
  ACTIVATION_HARD_SIGMOID,
  ACTIVATION_HARD_SWISH,
  ACTIVATION_LEAKY_RELU,
  ACTIVATION_MISH,
  ACTIVATION_NEG,
  ACTIVATION_NONE,
  ACTIVATION_SIGMOID,
  ACTIVATION_SILU,
  ACTIVATION_SOFTPLUS,
  ACTIVATION_SOFTSIGN,
  ACTIVATION_SQRT,
  ACTIVATION_TANH,
} from "../runtime/wasm.ts";
import { finite } from "../validate.ts";
import { arity, requireFloats, show } from "./check.ts";
import { broadcastShape, emitBroadcast } from "./elementwise.ts";
import { emitActivation } from "./rows.ts";

export type ActivationKind =
  | "linear"
  | "relu"
  | "relu6"
  | "leakyRelu"
  | "elu"
  | "selu"
  | "gelu"
  | "geluTanh"
  | "sigmoid"
  | "tanh"
  | "softplus"
  | "silu"
  | "mish"
  | "hardSwish"
  | "hardSigmoid"
  | "hardSigmoidKeras"
  | "exp"
  | "softsign"
  | "abs"
  | "neg"
  | "sqrt";

export interface Activation {
  kind: ActivationKind;
  /** The slope of leakyRelu below 0 (0.01), or the depth of elu (1). */
  alpha?: number;
}

/** How the kernel is asked for an activation: one of ACTIVATION_*, and its parameters. */
interface KernelKind {
  kind: number;
  p?: number;
  q?: number;
  /** For those that take an alpha, which is p: its default. */
  alpha?: number;
}

// "Self-Normalizing Neural Networks", Klambauer et al. 2017.
const SELU = { alpha: 1.6732632423543772, scale: 1.0507009873554805 };

const KERNEL_KINDS: Readonly<Record<ActivationKind, KernelKind>> = {
  linear: { kind: ACTIVATION_CLAMP, p: -Infinity, q: Infinity },
  relu: { kind: ACTIVATION_CLAMP, p: 0, q: Infinity },
  relu6: { kind: ACTIVATION_CLAMP, p: 0, q: 6 },
  leakyRelu: { kind: ACTIVATION_LEAKY_RELU, alpha: 0.01 },
  elu: { kind: ACTIVATION_ELU, alpha: 1, q: 1 },
  selu: { kind: ACTIVATION_ELU, p: SELU.alpha * SELU.scale, q: SELU.scale },
  gelu: { kind: ACTIVATION_GELU },
  geluTanh: { kind: ACTIVATION_GELU_TANH },
  sigmoid: { kind: ACTIVATION_SIGMOID },
  tanh: { kind: ACTIVATION_TANH },
  softplus: { kind: ACTIVATION_SOFTPLUS },
  silu: { kind: ACTIVATION_SILU },
  mish: { kind: ACTIVATION_MISH },
  hardSwish: { kind: ACTIVATION_HARD_SWISH },
  hardSigmoid: { kind: ACTIVATION_HARD_SIGMOID, p: 1 / 6, q: 0.5 },
  hardSigmoidKeras: { kind: ACTIVATION_HARD_SIGMOID, p: 0.2, q: 0.5 },
  exp: { kind: ACTIVATION_EXP },
  softsign: { kind: ACTIVATION_SOFTSIGN },
  abs: { kind: ACTIVATION_ABS },
  neg: { kind: ACTIVATION_NEG },
  sqrt: { kind: ACTIVATION_SQRT },
};

export const ACTIVATION_KINDS = Object.keys(KERNEL_KINDS) as readonly ActivationKind[];

/** Throws unless the kind exists and alpha is one it takes. */
export function checkActivation({ kind, alpha }: Activation, where: string): void {
  if (!Object.hasOwn(KERNEL_KINDS, kind))
    throw new ShapeError(
      `${where}: activation is ${JSON.stringify(kind)} but must be one of ${Object.keys(KERNEL_KINDS).join(", ")}`,
    );
  if (alpha === undefined) return;
  if (KERNEL_KINDS[kind].alpha === undefined)
    throw new ShapeError(
      `${where}: alpha is ${alpha} but activation "${kind}" takes none (leakyRelu and elu do)`,
    );
  finite(alpha, "alpha", where);
}

function kernelOf({ kind, alpha }: Activation): { kind: number; p: number; q: number } {
  const { kind: number, p = 0, q = 0, alpha: byDefault } = KERNEL_KINDS[kind];
  return { kind: number, p: byDefault === undefined ? p : (alpha ?? byDefault), q };
}

/** What kernels apply to a result while it is in cache: limits, or one of ACTIVATION_* with its parameters. */
export interface Epilogue {
  lo: number;
  hi: number;
  activation: number;
  p: number;
  q: number;
}

/** An activation as fields of the `epilogue` record: a clamp as limits, any other by its kind; neither when there is none. */
export function epilogueOf(activation: Activation | undefined): Epilogue {
  const { kind, p, q } = kernelOf(activation ?? { kind: "linear" });
  if (kind === ACTIVATION_CLAMP) return { lo: p, hi: q, activation: ACTIVATION_NONE, p: 0, q: 0 };
  return { lo: -Infinity, hi: Infinity, activation: kind, p, q };
}

export const activation: Op<Activation> = {
  name: "activation",
  infer(inputs, params, where) {
    arity(inputs, 1, 1, where);
    requireFloats(inputs[0], where);
    checkActivation(params, where);
    return [float32(inputs[0].shape)];
  },
  forward(e, [x], [out], params) {
    const { kind, p, q } = kernelOf(params);
    emitActivation(e, out, x, kind, p, q);
  },
  inPlace: true,
  strided: { inputs: "all", outputs: true },
};

/** x above 0, alpha · x below. alpha broadcasts to x: a single value, one per channel, or more. */
export const prelu: Op<Record<string, never>> = {
  name: "prelu",
  infer(inputs, _, where) {
    arity(inputs, 2, 2, where);
    const [x, alpha] = inputs;
    requireFloats(x, where);
    requireFloats(alpha, where);
    const shape = broadcastShape(x.shape, alpha.shape, where);
    if (shape.length !== x.shape.length || shape.some((d, i) => d !== x.shape[i]))
      throw new ShapeError(
        `${where}: alpha has shape ${show(alpha.shape)} but must be [1], [${x.shape.at(-1) ?? 1}], ` +
          `or another shape that broadcasts to the input's ${show(x.shape)}`,
      );
    return [float32(x.shape)];
  },
  forward(e, [x, alpha], [out]) {
    emitBroadcast(e, "prelu_f32", out, x, alpha);
  },
  inPlace: true,
  strided: { inputs: "all", outputs: true },
};
