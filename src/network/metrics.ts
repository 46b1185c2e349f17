// Classification metrics over scores and labels.
import { ArgumentError, ShapeError } from "../errors.ts";
import { asNumbers, checkOptions, finite, integer } from "../validate.ts";
import { accuracy as accuracyMetric } from "./accuracy.ts";
import { highestOf, type MetricBatch } from "./metric.ts";
import type { Numbers } from "./samples.ts";

/** How labels are read, and how many scores make an answer. */
type Reading = Pick<MetricBatch, "targets" | "threshold" | "shape">;

export interface AccuracyOptions {
  /** Number of classes. Needed where labels are rows of a value per class (one-hot). */
  classes?: number;
  /** Where labels are 0 or 1 for every score (binary or multi-label): scores above it mean 1. 0 for logits, 0.5 for probabilities. */
  threshold?: number;
}

/** Classes of a confusion matrix, whose size is their square: 200 MB. */
const MAX_MATRIX = 5000;

/**
 * The part of answers, 0 to 1, that are right: where the highest of the scores [..., classes] is the labelled class's, or, with
 * `threshold`, where a score lies on its label's side. Labels are class indices [...], rows [..., classes] with `classes`, or 0 or 1 for
 * every score with `threshold`. Labels may be per image or per pixel.
 */
export function accuracy(scores: Numbers, labels: Numbers, options: AccuracyOptions = {}): number {
  checkOptions("accuracy", options, { classes: true, threshold: true });
  const reading = readingOf(checkNumbers(scores, labels, "accuracy"), options);
  const metric = accuracyMetric();
  return metric.result(metric.update(metric.start(), scores, labels, { images: labels.length, ...reading }));
}

function readingOf([scores, labels]: readonly [Numbers, Numbers], options: AccuracyOptions): Reading {
  const { classes, threshold } = options;
  if (threshold !== undefined) {
    finite(threshold, "threshold", "accuracy");
    if (classes !== undefined)
      throw new ArgumentError("accuracy: give classes or threshold, not both: labels are classes or 0 and 1");
    if (labels.length !== scores.length)
      throw new ShapeError(
        `accuracy: with a threshold there must be a label for every score, but ${labels.length} are given for ${scores.length}`,
      );
    for (let i = 0; i < labels.length; i++)
      if (labels[i] !== 0 && labels[i] !== 1)
        throw new ArgumentError(`accuracy: labels[${i}] is ${labels[i]} but with a threshold must be 0 or 1`);
    return { targets: "binary", threshold, shape: [1] };
  }
  if (classes !== undefined) {
    integer(classes, "classes", "accuracy", 2);
    if (scores.length % classes !== 0)
      throw new ShapeError(
        `accuracy: ${scores.length} scores are not a whole number of rows of ${classes} classes`,
      );
    if (labels.length === scores.length) return { targets: "rows", threshold: 0, shape: [classes] };
    if (labels.length * classes !== scores.length)
      throw new ShapeError(
        `accuracy: ${labels.length} labels for ${scores.length} scores of ${classes} classes, but there must be ${scores.length / classes} classes or ${scores.length} values`,
      );
  } else if (labels.length === scores.length)
    throw new ArgumentError(
      `accuracy: ${labels.length} labels for as many scores: give { classes } where labels are rows of a value per class (one-hot), { threshold } where they are 0 or 1 for every score`,
    );
  return { targets: "indices", threshold: 0, shape: [classesOf(scores, labels, "accuracy")] };
}

/** The part of answers, 0 to 1, whose labelled class is among the k highest of the scores [n, classes] (fewer than k are higher than its own). */
export function topK(scores: Numbers, labels: Numbers, k: number): number {
  checkNumbers(scores, labels, "topK");
  const classes = classesOf(scores, labels, "topK");
  if (!Number.isInteger(k) || k < 1 || k > classes)
    throw new ArgumentError(
      `topK: k is ${k} but must be an integer from 1 to ${classes}, the number of classes`,
    );
  let correct = 0;
  for (let i = 0; i < labels.length; i++) {
    const own = scores[i * classes + labels[i]];
    let higher = 0;
    for (let c = 0; c < classes; c++) if (scores[i * classes + c] > own) higher++;
    if (higher < k) correct++;
  }
  return correct / labels.length;
}

/** matrix[t][p]: how many answers of class t were predicted as class p. Scores are [n, classes], labels class indices [n]. */
export function confusionMatrix(scores: Numbers, labels: Numbers): number[][] {
  checkNumbers(scores, labels, "confusionMatrix");
  const classes = classesOf(scores, labels, "confusionMatrix");
  if (classes > MAX_MATRIX)
    throw new ArgumentError(`confusionMatrix: ${classes} classes, but it takes at most ${MAX_MATRIX}`);
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < labels.length; i++) matrix[labels[i]][highestOf(scores, classes, i)]++;
  return matrix;
}

function checkNumbers(scores: unknown, labels: unknown, what: string): readonly [Numbers, Numbers] {
  const [s, l] = [asNumbers(scores, "scores", what), asNumbers(labels, "labels", what)];
  if (!l.length) throw new ShapeError(`${what}: there are no labels`);
  return [s, l];
}

/** The number of classes: scores per label, which are class indices. */
function classesOf(scores: Numbers, labels: Numbers, what: string): number {
  const classes = scores.length / labels.length;
  if (!Number.isInteger(classes) || classes < 2)
    throw new ShapeError(
      `${what}: ${scores.length} scores for ${labels.length} labels, but there must be a class index for every row of two scores or more`,
    );
  for (let i = 0; i < labels.length; i++)
    if (!(Number.isInteger(labels[i]) && labels[i] >= 0 && labels[i] < classes))
      throw new ArgumentError(
        `${what}: labels[${i}] is ${labels[i]} but must be a class from 0 to ${classes - 1}`,
      );
  return classes;
}
