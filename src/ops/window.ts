// A window that slides over one to three spatial axes: the arithmetic that convolution, pooling and patches share; and how the
// pixels of a value [n, ...spatial, c] lie in memory.
import { ShapeError } from "../errors.ts";
import type { Shape, TensorType, Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { aFlag, integer, MAX_INTEGER, refuse } from "../validate.ts";
import { integers, requireFloats, spatialShape } from "./check.ts";

/**
 * How much padding is added before the window slides.
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

/** What the padding holds: zeros, the image mirrored at its edge pixel, or the edge pixel repeated. */
export type PaddingMode = "zeros" | "reflect" | "replicate";

/** One axis of a sliding window, all numbers resolved. */
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
  /** Round the output size up: the last window may reach past the end (PyTorch's rule). */
  ceilMode?: boolean;
}

const NAMES = ["width", "height", "depth"];

/**
 * Resolves padding and output size of every spatial axis: floor((W − F + 2P) / S) + 1 with F = D·(K − 1) + 1. Throws ShapeError
 * where a window does not fit, and where a coordinate could pass 2^31; ArgumentError for what is no padding.
 */
export function slide(sizes: Shape, o: WindowOptions, where: string): Axis[] {
  return sizes.map((size, i) => {
    const kernel = o.kernel[i];
    const stride = o.stride[i];
    const dilation = o.dilation[i];
    const reach = dilation * (kernel - 1) + 1;
    const [before, after] = paddingOf(o.padding, i, sizes.length, size, reach, stride, where);
    const room = size + before + after - reach;
    const axis = NAMES[sizes.length - 1 - i];
    if (room < 0) {
      const effective = dilation > 1 ? ` (${kernel} with dilation ${dilation})` : "";
      throw new ShapeError(
        `${where}: the kernel does not fit the ${axis}: floor((W − F + P) / S) + 1 = ` +
          `floor((${size} − ${reach} + ${before + after}) / ${stride}) + 1 is below 1 ` +
          `(input ${size}, kernel ${reach}${effective}, padding ${before} + ${after}); ` +
          `the ${axis} must be at least ${Math.max(1, reach - before - after)}`,
      );
    }
    checkSpan(size, before + after, { kernel, stride, dilation }, where);
    let out = Math.floor(room / stride) + 1;
    if (o.ceilMode) {
      out = Math.ceil(room / stride) + 1;
      // A window must begin inside the input or the padding before it.
      if ((out - 1) * stride >= size + before) out--;
    }
    return { size, out, kernel, stride, dilation, before, after };
  });
}

/**
 * Kernels compute with coordinates of 32 bits: no tap of any window, nor the window after the last, may lie beyond them. `size` is
 * that of what windows slide over.
 */
export function checkSpan(
  size: number,
  padding: number,
  { kernel, stride, dilation }: Pick<Axis, "kernel" | "stride" | "dilation">,
  where: string,
): void {
  const span = size + padding + stride + kernel * dilation;
  if (span > MAX_INTEGER)
    throw new ShapeError(
      `${where}: windows with kernel ${kernel}, stride ${stride} and dilation ${dilation} over ${size} pixels and padding of ` +
        `${padding} span ${span} pixels but may span at most ${MAX_INTEGER}`,
    );
}

/** Throws unless it is a word, a number or a list with something for every axis. */
export function checkPadding(padding: Padding, axes: number, where: string): void {
  if (padding === "valid" || padding === "same" || padding === "half" || typeof padding === "number") return;
  if (!Array.isArray(padding) || padding.length !== axes)
    refuse(
      padding,
      "padding",
      where,
      `"valid", "same", "half", a number, or a list of ${axes} numbers or [before, after] pairs`,
    );
}

function paddingOf(
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
    const both = Math.max((Math.ceil(size / stride) - 1) * stride + reach - size, 0);
    return [Math.floor(both / 2), both - Math.floor(both / 2)];
  }
  if (padding === "half") {
    const half = Math.floor((reach - 1) / 2);
    return [half, half];
  }
  if (typeof padding === "number") {
    const p = integer(padding, "padding", where, 0);
    return [p, p];
  }
  checkPadding(padding, axes, where);
  const p: unknown = padding[i];
  if (Array.isArray(p)) {
    if (p.length !== 2) refuse(p, `padding[${i}]`, where, "a pair [before, after]");
    return [integer(p[0], `padding[${i}][0]`, where, 0), integer(p[1], `padding[${i}][1]`, where, 0)];
  }
  const both = integer(p, `padding[${i}]`, where, 0);
  return [both, both];
}

/** Checks an input [n, ...spatial, c] of floats and the lists of a window over it; gives the input's spatial shape. */
export function checkWindow(x: TensorType, o: Omit<WindowOptions, "padding">, where: string): Shape {
  requireFloats(x, where);
  const sizes = spatialShape(x, where);
  integers(o.kernel, sizes.length, "kernel", where, 1);
  integers(o.stride, sizes.length, "stride", where, 1);
  integers(o.dilation, sizes.length, "dilation", where, 1);
  if (o.ceilMode !== undefined) aFlag(o.ceilMode, "ceilMode", where);
  return sizes;
}

/** An axis that a window of one pixel leaves as it is. */
export const unchanged = (size: number): Axis => ({
  ...{ size, out: size, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 },
});

/** Depth, height and width: `leading` in front of the one to three values there are. */
export function threeAxes<T>(values: readonly T[], leading: T): T[] {
  return [...new Array<T>(3 - values.length).fill(leading), ...values];
}

/** The axes of a window as lists, as records of convolutions, pools and patches take them. */
export const windowLists = (axes: readonly Omit<Axis, "after">[]) => ({
  size: axes.map((a) => a.size),
  out: axes.map((a) => a.out),
  kernel: axes.map((a) => a.kernel),
  stride: axes.map((a) => a.stride),
  dilation: axes.map((a) => a.dilation),
  before: axes.map((a) => a.before),
});

/** Where the first image lies, and bytes from image to image, plane to plane, row to row, pixel to pixel. */
export interface Images {
  readonly base: Address;
  readonly strides: readonly number[];
}

/** The strides of the images in a value [n, ...spatial, c]. */
export function pixelStrides({ strides }: Pick<Value, "strides">): number[] {
  return [strides[0], ...threeAxes(strides.slice(1, -1), 0)];
}

/** The same for a dense tensor [n, ...sizes, c] of three sizes. */
export function densePixelStrides([d, h, w]: Shape, c: number): number[] {
  const pixel = c * 4;
  return [d * h * w * pixel, h * w * pixel, w * pixel, pixel];
}

/** The images in a value [n, ...spatial, c]. */
export const imagesOf = (value: Value): Images => ({ base: value.base, strides: pixelStrides(value) });
