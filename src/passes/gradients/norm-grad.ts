// The gradient of the gradient of normalisations by statistics of x itself.
import type { Edge } from "../../graph/graph.ts";
import { sizeOf } from "../../graph/op.ts";
import { algebraOf } from "./algebra.ts";
import { reshapeTo, sumTo } from "./broadcast.ts";
import { normGrad } from "./norm.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

/*
 * With h = (x − mean) · r for r = 1 / sqrt(variance + epsilon), a = dy · gamma, and means over the values that share statistics, it is
 * dx = r · (a − mean(a) − h · mean(a · h)). That is linear and symmetric in a, and depends on x by h and r: of h, whose gradient is
 * −r · (u · mean(a · h) + a · mean(u · h)) for the gradient u of dx, and of r, which changes by −r² · h / count.
 * Statistics and sums among its inputs are functions of x and dy; what goes through them is counted here.
 */
export const normGradGradients: readonly GradientEntry[] = [
  gradientOf(normGrad, (g, { inputs, params }, ddx, [ofDy, ofX, , , , ofGamma]) => {
    const [dy, x, , mean, variance, gamma] = inputs;
    const { images, groups, epsilon } = params;
    const m = algebraOf(g);
    const own = gamma.shape[0] / groups;
    const pixels = sizeOf(x.shape) / (images * gamma.shape[0]);
    const whole = (edge: Edge): Edge => reshapeTo(g, edge, [images, pixels, groups, own]);
    const perGroup = (edge: Edge): Edge => reshapeTo(g, edge, [images, 1, groups, own]);
    const perChannel = reshapeTo(g, gamma, [1, 1, groups, own]);
    const average = (edge: Edge): Edge => m.reduce("mean", edge, [1, 3]);
    const r = m.map("rsqrt", m.affine(perGroup(variance), 1, epsilon));
    const h = m.mul(m.sub(whole(x), perGroup(mean)), r);
    const centred = (edge: Edge, alongH: Edge): Edge => m.sub(m.sub(edge, average(edge)), m.mul(h, alongH));
    const u = whole(ddx);
    const a = m.mul(whole(dy), perChannel);
    const uh = average(m.mul(u, h));
    const da = (): Edge => m.mul(r, centred(u, uh));
    const byX = (): Edge => {
      const ah = average(m.mul(a, h));
      const dh = m.affine(m.mul(r, m.add(m.mul(u, ah), m.mul(a, uh))), -1);
      const byH = m.mul(r, centred(dh, average(m.mul(dh, h))));
      const byR = m.mul(m.mul(m.mul(r, r), h), average(m.mul(u, centred(a, ah))));
      return m.sub(byH, byR);
    };
    const none = undefined;
    return [
      ofDy ? reshapeTo(g, m.mul(da(), perChannel), dy.shape) : none,
      ofX ? reshapeTo(g, byX(), x.shape) : none,
      ...[none, none, none],
      ofGamma ? reshapeTo(g, sumTo(g, m.mul(da(), whole(dy)), perChannel.shape), gamma.shape) : none,
    ];
  }),
];
