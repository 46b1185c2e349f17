// Gradients of convolutions.
import type { Edge, Graph } from "../../graph/graph.ts";
import { conv } from "../../ops/conv.ts";
import { type ConvParams, convGeometry } from "../../ops/conv-geometry.ts";
import { convTranspose } from "../../ops/conv-transpose.ts";
import { slice } from "../../ops/shape.ts";
import type { Axis } from "../../ops/window.ts";
import { biasGradient, convFilterGrad } from "./filter-grad.ts";
import { padGradient } from "./pad.ts";
import { type GradientEntry, gradientOf, whereWanted } from "./rule.ts";
import { transposeFilter } from "./transpose-filter.ts";

/** The gradient of x. Borders of pixels are added to those they were copied from. */
function inputGradient(
  g: Graph,
  x: Edge,
  w: Edge,
  dy: Edge,
  axes: readonly Axis[],
  { groups, paddingMode }: Pick<ConvParams, "groups" | "paddingMode">,
): Edge {
  if (paddingMode === "zeros" || axes.every((a) => a.before === 0 && a.after === 0))
    return transposedConv(g, dy, w, axes, groups);
  const bare = axes.map((a) => ({ ...a, size: a.before + a.size + a.after, before: 0, after: 0 }));
  const padded = transposedConv(g, dy, w, bare, groups);
  const pads = [[0, 0], ...axes.map((a) => [a.before, a.after]), [0, 0]] as [number, number][];
  return padGradient(g, x, padded, { pads, mode: paddingMode, value: 0 });
}

/** The adjoint of a convolution that pads with zeros: a convolution by the filter transposed, or a transposed convolution. */
function transposedConv(g: Graph, dy: Edge, w: Edge, axes: readonly Axis[], groups: number): Edge {
  const stride = axes.map((a) => a.stride);
  const dilation = axes.map((a) => a.dilation);
  const reach = axes.map((a) => a.dilation * (a.kernel - 1));
  const padding = axes.map((a, i) => [reach[i] - a.before, reach[i] - a.after] as const);
  // At stride 1 it is a convolution, by whatever algorithm is fastest, unless a border is wider than the window.
  if (stride.every((s) => s === 1) && padding.every(([before, after]) => before >= 0 && after >= 0))
    return g.op(conv, [dy, g.op(transposeFilter, [w], { groups, flip: true })], {
      ...{ stride, dilation, padding, paddingMode: "zeros", groups },
    });
  return g.op(convTranspose, [dy, g.op(transposeFilter, [w], { groups, flip: false })], {
    ...{ stride, dilation, groups },
    padding: axes.map((a) => [a.before, a.after] as const),
    // Pixels behind the last window.
    outputPadding: axes.map((a, i) => a.before + a.size + a.after - reach[i] - 1 - (a.out - 1) * a.stride),
  });
}

export const convGradients: readonly GradientEntry[] = [
  gradientOf(conv, (g, { inputs, params, where }, dy, wanted) => {
    if (params.activation) throw new Error("internal: a fused activation has no gradient");
    const [x, w] = inputs;
    const { axes } = convGeometry(inputs, params, where);
    const filterGradParams = {
      kernel: w.shape.slice(0, -2),
      stride: axes.map((a) => a.stride),
      dilation: axes.map((a) => a.dilation),
      before: axes.map((a) => a.before),
      ...{ paddingMode: params.paddingMode, groups: params.groups },
    };
    return whereWanted(wanted, [
      () => inputGradient(g, x, w, dy, axes, params),
      () => g.op(convFilterGrad, [x, dy], filterGradParams),
      () => biasGradient(g, dy),
    ]);
  }),
  // dw is linear in x and in dy: with ddw as the filter, dy is what a convolution gives, and x what its gradient does.
  gradientOf(convFilterGrad, (g, { inputs: [x, dy], params }, ddw, wanted) => {
    const { stride, dilation, before, paddingMode, groups } = params;
    const out = dy.shape.slice(1, -1);
    const axes = x.shape.slice(1, -1).map((size, i) => {
      const reach = dilation[i] * (params.kernel[i] - 1) + 1;
      const after = Math.max((out[i] - 1) * stride[i] + reach - before[i] - size, 0);
      const window = { kernel: params.kernel[i], stride: stride[i], dilation: dilation[i] };
      return { size, out: out[i], ...window, before: before[i], after };
    });
    return whereWanted(wanted, [
      () => inputGradient(g, x, ddw, dy, axes, { groups, paddingMode }),
      () => {
        const padding = axes.map((a) => [a.before, a.after] as const);
        const y = g.op(conv, [x, ddw], { stride, dilation, padding, paddingMode, groups });
        // Where a transposed convolution left room for more windows than it has pixels.
        const more = String(y.shape) !== String(dy.shape);
        return more ? g.op(slice, [y], { begin: dy.shape.map(() => 0), size: dy.shape }) : y;
      },
    ]);
  }),
];
