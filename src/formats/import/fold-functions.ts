// The functions of one value that are computed at load, by the names they have in `unary`.

type Unary = (x: number, p?: number, q?: number) => number;

/** Rounds halves to even. */
function round(x: number): number {
  const near = Math.round(x);
  return Math.abs(x % 1) === 0.5 && near % 2 !== 0 ? near - 1 : near;
}

/** By its series, whose terms are all positive: about 100 of them at 6, where it is 1 in f64. */
function erf(x: number): number {
  if (!(Math.abs(x) < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);
const elu = (x: number, alpha = 1): number => (x > 0 ? x : alpha * Math.expm1(x));

export const UNARY: Readonly<Record<string, Unary>> = {
  abs: Math.abs,
  neg: (x) => -x,
  exp: Math.exp,
  exp2: (x) => 2 ** x,
  expm1: Math.expm1,
  log: Math.log,
  log2: Math.log2,
  log1p: Math.log1p,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round,
  sign: Math.sign,
  sqrt: Math.sqrt,
  cbrt: Math.cbrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  reciprocal: (x) => 1 / x,
  square: (x) => x * x,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erf,
  isNaN: (x) => Number(Number.isNaN(x)),
  isInf: (x, sign = 0) => Number(sign === 0 ? Math.abs(x) === Infinity : x === sign * Infinity),
  isFinite: (x) => Number(Number.isFinite(x)),
  not: (x) => Number(x === 0),
  bitNot: (x) => -x - 1,
  linear: (x) => x,
  relu: (x) => Math.max(x, 0),
  relu6: (x) => clamp(x, 0, 6),
  leakyRelu: (x, alpha = 0.01) => (x > 0 ? x : alpha * x),
  elu,
  celu: (x, alpha = 1) => Math.max(x, 0) + Math.min(alpha * Math.expm1(x / alpha), 0),
  scaledElu: (x, alpha = 0, gamma = 0) => gamma * elu(x, alpha),
  sigmoid,
  softplus,
  softsign: (x) => x / (1 + Math.abs(x)),
  silu: (x) => x * sigmoid(x),
  swish: (x, p = 1) => x * sigmoid(p * x),
  gelu: (x) => (x / 2) * (1 + erf(x * Math.SQRT1_2)),
  mish: (x) => x * Math.tanh(softplus(x)),
  hardSigmoid: (x, p = 1 / 6, q = 0.5) => clamp(p * x + q, 0, 1),
  hardSwish: (x) => x * clamp(x / 6 + 0.5, 0, 1),
  thresholdedRelu: (x, p = 1) => (x > p ? x : 0),
  shrink: (x, limit = 0, bias = 0) => (x < -limit ? x + bias : x > limit ? x - bias : 0),
};
