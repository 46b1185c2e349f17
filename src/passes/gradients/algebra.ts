// Arithmetic on edges, as gradient rules write it.
import type { Edge, Graph } from "../../graph/graph.ts";
import type { Shape } from "../../graph/op.ts";
import { type Activation, activation } from "../../ops/activation.ts";
import { type ComparisonKind, compare, type PairKind, pair, where } from "../../ops/arithmetic.ts";
import { affine, type BinaryKind, binary } from "../../ops/elementwise.ts";
import { type MapKind, map } from "../../ops/math.ts";
import { axesOf, type ReduceKind, reduce, reducedShape } from "../../ops/reduce.ts";

/** What rules write into a graph; numbers are float32 scalars. */
export interface Algebra {
  add(a: Edge, b: Edge): Edge;
  sub(a: Edge, b: Edge): Edge;
  mul(a: Edge, b: Edge): Edge;
  div(a: Edge, b: Edge): Edge;
  /** x · scale + offset */
  affine(x: Edge, scale: number, offset?: number): Edge;
  pair(op: PairKind, a: Edge, b: Edge): Edge;
  map(op: MapKind, x: Edge): Edge;
  activation(kind: Activation["kind"], x: Edge): Edge;
  /** 1 where a and b compare so, as int32. */
  compare(a: Edge | number, op: ComparisonKind, b: Edge | number): Edge;
  /** a where the condition is not 0, b elsewhere. */
  where(condition: Edge, a: Edge | number, b: Edge | number): Edge;
  /** The reduction of one axis or several, which stay with size 1. */
  reduce(kind: ReduceKind, x: Edge, axes: readonly number[]): Edge;
}

export function algebraOf(g: Graph): Algebra {
  const number = (value: Edge | number): Edge =>
    typeof value === "number" ? g.constant(Float32Array.of(value), []) : value;
  const apply =
    (kind: BinaryKind) =>
    (a: Edge, b: Edge): Edge =>
      g.op(binary, [a, b], { kind });
  return {
    ...{ add: apply("add"), sub: apply("sub"), mul: apply("mul"), div: apply("div") },
    affine: (x, scale, offset = 0) => g.op(affine, [x], { scale, offset }),
    pair: (op, a, b) => g.op(pair, [a, b], { op }),
    map: (op, x) => g.op(map, [x], { op }),
    activation: (kind, x) => g.op(activation, [x], { kind }),
    compare: (a, op, b) => g.op(compare, [number(a), number(b)], { op }),
    where: (condition, a, b) => g.op(where, [condition, number(a), number(b)], {}),
    reduce: (kind, x, axes) => g.op(reduce, [x], { kind, axes, keepDims: true }),
  };
}

/** The shape with the axes of a reduction kept, with size 1. */
export const keptShape = ({ shape }: Edge, axes: readonly number[]): Shape =>
  reducedShape(shape, axesOf(axes, shape.length, "reduce"), true);
