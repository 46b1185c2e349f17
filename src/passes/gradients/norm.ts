// Normalisation in training: batch statistics that are kept, running averages of them, and gradients.
import { ShapeError } from "../../errors.ts";
import type { Edge, Graph, Node } from "../../graph/graph.ts";
import { float32, type Op, sizeOf } from "../../graph/op.ts";
import { activation } from "../../ops/activation.ts";
import { show } from "../../ops/check.ts";
import { affine, binary } from "../../ops/elementwise.ts";
import { checkNorm, emitMoments, normLayout, normRecord } from "../../ops/statistics.ts";

/** Which values share a mean: those of one picture (or of all, when `pictures` is 1) and of one group of channels. */
interface StatisticsParams {
  pictures: number;
  groups: number;
}

interface NormGradParams extends StatisticsParams {
  epsilon: number;
}

/** Mean and variance (divided by the count) of every group, one number per channel: [pictures, c] each. */
const normStatistics: Op<StatisticsParams> = {
  name: "normStatistics",
  infer([x], { pictures }) {
    const shape = [pictures, x.shape[x.shape.length - 1]];
    return [float32(shape), float32(shape)];
  },
  forward(e, [x], [mean, variance], { pictures, groups }) {
    const layout = normLayout(x.shape, pictures);
    const moments = emitMoments(e, x, layout);
    const shape = normRecord(e, layout, groups);
    e.call("norm_statistics_f32", pictures * groups, [mean.base, variance.base, moments, shape]);
  },
};

/**
 * From [dy, x, mean, variance]: the sums over chunks that dx is made from, and dgamma and dbeta.
 */
const normGradSums: Op<NormGradParams> = {
  name: "normGradSums",
  infer([dy], { pictures }) {
    const { parts, columns, c } = normLayout(dy.shape, pictures);
    return [float32([pictures, parts, 2, columns]), float32([c]), float32([c])];
  },
  forward(e, [dy, x, mean, variance], [sums, dgamma, dbeta], { pictures, groups, epsilon }) {
    const { rows, columns, c, copies, chunk, units, ...layout } = normLayout(x.shape, pictures);
    let centre = mean.base;
    if (copies > 1) {
      centre = e.scratch(pictures * columns * 4);
      e.call("repeat_f32", pictures, [centre, mean.base, c, copies]);
    }
    const sizes = [rows, columns, chunk];
    e.call("norm_grad_sums_f32", units, [sums.base, dy.base, x.base, centre, ...sizes]);
    const shape = normRecord(e, { rows, columns, c, copies, chunk, units, ...layout }, groups);
    const outs = [dgamma.base, dbeta.base];
    e.call("norm_grad_channels_f32", c, [...outs, sums.base, variance.base, shape, pictures, epsilon]);
  },
};

/** dx from [dy, x, sums, mean, variance, gamma], where x had a part in mean and variance. */
const normGrad: Op<NormGradParams> = {
  name: "normGrad",
  infer: ([dy]) => [float32(dy.shape)],
  forward(e, [dy, x, sums, ...vectors], [out], { pictures, groups, epsilon }) {
    const layout = normLayout(x.shape, pictures);
    const { rows, columns } = layout;
    const tables = e.scratch(pictures * 4 * columns * 4);
    const sources = [sums, ...vectors].map((v) => v.base);
    const shape = normRecord(e, layout, groups);
    e.call("norm_grad_tables_f32", pictures * groups, [tables, ...sources, shape, epsilon]);
    e.call("norm_grad_f32", pictures * rows, [out.base, dy.base, x.base, tables, columns, rows]);
  },
};

/** The gradients by x, gamma and beta of a normalisation by its own mean and variance. */
function ownGradient(
  g: Graph,
  [x, gamma]: readonly Edge[],
  [mean, variance]: readonly Edge[],
  dy: Edge,
  wanted: readonly boolean[],
  params: NormGradParams,
): (Edge | undefined)[] {
  const [sums, dgamma, dbeta] = g.apply(normGradSums, [dy, x, mean, variance], params);
  return [
    wanted[0] ? g.op(normGrad, [dy, x, sums, mean, variance, gamma], params) : undefined,
    wanted[1] ? dgamma : undefined,
    wanted[2] ? dbeta : undefined,
  ];
}

/** The gradient of group normalisation: its statistics are taken once more. */
export function groupNormGradient(
  g: Graph,
  { inputs }: Node,
  dy: Edge,
  wanted: readonly boolean[],
  groups: number,
  epsilon: number,
): (Edge | undefined)[] {
  if (!wanted.some(Boolean)) return [];
  const params = { pictures: inputs[0].shape[0], groups, epsilon };
  return ownGradient(g, inputs, g.apply(normStatistics, [inputs[0]], params), dy, wanted, params);
}

/** The gradient of normalisation by given statistics; with s = gamma / √(variance + epsilon), dx = dy · s. */
export function batchNormGradient(
  g: Graph,
  { inputs: [x, gamma, , mean, variance] }: Node,
  dy: Edge,
  wanted: readonly boolean[],
  epsilon: number,
): (Edge | undefined)[] {
  const deviation = (): Edge =>
    g.op(activation, [g.op(affine, [variance], { scale: 1, offset: epsilon })], { kind: "sqrt" });
  const [byX, , , byMean, byVariance] = wanted;
  const root = byX || byMean || byVariance ? deviation() : undefined;
  const scale = root && g.op(binary, [gamma, root], { kind: "div" });
  const params = { pictures: 1, groups: x.shape[x.shape.length - 1], epsilon };
  const sums = wanted.slice(1).some(Boolean)
    ? g.apply(normGradSums, [dy, x, mean, variance], params)
    : undefined;
  const times = (a: Edge, b: Edge, by = 1): Edge => {
    const product = g.op(binary, [a, b], { kind: "mul" });
    return by === 1 ? product : g.op(affine, [product], { scale: by, offset: 0 });
  };
  return [
    byX ? times(dy, scale!) : undefined,
    wanted[1] ? sums![1] : undefined,
    wanted[2] ? sums![2] : undefined,
    byMean ? times(sums![2], scale!, -1) : undefined,
    byVariance ? g.op(binary, [times(sums![1], scale!, -0.5), root!], { kind: "div" }) : undefined,
  ];
}

export interface BatchNormTrainParams {
  epsilon: number;
}

/**
 * Batch normalisation by the statistics of the batch: [x, gamma, beta] give y, the batch's mean and its variance (divided by
 * the count). Running averages of the two are `updateRunning`'s.
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
    const { c, copies, rows, columns } = layout;
    const moments = emitMoments(e, x, layout);
    const statistics = [mean.base, variance.base];
    e.call("norm_statistics_f32", c, [...statistics, moments, normRecord(e, layout, c)]);
    const tables = e.scratch(3 * columns * 4);
    const vectors = [gamma.base, beta.base, ...statistics];
    e.call("batch_norm_scale_f32", c, [tables, ...vectors, c, copies, epsilon]);
    e.call("channel_affine_f32", rows, [y.base, x.base, tables, columns, columns, rows]);
  },
  gradient(g, { inputs, outputs, params }, dys, wanted) {
    if (dys[1] || dys[2]) throw new Error("internal: batch statistics pass no gradient on");
    if (!dys[0] || !wanted.some(Boolean)) return [];
    const { epsilon } = params as BatchNormTrainParams;
    const all = { pictures: 1, groups: outputs[1].shape[0], epsilon };
    return ownGradient(g, inputs, outputs.slice(1), dys[0], wanted, all);
  },
};

export interface UpdateRunningParams {
  /** The share of the new value. */
  momentum: number;
  /** What the new value is multiplied by: count / (count - 1) makes a variance unbiased. */
  factor: number;
}

/** [running, batch]: running becomes (1 - momentum) · running + momentum · factor · batch, where it lies. */
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
 * returned must be outputs of the graph, or they are pruned.
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
