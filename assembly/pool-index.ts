// Max pooling that also says where the maxima lie, and its inverse. Indices count the values of a tensor [n, c, d, h, w], as ONNX does.
import {
  POOL_C, POOL_D, POOL_DX, POOL_DY, POOL_DZ, POOL_H, POOL_KD, POOL_KH, POOL_KW, POOL_N, POOL_OD, POOL_OH, POOL_OUT_D, POOL_OUT_H,
  POOL_OUT_N, POOL_OUT_W, POOL_OW, POOL_PF, POOL_PL, POOL_PT, POOL_SX, POOL_SY, POOL_SZ, POOL_W, POOL_X_D, POOL_X_H, POOL_X_N, POOL_X_W,
} from "./abi";
import {
  UNPOOL_C, UNPOOL_D, UNPOOL_H, UNPOOL_INDEX_D, UNPOOL_INDEX_H, UNPOOL_INDEX_W, UNPOOL_PIXELS, UNPOOL_W,
} from "./abi-imported";
import { fill_floats } from "./copy";
import { field, load_next, store_next } from "./simd";
import { end_tap, first_tap } from "./window";

/**
 * The largest tap, and its index: the first of equal ones, or the first NaN. -Infinity and the index of pixel 0 where no tap lies inside
 * x. With `columns` 1 the last of the spatial axes counts slowest in the index, not fastest. out and indices lie alike. Unit: an output pixel.
 */
export function pool_max_index_f32(
  out: usize, indices: usize, x: usize, poolShape: usize, columns: i32, from: i32, to: i32,
): void {
  const d = field(poolShape, POOL_D), h = field(poolShape, POOL_H), w = field(poolShape, POOL_W), c = field(poolShape, POOL_C);
  const od = field(poolShape, POOL_OD), oh = field(poolShape, POOL_OH), ow = field(poolShape, POOL_OW);
  const dz = field(poolShape, POOL_DZ), dy = field(poolShape, POOL_DY), dx = field(poolShape, POOL_DX);
  const plane = <usize>field(poolShape, POOL_X_D), row = <usize>field(poolShape, POOL_X_H);
  const pixel = <usize>field(poolShape, POOL_X_W);
  assert(from >= 0 && to <= field(poolShape, POOL_N) * od * oh * ow, "pixels of the output");
  const step_z = columns ? 1 : h * w, step_y = columns ? d : w, step_x = columns ? d * h : 1;
  const channel = d * h * w;
  const lanes = i32x4.mul(i32x4(0, 1, 2, 3), i32x4.splat(channel));
  for (let i = from; i < to; i++) {
    const ox = i % ow, oy = (i / ow) % oh;
    const rest = i / (ow * oh);
    const oz = rest % od, n = rest / od;
    const z = oz * field(poolShape, POOL_SZ) - field(poolShape, POOL_PF);
    const y = oy * field(poolShape, POOL_SY) - field(poolShape, POOL_PT);
    const x0 = ox * field(poolShape, POOL_SX) - field(poolShape, POOL_PL);
    const fz = first_tap(z, dz), ez = end_tap(z, d, field(poolShape, POOL_KD), dz);
    const fy = first_tap(y, dy), ey = end_tap(y, h, field(poolShape, POOL_KH), dy);
    const fx = first_tap(x0, dx), ex = end_tap(x0, w, field(poolShape, POOL_KW), dx);
    const image = x + <usize>n * field(poolShape, POOL_X_N);
    const o = <usize>n * field(poolShape, POOL_OUT_N) + <usize>oz * field(poolShape, POOL_OUT_D)
      + <usize>oy * field(poolShape, POOL_OUT_H) + <usize>ox * field(poolShape, POOL_OUT_W);
    for (let ch = 0; ch < c; ch += 4) {
      const first = i32x4.add(i32x4.splat((n * c + ch) * channel), lanes);
      let best = f32x4.splat(-Infinity), where = first;
      // Until a tap has been taken, one of -Infinity counts as well.
      let none = i32x4.splat(-1);
      for (let kz = fz; kz < ez; kz++)
        for (let ky = fy; ky < ey; ky++) {
          let t = image + plane * (z + kz * dz) + row * (y + ky * dy) + pixel * (x0 + fx * dx) + (<usize>ch << 2);
          let at = (z + kz * dz) * step_z + (y + ky * dy) * step_y + (x0 + fx * dx) * step_x;
          for (let kx = fx; kx < ex; kx++, t += pixel * dx, at += dx * step_x) {
            const v = load_next(t, c - ch);
            // Larger, or the first NaN.
            const taken = v128.or(v128.or(f32x4.gt(v, best), none), v128.andnot(f32x4.ne(v, v), f32x4.ne(best, best)));
            best = v128.bitselect(v, best, taken);
            where = v128.bitselect(i32x4.add(first, i32x4.splat(at)), where, taken);
            none = i32x4.splat(0);
          }
        }
      store_next(out + o + (<usize>ch << 2), best, c - ch);
      store_next(indices + o + (<usize>ch << 2), where, c - ch);
    }
  }
}

/**
 * out [n, d, h, w, c] holds the values of x [n, pixels, c] where `indices` say, and 0 elsewhere. Indices count a tensor [n, c, id, ih, iw];
 * what they place outside its image or outside out is dropped, and of two values in one place the last is kept. Unit: an image.
 */
export function max_unpool_f32(
  out: usize, x: usize, indices: usize, unpoolShape: usize, from: i32, to: i32,
): void {
  const c = field(unpoolShape, UNPOOL_C), d = field(unpoolShape, UNPOOL_D), h = field(unpoolShape, UNPOOL_H);
  const w = field(unpoolShape, UNPOOL_W), id = field(unpoolShape, UNPOOL_INDEX_D);
  const ih = field(unpoolShape, UNPOOL_INDEX_H), iw = field(unpoolShape, UNPOOL_INDEX_W);
  assert(0 <= from && from <= to);
  const count = field(unpoolShape, UNPOOL_PIXELS) * c, channel = id * ih * iw;
  for (let n = from; n < to; n++) {
    const image = out + (<usize>n * <usize>(d * h * w * c) << 2);
    fill_floats(image, 0, d * h * w * c);
    const start = <usize>n * <usize>count << 2;
    for (let i: usize = 0; i < <usize>count << 2; i += 4) {
      const at = load<i32>(indices + start + i) - n * c * channel;
      if (<u32>at >= <u32>(c * channel)) continue;
      const ch = at / channel, rest = at - ch * channel;
      const z = rest / (ih * iw), y = rest / iw % ih, column = rest % iw;
      if (z < d && y < h && column < w)
        store<i32>(image + (<usize>(((z * h + y) * w + column) * c + ch) << 2), load<i32>(x + start + i));
    }
  }
}
