// Canny's edges after the derivatives: thinning, two thresholds, tracing. Rows as image.ts says.
//
// A pixel stays where its magnitude is above `low` and largest in the direction of the gradient, of which there are four. With x = |dx|,
// y = |dy| and tan(22.5°) = T / 2^15, tan(67.5°) = 2 + tan(22.5°):
//
//   y < x tan(22.5°)        against left (above it) and right (at least it)
//   y > x tan(67.5°)        against the pixel above (above it) and below (at least it)
//   else                    against the two on the diagonal (above both)
//
// The map of edges has a byte for every pixel: 0 none, 1 weak (above `low`), 2 strong (above `high`, or connected to one that is).

/** 2 tan(22.5°) 2^15: the high half of its product with x is x tan(22.5°), rounded down. */
const TANGENT: usize = memory.data<i16>([2 * 13573]);

/** a > b in 16-bit lanes, of 8 magnitudes at each place. */
// @ts-ignore: decorator
@inline
function above(a: usize, b: usize, squares: bool): v128 {
  if (!squares) return i16x8.gt_s(v128.load(a), v128.load(b));
  return i16x8.narrow_i32x4_s(
    i32x4.gt_s(v128.load(a), v128.load(b)),
    i32x4.gt_s(v128.load(a, 16), v128.load(b, 16)),
  );
}

/** The magnitudes at `m` above a threshold. */
// @ts-ignore: decorator
@inline
function above_threshold(m: usize, threshold: v128, squares: bool): v128 {
  if (!squares) return i16x8.gt_s(v128.load(m), threshold);
  return i16x8.narrow_i32x4_s(
    i32x4.gt_s(v128.load(m), threshold),
    i32x4.gt_s(v128.load(m, 16), threshold),
  );
}

/** Which of 8 pixels are largest in their direction. `up` and `down` are the same columns of the rows above and below. */
// @ts-ignore: decorator
@inline
function largest(m: usize, pitch: usize, dx: v128, dy: v128, tangent: v128, squares: bool): v128 {
  const size: usize = squares ? 4 : 2;
  const up = m - pitch;
  const down = m + pitch;
  const x = i16x8.abs(dx);
  const y = i16x8.abs(dy);
  const low = i32x4.extmul_low_i16x8_s(x, tangent);
  const high = i32x4.extmul_high_i16x8_s(x, tangent);
  const limit = v128.shuffle<i16>(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
  // The product is no whole multiple of 2^15 unless x = 0, where the magnitude is y: y < product is y <= limit.
  const across = i16x8.le_s(y, limit);
  const upright = i16x8.gt_s(y, i16x8.add(limit, i16x8.add(x, x)));
  const beside = v128.andnot(above(m, m - size, squares), above(m + size, m, squares));
  const over = v128.andnot(above(m, up, squares), above(down, m, squares));
  const falling = v128.and(above(m, up - size, squares), above(m, down + size, squares));
  const rising = v128.and(above(m, up + size, squares), above(m, down - size, squares));
  const diagonal = v128.bitselect(rising, falling, i16x8.shr_s(v128.xor(dx, dy), 15));
  return v128.bitselect(beside, v128.bitselect(over, diagonal, upright), across);
}

/** The larger of two vectors of magnitudes. */
// @ts-ignore: decorator
@inline
function larger(a: usize, b: usize, squares: bool): v128 {
  return squares ? i32x4.max_s(v128.load(a), v128.load(b)) : i16x8.max_s(v128.load(a), v128.load(b));
}

/** The marks of 8 pixels, as -1 and -2. */
// @ts-ignore: decorator
@inline
function marks_of(m: usize, pitch: usize, dx: usize, dy: usize, tangent: v128, weak: v128, strong: v128, squares: bool): v128 {
  const keep = v128.and(
    above_threshold(m, weak, squares),
    largest(m, pitch, v128.load(dx), v128.load(dy), tangent, squares),
  );
  return i16x8.add(keep, v128.and(keep, above_threshold(m, strong, squares)));
}

// @ts-ignore: decorator
@inline
function thin_row(q: usize, m: usize, dx: usize, dy: usize, pitch: usize, low: i32, high: i32, n: i32, squares: bool): void {
  const zero = i32x4.splat(0);
  const tangent = v128.load16_splat(TANGENT);
  const weak = squares ? i32x4.splat(low) : i16x8.splat(<i16>low);
  const strong = squares ? i32x4.splat(high) : i16x8.splat(<i16>high);
  store<u8>(q - 1, 0);
  v128.store(q + n, zero);
  const size: usize = squares ? 4 : 2;
  for (let i: usize = 0; i < <usize>n; i += 16) {
    const at = m + i * size;
    let most = larger(at, at + 16, squares);
    if (squares) most = i32x4.max_s(most, larger(at + 32, at + 48, true));
    if (!v128.any_true(squares ? i32x4.gt_s(most, weak) : i16x8.gt_s(most, weak))) {
      v128.store(q + i, zero);
      continue;
    }
    const x = dx + (i << 1);
    const y = dy + (i << 1);
    const first = marks_of(at, pitch, x, y, tangent, weak, strong, squares);
    const second = marks_of(at + 8 * size, pitch, x + 16, y + 16, tangent, weak, strong, squares);
    v128.store(q + i, i8x16.neg(i8x16.narrow_i16x8_s(first, second)));
  }
}

function thin_row_sum(q: usize, m: usize, dx: usize, dy: usize, pitch: usize, low: i32, high: i32, n: i32): void {
  thin_row(q, m, dx, dy, pitch, low, high, n, false);
}

function thin_row_squares(q: usize, m: usize, dx: usize, dy: usize, pitch: usize, low: i32, high: i32, n: i32): void {
  thin_row(q, m, dx, dy, pitch, low, high, n, true);
}

/**
 * The map of edges of rows of derivatives (i16) and magnitudes (i16, |dx| + |dy|), with a row of magnitudes above the first and below
 * the last. `low` and `high` are at least 0. A zero is written left of each row, zeros right.
 */
export function image_canny_thin(
  out: usize,
  magnitude: usize,
  dx: usize,
  dy: usize,
  outPitch: i32,
  magnitudePitch: i32,
  pitch: i32,
  low: i32,
  high: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++) {
    const q = out + <usize>y * outPitch;
    const m = magnitude + <usize>y * magnitudePitch;
    const x = dx + <usize>y * pitch;
    const v = dy + <usize>y * pitch;
    thin_row_sum(q, m, x, v, magnitudePitch, low, high, n);
  }
}

/** The same of dx² + dy² in i32, and squared thresholds. */
export function image_canny_thin_squares(
  out: usize,
  magnitude: usize,
  dx: usize,
  dy: usize,
  outPitch: i32,
  magnitudePitch: i32,
  pitch: i32,
  low: i32,
  high: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++) {
    const q = out + <usize>y * outPitch;
    const m = magnitude + <usize>y * magnitudePitch;
    const x = dx + <usize>y * pitch;
    const v = dy + <usize>y * pitch;
    thin_row_squares(q, m, x, v, magnitudePitch, low, high, n);
  }
}

/** The weak ones of three neighbouring marks. */
const WEAK: u32 = 0x010101;
const STRONG: u8 = 2;
const STRONG_MARK: usize = memory.data<u8>([STRONG]);
const WEAK_MARK: usize = memory.data<u8>([1]);

/** The marks of 16 pixels and all their neighbours, or-ed. */
// @ts-ignore: decorator
@inline
function around(p: usize, pitch: usize): v128 {
  const up = p - pitch;
  const down = p + pitch;
  const left = v128.or(v128.or(v128.load(up - 1), v128.load(p - 1)), v128.load(down - 1));
  const same = v128.or(v128.or(v128.load(up), v128.load(p)), v128.load(down));
  const right = v128.or(v128.or(v128.load(up + 1), v128.load(p + 1)), v128.load(down + 1));
  return v128.or(v128.or(left, same), right);
}

/**
 * Weak pixels that a path of weak pixels connects with a strong one become strong. `stack` has room for `capacity` addresses; where more
 * are waiting, the map is read again for those that were left. One unit: the map of `h` rows of `n` pixels, with zeros round it.
 */
export function image_canny_trace(
  out: usize,
  stack: usize,
  pitch: i32,
  capacity: i32,
  n: i32,
  h: i32,
  from: i32,
  to: i32,
): void {
  if (from >= to) return;
  const strong = v128.load8_splat(STRONG_MARK);
  const weak = v128.load8_splat(WEAK_MARK);
  const end = stack + (<usize>capacity << 2);
  let again = true;
  while (again) {
    again = false;
    for (let y = 0; y < h; y++) {
      const row = out + <usize>y * pitch;
      for (let i = 0; i < n; i += 16) {
        let seeds = i8x16.bitmask(i8x16.eq(v128.load(row + i), strong));
        if (!seeds || !v128.any_true(v128.and(around(row + i, pitch), weak))) continue;
        while (seeds) {
          let top = stack;
          let p = row + i + ctz(seeds);
          seeds &= seeds - 1;
          for (;;) {
            for (let q = p - pitch - 1; q <= p + pitch; q += pitch) {
              let near = load<u32>(q) & WEAK;
              while (near) {
                const r = q + (ctz(near) >> 3);
                near &= near - 1;
                store<u8>(r, STRONG);
                if (top < end) {
                  store<u32>(top, <u32>r);
                  top += 4;
                } else again = true;
              }
            }
            if (top == stack) break;
            top -= 4;
            p = load<u32>(top);
          }
        }
      }
    }
  }
}

/** Edges from the map: 255 where it is strong, else 0. */
export function image_canny_edges(
  out: usize,
  input: usize,
  outPitch: i32,
  inPitch: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  const strong = v128.load8_splat(STRONG_MARK);
  for (let y = from; y < to; y++) {
    const p = input + <usize>y * inPitch;
    const q = out + <usize>y * outPitch;
    for (let i: usize = 0; i < <usize>n; i += 16) v128.store(q + i, i8x16.eq(v128.load(p + i), strong));
  }
}
