// Gradients of reductions: repeated along the axes that went.
import type { Edge } from "../../graph/graph.ts";
import { type Op, sizeOf } from "../../graph/op.ts";
import { affine, binary, emitBroadcast } from "../../ops/elementwise.ts";
import { axesOf, reduce, reducedShape } from "../../ops/reduce.ts";
import { broadcastTo, reshapeTo } from "./broadcast.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

/** 1 where a and b are equal, 0 elsewhere, also where one is NaN. */
export const equal: Op<Record<string, never>> = {
  name: "equal",
  infer: (inputs, _, where) => binary.infer(inputs, { kind: "sub" }, where),
  forward(e, [a, b], [out]) {
    emitBroadcast(e, "equal_f32", out, a, b);
  },
};

export const reduceGradients: readonly GradientEntry[] = [
  gradientOf(reduce, (g, { inputs: [x], outputs: [y], params: { kind, axes } }, dy) => {
    const kept = reducedShape(x.shape, axesOf(axes, x.shape.length, "reduce"), true);
    const repeat = (edge: Edge): Edge => g.op(broadcastTo, [reshapeTo(g, edge, kept)], { shape: x.shape });
    if (kind === "sum") return [repeat(dy)];
    if (kind === "mean")
      return [repeat(g.op(affine, [dy], { scale: sizeOf(y.shape) / sizeOf(x.shape), offset: 0 }))];
    // All that equal the extreme share its gradient.
    const winners = g.op(equal, [x, reshapeTo(g, y, kept)], {});
    const count = g.op(reduce, [winners], { kind: "sum", axes, keepDims: true });
    const each = g.op(binary, [reshapeTo(g, dy, kept), count], { kind: "div" });
    return [g.op(binary, [winners, each], { kind: "mul" })];
  }),
  // It is constant between jumps.
  gradientOf(equal, () => [undefined, undefined]),
];
