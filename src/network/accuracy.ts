// Accuracy, which every network can measure; and how metrics of classes read targets.
import { ArgumentError } from "../errors.ts";
import { aNumber, checkOptions } from "../validate.ts";
import { highestOf, type Metric, type MetricBatch } from "./metric.ts";
import type { Numbers } from "./samples.ts";

export interface ThresholdOptions {
  /** Scores above it mean 1, where targets are 0 or 1. Default: 0 for losses that take logits, 0.5 for probabilities. */
  threshold?: number;
}

export const THRESHOLD = { threshold: aNumber };

/** Throws unless targets are classes, or 0 and 1. */
export const needsClasses =
  (name: string, threshold?: number): NonNullable<Metric["check"]> =>
  ({ targets, lossKind }) => {
    if (targets === "values" && threshold === undefined)
      throw new ArgumentError(
        `metrics: "${name}" is of classes, but the loss${lossKind ? ` "${lossKind}"` : ""} is of values; where they are 0 and 1 give metrics.${name}({ threshold: 0 }), 0 for logits`,
      );
  };

/** Whether targets are read as 0 or 1 for every score. */
export const isBinary = ({ targets }: Pick<MetricBatch, "targets">): boolean =>
  targets === "binary" || targets === "values";

/** Calls `row` with the target's class and the index of each answer that counts. */
export function eachAnswer(
  scores: Numbers,
  targets: Numbers,
  { shape, targets: kind, ignoreIndex }: Omit<MetricBatch, "images">,
  row: (label: number, i: number, classes: number) => void,
): void {
  const classes = shape.at(-1) ?? 1;
  const rows = scores.length / classes;
  for (let i = 0; i < rows; i++) {
    const label = kind === "indices" ? targets[i] : highestOf(targets, classes, i);
    if (kind !== "indices" || label !== ignoreIndex) row(label, i, classes);
  }
}

/** The part of answers, 0 to 1, that are right. */
export function accuracy(options: ThresholdOptions = {}): Metric<{ correct: number; answers: number }> {
  checkOptions("accuracy", options, THRESHOLD);
  return {
    name: "accuracy",
    check: needsClasses("accuracy", options.threshold),
    start: () => ({ correct: 0, answers: 0 }),
    update(state, scores, targets, batch) {
      const { threshold = batch.threshold } = options;
      if (isBinary(batch)) {
        for (let i = 0; i < targets.length; i++)
          if (scores[i] > threshold === targets[i] > 0.5) state.correct++;
        state.answers += targets.length;
      } else
        eachAnswer(scores, targets, batch, (label, i, classes) => {
          if (highestOf(scores, classes, i) === label) state.correct++;
          state.answers++;
        });
      return state;
    },
    result: ({ correct, answers }) => correct / answers,
  };
}
