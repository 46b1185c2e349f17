// Depthwise convolution: each channel is filtered on its own, so there is no sum over channels, and channels are the lanes.
//
//   out[n, z, y, x, o] = clamp(bias[o] + sum over taps of x[n, z·sz + kz·dz − pf, y·sy + ky·dy − pt, x·sx + kx·dx − pl, o / m] * w[tap, o])
//
// x is NDHWC, w [taps, oc], oc = m * c with multiplier m. Taps that fall outside the input are skipped: the border is zero
// and nothing is padded. Memory-bound: each row of input should be read from memory once.
import {
  CONV_C, CONV_D, CONV_DX, CONV_DY, CONV_DZ, CONV_H, CONV_KD, CONV_KH, CONV_KW, CONV_N, CONV_OC, CONV_OD, CONV_OH,
  CONV_OW, CONV_PF, CONV_PL, CONV_PT, CONV_SX, CONV_SY, CONV_SZ, CONV_W,
} from "./abi";
import { clamp, field, load_tail, madd, store_tail } from "./simd";

/** The first tap inside the input for a window that begins at `at`, when taps lie `dilation` apart. */
// @ts-ignore: decorator
@inline
function first_tap(at: i32, dilation: i32): i32 {
  return at < 0 ? (-at + dilation - 1) / dilation : 0;
}

/** One past the last tap inside the input. */
// @ts-ignore: decorator
@inline
function end_tap(at: i32, dilation: i32, kernel: i32, size: i32): i32 {
  return at >= size ? 0 : min(kernel, (size - 1 - at) / dilation + 1);
}

/** Unit: a row (n, z, y) of the output. bias may be 0: zeros. */
export function depthwise_f32(
  out: usize, x: usize, w: usize, bias: usize, shape: usize, lo: f32, hi: f32, from: i32, to: i32,
): void {
  const D = field(shape, CONV_D), H = field(shape, CONV_H), W = field(shape, CONV_W), C = field(shape, CONV_C);
  const OD = field(shape, CONV_OD), OH = field(shape, CONV_OH), OW = field(shape, CONV_OW), OC = field(shape, CONV_OC);
  const KD = field(shape, CONV_KD), KH = field(shape, CONV_KH), KW = field(shape, CONV_KW);
  const sx = field(shape, CONV_SX), dx = field(shape, CONV_DX), dy = field(shape, CONV_DY), dz = field(shape, CONV_DZ);
  const left = field(shape, CONV_PL);
  assert(0 <= from && from <= to && to <= field(shape, CONV_N) * OD * OH);
  assert(OC % C == 0);
  const pixel = <usize>C << 2, outPixel = <usize>OC << 2;
  const row = <usize>W * pixel, plane = <usize>H * row;
  const wide = OC == C && C >= 4;
  // Pixels whose whole window lies inside the row: [inner, outer).
  const inner = min(OW, (left + sx - 1) / sx);
  const outer = W - 1 - (KW - 1) * dx + left < 0 ? inner : max(inner, min(OW, (W - 1 - (KW - 1) * dx + left) / sx + 1));

  for (let r = from; r < to; r++) {
    const n = r / (OD * OH);
    const z = ((r / OH) % OD) * field(shape, CONV_SZ) - field(shape, CONV_PF);
    const y = (r % OH) * field(shape, CONV_SY) - field(shape, CONV_PT);
    const kz0 = first_tap(z, dz), kz1 = end_tap(z, dz, KD, D);
    const ky0 = first_tap(y, dy), ky1 = end_tap(y, dy, KH, H);
    const xn = x + <usize>(n * D) * plane;
    let o = out + <usize>r * <usize>OW * outPixel;
    let ox = 0;
    while (ox < OW) {
      const ix = ox * sx - left;
      if (wide && ox >= inner && ox + 4 <= outer) {
        four_pixels(o, xn, w, bias, z, y, ix, kz0, kz1, ky0, ky1, plane, row, C, KH, KW, sx, dx, dy, dz, lo, hi);
        ox += 4;
        o += 4 * outPixel;
      } else {
        const kx0 = first_tap(ix, dx), kx1 = end_tap(ix, dx, KW, W);
        one_pixel(o, xn, w, bias, z, y, ix, kz0, kz1, ky0, ky1, kx0, kx1, plane, row, C, OC, KH, KW, dx, dy, dz, lo, hi);
        ox++;
        o += outPixel;
      }
    }
  }
}

/** Four neighbouring output pixels inside the row, all channels; the common windows have loops of known length. */
function four_pixels(
  o: usize, x: usize, w: usize, bias: usize, z: i32, y: i32, ix: i32, kz0: i32, kz1: i32, ky0: i32, ky1: i32,
  plane: usize, row: usize, C: i32, KH: i32, KW: i32, sx: i32, dx: i32, dy: i32, dz: i32, lo: f32, hi: f32,
): void {
  const l = f32x4.splat(lo), h = f32x4.splat(hi);
  const pixel = <usize>C << 2;
  const step = <usize>sx * pixel, tap = <usize>dx * pixel;
  x += <usize>ix * pixel;
  // A rest of channels is taken by a last vector that overlaps the one before: same sums, written twice.
  for (let c = 0; c < C; c += 4) {
    const at = <usize>min(c, C - 4) << 2;
    let a0 = bias ? v128.load(bias + at) : f32x4.splat(0);
    let a1 = a0, a2 = a0, a3 = a0;
    for (let kz = kz0; kz < kz1; kz++) {
      for (let ky = ky0; ky < ky1; ky++) {
        let p = x + <usize>(z + kz * dz) * plane + <usize>(y + ky * dy) * row + at;
        let v = w + <usize>((kz * KH + ky) * KW) * pixel + at;
        if (KW == 3 && dx == 1 && sx == 1) {
          // Six inputs serve four pixels.
          const w0 = v128.load(v), w1 = v128.load(v + pixel), w2 = v128.load(v + 2 * pixel);
          const x2 = v128.load(p + 2 * pixel), x3 = v128.load(p + 3 * pixel);
          a0 = madd(v128.load(p), w0, a0);
          const x1 = v128.load(p + pixel);
          a0 = madd(x1, w1, a0);
          a1 = madd(x1, w0, a1);
          a0 = madd(x2, w2, a0);
          a1 = madd(x2, w1, a1);
          a2 = madd(x2, w0, a2);
          a1 = madd(x3, w2, a1);
          a2 = madd(x3, w1, a2);
          a3 = madd(x3, w0, a3);
          const x4 = v128.load(p + 4 * pixel);
          a2 = madd(x4, w2, a2);
          a3 = madd(x4, w1, a3);
          a3 = madd(v128.load(p + 5 * pixel), w2, a3);
        } else {
          for (let kx = 0; kx < KW; kx++) {
            const k = v128.load(v);
            a0 = madd(v128.load(p), k, a0);
            a1 = madd(v128.load(p + step), k, a1);
            a2 = madd(v128.load(p + 2 * step), k, a2);
            a3 = madd(v128.load(p + 3 * step), k, a3);
            p += tap;
            v += pixel;
          }
        }
      }
    }
    const q = o + at;
    v128.store(q, clamp(a0, l, h));
    v128.store(q + pixel, clamp(a1, l, h));
    v128.store(q + 2 * pixel, clamp(a2, l, h));
    v128.store(q + 3 * pixel, clamp(a3, l, h));
  }
}

/** One output pixel with any window, any channel count, any multiplier. */
function one_pixel(
  o: usize, x: usize, w: usize, bias: usize, z: i32, y: i32, ix: i32, kz0: i32, kz1: i32, ky0: i32, ky1: i32,
  kx0: i32, kx1: i32, plane: usize, row: usize, C: i32, OC: i32, KH: i32, KW: i32, dx: i32, dy: i32, dz: i32,
  lo: f32, hi: f32,
): void {
  const l = f32x4.splat(lo), h = f32x4.splat(hi);
  const pixel = <usize>C << 2, outPixel = <usize>OC << 2;
  const multiplier = OC / C;
  for (let c = 0; c < OC; c += 4) {
    const cols = min(4, OC - c);
    const at = <usize>c << 2;
    let a = bias ? load_cols(bias + at, cols) : f32x4.splat(0);
    for (let kz = kz0; kz < kz1; kz++) {
      for (let ky = ky0; ky < ky1; ky++) {
        const line = x + <usize>(z + kz * dz) * plane + <usize>(y + ky * dy) * row;
        const taps = w + <usize>((kz * KH + ky) * KW) * outPixel + at;
        for (let kx = kx0; kx < kx1; kx++) {
          const p = line + <usize>(ix + kx * dx) * pixel;
          const v = multiplier == 1 ? load_cols(p + at, cols) : gather(p, c, cols, multiplier);
          a = madd(v, load_cols(taps + <usize>kx * outPixel, cols), a);
        }
      }
    }
    a = clamp(a, l, h);
    if (cols == 4) v128.store(o + at, a);
    else store_tail(o + at, a, cols);
  }
}

// @ts-ignore: decorator
@inline
function load_cols(p: usize, cols: i32): v128 {
  return cols == 4 ? v128.load(p) : load_tail(p, cols);
}

/** The input channels behind output channels o .. o + cols - 1. */
function gather(p: usize, o: i32, cols: i32, multiplier: i32): v128 {
  let v = v128.load32_zero(p + (<usize>(o / multiplier) << 2));
  if (cols > 1) v = v128.load_lane<f32>(p + (<usize>((o + 1) / multiplier) << 2), v, 1);
  if (cols > 2) v = v128.load_lane<f32>(p + (<usize>((o + 2) / multiplier) << 2), v, 2);
  if (cols > 3) v = v128.load_lane<f32>(p + (<usize>((o + 3) / multiplier) << 2), v, 3);
  return v;
}
