// One metric over arrays, and the table of a classifier's precision and recall.
import { ArgumentError, ShapeError } from "../errors.ts";
import { aList, aNumber, anInteger, asNumbers, aText, checkOptions } from "../validate.ts";
import { accuracy } from "./accuracy.ts";
import { averaged, count, noCounts, SHARES } from "./class-metrics.ts";
import { type AnyMetric, aMetric, type Metric, type MetricBatch } from "./metric.ts";
import type { Numbers } from "./samples.ts";
import { textTable } from "./text-table.ts";

export interface MeasureOptions {
  /** Classes, or channels: the last axis of scores. Default: as many scores as there are for each target. */
  classes?: number;
  /** Where targets are 0 or 1 for every score: scores above it mean 1. */
  threshold?: number;
}

/**
 * What a metric gives for scores against targets, all of them one batch: of class indices, one for every `classes` scores; with
 * `threshold` of 0 or 1 for every score; with `classes` of rows of a value per class; else of values.
 */
export function measure(
  given: AnyMetric,
  scores: Numbers,
  targets: Numbers,
  options: MeasureOptions = {},
): number {
  aMetric(given, "the metric", "measure");
  const metric: Metric = given === "accuracy" ? accuracy() : given;
  const batch = batchOf("measure", scores, targets, options);
  metric.check?.(batch);
  return metric.result(metric.update(metric.start(), scores, targets, batch));
}

function batchOf(where: string, scores: Numbers, targets: Numbers, options: MeasureOptions): MetricBatch {
  checkOptions(where, options, { classes: anInteger(1), threshold: aNumber });
  asNumbers(scores, "scores", where);
  asNumbers(targets, "targets", where);
  const perTarget = scores.length / targets.length;
  const { threshold, classes = perTarget } = options;
  if (
    !targets.length ||
    !Number.isInteger(perTarget) ||
    scores.length % classes ||
    ![1, classes].includes(perTarget)
  )
    throw new ShapeError(
      `${where}: ${scores.length} scores for ${targets.length} targets, but there must be a target for every score or for every row of ${options.classes ?? "two scores or more"}`,
    );
  const indices = perTarget > 1;
  if (indices)
    for (let i = 0; i < targets.length; i++)
      if (!(Number.isInteger(targets[i]) && targets[i] >= 0 && targets[i] < classes))
        throw new ArgumentError(
          `${where}: targets[${i}] is ${targets[i]} but must be a class from 0 to ${classes - 1}`,
        );
  const rows = options.classes !== undefined && threshold === undefined;
  const kind = indices ? "indices" : rows ? "rows" : threshold === undefined ? "values" : "binary";
  return {
    images: indices || rows ? scores.length / classes : targets.length,
    shape: [classes],
    targets: kind,
    threshold: threshold ?? 0,
  };
}

/** How well one class, or an average of them, is told: `support` answers are labelled as it. */
export interface ClassScores {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly support: number;
}

/** A table of classes; `String(report)` shows it as text. */
export interface ClassificationReport {
  readonly classes: readonly (ClassScores & { readonly name: string })[];
  readonly accuracy: number;
  /** The mean over classes that occur. */
  readonly macro: ClassScores;
  /** The mean over classes by their support. */
  readonly weighted: ClassScores;
  toString(): string;
}

/**
 * Precision, recall and F1 of each class, of scores [n, classes] and class indices [n]. `names`: of the classes. Throws ArgumentError for
 * labels that are no classes, ShapeError where sizes do not fit.
 */
export function classificationReport(
  scores: Numbers,
  labels: Numbers,
  options: { names?: readonly string[] } = {},
): ClassificationReport {
  const where = "classificationReport";
  checkOptions(where, options, { names: aList(aText) });
  const batch = batchOf(where, scores, labels, {});
  if (batch.targets !== "indices")
    throw new ShapeError(
      `${where}: ${scores.length} scores for ${labels.length} labels, but there must be a class index for every row of two scores or more`,
    );
  const [classes] = batch.shape;
  const { names = Array.from({ length: classes }, (_, c) => `${c}`) } = options;
  if (names.length !== classes)
    throw new ShapeError(`${where}: ${names.length} names for ${classes} classes`);
  const counts = count(noCounts(), scores, labels, batch);
  const { tp, fp, fn } = counts;
  const support = labels.length;
  const average = (kind: "macro" | "weighted"): ClassScores => ({
    precision: averaged(SHARES.precision, counts, kind),
    recall: averaged(SHARES.recall, counts, kind),
    f1: averaged(SHARES.f1, counts, kind),
    support,
  });
  const list = names.map((name, c) => ({
    name,
    precision: SHARES.precision(tp[c], fp[c], fn[c]),
    recall: SHARES.recall(tp[c], fp[c], fn[c]),
    f1: SHARES.f1(tp[c], fp[c], fn[c]),
    support: tp[c] + fn[c],
  }));
  const accuracy = tp.reduce((sum, n) => sum + n, 0) / support;
  const [macro, weighted] = [average("macro"), average("weighted")];
  const cells = (name: string, s: ClassScores): string[] => [
    name,
    ...[s.precision, s.recall, s.f1].map((v) => v.toFixed(3)),
    `${s.support}`,
  ];
  const table = (): string =>
    textTable(
      ["class", "precision", "recall", "f1", "support"],
      [...list.map((row) => cells(row.name, row)), cells("macro", macro), cells("weighted", weighted)],
      [false, true, true, true, true],
      [`accuracy ${accuracy.toFixed(3)}`],
    );
  return { classes: list, accuracy, macro, weighted, toString: table };
}
