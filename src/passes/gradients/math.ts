// Gradients of functions of one tensor, value by value. Those that are constant between jumps have a gradient of 0, as in PyTorch.
import type { Edge, Graph } from "../../graph/graph.ts";
import { cast, clip, type MapKind, map } from "../../ops/math.ts";
import { type Algebra, algebraOf } from "./algebra.ts";
import { zeros } from "./broadcast.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

/** A derivative from the input, the output and the parameters of a function; 0 where it is constant between jumps. */
type Derivative = (a: Algebra, x: Edge, y: Edge, p: number, q: number) => Edge;

/** 1 / (scale · x² + offset) */
const inverseQuadratic =
  (scale: number, offset: number): Derivative =>
  (a, x) =>
    a.map("reciprocal", a.affine(a.mul(x, x), scale, offset));
/** The square root of the same. */
const inverseRoot =
  (scale: number, offset: number, sign = 1): Derivative =>
  (a, x) =>
    a.affine(a.map("rsqrt", a.affine(a.mul(x, x), scale, offset)), sign);
/** e^(x / p) below 0, 1 above. */
const expBelow = (a: Algebra, x: Edge, p: number): Edge =>
  a.where(a.compare(x, "greater", 0), 1, a.activation("exp", a.affine(x, 1 / p)));

const DERIVATIVES: Readonly<Partial<Record<MapKind, Derivative>>> = {
  log: (a, x) => a.map("reciprocal", x),
  log2: (a, x) => a.affine(a.map("reciprocal", x), Math.LOG2E),
  log1p: (a, x) => a.map("reciprocal", a.affine(x, 1, 1)),
  expm1: (a, _, y) => a.affine(y, 1, 1),
  exp2: (a, _, y) => a.affine(y, Math.LN2),
  rsqrt: (a, _, y) => a.affine(a.mul(a.mul(y, y), y), -0.5),
  reciprocal: (a, _, y) => a.affine(a.mul(y, y), -1),
  cbrt: (a, _, y) => a.affine(a.map("reciprocal", a.mul(y, y)), 1 / 3),
  erf: (a, x) => a.affine(a.activation("exp", a.affine(a.mul(x, x), -1)), 2 / Math.sqrt(Math.PI)),
  sin: (a, x) => a.map("cos", x),
  cos: (a, x) => a.affine(a.map("sin", x), -1),
  tan: (a, _, y) => a.affine(a.mul(y, y), 1, 1),
  asin: inverseRoot(-1, 1),
  acos: inverseRoot(-1, 1, -1),
  atan: inverseQuadratic(1, 1),
  sinh: (a, x) => a.map("cosh", x),
  cosh: (a, x) => a.map("sinh", x),
  asinh: inverseRoot(1, 1),
  acosh: inverseRoot(1, -1),
  atanh: inverseQuadratic(-1, 1),
  thresholdedRelu: (a, x, _, p) => a.where(a.compare(x, "greater", p), 1, 0),
  shrink: (a, x, _, p) => a.where(a.compare(a.activation("abs", x), "greater", p), 1, 0),
  celu: (a, x, _, p) => expBelow(a, x, p),
  scaledElu: (a, x, _, p, q) => {
    const below = a.affine(a.activation("exp", x), p * q);
    return a.where(a.compare(x, "greater", 0), q, below);
  },
  hardSigmoid: (a, _, y, p) => {
    const inside = a.pair("and", a.compare(y, "greater", 0), a.compare(y, "less", 1));
    return a.where(inside, p, 0);
  },
  // y = x s for s = sigmoid(p x): s + p y (1 − s).
  swish: (a, x, y, p) => {
    const s = a.activation("sigmoid", a.affine(x, p));
    return a.add(s, a.mul(a.affine(y, p), a.affine(s, -1, 1)));
  },
};

/** dx, or nothing for integers. */
function mapGradient(g: Graph, op: MapKind, x: Edge, y: Edge, dy: Edge, p: number, q: number): Edge {
  const derivative = DERIVATIVES[op];
  if (!derivative) return zeros(g, x.shape);
  const a = algebraOf(g);
  return a.mul(dy, derivative(a, x, y, p, q));
}

export const mathGradients: readonly GradientEntry[] = [
  gradientOf(map, (g, { inputs: [x], outputs: [y], params: { op, p, q } }, dy) => {
    if (x.dtype !== "float32" || y.dtype !== "float32") return [undefined];
    // What `map` takes where p is not given.
    const first = p ?? (op === "celu" || op === "swish" || op === "thresholdedRelu" ? 1 : 0);
    return [mapGradient(g, op, x, y, dy, first, q ?? 0)];
  }),
  // To and from integers nothing passes.
  gradientOf(cast, () => [undefined]),
  // The limits themselves pass, as in PyTorch.
  gradientOf(clip, (g, { inputs: [x], params: { min = -Infinity, max = Infinity } }, dy) => {
    if (x.dtype !== "float32") return [undefined];
    const a = algebraOf(g);
    const above = a.compare(x, "greaterOrEqual", min);
    return [a.where(a.pair("and", above, a.compare(x, "lessOrEqual", max)), dy, 0)];
  }),
];
