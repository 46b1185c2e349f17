// Functions of one or two f32, computed in f64 and rounded once: error <= 0.51 ulp, if not said otherwise. Polynomials are
// Chebyshev fits; their relative error is below 5e-12. Plain code that is small: what nets run often is in exp.ts and words.ts.

/** ln 2 in two parts, the first so short that its product with a whole number is exact. */
// @ts-ignore: decorator
@inline const LN2_HIGH: f64 = 0.6931471803691238;
// @ts-ignore: decorator
@inline const LN2_LOW: f64 = 1.9082149292705877e-10;
// @ts-ignore: decorator
@inline const LN2: f64 = 0.6931471805599453;
// @ts-ignore: decorator
@inline const HALF_PI: f64 = 1.5707963267948966;

/** e^x = 2^n · e^r with |r| <= ln 2 / 2. What is beyond f32 by far is limited: it is rounded to 0 or Infinity later. */
export function exp64(x: f64): f64 {
  const y = min(max(x, -700), 700);
  if (y != y) return y;
  const n = nearest(y * 1.4426950408889634);
  const r = y - n * LN2_HIGH - n * LN2_LOW;
  let p = 2.7161878464382253e-8 * r + 2.7414001056261636e-7;
  p = p * r + 2.755205407983271e-6;
  p = p * r + 2.4802243001657622e-5;
  p = p * r + 0.00019841274242188606;
  p = p * r + 0.0013888888048551775;
  p = p * r + 0.008333333331484335;
  p = p * r + 0.041666666670782795;
  p = p * r + 0.1666666666667328;
  p = p * r + 0.49999999999993544;
  p = p * r + 1;
  return (p * r + 1) * reinterpret<f64>((<i64>n + 1023) << 52);
}

/** ln x = n · ln 2 + 2 · atanh(s) with s = (m - 1) / (m + 1) and m in [√½, √2], for x that is an f32 or 1 + such. */
export function log64(x: f64): f64 {
  if (!(x > 0 && x < Infinity)) return x == 0 ? -Infinity : sqrt(x);
  const bits = reinterpret<i64>(x);
  // The bits of √½
  const power = (bits - 0x3fe6a09e667f3bcd) >> 52;
  const m = reinterpret<f64>(bits - (power << 52));
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let p = 0.1384919771499758 * z + 0.1540013339613105;
  p = p * z + 0.18180549735209123;
  p = p * z + 0.2222224939018511;
  p = p * z + 0.28571428327722365;
  p = p * z + 0.4000000000074616;
  p = p * z + 0.6666666666666762;
  return (p * z + 2) * s + <f64>power * LN2;
}

/** e^x - 1. */
export function expm1_64(x: f64): f64 {
  return abs(x) < 1e-4 ? x + x * x * (0.5 + x * (1.0 / 6)) : exp64(x) - 1;
}

/** ln(1 + x). */
export function log1p_64(x: f64): f64 {
  return abs(x) < 1e-4 ? x - x * x * (0.5 - x * (1.0 / 3)) : log64(1 + x);
}

export function sinh64(x: f64): f64 {
  const z = x * x;
  if (z < 1e-4) return x + x * z * (1.0 / 6 + z * (1.0 / 120));
  const e = exp64(x);
  return (e - 1 / e) * 0.5;
}

export function asinh64(x: f64): f64 {
  const z = x * x;
  if (z < 1e-5) return x - x * z * (1.0 / 6 - z * (3.0 / 40));
  return copysign(log64(abs(x) + sqrt(z + 1)), x);
}

export function atanh64(x: f64): f64 {
  const z = x * x;
  if (z < 1e-5) return x + x * z * (1.0 / 3 + z * 0.2);
  return 0.5 * log64((1 + x) / (1 - x));
}

/** The arc tangent: 1 / x above 1, (x - 1) / (x + 1) above tan(π/8), then a polynomial. */
export function atan64(x: f64): f64 {
  const a = abs(x);
  let t = a > 1 ? 1 / a : a;
  let base: f64 = 0;
  if (t > 0.41421356237309503) {
    t = (t - 1) / (t + 1);
    base = HALF_PI * 0.5;
  }
  const z = t * t;
  let p = 0.030702127784092703 * z - 0.058772318745197935;
  p = p * z + 0.07564464540436684;
  p = p * z - 0.09078502716469042;
  p = p * z + 0.11110393961780739;
  p = p * z - 0.14285690814171229;
  p = p * z + 0.19999999613287683;
  p = p * z - 0.3333333333087219;
  p = base + (p * z * t + t);
  return copysign(a > 1 ? HALF_PI - p : p, x);
}

/** The angle of the point (x, y). */
export function atan2_64(y: f64, x: f64): f64 {
  const a = abs(y), b = abs(x);
  // Two zeros, or two infinities, are no quotient.
  let p = a == b ? (a == 0 ? 0 : HALF_PI * 0.5) : atan64(a / b);
  if (copysign<f64>(1, x) < 0) p = 2 * HALF_PI - p;
  return x != x ? x : copysign(p, y);
}

// The first 224 bits of 2 / π, after 32 zeros.
const TWO_OVER_PI: usize = memory.data<u32>([
  0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab,
]);

/** sin(x + quarter · π/2), also of large x: x · 2/π is computed in whole numbers, modulo 4. */
export function sine(x: f32, quarter: u64): f64 {
  const bits = reinterpret<u32>(x) & 0x7fffffff;
  if (bits >= 0x7f800000) return NaN;
  let r = <f64>x;
  if (bits >= 0x3f000000) {
    // x = m · 2^e; the product with 96 bits of 2/π has 62 bits behind the point that matter.
    const first = (bits >> 23) - 120;
    const p = TWO_OVER_PI + (<usize>(first >> 5) << 2);
    const shift = <u64>(first & 31);
    const m = <u64>((bits & 0x7fffff) | 0x800000);
    const low = <u64>load<u32>(p, 8);
    const high = ((<u64>load<u32>(p) << 32 | <u64>load<u32>(p, 4)) << shift) | (low << shift >> 32);
    const rest = (low << 32 | <u64>load<u32>(p, 12)) << shift >> 32;
    let turn = m * high + (m * rest >> 32);
    if (x < 0) turn = 0 - turn;
    const n = (turn + (1 << 61)) >> 62;
    quarter += n;
    r = <f64><i64>(turn - (n << 62)) * 3.4061215800304785e-19;
  }
  const z = r * r;
  let p: f64;
  if (quarter & 1) {
    p = -2.7173088283282755e-7 * z + 2.4798924033113065e-5;
    p = p * z - 0.0013888880371157538;
    p = p * z + 0.0416666665434751;
    p = p * z - 0.49999999999348277;
    p = p * z + 1;
  } else {
    p = 2.7173113408461964e-6 * z - 0.00019839198561262777;
    p = p * z + 0.008333328770644632;
    p = p * z - 0.16666666631473334;
    p = p * z * r + r;
  }
  return quarter & 2 ? -p : p;
}

/** x to the power of y, by C's rules for what is not finite or not whole. */
export function pow64(x: f64, y: f64): f64 {
  if (y == 0 || x == 1) return 1;
  const p = abs(x) == 1 && abs(y) == Infinity ? 1 : exp64(y * log64(abs(x)));
  // The sign bit also of -0 and -Infinity
  if (copysign<f64>(1, x) > 0 || x != x) return p;
  if (nearest(y) != y) return x == 0 || x == -Infinity ? p : NaN;
  return nearest(y * 0.5) * 2 == y ? p : -p;
}

// Whole numbers: what is divided by 0 gives 0.

/** a / b towards 0. */
export function divide(a: i32, b: i32): i32 {
  // The quotient of the least number by -1 does not exist.
  return b == 0 ? 0 : b == -1 ? 0 - a : a / b;
}

/** a - b · (a / b). */
export function remainder(a: i32, b: i32): i32 {
  return b == 0 || b == -1 ? 0 : a % b;
}

/** a to the power of b modulo 2^32; for b < 0 what remains of a fraction. */
export function power(a: i32, b: i32): i32 {
  if (b < 0) return a == 1 ? 1 : a == -1 ? 1 - ((b & 1) << 1) : 0;
  let result = 1;
  for (; b > 0; b >>= 1) {
    if (b & 1) result *= a;
    a *= a;
  }
  return result;
}
