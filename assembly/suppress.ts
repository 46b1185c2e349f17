// Non-maximum suppression: of boxes that overlap, those with the highest scores. ONNX's, TensorFlow's hard and its soft one are the
// same loop: candidates leave a heap in order of their scores, and each is compared with those selected so far.
import {
  SUPPRESS_BOXES, SUPPRESS_CENTER, SUPPRESS_CLASSES, SUPPRESS_IMAGES, SUPPRESS_MOST, SUPPRESS_OVERLAP, SUPPRESS_SCALE,
  SUPPRESS_SCORE,
} from "./abi";
import { exp_f32x4 } from "./exp";
import { float_key, heapify, sift_down } from "./heap";
import { field, field_f32 } from "./simd";

/** The area of the intersection of two boxes over that of their union; 0 where a box has no area. */
function overlap(a: usize, b: usize, center: i32): f32 {
  let a0 = load<f32>(a), a1 = load<f32>(a, 4), a2 = load<f32>(a, 8), a3 = load<f32>(a, 12);
  let b0 = load<f32>(b), b1 = load<f32>(b, 4), b2 = load<f32>(b, 8), b3 = load<f32>(b, 12);
  if (center) {
    // Centres and sizes become corners.
    const aw = a2 / 2, ah = a3 / 2, bw = b2 / 2, bh = b3 / 2;
    a2 = a0 + aw;
    a0 -= aw;
    a3 = a1 + ah;
    a1 -= ah;
    b2 = b0 + bw;
    b0 -= bw;
    b3 = b1 + bh;
    b1 -= bh;
  }
  const a_top = min(a0, a2), a_left = min(a1, a3), a_bottom = max(a0, a2), a_right = max(a1, a3);
  const b_top = min(b0, b2), b_left = min(b1, b3), b_bottom = max(b0, b2), b_right = max(b1, b3);
  const area_a = (a_bottom - a_top) * (a_right - a_left);
  const area_b = (b_bottom - b_top) * (b_right - b_left);
  if (!(area_a > 0 && area_b > 0)) return 0;
  const height = max<f32>(0, min(a_bottom, b_bottom) - max(a_top, b_top));
  const width = max<f32>(0, min(a_right, b_right) - max(a_left, b_left));
  const common = height * width;
  return common / (area_a + area_b - common);
}

/**
 * Selects boxes, up to `most` of each class of each image.
 *   boxes [images, n, 4], two opposite corners or centre and size; scores [images, classes, n]
 *   out: a row (image, class, box) for each that is selected and -1 beyond, where `out_scores` is 0; or box alone, and 0 beyond, with
 *   its score in out_scores. count: how many. scratch: 3 · n words.
 * A box is a candidate where its score is above `threshold`. It is suppressed where it overlaps a selected one by more than `iou`.
 * With a `scale` below 0 (soft) its score is multiplied by exp(scale · overlap²) for each selected one instead, by 0 above `iou`.
 * Unit: everything, for what is selected later depends on what was before.
 */
export function non_max_suppression_f32(
  out: usize, out_scores: usize, count: usize, boxes: usize, scores: usize, scratch: usize, suppression: usize,
  from: i32, to: i32,
): void {
  if (from >= to) return;
  const images = field(suppression, SUPPRESS_IMAGES), classes = field(suppression, SUPPRESS_CLASSES);
  const n = field(suppression, SUPPRESS_BOXES), most = field(suppression, SUPPRESS_MOST);
  const center = field(suppression, SUPPRESS_CENTER), iou = field_f32(suppression, SUPPRESS_OVERLAP);
  const threshold = field_f32(suppression, SUPPRESS_SCORE), scale = field_f32(suppression, SUPPRESS_SCALE);
  const keys = scratch, ids = keys + (<usize>n << 2), seen = ids + (<usize>n << 2);
  const stride: usize = out_scores ? 4 : 12;
  const last = stride - 4;
  const begin = out;
  for (let image = 0; image < images; ++image, boxes += <usize>n << 4) {
    for (let c = 0; c < classes; ++c, scores += <usize>n << 2) {
      let left = 0;
      for (let i = 0; i < n; ++i) {
        const p = <usize>i << 2;
        store<i32>(seen + p, 0);
        if (!(load<f32>(scores + p) > threshold)) continue;
        store<i32>(keys + (<usize>left << 2), float_key(load<i32>(scores + p)));
        store<i32>(ids + (<usize>left << 2), i);
        ++left;
      }
      heapify(keys, ids, 4, left);
      const first = out;
      const end = out + <usize>most * stride;
      while (left > 0 && out < end) {
        const id = load<i32>(ids);
        const key = load<i32>(keys);
        const box = boxes + (<usize>id << 4);
        const score = reinterpret<f32>(key ^ ((key >> 31) & 0x7fffffff));
        let weighed = score;
        let kept = true;
        // The selected ones it has been weighed by before it went back into the heap are left out.
        const until = first + <usize>load<i32>(seen + (<usize>id << 2)) * stride;
        for (let s = out; s > until && kept;) {
          s -= stride;
          const shared = overlap(box, boxes + (<usize>load<i32>(s + last) << 4), center);
          if (scale < 0) {
            const x = scale * shared * shared;
            weighed *= shared <= iou ? f32x4.extract_lane(exp_f32x4(f32x4.splat(x)), 0) : 0;
            kept = weighed > threshold;
          } else kept = !(shared > iou);
        }
        if (kept && weighed != score) {
          store<i32>(seen + (<usize>id << 2), <i32>((out - first) / stride));
          sift_down(keys, ids, 4, 0, left, float_key(reinterpret<i32>(weighed)), id);
          continue;
        }
        --left;
        const tail = <usize>left << 2;
        sift_down(keys, ids, 4, 0, left, load<i32>(keys + tail), load<i32>(ids + tail));
        if (!kept) continue;
        if (out_scores) {
          store<f32>(out_scores, score);
          out_scores += 4;
        } else {
          store<i32>(out, image);
          store<i32>(out, c, 4);
        }
        store<i32>(out + last, id);
        out += stride;
      }
    }
  }
  store<i32>(count, <i32>((out - begin) / stride));
  const rest = begin + <usize>(images * classes * most) * stride - out;
  memory.fill(out, out_scores ? 0 : 0xff, rest);
  if (out_scores) memory.fill(out_scores, 0, rest);
}
