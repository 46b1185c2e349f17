// Gradients of transposed convolutions: the convolution one transposes takes dy back to x; dy is the image its windows slide over, and
// x has a pixel per window.
import type { Edge, Graph } from "../../graph/graph.ts";
import { conv } from "../../ops/conv.ts";
import type { ConvParams } from "../../ops/conv-geometry.ts";
import { convTranspose, type TransposedAxis, transposed } from "../../ops/conv-transpose.ts";
import { slice } from "../../ops/shape.ts";
import { biasGradient, convFilterGrad } from "./filter-grad.ts";
import { type GradientEntry, gradientOf, whereWanted } from "./rule.ts";
import { transposeFilter } from "./transpose-filter.ts";

/** conv(dy) with one output pixel per input pixel of the transposed convolution. */
function inputGradient(
  g: Graph,
  dy: Edge,
  w: Edge,
  axes: readonly TransposedAxis[],
  window: Pick<ConvParams, "stride" | "dilation" | "groups">,
): Edge {
  // What windows reach beyond dy. Where outputPadding leaves room for more windows, those give pixels that x does not have.
  const padding = axes.map((a) => {
    const reached = (a.size - 1) * a.stride + a.dilation * (a.kernel - 1) + 1;
    return [a.before, Math.max(0, reached - a.before - a.out)] as const;
  });
  const dx = g.op(conv, [dy, w], { ...window, padding, paddingMode: "zeros" });
  const size = [dy.shape[0], ...axes.map((a) => a.size), w.shape.at(-1)!];
  return String(size) === String(dx.shape) ? dx : g.op(slice, [dx], { begin: size.map(() => 0), size });
}

export const convTransposeGradients: readonly GradientEntry[] = [
  gradientOf(convTranspose, (g, { inputs, params, where }, dy, wanted) => {
    if (params.activation) throw new Error("internal: a fused activation has no gradient");
    const [x, w] = inputs;
    const { groups } = params;
    const { axes } = transposed(inputs, params, where);
    const window = { stride: axes.map((a) => a.stride), dilation: axes.map((a) => a.dilation), groups };
    const transpose = (filter: Edge): Edge => g.op(transposeFilter, [filter], { groups, flip: false });
    const filterGradient = (): Edge =>
      g.op(convFilterGrad, [dy, x], {
        ...{ ...window, kernel: w.shape.slice(0, -2), before: axes.map((a) => a.before) },
        paddingMode: "zeros",
      });
    return whereWanted(wanted, [
      () => inputGradient(g, dy, transpose(w), axes, window),
      () => transpose(filterGradient()),
      () => biasGradient(g, dy),
    ]);
  }),
];
