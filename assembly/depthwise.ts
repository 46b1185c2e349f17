// Depthwise convolution: each channel is filtered on its own, so there is no sum over channels, and channels are the lanes.
//
//   out[n, z, y, x, o] = clamp(bias[o] + sum over taps of x[n, z·sz + kz·dz − pf, y·sy + ky·dy − pt, x·sx + kx·dx − pl, o / m] * w[tap, o])
//
// x is NDHWC; the filter is packed by pack_depthwise_f32; oc = m * c with multiplier m. Taps that fall outside the input are
// skipped: the border is zero and nothing is padded.
import { activate_run } from "./activation";
import {
  CONV_C, CONV_D, CONV_DX, CONV_DY, CONV_DZ, CONV_H, CONV_KD, CONV_KH, CONV_KW, CONV_N, CONV_OC, CONV_OD, CONV_OH, CONV_OUT_D,
  CONV_OUT_H, CONV_OUT_N, CONV_OUT_W, CONV_OW, CONV_PF, CONV_PL, CONV_PT, CONV_SX, CONV_SY, CONV_SZ, CONV_W, CONV_X_D, CONV_X_H, CONV_X_N,
  CONV_X_W, EPILOGUE_ACCUMULATE, EPILOGUE_ACTIVATION, EPILOGUE_HI, EPILOGUE_LO, EPILOGUE_P, EPILOGUE_Q,
} from "./abi";
import { copy_floats, fill_floats } from "./copy";
import { clamp, field, field_f32, load_lanes, load_tail, madd, store_lanes, store_tail } from "./simd";
import { end_tap, first_tap } from "./window";

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
 * constant distances. filter [taps, oc], whose channel o is multiplied by scale[o]; scale may be 0: by one; bias may be 0: zeros.
 * Unit: a block.
 */
export function pack_depthwise_f32(
  packed: usize, filter: usize, scale: usize, bias: usize, taps: i32, OC: i32, from: i32, to: i32,
): void {
  assert(0 <= from && from <= to && to <= (OC + 3) / 4);
  const cols = min(4, OC);
  let p = packed + <usize>(from * (taps + 1)) * TAP;
  for (let b = from; b < to; b++) {
    const at = <usize>first_channel(b, OC) << 2;
    v128.store(p, bias ? load_lanes(bias + at, cols) : f32x4.splat(0));
    const s = scale ? load_lanes(scale + at, cols) : f32x4.splat(1);
    p += TAP;
    for (let t = 0; t < taps; t++, p += TAP) v128.store(p, f32x4.mul(s, load_lanes(filter + (<usize>(t * OC) << 2) + at, cols)));
  }
}

/** Unit: a row (n, z, y) of the output. The epilogue does not accumulate here. */
export function depthwise_f32(
  out: usize, x: usize, packed: usize, convShape: usize, epilogue: usize, from: i32, to: i32,
): void {
  const D = field(convShape, CONV_D), H = field(convShape, CONV_H), W = field(convShape, CONV_W), C = field(convShape, CONV_C);
  const OD = field(convShape, CONV_OD), OH = field(convShape, CONV_OH), OW = field(convShape, CONV_OW), OC = field(convShape, CONV_OC);
  const KD = field(convShape, CONV_KD), KH = field(convShape, CONV_KH), KW = field(convShape, CONV_KW);
  const sx = field(convShape, CONV_SX), dx = field(convShape, CONV_DX), dy = field(convShape, CONV_DY), dz = field(convShape, CONV_DZ);
  const left = field(convShape, CONV_PL), activation = field(epilogue, EPILOGUE_ACTIVATION);
  assert(0 <= from && from <= to && to <= field(convShape, CONV_N) * OD * OH);
  assert(OC % C == 0 && field(epilogue, EPILOGUE_ACCUMULATE) == 0);
  const xImage = <usize>field(convShape, CONV_X_N), xPlane = <usize>field(convShape, CONV_X_D);
  const xRow = <usize>field(convShape, CONV_X_H), xPixel = <usize>field(convShape, CONV_X_W);
  const outImage = <usize>field(convShape, CONV_OUT_N), outPlane = <usize>field(convShape, CONV_OUT_D);
  const outRow = <usize>field(convShape, CONV_OUT_H), outPixel = <usize>field(convShape, CONV_OUT_W);
  // Pixels whose whole window lies inside the row: [inner, outer). Groups of four need four channels and no multiplier.
  const inner = min(OW, (left + sx - 1) / sx);
  const room = W - 1 - (KW - 1) * dx + left;
  const outer = OC == C && C >= 4 && room >= 0 ? min(OW, room / sx + 1) : inner;

  for (let r = from; r < to; r++) {
    const n = r / (OD * OH), oz = (r / OH) % OD, oy = r % OH;
    const z = oz * field(convShape, CONV_SZ) - field(convShape, CONV_PF);
    const y = oy * field(convShape, CONV_SY) - field(convShape, CONV_PT);
    const kz0 = first_tap(z, dz), planes = max(0, end_tap(z, D, KD, dz) - kz0);
    const ky0 = first_tap(y, dy), rows = max(0, end_tap(y, H, KH, dy) - ky0);
    // The first row of input and the first tap that take part.
    const line = x + <usize>n * xImage + <usize>(z + kz0 * dz) * xPlane + <usize>(y + ky0 * dy) * xRow;
    const skip = <usize>((kz0 * KH + ky0) * KW) * TAP;
    const o = out + <usize>n * outImage + <usize>oz * outPlane + <usize>oy * outRow;
    let ox = 0;
    while (ox < OW) {
      const q = o + <usize>ox * outPixel;
      const ix = ox * sx - left;
      const p = line + <usize>ix * xPixel;
      if (ox >= inner && ox + 4 <= outer) {
        if (dx == 1 && KW == 3 && sx == 1) four_pixels_3(q, p, packed, skip, planes, rows, convShape, epilogue);
        else if (dx == 1 && KW == 3 && sx == 2) four_pixels_3_2(q, p, packed, skip, planes, rows, convShape, epilogue);
        else if (dx == 1 && KW == 5 && sx == 1) four_pixels_5(q, p, packed, skip, planes, rows, convShape, epilogue);
        else if (dx == 1 && KW == 5 && sx == 2) four_pixels_5_2(q, p, packed, skip, planes, rows, convShape, epilogue);
        else four_pixels_any(q, p, packed, skip, planes, rows, convShape, epilogue);
        // A rest of less than four is taken by a last group that overlaps the one before.
        ox = ox + 4 < outer && ox + 8 > outer ? outer - 4 : ox + 4;
      } else {
        const kx0 = first_tap(ix, dx), columns = max(0, end_tap(ix, W, KW, dx) - kx0);
        one_pixel(q, p + <usize>(kx0 * dx) * xPixel, packed, skip + <usize>kx0 * TAP, planes, rows, columns, convShape, epilogue);
        ox++;
      }
    }
    if (activation) activate_row(activation, o, OW, OC, outPixel, epilogue);
  }
}

/** Applies an activation to a row of pixels while it is in cache. */
export function activate_row(activation: i32, out: usize, pixels: i32, channels: i32, pixel: usize, epilogue: usize): void {
  const p = field_f32(epilogue, EPILOGUE_P), q = field_f32(epilogue, EPILOGUE_Q);
  if (pixel == <usize>channels << 2) activate_run(activation, out, out, pixels * channels, p, q);
  else for (; pixels > 0; pixels--, out += pixel) activate_run(activation, out, out, channels, p, q);
}

/**
 * Four neighbouring output pixels inside the row, all channels; `planes` and `rows` of taps take part. `taps` and `stride` are
 * literals: the windows people use get loops of known length, in which an input that serves several pixels is loaded once; 0 takes any.
 */
// @ts-ignore: decorator
@inline
function four_pixels(
  taps: i32, stride: i32, o: usize, x: usize, packed: usize, skip: usize, planes: i32, rows: i32, convShape: usize, epilogue: usize,
): void {
  const C = field(convShape, CONV_C), KH = field(convShape, CONV_KH), KW = field(convShape, CONV_KW), dx = field(convShape, CONV_DX);
  const l = f32x4.splat(field_f32(epilogue, EPILOGUE_LO)), h = f32x4.splat(field_f32(epilogue, EPILOGUE_HI));
  const pixel = <usize>field(convShape, CONV_X_W), outPixel = <usize>field(convShape, CONV_OUT_W);
  const deep = <usize>field(convShape, CONV_DZ) * <usize>field(convShape, CONV_X_D);
  const down = <usize>field(convShape, CONV_DY) * <usize>field(convShape, CONV_X_H);
  const step = <usize>field(convShape, CONV_SX) * pixel;
  const block = <usize>(field(convShape, CONV_KD) * KH * KW + 1) * TAP;
  for (let c = 0; c < C; c += 4) {
    const channel = <usize>first_channel(c >> 2, C) << 2;
    let a0 = v128.load(packed);
    let a1 = a0, a2 = a0, a3 = a0;
    let px = x + channel, pv = packed + TAP + skip;
    for (let kz = 0; kz < planes; kz++) {
      let p = px, v = pv;
      for (let ky = 0; ky < rows; ky++) {
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
    const q = o + channel;
    v128.store(q, clamp(a0, l, h));
    v128.store(q + outPixel, clamp(a1, l, h));
    v128.store(q + 2 * outPixel, clamp(a2, l, h));
    v128.store(q + 3 * outPixel, clamp(a3, l, h));
    packed += block;
  }
}

function four_pixels_3(
  o: usize, x: usize, packed: usize, skip: usize, planes: i32, rows: i32, convShape: usize, epilogue: usize,
): void {
  four_pixels(3, 1, o, x, packed, skip, planes, rows, convShape, epilogue);
}

function four_pixels_3_2(
  o: usize, x: usize, packed: usize, skip: usize, planes: i32, rows: i32, convShape: usize, epilogue: usize,
): void {
  four_pixels(3, 2, o, x, packed, skip, planes, rows, convShape, epilogue);
}

function four_pixels_5(
  o: usize, x: usize, packed: usize, skip: usize, planes: i32, rows: i32, convShape: usize, epilogue: usize,
): void {
  four_pixels(5, 1, o, x, packed, skip, planes, rows, convShape, epilogue);
}

function four_pixels_5_2(
  o: usize, x: usize, packed: usize, skip: usize, planes: i32, rows: i32, convShape: usize, epilogue: usize,
): void {
  four_pixels(5, 2, o, x, packed, skip, planes, rows, convShape, epilogue);
}

function four_pixels_any(
  o: usize, x: usize, packed: usize, skip: usize, planes: i32, rows: i32, convShape: usize, epilogue: usize,
): void {
  four_pixels(0, 0, o, x, packed, skip, planes, rows, convShape, epilogue);
}

/** One output pixel with any window, any channel count, any multiplier; `planes`, `rows` and `columns` of taps take part. */
function one_pixel(
  o: usize, x: usize, packed: usize, skip: usize, planes: i32, rows: i32, columns: i32, convShape: usize, epilogue: usize,
): void {
  const C = field(convShape, CONV_C), OC = field(convShape, CONV_OC), KH = field(convShape, CONV_KH), KW = field(convShape, CONV_KW);
  const l = f32x4.splat(field_f32(epilogue, EPILOGUE_LO)), h = f32x4.splat(field_f32(epilogue, EPILOGUE_HI));
  const deep = <usize>field(convShape, CONV_DZ) * <usize>field(convShape, CONV_X_D);
  const down = <usize>field(convShape, CONV_DY) * <usize>field(convShape, CONV_X_H);
  const step = <usize>field(convShape, CONV_DX) * <usize>field(convShape, CONV_X_W);
  const multiplier = OC / C, lanes = min(4, OC);
  const block = <usize>(field(convShape, CONV_KD) * KH * KW + 1) * TAP;
  for (let c = 0; c < OC; c += 4) {
    const channel = first_channel(c >> 2, OC);
    let a = v128.load(packed);
    let px = x, pv = packed + TAP + skip;
    for (let kz = 0; kz < planes; kz++) {
      let py = px, vy = pv;
      for (let ky = 0; ky < rows; ky++) {
        let p = py, v = vy;
        for (let kx = 0; kx < columns; kx++) {
          const value = multiplier == 1 ? load_lanes(p + (<usize>channel << 2), lanes) : inputs_of(p, channel, lanes, multiplier);
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
    store_lanes(o + (<usize>channel << 2), clamp(a, l, h), lanes);
    packed += block;
  }
}

/** The input channels behind output channels o .. o + lanes - 1. */
function inputs_of(p: usize, o: i32, lanes: i32, multiplier: i32): v128 {
  let v = v128.load32_zero(p + (<usize>(o / multiplier) << 2));
  if (lanes > 1) v = v128.load_lane<f32>(p + (<usize>((o + 1) / multiplier) << 2), v, 1);
  if (lanes > 2) v = v128.load_lane<f32>(p + (<usize>((o + 2) / multiplier) << 2), v, 2);
  if (lanes > 3) v = v128.load_lane<f32>(p + (<usize>((o + 3) / multiplier) << 2), v, 3);
  return v;
}

/**
 * The adjoint, depthwise transposed convolution without a multiplier: out[x·s + k·d − p] += x · w[k], out begins as bias (0: zeros).
 * filter [taps, c]. The shape's sizes are those of the call: D H W of x, OD OH OW of out. Unit: a row (n, z, y) of out.
 */
export function depthwise_transpose_f32(
  out: usize, x: usize, filter: usize, bias: usize, convShape: usize, epilogue: usize, from: i32, to: i32,
): void {
  const D = field(convShape, CONV_D), H = field(convShape, CONV_H), W = field(convShape, CONV_W), C = field(convShape, CONV_C);
  const OD = field(convShape, CONV_OD), OH = field(convShape, CONV_OH), OW = field(convShape, CONV_OW);
  const KD = field(convShape, CONV_KD), KH = field(convShape, CONV_KH), KW = field(convShape, CONV_KW);
  const sz = field(convShape, CONV_SZ), sy = field(convShape, CONV_SY), sx = field(convShape, CONV_SX);
  const dz = field(convShape, CONV_DZ), dy = field(convShape, CONV_DY), dx = field(convShape, CONV_DX);
  const lo = field_f32(epilogue, EPILOGUE_LO), hi = field_f32(epilogue, EPILOGUE_HI), activation = field(epilogue, EPILOGUE_ACTIVATION);
  assert(0 <= from && from <= to && to <= field(convShape, CONV_N) * OD * OH);
  assert(C == field(convShape, CONV_OC) && field(epilogue, EPILOGUE_ACCUMULATE) == 0);
  const tap = <usize>C << 2, pixel = <usize>field(convShape, CONV_OUT_W), xPixel = <usize>field(convShape, CONV_X_W);
  for (let r = from; r < to; r++) {
    const n = r / (OD * OH), oz = (r / OH) % OD, oy = r % OH;
    const row = out + <usize>n * <usize>field(convShape, CONV_OUT_N) + <usize>oz * <usize>field(convShape, CONV_OUT_D) +
      <usize>oy * <usize>field(convShape, CONV_OUT_H);
    for (let i = 0, o = row; i < OW; i++, o += pixel) {
      if (bias) copy_floats(o, bias, C);
      else fill_floats(o, 0, C);
    }
    // Row i of x reaches row o of out by tap k where o = i·s + k·d − p.
    let z = oz + field(convShape, CONV_PF);
    for (let kz = 0; kz < KD; kz++, z -= dz) {
      const iz = z / sz;
      if (z < 0 || iz * sz != z || iz >= D) continue;
      let y = oy + field(convShape, CONV_PT);
      for (let ky = 0; ky < KH; ky++, y -= dy) {
        const iy = y / sy;
        if (y < 0 || iy * sy != y || iy >= H) continue;
        const line = x + <usize>n * <usize>field(convShape, CONV_X_N) + <usize>iz * <usize>field(convShape, CONV_X_D) +
          <usize>iy * <usize>field(convShape, CONV_X_H);
        let w = filter + <usize>((kz * KH + ky) * KW) * tap;
        for (let kx = 0, first = -field(convShape, CONV_PL); kx < KW; kx++, first += dx, w += tap) {
          let i = first < 0 ? (sx - 1 - first) / sx : 0;
          let ox = first + i * sx;
          for (let o = row + <usize>ox * pixel; i < W && ox < OW; i++, ox += sx, o += <usize>sx * pixel)
            add_products(o, line + <usize>i * xPixel, w, C);
        }
      }
    }
    if (lo > -Infinity || hi < Infinity) for (let i = 0, o = row; i < OW; i++, o += pixel) clamp_floats(o, C, lo, hi);
    if (activation) activate_row(activation, row, OW, C, pixel, epilogue);
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
