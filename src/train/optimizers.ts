// How weights follow their gradients. Plain descriptions: what they compute is src/ops/optimizer.ts. Defaults are PyTorch's.
import { ShapeError } from "../errors.ts";

/** What every optimizer takes. */
interface Common {
  /** A schedule given to `fit` overrides it. */
  readonly learningRate: number;
  /** L2 penalty: this times the weight is added to its gradient (adamW: taken from the weight itself). */
  readonly weightDecay: number;
}

export interface Sgd extends Common {
  readonly kind: "sgd";
  readonly momentum: number;
  readonly nesterov: boolean;
}

export interface Adam extends Common {
  readonly kind: "adam" | "adamW";
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

export interface RmsProp extends Common {
  readonly kind: "rmsprop";
  readonly alpha: number;
  readonly epsilon: number;
}

export interface Adagrad extends Common {
  readonly kind: "adagrad";
  readonly epsilon: number;
}

export type Optimizer = Sgd | Adam | RmsProp | Adagrad;

type Given<O> = Partial<Omit<O, "kind">>;

/** Stochastic gradient descent, with momentum (0: none) and Nesterov's variant of it. */
export const sgd = (o: Given<Sgd> = {}): Sgd =>
  checked({ kind: "sgd", learningRate: 1e-3, weightDecay: 0, momentum: 0, nesterov: false, ...o });

/** Adam: Kingma and Ba, 2015. */
export const adam = (o: Given<Adam> = {}): Adam =>
  checked({
    kind: "adam",
    learningRate: 1e-3,
    weightDecay: 0,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    ...o,
  });

/** Adam with decoupled weight decay: Loshchilov and Hutter, 2019. */
export const adamW = (o: Given<Adam> = {}): Adam =>
  checked({ ...adam({ weightDecay: 0.01, ...o }), kind: "adamW" });

/** RMSprop: Hinton's lecture 6e, 2012. */
export const rmsprop = (o: Given<RmsProp> = {}): RmsProp =>
  checked({ kind: "rmsprop", learningRate: 1e-2, weightDecay: 0, alpha: 0.99, epsilon: 1e-8, ...o });

/** Adagrad: Duchi, Hazan and Singer, 2011. */
export const adagrad = (o: Given<Adagrad> = {}): Adagrad =>
  checked({ kind: "adagrad", learningRate: 1e-2, weightDecay: 0, epsilon: 1e-10, ...o });

function checked<O extends Optimizer>(o: O): O {
  for (const [name, value] of Object.entries(o)) {
    if (name === "kind" || name === "nesterov") continue;
    const most = name === "beta1" || name === "beta2" || name === "alpha" ? 1 : Infinity;
    if (typeof value !== "number" || !(value >= 0) || value >= most)
      throw new ShapeError(
        `${o.kind}: ${name} is ${value} but must be a number from 0${most === 1 ? " to below 1" : " on"}`,
      );
  }
  if (o.kind === "sgd" && o.nesterov && o.momentum === 0)
    throw new ShapeError("sgd: nesterov is true but momentum is 0; Nesterov's variant needs a momentum");
  return o;
}

/** Learning rates over steps, for `fit({ schedule })`. Steps count from 0. */
export type Schedule = (step: number) => number;

/** From `from` to `to` along half a cosine over `steps`, then `to` (Loshchilov and Hutter, 2017), after a linear warm-up. */
export const cosine =
  (from: number, steps: number, { to = 0, warmup = 0 } = {}): Schedule =>
  (step) => {
    if (step < warmup) return (from * (step + 1)) / warmup;
    const part = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
    return to + ((from - to) * (1 + Math.cos(Math.PI * part))) / 2;
  };

/** `from`, times `factor` after every `every` steps. */
export const stepDecay =
  (from: number, every: number, factor = 0.1): Schedule =>
  (step) =>
    from * factor ** Math.floor(step / every);
