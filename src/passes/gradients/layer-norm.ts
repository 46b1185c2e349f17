// The gradient of normalisation over the last axes, through the result and through the statistics that it gives.
import type { Edge } from "../../graph/graph.ts";
import { layerNorm } from "../../ops/layer-norm.ts";
import { algebraOf } from "./algebra.ts";
import { broadcastTo, sumTo } from "./broadcast.ts";
import { type GradientEntry, gradientOfOutputs } from "./rule.ts";

/*
 * With h = (x − mean) · inverse and dh = dy · gamma:
 * dx = inverse · (dh − mean(dh) − h · mean(dh · h)); dgamma = Σ dy · h; dbeta = Σ dy.
 * The mean has the derivative 1 / count by x, the inverse deviation −inverse² · h / count.
 */
export const layerNormGradients: readonly GradientEntry[] = [
  gradientOfOutputs(layerNorm, (g, { inputs, outputs, params: { axes } }, [dy, dMean, dInverse], wanted) => {
    const [x, gamma, beta] = inputs;
    const [, mean, inverse] = outputs;
    const m = algebraOf(g);
    const h = m.mul(m.sub(x, mean), inverse);
    const average = (edge: Edge): Edge => m.reduce("mean", edge, axes);
    const share = axes.reduce((product, axis) => product / x.shape.at(axis)!, 1);
    const parts: (() => Edge)[] = [];
    if (dy)
      parts.push(() => {
        const dh = gamma ? m.mul(dy, gamma) : dy;
        const centred = m.sub(dh, average(dh));
        return m.mul(inverse, m.sub(centred, m.mul(h, average(m.mul(dh, h)))));
      });
    if (dInverse) parts.push(() => m.mul(m.mul(m.affine(dInverse, -share), m.mul(inverse, inverse)), h));
    if (dMean) parts.push(() => g.op(broadcastTo, [m.affine(dMean, share)], { shape: x.shape }));
    const [ofX, ofGamma, ofBeta] = wanted;
    return [
      ofX ? parts.map((part) => part()).reduce((a, b) => m.add(a, b)) : undefined,
      ofGamma && dy ? sumTo(g, m.mul(dy, h), gamma.shape) : undefined,
      ofBeta && dy ? sumTo(g, dy, beta.shape) : undefined,
    ].slice(0, inputs.length);
  }),
];
