// How layers are built in training where that differs from predicting: batch normalisation and dropout.
import type { Edge, Training } from "../graph/graph.ts";
import { batchNormTrain, updateStatistics } from "../ops/batch-norm-train.ts";
import { dropout } from "../ops/dropout.ts";

/** `counter` holds the seed and the step, as dropout reads them. Updates of running averages are among the graph's effects. */
export function trainingLayers(frozen: ReadonlySet<string>, counter: Edge): Training {
  // Each dropout draws from a stream of its own.
  let streams = 0;
  return {
    frozen,
    batchNorm(g, x, { gamma, beta, mean, variance }, epsilon, momentum) {
      const [y] = g.apply(batchNormTrain, [x, gamma, beta], { epsilon });
      g.effects.push(...updateStatistics(g, y.node!, { mean, variance }, momentum));
      return y;
    },
    dropout: (g, x, rate) => g.op(dropout, [x, counter], { rate, stream: streams++ }),
  };
}
