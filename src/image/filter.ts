// Filters with kernels of one's own.
import { ArgumentError, ShapeError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { aFlag, aNumber, anInteger, type Checks, checkOptions, refuse } from "../validate.ts";
import { aFilterBorder } from "./checks.ts";
import type { ImageEngine } from "./engine.ts";
import { MAX_KERNEL } from "./gaussian.ts";
import { type Floats, type ImageLike, isFloat, type OutputOptions, readImage, type Same } from "./image.ts";
import type { Kernel } from "./kernels.ts";
import { type FilterBorder, filterAll } from "./rows.ts";
import {
  aFloat,
  aPair,
  kernelFilter,
  linesFilter,
  type Pair,
  pairOf,
  readKernel,
  readWeights,
} from "./window.ts";

export interface SeparableOptions<I = ImageLike> extends OutputOptions<I> {
  /** What lies beyond the edge; "valid": only windows that lie inside the image, which makes the result smaller. Default "reflect101". */
  readonly border?: FilterBorder;
  /** Added to the sum. Default 0. */
  readonly bias?: number;
  /** Multiplies the sum, before the bias is added. Default 1. */
  readonly scale?: number;
}

export interface FilterOptions<I = ImageLike> extends SeparableOptions<I> {
  /** Every how many pixels the kernel is laid on the image, or [vertical, horizontal]. Default 1. */
  readonly stride?: Pair;
  /** Pixels from one weight to the next, or [vertical, horizontal]. Default 1. */
  readonly dilation?: Pair;
}

/** With a list of kernels `out` is a list of images. */
export type FiltersOptions<I = ImageLike> = Omit<FilterOptions<I>, "out"> & {
  readonly out?: readonly (Same<I> | Floats<I>)[];
};

const SEPARABLE: Checks<SeparableOptions> = {
  ...{ border: aFilterBorder, bias: aFloat, scale: aNumber },
  ...{ float: aFlag, out: true },
};
const OPTIONS: Checks<FilterOptions> = {
  ...SEPARABLE,
  stride: aPair(anInteger(1, MAX_KERNEL)),
  dilation: aPair(anInteger(1, MAX_KERNEL)),
};

type AsFloat = { readonly float: true };

/**
 * Correlation with a kernel, as OpenCV's filter2D: every pixel becomes scale * (sum of weight[y][x] * pixel[y - floor(h / 2)][x - floor(w / 2)])
 * + bias, the kernel's centre being at [floor(h / 2), floor(w / 2)]; turn a kernel round by 180 degrees to convolve with it. Channels
 * are filtered each for themselves, alpha stays as it is. A list of kernels gives a list of images.
 * Throws ArgumentError for kernels that are no rows of finite numbers, ShapeError where with border "valid" one is larger than the image.
 */
export function filter2d<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  kernel: Kernel,
  options: FilterOptions<I> & AsFloat,
): Floats<I>;
export function filter2d<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  kernel: Kernel,
  options?: FilterOptions<I>,
): Same<I>;
export function filter2d<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  kernels: readonly Kernel[],
  options: FiltersOptions<I> & AsFloat,
): Floats<I>[];
export function filter2d<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  kernels: readonly Kernel[],
  options?: FiltersOptions<I>,
): Same<I>[];
export function filter2d(
  engine: ImageEngine,
  image: ImageLike,
  kernel: Kernel | readonly Kernel[],
  options: FilterOptions | FiltersOptions = {},
): unknown {
  const where = "filter2d";
  checkOptions(where, options, OPTIONS);
  const source = readImage(engine, image, where);
  const list = isList(kernel);
  const kernels = list
    ? Array.from(kernel as readonly unknown[], (one, i) => readKernel(one, `kernels[${i}]`, where))
    : [readKernel(kernel, "kernel", where)];
  const { border, stride = 1, dilation = 1, bias = 0, scale = 1, out } = options;
  const outs = list ? readOuts(out, kernels.length, where) : [out];
  const float = isFloat(source, options);
  const terms = { scale, bias, dilation: pairOf(dilation), bytes: !float };
  const filters = kernels.map((weights) => kernelFilter(weights, terms, where));
  const made = filterAll(source, filters, { border, stride: pairOf(stride), float }, outs);
  return list ? made : made[0];
}

/** Whether it is a list of kernels: a kernel's items are rows, theirs are numbers. */
const isList = (kernel: unknown): boolean =>
  Array.isArray(kernel) &&
  Array.isArray(kernel[0]) &&
  typeof kernel[0][0] === "object" &&
  kernel[0][0] !== null;

function readOuts(out: unknown, count: number, where: string): readonly unknown[] {
  if (out === undefined) return [];
  if (!Array.isArray(out)) return refuse(out, "out", where, "a list of images, one for every kernel");
  if (out.length !== count)
    throw new ShapeError(`${where}: out has ${out.length} images but there are ${count} kernels`);
  if (new Set(out.map((one) => (one instanceof Tensor ? one.block : one))).size < count)
    throw new ArgumentError(
      `${where}: out has the same image twice, or two that share memory, but must have one for every kernel`,
    );
  return out;
}

/**
 * Correlation with the products of two lines of weights, as OpenCV's sepFilter2D: the kernel whose weight [y][x] is kernelY[y] * kernelX[x],
 * at the cost of both lines. Centre, scale and bias as for `filter2d`. Bytes are rounded once, at the end.
 * Throws ArgumentError for weights that are no finite numbers, ShapeError where with border "valid" the kernel is larger than the image.
 */
export function separableFilter<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  kernelX: readonly number[],
  kernelY: readonly number[],
  options: SeparableOptions<I> & AsFloat,
): Floats<I>;
export function separableFilter<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  kernelX: readonly number[],
  kernelY: readonly number[],
  options?: SeparableOptions<I>,
): Same<I>;
export function separableFilter(
  engine: ImageEngine,
  image: ImageLike,
  kernelX: readonly number[],
  kernelY: readonly number[],
  options: SeparableOptions = {},
): unknown {
  const where = "separableFilter";
  checkOptions(where, options, SEPARABLE);
  const source = readImage(engine, image, where);
  const across = readWeights(kernelX, "kernelX", where);
  const down = readWeights(kernelY, "kernelY", where);
  const { border, bias = 0, scale = 1, out } = options;
  const float = isFloat(source, options);
  const filter = linesFilter(down, across, { scale, bias, dilation: [1, 1], bytes: !float }, where);
  return filterAll(source, [filter], { border, float }, [out])[0];
}
