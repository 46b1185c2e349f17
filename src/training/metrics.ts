// Classification metrics over scores [n, classes] and class indices [n].
import { ShapeError } from "../errors.ts";
import type { Numbers } from "../network/trainer-interface.ts";

function classesOf(scores: Numbers, labels: Numbers, what: string): number {
  const classes = scores.length / labels.length;
  if (!labels.length || !Number.isInteger(classes))
    throw new ShapeError(
      `${what}: ${scores.length} scores for ${labels.length} labels, but there must be as many for each`,
    );
  return classes;
}

/** The class with the highest score of image i; of equal ones the first. */
function predictedClass(scores: Numbers, classes: number, i: number): number {
  let highest = 0;
  for (let c = 1; c < classes; c++) if (scores[i * classes + c] > scores[i * classes + highest]) highest = c;
  return highest;
}

/** The part of images, 0 to 1, whose highest score is the labelled class's. */
export function accuracy(scores: Numbers, labels: Numbers): number {
  const classes = classesOf(scores, labels, "accuracy");
  let correct = 0;
  for (let i = 0; i < labels.length; i++) if (predictedClass(scores, classes, i) === labels[i]) correct++;
  return correct / labels.length;
}

/** The part of images, 0 to 1, whose labelled class is among the k highest scores (fewer than k are higher than its own). */
export function topK(scores: Numbers, labels: Numbers, k: number): number {
  const classes = classesOf(scores, labels, "topK");
  if (!Number.isInteger(k) || k < 1 || k > classes)
    throw new ShapeError(
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

/** matrix[t][p]: how many images of class t were predicted as class p. */
export function confusionMatrix(scores: Numbers, labels: Numbers): number[][] {
  const classes = classesOf(scores, labels, "confusionMatrix");
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < labels.length; i++) matrix[labels[i]][predictedClass(scores, classes, i)]++;
  return matrix;
}
