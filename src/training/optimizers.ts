// Optimizers. An optimizer carries its trainer along: importing one is what brings training into a bundle.
import { createTrainer, type Optimizer } from "../network/trainer-interface.ts";
import type { Adagrad, Adam, Optimizer as OptimizerFormula, RmsProp, Sgd } from "../ops/optimizer.ts";
import { isPlain, refuse } from "../validate.ts";
import { checkedOptimizer } from "./objective.ts";
import { Trainer } from "./trainer.ts";

interface Rate {
  /** How far a step goes; each optimizer has a default of its own. A schedule given to `fit` overrides it. */
  learningRate?: number;
}

export interface SgdOptions extends Omit<Sgd, "kind">, Rate {}
export interface AdamOptions extends Omit<Adam, "kind">, Rate {}
export interface RmsPropOptions extends Omit<RmsProp, "kind">, Rate {}
export interface AdagradOptions extends Omit<Adagrad, "kind">, Rate {}

/** The optimizer of these numbers. Throws where one of them is out of range. */
export const optimizerOf = (formula: OptimizerFormula & { readonly learningRate: number }): Optimizer =>
  checkedOptimizer({ ...formula, [createTrainer]: (...args) => new Trainer(...args) });

/** Stochastic gradient descent. Defaults: learningRate 1e-3, momentum 0, nesterov false, weightDecay 0. */
export const sgd = (o: SgdOptions = {}): Optimizer => optimizerOf({ learningRate: 1e-3, ...o, kind: "sgd" });

/** Adam (Kingma and Ba, 2015). Defaults: learningRate 1e-3, beta1 0.9, beta2 0.999, epsilon 1e-8, weightDecay 0. */
export const adam = (o: AdamOptions = {}): Optimizer =>
  optimizerOf({ learningRate: 1e-3, ...o, kind: "adam" });

/** Adam with decoupled weight decay (Loshchilov and Hutter, 2019). Defaults: Adam's, weightDecay 0.01. */
export const adamW = (o: AdamOptions = {}): Optimizer =>
  optimizerOf({ learningRate: 1e-3, ...o, kind: "adamW" });

/** RMSprop (Hinton, 2012). Defaults: learningRate 1e-2, alpha 0.99, epsilon 1e-8, weightDecay 0, momentum 0, centered false. */
export const rmsprop = (o: RmsPropOptions = {}): Optimizer =>
  optimizerOf({ learningRate: 1e-2, ...o, kind: "rmsprop" });

/** Adagrad (Duchi, Hazan and Singer, 2011). Defaults: learningRate 1e-2, rateDecay 0, epsilon 1e-10, weightDecay 0. */
export const adagrad = (o: AdagradOptions = {}): Optimizer =>
  optimizerOf({ learningRate: 1e-2, ...o, kind: "adagrad" });

const KINDS: Readonly<Record<string, (options: object) => Optimizer>> = {
  sgd,
  adam,
  adamW,
  rmsprop,
  adagrad,
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
