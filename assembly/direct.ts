// Convolution of one to three channels, each filtered on its own (grey, two-channel and RGB images): channels are too
// few to be lanes, so lanes run along the row, whatever channel they are of.
//
//   out[row][f] = clamp(bias[f mod c] + sum over taps of x[row + tap row][f + kx·dx·c] * w[tap][f mod c])       f = x·c + channel
//
// x is NDHWC with its border in place, w [taps, c], stride 1 along the row. The weights of a tap repeat every c floats: three
// vectors hold any such pattern of 1, 2 or 3.
import { activate_run } from "./activation";
import {
  CONV_C, CONV_DX, CONV_DY, CONV_DZ, CONV_KD, CONV_KH, CONV_KW, CONV_N, CONV_OC, CONV_OD, CONV_OH, CONV_OUT_D, CONV_OUT_H, CONV_OUT_N,
  CONV_OUT_W, CONV_OW, CONV_PF, CONV_PL, CONV_PT, CONV_SX, CONV_SY, CONV_SZ, CONV_X_D, CONV_X_H, CONV_X_N, CONV_X_W, EPILOGUE_ACCUMULATE,
  EPILOGUE_ACTIVATION, EPILOGUE_HI, EPILOGUE_LO, EPILOGUE_P, EPILOGUE_Q,
} from "./abi";
import { clamp, field, field_f32, madd } from "./simd";

/** Floats of a block: six vectors, a whole number of pixels for 1, 2 and 3 channels. */
const BLOCK = 24;

/** Unit: a row (n, z, y) of the output. bias may be 0: zeros. */
export function direct_f32(
  out: usize, x: usize, w: usize, bias: usize, convShape: usize, epilogue: usize, from: i32, to: i32,
): void {
  const C = field(convShape, CONV_C);
  const OD = field(convShape, CONV_OD), OH = field(convShape, CONV_OH), OW = field(convShape, CONV_OW);
  const KD = field(convShape, CONV_KD), KH = field(convShape, CONV_KH), KW = field(convShape, CONV_KW);
  const sz = field(convShape, CONV_SZ), sy = field(convShape, CONV_SY);
  assert(0 <= from && from <= to && to <= field(convShape, CONV_N) * OD * OH);
  assert(C >= 1 && C <= 3 && C == field(convShape, CONV_OC) && field(convShape, CONV_SX) == 1);
  assert(field(convShape, CONV_PF) == 0 && field(convShape, CONV_PT) == 0 && field(convShape, CONV_PL) == 0);
  const pixel = <usize>C << 2, plane = <usize>field(convShape, CONV_X_D), row = <usize>field(convShape, CONV_X_H);
  const lineDown = <usize>field(convShape, CONV_DY) * row, lineDeep = <usize>field(convShape, CONV_DZ) * plane;
  const tap = <usize>field(convShape, CONV_DX) * pixel;
  const lo = field_f32(epilogue, EPILOGUE_LO), hi = field_f32(epilogue, EPILOGUE_HI), activation = field(epilogue, EPILOGUE_ACTIVATION);
  const floats = OW * C;
  // Lanes run over pixels: theirs must be dense.
  assert(<usize>field(convShape, CONV_X_W) == pixel && <usize>field(convShape, CONV_OUT_W) == pixel);
  assert(field(epilogue, EPILOGUE_ACCUMULATE) == 0);

  for (let r = from; r < to; r++) {
    const n = r / (OD * OH), oz = (r / OH) % OD, oy = r % OH;
    const p = x + <usize>n * <usize>field(convShape, CONV_X_N) + <usize>(oz * sz) * plane + <usize>(oy * sy) * row;
    const o = out + <usize>n * <usize>field(convShape, CONV_OUT_N) + <usize>oz * <usize>field(convShape, CONV_OUT_D) +
      <usize>oy * <usize>field(convShape, CONV_OUT_H);
    let f = 0;
    for (; f + BLOCK <= floats; f += BLOCK)
      block(o + (<usize>f << 2), p + (<usize>f << 2), w, bias, C, KD, KH, KW, tap, lineDown, lineDeep, lo, hi);
    for (; f < floats; f++)
      single(o + (<usize>f << 2), p + (<usize>f << 2), w, bias, f % C, C, KD, KH, KW, tap, lineDown, lineDeep, lo, hi);
    if (activation) activate_run(activation, o, o, floats, field_f32(epilogue, EPILOGUE_P), field_f32(epilogue, EPILOGUE_Q));
  }
}

/** Lanes 4i to 4i + 3 of the pattern that repeats every C floats from p. */
// @ts-ignore: decorator
@inline
function pattern(p: usize, C: i32, i: i32): v128 {
  if (C == 1) return v128.load32_splat(p);
  if (C == 2) return v128.load64_splat(p);
  const a = v128.load64_zero(p);
  const abc = v128.load_lane<f32>(p + 8, a, 2);
  if (i == 0) return v128.shuffle<f32>(abc, abc, 0, 1, 2, 0);
  if (i == 1) return v128.shuffle<f32>(abc, abc, 1, 2, 0, 1);
  return v128.shuffle<f32>(abc, abc, 2, 0, 1, 2);
}

function block(
  o: usize, x: usize, w: usize, bias: usize, C: i32, KD: i32, KH: i32, KW: i32, tap: usize, lineDown: usize,
  lineDeep: usize, lo: f32, hi: f32,
): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0;
  if (bias) {
    a0 = pattern(bias, C, 0);
    a1 = pattern(bias, C, 1);
    a2 = pattern(bias, C, 2);
  }
  let a3 = a0, a4 = a1, a5 = a2;
  const pixel = <usize>C << 2;
  for (let kz = 0; kz < KD; kz++) {
    for (let ky = 0; ky < KH; ky++) {
      let p = x + <usize>kz * lineDeep + <usize>ky * lineDown;
      for (let kx = 0; kx < KW; kx++) {
        const w0 = pattern(w, C, 0), w1 = pattern(w, C, 1), w2 = pattern(w, C, 2);
        a0 = madd(v128.load(p), w0, a0);
        a1 = madd(v128.load(p, 16), w1, a1);
        a2 = madd(v128.load(p, 32), w2, a2);
        a3 = madd(v128.load(p, 48), w0, a3);
        a4 = madd(v128.load(p, 64), w1, a4);
        a5 = madd(v128.load(p, 80), w2, a5);
        p += tap;
        w += pixel;
      }
    }
  }
  const l = f32x4.splat(lo), h = f32x4.splat(hi);
  v128.store(o, clamp(a0, l, h));
  v128.store(o, clamp(a1, l, h), 16);
  v128.store(o, clamp(a2, l, h), 32);
  v128.store(o, clamp(a3, l, h), 48);
  v128.store(o, clamp(a4, l, h), 64);
  v128.store(o, clamp(a5, l, h), 80);
}

/** The last floats of a row, one at a time; a lane of a vector, so that the sums round as they do in a block. */
function single(
  o: usize, x: usize, w: usize, bias: usize, channel: i32, C: i32, KD: i32, KH: i32, KW: i32, tap: usize,
  lineDown: usize, lineDeep: usize, lo: f32, hi: f32,
): void {
  const offset = <usize>channel << 2, pixel = <usize>C << 2;
  let a = bias ? v128.load32_zero(bias + offset) : f32x4.splat(0);
  w += offset;
  for (let kz = 0; kz < KD; kz++) {
    for (let ky = 0; ky < KH; ky++) {
      let p = x + <usize>kz * lineDeep + <usize>ky * lineDown;
      for (let kx = 0; kx < KW; kx++) {
        a = madd(v128.load32_zero(p), v128.load32_zero(w), a);
        p += tap;
        w += pixel;
      }
    }
  }
  v128.store_lane<f32>(o, clamp(a, f32x4.splat(lo), f32x4.splat(hi)), 0);
}
