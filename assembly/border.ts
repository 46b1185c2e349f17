// Zeros in the border round a view [n, d, h, w, c], whose interior is left alone. Unit: a row (n, z, y) of the bordered image.
import {
  BORDER_AFTER_X, BORDER_AFTER_Y, BORDER_AFTER_Z, BORDER_C, BORDER_D, BORDER_H, BORDER_N, BORDER_OUT_D, BORDER_OUT_H,
  BORDER_OUT_N, BORDER_OUT_W, BORDER_PF, BORDER_PL, BORDER_PT, BORDER_W,
} from "./abi";
import { fill_pixels } from "./copy";
import { field } from "./simd";

/** `out` is the first element of the interior. */
export function fill_border_f32(out: usize, borderShape: usize, from: i32, to: i32): void {
  const d = field(borderShape, BORDER_D), h = field(borderShape, BORDER_H), w = field(borderShape, BORDER_W);
  const pf = field(borderShape, BORDER_PF), pt = field(borderShape, BORDER_PT), pl = field(borderShape, BORDER_PL);
  const pr = field(borderShape, BORDER_AFTER_X), c = field(borderShape, BORDER_C);
  const od = pf + d + field(borderShape, BORDER_AFTER_Z), oh = pt + h + field(borderShape, BORDER_AFTER_Y);
  const pixel = <usize>field(borderShape, BORDER_OUT_W);
  assert(pf >= 0 && pt >= 0 && pl >= 0 && pr >= 0, "a border");
  assert(from >= 0 && to <= field(borderShape, BORDER_N) * od * oh, "rows of the bordered image");
  for (let row = from; row < to; ++row) {
    const plane = row / oh, n = plane / od;
    const z = plane - n * od - pf, y = row - plane * oh - pt;
    const body = out + <usize>n * field(borderShape, BORDER_OUT_N) + <usize>z * field(borderShape, BORDER_OUT_D)
      + <usize>y * field(borderShape, BORDER_OUT_H);
    const start = body - <usize>pl * pixel;
    if (<u32>z < <u32>d && <u32>y < <u32>h) {
      fill_pixels(start, 0, pl, c, pixel);
      fill_pixels(body + <usize>w * pixel, 0, pr, c, pixel);
    } else fill_pixels(start, 0, pl + w + pr, c, pixel);
  }
}
