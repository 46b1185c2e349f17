// Batch normalisation in training: by the statistics of the batch, and the running averages of them.
import { ShapeError } from "../errors.ts";
import type { Edge, Graph, Node } from "../graph/graph.ts";
import { float32, type Op, sizeOf } from "../graph/op.ts";
import { show } from "./check.ts";
import { checkNorm, emitChannelAffine, emitMoments, normLayout, normRecord } from "./statistics.ts";

export interface BatchNormTrainParams {
  epsilon: number;
}

/**
 * Batch normalisation by the statistics of the batch: [x, gamma, beta] give y, the batch's mean and its variance (divided by
 * the count). `updateRunning` keeps running averages of the two.
 */
export const batchNormTrain: Op<BatchNormTrainParams> = {
  name: "batchNormTrain",
  infer(inputs, { epsilon }, where) {
    const c = checkNorm(inputs, ["gamma", "beta"], epsilon, where);
    const { shape } = inputs[0];
    if (sizeOf(shape) === c)
      throw new ShapeError(
        `${where}: input has shape ${show(shape)}, one value per channel, but batch statistics need two at least`,
      );
    return [float32(shape), float32([c]), float32([c])];
  },
  forward(e, [x, gamma, beta], [y, mean, variance], { epsilon }) {
    const layout = normLayout(x.shape, 1);
    const { c, copies, columns } = layout;
    const moments = emitMoments(e, x, layout);
    e.call("norm_statistics_f32", c, [mean.base, variance.base, moments, normRecord(e, layout, c)]);
    const tables = e.scratch(3 * columns * 4);
    const vectors = [gamma.base, beta.base, mean.base, variance.base] as const;
    e.call("batch_norm_scale_f32", c, [tables, ...vectors, c, copies, epsilon]);
    emitChannelAffine(e, y, x, tables, layout);
  },
};

export interface UpdateRunningParams {
  /** The weight of the new value, 0 to 1. */
  momentum: number;
  /** What the new value is multiplied by: count / (count - 1) makes a variance unbiased. */
  factor: number;
}

/** Of [running, batch], in place: running = (1 - momentum) · running + momentum · factor · batch. */
export const updateRunning: Op<UpdateRunningParams> = {
  name: "updateRunning",
  alias: "update",
  infer: ([running]) => [float32(running.shape)],
  forward(e, [, batch], [running], { momentum, factor }) {
    e.call("running_average_f32", sizeOf(running.shape), [running.base, batch.base, momentum, factor]);
  },
};

/**
 * Appends the updates of the running averages of a `batchNormTrain` node, with PyTorch's unbiased variance. The edges
 * returned must be outputs or effects of the graph, or they are pruned.
 */
export function updateStatistics(
  g: Graph,
  { inputs: [x], outputs: [, mean, variance] }: Node,
  running: { mean: Edge; variance: Edge },
  momentum: number,
): Edge[] {
  const count = sizeOf(x.shape) / mean.shape[0];
  return [
    g.op(updateRunning, [running.mean, mean], { momentum, factor: 1 }),
    g.op(updateRunning, [running.variance, variance], { momentum, factor: count / (count - 1) }),
  ];
}
