// out[i] = x[i] · scale where the random number of i is at least `threshold`, else 0. The numbers are Philox4x32-10, a
// function of a counter and a key alone (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011; it
// passes all of TestU01's BigCrush): any cut of the range, and the gradient, meet the same ones. With i = 16 · g + 4 · w + l,
// value i takes word w of the block whose counter is [4 · g + l, stream, step0, step1] and whose key is [seed0, seed1].
import { MAP_BLOCK } from "./abi";
import { load_next, splat, store_next } from "./simd";

const PHILOX: usize = memory.data<i32>([
  // multipliers, and what the key grows by
  <i32>0xd2511f53, <i32>0xcd9e8d57, <i32>0x9e3779b9, <i32>0xbb67ae85,
  // lanes
  0, 1, 2, 3,
]);
const ROUNDS: i32 = 10;

/** `state` is the i32 record [seed0, seed1, step0, step1]. out may be x. Unit: a block of MAP_BLOCK floats. */
export function dropout_f32(
  out: usize, x: usize, state: usize, count: i32, stream: i32, threshold: i32, scale: f32, from: i32, to: i32,
): void {
  const by = f32x4.splat(scale);
  const limit = i32x4.splat(threshold);
  const m0 = splat(PHILOX), m1 = splat(PHILOX + 4), w0 = splat(PHILOX + 8), w1 = splat(PHILOX + 12);
  let left = min(to * MAP_BLOCK, count) - from * MAP_BLOCK;
  let counter = i32x4.add(i32x4.splat(from * (MAP_BLOCK / 4)), v128.load(PHILOX + 16));
  const at = <usize>from * MAP_BLOCK << 2;
  out += at;
  x += at;
  for (; left > 0; left -= 16) {
    let c0 = counter, c1 = i32x4.splat(stream), c2 = splat(state + 8), c3 = splat(state + 12);
    let k0 = splat(state), k1 = splat(state + 4);
    for (let round = 0; round < ROUNDS; round++) {
      // Products of 64 bits, of lanes 0 and 1 and of lanes 2 and 3.
      const a = i64x2.extmul_low_i32x4_u(c0, m0), b = i64x2.extmul_high_i32x4_u(c0, m0);
      const c = i64x2.extmul_low_i32x4_u(c2, m1), d = i64x2.extmul_high_i32x4_u(c2, m1);
      c0 = v128.xor(v128.xor(v128.shuffle<i32>(c, d, 1, 3, 5, 7), c1), k0);
      c2 = v128.xor(v128.xor(v128.shuffle<i32>(a, b, 1, 3, 5, 7), c3), k1);
      c1 = v128.shuffle<i32>(c, d, 0, 2, 4, 6);
      c3 = v128.shuffle<i32>(a, b, 0, 2, 4, 6);
      k0 = i32x4.add(k0, w0);
      k1 = i32x4.add(k1, w1);
    }
    drop(out, x, c0, limit, by, left);
    drop(out + 16, x + 16, c1, limit, by, left - 4);
    drop(out + 32, x + 32, c2, limit, by, left - 8);
    drop(out + 48, x + 48, c3, limit, by, left - 12);
    counter = i32x4.add(counter, i32x4.splat(4));
    out += 64;
    x += 64;
  }
}

// @ts-ignore: decorator
@inline
function drop(out: usize, x: usize, bits: v128, limit: v128, by: v128, left: i32): void {
  if (left > 0) store_next(out, v128.and(f32x4.mul(load_next(x, left), by), i32x4.ge_u(bits, limit)), left);
}
