// Moving values by rules that strides cannot say: triangles, sequences of different lengths, and where values are not 0.
import { copy_floats } from "./copy";
import { field } from "./simd";

/** The triangle of a matrix on and above diagonal k (`upper` 1), or on and below it; zeros elsewhere. Unit: a row. */
export function triangle_f32(
  out: usize, x: usize, rows: i32, columns: i32, k: i32, upper: i32, from: i32, to: i32,
): void {
  assert(from >= 0 && rows > 0, "rows");
  const row = <usize>columns << 2;
  for (; from < to; ++from) {
    const place = <usize>from * row;
    const cut = <usize>max(0, min(columns, from % rows + k + 1 - upper)) << 2;
    const first = upper ? cut : 0;
    const end = upper ? row : cut;
    memory.fill(out + place, 0, first);
    copy_floats(out + place + first, x + place + first, <i32>(end - first) >> 2);
    memory.fill(out + place + end, 0, row - end);
  }
}

/**
 * The first lengths[b] steps of each sequence in reverse, the others as they are. x is [outer, first, middle, second, run]: one of
 * `first` and `second` counts sequences b (the first where `leading` is 1), the other steps. Lengths are clamped. Unit: a row.
 */
export function reverse_sequence_f32(
  out: usize, x: usize, lengths: usize, first: i32, middle: i32, second: i32, run: i32, leading: i32, from: i32, to: i32,
): void {
  assert(from >= 0 && run > 0, "rows");
  const row = <usize>run << 2;
  for (; from < to; ++from) {
    const rest = from / second;
    const s = from - rest * second;
    const f = rest / middle % first;
    const b = leading ? f : s, t = leading ? s : f;
    const length = min(load<i32>(lengths + (<usize>b << 2)), leading ? second : first);
    const back = t < length ? length - 1 - 2 * t : 0;
    const source = from + back * (leading ? 1 : middle * second);
    copy_floats(out + <usize>from * row, x + <usize>source * row, run);
  }
}

/**
 * Where x, of `size` elements, is not 0: out [axes, size] holds the index along every axis in order of the elements, and -1 behind
 * them; count: how many. `dims` are the sizes of the axes. Unit: everything, for places depend on what comes before.
 */
export function non_zero_f32(
  out: usize, count: usize, x: usize, dims: usize, axes: i32, size: i32, integers: i32, from: i32, to: i32,
): void {
  if (from >= to) return;
  const row = <usize>size << 2;
  let q = out;
  for (let i = 0; i < size; ++i) {
    const bits = load<i32>(x + (<usize>i << 2));
    // Both zeros are 0; a NaN is not.
    if (!(integers ? bits : bits << 1)) continue;
    let rest = i;
    let p = q + <usize>axes * row;
    for (let a = axes - 1; a >= 0; --a) {
      const dim = field(dims, a);
      const next = rest / dim;
      p -= row;
      store<i32>(p, rest - next * dim);
      rest = next;
    }
    q += 4;
  }
  store<i32>(count, <i32>(q - out) >> 2);
  for (let end = out + row; axes > 0; --axes, q += row, end += row) memory.fill(q, 0xff, end - q);
}
