// Metrics of how scores rank what is so before what is not: the area under the ROC curve, and average precision.
import { aWord, checkOptions } from "../validate.ts";
import { eachAnswer, isBinary } from "./accuracy.ts";
import type { Metric } from "./metric.ts";
import type { Numbers } from "./samples.ts";

/** All scores so far of each channel or class, and which of them are of answers that are so. */
interface Ranking {
  readonly scores: number[][];
  readonly positive: boolean[][];
}

export interface RankingOptions {
  /** Of several channels of 0 and 1, or classes: the mean over them, or all scores together. Default "macro". */
  average?: "macro" | "micro";
}

/** Adds a batch: scores of channels of 0 and 1 as they are, of classes their softmax, each class against the rest. */
function collect(
  state: Ranking,
  scores: Numbers,
  targets: Numbers,
  batch: Parameters<Metric["update"]>[3],
): Ranking {
  const channels = batch.shape.at(-1) ?? 1;
  while (state.scores.length < channels) {
    state.scores.push([]);
    state.positive.push([]);
  }
  const add = (channel: number, score: number, positive: boolean): void => {
    state.scores[channel].push(score);
    state.positive[channel].push(positive);
  };
  if (isBinary(batch))
    for (let i = 0; i < targets.length; i++) add(i % channels, scores[i], targets[i] > 0.5);
  else
    eachAnswer(scores, targets, batch, (label, i, classes) => {
      let [highest, sum] = [-Infinity, 0];
      for (let c = 0; c < classes; c++) highest = Math.max(highest, scores[i * classes + c]);
      for (let c = 0; c < classes; c++) sum += Math.exp(scores[i * classes + c] - highest);
      for (let c = 0; c < classes; c++)
        add(c, Math.exp(scores[i * classes + c] - highest) / sum, c === label);
    });
  return state;
}

/** Answers from the highest score down, those of equal scores together: how many of them are so, and how many not. */
function* groups(
  scores: readonly number[],
  positive: readonly boolean[],
): Generator<[yes: number, no: number]> {
  const order = Uint32Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a]);
  for (let i = 0; i < order.length; ) {
    const score = scores[order[i]];
    let [yes, no] = [0, 0];
    do {
      if (positive[order[i]]) yes++;
      else no++;
      i++;
    } while (i < order.length && scores[order[i]] === score);
    yield [yes, no];
  }
}

/** The part of pairs of one that is so and one that is not whose scores are in order; pairs of equal scores count half. */
function areaOf(scores: readonly number[], positive: readonly boolean[]): number {
  let [above, all, negatives] = [0, 0, 0];
  for (const [yes, no] of groups(scores, positive)) {
    above += no * (all + yes / 2);
    all += yes;
    negatives += no;
  }
  return above / (all * negatives);
}

/** The mean of the precision at every answer that is so, by falling score. */
function precisionOf(scores: readonly number[], positive: readonly boolean[]): number {
  let [sum, all, seen] = [0, 0, 0];
  for (const [yes, no] of groups(scores, positive)) {
    all += yes;
    seen += yes + no;
    sum += (yes * all) / seen;
  }
  return sum / all;
}

const ranking =
  (name: string, of: typeof areaOf) =>
  (options: RankingOptions = {}): Metric<Ranking> => {
    checkOptions(name, options, { average: aWord("macro", "micro") });
    return {
      name,
      start: () => ({ scores: [], positive: [] }),
      update: collect,
      result({ scores, positive }) {
        if (options.average === "micro") return of(scores.flat(), positive.flat());
        // Channels without one of either kind have no value.
        const values = scores.map((list, c) => of(list, positive[c])).filter((value) => !Number.isNaN(value));
        return values.reduce((sum, value) => sum + value, 0) / values.length;
      },
    };
  };

/** The area under the ROC curve, exact. Keeps all scores. NaN where targets are all so, or none is. */
export const auc = ranking("auc", areaOf);
/** Average precision: the area under the curve of precision over recall, by steps. Keeps all scores. */
export const averagePrecision = ranking("averagePrecision", precisionOf);
