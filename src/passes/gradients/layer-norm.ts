// The gradient of normalisation over the last axes, made of ops that have gradients themselves.
import type { Edge } from "../../graph/graph.ts";
import { sizeOf } from "../../graph/op.ts";
import { affine, type BinaryKind, binary } from "../../ops/elementwise.ts";
import { layerNorm } from "../../ops/layer-norm.ts";
import { axesOf, reduce } from "../../ops/reduce.ts";
import { broadcastTo, sumTo } from "./broadcast.ts";
import { type GradientEntry, gradientOfOutputs, whereWanted } from "./rule.ts";

/**
 * With n = (x − mean) · inverse and e = dy · gamma: dx = inverse · (e − mean(e) − n · mean(e · n)), dgamma = sum(dy · n), dbeta = sum(dy),
 * means over the normalised axes, sums over the others. The statistics are outputs, too: d mean / dx = 1 / K, d inverse / dx =
 * −inverse² · n / K for K values that share them.
 */
export const layerNormGradients: readonly GradientEntry[] = [
  gradientOfOutputs(
    layerNorm,
    (g, { inputs: [x, gamma, beta], outputs: [, mean, inverse], params: { axes } }, dys, wanted) => {
      const [dy, dMean, dInverse] = dys;
      const apply = (kind: BinaryKind, a: Edge, b: Edge): Edge => g.op(binary, [a, b], { kind });
      const normalised = [...axesOf(axes, x.shape.length, "layerNorm")];
      const count = sizeOf(x.shape) / sizeOf(mean.shape);
      const average = (e: Edge): Edge =>
        g.op(reduce, [e], { kind: "mean", axes: normalised, keepDims: true });
      const share = (e: Edge, sign: number): Edge => g.op(affine, [e], { scale: sign / count, offset: 0 });
      const n = apply("mul", apply("sub", x, mean), inverse);
      const ofX = (): Edge => {
        const parts: Edge[] = [];
        if (dy) {
          const e = gamma ? apply("mul", dy, gamma) : dy;
          const centred = apply("sub", e, average(e));
          const along = apply("mul", n, average(apply("mul", e, n)));
          parts.push(apply("mul", apply("sub", centred, along), inverse));
        }
        if (dInverse) {
          const each = apply("mul", share(dInverse, -1), apply("mul", inverse, inverse));
          parts.push(apply("mul", n, each));
        }
        if (dMean) parts.push(share(dMean, 1));
        const sum = parts.reduce((a, b) => apply("add", a, b));
        return sizeOf(sum.shape) === sizeOf(x.shape) ? sum : g.op(broadcastTo, [sum], { shape: x.shape });
      };
      if (!dy) return [wanted[0] ? ofX() : undefined];
      return whereWanted(wanted, [
        ofX,
        () => sumTo(g, apply("mul", dy, n), gamma.shape),
        () => sumTo(g, dy, beta.shape),
      ]);
    },
  ),
];
