// Gradients of the gradients of losses: products with a loss's second derivatives, as in Hessian-vector products.
import type { Edge } from "../../graph/graph.ts";
import { sizeOf } from "../../graph/op.ts";
import { rowsOf } from "../../ops/loss.ts";
import { softmax } from "../../ops/softmax.ts";
import { LOSS_ABSOLUTE, LOSS_LOGITS, LOSS_SQUARE } from "../../runtime/wasm.ts";
import { type Algebra, algebraOf } from "./algebra.ts";
import { reshapeTo } from "./broadcast.ts";
import { crossEntropyGrad, lossGrad } from "./loss.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";
import { softmaxGrad } from "./softmax.ts";

/** The sum of all values, in the shape of dy. */
const total = (m: Algebra, x: Edge): Edge =>
  m.reduce(
    "sum",
    x,
    x.shape.map((_, i) => i),
  );

/** How fast the slope of a loss of x and target changes with x; undefined where it is constant between jumps. */
function curvature(
  m: Algebra,
  x: Edge,
  target: Edge,
  kind: number,
  delta: number,
): Edge | number | undefined {
  if (kind === LOSS_ABSOLUTE) return undefined;
  if (kind === LOSS_SQUARE) return 2;
  if (kind === LOSS_LOGITS) {
    const s = m.activation("sigmoid", x);
    return m.mul(s, m.affine(s, -1, 1));
  }
  // huber: 1 where it is a square.
  return m.where(m.compare(m.activation("abs", m.sub(x, target)), "less", delta), 1, 0);
}

export const lossGradGradients: readonly GradientEntry[] = [
  // dx = dy · slope(x, target) / count
  gradientOf(lossGrad, (g, { inputs: [x, target, dy], params }, ddx, [ofX, ofTarget, ofDy]) => {
    const m = algebraOf(g);
    const count = sizeOf(x.shape);
    const each = m.affine(m.mul(ddx, dy), 1 / count);
    const slope = ofX || ofTarget ? curvature(m, x, target, params.kind, params.delta) : undefined;
    const byX =
      slope === undefined
        ? undefined
        : typeof slope === "number"
          ? m.affine(each, slope)
          : m.mul(each, slope);
    // The slope is a function of x − target, but for logits, where the target is subtracted from it.
    const byTarget = params.kind === LOSS_LOGITS ? m.affine(each, -1) : byX && m.affine(byX, -1);
    const one = g.constant(Float32Array.of(1), []);
    return [
      ofX ? byX : undefined,
      ofTarget ? byTarget : undefined,
      ofDy
        ? reshapeTo(g, total(m, m.mul(ddx, g.op(lossGrad, [x, target, one], params))), dy.shape)
        : undefined,
    ];
  }),
  // dx = dy / rows · (p · Σ t − t) for p = softmax(x) and t the smoothed target, whose sum over classes is 1 for class indices.
  gradientOf(crossEntropyGrad, (g, { inputs: [x, labels, dy], params }, ddx, [ofX, ofLabels, ofDy]) => {
    const m = algebraOf(g);
    const { labelSmoothing = 0 } = params;
    const shares = labels.dtype === "float32";
    const each = m.affine(m.mul(ddx, dy), 1 / rowsOf(x));
    const p = g.op(softmax, [x], { axis: -1 });
    const byX = (): Edge => {
      const turned = g.op(softmaxGrad, [each, p], { axis: -1, log: false });
      if (!shares) return turned;
      const sums = m.affine(m.reduce("sum", labels, [-1]), 1 - labelSmoothing, labelSmoothing);
      return m.mul(turned, sums);
    };
    const byLabels = (): Edge =>
      m.affine(m.sub(m.reduce("sum", m.mul(each, p), [-1]), each), 1 - labelSmoothing);
    const one = g.constant(Float32Array.of(1), []);
    const byDy = (): Edge => total(m, m.mul(ddx, g.op(crossEntropyGrad, [x, labels, one], params)));
    return [
      ofX ? byX() : undefined,
      ofLabels && shares ? byLabels() : undefined,
      ofDy ? reshapeTo(g, byDy(), dy.shape) : undefined,
    ];
  }),
];
