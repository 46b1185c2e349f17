// Losses by name, written into a graph: those with kernels of their own, and those made of ops. Also their form with weights.

import { ArgumentError, ShapeError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import { show } from "../ops/check.ts";
import { LOSSES } from "../ops/loss.ts";
import { oneHot } from "../ops/scatter.ts";
import { refuse } from "../validate.ts";
import { type LossDefinition, LossMath, type LossOperands, type LossTerms } from "./loss-math.ts";
import type { LossKind, LossNumbers, LossOptions } from "./loss-options.ts";
import { region, structuralSimilarity } from "./region-losses.ts";

/** Each term made of x − target. */
const ofDifference = (
  f: (m: LossMath, difference: Edge, o: LossNumbers) => Edge,
): LossDefinition["terms"] => {
  return ({ m, x, t }, o) => ({ values: f(m, m.sub(x, t), o) });
};

/** Targets of 1, and of 0 or −1, as 1 and −1, times the scores: above 0 where the answer is right. */
const margin = ({ m, x, t }: LossOperands): Edge => m.mul(x, m.affine(m.activate("relu", t), 2, -1));
const hingeOf = (operands: LossOperands): Edge =>
  operands.m.activate("relu", operands.m.affine(margin(operands), -1, 1));

/** Targets with the factors of classes, [..., c], and the sum of the factors, by which means of class indices are divided. */
function weighted({ m, x, t, classes, where }: LossOperands, { classWeights }: LossNumbers): [Edge, Edge?] {
  const factors = classWeights && m.perChannel(classWeights, x, "classWeights", where);
  const all = factors ? m.mul(t, factors) : t;
  return [all, classes ? m.sum(all) : undefined];
}

/** −Σ target · log p over classes, of [..., c]. */
const crossEntropy = (operands: LossOperands, logs: Edge, o: LossNumbers): LossTerms => {
  const { m, x, classes } = operands;
  const [, sum] = weighted(operands, o);
  const { labelSmoothing: s = 0 } = o;
  const c = x.shape.at(-1)!;
  // Ignored answers have rows of zeros, to which nothing is spread.
  const spread = classes ? m.affine(m.sum(operands.t, [-1], true), s / c) : m.constant([s / c], [1]);
  const t = s ? m.add(m.affine(operands.t, 1 - s), spread) : operands.t;
  const [targets] = weighted({ ...operands, t }, o);
  return { values: m.affine(m.sum(m.mul(targets, logs), [-1]), -1), divisor: sum && m.notZero(sum) };
};

/** Lin et al. 2017, as torchvision's sigmoid_focal_loss; of class indices the same of softmax. */
function focal(operands: LossOperands, o: LossNumbers): LossTerms {
  const { m, x, t, classes } = operands;
  const { gamma = 2, alpha = 0.25 } = o;
  if (classes) {
    const [targets, sum] = weighted(operands, o);
    const logs = m.logSoftmax(x);
    const log = m.sum(m.mul(t, logs), [-1]);
    const modulation = m.power(m.affine(m.activate("exp", log), -1, 1), gamma);
    const values = m.mul(m.affine(modulation, -1), m.sum(m.mul(targets, logs), [-1]));
    return { values, divisor: m.notZero(sum!) };
  }
  // (1 − p)^γ = exp(−γ · softplus(z)), and −log p = softplus(−z), for p = sigmoid(z) of the target's side.
  const z = m.mul(x, m.affine(t, 2, -1));
  const modulation = m.activate("exp", m.affine(m.activate("softplus", z), -gamma));
  const entropy = m.mul(modulation, m.activate("softplus", m.affine(z, -1)));
  const balance = alpha < 0 ? entropy : m.mul(entropy, m.affine(t, 2 * alpha - 1, 1 - alpha));
  const { classWeights } = o;
  const factors = classWeights && m.perChannel(classWeights, x, "classWeights", operands.where);
  return { values: factors ? m.mul(balance, factors) : balance };
}

const DEFINITIONS: Readonly<Record<LossKind, LossDefinition>> = {
  softmaxCrossEntropy: {
    classes: true,
    op: LOSSES.softmaxCrossEntropy,
    opTakes: ["labelSmoothing"],
    terms: (operands, o) => crossEntropy(operands, operands.m.logSoftmax(operands.x), o),
  },
  nll: {
    classes: true,
    terms: (operands, o) => crossEntropy(operands, operands.x, o),
  },
  focal: { classes: true, terms: focal },
  binaryCrossEntropy: {
    op: LOSSES.binaryCrossEntropy,
    terms({ m, x, t, where }, { positiveWeight = 1 }) {
      const weights = typeof positiveWeight === "number" ? [positiveWeight] : positiveWeight;
      const factor =
        weights.length === 1 ? m.constant(weights, [1]) : m.perChannel(weights, x, "positiveWeight", where);
      const positive = m.mul(m.mul(t, factor), m.activate("softplus", m.affine(x, -1)));
      return { values: m.add(positive, m.mul(m.affine(t, -1, 1), m.activate("softplus", x))) };
    },
  },
  meanSquaredError: {
    op: LOSSES.meanSquaredError,
    terms: ofDifference((m, d) => m.mul(d, d)),
  },
  meanAbsoluteError: {
    op: LOSSES.meanAbsoluteError,
    terms: ofDifference((m, d) => m.activate("abs", d)),
  },
  huber: {
    op: LOSSES.huber,
    opTakes: ["delta"],
    terms: ofDifference((m, d, { delta = 1 }) => {
      const distance = m.activate("abs", d);
      const limited = m.binary("min", distance, m.constant([delta], [1]));
      return m.mul(limited, m.sub(distance, m.affine(limited, 0.5)));
    }),
  },
  logCosh: {
    terms: ofDifference((m, d) => m.add(d, m.affine(m.activate("softplus", m.affine(d, -2)), 1, -Math.LN2))),
  },
  poisson: {
    terms: ({ m, x, t }) => ({ values: m.sub(m.activate("exp", x), m.mul(t, x)) }),
  },
  klDivergence: {
    // 0 · log 0 is 0.
    terms: ({ m, x, t }) => ({ values: m.sum(m.mul(t, m.sub(m.log(t), m.logSoftmax(x))), [-1]) }),
  },
  cosineSimilarity: {
    terms({ m, x, t }) {
      const dot = (a: Edge, b: Edge): Edge => m.sum(m.mul(a, b), [-1]);
      const norm = (a: Edge): Edge =>
        m.activate("sqrt", m.binary("max", dot(a, a), m.constant([1e-16], [1])));
      const cosine = m.binary("div", m.binary("div", dot(x, t), norm(x)), norm(t));
      return { values: m.affine(cosine, -1, 1) };
    },
  },
  hinge: { terms: (operands) => ({ values: hingeOf(operands) }) },
  squaredHinge: {
    terms(operands) {
      const values = hingeOf(operands);
      return { values: operands.m.mul(values, values) };
    },
  },
  categoricalHinge: {
    classes: true,
    terms({ m, x, t }) {
      const wrong = m.reduce("max", m.mul(m.affine(t, -1, 1), x), [-1]);
      const right = m.sum(m.mul(t, x), [-1]);
      return { values: m.activate("relu", m.affine(m.sub(wrong, right), 1, 1)) };
    },
  },
  dice: {
    classes: true,
    terms: region("dice"),
  },
  iou: { classes: true, terms: region("iou") },
  ssim: { terms: structuralSimilarity },
};

/** Whether targets may be class indices. */
export const takesClasses = (kind: LossKind): boolean => DEFINITIONS[kind].classes === true;

/**
 * Appends a loss: the mean of its terms, a scalar. Scores are [n, ..., c]; targets float32 of that shape, or class indices, int32
 * [n, ...]. `weights`, [n], are factors of the images' terms. Throws ShapeError or ArgumentError.
 */
export function appendLoss(
  g: Graph,
  { kind, ...options }: LossOptions,
  x: Edge,
  target: Edge,
  where: string,
  weights?: Edge,
): Edge {
  const { op, opTakes = [], classes, terms } = DEFINITIONS[kind];
  const given = (Object.keys(options) as (keyof LossNumbers)[]).filter((name) => options[name] !== undefined);
  if (op && !weights && given.every((name) => opTakes.includes(name))) return g.op(op, [x, target], options);
  const indices = target.dtype === "int32";
  if (indices && !classes)
    refuse(target, "the target", where, `float32 of the scores' shape ${show(x.shape)} for loss "${kind}"`);
  const wanted = indices ? x.shape.slice(0, -1) : x.shape;
  if (!x.shape.length || show(target.shape) !== show(wanted))
    throw new ShapeError(
      `${where}: the target has shape ${show(target.shape)} but for scores ${show(x.shape)} must have ${show(wanted)}`,
    );
  const m = new LossMath(g);
  const t = indices ? rowsOf(m, target, x.shape.at(-1)!, options.ignoreIndex) : target;
  const { values, divisor } = terms({ m, x, t, classes: indices, where }, options);
  const [images] = values.shape;
  if (weights && images !== weights.shape[0])
    throw new ArgumentError(
      `${where}: weights of samples need terms for each of them, but loss "${kind}" is of the batch as a whole; give it { perImage: true }`,
    );
  const all = weights
    ? m.mul(values, m.reshape(weights, [images, ...values.shape.slice(1).fill(1)]))
    : values;
  return divisor ? m.binary("div", m.sum(all), divisor) : m.reduce("mean", all);
}

/** Class indices as rows of 0 and 1; of 0 alone where they are to be ignored. */
function rowsOf(m: LossMath, target: Edge, depth: number, ignoreIndex: number | undefined): Edge {
  const params = { depth, axis: -1, on: 1, off: 0, dtype: "float32", wrap: false } as const;
  const rows = m.g.op(oneHot, [target], params);
  if (ignoreIndex === undefined || ignoreIndex < 0 || ignoreIndex >= depth) return rows;
  const counted = Array.from({ length: depth }, (_, c) => Number(c !== ignoreIndex));
  return m.mul(rows, m.constant(counted, [depth]));
}
