// Gradients of ops that copy boxes: repeats are added up, and what was taken goes back to its place.
import type { Edge, Graph } from "../../graph/graph.ts";
import {
  expand,
  type PadAxesParams,
  padAxes,
  type StridedSliceParams,
  sourceOf,
  stridedSlice,
  tile,
} from "../../ops/boxes.ts";
import { reverseSequence, triangle } from "../../ops/move.ts";
import { pad } from "../../ops/pad.ts";
import { reduce } from "../../ops/reduce.ts";
import { slice } from "../../ops/shape.ts";
import { reshapeTo, sumTo } from "./broadcast.ts";
import { alongAxis } from "./combine-axis.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

/** Axes with steps other than 1 go back by a matrix, or in reverse where they were reversed as a whole; the others by a border. */
function stridedSliceGradient(g: Graph, x: Edge, dy: Edge, { begin, size, step }: StridedSliceParams): Edge {
  let d = dy;
  const whole = step.map((by, i) => by === -1 && size[i] === x.shape[i]);
  if (whole.includes(true))
    d = g.op(stridedSlice, [d], {
      begin: d.shape.map((length, i) => (whole[i] ? length - 1 : 0)),
      size: d.shape,
      step: whole.map((reversed) => (reversed ? -1 : 1)),
    });
  x.shape.forEach((_, i) => {
    if (whole[i] || step[i] === 1 || size[i] === 1) return;
    const indices = Array.from({ length: size[i] }, (_, k) => begin[i] + k * step[i]);
    d = alongAxis(g, d, i, x.shape, indices);
  });
  const pads = x.shape.map((length, i) =>
    d.shape[i] === length ? ([0, 0] as const) : ([begin[i], length - begin[i] - size[i]] as const),
  );
  if (pads.every(([before, after]) => before + after === 0)) return d;
  return g.op(pad, [d], { pads, mode: "constant", value: 0 });
}

function tileGradient(g: Graph, x: Edge, dy: Edge, repeats: readonly number[]): Edge {
  const apart = reshapeTo(
    g,
    dy,
    x.shape.flatMap((size, i) => [repeats[i], size]),
  );
  const axes = x.shape.map((_, i) => 2 * i);
  return reshapeTo(g, g.op(reduce, [apart], { kind: "sum", axes, keepDims: false }), x.shape);
}

function padAxesGradient(g: Graph, x: Edge, dy: Edge, { pads, mode }: PadAxesParams): Edge {
  if (mode === "constant") return g.op(slice, [dy], { begin: pads.map(([before]) => before), size: x.shape });
  let d = dy;
  pads.forEach(([before, after], axis) => {
    const size = x.shape[axis];
    if (before + after === 0) return;
    const indices = Array.from({ length: before + size + after }, (_, i) => sourceOf(mode, i - before, size));
    d = alongAxis(g, d, axis, x.shape, indices);
  });
  return d;
}

export const boxGradients: readonly GradientEntry[] = [
  gradientOf(stridedSlice, (g, { inputs: [x], params }, dy) => [stridedSliceGradient(g, x, dy, params)]),
  gradientOf(tile, (g, { inputs: [x], params: { repeats } }, dy) => [tileGradient(g, x, dy, repeats)]),
  gradientOf(expand, (g, { inputs: [x] }, dy) => [sumTo(g, dy, x.shape)]),
  gradientOf(padAxes, (g, { inputs: [x], params }, dy) => [padAxesGradient(g, x, dy, params)]),
  // Both are their own adjoint.
  gradientOf(triangle, (g, { params }, dy) => [g.op(triangle, [dy], params)]),
  gradientOf(reverseSequence, (g, { inputs: [, lengths], params }, dy) => [
    g.op(reverseSequence, [dy, lengths], params),
    undefined,
  ]),
];
