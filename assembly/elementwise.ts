// out[i] = a[i] ∘ b[i] on views, where a and b are broadcast to the shape of out. The record (BROADCAST_* in abi.ts) says how
// out and the operands are walked:
//
//   out   |<----------- run ----------->|   |<----------- run ----------->|   ...
//         | block | block | block | rest|   | block | ...
//
// Along a run, out is contiguous, and an operand is contiguous too or one value (step 0); along the axes round the run each has
// a stride of its own. Unit: a block of a run. out may be a, or b, where that operand has the shape and strides of out.
import {
  BROADCAST_A_BLOCK, BROADCAST_A_STEP, BROADCAST_AXES, BROADCAST_B_BLOCK, BROADCAST_B_STEP, BROADCAST_BLOCK,
  BROADCAST_DIMS, BROADCAST_RUN,
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
  // Only from here on may a have step 0: the kinds above commute, or (PRELU) have an a in the shape of out.
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

/** `count` contiguous floats of out. An operand without a step is one float. */
// @ts-ignore: decorator
@inline
function apply_run(kind: Kind, out: usize, a: usize, b: usize, count: i32, a_step: bool, b_step: bool): void {
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

/** The blocks `from` to `to`; blocks of a run are numbered first, then runs with the innermost axis fastest. */
// @ts-ignore: decorator
@inline
function broadcast(kind: Kind, out: usize, a: usize, b: usize, record: usize, from: i32, to: i32): void {
  const run = field(record, BROADCAST_RUN);
  const size = field(record, BROADCAST_BLOCK);
  const blocks = (run + size - 1) / size;
  const a_step = field(record, BROADCAST_A_STEP);
  const b_step = field(record, BROADCAST_B_STEP);
  const axes = field(record, BROADCAST_AXES);
  const rows = field(record, BROADCAST_DIMS);
  assert(axes >= 1 && run > 0 && size > 0 && (a_step | b_step) == 1);
  assert(kind >= Kind.SUB || a_step == 1);

  let unit = from;
  while (unit < to) {
    // Block `block` of row `row` on the innermost axis; `rest` counts the outer axes.
    const index = unit / blocks;
    let block = unit - index * blocks;
    let rest = index / rows;
    const row = index - rest * rows;
    const end = min(to, (rest + 1) * rows * blocks);
    let out_run = out + row * field(record, BROADCAST_DIMS + 1);
    let a_run = a + row * field(record, BROADCAST_DIMS + 2);
    let b_run = b + row * field(record, BROADCAST_DIMS + 3);
    for (let axis = 1; axis < axes; axis++) {
      const entry = record + <usize>((BROADCAST_DIMS + 4 * axis) << 2);
      const next = rest / field(entry, 0);
      const i = rest - next * field(entry, 0);
      out_run += i * field(entry, 1);
      a_run += i * field(entry, 2);
      b_run += i * field(entry, 3);
      rest = next;
    }
    assert(rest == 0);
    // What a run needs once is loaded there: more values in registers, and V8 spills those of the inner loops.
    for (; unit < end; unit++) {
      const first = block * size;
      const count = min(size, run - first);
      const q = out_run + (<usize>first << 2);
      const p_a = a_run + block * field(record, BROADCAST_A_BLOCK);
      const p_b = b_run + block * field(record, BROADCAST_B_BLOCK);
      if (a_step & b_step) apply_run(kind, q, p_a, p_b, count, true, true);
      else if (kind < Kind.SUB || a_step) apply_run(kind, q, p_a, p_b, count, true, false);
      else apply_run(kind, q, p_a, p_b, count, false, true);
      if (++block == blocks) {
        block = 0;
        out_run += field(record, BROADCAST_DIMS + 1);
        a_run += field(record, BROADCAST_DIMS + 2);
        b_run += field(record, BROADCAST_DIMS + 3);
      }
    }
  }
}

/** a + b. */
export function add_f32(out: usize, a: usize, b: usize, broadcastRows: usize, from: i32, to: i32): void {
  broadcast(Kind.ADD, out, a, b, broadcastRows, from, to);
}

/** a · b. */
export function mul_f32(out: usize, a: usize, b: usize, broadcastRows: usize, from: i32, to: i32): void {
  broadcast(Kind.MUL, out, a, b, broadcastRows, from, to);
}

/** min(a, b); NaN if either is. */
export function min_f32(out: usize, a: usize, b: usize, broadcastRows: usize, from: i32, to: i32): void {
  broadcast(Kind.MIN, out, a, b, broadcastRows, from, to);
}

/** max(a, b); NaN if either is. */
export function max_f32(out: usize, a: usize, b: usize, broadcastRows: usize, from: i32, to: i32): void {
  broadcast(Kind.MAX, out, a, b, broadcastRows, from, to);
}

/** 1 where a and b are equal, 0 elsewhere. */
export function equal_f32(out: usize, a: usize, b: usize, broadcastRows: usize, from: i32, to: i32): void {
  broadcast(Kind.EQUAL, out, a, b, broadcastRows, from, to);
}

/** a - b. */
export function sub_f32(out: usize, a: usize, b: usize, broadcastRows: usize, from: i32, to: i32): void {
  broadcast(Kind.SUB, out, a, b, broadcastRows, from, to);
}

/** a / b. */
export function div_f32(out: usize, a: usize, b: usize, broadcastRows: usize, from: i32, to: i32): void {
  broadcast(Kind.DIV, out, a, b, broadcastRows, from, to);
}

/** The derivative of max(a, b) with respect to a: 1, 1/2 where a = b, 0 where a < b. 1 where either is NaN. */
export function max_share_f32(out: usize, a: usize, b: usize, broadcastRows: usize, from: i32, to: i32): void {
  broadcast(Kind.SHARE, out, a, b, broadcastRows, from, to);
}

/** a where a > 0, a · b elsewhere. */
export function prelu_f32(out: usize, a: usize, b: usize, broadcastRows: usize, from: i32, to: i32): void {
  broadcast(Kind.PRELU, out, a, b, broadcastRows, from, to);
}

/** Every row of `count` floats, `times` times in a row. Unit: a row of x. */
export function repeat_f32(out: usize, x: usize, count: i32, times: i32, from: i32, to: i32): void {
  const bytes = <usize>count << 2;
  const out_bytes = bytes * times;
  for (let row: usize = from; row < <usize>to; row++) {
    const dst = out + row * out_bytes;
    memory.copy(dst, x + row * bytes, bytes);
    // What has been written is copied behind itself, twice as much each time.
    for (let done = bytes; done < out_bytes; done += done) memory.copy(dst + done, dst, min(done, out_bytes - done));
  }
}
