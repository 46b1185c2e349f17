// Pixels taken from anywhere in images x [n, h, w, c], which are dense: by a grid of positions, or from boxes.
//
// A pixel of out is a weighted sum of pixels of x. Those that are not there are left out. Positions come from the data: whatever
// they are, NaN and infinities included, nothing outside x is read.
import {
  BOX_C, BOX_H, BOX_HALF, BOX_MODE, BOX_N, BOX_OH, BOX_OW, BOX_SAMPLES, BOX_VALUE, BOX_W, SAMPLE_BORDER, SAMPLE_CUBIC,
  SAMPLE_NEAREST, SAMPLE_ZEROS,
} from "./abi-imported";
import { fill_floats } from "./copy";
import { field, field_f32, load_next, madd, store_next } from "./simd";

/** q += p · weight, for c floats. */
function add_pixel(q: usize, p: usize, weight: f32, c: i32): void {
  const w = f32x4.splat(weight);
  for (; c > 0; c -= 4, q += 16, p += 16) store_next(q, madd(load_next(p, c), w, load_next(q, c)), c);
}

/** q = max(q, p · weight), for c floats; NaN propagates. */
function max_pixel(q: usize, p: usize, weight: f32, c: i32): void {
  const w = f32x4.splat(weight);
  for (; c > 0; c -= 4, q += 16, p += 16) store_next(q, f32x4.max(f32x4.mul(load_next(p, c), w), load_next(q, c)), c);
}

/** Limits a position so that integers hold it and its neighbours; NaN propagates. */
// @ts-ignore: decorator
@inline
function limited(x: f32): f32 {
  return min<f32>(max<f32>(x, -1e9), 1e9);
}

/** A limited whole number as an integer; 0 for NaN. */
// @ts-ignore: decorator
@inline
function whole(x: f32): i32 {
  return x == x ? <i32>x : 0;
}

/** The pixel of an axis that index i stands for, or -1 where there is none. */
function resolve(i: i32, size: i32, padding: i32, corners: i32): i32 {
  if (<u32>i < <u32>size) return i;
  if (padding == SAMPLE_ZEROS) return -1;
  if (padding == SAMPLE_BORDER) return i < 0 ? 0 : size - 1;
  // Mirrored at the outer pixels' centres, or at their outer edges.
  if (size == 1) return 0;
  const period = corners ? 2 * size - 2 : 2 * size;
  i %= period;
  if (i < 0) i += period;
  return i < size ? i : period - i - (corners ? 0 : 1);
}

/** Keys' cubic with a = -3/4, at distance x. */
function cubic(x: f32): f32 {
  const a: f32 = -0.75;
  x = abs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return x == x ? 0 : x;
}

/** The weight of a tap at this distance from the position. */
function weight_of(distance: f32, mode: i32): f32 {
  if (mode == SAMPLE_NEAREST) return 1;
  return mode == SAMPLE_CUBIC ? cubic(distance) : 1 - abs(distance);
}

/** The first tap of a position; halves of "nearest" are rounded to even. */
function first_of(x: f32, mode: i32): i32 {
  return mode == SAMPLE_NEAREST ? whole(nearest<f32>(x)) : whole(floor<f32>(x)) - (mode == SAMPLE_CUBIC ? 1 : 0);
}

/** The pixel coordinate of -1 .. 1. */
function denormalise(v: f32, size: i32, corners: i32): f32 {
  return limited(corners ? (v + 1) * 0.5 * <f32>(size - 1) : ((v + 1) * <f32>size - 1) * 0.5);
}

/**
 * out [n, pixels, c] from x at grid [n, pixels, 2], each an x and a y from -1 to 1. `corners` 1: these are the centres of the outer
 * pixels, 0: their outer edges. Unit: a pixel of out.
 */
export function grid_sample_f32(
  out: usize, x: usize, grid: usize, h: i32, w: i32, c: i32, pixels: i32, mode: i32, padding: i32, corners: i32,
  from: i32, to: i32,
): void {
  assert(0 <= from && from <= to);
  const pixel = <usize>c << 2;
  const taps = mode == SAMPLE_NEAREST ? 1 : mode == SAMPLE_CUBIC ? 4 : 2;
  for (let i = from; i < to; i++) {
    const image = x + <usize>(i / pixels) * <usize>(h * w) * pixel;
    const g = grid + (<usize>i << 3), q = out + <usize>i * pixel;
    const fx = denormalise(load<f32>(g), w, corners), fy = denormalise(load<f32>(g, 4), h, corners);
    const x0 = first_of(fx, mode), y0 = first_of(fy, mode);
    fill_floats(q, 0, c);
    for (let ty = 0; ty < taps; ty++) {
      const iy = resolve(y0 + ty, h, padding, corners);
      const wy = weight_of(fy - <f32>y0 - <f32>ty, mode);
      if (iy >= 0)
        for (let tx = 0; tx < taps; tx++) {
          const ix = resolve(x0 + tx, w, padding, corners);
          if (ix >= 0)
            add_pixel(q, image + <usize>(iy * w + ix) * pixel, wy * weight_of(fx - <f32>x0 - <f32>tx, mode), c);
        }
    }
  }
}

/** q += share times x at a position inside the image; or the largest of q and the terms of that sum. */
function linear_pixel(
  q: usize, image: usize, fy: f32, fx: f32, h: i32, w: i32, c: i32, share: f32, largest: i32,
): void {
  const iy = <i32>fy, ix = <i32>fx;
  const ty = fy - <f32>iy, tx = fx - <f32>ix;
  for (let tap = 0; tap < 4; tap++) {
    const down = tap >> 1, right = tap & 1;
    // The neighbour past the end has no weight.
    const y = min(iy + down, h - 1), x = min(ix + right, w - 1);
    const weight = share * (down ? ty : 1 - ty) * (right ? tx : 1 - tx);
    const p = image + (<usize>((y * w + x) * c) << 2);
    if (largest) max_pixel(q, p, weight, c);
    else if (weight != 0) add_pixel(q, p, weight, c);
  }
}

/** Most samples along an axis of a bin: boxes come from the data. */
const MOST_SAMPLES: i32 = 1024;

/** Samples along an axis of a bin of this size. */
// @ts-ignore: decorator
@inline
function samples_of(bin: f32, ratio: i32): i32 {
  return min(ratio > 0 ? ratio : whole(limited(ceil<f32>(bin))), MOST_SAMPLES);
}

/** The position where a sample between pixels -1 and `size` is taken: that of the outer pixels outside of them. */
// @ts-ignore: decorator
@inline
function inside(at: f32, size: i32): f32 {
  return min<f32>(max<f32>(at, 0), <f32>(size - 1));
}

/**
 * out [rois, oh, ow, c]: each roi (x1, y1, x2, y2) of image batch[roi] in oh x ow bins, each the mean (or the maximum) of so many
 * samples. Unit: a pixel of out.
 */
export function roi_align_f32(
  out: usize, x: usize, rois: usize, batch: usize, boxShape: usize, from: i32, to: i32,
): void {
  const n = field(boxShape, BOX_N), h = field(boxShape, BOX_H), w = field(boxShape, BOX_W), c = field(boxShape, BOX_C);
  const oh = field(boxShape, BOX_OH), ow = field(boxShape, BOX_OW), ratio = field(boxShape, BOX_SAMPLES);
  const largest = field(boxShape, BOX_MODE), half = field(boxShape, BOX_HALF), scale = field_f32(boxShape, BOX_VALUE);
  assert(0 <= from && from <= to);
  const pixel = <usize>c << 2;
  const shift: f32 = half ? 0.5 : 0;
  for (let i = from; i < to; i++) {
    const ox = i % ow, oy = (i / ow) % oh, roi = i / (ow * oh);
    const r = rois + (<usize>roi << 4);
    const image = x + <usize>min(max(load<i32>(batch + (<usize>roi << 2)), 0), n - 1) * <usize>(h * w) * pixel;
    const x1 = load<f32>(r) * scale - shift, y1 = load<f32>(r, 4) * scale - shift;
    let width = load<f32>(r, 8) * scale - shift - x1, height = load<f32>(r, 12) * scale - shift - y1;
    if (!half) {
      width = max<f32>(width, 1);
      height = max<f32>(height, 1);
    }
    const bw = width / <f32>ow, bh = height / <f32>oh;
    const nx = samples_of(bw, ratio), ny = samples_of(bh, ratio);
    const share: f32 = largest ? 1 : 1 / <f32>max(nx * ny, 1);
    const q = out + <usize>i * pixel;
    fill_floats(q, largest && nx > 0 && ny > 0 ? -Infinity : 0, c);
    for (let sy = 0; sy < ny; sy++) {
      let fy = y1 + <f32>oy * bh + (<f32>sy + 0.5) * bh / <f32>ny;
      for (let sx = 0; sx < nx; sx++) {
        let fx = x1 + <f32>ox * bw + (<f32>sx + 0.5) * bw / <f32>nx;
        if (!(fy >= -1 && fy <= <f32>h && fx >= -1 && fx <= <f32>w)) {
          if (largest) max_pixel(q, image, 0, c);
          continue;
        }
        linear_pixel(q, image, inside(fy, h), inside(fx, w), h, w, c, share, largest);
      }
    }
  }
}

/** Where output pixel i of `outs` lies in a box from a to b, which are shares of the outer pixels' distance. */
// @ts-ignore: decorator
@inline
function crop_position(i: i32, outs: i32, size: i32, a: f32, b: f32): f32 {
  const last = <f32>(size - 1);
  return outs > 1 ? a * last + <f32>i * ((b - a) * last / <f32>(outs - 1)) : 0.5 * (a + b) * last;
}

/**
 * out [boxes, oh, ow, c]: each box (y1, x1, y2, x2) of image index[box], resized; BOX_VALUE where that lies outside. Unit: a pixel of out.
 */
export function crop_resize_f32(
  out: usize, x: usize, boxes: usize, index: usize, boxShape: usize, from: i32, to: i32,
): void {
  const n = field(boxShape, BOX_N), h = field(boxShape, BOX_H), w = field(boxShape, BOX_W), c = field(boxShape, BOX_C);
  const oh = field(boxShape, BOX_OH), ow = field(boxShape, BOX_OW), mode = field(boxShape, BOX_MODE);
  const value = field_f32(boxShape, BOX_VALUE);
  assert(0 <= from && from <= to);
  const pixel = <usize>c << 2;
  for (let i = from; i < to; i++) {
    const ox = i % ow, oy = (i / ow) % oh, box = i / (ow * oh);
    const r = boxes + (<usize>box << 4), q = out + <usize>i * pixel;
    const b = load<i32>(index + (<usize>box << 2));
    const fy = crop_position(oy, oh, h, load<f32>(r), load<f32>(r, 8));
    const fx = crop_position(ox, ow, w, load<f32>(r, 4), load<f32>(r, 12));
    if (<u32>b >= <u32>n || !(fy >= 0 && fy <= <f32>(h - 1) && fx >= 0 && fx <= <f32>(w - 1))) {
      fill_floats(q, value, c);
      continue;
    }
    fill_floats(q, 0, c);
    const image = x + <usize>b * <usize>(h * w) * pixel;
    if (mode == SAMPLE_NEAREST) {
      add_pixel(q, image + <usize>(<i32>(fy + 0.5) * w + <i32>(fx + 0.5)) * pixel, 1, c);
      continue;
    }
    linear_pixel(q, image, fy, fx, h, w, c, 1, 0);
  }
}
