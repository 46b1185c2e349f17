// Optimizers, which update weights in place, with PyTorch's formulas and defaults; and limits for gradients.

import { ArgumentError, ShapeError } from "../errors.ts";
import { float32, type Op, sizeOf } from "../graph/op.ts";
import {
  ACTIVATION_CLAMP,
  HYPER_RATE,
  HYPER_ROOT,
  HYPER_STEP,
  LOSS_POWER,
  MAP_BLOCK,
  RULE_DECAY,
  RULE_EPSILON,
  RULE_KEEP,
  RULE_KEEP_SQUARE,
  RULE_MOMENTUM,
  RULE_SHRINK,
  RULE_TAKE,
  RULE_TAKE_SQUARE,
} from "../runtime/wasm.ts";
import { type AnyChecks, aFlag, checkOptions, finite, oneOf, refuse } from "../validate.ts";
import { arity, requireFloats, show } from "./check.ts";
import { reduceAxis } from "./reduce.ts";
import { emitActivation } from "./rows.ts";

export interface Sgd {
  kind: "sgd";
  /** Default 0. */
  momentum?: number;
  /** Default false. */
  nesterov?: boolean;
  /** L2 regularisation: this times the weight is added to its gradient; default 0. */
  weightDecay?: number;
}

export interface Adam {
  /** adamW subtracts weight decay from the weight itself rather than adding it to the gradient. */
  kind: "adam" | "adamW";
  /** Defaults 0.9 and 0.999. */
  beta1?: number;
  beta2?: number;
  /** Default 1e-8. */
  epsilon?: number;
  /** Default 0, adamW 0.01. */
  weightDecay?: number;
}

export interface RmsProp {
  kind: "rmsprop";
  /** Default 0.99. */
  alpha?: number;
  /** Default 1e-8. */
  epsilon?: number;
  /** Default 0. */
  weightDecay?: number;
  /** Default 0. */
  momentum?: number;
  /** Divides by the standard deviation of the gradient rather than by its root mean square; default false. */
  centered?: boolean;
}

export interface Adagrad {
  kind: "adagrad";
  /** The learning rate is divided by 1 + (step - 1) · rateDecay; default 0. */
  rateDecay?: number;
  /** Default 0. */
  weightDecay?: number;
  /** Default 1e-10. */
  epsilon?: number;
}

export type Optimizer = Sgd | Adam | RmsProp | Adagrad;

/** The options of all optimizers. */
interface Options {
  momentum: number;
  nesterov: boolean;
  weightDecay: number;
  beta1: number;
  beta2: number;
  alpha: number;
  epsilon: number;
  centered: boolean;
  rateDecay: number;
}

/** Values of options that an optimizer does not have. */
const NONE: Options = {
  ...{ momentum: 0, nesterov: false, weightDecay: 0, beta1: 0, beta2: 0, alpha: 0 },
  ...{ epsilon: 0, centered: false, rateDecay: 0 },
};

const MOMENTS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
/** The options of each, besides the learning rate, and their defaults. */
const DEFAULTS: Readonly<Record<Optimizer["kind"], Partial<Options>>> = {
  sgd: { momentum: 0, nesterov: false, weightDecay: 0 },
  adam: { ...MOMENTS, weightDecay: 0 },
  adamW: { ...MOMENTS, weightDecay: 0.01 },
  rmsprop: { alpha: 0.99, epsilon: 1e-8, weightDecay: 0, momentum: 0, centered: false },
  adagrad: { rateDecay: 0, weightDecay: 0, epsilon: 1e-10 },
};

function resolve({ kind, ...options }: Optimizer): Options {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...NONE, ...DEFAULTS[kind], ...Object.fromEntries(given) };
}

/** Names, in order, of the tensors an optimizer keeps for each weight: of the weight's shape, and zeros at first. */
export function optimizerState(o: Optimizer): string[] {
  const { momentum, centered } = resolve(o);
  const velocity = momentum ? ["velocity"] : [];
  if (o.kind === "sgd") return velocity;
  if (o.kind === "rmsprop") return ["square", ...(centered ? ["mean"] : []), ...velocity];
  return o.kind === "adagrad" ? ["square"] : ["mean", "square"];
}

/** What the host writes into `hyper`, float32 [3], before step 1, 2, ... */
export function stepNumbers(o: Optimizer, step: number, learningRate: number): Float32Array {
  const { beta1, beta2, rateDecay } = resolve(o);
  const rate = o.kind === "adagrad" ? learningRate / (1 + (step - 1) * rateDecay) : learningRate;
  const hyper = new Float32Array(3);
  hyper[HYPER_RATE] = rate;
  hyper[HYPER_STEP] = rate / (1 - beta1 ** step);
  hyper[HYPER_ROOT] = 1 / Math.sqrt(1 - beta2 ** step);
  return hyper;
}

/** The constants of the formulas, as the kernels read them. */
function ruleOf(o: Optimizer): Float32Array {
  const { momentum, weightDecay, beta1, beta2, alpha, epsilon } = resolve(o);
  const decoupled = o.kind === "adamW";
  const keep = o.kind === "adagrad" ? 1 : o.kind === "rmsprop" ? alpha : beta2;
  const rule = new Float32Array(8);
  rule[RULE_DECAY] = decoupled ? 0 : weightDecay;
  rule[RULE_SHRINK] = decoupled ? weightDecay : 0;
  rule[RULE_MOMENTUM] = momentum;
  rule[RULE_EPSILON] = epsilon;
  rule[RULE_KEEP] = beta1;
  rule[RULE_TAKE] = 1 - beta1;
  rule[RULE_KEEP_SQUARE] = keep;
  rule[RULE_TAKE_SQUARE] = o.kind === "adagrad" ? 1 : 1 - keep;
  return rule;
}

/** The check of an optimizer's option: a flag, a share that decays, or a number of at least 0. */
function checkOf(name: string): AnyChecks[string] {
  if (name === "nesterov" || name === "centered") return aFlag;
  const share = name === "beta1" || name === "beta2" || name === "alpha";
  return (value, name, where) => {
    if (!(finite(value, name, where) >= 0) || (share && (value as number) >= 1))
      refuse(value, name, where, share ? "from 0 to below 1" : "at least 0");
  };
}

/** Throws unless the kind exists and every option is in its range. */
export function checkOptimizer(o: Optimizer, where: string): void {
  if (typeof o !== "object" || o === null) refuse(o, "optimizer", where, "an optimizer, such as adam()");
  oneOf(o.kind, Object.keys(DEFAULTS), "optimizer", where);
  const { kind, ...given } = o;
  const known = Object.keys(DEFAULTS[kind]).map((name) => [name, checkOf(name)] as const);
  checkOptions(where, given, { learningRate: true, ...Object.fromEntries(known) });
  const { nesterov, momentum } = resolve(o);
  if (nesterov && !momentum)
    throw new ArgumentError(`${where}: nesterov needs a momentum above 0, but momentum is ${momentum}`);
}

/**
 * One step over one tensor of weights: [w, gradient, ...state, hyper], with the tensors named by `optimizerState` and the
 * numbers of `stepNumbers`. Weights and state are updated in place.
 */
export const optimize: Op<Optimizer> = {
  name: "optimize",
  alias: "update",
  infer(inputs, params, where) {
    checkOptimizer(params, where);
    const state = optimizerState(params);
    arity(inputs, state.length + 3, state.length + 3, where);
    const [w, ...others] = inputs;
    const hyper = others.pop()!;
    for (const input of inputs) requireFloats(input, where);
    others.forEach(({ shape }, i) => {
      if (String(shape) !== String(w.shape))
        throw new ShapeError(
          `${where}: ${i === 0 ? "gradient" : state[i - 1]} has shape ${show(shape)} but must have the weight's ${show(w.shape)}`,
        );
    });
    if (show(hyper.shape) !== "[3]")
      throw new ShapeError(`${where}: hyper has shape ${show(hyper.shape)} but must be [3]`);
    return [float32(w.shape)];
  },
  forward(e, inputs, _, params) {
    const [w, gradient, ...rest] = inputs.map((input) => input.base);
    const hyper = rest.pop()!;
    const count = sizeOf(inputs[0].shape);
    const units = Math.ceil(count / MAP_BLOCK);
    const names = optimizerState(params);
    const state = (name: string) => rest[names.indexOf(name)] ?? 0;
    const rule = e.constant(ruleOf(params));
    if (params.kind === "sgd") {
      const nesterov = Number(params.nesterov ?? false);
      e.call("sgd_f32", units, [w, gradient, state("velocity"), hyper, rule, nesterov, count]);
    } else if (params.kind === "adam" || params.kind === "adamW") {
      e.call("adam_f32", units, [w, gradient, state("mean"), state("square"), hyper, rule, count]);
    } else {
      const [square, mean, velocity] = ["square", "mean", "velocity"].map(state);
      e.call("rmsprop_f32", units, [w, gradient, square, mean, velocity, hyper, rule, count]);
    }
  },
};

export interface LimitParams {
  limit: number;
}

function checkLimit(limit: number, where: string): void {
  if (!(finite(limit, "limit", where) > 0)) refuse(limit, "limit", where, "above 0");
}

/**
 * The factor by which all gradients are multiplied so that their joint L2 norm is at most `limit`, and their norm before that.
 * As PyTorch's clip_grad_norm_.
 */
export const normLimit: Op<LimitParams> = {
  name: "normLimit",
  infer(inputs, { limit }, where) {
    arity(inputs, 1, Infinity, where);
    for (const input of inputs) requireFloats(input, where);
    checkLimit(limit, where);
    return [float32([]), float32([])];
  },
  forward(e, inputs, [scale, norm], { limit }) {
    const counts = inputs.map((input) => sizeOf(input.shape));
    const blocks = counts.map((count) => Math.ceil(count / MAP_BLOCK));
    const reduce = blocks.reduce((count, n) => count + n, 0);
    const sums = e.scratch(reduce * 4);
    let first = 0;
    inputs.forEach(({ base }, i) => {
      e.call("loss_f32", blocks[i], [sums.plus(first * 4), base, base, counts[i], LOSS_POWER, 0]);
      first += blocks[i];
    });
    const sum = e.scratch(4);
    reduceAxis(e, "sum", sum, sums, { outer: 1, reduce, inner: 1 });
    e.call("norm_limit_f32", 1, [scale.base, norm.base, sum, limit]);
  },
};

/** Every value limited to [-limit, limit]. */
export const valueLimit: Op<LimitParams> = {
  name: "valueLimit",
  inPlace: true,
  infer(inputs, { limit }, where) {
    arity(inputs, 1, 1, where);
    requireFloats(inputs[0], where);
    checkLimit(limit, where);
    return [float32(inputs[0].shape)];
  },
  forward(e, [x], [out], { limit }) {
    emitActivation(e, out, x, ACTIVATION_CLAMP, -limit, limit);
  },
};
