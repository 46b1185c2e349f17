// Broadcasting made explicit, and its adjoint: what gradients of sums and of arithmetic are made of.
import { ShapeError } from "../errors.ts";
import { arity, show } from "./check.ts";
import type { Edge, Graph } from "./graph.ts";
import type { Op, Shape } from "./op.ts";
import { reduce } from "./reduce.ts";
import { reshape } from "./shape.ts";
import { denseSteps, stridedCopy } from "./strided.ts";

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
    const outSteps = denseSteps(out.shape);
    const xSteps = denseSteps(x.shape);
    stridedCopy(
      e,
      out.buffer,
      x.buffer,
      out.shape.map((size, i) => ({ size, out: outSteps[i], x: x.shape[i] === 1 ? 0 : xSteps[i] })),
    );
  },
  gradient(g, { inputs: [x] }, [dy], [wanted]) {
    return [dy && wanted ? sumTo(g, dy, x.shape) : undefined];
  },
};

/** The adjoint of broadcasting `shape` to the edge's: sums over every axis it was repeated along. */
export function sumTo(g: Graph, edge: Edge, shape: Shape): Edge {
  const extra = edge.shape.length - shape.length;
  const axes = edge.shape.flatMap((d, i) => (i < extra || (shape[i - extra] === 1 && d !== 1) ? [i] : []));
  const sum = axes.length ? g.op(reduce, [edge], { kind: "sum", axes, keepDims: false }) : edge;
  return as(g, sum, shape);
}

/** The edge under another shape of as many values. */
export const as = (g: Graph, edge: Edge, shape: Shape): Edge =>
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
