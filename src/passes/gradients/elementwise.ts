// Gradients of arithmetic between two tensors, and of x · scale + offset.
import type { Edge } from "../../graph/graph.ts";
import type { Op } from "../../graph/op.ts";
import { affine, type BinaryKind, binary, emitBroadcast } from "../../ops/elementwise.ts";
import { sumTo } from "./broadcast.ts";
import { type GradientEntry, gradientOf, whereWanted } from "./rule.ts";

/** The part of the gradient that the first of two gets where the larger one wins: all of it, half where they are equal, or none. */
export const maxShare: Op<Record<string, never>> = {
  name: "maxShare",
  infer: (inputs, _, where) => binary.infer(inputs, { kind: "max" }, where),
  forward(e, [a, b], [out]) {
    emitBroadcast(e, "max_share_f32", out, a, b);
  },
};

export const elementwiseGradients: readonly GradientEntry[] = [
  gradientOf(binary, (g, { inputs: [a, b], outputs: [y], params: { kind } }, dy, wanted) => {
    const apply = (of: BinaryKind, p: Edge, q: Edge): Edge => g.op(binary, [p, q], { kind: of });
    const negative = (p: Edge): Edge => g.op(affine, [p], { scale: -1, offset: 0 });
    const toA = (p: Edge): Edge => sumTo(g, p, a.shape);
    const toB = (p: Edge): Edge => sumTo(g, p, b.shape);
    const share = (p: Edge, q: Edge): Edge => apply("mul", g.op(maxShare, [p, q], {}), dy);
    // Factors that are constant along a sum are applied after it.
    const sides: Readonly<Record<BinaryKind, readonly [() => Edge, () => Edge]>> = {
      add: [() => toA(dy), () => toB(dy)],
      sub: [() => toA(dy), () => negative(toB(dy))],
      mul: [() => toA(apply("mul", dy, b)), () => toB(apply("mul", dy, a))],
      div: [() => toA(apply("div", dy, b)), () => negative(apply("div", toB(apply("mul", dy, y)), b))],
      min: [() => toA(share(b, a)), () => toB(share(a, b))],
      max: [() => toA(share(a, b)), () => toB(share(b, a))],
    };
    return whereWanted(wanted, sides[kind]);
  }),
  gradientOf(affine, (g, { params: { scale } }, dy) => [g.op(affine, [dy], { scale, offset: 0 })]),
  // It is constant between jumps.
  gradientOf(maxShare, () => [undefined, undefined]),
];
