// Moving rows and elements to and from places that an int32 tensor names. A row is `run` contiguous floats (or int32: values travel
// as bits). A negative index counts from the end of its axis. What lies outside even so is clamped where values are read, and skipped
// where they are written: whatever the indices, nothing outside the storages is touched.
import { MERGE_ADD, MERGE_INTEGERS, MERGE_MAX, MERGE_MIN, MERGE_MUL, MERGE_SET } from "./abi";
import { copy_floats } from "./copy";
import { field } from "./simd";

/** The index that `p` holds, inside an axis of `size`. */
// @ts-ignore: decorator
@inline
function clamped(p: usize, size: i32): i32 {
  const i = load<i32>(p);
  return max(0, min(size - 1, i < 0 ? i + size : i));
}

/**
 * Rows at `q` indices each:  out[b, j, :] = x[b, i_0, ..., i_q-1, :]  for (i_0, ..., i_q-1) = indices[b, j, :], j < count.
 * The batches share the indices where `shared` is 1. `dims` are the sizes of the q axes. Unit: a row of out.
 */
export function gather_rows_f32(
  out: usize, x: usize, indices: usize, dims: usize, q: i32, count: i32, shared: i32, run: i32, from: i32, to: i32,
): void {
  assert(from >= 0 && q > 0 && count > 0, "rows of out");
  const row = <usize>run << 2;
  let b = from / count;
  let j = from - b * count;
  out += <usize>from * row;
  for (; from < to; ++from, out += row) {
    let p = indices + (<usize>((shared ? 0 : b * count) + j) * q << 2);
    let source = b;
    for (let k = 0; k < q; ++k, p += 4) {
      const size = field(dims, k);
      source = source * size + clamped(p, size);
    }
    copy_floats(out, x + <usize>source * row, run);
    if (++j == count) {
      j = 0;
      ++b;
    }
  }
}

/** Bytes to the beginning of run `unit` of a tensor; `dims` holds size and stride of each axis, innermost first, which is the run. */
// @ts-ignore: decorator
@inline
function run_offset(dims: usize, axes: i32, unit: i32): usize {
  let offset: usize = 0;
  for (let a = 1; a < axes; ++a) {
    const size = field(dims, 2 * a);
    const next = unit / size;
    offset += <usize>(unit - next * size) * field(dims, 2 * a + 1);
    unit = next;
  }
  return offset;
}

/**
 * Elements: out[i_0, ...] = x[i_0, ..., indices[i_0, ...], ...], an index in place of i_axis. `dims` are the axes of out and indices
 * with their strides in x, 0 for the axis itself, which has `size` elements in x, `stride` bytes apart. Unit: a run of out.
 */
export function gather_elements_f32(
  out: usize, x: usize, indices: usize, dims: usize, axes: i32, size: i32, stride: i32, from: i32, to: i32,
): void {
  assert(from >= 0 && axes > 0 && size > 0, "runs of out");
  const run = field(dims, 0), step = <usize>field(dims, 1);
  let o = <usize>from * run << 2;
  for (; from < to; ++from) {
    let p = x + run_offset(dims, axes, from);
    for (let i = 0; i < run; ++i, o += 4, p += step)
      store<i32>(out + o, load<i32>(p + <usize>clamped(indices + o, size) * stride));
  }
}

/** What an element becomes that holds the bits `a`, when `b` comes to it. */
function merged(a: i32, b: i32, merge: i32): i32 {
  if (merge >= MERGE_INTEGERS) {
    if (merge == MERGE_INTEGERS + MERGE_ADD) return a + b;
    if (merge == MERGE_INTEGERS + MERGE_MUL) return a * b;
    if (merge == MERGE_INTEGERS + MERGE_MIN) return min(a, b);
    if (merge == MERGE_INTEGERS + MERGE_MAX) return max(a, b);
    return b;
  }
  const x = reinterpret<f32>(a), y = reinterpret<f32>(b);
  if (merge == MERGE_ADD) return reinterpret<i32>(x + y);
  if (merge == MERGE_MUL) return reinterpret<i32>(x * y);
  if (merge == MERGE_MIN) return reinterpret<i32>(min(x, y));
  if (merge == MERGE_MAX) return reinterpret<i32>(max(x, y));
  return b;
}

/**
 * Rows of `updates` to places of out that `q` indices each name: out[i_0, ..., i_q-1, :] becomes what `merge` makes of it and
 * updates[j, :], in order of j < count. Unit: all of them, for places may be named twice.
 */
export function scatter_rows_f32(
  out: usize, indices: usize, updates: usize, dims: usize, q: i32, count: i32, run: i32, merge: i32, from: i32, to: i32,
): void {
  if (from >= to) return;
  const row = <usize>run << 2;
  for (let j = 0; j < count; ++j, updates += row) {
    let place = 0;
    let inside = true;
    for (let k = 0; k < q; ++k, indices += 4) {
      const size = field(dims, k);
      let i = load<i32>(indices);
      if (i < 0) i += size;
      if (<u32>i >= <u32>size) inside = false;
      place = place * size + i;
    }
    if (!inside) continue;
    const o = out + <usize>place * row;
    if (merge == MERGE_SET) copy_floats(o, updates, run);
    else
      for (let i: usize = 0; i < row; i += 4)
        store<i32>(o + i, merged(load<i32>(o + i), load<i32>(updates + i), merge));
  }
}

/**
 * Elements of `updates` to places of out: the reverse of gather_elements_f32, with the strides of out; `runs` of them. Unit: all.
 */
export function scatter_elements_f32(
  out: usize, indices: usize, updates: usize, dims: usize, axes: i32, size: i32, stride: i32, runs: i32, merge: i32,
  from: i32, to: i32,
): void {
  if (from >= to) return;
  const run = field(dims, 0), step = <usize>field(dims, 1);
  for (let r = 0; r < runs; ++r) {
    let o = out + run_offset(dims, axes, r);
    for (let i = 0; i < run; ++i, o += step, indices += 4, updates += 4) {
      let at = load<i32>(indices);
      if (at < 0) at += size;
      if (<u32>at >= <u32>size) continue;
      const place = o + <usize>at * stride;
      store<i32>(place, merged(load<i32>(place), load<i32>(updates), merge));
    }
  }
}

/**
 * Writes the word at `on` to out[o, indices[o, i], i], where out is [outer, depth, inner]; the rest is left as it is. Negative
 * indices count from the end where `wrap` is 1. Unit: an index.
 */
export function one_hot_f32(
  out: usize, indices: usize, on: usize, depth: i32, inner: i32, wrap: i32, from: i32, to: i32,
): void {
  assert(from >= 0 && inner > 0, "indices");
  const word = load<i32>(on);
  for (; from < to; ++from) {
    const o = from / inner;
    let at = load<i32>(indices + (<usize>from << 2));
    if (wrap && at < 0) at += depth;
    if (<u32>at < <u32>depth) store<i32>(out + (<usize>((o * depth + at) * inner + from - o * inner) << 2), word);
  }
}
