// Patches under a window that slides over x [n, d, h, w, c]: col [n, od, oh, ow, kd, kh, kw, c], dense. The record is a ConvShape,
// of which output channels and strides are not read. x is dense for col2im, a view with dense channels for im2col.
//   im2col: col[n, oz, oy, ox, kz, ky, kx, c] =
//             x[n, oz·sz + kz·dz − pf, oy·sy + ky·dy − pt, ox·sx + kx·dx − pl, c], and 0 outside the image, or with `replicate`
//             the nearest pixel of it
//   col2im: the adjoint, x[n, z, y, x', c] = the sum of all entries of col that im2col would fill from there
import {
  CONV_C, CONV_D, CONV_DX, CONV_DY, CONV_DZ, CONV_H, CONV_KD, CONV_KH, CONV_KW, CONV_N, CONV_OD, CONV_OH, CONV_OW,
  CONV_PF, CONV_PL, CONV_PT, CONV_SX, CONV_SY, CONV_SZ, CONV_W, CONV_X_D, CONV_X_H, CONV_X_N,
  CONV_X_W,
} from "./abi";
import { copy_floats, copy_pixels, fill_floats } from "./copy";
import { field } from "./simd";

/** Unit: a row (n, oz, oy) of patches. */
export function im2col_f32(out: usize, x: usize, convShape: usize, replicate: i32, from: i32, to: i32): void {
  const c = field(convShape, CONV_C);
  const od = field(convShape, CONV_OD), oh = field(convShape, CONV_OH), ow = field(convShape, CONV_OW);
  const kw = field(convShape, CONV_KW), sx = field(convShape, CONV_SX), pl = field(convShape, CONV_PL);
  assert(from >= 0 && to <= field(convShape, CONV_N) * od * oh, "rows of patches");
  const patch = <usize>(field(convShape, CONV_KD) * field(convShape, CONV_KH) * kw * c) << 2;
  out += <usize>from * <usize>ow * patch;
  for (let row = from; row < to; ++row) {
    const plane = row / oh, n = plane / od;
    const z = (plane - n * od) * field(convShape, CONV_SZ) - field(convShape, CONV_PF);
    const y = (row - plane * oh) * field(convShape, CONV_SY) - field(convShape, CONV_PT);
    const image = x + <usize>n * <usize>field(convShape, CONV_X_N);
    for (let ox = 0; ox < ow; ++ox, out += patch) {
      if (replicate) replicate_patch(out, image, convShape, z, y, ox * sx - pl);
      else fill_patch(out, image, convShape, z, y, ox * sx - pl);
    }
  }
}

/** One patch, whose first tap is at z0, y0, x0 of the image. */
function fill_patch(out: usize, image: usize, convShape: usize, z0: i32, y0: i32, x0: i32): void {
  const d = field(convShape, CONV_D), h = field(convShape, CONV_H), w = field(convShape, CONV_W);
  const c = field(convShape, CONV_C);
  const kd = field(convShape, CONV_KD), kh = field(convShape, CONV_KH), kw = field(convShape, CONV_KW);
  const dz = field(convShape, CONV_DZ), dy = field(convShape, CONV_DY), dx = field(convShape, CONV_DX);
  const pixel = <usize>c << 2, x_pixel = <usize>field(convShape, CONV_X_W);
  const x_plane = <usize>field(convShape, CONV_X_D), x_row = <usize>field(convShape, CONV_X_H);
  // With dilation 1 a filter row is one run of the image row, cut where it leaves the image.
  const first = min(max(-x0, 0), kw), end = max(min(w - x0, kw), first);
  for (let kz = 0, z = z0; kz < kd; ++kz, z += dz) {
    for (let ky = 0, y = y0; ky < kh; ++ky, y += dy) {
      if (<u32>z >= <u32>d || <u32>y >= <u32>h) {
        fill_floats(out, 0, kw * c);
        out += <usize>kw * pixel;
        continue;
      }
      const line = image + <usize>z * x_plane + <usize>y * x_row;
      if (dx == 1) {
        const p = line + <usize>(x0 + first) * x_pixel;
        if (end - first < kw) {
          fill_floats(out, 0, first * c);
          fill_floats(out + <usize>end * pixel, 0, (kw - end) * c);
        }
        copy_pixels(out + <usize>first * pixel, p, end - first, c, pixel, x_pixel);
        out += <usize>kw * pixel;
      } else {
        for (let kx = 0, i = x0; kx < kw; ++kx, i += dx, out += pixel) {
          if (<u32>i < <u32>w) copy_floats(out, line + <usize>i * x_pixel, c);
          else fill_floats(out, 0, c);
        }
      }
    }
  }
}

/** The same with the nearest pixel of the image where a tap lies outside. */
function replicate_patch(out: usize, image: usize, convShape: usize, z0: i32, y0: i32, x0: i32): void {
  const kd = field(convShape, CONV_KD), kh = field(convShape, CONV_KH), kw = field(convShape, CONV_KW);
  const dz = field(convShape, CONV_DZ), dy = field(convShape, CONV_DY), dx = field(convShape, CONV_DX);
  const c = field(convShape, CONV_C);
  for (let kz = 0, z = z0; kz < kd; ++kz, z += dz) {
    const plane = image + <usize>nearest(z, field(convShape, CONV_D)) * <usize>field(convShape, CONV_X_D);
    for (let ky = 0, y = y0; ky < kh; ++ky, y += dy) {
      const line = plane + <usize>nearest(y, field(convShape, CONV_H)) * <usize>field(convShape, CONV_X_H);
      for (let kx = 0, i = x0; kx < kw; ++kx, i += dx, out += <usize>c << 2)
        copy_floats(out, line + <usize>nearest(i, field(convShape, CONV_W)) * <usize>field(convShape, CONV_X_W), c);
    }
  }
}

// @ts-ignore: decorator
@inline
function nearest(i: i32, size: i32): i32 {
  return min(max(i, 0), size - 1);
}

/** Unit: a row (n, z, y) of the image. Every row sums what belongs to it, always in the same order. */
export function col2im_f32(out: usize, col: usize, convShape: usize, from: i32, to: i32): void {
  const d = field(convShape, CONV_D), h = field(convShape, CONV_H), w = field(convShape, CONV_W);
  const c = field(convShape, CONV_C), od = field(convShape, CONV_OD), oh = field(convShape, CONV_OH);
  const kd = field(convShape, CONV_KD), kh = field(convShape, CONV_KH);
  const dz = field(convShape, CONV_DZ), dy = field(convShape, CONV_DY);
  const sz = field(convShape, CONV_SZ), sy = field(convShape, CONV_SY);
  assert(from >= 0 && to <= field(convShape, CONV_N) * d * h, "rows of the image");
  const out_row = <usize>(w * c) << 2;
  const run = <usize>(field(convShape, CONV_KW) * c) << 2;
  const patch = <usize>(kd * kh) * run;
  const col_row = <usize>field(convShape, CONV_OW) * patch;
  out += <usize>from * out_row;
  for (let row = from; row < to; ++row, out += out_row) {
    const plane = row / h, n = plane / d;
    fill_floats(out, 0, w * c);
    // Patch row o reads image row i at tap k where o·s = i + p − k·d.
    let z = plane - n * d + field(convShape, CONV_PF);
    for (let kz = 0; kz < kd; ++kz, z -= dz) {
      const oz = z / sz;
      if (z < 0 || oz * sz != z || oz >= od) continue;
      let y = row - plane * h + field(convShape, CONV_PT);
      for (let ky = 0; ky < kh; ++ky, y -= dy) {
        const oy = y / sy;
        if (y < 0 || oy * sy != y || oy >= oh) continue;
        const line = col + <usize>((n * od + oz) * oh + oy) * col_row + <usize>(kz * kh + ky) * run;
        col2im_line(out, line, patch, convShape);
      }
    }
  }
}

/** Adds one filter row of every patch in a row of patches to the row of the image it was taken from. */
function col2im_line(out: usize, line: usize, patch: usize, convShape: usize): void {
  const w = field(convShape, CONV_W), c = field(convShape, CONV_C), ow = field(convShape, CONV_OW);
  const kw = field(convShape, CONV_KW), sx = field(convShape, CONV_SX), dx = field(convShape, CONV_DX);
  const pixel = <usize>c << 2;
  let x0 = -field(convShape, CONV_PL);
  for (let ox = 0; ox < ow; ++ox, x0 += sx, line += patch) {
    if (dx == 1) {
      const first = min(max(-x0, 0), kw), end = max(min(w - x0, kw), first);
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
