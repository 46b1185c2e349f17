// Activations: one value in, one value out. PyTorch's definitions.

import { ShapeError } from "../errors.ts";
import { type Emitter, float32, type Op, sizeOf, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import {
  ACTIVATION_ABS,
  ACTIVATION_ELU,
  ACTIVATION_EXP,
  ACTIVATION_GELU,
  ACTIVATION_GELU_TANH,
  ACTIVATION_HARD_SIGMOID,
  ACTIVATION_HARD_SWISH,
  ACTIVATION_LEAKY_RELU,
  ACTIVATION_MISH,
  ACTIVATION_NEG,
  ACTIVATION_SIGMOID,
  ACTIVATION_SILU,
  ACTIVATION_SOFTPLUS,
  ACTIVATION_SOFTSIGN,
  ACTIVATION_SQRT,
  ACTIVATION_TANH,
  type KernelName,
  MAP_BLOCK,
} from "../runtime/wasm.ts";
import { arity, finite, requireFloats, show } from "./check.ts";
import { broadcastShape, emitBroadcast } from "./elementwise.ts";

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

interface Recipe {
  kernel: KernelName;
  /** The numbers the kernel takes. */
  numbers?: readonly number[];
  /** What alpha is where none is given; absent where there is none. Alpha goes before `numbers`. */
  alpha?: number;
}

// "Self-Normalizing Neural Networks", Klambauer et al. 2017.
const SELU = [1.6732632423543772, 1.0507009873554805];

const RECIPES: Readonly<Record<ActivationKind, Recipe>> = {
  linear: { kernel: "clamp_f32", numbers: [-Infinity, Infinity] },
  relu: { kernel: "clamp_f32", numbers: [0, Infinity] },
  relu6: { kernel: "clamp_f32", numbers: [0, 6] },
  leakyRelu: { kernel: "leaky_relu_f32", alpha: 0.01 },
  elu: { kernel: "elu_f32", alpha: 1, numbers: [1] },
  selu: { kernel: "elu_f32", numbers: SELU },
  gelu: { kernel: "gelu_f32" },
  geluTanh: { kernel: "gelu_tanh_f32" },
  sigmoid: { kernel: "sigmoid_f32" },
  tanh: { kernel: "tanh_f32" },
  softplus: { kernel: "softplus_f32" },
  silu: { kernel: "silu_f32" },
  mish: { kernel: "mish_f32" },
  hardSwish: { kernel: "hard_swish_f32" },
  hardSigmoid: { kernel: "hard_sigmoid_f32", numbers: [1 / 6, 0.5] },
  hardSigmoidKeras: { kernel: "hard_sigmoid_f32", numbers: [0.2, 0.5] },
  exp: { kernel: "exp_f32" },
  softsign: { kernel: "softsign_f32" },
  abs: { kernel: "abs_f32" },
  neg: { kernel: "neg_f32" },
  sqrt: { kernel: "sqrt_f32" },
};

/** Throws unless the kind exists and alpha is one it takes. */
export function checkActivation({ kind, alpha }: Activation, where: string): void {
  if (!Object.hasOwn(RECIPES, kind))
    throw new ShapeError(
      `${where}: activation is ${JSON.stringify(kind)} but must be one of ${Object.keys(RECIPES).join(", ")}`,
    );
  if (alpha === undefined) return;
  if (RECIPES[kind].alpha === undefined)
    throw new ShapeError(
      `${where}: alpha is ${alpha} but activation "${kind}" takes none (leakyRelu and elu do)`,
    );
  finite(alpha, "alpha", where);
}

/** Kinds `clampOf` says all about. */
const CLAMPS: ReadonlySet<ActivationKind> = new Set(["linear", "relu", "relu6"]);

/** The bounds a kernel can apply while it writes its result; none for what is left to `activate`. */
export function clampOf(activation: Activation | undefined): [number, number] {
  if (activation?.kind === "relu") return [0, Infinity];
  if (activation?.kind === "relu6") return [0, 6];
  return [-Infinity, Infinity];
}

/** Applies in place what `clampOf` could not say. */
export function activate(e: Emitter, y: Value, activation: Activation | undefined): void {
  if (!activation || CLAMPS.has(activation.kind)) return;
  emitActivation(e, y.base, y.base, sizeOf(y.shape), activation);
}

function emitActivation(
  e: Emitter,
  out: Address,
  x: Address,
  count: number,
  { kind, alpha }: Activation,
): void {
  const { kernel, numbers = [], alpha: usual } = RECIPES[kind];
  const all = usual === undefined ? numbers : [alpha ?? usual, ...numbers];
  e.call(kernel, Math.ceil(count / MAP_BLOCK), [out, x, count, ...all]);
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
    emitActivation(e, out.base, x.base, sizeOf(x.shape), params);
  },
  inPlace: true,
};

/** x above 0, alpha · x below, with an alpha that broadcasts to x: one in all, one per channel, or more. */
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
};

const EPILOGUES: Readonly<Partial<Record<ActivationKind, readonly [kind: number, p?: number, q?: number]>>> = {
  leakyRelu: [ACTIVATION_LEAKY_RELU],
  elu: [ACTIVATION_ELU, 1, 1],
  selu: [ACTIVATION_ELU, SELU[0] * SELU[1], SELU[1]],
  gelu: [ACTIVATION_GELU],
  geluTanh: [ACTIVATION_GELU_TANH],
  sigmoid: [ACTIVATION_SIGMOID],
  tanh: [ACTIVATION_TANH],
  softplus: [ACTIVATION_SOFTPLUS],
  silu: [ACTIVATION_SILU],
  mish: [ACTIVATION_MISH],
  hardSwish: [ACTIVATION_HARD_SWISH],
  hardSigmoid: [ACTIVATION_HARD_SIGMOID, 1 / 6, 0.5],
  hardSigmoidKeras: [ACTIVATION_HARD_SIGMOID, 0.2, 0.5],
  exp: [ACTIVATION_EXP],
  softsign: [ACTIVATION_SOFTSIGN],
  abs: [ACTIVATION_ABS],
  neg: [ACTIVATION_NEG],
  sqrt: [ACTIVATION_SQRT],
};

/** How a product ends that applies the activation: limits where they say all of it, else a kind and its numbers. */
export function epilogueOf(activation: Activation | undefined): {
  lo: number;
  hi: number;
  activation: number;
  p: number;
  q: number;
} {
  const [lo, hi] = clampOf(activation);
  const none = { lo, hi, activation: 0, p: 0, q: 0 };
  const found = activation && EPILOGUES[activation.kind];
  if (!found) return none;
  const [kind, p = 0, q = 0] = found;
  const own = activation.kind === "leakyRelu" || activation.kind === "elu";
  return { ...none, activation: kind, p: own ? (activation.alpha ?? RECIPES[activation.kind].alpha!) : p, q };
}
