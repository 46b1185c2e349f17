// The k largest or smallest values along an axis of x [outer, n, inner], dense, in order, and their indices.
//
//   values[o, j, i] = x[o, indices[o, j, i], i]   equal values: the lower index first; a NaN is greater than any number
//
// The k best so far are kept as a heap in the outputs themselves, the worst of them first: O(n · log k), and no scratch.
// Unit: a line (o, i), inner ones fastest.
import { float_key, heapify, sift_down } from "./heap";

/** The key of the word at `p` in a heap whose first is the worst of the best. */
// @ts-ignore: decorator
@inline
function key_at(p: usize, integers: i32, smallest: i32): i32 {
  const bits = load<i32>(p);
  const key = integers ? bits : float_key(bits);
  return smallest ? key : ~key;
}

export function top_k_f32(
  values: usize, indices: usize, x: usize, n: i32, k: i32, inner: i32, integers: i32, smallest: i32, from: i32, to: i32,
): void {
  assert(from >= 0 && k > 0 && k <= n && inner > 0, "k of n values");
  const stride = <usize>inner << 2;
  for (; from < to; ++from) {
    const o = from / inner;
    const column = <usize>(from - o * inner) << 2;
    const keys = values + <usize>o * k * stride + column;
    const ids = indices + <usize>o * k * stride + column;
    const line = x + <usize>o * n * stride + column;
    let p = line;
    // Ids are kept inverted, as keys are: of equal values the one with the higher index is worse.
    for (let i = 0; i < k; ++i, p += stride) {
      store<i32>(keys + <usize>i * stride, key_at(p, integers, smallest));
      store<i32>(ids + <usize>i * stride, ~i);
    }
    heapify(keys, ids, stride, k);
    for (let i = k; i < n; ++i, p += stride) {
      // An index that comes later loses against an equal value.
      const key = key_at(p, integers, smallest);
      if (key < load<i32>(keys)) sift_down(keys, ids, stride, 0, k, key, ~i);
    }
    for (let end = k - 1; end > 0; --end) {
      const q = <usize>end * stride;
      const key = load<i32>(keys + q), id = load<i32>(ids + q);
      store<i32>(keys + q, load<i32>(keys));
      store<i32>(ids + q, load<i32>(ids));
      sift_down(keys, ids, stride, 0, end, key, id);
    }
    for (let j: usize = 0, end = <usize>k * stride; j < end; j += stride) {
      const id = ~load<i32>(ids + j);
      store<i32>(ids + j, id);
      store<i32>(keys + j, load<i32>(line + <usize>id * stride));
    }
  }
}
