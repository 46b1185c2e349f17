// The answers of training, as float64 loops from their formulas; beside oracle.ts, under its rules.
import type { Result, Tensor } from "./oracle.ts";

const scalar = (value: number): Result => ({ shape: [], data: Float64Array.of(value) });

/** y by the batch's own mean and (biased) variance; then these two. */
export function batchNormTrain(
  [x, gamma, beta]: readonly Tensor[],
  { epsilon }: { epsilon: number },
): Result[] {
  const c = gamma.data.length;
  const count = x.data.length / c;
  const mean = new Float64Array(c);
  const variance = new Float64Array(c);
  for (let i = 0; i < x.data.length; i++) mean[i % c] += x.data[i] / count;
  for (let i = 0; i < x.data.length; i++) variance[i % c] += (x.data[i] - mean[i % c]) ** 2 / count;
  const y = Float64Array.from(x.data, (v, i) => {
    const k = i % c;
    return ((v - mean[k]) / Math.sqrt(variance[k] + epsilon)) * gamma.data[k] + beta.data[k];
  });
  return [
    { shape: [...x.shape], data: y },
    { shape: [c], data: mean },
    { shape: [c], data: variance },
  ];
}

/** Labels: one class per row when they are an Int32Array, else the chance of every class. */
export function softmaxCrossEntropy(
  [x, labels]: readonly { shape: readonly number[]; data: ArrayLike<number> }[],
  { labelSmoothing = 0 }: { labelSmoothing?: number },
): Result[] {
  const c = x.shape[x.shape.length - 1];
  const rows = x.data.length / c;
  const sparse = labels.data.length === rows && c !== 1;
  let loss = 0;
  for (let r = 0; r < rows; r++) {
    const row = Array.from({ length: c }, (_, k) => x.data[r * c + k]);
    const max = Math.max(...row);
    const log = max + Math.log(row.reduce((sum, v) => sum + Math.exp(v - max), 0));
    row.forEach((v, k) => {
      const given = sparse ? Number(labels.data[r] === k) : labels.data[r * c + k];
      loss += ((1 - labelSmoothing) * given + labelSmoothing / c) * (log - v);
    });
  }
  return [scalar(loss / rows)];
}

const between =
  (term: (x: number, t: number, delta: number) => number) =>
  ([x, t]: readonly Tensor[], { delta = 1 }: { delta?: number } = {}): Result[] => {
    let sum = 0;
    for (let i = 0; i < x.data.length; i++) sum += term(x.data[i], t.data[i], delta);
    return [scalar(sum / x.data.length)];
  };

export const meanSquaredError = between((x, t) => (x - t) ** 2);
export const meanAbsoluteError = between((x, t) => Math.abs(x - t));
export const huber = between((x, t, delta) => {
  const d = Math.abs(x - t);
  return d < delta ? d ** 2 / 2 : delta * (d - delta / 2);
});
export const binaryCrossEntropyWithLogits = between(
  (x, t) => Math.max(x, 0) - x * t + Math.log1p(Math.exp(-Math.abs(x))),
);

/** Philox4x32 of so many rounds, from "Parallel Random Numbers: As Easy as 1, 2, 3" (Salmon et al., SC 2011). */
export function philox(
  counter: readonly number[],
  key: readonly number[],
  rounds = 10,
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter.map((v) => BigInt(v >>> 0));
  let [k0, k1] = key.map((v) => BigInt(v >>> 0));
  const word = (v: bigint): bigint => v & 0xffffffffn;
  for (let r = 0; r < rounds; r++) {
    const p0 = 0xd2511f53n * c0;
    const p1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, word(p1), (p0 >> 32n) ^ c3 ^ k1, word(p0)];
    k0 = word(k0 + 0x9e3779b9n);
    k1 = word(k1 + 0xbb67ae85n);
  }
  return [Number(c0), Number(c1), Number(c2), Number(c3)];
}

/** One step of an optimizer as PyTorch's documentation writes it, over plain arrays that change in place. */
export interface OptimizerOptions {
  kind: "sgd" | "adam" | "adamW" | "rmsprop" | "adagrad";
  momentum?: number;
  nesterov?: boolean;
  weightDecay?: number;
  beta1?: number;
  beta2?: number;
  alpha?: number;
  epsilon?: number;
  centered?: boolean;
  rateDecay?: number;
}

export interface OptimizerState {
  [name: string]: Float64Array;
}

export function optimizerStep(
  o: OptimizerOptions,
  w: Float64Array,
  gradient: ArrayLike<number>,
  state: OptimizerState,
  step: number,
  rate: number,
): void {
  const of = (name: string): Float64Array => {
    state[name] ??= new Float64Array(w.length);
    return state[name];
  };
  const decay = o.weightDecay ?? (o.kind === "adamW" ? 0.01 : 0);
  for (let i = 0; i < w.length; i++) {
    let g = gradient[i];
    if (o.kind === "adamW") w[i] -= rate * decay * w[i];
    else g += decay * w[i];
    if (o.kind === "sgd") {
      const { momentum = 0 } = o;
      if (momentum > 0) {
        const b = of("velocity");
        b[i] = step > 1 ? momentum * b[i] + g : g;
        g = o.nesterov ? g + momentum * b[i] : b[i];
      }
      w[i] -= rate * g;
    } else if (o.kind === "rmsprop") {
      const { alpha = 0.99, epsilon = 1e-8, momentum = 0 } = o;
      const v = of("square");
      v[i] = alpha * v[i] + (1 - alpha) * g * g;
      let spread = v[i];
      if (o.centered) {
        const m = of("mean");
        m[i] = alpha * m[i] + (1 - alpha) * g;
        spread -= m[i] ** 2;
      }
      let d = g / (Math.sqrt(spread) + epsilon);
      if (momentum > 0) {
        const b = of("velocity");
        b[i] = momentum * b[i] + d;
        d = b[i];
      }
      w[i] -= rate * d;
    } else if (o.kind === "adagrad") {
      const v = of("square");
      v[i] += g * g;
      w[i] -= ((rate / (1 + (step - 1) * (o.rateDecay ?? 0))) * g) / (Math.sqrt(v[i]) + (o.epsilon ?? 1e-10));
    } else {
      const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = o;
      const m = of("mean");
      const v = of("square");
      m[i] = beta1 * m[i] + (1 - beta1) * g;
      v[i] = beta2 * v[i] + (1 - beta2) * g * g;
      const bias1 = 1 - beta1 ** step;
      const bias2 = 1 - beta2 ** step;
      w[i] -= ((rate / bias1) * m[i]) / (Math.sqrt(v[i]) / Math.sqrt(bias2) + epsilon);
    }
  }
}
