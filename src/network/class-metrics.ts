// Metrics of classes: how often the predicted class, or the predicted yes or no, is the target's.
import { ArgumentError } from "../errors.ts";
import { aList, anInteger, aWord, checkOptions } from "../validate.ts";
import { eachAnswer, isBinary, needsClasses, THRESHOLD, type ThresholdOptions } from "./accuracy.ts";
import { highestOf, type Metric, type MetricBatch } from "./metric.ts";
import type { Numbers } from "./samples.ts";

/**
 * Of several classes or channels: `macro`, the mean over those that occur; `micro`, of all together; `weighted`, the mean by how often
 * targets are each.
 */
export interface AverageOptions extends ThresholdOptions {
  /** Default: macro, and micro where targets are 0 or 1. */
  average?: "macro" | "micro" | "weighted";
  /** The class, or the channel, that is measured alone. Default: all of them. */
  positive?: number;
}

const AVERAGE = { ...THRESHOLD, average: aWord("macro", "micro", "weighted"), positive: anInteger(0) };

/** The part of answers whose class has one of the k highest scores: fewer than k are higher than its own. Default of k 5. */
export function topK(k = 5): Metric<{ correct: number; answers: number }> {
  anInteger(1)(k, "k", "topK");
  const name = `top${k}`;
  return {
    name,
    check(batch) {
      if (isBinary(batch))
        throw new ArgumentError(`metrics: "${name}" is of classes, but targets are values`);
    },
    start: () => ({ correct: 0, answers: 0 }),
    update(state, scores, targets, batch) {
      eachAnswer(scores, targets, batch, (label, i, classes) => {
        let higher = 0;
        for (let c = 0; c < classes; c++) if (scores[i * classes + c] > scores[i * classes + label]) higher++;
        if (higher < k) state.correct++;
        state.answers++;
      });
      return state;
    },
    result: ({ correct, answers }) => correct / answers,
  };
}

/** Of each class, or each channel of 0 and 1: right and wrong answers of it, and answers that missed it. */
export interface Counts {
  binary: boolean;
  readonly tp: number[];
  readonly fp: number[];
  readonly fn: number[];
  /** Of channels alone. */
  readonly tn: number[];
}

export const noCounts = (): Counts => ({ binary: false, tp: [], fp: [], fn: [], tn: [] });

/** Counts answers. */
export function count(
  counts: Counts,
  scores: Numbers,
  targets: Numbers,
  batch: Omit<MetricBatch, "images">,
  threshold = batch.threshold,
): Counts {
  const channels = batch.shape.at(-1) ?? 1;
  const lists = [counts.tp, counts.fp, counts.fn, counts.tn];
  for (const list of lists) while (list.length < channels) list.push(0);
  counts.binary = isBinary(batch);
  if (counts.binary)
    for (let i = 0; i < targets.length; i++) {
      const [yes, wanted] = [scores[i] > threshold, targets[i] > 0.5];
      lists[yes === wanted ? (yes ? 0 : 3) : yes ? 1 : 2][i % channels]++;
    }
  else
    eachAnswer(scores, targets, batch, (label, i, classes) => {
      const predicted = highestOf(scores, classes, i);
      if (predicted === label) counts.tp[label]++;
      else {
        counts.fp[predicted]++;
        counts.fn[label]++;
      }
    });
  return counts;
}

/** A share of answers: right ones in those that are `among`. 0 where there are none. */
type Share = (tp: number, fp: number, fn: number) => number;
const part = (a: number, b: number): number => (b ? a / b : 0);
export const SHARES: Readonly<Record<"precision" | "recall" | "f1", Share>> = {
  precision: (tp, fp) => part(tp, tp + fp),
  recall: (tp, _, fn) => part(tp, tp + fn),
  f1: (tp, fp, fn) => part(2 * tp, 2 * tp + fp + fn),
};

const total = (list: readonly number[]): number => list.reduce((sum, v) => sum + v, 0);

/** The average of a share over classes or channels. */
export function averaged(share: Share, { tp, fp, fn }: Counts, average: AverageOptions["average"]): number {
  if (average === "micro") return share(total(tp), total(fp), total(fn));
  const occurring = tp.flatMap((_, c) => (tp[c] + fp[c] + fn[c] ? [c] : []));
  const weights = occurring.map((c) => (average === "weighted" ? tp[c] + fn[c] : 1));
  const sum = total(occurring.map((c, i) => share(tp[c], fp[c], fn[c]) * weights[i]));
  return part(sum, total(weights));
}

const shareMetric =
  (name: keyof typeof SHARES) =>
  (options: AverageOptions = {}): Metric<Counts> => {
    checkOptions(name, options, AVERAGE);
    const { threshold, average, positive } = options;
    return {
      name,
      check: needsClasses(name, threshold),
      start: noCounts,
      update: (counts, scores, targets, batch) => count(counts, scores, targets, batch, threshold),
      result(counts) {
        const { tp, fp, fn, binary } = counts;
        if (positive !== undefined)
          return SHARES[name](tp[positive] ?? 0, fp[positive] ?? 0, fn[positive] ?? 0);
        return averaged(SHARES[name], counts, average ?? (binary ? "micro" : "macro"));
      },
    };
  };

/** Right answers of a class among those predicted as it. */
export const precision = shareMetric("precision");
/** Right answers of a class among its targets. */
export const recall = shareMetric("recall");
/** The harmonic mean of precision and recall. */
export const f1 = shareMetric("f1");

export interface IoUOptions extends ThresholdOptions {
  /** The classes that are averaged; of targets 0 and 1 they are 0 and 1. Default: all that occur. */
  classes?: readonly number[];
}

/** Intersection over union of predicted and labelled answers, averaged over classes. */
export function meanIoU(options: IoUOptions = {}): Metric<Counts> {
  checkOptions("meanIoU", options, { ...THRESHOLD, classes: aList(anInteger(0)) });
  return {
    name: "meanIoU",
    check: needsClasses("meanIoU", options.threshold),
    start: noCounts,
    update: (counts, scores, targets, batch) => count(counts, scores, targets, batch, options.threshold),
    result({ tp, fp, fn, tn, binary }) {
      const wrong = total(fp) + total(fn);
      const ious = binary
        ? [part(total(tn), total(tn) + wrong), part(total(tp), total(tp) + wrong)]
        : tp.map((right, c) => part(right, right + fp[c] + fn[c]));
      const occurs = (c: number): boolean =>
        binary ? (c ? total(tp) : total(tn)) + wrong > 0 : tp[c] + fp[c] + fn[c] > 0;
      const { classes = [...ious.keys()] } = options;
      const chosen = classes.filter((c) => c < ious.length && occurs(c));
      return part(total(chosen.map((c) => ious[c])), chosen.length);
    },
  };
}
