// Broadcasting made explicit, and its adjoint: what gradients of sums and of arithmetic are made of.

import { ShapeError } from "../../errors.ts";
import type { Edge, Graph } from "../../graph/graph.ts";
import { denseStrides, type Op, type Shape, sizeOf } from "../../graph/op.ts";
import { arity, show } from "../../ops/check.ts";
import { reduce } from "../../ops/reduce.ts";
import { reshape } from "../../ops/shape.ts";
import { collapse, stridedCopy } from "../../ops/strided.ts";
import { BROADCAST } from "../../runtime/plan.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

export interface BroadcastParams {
  shape: Shape;
}

/** x repeated along every axis where it has one value and `shape` has more; ranks must agree. */
export const broadcastTo: Op<BroadcastParams> = {
  name: "broadcastTo",
  infer(inputs, { shape }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    if (x.shape.length !== shape.length || x.shape.some((d, i) => d !== 1 && d !== shape[i]))
      throw new ShapeError(`${where}: input ${show(x.shape)} cannot be broadcast to ${show(shape)}`);
    return [{ shape: [...shape], dtype: x.dtype }];
  },
  forward(e, [x], [out]) {
    const outStrides = denseStrides(out.shape);
    const xStrides = denseStrides(x.shape);
    const axes = collapse(
      out.shape.map((size, i) => ({ size, out: outStrides[i], x: x.shape[i] === 1 ? 0 : xStrides[i] })),
    );
    // The row that is repeated, or the value; short ones are repeated on their own first, so that long ones are copied.
    const row = axes.at(-1)!.x === 0 ? 1 : axes.at(-1)!.size;
    const repeated = axes.findLast((axis) => axis.x === 0);
    const times = Math.ceil(BROADCAST.repeated / row);
    if (!repeated || repeated.out !== row * 4 || row >= BROADCAST.shortRow || repeated.size < 4 * times) {
      stridedCopy(e, out.base, x.base, axes);
      return;
    }
    const rows = sizeOf(x.shape) / row;
    const long = e.scratch(rows * times * row * 4);
    e.call("repeat_f32", rows, [long, x.base, row, times]);
    const outer = axes
      .filter((axis) => axis.out > row * 4 && axis !== repeated)
      .map((axis) => ({ ...axis, x: axis.x * times }));
    const whole = Math.floor(repeated.size / times);
    const rest = repeated.size - whole * times;
    const done = whole * times * row;
    stridedCopy(e, out.base, long, [
      ...outer,
      { size: whole, out: times * row * 4, x: 0 },
      { size: times * row, out: 4, x: 4 },
    ]);
    if (rest > 0)
      stridedCopy(e, out.base.plus(done * 4), long, [...outer, { size: rest * row, out: 4, x: 4 }]);
  },
};

/** The adjoint of broadcasting `shape` to the edge's: sums over every axis it was repeated along. */
export function sumTo(g: Graph, edge: Edge, shape: Shape): Edge {
  const extra = edge.shape.length - shape.length;
  const axes = edge.shape.flatMap((d, i) => (i < extra || (shape[i - extra] === 1 && d !== 1) ? [i] : []));
  const sum = axes.length ? g.op(reduce, [edge], { kind: "sum", axes, keepDims: false }) : edge;
  return reshapeTo(g, sum, shape);
}

/** The edge under another shape of as many values. */
export const reshapeTo = (g: Graph, edge: Edge, shape: Shape): Edge =>
  show(edge.shape) === show(shape) ? edge : g.op(reshape, [edge], { shape });

/** Zeros in a shape, for what nothing depends on. */
export const zeros = (g: Graph, shape: Shape): Edge =>
  g.op(
    broadcastTo,
    [
      g.constant(
        new Float32Array(1),
        shape.map(() => 1),
      ),
    ],
    { shape: [...shape] },
  );

export const broadcastGradients: readonly GradientEntry[] = [
  gradientOf(broadcastTo, (g, { inputs: [x] }, dy) => [sumTo(g, dy, x.shape)]),
];
