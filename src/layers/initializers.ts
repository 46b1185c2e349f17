// How weights begin. Counter-based: value i of a weight depends only on the seed, the weight's name and i, and is made of
// exactly rounded operations, so every host makes the same bits.
import { type Shape, sizeOf } from "../tensor.ts";

/**
 * - `glorotUniform`, `glorotNormal` (Xavier): variance 2 / (fanIn + fanOut). Glorot and Bengio, 2010.
 * - `heUniform`, `heNormal` (Kaiming): variance 2 / fanIn. He et al., 2015.
 * - `zeros`, `ones`, or `{ constant: value }`.
 */
export type Initializer =
  | "glorotUniform"
  | "glorotNormal"
  | "heUniform"
  | "heNormal"
  | "zeros"
  | "ones"
  | { readonly constant: number };

/**
 * Values for a weight of shape [...taps, in, out]: fanIn = taps * in, fanOut = taps * out, as in PyTorch and Keras. `fan` is that shape
 * where the weight has another.
 */
export function initialize(
  init: Initializer,
  shape: Shape,
  seed: number,
  name: string,
  fan: Shape = shape,
): Float32Array {
  const data = new Float32Array(sizeOf(shape));
  if (init === "zeros") return data;
  if (init === "ones") return data.fill(1);
  if (typeof init === "object") return data.fill(init.constant);
  const taps = sizeOf(fan.slice(0, -2));
  const fanIn = taps * (fan.at(-2) ?? 1);
  const fanOut = taps * (fan.at(-1) ?? 1);
  const variances: Record<string, number> = { glorot: 2 / (fanIn + fanOut), he: 2 / fanIn };
  const [, rule, distribution] = /^(.*)(Uniform|Normal)$/.exec(init)!;
  const deviation = Math.sqrt(variances[rule]);
  const key = keyOf(seed, name);
  if (distribution === "Uniform") {
    const limit = deviation * Math.sqrt(3);
    for (let i = 0; i < data.length; i++) data[i] = (2 * uniform(key, i) - 1) * limit;
  } else {
    for (let i = 0; i < data.length; i++) data[i] = normal(key, i) * deviation;
  }
  return data;
}

/** What numbers depend on besides their index: a seed, and what they are for. */
export const keyOf = (seed: number, name: string): number => hashName(name) ^ Math.imul(seed | 0, 0x9e3779b1);

/** FNV-1a over the UTF-16 units. */
function hashName(name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  return h;
}

/** 32 well-mixed bits of (key, i): two rounds of the murmur3 finaliser. */
function bits(key: number, i: number): number {
  let h = (key + Math.imul(i, 0x9e3779b1)) | 0;
  for (let round = 0; round < 2; round++) {
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h = (h ^ (h >>> 16)) + key;
  }
  return h >>> 0;
}

/** Uniform in (0, 1). */
export function uniform(key: number, i: number): number {
  return (bits(key, i) + 0.5) / 2 ** 32;
}

/** Standard normal by Marsaglia's polar method; rejected pairs draw again from a far part of the counter. */
export function normal(key: number, i: number): number {
  for (let attempt = 0; ; attempt++) {
    const u = 2 * uniform(key, 2 * i + attempt * 0x10000001) - 1;
    const v = 2 * uniform(key, 2 * i + 1 + attempt * 0x10000001) - 1;
    const s = u * u + v * v;
    if (s > 0 && s < 1) return u * Math.sqrt((-2 * ln(s)) / s);
  }
}

/** Natural logarithm of x in (0, 1) out of + − * / alone, because Math.log may differ in the last bit between hosts. */
function ln(x: number): number {
  let k = 0;
  let m = x;
  while (m < Math.SQRT1_2) {
    m *= 2;
    k++;
  }
  // atanh series: ln m = 2 (t + t^3/3 + ...), t = (m − 1)/(m + 1), |t| < 0.172: 11 terms reach 2^-53.
  const t = (m - 1) / (m + 1);
  let sum = 0;
  for (let n = 21; n >= 1; n -= 2) sum = sum * t * t + 1 / n;
  return 2 * t * sum - k * Math.LN2;
}
