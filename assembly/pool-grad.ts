// Gradients of pooling: dx from dy [n, od, oh, ow, c] and, for the maximum, the input x [n, d, h, w, c]. Windows as in pool.ts.
//   max:     dx[tap] += dy where tap is the window's largest: the first of equals in the order z, y, x, a NaN before any number
//   average: dx[tap] += dy / (number of taps that count)
// Windows may overlap, so a unit is all of an image's pixels for a block of channels: its windows add up in one order.
// Unit: POOL_GRAD_BLOCK channels of one image.
import {
  POOL_AFTER, POOL_BEFORE, POOL_C, POOL_COUNT_PADDING, POOL_DILATION, POOL_GRAD_BLOCK, POOL_KERNEL, POOL_OUT, POOL_SIZE,
  POOL_STRIDE,
} from "./abi";
import { field, load_lanes, splat, store_lanes } from "./simd";

const MINUS_INFINITY: usize = memory.data<f32>([-Infinity]);

export function pool_max_grad_f32(dx: usize, dy: usize, x: usize, shape: usize, from: i32, to: i32): void {
  pool_grad(true, dx, dy, x, shape, from, to);
}

export function pool_average_grad_f32(dx: usize, dy: usize, shape: usize, from: i32, to: i32): void {
  pool_grad(false, dx, dy, 0, shape, from, to);
}

/** Taps before the first inside: those of a window that begins at `start` < 0. */
// @ts-ignore: decorator
@inline
function first_tap(start: i32, dilation: i32): i32 {
  return start >= 0 ? 0 : (dilation - 1 - start) / dilation;
}

/** One past the last tap inside. */
// @ts-ignore: decorator
@inline
function end_tap(start: i32, size: i32, kernel: i32, dilation: i32): i32 {
  return start >= size ? 0 : min(kernel, (size - start + dilation - 1) / dilation);
}

/** Taps along an axis that count towards an average. */
// @ts-ignore: decorator
@inline
function counted(border: bool, start: i32, size: i32, kernel: i32, after: i32, inside: i32): i32 {
  return border ? min(kernel, size + after - start) : inside;
}

// @ts-ignore: decorator
@inline
function pool_grad(max: bool, dx: usize, dy: usize, x: usize, shape: usize, from: i32, to: i32): void {
  const d = field(shape, POOL_SIZE), h = field(shape, POOL_SIZE + 1), w = field(shape, POOL_SIZE + 2);
  const od = field(shape, POOL_OUT), oh = field(shape, POOL_OUT + 1), ow = field(shape, POOL_OUT + 2);
  const kd = field(shape, POOL_KERNEL), kh = field(shape, POOL_KERNEL + 1), kw = field(shape, POOL_KERNEL + 2);
  const sd = field(shape, POOL_STRIDE), sh = field(shape, POOL_STRIDE + 1), sw = field(shape, POOL_STRIDE + 2);
  const dd = field(shape, POOL_DILATION), dh = field(shape, POOL_DILATION + 1), dw = field(shape, POOL_DILATION + 2);
  const pd = field(shape, POOL_BEFORE), ph = field(shape, POOL_BEFORE + 1), pw = field(shape, POOL_BEFORE + 2);
  const c = field(shape, POOL_C);
  const border = !max && field(shape, POOL_COUNT_PADDING) != 0;
  const blocks = (c + POOL_GRAD_BLOCK - 1) / POOL_GRAD_BLOCK;
  const pixel = <usize>c << 2, row = pixel * w, plane = row * h;

  for (let unit = from; unit < to; unit++) {
    const n = unit / blocks;
    const c0 = (unit % blocks) * POOL_GRAD_BLOCK;
    const c1 = min(c, c0 + POOL_GRAD_BLOCK);
    const image = <usize>n * plane * d;
    clear(dx + image + (<usize>c0 << 2), d * h * w, pixel, c1 - c0);
    let g = dy + <usize>(n * od * oh * ow) * pixel;
    for (let oz = 0; oz < od; oz++) {
      const z = oz * sd - pd, fz = first_tap(z, dd), ez = end_tap(z, d, kd, dd);
      for (let oy = 0; oy < oh; oy++) {
        const y = oy * sh - ph, fy = first_tap(y, dh), ey = end_tap(y, h, kh, dh);
        for (let ox = 0; ox < ow; ox++) {
          const s = ox * sw - pw, fx = first_tap(s, dw), ex = end_tap(s, w, kw, dw);
          const first = image + plane * (z + fz * dd) + row * (y + fy * dh) + pixel * (s + fx * dw);
          if (max) {
            for (let k = c0; k < c1; k += 4) {
              const at = first + (<usize>k << 2);
              max_window(dx + at, x + at, g + (<usize>k << 2), min(4, c1 - k), ez - fz, ey - fy, ex - fx, plane * dd, row * dh, pixel * dw);
            }
          } else {
            const count = counted(border, z, d, kd, field(shape, POOL_AFTER), ez - fz)
              * counted(border, y, h, kh, field(shape, POOL_AFTER + 1), ey - fy)
              * counted(border, s, w, kw, field(shape, POOL_AFTER + 2), ex - fx);
            for (let k = c0; k < c1; k += 4) {
              const at = first + (<usize>k << 2);
              average_window(dx + at, g + (<usize>k << 2), min(4, c1 - k), <f32>count, ez - fz, ey - fy, ex - fx, plane, row, pixel);
            }
          }
          g += pixel;
        }
      }
    }
  }
}

function clear(p: usize, pixels: i32, pixel: usize, count: i32): void {
  const zero = f32x4.splat(0);
  for (; pixels > 0; pixels--) {
    for (let k = 0; k < count; k += 4) store_lanes(p + (<usize>k << 2), zero, min(4, count - k));
    p += pixel;
  }
}

/** Finds, lane by lane, which tap is the largest, and adds dy there. */
function max_window(
  dx: usize, x: usize, dy: usize, lanes: i32, nz: i32, ny: i32, nx: i32, deep: usize, down: usize, right: usize,
): void {
  let most = splat(MINUS_INFINITY);
  let place = i32x4.splat(0);
  let index = 0;
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      let p = x + <usize>z * deep + <usize>y * down;
      for (let i = 0; i < nx; i++) {
        const v = load_lanes(p, lanes);
        const larger = v128.or(f32x4.gt(v, most), f32x4.ne(v, v));
        most = v128.bitselect(v, most, larger);
        place = v128.bitselect(i32x4.splat(index), place, larger);
        index++;
        p += right;
      }
    }
  }
  const g = load_lanes(dy, lanes);
  index = 0;
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      let p = dx + <usize>z * deep + <usize>y * down;
      for (let i = 0; i < nx; i++) {
        const own = v128.and(g, i32x4.eq(place, i32x4.splat(index)));
        store_lanes(p, f32x4.add(load_lanes(p, lanes), own), lanes);
        index++;
        p += right;
      }
    }
  }
}

function average_window(
  dx: usize, dy: usize, lanes: i32, count: f32, nz: i32, ny: i32, nx: i32, deep: usize, down: usize, right: usize,
): void {
  const g = f32x4.div(load_lanes(dy, lanes), f32x4.splat(count));
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      let p = dx + <usize>z * deep + <usize>y * down;
      for (let i = 0; i < nx; i++) {
        store_lanes(p, f32x4.add(load_lanes(p, lanes), g), lanes);
        p += right;
      }
    }
  }
}
