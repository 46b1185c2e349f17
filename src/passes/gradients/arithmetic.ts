// Gradients of functions of two tensors that `binary` does not have, and of the choice between two tensors.
import type { Edge } from "../../graph/graph.ts";
import { type PairKind, pair, where } from "../../ops/arithmetic.ts";
import { type Algebra, algebraOf } from "./algebra.ts";
import { sumTo, zeros } from "./broadcast.ts";
import { type GradientEntry, gradientOf, whereWanted } from "./rule.ts";

/** The derivatives by a and by b, times dy, in the shape of the output; undefined where both are 0 between jumps. */
type Sides = (m: Algebra, a: Edge, b: Edge, y: Edge, dy: Edge) => readonly [() => Edge, () => Edge];

const SIDES: Readonly<Partial<Record<PairKind, Sides>>> = {
  // b a^(b − 1), 0 for b = 0; y ln a, 0 for a = 0 where b ≥ 0: as in PyTorch.
  pow: (m, a, b, y, dy) => [
    () => {
      const slope = m.mul(b, m.pair("pow", a, m.affine(b, 1, -1)));
      return m.where(m.compare(b, "equal", 0), 0, m.mul(dy, slope));
    },
    () => {
      const none = m.pair("and", m.compare(a, "equal", 0), m.compare(b, "greaterOrEqual", 0));
      return m.where(none, 0, m.mul(dy, m.mul(y, m.map("log", a))));
    },
  ],
  mod: (m, a, b, _, dy) => [() => dy, () => m.affine(m.mul(dy, m.pair("floorDiv", a, b)), -1)],
  fmod: (m, a, b, _, dy) => [() => dy, () => m.affine(m.mul(dy, m.map("trunc", m.div(a, b))), -1)],
  squaredDifference: (m, a, b, _, dy) => {
    const slope = (): Edge => m.mul(dy, m.affine(m.sub(a, b), 2));
    return [slope, () => m.affine(slope(), -1)];
  },
  atan2: (m, a, b, _, dy) => {
    const share = (x: Edge): Edge => m.mul(dy, m.div(x, m.add(m.mul(a, a), m.mul(b, b))));
    return [() => share(b), () => m.affine(share(a), -1)];
  },
};

export const arithmeticGradients: readonly GradientEntry[] = [
  gradientOf(pair, (g, { inputs: [a, b], outputs: [y], params: { op } }, dy, wanted) => {
    if (y.dtype !== "float32") return [undefined, undefined];
    const sides = SIDES[op]?.(algebraOf(g), a, b, y, dy);
    return whereWanted(
      wanted,
      [a, b].map(
        ({ shape }, i) =>
          () =>
            sides ? sumTo(g, sides[i](), shape) : zeros(g, shape),
      ),
    );
  }),
  gradientOf(where, (g, { inputs: [condition, a, b], outputs: [y] }, dy, [, ofA, ofB]) => {
    if (y.dtype !== "float32") return [undefined, undefined, undefined];
    const m = algebraOf(g);
    return [
      undefined,
      ofA ? sumTo(g, m.where(condition, dy, 0), a.shape) : undefined,
      ofB ? sumTo(g, m.where(condition, 0, dy), b.shape) : undefined,
    ];
  }),
];
