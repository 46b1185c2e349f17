// Patches under a window that slides over x [n, d, h, w, c]: col [n, od, oh, ow, kd, kh, kw, c].
// The record is a ConvShape, whose CONV_OC is not read.
//   im2col: col[n, oz, oy, ox, kz, ky, kx, c] =
//             x[n, oz·sz + kz·dz − pf, oy·sy + ky·dy − pt, ox·sx + kx·dx − pl, c], and 0 outside the image
//   col2im: the adjoint, x[n, z, y, x', c] = the sum of all entries of col that im2col would fill from there
import {
  CONV_C,
  CONV_D,
  CONV_DX,
  CONV_DY,
  CONV_DZ,
  CONV_H,
  CONV_KD,
  CONV_KH,
  CONV_KW,
  CONV_N,
  CONV_OD,
  CONV_OH,
  CONV_OW,
  CONV_PF,
  CONV_PL,
  CONV_PT,
  CONV_SX,
  CONV_SY,
  CONV_SZ,
  CONV_W,
} from "./abi";
import { copy_floats, fill_floats } from "./copy";
import { field } from "./simd";

/** Unit: a row (n, oz, oy) of patches. */
export function im2col_f32(out: usize, x: usize, record: usize, from: i32, to: i32): void {
  const d = field(record, CONV_D);
  const w = field(record, CONV_W);
  const c = field(record, CONV_C);
  const od = field(record, CONV_OD);
  const oh = field(record, CONV_OH);
  const ow = field(record, CONV_OW);
  const kw = field(record, CONV_KW);
  const sx = field(record, CONV_SX);
  const pl = field(record, CONV_PL);
  assert(from >= 0 && to <= field(record, CONV_N) * od * oh, "rows inside the output");
  const plane_bytes = <usize>(field(record, CONV_H) * w * c) << 2;
  const patch = <usize>(field(record, CONV_KD) * field(record, CONV_KH) * kw * c) << 2;
  out += <usize>from * <usize>ow * patch;
  for (let row = from; row < to; ++row) {
    const plane = row / oh;
    const n = plane / od;
    const z = (plane - n * od) * field(record, CONV_SZ) - field(record, CONV_PF);
    const y = (row - plane * oh) * field(record, CONV_SY) - field(record, CONV_PT);
    const image = x + <usize>(n * d) * plane_bytes;
    for (let ox = 0; ox < ow; ++ox, out += patch) fill_patch(out, image, record, z, y, ox * sx - pl);
  }
}

/** One patch, whose first tap is at z0, y0, x0 of the image. */
function fill_patch(out: usize, image: usize, record: usize, z0: i32, y0: i32, x0: i32): void {
  const d = field(record, CONV_D);
  const h = field(record, CONV_H);
  const w = field(record, CONV_W);
  const c = field(record, CONV_C);
  const kd = field(record, CONV_KD);
  const kh = field(record, CONV_KH);
  const kw = field(record, CONV_KW);
  const dz = field(record, CONV_DZ);
  const dy = field(record, CONV_DY);
  const dx = field(record, CONV_DX);
  const pixel = <usize>c << 2;
  const in_row = <usize>w * pixel;
  // With dilation 1 a filter row is one stretch of the image row, cut where it leaves the image.
  const first = min(max(-x0, 0), kw);
  const end = max(min(w - x0, kw), first);
  for (let kz = 0, z = z0; kz < kd; ++kz, z += dz) {
    for (let ky = 0, y = y0; ky < kh; ++ky, y += dy) {
      if (<u32>z >= <u32>d || <u32>y >= <u32>h) {
        fill_floats(out, 0, kw * c);
        out += <usize>kw * pixel;
        continue;
      }
      const line = image + <usize>(z * h + y) * in_row;
      if (dx == 1) {
        const p = line + <usize>(x0 + first) * pixel;
        if (end - first < kw) {
          fill_floats(out, 0, first * c);
          fill_floats(out + <usize>end * pixel, 0, (kw - end) * c);
        }
        copy_floats(out + <usize>first * pixel, p, (end - first) * c);
        out += <usize>kw * pixel;
      } else {
        for (let kx = 0, i = x0; kx < kw; ++kx, i += dx, out += pixel) {
          if (<u32>i < <u32>w) copy_floats(out, line + <usize>i * pixel, c);
          else fill_floats(out, 0, c);
        }
      }
    }
  }
}

/** Unit: a row (n, z, y) of the image. Every row gathers what belongs to it, always in the same order. */
export function col2im_f32(out: usize, col: usize, record: usize, from: i32, to: i32): void {
  const d = field(record, CONV_D);
  const h = field(record, CONV_H);
  const w = field(record, CONV_W);
  const c = field(record, CONV_C);
  const od = field(record, CONV_OD);
  const oh = field(record, CONV_OH);
  const kd = field(record, CONV_KD);
  const kh = field(record, CONV_KH);
  const dz = field(record, CONV_DZ);
  const dy = field(record, CONV_DY);
  const sz = field(record, CONV_SZ);
  const sy = field(record, CONV_SY);
  assert(from >= 0 && to <= field(record, CONV_N) * d * h, "rows inside the image");
  const out_row = <usize>(w * c) << 2;
  const run = <usize>(field(record, CONV_KW) * c) << 2;
  const patch = <usize>(kd * kh) * run;
  const col_row = <usize>field(record, CONV_OW) * patch;
  out += <usize>from * out_row;
  for (let row = from; row < to; ++row, out += out_row) {
    const plane = row / h;
    const n = plane / d;
    fill_floats(out, 0, w * c);
    // Patch row o reads image row i at tap k where o·s = i + p − k·d.
    let z = plane - n * d + field(record, CONV_PF);
    for (let kz = 0; kz < kd; ++kz, z -= dz) {
      const oz = z / sz;
      if (z < 0 || oz * sz != z || oz >= od) continue;
      let y = row - plane * h + field(record, CONV_PT);
      for (let ky = 0; ky < kh; ++ky, y -= dy) {
        const oy = y / sy;
        if (y < 0 || oy * sy != y || oy >= oh) continue;
        const line = col + <usize>((n * od + oz) * oh + oy) * col_row + <usize>(kz * kh + ky) * run;
        col2im_line(out, line, patch, record);
      }
    }
  }
}

/** Adds one filter row of every patch in a row of patches to the row of the image it was taken from. */
function col2im_line(out: usize, line: usize, patch: usize, record: usize): void {
  const w = field(record, CONV_W);
  const c = field(record, CONV_C);
  const ow = field(record, CONV_OW);
  const kw = field(record, CONV_KW);
  const sx = field(record, CONV_SX);
  const dx = field(record, CONV_DX);
  const pixel = <usize>c << 2;
  let x0 = -field(record, CONV_PL);
  for (let ox = 0; ox < ow; ++ox, x0 += sx, line += patch) {
    if (dx == 1) {
      const first = min(max(-x0, 0), kw);
      const end = max(min(w - x0, kw), first);
      add_floats(out + <usize>(x0 + first) * pixel, line + <usize>first * pixel, (end - first) * c);
    } else {
      let p = line;
      for (let kx = 0, i = x0; kx < kw; ++kx, i += dx, p += pixel)
        if (<u32>i < <u32>w) add_floats(out + <usize>i * pixel, p, c);
    }
  }
}

/** out += x. */
// @ts-ignore: decorator
@inline
function add_floats(out: usize, x: usize, count: i32): void {
  for (; count >= 4; count -= 4, out += 16, x += 16) v128.store(out, f32x4.add(v128.load(out), v128.load(x)));
  for (; count > 0; --count, out += 4, x += 4) store<f32>(out, load<f32>(out) + load<f32>(x));
}
