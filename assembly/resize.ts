// Another size for the spatial axes of x [n, d, h, w, c]: out [n, od, oh, ow, c].
//   nearest: out[n, z, y, x', c] = x[n, iz[z], iy[y], ix[x'], c]
//   linear:  that pixel and its next neighbour on every axis, mixed by the weight t of that axis: a·(1 − t) + b·t, rows
//            first, then planes, then columns
// x and out are views: bytes from image to image, plane to plane, row to row, pixel to pixel; channels are dense. `indices`
// holds an index into x for each index of out: iz [od], iy [oh], ix [ow]; `weights` has the same order. Where a weight is 0 the
// next neighbour is not read, so that the last index of an axis must have weight 0. Unit: a row (n, z, y) of out.
import {
  RESIZE_C, RESIZE_D, RESIZE_H, RESIZE_N, RESIZE_OD, RESIZE_OH, RESIZE_OUT_D, RESIZE_OUT_H, RESIZE_OUT_N,
  RESIZE_OUT_W, RESIZE_OW, RESIZE_X_D, RESIZE_X_H, RESIZE_X_N, RESIZE_X_W,
} from "./abi";
import { copy_floats } from "./copy";
import { field, load_lanes, madd, splat, store_tail } from "./simd";

export function resize_nearest_f32(
  out: usize, x: usize, indices: usize, resizeShape: usize, from: i32, to: i32,
): void {
  const d = field(resizeShape, RESIZE_D), h = field(resizeShape, RESIZE_H), c = field(resizeShape, RESIZE_C);
  const od = field(resizeShape, RESIZE_OD), oh = field(resizeShape, RESIZE_OH), ow = field(resizeShape, RESIZE_OW);
  const pixel = <usize>field(resizeShape, RESIZE_X_W), out_pixel = <usize>field(resizeShape, RESIZE_OUT_W);
  assert(from >= 0 && to <= field(resizeShape, RESIZE_N) * od * oh, "rows of out");
  const iy = indices + (<usize>od << 2), ix = iy + (<usize>oh << 2);
  for (let row = from; row < to; ++row) {
    const plane = row / oh, oy = row - plane * oh;
    const n = plane / od, oz = plane - n * od;
    const z = field(indices, oz), y = field(iy, oy);
    assert(<u32>z < <u32>d && <u32>y < <u32>h, "indices inside x");
    const line = line_of(x, resizeShape, RESIZE_X_N, n, z, y), q = line_of(out, resizeShape, RESIZE_OUT_N, n, oz, oy);
    if (c == 1 && pixel == 4 && out_pixel == 4) gather_line(q, line, ix, ow);
    else nearest_line(q, line, ix, ow, c, out_pixel, pixel);
  }
}

/** Where a row of a view begins, whose strides begin at field `strides`. */
// @ts-ignore: decorator
@inline
function line_of(base: usize, resizeShape: usize, strides: i32, n: i32, z: i32, y: i32): usize {
  return base + <usize>n * field(resizeShape, strides) + <usize>z * field(resizeShape, strides + 1)
    + <usize>y * field(resizeShape, strides + 2);
}

/** One dense channel: four pixels at a time. */
function gather_line(out: usize, line: usize, ix: usize, ow: i32): void {
  const end = out + (<usize>ow << 2);
  for (; out + 16 <= end; out += 16, ix += 16) v128.store(out, gather(line, i32x4.shl(v128.load(ix), 2)));
  for (; out < end; out += 4, ix += 4) store<f32>(out, load<f32>(line + (<usize>load<i32>(ix) << 2)));
}

/** The floats at four byte offsets from `p`. */
// @ts-ignore: decorator
@inline
function gather(p: usize, offsets: v128): v128 {
  let v = v128.load32_zero(p + <usize>i32x4.extract_lane(offsets, 0));
  v = v128.load_lane<f32>(p + <usize>i32x4.extract_lane(offsets, 1), v, 1);
  v = v128.load_lane<f32>(p + <usize>i32x4.extract_lane(offsets, 2), v, 2);
  return v128.load_lane<f32>(p + <usize>i32x4.extract_lane(offsets, 3), v, 3);
}

function nearest_line(out: usize, line: usize, ix: usize, ow: i32, c: i32, out_pixel: usize, pixel: usize): void {
  const end = ix + (<usize>ow << 2);
  for (; ix < end; ix += 4, out += out_pixel) copy_floats(out, line + <usize>load<i32>(ix) * pixel, c);
}

const ONE = memory.data<f32>([1]);

/** a·s + b·t with s = 1 − t. Not a + (b − a)·t, which makes NaN of an infinity. */
// @ts-ignore: decorator
@inline
function mix(a: v128, b: v128, s: v128, t: v128): v128 {
  return madd(b, t, f32x4.mul(a, s));
}

export function resize_linear_f32(
  out: usize, x: usize, indices: usize, weights: usize, resizeShape: usize, from: i32, to: i32,
): void {
  const d = field(resizeShape, RESIZE_D), h = field(resizeShape, RESIZE_H), c = field(resizeShape, RESIZE_C);
  const od = field(resizeShape, RESIZE_OD), oh = field(resizeShape, RESIZE_OH), ow = field(resizeShape, RESIZE_OW);
  const x_plane = <usize>field(resizeShape, RESIZE_X_D), x_row = <usize>field(resizeShape, RESIZE_X_H);
  const pixel = <usize>field(resizeShape, RESIZE_X_W), out_pixel = <usize>field(resizeShape, RESIZE_OUT_W);
  assert(from >= 0 && to <= field(resizeShape, RESIZE_N) * od * oh, "rows of out");
  const iy = indices + (<usize>od << 2), ix = iy + (<usize>oh << 2);
  const wy = weights + (<usize>od << 2), wx = wy + (<usize>oh << 2);
  for (let row = from; row < to; ++row) {
    const plane = row / oh, oy = row - plane * oh;
    const n = plane / od, oz = plane - n * od;
    const z = field(indices, oz), y = field(iy, oy);
    const tz = load<f32>(weights + (<usize>oz << 2)), ty = load<f32>(wy + (<usize>oy << 2));
    assert(<u32>z < <u32>d && <u32>y < <u32>h, "indices inside x");
    assert((tz == 0 || z + 1 < d) && (ty == 0 || y + 1 < h), "neighbours inside x");
    const line = line_of(x, resizeShape, RESIZE_X_N, n, z, y), q = line_of(out, resizeShape, RESIZE_OUT_N, n, oz, oy);
    // Rows without weight are not read: one, two or four rows of x make one of out.
    if (ty != 0 && tz != 0) linear_line(4, q, line, x_row, ty, x_plane, tz, ix, wx, ow, c, out_pixel, pixel);
    else if (ty != 0) linear_line(2, q, line, x_row, ty, 0, 0, ix, wx, ow, c, out_pixel, pixel);
    else if (tz != 0) linear_line(2, q, line, x_plane, tz, 0, 0, ix, wx, ow, c, out_pixel, pixel);
    else linear_line(1, q, line, 0, 0, 0, 0, ix, wx, ow, c, out_pixel, pixel);
  }
}

/**
 * Four floats, mixed from one, two or four rows, `below` and `behind` bytes apart: the first `count` at `p`, or where that is
 * GATHER four pixels of one channel, at four byte offsets from `p`.
 */
// @ts-ignore: decorator
@inline
function mix_rows(
  rows: i32, p: usize, below: usize, sy: v128, ty: v128, behind: usize, sz: v128, tz: v128, count: i32,
  offsets: v128 = i32x4.splat(0),
): v128 {
  let v = load_pixels(p, count, offsets);
  if (rows > 1) v = mix(v, load_pixels(p + below, count, offsets), sy, ty);
  if (rows > 2) {
    const q = p + behind;
    v = mix(v, mix(load_pixels(q, count, offsets), load_pixels(q + below, count, offsets), sy, ty), sz, tz);
  }
  return v;
}

const GATHER = 0;

// @ts-ignore: decorator
@inline
function load_pixels(p: usize, count: i32, offsets: v128): v128 {
  return count == GATHER ? gather(p, offsets) : load_lanes(p, count);
}

/** One row of out from `rows` rows of x. */
// @ts-ignore: decorator
@inline
function linear_line(
  rows: i32, out: usize, line: usize, below: usize, t_below: f32, behind: usize, t_behind: f32, ix: usize, wx: usize,
  ow: i32, c: i32, out_pixel: usize, pixel: usize,
): void {
  const ty = f32x4.splat(t_below), sy = f32x4.splat(1 - t_below);
  const tz = f32x4.splat(t_behind), sz = f32x4.splat(1 - t_behind);
  const end = ix + (<usize>ow << 2);
  if (c == 1 && pixel == 4 && out_pixel == 4) {
    const zero = f32x4.splat(0), one = splat(ONE);
    for (; ix + 16 <= end; ix += 16, wx += 16, out += 16) {
      const t = v128.load(wx), here = v128.load(ix);
      // A comparison that holds is −1: the neighbour is one further where there is a weight.
      const mixed = f32x4.ne(t, zero), next = i32x4.sub(here, mixed);
      const a = mix_rows(rows, line, below, sy, ty, behind, sz, tz, GATHER, i32x4.shl(here, 2));
      const b = mix_rows(rows, line, below, sy, ty, behind, sz, tz, GATHER, i32x4.shl(next, 2));
      v128.store(out, v128.bitselect(mix(a, b, f32x4.sub(one, t), t), a, mixed));
    }
  }
  const tail = c & 3;
  const whole = <usize>(c - tail) << 2;
  for (; ix < end; ix += 4, wx += 4, out += out_pixel) {
    const p = line + <usize>load<i32>(ix) * pixel;
    const weight = load<f32>(wx);
    if (weight == 0) {
      for (let i: usize = 0; i < whole; i += 16)
        v128.store(out + i, mix_rows(rows, p + i, below, sy, ty, behind, sz, tz, 4));
      if (tail) store_tail(out + whole, mix_rows(rows, p + whole, below, sy, ty, behind, sz, tz, tail), tail);
      continue;
    }
    const t = f32x4.splat(weight), s = f32x4.splat(1 - weight);
    for (let i: usize = 0; i < whole; i += 16) {
      const a = mix_rows(rows, p + i, below, sy, ty, behind, sz, tz, 4);
      const b = mix_rows(rows, p + i + pixel, below, sy, ty, behind, sz, tz, 4);
      v128.store(out + i, mix(a, b, s, t));
    }
    if (tail == 0) continue;
    const a = mix_rows(rows, p + whole, below, sy, ty, behind, sz, tz, tail);
    const b = mix_rows(rows, p + whole + pixel, below, sy, ty, behind, sz, tz, tail);
    store_tail(out + whole, mix(a, b, s, t), tail);
  }
}
