// Another size for the spatial axes of x [n, d, h, w, c]: out [n, od, oh, ow, c].
//   nearest: out[n, z, y, x', c] = x[n, iz[z], iy[y], ix[x'], c]
//   linear:  that pixel and its next neighbour on every axis, mixed by the weight of that axis:
//            a·(1 − t) + b·t, rows first, then planes, then columns
// The record ends in three tables, one input index per output index: iz [od], iy [oh], ix [ow]. `weights` has the
// same order. Where a weight is 0 the next neighbour is not read, so the last index of an axis must have weight 0.
import {
  RESIZE_C,
  RESIZE_D,
  RESIZE_H,
  RESIZE_INDICES,
  RESIZE_N,
  RESIZE_OD,
  RESIZE_OH,
  RESIZE_OW,
  RESIZE_W,
} from "./abi";
import { copy_floats } from "./copy";
import { field, load_lanes, madd, splat, store_tail } from "./simd";

/** Unit: a row (n, z, y) of the output. */
export function resize_nearest_f32(out: usize, x: usize, record: usize, from: i32, to: i32): void {
  const d = field(record, RESIZE_D);
  const h = field(record, RESIZE_H);
  const c = field(record, RESIZE_C);
  const od = field(record, RESIZE_OD);
  const oh = field(record, RESIZE_OH);
  const ow = field(record, RESIZE_OW);
  assert(from >= 0 && to <= field(record, RESIZE_N) * od * oh, "rows inside the output");
  const iz = record + (RESIZE_INDICES << 2);
  const iy = iz + (<usize>od << 2);
  const ix = iy + (<usize>oh << 2);
  const in_row = <usize>(field(record, RESIZE_W) * c) << 2;
  const out_row = <usize>(ow * c) << 2;
  out += <usize>from * out_row;
  for (let row = from; row < to; ++row, out += out_row) {
    const plane = row / oh;
    const n = plane / od;
    const z = field(iz, plane - n * od);
    const y = field(iy, row - plane * oh);
    assert(<u32>z < <u32>d && <u32>y < <u32>h, "indices inside the input");
    const line = x + <usize>((n * d + z) * h + y) * in_row;
    if (c == 1) gather_line(out, line, ix, ow);
    else nearest_line(out, line, ix, ow, <usize>c << 2);
  }
}

/** One channel: four pixels at a time. */
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

function nearest_line(out: usize, line: usize, ix: usize, ow: i32, pixel: usize): void {
  const end = ix + (<usize>ow << 2);
  for (; ix < end; ix += 4, out += pixel) copy_floats(out, line + <usize>load<i32>(ix) * pixel, <i32>(pixel >> 2));
}

const ONE = memory.data<f32>([1]);

/** a·s + b·t with s = 1 − t. Not a + (b − a)·t, which makes NaN of an infinity. */
// @ts-ignore: decorator
@inline
function mix(a: v128, b: v128, s: v128, t: v128): v128 {
  return madd(b, t, f32x4.mul(a, s));
}

/** Unit: a row (n, z, y) of the output. */
export function resize_linear_f32(out: usize, x: usize, record: usize, weights: usize, from: i32, to: i32): void {
  const d = field(record, RESIZE_D);
  const h = field(record, RESIZE_H);
  const c = field(record, RESIZE_C);
  const od = field(record, RESIZE_OD);
  const oh = field(record, RESIZE_OH);
  const ow = field(record, RESIZE_OW);
  assert(from >= 0 && to <= field(record, RESIZE_N) * od * oh, "rows inside the output");
  const iz = record + (RESIZE_INDICES << 2);
  const iy = iz + (<usize>od << 2);
  const ix = iy + (<usize>oh << 2);
  const wz = weights;
  const wy = wz + (<usize>od << 2);
  const wx = wy + (<usize>oh << 2);
  const in_row = <usize>(field(record, RESIZE_W) * c) << 2;
  const in_plane = <usize>h * in_row;
  const out_row = <usize>(ow * c) << 2;
  out += <usize>from * out_row;
  for (let row = from; row < to; ++row, out += out_row) {
    const plane = row / oh;
    const n = plane / od;
    const oz = plane - n * od;
    const oy = row - plane * oh;
    const z = field(iz, oz);
    const y = field(iy, oy);
    const tz = load<f32>(wz + (<usize>oz << 2));
    const ty = load<f32>(wy + (<usize>oy << 2));
    assert(<u32>z < <u32>d && <u32>y < <u32>h, "indices inside the input");
    assert((tz == 0 || z + 1 < d) && (ty == 0 || y + 1 < h), "neighbours inside the input");
    const line = x + <usize>(n * d + z) * in_plane + <usize>y * in_row;
    // Rows that have no weight are not read: one, two or four lines make one.
    if (ty != 0 && tz != 0) linear_line(4, out, line, in_row, ty, in_plane, tz, ix, wx, ow, c);
    else if (ty != 0) linear_line(2, out, line, in_row, ty, 0, 0, ix, wx, ow, c);
    else if (tz != 0) linear_line(2, out, line, in_plane, tz, 0, 0, ix, wx, ow, c);
    else linear_line(1, out, line, 0, 0, 0, 0, ix, wx, ow, c);
  }
}

/** The `count` floats at `p`, mixed from one, two or four lines: `below` and `behind` are the steps between them. */
// @ts-ignore: decorator
@inline
function across(
  lines: i32,
  p: usize,
  below: usize,
  sy: v128,
  ty: v128,
  behind: usize,
  sz: v128,
  tz: v128,
  count: i32,
): v128 {
  let v = load_lanes(p, count);
  if (lines > 1) v = mix(v, load_lanes(p + below, count), sy, ty);
  if (lines > 2) {
    const q = p + behind;
    v = mix(v, mix(load_lanes(q, count), load_lanes(q + below, count), sy, ty), sz, tz);
  }
  return v;
}

/** As `across`, for four pixels of one channel, at four byte offsets from `p`. */
// @ts-ignore: decorator
@inline
function gather_across(
  lines: i32,
  p: usize,
  below: usize,
  sy: v128,
  ty: v128,
  behind: usize,
  sz: v128,
  tz: v128,
  offsets: v128,
): v128 {
  let v = gather(p, offsets);
  if (lines > 1) v = mix(v, gather(p + below, offsets), sy, ty);
  if (lines > 2) {
    const q = p + behind;
    v = mix(v, mix(gather(q, offsets), gather(q + below, offsets), sy, ty), sz, tz);
  }
  return v;
}

/** One output row from `lines` input rows. */
// @ts-ignore: decorator
@inline
function linear_line(
  lines: i32,
  out: usize,
  line: usize,
  below: usize,
  t_below: f32,
  behind: usize,
  t_behind: f32,
  ix: usize,
  wx: usize,
  ow: i32,
  c: i32,
): void {
  const ty = f32x4.splat(t_below);
  const sy = f32x4.splat(1 - t_below);
  const tz = f32x4.splat(t_behind);
  const sz = f32x4.splat(1 - t_behind);
  const end = ix + (<usize>ow << 2);
  if (c == 1) {
    const zero = f32x4.splat(0);
    const one = splat(ONE);
    for (; ix + 16 <= end; ix += 16, wx += 16, out += 16) {
      const t = v128.load(wx);
      const here = v128.load(ix);
      // A comparison that holds is −1: the neighbour is one further where there is a weight.
      const mixed = f32x4.ne(t, zero);
      const next = i32x4.sub(here, mixed);
      const a = gather_across(lines, line, below, sy, ty, behind, sz, tz, i32x4.shl(here, 2));
      const b = gather_across(lines, line, below, sy, ty, behind, sz, tz, i32x4.shl(next, 2));
      v128.store(out, v128.bitselect(mix(a, b, f32x4.sub(one, t), t), a, mixed));
    }
  }
  const pixel = <usize>c << 2;
  const tail = c & 3;
  const whole = pixel - (<usize>tail << 2);
  for (; ix < end; ix += 4, wx += 4, out += pixel) {
    const p = line + <usize>load<i32>(ix) * pixel;
    const weight = load<f32>(wx);
    if (weight == 0) {
      for (let i: usize = 0; i < whole; i += 16)
        v128.store(out + i, across(lines, p + i, below, sy, ty, behind, sz, tz, 4));
      if (tail) store_tail(out + whole, across(lines, p + whole, below, sy, ty, behind, sz, tz, tail), tail);
      continue;
    }
    const t = f32x4.splat(weight);
    const s = f32x4.splat(1 - weight);
    for (let i: usize = 0; i < whole; i += 16) {
      const a = across(lines, p + i, below, sy, ty, behind, sz, tz, 4);
      const b = across(lines, p + i + pixel, below, sy, ty, behind, sz, tz, 4);
      v128.store(out + i, mix(a, b, s, t));
    }
    if (tail == 0) continue;
    const a = across(lines, p + whole, below, sy, ty, behind, sz, tz, tail);
    const b = across(lines, p + whole + pixel, below, sy, ty, behind, sz, tz, tail);
    store_tail(out + whole, mix(a, b, s, t), tail);
  }
}
