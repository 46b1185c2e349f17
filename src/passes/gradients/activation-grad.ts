// Gradients of the gradients of activations: by dy the same slope again, by what the slope is made from the slope's own derivative.
import type { Edge } from "../../graph/graph.ts";
import {
  GRAD_ABS,
  GRAD_CLIP,
  GRAD_ELU,
  GRAD_ELU_X,
  GRAD_GELU,
  GRAD_GELU_TANH,
  GRAD_HARD_SWISH,
  GRAD_MISH,
  GRAD_POLYNOMIAL,
  GRAD_PRELU,
  GRAD_SILU,
  GRAD_SOFTPLUS,
  GRAD_SOFTSIGN,
} from "../../runtime/wasm.ts";
import { activationGrad, type Derivative, preluGrad } from "./activation.ts";
import { type Algebra, algebraOf } from "./algebra.ts";
import { sumTo } from "./broadcast.ts";
import { type GradientEntry, gradientOf, whereWanted } from "./rule.ts";

/** Slopes that are constant between jumps. */
const STEPS: readonly number[] = [GRAD_CLIP, GRAD_ABS];

/** The derivative of a slope at v, the input or output of the activation. */
function curvature(m: Algebra, v: Edge, { kind, numbers: [p, q, r] = [0, 0, 0] }: Derivative): Edge {
  switch (kind) {
    case GRAD_POLYNOMIAL:
      return m.affine(v, 2 * r, q);
    // The slope is v, or v + p, up to 0.
    case GRAD_PRELU:
    case GRAD_ELU:
      return m.where(m.compare(v, "greater", 0), 0, m.affine(v, 0, 1));
    case GRAD_ELU_X:
      return m.where(m.compare(v, "greater", 0), 0, m.affine(m.activation("exp", v), p));
    // 1 − e^−v
    case GRAD_SOFTPLUS:
      return m.activation("exp", m.activation("neg", v));
    // (1 − |v|)²
    case GRAD_SOFTSIGN:
      return m.mul(m.map("sign", v), m.affine(m.activation("abs", v), 2, -2));
    // s + v s (1 − s) for s = sigmoid(v)
    case GRAD_SILU: {
      const s = m.activation("sigmoid", v);
      const rest = m.affine(s, -1, 1);
      return m.mul(m.mul(s, rest), m.affine(m.mul(v, m.sub(rest, s)), 1, 2));
    }
    // Φ(v) + v φ(v)
    case GRAD_GELU: {
      const square = m.mul(v, v);
      const density = m.activation("exp", m.affine(square, -0.5));
      return m.mul(density, m.affine(square, -1 / Math.sqrt(2 * Math.PI), 2 / Math.sqrt(2 * Math.PI)));
    }
    // v / 3 + 1/2 from −3 to 3
    case GRAD_HARD_SWISH:
      return m.where(m.compare(m.activation("abs", v), "less", 3), 1 / 3, 0);
    // t + v t' for t = tanh(softplus(v)), s = sigmoid(v), t' = (1 − t²) s: t' (2 + v (1 − s − 2 t s))
    case GRAD_MISH: {
      const s = m.activation("sigmoid", v);
      const t = m.activation("tanh", m.activation("softplus", v));
      const slope = m.mul(m.affine(m.mul(t, t), -1, 1), s);
      const inner = m.mul(s, m.affine(t, -2, -1));
      return m.mul(slope, m.affine(m.mul(v, m.affine(inner, 1, 1)), 1, 2));
    }
    // s + v s (1 − s) u' for s = sigmoid(u), u = c v + d v³: s (1 − s) (2 u' + v ((1 − 2 s) u'² + 6 d v))
    case GRAD_GELU_TANH: {
      const c = 2 * Math.sqrt(2 / Math.PI);
      const d = 0.044715 * c;
      const square = m.mul(v, v);
      const s = m.activation("sigmoid", m.mul(v, m.affine(square, d, c)));
      const slope = m.affine(square, 3 * d, c);
      const bent = m.add(m.mul(m.affine(s, -2, 1), m.mul(slope, slope)), m.affine(v, 6 * d));
      return m.mul(m.mul(s, m.affine(s, -1, 1)), m.add(m.affine(slope, 2), m.mul(v, bent)));
    }
    default:
      throw new Error("internal: a gradient of an activation without one");
  }
}

export const activationGradGradients: readonly GradientEntry[] = [
  gradientOf(activationGrad, (g, { inputs: [dy, v], params }, ddx, [ofDy, ofV]) => {
    const m = algebraOf(g);
    const bent = ofV && !STEPS.includes(params.kind);
    return [
      ofDy ? g.op(activationGrad, [ddx, v], params) : undefined,
      bent ? m.mul(m.mul(ddx, dy), curvature(m, v, params)) : undefined,
    ];
  }),
  gradientOf(preluGrad, (g, { inputs: [dy, x, alpha] }, ddx, [ofDy, , ofAlpha]) => {
    const m = algebraOf(g);
    const below = (): Edge => m.where(m.compare(x, "greater", 0), 0, m.mul(ddx, dy));
    const [byDy, byAlpha] = whereWanted(
      [ofDy, ofAlpha],
      [() => g.op(preluGrad, [ddx, x, alpha], {}), () => sumTo(g, below(), alpha.shape)],
    );
    return [byDy, undefined, byAlpha];
  }),
];
