// Gradients of normalisations.
import type { Edge, Graph } from "../../graph/graph.ts";
import { float32, type Op } from "../../graph/op.ts";
import { activation } from "../../ops/activation.ts";
import { batchNormTrain } from "../../ops/batch-norm-train.ts";
import { affine, binary } from "../../ops/elementwise.ts";
import { batchNorm, groupNorm, instanceNorm } from "../../ops/norm.ts";
import { emitMoments, normLayout, normRecord } from "../../ops/statistics.ts";
import { type GradientEntry, gradientOf, gradientOfOutputs, whereWanted } from "./rule.ts";

/** Which values share a mean: those of one image (or of all, when `images` is 1) and of one group of channels. */
interface StatisticsParams {
  images: number;
  groups: number;
}

interface NormGradParams extends StatisticsParams {
  epsilon: number;
}

/** Mean and variance (divided by the count) of every group, one number per channel: [images, c] each. */
const normStatistics: Op<StatisticsParams> = {
  name: "normStatistics",
  infer([x], { images }) {
    const shape = [images, x.shape[x.shape.length - 1]];
    return [float32(shape), float32(shape)];
  },
  forward(e, [x], [mean, variance], { images, groups }) {
    const layout = normLayout(x.shape, images);
    const moments = emitMoments(e, x, layout);
    const shape = normRecord(e, layout, groups);
    e.call("norm_statistics_f32", images * groups, [mean.base, variance.base, moments, shape]);
  },
};

/** From [dy, x, mean, variance]: the sums over chunks of rows that dx is computed from, and dgamma and dbeta. */
const normGradSums: Op<NormGradParams> = {
  name: "normGradSums",
  infer([dy], { images }) {
    const { parts, columns, c } = normLayout(dy.shape, images);
    return [float32([images, parts, 2, columns]), float32([c]), float32([c])];
  },
  forward(e, [dy, x, mean, variance], [sums, dgamma, dbeta], { images, groups, epsilon }) {
    const layout = normLayout(x.shape, images);
    const { rows, columns, c, copies, chunk, units } = layout;
    let centre = mean.base;
    if (copies > 1) {
      centre = e.scratch(images * columns * 4);
      e.call("repeat_f32", images, [centre, mean.base, c, copies]);
    }
    e.call("norm_grad_sums_f32", units, [sums.base, dy.base, x.base, centre, rows, columns, chunk]);
    e.call("norm_grad_channels_f32", c, [
      dgamma.base,
      dbeta.base,
      sums.base,
      variance.base,
      normRecord(e, layout, groups),
      images,
      epsilon,
    ]);
  },
};

/** dx from [dy, x, sums, mean, variance, gamma], where mean and variance are statistics of x. */
export const normGrad: Op<NormGradParams> = {
  name: "normGrad",
  infer: ([dy]) => [float32(dy.shape)],
  forward(e, [dy, x, sums, mean, variance, gamma], [out], { images, groups, epsilon }) {
    const layout = normLayout(x.shape, images);
    const { rows, columns } = layout;
    const tables = e.scratch(images * 4 * columns * 4);
    e.call("norm_grad_tables_f32", images * groups, [
      tables,
      sums.base,
      mean.base,
      variance.base,
      gamma.base,
      normRecord(e, layout, groups),
      epsilon,
    ]);
    e.call("norm_grad_f32", images * rows, [out.base, dy.base, x.base, tables, columns, rows]);
  },
};

/** The gradients with respect to x, gamma and beta of a normalisation by statistics of x itself. */
function ownStatisticsGradient(
  g: Graph,
  [x, gamma]: readonly Edge[],
  [mean, variance]: readonly Edge[],
  dy: Edge,
  wanted: readonly boolean[],
  params: NormGradParams,
): (Edge | undefined)[] {
  const [sums, dgamma, dbeta] = g.apply(normGradSums, [dy, x, mean, variance], params);
  return whereWanted(wanted, [
    () => g.op(normGrad, [dy, x, sums, mean, variance, gamma], params),
    () => dgamma,
    () => dbeta,
  ]);
}

/** Group normalisation: its statistics are computed once more. */
function groupGradient(
  g: Graph,
  inputs: readonly Edge[],
  dy: Edge,
  wanted: readonly boolean[],
  groups: number,
  epsilon: number,
): (Edge | undefined)[] {
  const params = { images: inputs[0].shape[0], groups, epsilon };
  const statistics = g.apply(normStatistics, [inputs[0]], params);
  return ownStatisticsGradient(g, inputs, statistics, dy, wanted, params);
}

/** Normalisation by given statistics: with s = gamma / √(variance + epsilon), dx = dy · s. */
function givenStatisticsGradient(
  g: Graph,
  [x, gamma, , mean, variance]: readonly Edge[],
  dy: Edge,
  wanted: readonly boolean[],
  epsilon: number,
): (Edge | undefined)[] {
  const [wantsX, , , wantsMean, wantsVariance] = wanted;
  const multiply = (a: Edge, b: Edge): Edge => g.op(binary, [a, b], { kind: "mul" });
  const divide = (a: Edge, b: Edge): Edge => g.op(binary, [a, b], { kind: "div" });
  const times = (a: Edge, scale: number): Edge => g.op(affine, [a], { scale, offset: 0 });
  let deviation: Edge | undefined;
  let scale: Edge | undefined;
  if (wantsX || wantsMean || wantsVariance) {
    const shifted = g.op(affine, [variance], { scale: 1, offset: epsilon });
    deviation = g.op(activation, [shifted], { kind: "sqrt" });
    scale = divide(gamma, deviation);
  }
  const params = { images: 1, groups: x.shape[x.shape.length - 1], epsilon };
  const [, dgamma, dbeta] = wanted.slice(1).some(Boolean)
    ? g.apply(normGradSums, [dy, x, mean, variance], params)
    : [];
  return whereWanted(wanted, [
    () => multiply(dy, scale!),
    () => dgamma,
    () => dbeta,
    () => times(multiply(dbeta, scale!), -1),
    () => divide(times(multiply(dgamma, scale!), -0.5), deviation!),
  ]);
}

export const normGradients: readonly GradientEntry[] = [
  gradientOf(batchNorm, (g, { inputs, params }, dy, wanted) =>
    givenStatisticsGradient(g, inputs, dy, wanted, params.epsilon),
  ),
  gradientOf(groupNorm, (g, { inputs, params: { groups, epsilon } }, dy, wanted) =>
    groupGradient(g, inputs, dy, wanted, groups, epsilon),
  ),
  gradientOf(instanceNorm, (g, { inputs, params }, dy, wanted) =>
    groupGradient(g, inputs, dy, wanted, inputs[1].shape[0], params.epsilon),
  ),
  gradientOfOutputs(batchNormTrain, (g, { inputs, outputs, params: { epsilon } }, [dy, ...rest], wanted) => {
    if (!dy || rest.some(Boolean)) throw new Error("internal: batch statistics pass no gradient on");
    const params = { images: 1, groups: outputs[1].shape[0], epsilon };
    return ownStatisticsGradient(g, inputs, outputs.slice(1), dy, wanted, params);
  }),
];
