// A border round the spatial axes of x [n, d, h, w, c]: out [n, od, oh, ow, c], with
//   out[n, z, y, x', c] = x[n, s(z − front), s(y − top), s(x' − left), c]
// where s(i) = i inside the input, and outside it
//   constant: the value itself      reflect: −i or 2·(size − 1) − i      replicate: 0 or size − 1.
// What comes after the input on each axis follows from the output size. reflect needs borders below size.
import {
  PAD_C,
  PAD_CONSTANT,
  PAD_D,
  PAD_FRONT,
  PAD_H,
  PAD_LEFT,
  PAD_MODE,
  PAD_N,
  PAD_OD,
  PAD_OH,
  PAD_OW,
  PAD_REFLECT,
  PAD_REPLICATE,
  PAD_TOP,
  PAD_W,
} from "./abi";
import { copy_floats, fill_floats } from "./copy";
import { field } from "./simd";

/** The input index behind index `i`, or −1 where only the constant is. */
// @ts-ignore: decorator
@inline
function source(i: i32, size: i32, mode: i32): i32 {
  if (<u32>i < <u32>size) return i;
  if (mode == PAD_CONSTANT) return -1;
  if (mode == PAD_REFLECT) return i < 0 ? -i : 2 * (size - 1) - i;
  return i < 0 ? 0 : size - 1;
}

/** Unit: a row (n, z, y) of the output. */
export function pad_f32(out: usize, x: usize, record: usize, value: f32, from: i32, to: i32): void {
  const d = field(record, PAD_D);
  const h = field(record, PAD_H);
  const w = field(record, PAD_W);
  const c = field(record, PAD_C);
  const od = field(record, PAD_OD);
  const oh = field(record, PAD_OH);
  const ow = field(record, PAD_OW);
  const left = field(record, PAD_LEFT);
  const right = ow - left - w;
  const mode = field(record, PAD_MODE);
  assert(left >= 0 && right >= 0, "the output row holds the input row");
  assert(field(record, PAD_FRONT) >= 0 && field(record, PAD_FRONT) + d <= od, "the output holds every plane");
  assert(field(record, PAD_TOP) >= 0 && field(record, PAD_TOP) + h <= oh, "the output holds every row");
  assert(mode == PAD_CONSTANT || mode == PAD_REFLECT || mode == PAD_REPLICATE, "a known mode");
  assert(mode != PAD_REFLECT || (left < w && right < w), "reflect: a border is smaller than the input");
  assert(from >= 0 && to <= field(record, PAD_N) * od * oh, "rows inside the output");

  const pixel = <usize>c << 2;
  const in_row = <usize>w * pixel;
  const out_row = <usize>ow * pixel;
  out += <usize>from * out_row;
  for (let row = from; row < to; ++row, out += out_row) {
    const plane = row / oh;
    const n = plane / od;
    const z = source(plane - n * od - field(record, PAD_FRONT), d, mode);
    const y = source(row - plane * oh - field(record, PAD_TOP), h, mode);
    if (z < 0 || y < 0) {
      fill_floats(out, value, ow * c);
      continue;
    }
    const line = x + <usize>((n * d + z) * h + y) * in_row;
    const body = out + <usize>left * pixel;
    const tail = body + in_row;
    copy_floats(body, line, w * c);
    if (mode == PAD_CONSTANT) {
      fill_floats(out, value, left * c);
      fill_floats(tail, value, right * c);
    } else {
      let p = out;
      for (let i = -left; i < 0; ++i, p += pixel) copy_floats(p, line + <usize>source(i, w, mode) * pixel, c);
      p = tail;
      for (let i = w; i < w + right; ++i, p += pixel) copy_floats(p, line + <usize>source(i, w, mode) * pixel, c);
    }
  }
}
