// What a metric is: a fold over batches of scores and targets, with a state.
import { ArgumentError } from "../errors.ts";
import type { LossKind } from "../layers/loss-options.ts";
import type { Shape } from "../tensor.ts";
import { aList, type Check, describe, isObject, isPlain } from "../validate.ts";
import type { Numbers } from "./samples.ts";

/**
 * How targets are read: class indices, one for every row of scores along the last axis; rows of a value per class; 0 or 1 for every
 * score; or a number for every score.
 */
export type TargetKind = "indices" | "rows" | "binary" | "values";

/** What is known of a batch that a metric is updated with. */
export interface MetricBatch {
  readonly images: number;
  /** Of the scores of one image. Its last axis are the classes, where there are some. */
  readonly shape: Shape;
  readonly targets: TargetKind;
  /** Scores above it mean 1: 0 for logits, 0.5 for probabilities. */
  readonly threshold: number;
  /** The class index of targets that do not count. */
  readonly ignoreIndex?: number | undefined;
  /** The kind of the loss, if it is built in. */
  readonly lossKind?: LossKind | undefined;
}

/** Measures scores against targets, batch after batch. A plain object; `S` is its state. */
// biome-ignore lint/suspicious/noExplicitAny: a state is the metric's own affair
export interface Metric<S = any> {
  /** Its key in reports. */
  readonly name: string;
  /** The state before the first batch. */
  start(): S;
  /**
   * The state after a batch: a new one, or the same changed. Scores are as the network's output, targets as y, both of all of the batch's
   * images one after the other, and theirs only until it returns.
   */
  update(state: S, scores: Numbers, targets: Numbers, batch: MetricBatch): S;
  /** The number to report. */
  result(state: S): number;
  /** Throws where it cannot measure such targets: asked before anything else happens. */
  check?(batch: Omit<MetricBatch, "images">): void;
}

/** A metric, or the name of one: `"accuracy"`. */
export type AnyMetric = Metric | "accuracy";

/** Metrics of the output that has a loss; where losses are given by output, lists of them by the outputs' names. */
export type MetricsOption = readonly AnyMetric[] | Readonly<Record<string, readonly AnyMetric[]>>;

export const aMetric: Check<AnyMetric> = (value, name, where) => {
  if (value === "accuracy") return;
  const { name: own, start, update, result } = isObject(value) ? value : ({} as Record<string, unknown>);
  if (typeof own !== "string" || ![start, update, result].every((f) => typeof f === "function"))
    throw new ArgumentError(
      `${where}: ${name} is ${describe(value)} but must be "accuracy", or a metric: one of metrics, such as metrics.f1(), or { name, start, update, result }`,
    );
};

export const METRICS: Check<MetricsOption> = (value, name, where) => {
  if (!isPlain(value)) return aList(aMetric)(value, name, where);
  for (const [output, list] of Object.entries(value)) aList(aMetric)(list, `${name}.${output}`, where);
};

/** The class with the highest score of row i; of equal ones the first. */
export function highestOf(scores: Numbers, classes: number, i: number): number {
  let highest = 0;
  for (let c = 1; c < classes; c++) if (scores[i * classes + c] > scores[i * classes + highest]) highest = c;
  return highest;
}
