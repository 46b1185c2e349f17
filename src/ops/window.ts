// A window slides over one to three spatial axes: the arithmetic convolution and pooling share.
import { ShapeError } from "../errors.ts";
import type { Shape } from "../graph/op.ts";
import { integer, show } from "./check.ts";

/**
 * How much border is added before the window slides.
 * - `"valid"`: none.
 * - `"same"`: TensorFlow's rule: the output has ceil(W / S) pixels; an odd rest goes to the end.
 * - `"half"`: floor(D·(F − 1) / 2) on both sides, PyTorch's habit for odd kernels.
 * - a number, or one number per axis: that much on both sides.
 * - a list of `[before, after]`, one pair per axis.
 */
export type Padding =
  | "valid"
  | "same"
  | "half"
  | number
  | readonly number[]
  | readonly (readonly [number, number])[];

/** What the border holds: zeros, the picture mirrored at its edge pixel, or the edge pixel repeated. */
export type PaddingMode = "zeros" | "reflect" | "replicate";

/** One axis of a sliding window, all numbers settled. */
export interface Axis {
  /** Pixels of input and output. */
  size: number;
  out: number;
  kernel: number;
  stride: number;
  dilation: number;
  before: number;
  after: number;
}

export interface WindowOptions {
  kernel: readonly number[];
  stride: readonly number[];
  dilation: readonly number[];
  padding: Padding;
  /** Round the output size up: the last window may hang over the end (PyTorch's rule). */
  ceilMode?: boolean;
}

const NAMES = ["width", "height", "depth"];

/** Settles padding and output size of every spatial axis: floor((W − F + 2P) / S) + 1 with F = D·(K − 1) + 1. */
export function slide(sizes: Shape, o: WindowOptions, where: string): Axis[] {
  return sizes.map((size, i) => {
    const kernel = o.kernel[i];
    const stride = o.stride[i];
    const dilation = o.dilation[i];
    const reach = dilation * (kernel - 1) + 1;
    const [before, after] = padOf(o.padding, i, sizes.length, size, reach, stride, where);
    const room = size + before + after - reach;
    if (room < 0) {
      const axis = NAMES[sizes.length - 1 - i];
      const effective = dilation > 1 ? ` (${kernel} with dilation ${dilation})` : "";
      throw new ShapeError(
        `${where}: the kernel does not fit the ${axis}: floor((W − F + P) / S) + 1 = ` +
          `floor((${size} − ${reach} + ${before + after}) / ${stride}) + 1 is below 1 ` +
          `(input ${size}, kernel ${reach}${effective}, padding ${before} + ${after}); ` +
          `the ${axis} must be at least ${Math.max(1, reach - before - after)}`,
      );
    }
    let out = Math.floor(room / stride) + 1;
    if (o.ceilMode) {
      out = Math.ceil(room / stride) + 1;
      // A window must begin inside the input or the border before it.
      if ((out - 1) * stride >= size + before) out--;
    }
    return { size, out, kernel, stride, dilation, before, after };
  });
}

function padOf(
  padding: Padding,
  i: number,
  axes: number,
  size: number,
  reach: number,
  stride: number,
  where: string,
): [number, number] {
  if (padding === "valid") return [0, 0];
  if (padding === "same") {
    const total = Math.max((Math.ceil(size / stride) - 1) * stride + reach - size, 0);
    return [Math.floor(total / 2), total - Math.floor(total / 2)];
  }
  if (padding === "half") {
    const half = Math.floor((reach - 1) / 2);
    return [half, half];
  }
  if (typeof padding === "number") {
    const p = integer(padding, "padding", where, 0);
    return [p, p];
  }
  if (!Array.isArray(padding) || padding.length !== axes)
    throw new ShapeError(
      `${where}: padding is ${JSON.stringify(padding)} but must be "valid", "same", "half", a number, or a list of ${axes} numbers or [before, after] pairs`,
    );
  const p: unknown = padding[i];
  if (Array.isArray(p)) {
    if (p.length !== 2)
      throw new ShapeError(`${where}: padding[${i}] is ${show(p)} but must be a pair [before, after]`);
    return [integer(p[0], `padding[${i}][0]`, where, 0), integer(p[1], `padding[${i}][1]`, where, 0)];
  }
  const both = integer(p, `padding[${i}]`, where, 0);
  return [both, both];
}

/** One to three spatial axes as depth, height, width. */
export function threeAxes(values: readonly number[], missing: number): number[] {
  return [...new Array<number>(3 - values.length).fill(missing), ...values];
}
