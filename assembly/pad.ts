// Padding of the spatial axes of x [n, d, h, w, c]: out [n, od, oh, ow, c], with
//   out[n, z, y, x', c] = x[n, s(z − pf), s(y − pt), s(x' − pl), c]
// where s(i) = i inside x, and outside it
//   constant: the value itself      reflect: −i or 2·(size − 1) − i      replicate: 0 or size − 1
// x and out are views: bytes from image to image, plane to plane, row to row, pixel to pixel; channels are dense. What comes
// after x on each axis follows from the size of out. reflect needs padding below the size of x.
import {
  PAD_C, PAD_CONSTANT, PAD_D, PAD_H, PAD_MODE, PAD_N, PAD_OD, PAD_OH, PAD_OUT_D, PAD_OUT_H, PAD_OUT_N, PAD_OUT_W,
  PAD_OW, PAD_PF, PAD_PL, PAD_PT, PAD_REFLECT, PAD_REPLICATE, PAD_W, PAD_X_D, PAD_X_H, PAD_X_N, PAD_X_W,
} from "./abi";
import { copy_floats, copy_pixels, fill_pixels } from "./copy";
import { field } from "./simd";

/** The index in x that index `i` takes its value from, or −1 for the constant. */
// @ts-ignore: decorator
@inline
function source(i: i32, size: i32, mode: i32): i32 {
  if (<u32>i < <u32>size) return i;
  if (mode == PAD_CONSTANT) return -1;
  if (mode == PAD_REFLECT) return i < 0 ? -i : 2 * (size - 1) - i;
  return i < 0 ? 0 : size - 1;
}

/** Unit: a row (n, z, y) of out. */
export function pad_f32(out: usize, x: usize, padShape: usize, value: f32, from: i32, to: i32): void {
  const d = field(padShape, PAD_D), h = field(padShape, PAD_H), w = field(padShape, PAD_W);
  const od = field(padShape, PAD_OD), oh = field(padShape, PAD_OH), ow = field(padShape, PAD_OW);
  const pf = field(padShape, PAD_PF), pt = field(padShape, PAD_PT), pl = field(padShape, PAD_PL);
  const c = field(padShape, PAD_C), mode = field(padShape, PAD_MODE);
  const x_pixel = <usize>field(padShape, PAD_X_W), pixel = <usize>field(padShape, PAD_OUT_W);
  const pr = ow - pl - w;
  assert(pl >= 0 && pr >= 0, "a row of out holds a row of x");
  assert(pf >= 0 && pf + d <= od, "out holds every plane");
  assert(pt >= 0 && pt + h <= oh, "out holds every row");
  assert(mode == PAD_CONSTANT || mode == PAD_REFLECT || mode == PAD_REPLICATE, "a known mode");
  assert(mode != PAD_REFLECT || (pl < w && pr < w), "reflect: padding is smaller than x");
  assert(from >= 0 && to <= field(padShape, PAD_N) * od * oh, "rows of out");

  for (let row = from; row < to; ++row) {
    const plane = row / oh, y = row - plane * oh;
    const n = plane / od, z = plane - n * od;
    const iz = source(z - pf, d, mode), iy = source(y - pt, h, mode);
    let q = out + <usize>n * field(padShape, PAD_OUT_N) + <usize>z * field(padShape, PAD_OUT_D)
      + <usize>y * field(padShape, PAD_OUT_H);
    if (iz < 0 || iy < 0) {
      fill_pixels(q, value, ow, c, pixel);
      continue;
    }
    const line = x + <usize>n * field(padShape, PAD_X_N) + <usize>iz * field(padShape, PAD_X_D)
      + <usize>iy * field(padShape, PAD_X_H);
    const body = q + <usize>pl * pixel, end = body + <usize>w * pixel;
    copy_pixels(body, line, w, c, pixel, x_pixel);
    if (mode == PAD_CONSTANT) {
      fill_pixels(q, value, pl, c, pixel);
      fill_pixels(end, value, pr, c, pixel);
    } else {
      for (let i = -pl; i < 0; ++i, q += pixel) copy_floats(q, line + <usize>source(i, w, mode) * x_pixel, c);
      q = end;
      for (let i = w; i < w + pr; ++i, q += pixel) copy_floats(q, line + <usize>source(i, w, mode) * x_pixel, c);
    }
  }
}
