// Dropout: out[i] = x[i] · scale where the random number of i is at least `threshold`, else 0.
//
// The numbers are those of Philox4x32-10, a function of a counter and a key (Salmon et al., "Parallel Random Numbers: As Easy
// as 1, 2, 3", SC 2011), which passes TestU01's BigCrush: however the range is cut, and in the gradient, they are the same.
// With i = 16 · g + 4 · w + l, value i takes word w of the block with counter [4 · g + l, stream, step0, step1] and key
// [seed0, seed1].
import { MAP_BLOCK } from "./abi";
import { load_next, splat, store_next } from "./simd";

const PHILOX: usize = memory.data<i32>([
  // multipliers, and the increments of the key
  <i32>0xd2511f53, <i32>0xcd9e8d57, <i32>0x9e3779b9, <i32>0xbb67ae85,
  // lanes
  0, 1, 2, 3,
]);
const ROUNDS: i32 = 10;

/** `state` is the i32 record [seed0, seed1, step0, step1]. out may be x. Unit: a block of MAP_BLOCK floats. */
export function dropout_f32(
  out: usize, x: usize, state: usize, count: i32, stream: i32, threshold: i32, scale: f32, from: i32, to: i32,
): void {
  const scales = f32x4.splat(scale);
  const thresholds = i32x4.splat(threshold);
  const m0 = splat(PHILOX), m1 = splat(PHILOX + 4), w0 = splat(PHILOX + 8), w1 = splat(PHILOX + 12);
  let left = min(to * MAP_BLOCK, count) - from * MAP_BLOCK;
  let counter = i32x4.add(i32x4.splat(from * (MAP_BLOCK / 4)), v128.load(PHILOX + 16));
  const offset = <usize>from * MAP_BLOCK << 2;
  out += offset;
  x += offset;
  for (; left > 0; left -= 16) {
    let c0 = counter, c1 = i32x4.splat(stream), c2 = splat(state + 8), c3 = splat(state + 12);
    let k0 = splat(state), k1 = splat(state + 4);
    for (let round = 0; round < ROUNDS; round++) {
      // 64-bit products of lanes 0 and 1, and of lanes 2 and 3.
      const a = i64x2.extmul_low_i32x4_u(c0, m0), b = i64x2.extmul_high_i32x4_u(c0, m0);
      const c = i64x2.extmul_low_i32x4_u(c2, m1), d = i64x2.extmul_high_i32x4_u(c2, m1);
      c0 = v128.xor(v128.xor(v128.shuffle<i32>(c, d, 1, 3, 5, 7), c1), k0);
      c2 = v128.xor(v128.xor(v128.shuffle<i32>(a, b, 1, 3, 5, 7), c3), k1);
      c1 = v128.shuffle<i32>(c, d, 0, 2, 4, 6);
      c3 = v128.shuffle<i32>(a, b, 0, 2, 4, 6);
      k0 = i32x4.add(k0, w0);
      k1 = i32x4.add(k1, w1);
    }
    drop(out, x, c0, thresholds, scales, left);
    drop(out + 16, x + 16, c1, thresholds, scales, left - 4);
    drop(out + 32, x + 32, c2, thresholds, scales, left - 8);
    drop(out + 48, x + 48, c3, thresholds, scales, left - 12);
    counter = i32x4.add(counter, i32x4.splat(4));
    out += 64;
    x += 64;
  }
}

// @ts-ignore: decorator
@inline
function drop(out: usize, x: usize, bits: v128, thresholds: v128, scales: v128, left: i32): void {
  if (left > 0) store_next(out, v128.and(f32x4.mul(load_next(x, left), scales), i32x4.ge_u(bits, thresholds)), left);
}
