// Optimizers. An optimizer carries its trainer along: importing one is what brings training into a bundle.
import { ArgumentError } from "../errors.ts";
import { createTrainer, type Optimizer } from "../network/trainer-interface.ts";
import type {
  Adadelta,
  Adagrad,
  Adam,
  Adamax,
  Lamb,
  Lion,
  Nadam,
  Optimizer as OptimizerFormula,
  Radam,
  RmsProp,
  Sgd,
} from "../ops/optimizer-formulas.ts";
import { isPlain, refuse } from "../validate.ts";
import { Applier } from "./apply.ts";
import { checkedOptimizer } from "./objective.ts";
import { Trainer } from "./trainer.ts";

interface Rate {
  /** How far a step goes; each optimizer has a default of its own. A schedule given to `fit` overrides it. */
  learningRate?: number;
}

export interface SgdOptions extends Omit<Sgd, "kind">, Rate {}
export interface AdamOptions extends Omit<Adam, "kind">, Rate {}
export interface NadamOptions extends Omit<Nadam, "kind">, Rate {}
export interface RadamOptions extends Omit<Radam, "kind">, Rate {}
export interface AdamaxOptions extends Omit<Adamax, "kind">, Rate {}
export interface LionOptions extends Omit<Lion, "kind">, Rate {}
export interface LambOptions extends Omit<Lamb, "kind">, Rate {}
export interface RmsPropOptions extends Omit<RmsProp, "kind">, Rate {}
export interface AdagradOptions extends Omit<Adagrad, "kind">, Rate {}
export interface AdadeltaOptions extends Omit<Adadelta, "kind">, Rate {}

/** What each optimizer keeps for the weights that it was applied to. */
const appliers = new WeakMap<Optimizer, Applier>();

/** The parts of every optimizer that are no numbers: the same functions, so that equal optimizers have equal parts. */
const CODE: Pick<Optimizer, typeof createTrainer | "apply"> = {
  [createTrainer]: (...args) => new Trainer(...args),
  apply(this: Optimizer | undefined, weights, gradients, options) {
    if (!this?.kind)
      throw new ArgumentError("apply: call it on its optimizer: optimizer.apply(weights, gradients)");
    const applier = appliers.get(this) ?? new Applier(checkedOptimizer(this));
    appliers.set(this, applier);
    applier.apply(weights, gradients, options);
  },
};

/** The optimizer of these numbers. Throws where one of them is out of range. */
export const optimizerOf = (formula: OptimizerFormula & { readonly learningRate: number }): Optimizer =>
  checkedOptimizer({ ...formula, ...CODE });

/** Stochastic gradient descent. Defaults: learningRate 1e-3, momentum 0, nesterov false, weightDecay 0. */
export const sgd = (o: SgdOptions = {}): Optimizer => optimizerOf({ learningRate: 1e-3, ...o, kind: "sgd" });

/** Adam (Kingma and Ba, 2015). Defaults: learningRate 1e-3, beta1 0.9, beta2 0.999, epsilon 1e-8, weightDecay 0, amsgrad false. */
export const adam = (o: AdamOptions = {}): Optimizer =>
  optimizerOf({ learningRate: 1e-3, ...o, kind: "adam" });

/** Adam with decoupled weight decay (Loshchilov and Hutter, 2019). Defaults: Adam's, weightDecay 0.01. */
export const adamW = (o: AdamOptions = {}): Optimizer =>
  optimizerOf({ learningRate: 1e-3, ...o, kind: "adamW" });

/** Adam with Nesterov's momentum (Dozat, 2016). Defaults: learningRate 2e-3, Adam's, momentumDecay 4e-3. */
export const nadam = (o: NadamOptions = {}): Optimizer =>
  optimizerOf({ learningRate: 2e-3, ...o, kind: "nadam" });

/** Adam whose first steps are rectified, which needs no warm-up (Liu et al., 2020). Defaults: Adam's. */
export const radam = (o: RadamOptions = {}): Optimizer =>
  optimizerOf({ learningRate: 1e-3, ...o, kind: "radam" });

/** Adam divided by the largest gradient of late (Kingma and Ba, 2015). Defaults: learningRate 2e-3, Adam's. */
export const adamax = (o: AdamaxOptions = {}): Optimizer =>
  optimizerOf({ learningRate: 2e-3, ...o, kind: "adamax" });

/** The sign of a momentum (Chen et al., 2023). Defaults: learningRate 1e-4, beta1 0.9, beta2 0.99, weightDecay 0, decoupled. */
export const lion = (o: LionOptions = {}): Optimizer =>
  optimizerOf({ learningRate: 1e-4, ...o, kind: "lion" });

/**
 * Adam with decoupled weight decay whose step in each tensor is as long, against the learning rate, as the tensor's norm (You et al.,
 * 2020): for large batches. Defaults: learningRate 1e-3, beta1 0.9, beta2 0.999, epsilon 1e-6, weightDecay 0.01.
 */
export const lamb = (o: LambOptions = {}): Optimizer =>
  optimizerOf({ learningRate: 1e-3, ...o, kind: "lamb" });

/** RMSprop (Hinton, 2012). Defaults: learningRate 1e-2, alpha 0.99, epsilon 1e-8, weightDecay 0, momentum 0, centered false. */
export const rmsprop = (o: RmsPropOptions = {}): Optimizer =>
  optimizerOf({ learningRate: 1e-2, ...o, kind: "rmsprop" });

/** Adagrad (Duchi, Hazan and Singer, 2011). Defaults: learningRate 1e-2, rateDecay 0, epsilon 1e-10, weightDecay 0. */
export const adagrad = (o: AdagradOptions = {}): Optimizer =>
  optimizerOf({ learningRate: 1e-2, ...o, kind: "adagrad" });

/** Adadelta (Zeiler, 2012). Defaults: learningRate 1, rho 0.9, epsilon 1e-6, weightDecay 0. */
export const adadelta = (o: AdadeltaOptions = {}): Optimizer =>
  optimizerOf({ learningRate: 1, ...o, kind: "adadelta" });

const KINDS: Readonly<Record<string, (options: object) => Optimizer>> = {
  ...{ sgd, adam, adamW, nadam, radam, adamax, lion, lamb, rmsprop, adagrad, adadelta },
};

/** The optimizer that plain data describe, `{ kind: "adam", learningRate: 1e-3 }`, with the defaults of its kind. Throws ArgumentError. */
export function optimizerOfKind(plain: unknown): Optimizer {
  const { kind, ...options } = (isPlain(plain) ? plain : {}) as Readonly<Record<string, unknown>>;
  if (typeof kind !== "string" || !Object.hasOwn(KINDS, kind))
    return refuse(
      plain,
      "optimizer",
      "train",
      `one such as adam(), or { kind: "adam" }: of ${Object.keys(KINDS).join(", ")}`,
    );
  return KINDS[kind](options);
}
