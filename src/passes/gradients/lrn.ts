// The gradient of local response normalisation.
import { dense } from "../../ops/dense.ts";
import { lrn } from "../../ops/lrn.ts";
import { algebraOf } from "./algebra.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";
import { transposeFilter } from "./transpose-filter.ts";

/** [c, c] of 1 where the row's channel is in the window of the column's channel, 0 elsewhere. */
function windows(c: number, size: number): Float32Array {
  const before = Math.floor((size - 1) / 2);
  const band = new Float32Array(c * c);
  for (let out = 0; out < c; out++)
    for (let i = Math.max(out - before, 0); i < Math.min(out - before + size, c); i++) band[i * c + out] = 1;
  return band;
}

/*
 * y = x · s^−beta for s = bias + alpha / size · Σ x² over the window, so that
 * dx = dy · s^−beta − 2 · alpha · beta / size · x · Σ dy · y / s over the windows that x is in.
 */
export const lrnGradients: readonly GradientEntry[] = [
  gradientOf(lrn, (g, { inputs: [x], outputs: [y], params: { size, alpha, beta, bias } }, dy) => {
    const m = algebraOf(g);
    const c = x.shape.at(-1) ?? 1;
    const band = g.constant(windows(c, size), [c, c]);
    const sums = g.op(dense, [m.mul(x, x), band], {});
    const s = m.affine(sums, alpha / size, bias);
    const power = m.pair("pow", s, g.constant(Float32Array.of(-beta), []));
    const back = g.op(transposeFilter, [band], { groups: 1, flip: false });
    const others = g.op(dense, [m.div(m.mul(dy, y), s), back], {});
    return [m.sub(m.mul(dy, power), m.affine(m.mul(x, others), (2 * alpha * beta) / size))];
  }),
];
