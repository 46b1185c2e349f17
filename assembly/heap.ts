// A binary heap of pairs (key, id) in two arrays of i32, `stride` bytes from one to the next: the first is the greatest. Of equal keys
// the one with the lower id is greater, so that no two pairs are equal and every order has one result.

/** An i32 that is ordered as the float whose bits it is given: -0 equals 0, and a NaN is greater than all numbers. */
// @ts-ignore: decorator
@inline
export function float_key(bits: i32): i32 {
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fffffff;
  if (bits == <i32>0x80000000) return 0;
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

/** Puts a pair into the heap of `count` below index `at`, whose own pair is overwritten. */
export function sift_down(keys: usize, ids: usize, stride: usize, at: i32, count: i32, key: i32, id: i32): void {
  for (;;) {
    let child = 2 * at + 1;
    if (child >= count) break;
    let p = <usize>child * stride;
    if (child + 1 < count && comes_first(load<i32>(keys + p + stride), load<i32>(ids + p + stride), load<i32>(keys + p), load<i32>(ids + p))) {
      ++child;
      p += stride;
    }
    const child_key = load<i32>(keys + p), child_id = load<i32>(ids + p);
    if (comes_first(key, id, child_key, child_id)) break;
    store<i32>(keys + <usize>at * stride, child_key);
    store<i32>(ids + <usize>at * stride, child_id);
    at = child;
  }
  store<i32>(keys + <usize>at * stride, key);
  store<i32>(ids + <usize>at * stride, id);
}

/** Whether pair a is greater than pair b. */
// @ts-ignore: decorator
@inline
function comes_first(a: i32, id_a: i32, b: i32, id_b: i32): bool {
  return a > b || (a == b && id_a < id_b);
}

/** Makes a heap of `count` pairs in any order. */
export function heapify(keys: usize, ids: usize, stride: usize, count: i32): void {
  for (let at = (count >> 1) - 1; at >= 0; --at) {
    const p = <usize>at * stride;
    sift_down(keys, ids, stride, at, count, load<i32>(keys + p), load<i32>(ids + p));
  }
}
