// Depthwise convolution: each channel is filtered on its own, so there is no sum over channels, and channels are the lanes.
//
//   out[n, z, y, x, o] = clamp(bias[o] + sum over taps of x[n, z·sz + kz·dz − pf, y·sy + ky·dy − pt, x·sx + kx·dx − pl, o / m] * w[tap, o])
//
// x is NDHWC; the filter is packed by pack_depthwise_f32; oc = m * c with multiplier m. Taps that fall outside the input are
// skipped: the border is zero and nothing is padded.
import {
  CONV_C, CONV_D, CONV_DX, CONV_DY, CONV_DZ, CONV_H, CONV_KD, CONV_KH, CONV_KW, CONV_N, CONV_OC, CONV_OD, CONV_OH,
  CONV_OW, CONV_PF, CONV_PL, CONV_PT, CONV_SX, CONV_SY, CONV_SZ, CONV_W,
} from "./abi";
import { copy_floats, fill_floats } from "./copy";
import { clamp, field, load_lanes, load_tail, madd, store_lanes, store_tail } from "./simd";

/** Bytes of a tap of a block: four channels. */
const TAP: usize = 16;

/**
 * Where block `b` of four channels begins. A rest of channels is taken by a last block that overlaps the one before: the same
 * sums, written twice. Fewer than four channels make one block.
 */
// @ts-ignore: decorator
@inline
function first_channel(b: i32, OC: i32): i32 {
  return max(0, min(b << 2, OC - 4));
}

/**
 * packed[block] = [ bias of 4 channels | tap 0 | tap 1 | ... ], zeros past the last channel: a block is one stream, at
 * constant distances. filter [taps, oc]; bias may be 0: zeros. Unit: a block.
 */
export function pack_depthwise_f32(packed: usize, filter: usize, bias: usize, taps: i32, OC: i32, from: i32, to: i32): void {
  assert(0 <= from && from <= to && to <= (OC + 3) / 4);
  const cols = min(4, OC);
  let p = packed + <usize>(from * (taps + 1)) * TAP;
  for (let b = from; b < to; b++) {
    const at = <usize>first_channel(b, OC) << 2;
    v128.store(p, bias ? load_lanes(bias + at, cols) : f32x4.splat(0));
    p += TAP;
    for (let t = 0; t < taps; t++, p += TAP) v128.store(p, load_lanes(filter + (<usize>(t * OC) << 2) + at, cols));
  }
}

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

/** Unit: a row (n, z, y) of the output. */
export function depthwise_f32(
  out: usize, x: usize, packed: usize, shape: usize, lo: f32, hi: f32, from: i32, to: i32,
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
  const deep = <usize>dz * plane, down = <usize>dy * row;
  // Pixels whose whole window lies inside the row: [inner, outer). Groups of four need four channels and no multiplier.
  const inner = min(OW, (left + sx - 1) / sx);
  const room = W - 1 - (KW - 1) * dx + left;
  const outer = OC == C && C >= 4 && room >= 0 ? min(OW, room / sx + 1) : inner;

  for (let r = from; r < to; r++) {
    const n = r / (OD * OH);
    const z = ((r / OH) % OD) * field(shape, CONV_SZ) - field(shape, CONV_PF);
    const y = (r % OH) * field(shape, CONV_SY) - field(shape, CONV_PT);
    const kz0 = first_tap(z, dz), kzs = max(0, end_tap(z, dz, KD, D) - kz0);
    const ky0 = first_tap(y, dy), kys = max(0, end_tap(y, dy, KH, H) - ky0);
    // The first line of input and the first tap that take part.
    const line = x + <usize>(n * D + z + kz0 * dz) * plane + <usize>(y + ky0 * dy) * row;
    const skip = <usize>((kz0 * KH + ky0) * KW) * TAP;
    const o = out + <usize>r * <usize>OW * outPixel;
    let ox = 0;
    while (ox < OW) {
      const at = o + <usize>ox * outPixel;
      const ix = ox * sx - left;
      const p = line + <usize>ix * pixel;
      if (ox >= inner && ox + 4 <= outer) {
        if (dx == 1 && KW == 3 && sx == 1) four_pixels_3(at, p, packed, skip, kzs, kys, C, KD, KH, KW, sx, dx, deep, down, lo, hi);
        else if (dx == 1 && KW == 3 && sx == 2) four_pixels_3_2(at, p, packed, skip, kzs, kys, C, KD, KH, KW, sx, dx, deep, down, lo, hi);
        else if (dx == 1 && KW == 5 && sx == 1) four_pixels_5(at, p, packed, skip, kzs, kys, C, KD, KH, KW, sx, dx, deep, down, lo, hi);
        else if (dx == 1 && KW == 5 && sx == 2) four_pixels_5_2(at, p, packed, skip, kzs, kys, C, KD, KH, KW, sx, dx, deep, down, lo, hi);
        else four_pixels_any(at, p, packed, skip, kzs, kys, C, KD, KH, KW, sx, dx, deep, down, lo, hi);
        // A rest of less than four is taken by a last group that overlaps the one before.
        ox = ox + 4 < outer && ox + 8 > outer ? outer - 4 : ox + 4;
      } else {
        const kx0 = first_tap(ix, dx), kxs = max(0, end_tap(ix, dx, KW, W) - kx0);
        one_pixel(
          at, p + <usize>(kx0 * dx) * pixel, packed, skip + <usize>kx0 * TAP, kzs, kys, kxs, C, OC, KD, KH, KW, dx, deep, down,
          lo, hi,
        );
        ox++;
      }
    }
  }
}

/**
 * Four neighbouring output pixels inside the row, all channels. `taps` and `stride` are literals: the windows people use get
 * loops of known length, in which an input that serves several pixels is loaded once; 0 takes any.
 */
// @ts-ignore: decorator
@inline
function four_pixels(
  taps: i32, stride: i32, o: usize, x: usize, packed: usize, skip: usize, kzs: i32, kys: i32, C: i32, KD: i32, KH: i32,
  KW: i32, sx: i32, dx: i32, deep: usize, down: usize, lo: f32, hi: f32,
): void {
  const l = f32x4.splat(lo), h = f32x4.splat(hi);
  const pixel = <usize>C << 2;
  const step = <usize>sx * pixel;
  const block = <usize>(KD * KH * KW + 1) * TAP;
  for (let c = 0; c < C; c += 4) {
    const at = <usize>first_channel(c >> 2, C) << 2;
    let a0 = v128.load(packed);
    let a1 = a0, a2 = a0, a3 = a0;
    let px = x + at, pv = packed + TAP + skip;
    for (let kz = 0; kz < kzs; kz++) {
      let p = px, v = pv;
      for (let ky = 0; ky < kys; ky++) {
        if (taps == 0) {
          let q = p;
          for (let kx = 0; kx < KW; kx++) {
            const k = v128.load(v);
            a0 = madd(v128.load(q), k, a0);
            a1 = madd(v128.load(q + step), k, a1);
            a2 = madd(v128.load(q + 2 * step), k, a2);
            a3 = madd(v128.load(q + 3 * step), k, a3);
            q += <usize>dx * pixel;
            v += TAP;
          }
        } else {
          const w0 = v128.load(v), w1 = v128.load(v, 16), w2 = v128.load(v, 32);
          const x0 = v128.load(p), x1 = v128.load(p + pixel), x2 = v128.load(p + 2 * pixel);
          const x3 = v128.load(p + 3 * pixel), x4 = v128.load(p + 4 * pixel), x5 = v128.load(p + 5 * pixel);
          if (stride == 1) {
            a0 = madd(x2, w2, madd(x1, w1, madd(x0, w0, a0)));
            a1 = madd(x3, w2, madd(x2, w1, madd(x1, w0, a1)));
            a2 = madd(x4, w2, madd(x3, w1, madd(x2, w0, a2)));
            a3 = madd(x5, w2, madd(x4, w1, madd(x3, w0, a3)));
            if (taps == 5) {
              const w3 = v128.load(v, 48), w4 = v128.load(v, 64);
              const x6 = v128.load(p + 6 * pixel), x7 = v128.load(p + 7 * pixel);
              a0 = madd(x4, w4, madd(x3, w3, a0));
              a1 = madd(x5, w4, madd(x4, w3, a1));
              a2 = madd(x6, w4, madd(x5, w3, a2));
              a3 = madd(x7, w4, madd(x6, w3, a3));
            }
          } else {
            const x6 = v128.load(p + 6 * pixel), x7 = v128.load(p + 7 * pixel), x8 = v128.load(p + 8 * pixel);
            a0 = madd(x2, w2, madd(x1, w1, madd(x0, w0, a0)));
            a1 = madd(x4, w2, madd(x3, w1, madd(x2, w0, a1)));
            a2 = madd(x6, w2, madd(x5, w1, madd(x4, w0, a2)));
            a3 = madd(x8, w2, madd(x7, w1, madd(x6, w0, a3)));
            if (taps == 5) {
              const w3 = v128.load(v, 48), w4 = v128.load(v, 64);
              const x9 = v128.load(p + 9 * pixel), xa = v128.load(p + 10 * pixel);
              a0 = madd(x4, w4, madd(x3, w3, a0));
              a1 = madd(x6, w4, madd(x5, w3, a1));
              a2 = madd(x8, w4, madd(x7, w3, a2));
              a3 = madd(xa, w4, madd(x9, w3, a3));
            }
          }
          v += <usize>taps * TAP;
        }
        p += down;
      }
      px += deep;
      pv += <usize>(KH * KW) * TAP;
    }
    const q = o + at;
    v128.store(q, clamp(a0, l, h));
    v128.store(q + pixel, clamp(a1, l, h));
    v128.store(q + 2 * pixel, clamp(a2, l, h));
    v128.store(q + 3 * pixel, clamp(a3, l, h));
    packed += block;
  }
}

function four_pixels_3(
  o: usize, x: usize, packed: usize, skip: usize, kzs: i32, kys: i32, C: i32, KD: i32, KH: i32, KW: i32, sx: i32, dx: i32,
  deep: usize, down: usize, lo: f32, hi: f32,
): void {
  four_pixels(3, 1, o, x, packed, skip, kzs, kys, C, KD, KH, KW, sx, dx, deep, down, lo, hi);
}

function four_pixels_3_2(
  o: usize, x: usize, packed: usize, skip: usize, kzs: i32, kys: i32, C: i32, KD: i32, KH: i32, KW: i32, sx: i32, dx: i32,
  deep: usize, down: usize, lo: f32, hi: f32,
): void {
  four_pixels(3, 2, o, x, packed, skip, kzs, kys, C, KD, KH, KW, sx, dx, deep, down, lo, hi);
}

function four_pixels_5(
  o: usize, x: usize, packed: usize, skip: usize, kzs: i32, kys: i32, C: i32, KD: i32, KH: i32, KW: i32, sx: i32, dx: i32,
  deep: usize, down: usize, lo: f32, hi: f32,
): void {
  four_pixels(5, 1, o, x, packed, skip, kzs, kys, C, KD, KH, KW, sx, dx, deep, down, lo, hi);
}

function four_pixels_5_2(
  o: usize, x: usize, packed: usize, skip: usize, kzs: i32, kys: i32, C: i32, KD: i32, KH: i32, KW: i32, sx: i32, dx: i32,
  deep: usize, down: usize, lo: f32, hi: f32,
): void {
  four_pixels(5, 2, o, x, packed, skip, kzs, kys, C, KD, KH, KW, sx, dx, deep, down, lo, hi);
}

function four_pixels_any(
  o: usize, x: usize, packed: usize, skip: usize, kzs: i32, kys: i32, C: i32, KD: i32, KH: i32, KW: i32, sx: i32, dx: i32,
  deep: usize, down: usize, lo: f32, hi: f32,
): void {
  four_pixels(0, 0, o, x, packed, skip, kzs, kys, C, KD, KH, KW, sx, dx, deep, down, lo, hi);
}

/** One output pixel with any window, any channel count, any multiplier. */
function one_pixel(
  o: usize, x: usize, packed: usize, skip: usize, kzs: i32, kys: i32, kxs: i32, C: i32, OC: i32, KD: i32, KH: i32, KW: i32,
  dx: i32, deep: usize, down: usize, lo: f32, hi: f32,
): void {
  const l = f32x4.splat(lo), h = f32x4.splat(hi);
  const step = <usize>(dx * C) << 2;
  const multiplier = OC / C, cols = min(4, OC);
  const block = <usize>(KD * KH * KW + 1) * TAP;
  for (let c = 0; c < OC; c += 4) {
    const channel = first_channel(c >> 2, OC);
    const at = <usize>channel << 2;
    let a = v128.load(packed);
    let px = x, pv = packed + TAP + skip;
    for (let kz = 0; kz < kzs; kz++) {
      let py = px, vy = pv;
      for (let ky = 0; ky < kys; ky++) {
        let p = py, v = vy;
        for (let kx = 0; kx < kxs; kx++) {
          const value = multiplier == 1 ? load_lanes(p + at, cols) : gather(p, channel, cols, multiplier);
          a = madd(value, v128.load(v), a);
          p += step;
          v += TAP;
        }
        py += down;
        vy += <usize>KW * TAP;
      }
      px += deep;
      pv += <usize>(KH * KW) * TAP;
    }
    a = clamp(a, l, h);
    store_lanes(o + at, a, cols);
    packed += block;
  }
}

/** The input channels behind output channels o .. o + cols - 1. */
function gather(p: usize, o: i32, cols: i32, multiplier: i32): v128 {
  let v = v128.load32_zero(p + (<usize>(o / multiplier) << 2));
  if (cols > 1) v = v128.load_lane<f32>(p + (<usize>((o + 1) / multiplier) << 2), v, 1);
  if (cols > 2) v = v128.load_lane<f32>(p + (<usize>((o + 2) / multiplier) << 2), v, 2);
  if (cols > 3) v = v128.load_lane<f32>(p + (<usize>((o + 3) / multiplier) << 2), v, 3);
  return v;
}

/**
 * The adjoint, depthwise transposed convolution without a multiplier: out[x·s + k·d − p] += x · w[k], out begins as bias (0: zeros).
 * filter [taps, c]. The shape's sizes are those of the call: D H W of x, OD OH OW of out. Unit: a row (n, z, y) of out.
 */
export function depthwise_transpose_f32(
  out: usize, x: usize, filter: usize, bias: usize, shape: usize, lo: f32, hi: f32, from: i32, to: i32,
): void {
  const D = field(shape, CONV_D), H = field(shape, CONV_H), W = field(shape, CONV_W), C = field(shape, CONV_C);
  const OD = field(shape, CONV_OD), OH = field(shape, CONV_OH), OW = field(shape, CONV_OW);
  const KD = field(shape, CONV_KD), KH = field(shape, CONV_KH), KW = field(shape, CONV_KW);
  const sz = field(shape, CONV_SZ), sy = field(shape, CONV_SY), sx = field(shape, CONV_SX);
  const dz = field(shape, CONV_DZ), dy = field(shape, CONV_DY), dx = field(shape, CONV_DX);
  assert(0 <= from && from <= to && to <= field(shape, CONV_N) * OD * OH);
  assert(C == field(shape, CONV_OC));
  const pixel = <usize>C << 2;
  for (let r = from; r < to; r++) {
    const n = r / (OD * OH);
    const row = out + <usize>(r * OW) * pixel;
    for (let i = 0, o = row; i < OW; i++, o += pixel) {
      if (bias) copy_floats(o, bias, C);
      else fill_floats(o, 0, C);
    }
    // Row i of x reaches row o of out by tap k where o = i·s + k·d − p.
    let z = (r / OH) % OD + field(shape, CONV_PF);
    for (let kz = 0; kz < KD; kz++, z -= dz) {
      const iz = z / sz;
      if (z < 0 || iz * sz != z || iz >= D) continue;
      let y = r % OH + field(shape, CONV_PT);
      for (let ky = 0; ky < KH; ky++, y -= dy) {
        const iy = y / sy;
        if (y < 0 || iy * sy != y || iy >= H) continue;
        const line = x + <usize>(((n * D + iz) * H + iy) * W) * pixel;
        let w = filter + <usize>((kz * KH + ky) * KW) * pixel;
        for (let kx = 0, first = -field(shape, CONV_PL); kx < KW; kx++, first += dx, w += pixel) {
          let i = first < 0 ? (sx - 1 - first) / sx : 0;
          let o = row + <usize>(first + i * sx) * pixel;
          for (let at = first + i * sx; i < W && at < OW; i++, at += sx) {
            add_products(o, line + <usize>i * pixel, w, C);
            o += <usize>sx * pixel;
          }
        }
      }
    }
    if (lo > -Infinity || hi < Infinity) clamp_floats(row, OW * C, lo, hi);
  }
}

/** out += x * w. */
// @ts-ignore: decorator
@inline
function add_products(out: usize, x: usize, w: usize, count: i32): void {
  for (; count >= 4; count -= 4, out += 16, x += 16, w += 16)
    v128.store(out, madd(v128.load(x), v128.load(w), v128.load(out)));
  if (count) store_tail(out, madd(load_tail(x, count), load_tail(w, count), load_tail(out, count)), count);
}

function clamp_floats(out: usize, count: i32, lo: f32, hi: f32): void {
  const l = f32x4.splat(lo), h = f32x4.splat(hi);
  for (; count >= 4; count -= 4, out += 16) v128.store(out, clamp(v128.load(out), l, h));
  if (count) store_tail(out, clamp(load_tail(out, count), l, h), count);
}
