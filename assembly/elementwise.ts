// out[i] = a[i] ∘ b[i], where a and b are broadcast to the shape of out (dense). The record (BROADCAST_* in
// abi.ts) says how the operands move:
//
//   out   |<----------- run ----------->|<----------- run ----------->| ...
//         | block | block | block | rest| block | ...
//
// Along a run an operand moves with out or stands still; along the axes round the run it has any strides.
// A unit is one block of a run. out may be a, or b, where that operand has the shape of out.
import {
  BROADCAST_A_BLOCK,
  BROADCAST_A_STEP,
  BROADCAST_AXES,
  BROADCAST_B_BLOCK,
  BROADCAST_B_STEP,
  BROADCAST_BLOCK,
  BROADCAST_RUN,
} from "./abi";
import { field, load_tail, splat, store_tail } from "./simd";

const ONE: usize = memory.data<f32>([1, 0.5]);

// Which ∘: a literal at every call of `broadcast`, so that only its branch is compiled.
const enum Kind {
  ADD,
  MUL,
  MIN,
  MAX,
  EQUAL,
  PRELU,
  // Only from here on may a stand still: the kinds above commute, or (PRELU) have an a in the shape of out.
  SUB,
  DIV,
  SHARE,
}

// @ts-ignore: decorator
@inline
function apply(kind: Kind, a: v128, b: v128): v128 {
  if (kind == Kind.ADD) return f32x4.add(a, b);
  if (kind == Kind.MUL) return f32x4.mul(a, b);
  if (kind == Kind.MIN) return f32x4.min(a, b);
  if (kind == Kind.MAX) return f32x4.max(a, b);
  if (kind == Kind.EQUAL) return v128.and(f32x4.eq(a, b), splat(ONE));
  if (kind == Kind.SUB) return f32x4.sub(a, b);
  if (kind == Kind.DIV) return f32x4.div(a, b);
  if (kind == Kind.SHARE)
    return v128.andnot(v128.bitselect(splat(ONE + 4), splat(ONE), f32x4.eq(a, b)), f32x4.lt(a, b));
  return v128.bitselect(a, f32x4.mul(a, b), f32x4.gt(a, f32x4.splat(0)));
}

/** `count` floats of out. An operand that stands still (step false) is one float. */
// @ts-ignore: decorator
@inline
function block(kind: Kind, out: usize, a: usize, b: usize, count: i32, a_step: bool, b_step: bool): void {
  const a0 = a_step ? f32x4.splat(0) : v128.load32_splat(a);
  const b0 = b_step ? f32x4.splat(0) : v128.load32_splat(b);
  let left = count;
  for (; left >= 16; left -= 16) {
    const y0 = apply(kind, a_step ? v128.load(a) : a0, b_step ? v128.load(b) : b0);
    const y1 = apply(kind, a_step ? v128.load(a, 16) : a0, b_step ? v128.load(b, 16) : b0);
    const y2 = apply(kind, a_step ? v128.load(a, 32) : a0, b_step ? v128.load(b, 32) : b0);
    const y3 = apply(kind, a_step ? v128.load(a, 48) : a0, b_step ? v128.load(b, 48) : b0);
    v128.store(out, y0);
    v128.store(out, y1, 16);
    v128.store(out, y2, 32);
    v128.store(out, y3, 48);
    out += 64;
    if (a_step) a += 64;
    if (b_step) b += 64;
  }
  for (; left >= 4; left -= 4) {
    v128.store(out, apply(kind, a_step ? v128.load(a) : a0, b_step ? v128.load(b) : b0));
    out += 16;
    if (a_step) a += 16;
    if (b_step) b += 16;
  }
  if (left > 0)
    store_tail(out, apply(kind, a_step ? load_tail(a, left) : a0, b_step ? load_tail(b, left) : b0), left);
}

/** Walks the blocks `from` to `to`; `axes` axes lie round the run. */
// @ts-ignore: decorator
@inline
function broadcast(
  kind: Kind, out: usize, a: usize, b: usize, record: usize, axes: i32, from: i32, to: i32,
): void {
  const run = field(record, BROADCAST_RUN);
  const size = field(record, BROADCAST_BLOCK);
  const blocks = (run + size - 1) / size;
  const a_step = field(record, BROADCAST_A_STEP);
  const b_step = field(record, BROADCAST_B_STEP);
  const a_block = field(record, BROADCAST_A_BLOCK) << 2;
  const b_block = field(record, BROADCAST_B_BLOCK) << 2;
  const rows = field(record, BROADCAST_AXES);
  const a_row = field(record, BROADCAST_AXES + 1) << 2;
  const b_row = field(record, BROADCAST_AXES + 2) << 2;
  assert(axes >= 1 && run > 0 && size > 0 && (a_step | b_step) == 1);
  assert(kind >= Kind.SUB || a_step == 1);

  let unit = from;
  while (unit < to) {
    // Where this unit lies: block k of the run `row` on the innermost axis; `rest` counts the other axes.
    const index = unit / blocks;
    let k = unit - index * blocks;
    let rest = index / rows;
    const row = index - rest * rows;
    const end = min(to, (rest + 1) * rows * blocks);
    let pa = a + row * a_row;
    let pb = b + row * b_row;
    for (let axis = 1; axis < axes; axis++) {
      const entry = record + <usize>((BROADCAST_AXES + 3 * axis) << 2);
      const next = rest / field(entry, 0);
      const i = rest - next * field(entry, 0);
      pa += (i * field(entry, 1)) << 2;
      pb += (i * field(entry, 2)) << 2;
      rest = next;
    }
    let to_out = out + ((<usize>index * run + k * size) << 2);
    for (; unit < end; unit++) {
      const count = min(size, run - k * size);
      const qa = pa + k * a_block;
      const qb = pb + k * b_block;
      if (a_step & b_step) block(kind, to_out, qa, qb, count, true, true);
      else if (kind < Kind.SUB || a_step) block(kind, to_out, qa, qb, count, true, false);
      else block(kind, to_out, qa, qb, count, false, true);
      to_out += <usize>count << 2;
      if (++k == blocks) {
        k = 0;
        pa += a_row;
        pb += b_row;
      }
    }
  }
}

/** a + b. */
export function add_f32(out: usize, a: usize, b: usize, record: usize, axes: i32, from: i32, to: i32): void {
  broadcast(Kind.ADD, out, a, b, record, axes, from, to);
}

/** a · b. */
export function mul_f32(out: usize, a: usize, b: usize, record: usize, axes: i32, from: i32, to: i32): void {
  broadcast(Kind.MUL, out, a, b, record, axes, from, to);
}

/** min(a, b), NaN if one is. */
export function min_f32(out: usize, a: usize, b: usize, record: usize, axes: i32, from: i32, to: i32): void {
  broadcast(Kind.MIN, out, a, b, record, axes, from, to);
}

/** max(a, b), NaN if one is. */
export function max_f32(out: usize, a: usize, b: usize, record: usize, axes: i32, from: i32, to: i32): void {
  broadcast(Kind.MAX, out, a, b, record, axes, from, to);
}

/** 1 where a and b are equal, 0 elsewhere. */
export function equal_f32(out: usize, a: usize, b: usize, record: usize, axes: i32, from: i32, to: i32): void {
  broadcast(Kind.EQUAL, out, a, b, record, axes, from, to);
}

/** a - b. */
export function sub_f32(out: usize, a: usize, b: usize, record: usize, axes: i32, from: i32, to: i32): void {
  broadcast(Kind.SUB, out, a, b, record, axes, from, to);
}

/** a / b. */
export function div_f32(out: usize, a: usize, b: usize, record: usize, axes: i32, from: i32, to: i32): void {
  broadcast(Kind.DIV, out, a, b, record, axes, from, to);
}

/** What a has of max(a, b): 1, or 1/2 where they are equal, or 0 where b is larger. Where a NaN is, both have 1. */
export function max_share_f32(
  out: usize, a: usize, b: usize, record: usize, axes: i32, from: i32, to: i32,
): void {
  broadcast(Kind.SHARE, out, a, b, record, axes, from, to);
}

/** a above 0, a · b below. */
export function prelu_f32(
  out: usize, a: usize, b: usize, record: usize, axes: i32, from: i32, to: i32,
): void {
  broadcast(Kind.PRELU, out, a, b, record, axes, from, to);
}

/** Writes every row of `count` floats `times` times, to be met by a longer run. A unit is a row of x. */
export function repeat_f32(out: usize, x: usize, count: i32, times: i32, from: i32, to: i32): void {
  const bytes = <usize>count << 2;
  const total = bytes * times;
  for (let row: usize = from; row < <usize>to; row++) {
    const dst = out + row * total;
    memory.copy(dst, x + row * bytes, bytes);
    // Doubles what is there.
    for (let done = bytes; done < total; done += done) memory.copy(dst + done, dst, min(done, total - done));
  }
}
