// How well answers fit: classification metrics over scores [n, classes] and class indices [n].
import { ShapeError } from "../errors.ts";
import type { Numbers } from "./data.ts";

function count(scores: Numbers, labels: Numbers, what: string): number {
  const classes = scores.length / labels.length;
  if (!labels.length || !Number.isInteger(classes))
    throw new ShapeError(
      `${what}: ${scores.length} scores for ${labels.length} labels, but there must be as many for each`,
    );
  return classes;
}

/** The class with the highest score of image i; of equal ones the first. */
function best(scores: Numbers, classes: number, i: number): number {
  let at = 0;
  for (let c = 1; c < classes; c++) if (scores[i * classes + c] > scores[i * classes + at]) at = c;
  return at;
}

/** The part of images, 0 to 1, whose highest score is the right class's. */
export function accuracy(scores: Numbers, labels: Numbers): number {
  const classes = count(scores, labels, "accuracy");
  let right = 0;
  for (let i = 0; i < labels.length; i++) if (best(scores, classes, i) === labels[i]) right++;
  return right / labels.length;
}

/** The part of images, 0 to 1, whose right class is among the k highest scores (fewer than k are higher than its own). */
export function topK(scores: Numbers, labels: Numbers, k: number): number {
  const classes = count(scores, labels, "topK");
  if (!Number.isInteger(k) || k < 1 || k > classes)
    throw new ShapeError(
      `topK: k is ${k} but must be an integer from 1 to ${classes}, the number of classes`,
    );
  let right = 0;
  for (let i = 0; i < labels.length; i++) {
    const own = scores[i * classes + labels[i]];
    let higher = 0;
    for (let c = 0; c < classes; c++) if (scores[i * classes + c] > own) higher++;
    if (higher < k) right++;
  }
  return right / labels.length;
}

/** matrix[t][p]: how many images of class t were taken for class p. */
export function confusionMatrix(scores: Numbers, labels: Numbers): number[][] {
  const classes = count(scores, labels, "confusionMatrix");
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < labels.length; i++) matrix[labels[i]][best(scores, classes, i)]++;
  return matrix;
}
