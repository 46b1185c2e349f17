// The formulas of optimizers: their options with PyTorch's defaults, the tensors they keep, and the numbers that kernels read.

import { ArgumentError } from "../errors.ts";
import {
  HYPER_DIRECT,
  HYPER_RATE,
  HYPER_ROOT,
  HYPER_STEP,
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

/** Numbers that the host writes before each step: those that depend on the step, and the constants of the formula. */
export const HYPER_NUMBERS = 12;
/** Where the constants begin. */
export const RULE_START = 4;

export interface Sgd {
  kind: "sgd";
  /** Default 0. */
  momentum?: number;
  /** Default false. */
  nesterov?: boolean;
  /** L2 regularisation: this times the weight is added to its gradient; default 0. */
  weightDecay?: number;
}

/** What optimizers with running averages of the gradient and of its square have in common. */
interface Moments {
  /** Defaults 0.9 and 0.999. */
  beta1?: number;
  beta2?: number;
  /** Default 1e-8. */
  epsilon?: number;
  /** Default 0. */
  weightDecay?: number;
}

export interface Adam extends Moments {
  /** adamW subtracts weight decay from the weight itself rather than adding it to the gradient. */
  kind: "adam" | "adamW";
  /** Default 0, adamW 0.01. */
  weightDecay?: number;
  /** Divides by the largest average of squares so far rather than by the latest; default false. */
  amsgrad?: boolean;
}

export interface Nadam extends Moments {
  kind: "nadam";
  /** How fast the momentum rises to beta1; default 4e-3. */
  momentumDecay?: number;
}

export interface Radam extends Moments {
  kind: "radam";
}

export interface Adamax extends Moments {
  kind: "adamax";
}

export interface Lion {
  kind: "lion";
  /** Defaults 0.9 and 0.99. */
  beta1?: number;
  beta2?: number;
  /** Subtracted from the weight itself, as by adamW; default 0. */
  weightDecay?: number;
}

export interface Lamb extends Moments {
  kind: "lamb";
  /** Default 1e-6. */
  epsilon?: number;
  /** Default 0.01. */
  weightDecay?: number;
}

export interface Adadelta {
  kind: "adadelta";
  /** Default 0.9. */
  rho?: number;
  /** Default 1e-6. */
  epsilon?: number;
  /** Default 0. */
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

export type Optimizer = Sgd | Adam | Nadam | Radam | Adamax | Lion | Lamb | RmsProp | Adagrad | Adadelta;

/** The options of all optimizers. */
interface Options {
  momentum: number;
  nesterov: boolean;
  weightDecay: number;
  beta1: number;
  beta2: number;
  alpha: number;
  rho: number;
  epsilon: number;
  centered: boolean;
  amsgrad: boolean;
  rateDecay: number;
  momentumDecay: number;
}

/** Values of options that an optimizer does not have. */
const NONE: Options = {
  ...{ momentum: 0, nesterov: false, weightDecay: 0, beta1: 0, beta2: 0, alpha: 0, rho: 0 },
  ...{ epsilon: 0, centered: false, amsgrad: false, rateDecay: 0, momentumDecay: 0 },
};

const MOMENTS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
/** The options of each, besides the learning rate, and their defaults. */
const DEFAULTS: Readonly<Record<Optimizer["kind"], Partial<Options>>> = {
  sgd: { momentum: 0, nesterov: false, weightDecay: 0 },
  adam: { ...MOMENTS, amsgrad: false },
  adamW: { ...MOMENTS, weightDecay: 0.01, amsgrad: false },
  nadam: { ...MOMENTS, momentumDecay: 4e-3 },
  radam: MOMENTS,
  adamax: MOMENTS,
  lion: { beta1: 0.9, beta2: 0.99, weightDecay: 0 },
  lamb: { ...MOMENTS, epsilon: 1e-6, weightDecay: 0.01 },
  rmsprop: { alpha: 0.99, epsilon: 1e-8, weightDecay: 0, momentum: 0, centered: false },
  adagrad: { rateDecay: 0, weightDecay: 0, epsilon: 1e-10 },
  adadelta: { rho: 0.9, epsilon: 1e-6, weightDecay: 0 },
};

function resolve({ kind, ...options }: Optimizer): Options {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...NONE, ...DEFAULTS[kind], ...Object.fromEntries(given) };
}

/** Names, in order, of the tensors an optimizer keeps for each weight: of the weight's shape, and zeros at first. */
export function optimizerState(o: Optimizer): string[] {
  const { momentum, centered, amsgrad } = resolve(o);
  const velocity = momentum ? ["velocity"] : [];
  switch (o.kind) {
    case "sgd":
      return velocity;
    case "rmsprop":
      return ["square", ...(centered ? ["mean"] : []), ...velocity];
    case "adagrad":
      return ["square"];
    case "adadelta":
      return ["square", "delta"];
    case "lion":
      return ["mean"];
    case "adamax":
      return ["mean", "largest"];
    default:
      return ["mean", "square", ...(amsgrad ? ["largest"] : [])];
  }
}

/**
 * The formula with another momentum, which is beta1 of optimizers that have one. Throws ArgumentError where its momentum cannot change
 * from step to step.
 */
export function withMomentum(o: Optimizer, momentum: number, where: string): Optimizer {
  const name = "beta1" in DEFAULTS[o.kind] ? "beta1" : "momentum";
  const refused = (why: string): never => {
    throw new ArgumentError(`${where}: the momentum is to change from step to step, but ${why}`);
  };
  if (!(name in DEFAULTS[o.kind])) refused(`${o.kind} has none`);
  if (o.kind === "nadam") refused("nadam has a schedule of its own for it, momentumDecay");
  if (!resolve(o)[name] && name === "momentum")
    refused(`${o.kind} has momentum 0, so that it keeps no velocity; give it one above 0`);
  return { ...o, [name]: momentum };
}

/** What the host writes into `hyper`, float32 [12], before step 1, 2, ... */
export function stepNumbers(o: Optimizer, step: number, learningRate: number): Float32Array {
  const options = resolve(o);
  const { beta1, beta2, rateDecay } = options;
  const rate = o.kind === "adagrad" ? learningRate / (1 + (step - 1) * rateDecay) : learningRate;
  const hyper = new Float32Array(HYPER_NUMBERS);
  hyper[HYPER_RATE] = rate;
  hyper[HYPER_STEP] = rate / (1 - beta1 ** step);
  hyper[HYPER_ROOT] = 1 / Math.sqrt(1 - beta2 ** step);
  if (o.kind === "nadam") lookAhead(hyper, options, step, rate);
  if (o.kind === "radam") rectify(hyper, options, step);
  hyper.set(ruleOf(o), RULE_START);
  return hyper;
}

/** Nadam's shares of the average and of the gradient itself in a step. */
function lookAhead(hyper: Float32Array, { beta1, momentumDecay }: Options, step: number, rate: number): void {
  const momentum = (t: number): number => beta1 * (1 - 0.5 * 0.96 ** (t * momentumDecay));
  // Of a product this small, 1 minus it is 1.
  let product = 1;
  for (let t = 1; t <= step && product > 1e-20; t++) product *= momentum(t);
  const next = momentum(step + 1);
  hyper[HYPER_STEP] = (rate * next) / (1 - product * next);
  hyper[HYPER_DIRECT] = (rate * (1 - momentum(step))) / (1 - product);
}

/** RAdam's step: rectified, and in the first steps, when the variance of squares is not known, divided by nothing. */
function rectify(hyper: Float32Array, { beta2, epsilon }: Options, step: number): void {
  const bias = 1 - beta2 ** step;
  const most = 2 / (1 - beta2) - 1;
  const length = most - (2 * step * beta2 ** step) / bias;
  const known = length > 5;
  const factor = Math.sqrt(
    (((length - 4) * (length - 2)) / ((most - 4) * (most - 2))) * (most / length) * bias,
  );
  // Without the root, the divisor is epsilon.
  hyper[HYPER_STEP] *= known ? factor : epsilon;
  hyper[HYPER_ROOT] = known ? 1 : 0;
}

/** The constants of the formulas, as the kernels read them. */
export function ruleOf(o: Optimizer): Float32Array {
  const { momentum, weightDecay, beta1, beta2, alpha, rho, epsilon } = resolve(o);
  const decoupled = o.kind === "adamW" || o.kind === "lion" || o.kind === "lamb";
  // Whichever of the three the formula has.
  const keep = o.kind === "adagrad" ? 1 : beta2 + alpha + rho;
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

const FLAGS = ["nesterov", "centered", "amsgrad"];
const SHARES = ["beta1", "beta2", "alpha", "rho"];

/** The check of an optimizer's option: a flag, a share that decays, or a number of at least 0. */
function checkOf(name: string): AnyChecks[string] {
  if (FLAGS.includes(name)) return aFlag;
  const share = SHARES.includes(name);
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
  const { nesterov, momentum, epsilon } = resolve(o);
  if (nesterov && !momentum)
    throw new ArgumentError(`${where}: nesterov needs a momentum above 0, but momentum is ${momentum}`);
  if (kind === "radam" && !epsilon) refuse(epsilon, "epsilon", where, "above 0");
}
