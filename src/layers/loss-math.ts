// What a loss by name is: terms made of ops; and short names for these ops.
import { ShapeError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import type { Op, Shape } from "../graph/op.ts";
import { type ActivationKind, activation } from "../ops/activation.ts";
import { show } from "../ops/check.ts";
import { affine, type BinaryKind, binary } from "../ops/elementwise.ts";
import { map } from "../ops/math.ts";
import { type ReduceKind, reduce } from "../ops/reduce.ts";
import { reshape } from "../ops/shape.ts";
import { logSoftmax, softmax } from "../ops/softmax.ts";
import type { LossNumbers } from "./loss-options.ts";

/** What a loss is the mean of. */
export interface LossTerms {
  /** Each term, [n, ...]; of a batch as a whole, [1, ...]. */
  readonly values: Edge;
  /** What the sum of the terms is divided by, instead of their number: a scalar. */
  readonly divisor?: Edge;
}

/** Scores [n, ..., c], and targets as values of that shape: class indices have become rows of 0 and 1 (all 0 where they are ignored). */
export interface LossOperands {
  readonly m: LossMath;
  readonly x: Edge;
  readonly t: Edge;
  /** Whether targets were class indices. */
  readonly classes: boolean;
  readonly where: string;
}

export interface LossDefinition {
  /** Whether targets may be class indices, int32 [n, ...], of scores [n, ..., c]. */
  readonly classes?: true;
  readonly terms: (operands: LossOperands, options: LossNumbers) => LossTerms;
  /** The mean in one op, and the options which it takes. */
  // biome-ignore lint/suspicious/noExplicitAny: losses take parameters of their own
  readonly op?: Op<any>;
  readonly opTakes?: readonly (keyof LossNumbers)[];
}

/** The smallest number that logarithms and divisors get, where they would get 0. */
const TINY = 1e-30;

/** Appends ops to a graph. Shapes broadcast as NumPy's. */
export class LossMath {
  readonly g: Graph;

  constructor(g: Graph) {
    this.g = g;
  }

  constant(values: readonly number[], shape: Shape): Edge {
    return this.g.constant(Float32Array.from(values), shape);
  }
  binary(kind: BinaryKind, a: Edge, b: Edge): Edge {
    return this.g.op(binary, [a, b], { kind });
  }
  add(a: Edge, b: Edge): Edge {
    return this.binary("add", a, b);
  }
  sub(a: Edge, b: Edge): Edge {
    return this.binary("sub", a, b);
  }
  mul(a: Edge, b: Edge): Edge {
    return this.binary("mul", a, b);
  }
  /** x · scale + offset */
  affine(x: Edge, scale: number, offset = 0): Edge {
    return this.g.op(affine, [x], { scale, offset });
  }
  activate(kind: ActivationKind, x: Edge): Edge {
    return this.g.op(activation, [x], { kind });
  }
  softmax(x: Edge): Edge {
    return this.g.op(softmax, [x], { axis: -1 });
  }
  logSoftmax(x: Edge): Edge {
    return this.g.op(logSoftmax, [x], { axis: -1 });
  }
  /** The natural logarithm; of 0 a finite number. */
  log(x: Edge): Edge {
    return this.g.op(map, [this.notZero(x)], { op: "log" });
  }
  /** x where it is above 0, else the smallest number that can be divided by. */
  notZero(x: Edge): Edge {
    return this.binary("max", x, this.constant([TINY], x.shape.length ? [1] : []));
  }
  /** x to the power of a number of at least 0, for x of at least 0. */
  power(x: Edge, exponent: number): Edge {
    if (exponent === 0) return this.affine(x, 0, 1);
    if (Number.isInteger(exponent) && exponent <= 8) {
      let product = x;
      for (let i = 1; i < exponent; i++) product = this.mul(product, x);
      return product;
    }
    return this.activate("exp", this.affine(this.log(x), exponent));
  }
  /** Over some axes, by default all. */
  reduce(
    kind: ReduceKind,
    x: Edge,
    axes: readonly number[] = x.shape.map((_, i) => i),
    keepDims = false,
  ): Edge {
    return axes.length ? this.g.op(reduce, [x], { kind, axes, keepDims }) : x;
  }
  sum(x: Edge, axes?: readonly number[], keepDims = false): Edge {
    return this.reduce("sum", x, axes, keepDims);
  }
  reshape(x: Edge, shape: Shape): Edge {
    return this.g.op(reshape, [x], { shape });
  }

  /** Numbers for each channel of x, the last axis. Throws ShapeError unless there are as many. */
  perChannel(values: readonly number[], x: Edge, name: string, where: string): Edge {
    const c = x.shape.at(-1)!;
    if (values.length !== c)
      throw new ShapeError(
        `${where}: ${name} are ${values.length} numbers but must be ${c}: the scores have shape ${show(x.shape)}`,
      );
    return this.constant(values, [c]);
  }
}
