// Images as networks take them: floats of a small range, one layout, many images at once.

import { runtimeOf } from "../engine/base.ts";
import { ArgumentError, ShapeError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import {
  aFlag,
  aNumber,
  anInteger,
  asNumbers,
  aWord,
  type Check,
  type Checks,
  checkOptions,
  integer,
  refuse,
} from "../validate.ts";
import { aPerChannel, type PerChannel } from "./checks.ts";
import type { ImageEngine } from "./engine.ts";
import { type Floats, hasAlpha, type ImageLike, readImage } from "./image.ts";
import { checkPixels, type Image, type PixelData, type PixelImage } from "./pixels.ts";

/** What 0 and 255 of an image become. */
export type ValueRange = "0..1" | "-1..1" | "0..255";
/** Channels last, or first. */
export type BatchLayout = "nhwc" | "nchw";

const RANGES = aWord("0..1", "-1..1", "0..255");
const LAYOUTS = aWord("nhwc", "nchw");

const aDivisor: Check<number> = (value, name, where) => {
  aNumber(value, name, where);
  if (value === 0) refuse(value, name, where, "a number other than 0");
};

export interface BatchOptions {
  /** Default "0..1". */
  readonly range?: ValueRange;
  /** Default "nhwc". */
  readonly layout?: BatchLayout;
  /** Taken away, once values are in their range: a number for all channels, or one for each. Default 0. */
  readonly mean?: PerChannel;
  /** Divided by after that, likewise. Default 1. */
  readonly std?: PerChannel;
  /** How many channels come out: alpha is left out of RGBA for 3, gray repeated for 3. Default: those of the images. */
  readonly channels?: 1 | 2 | 3 | 4;
}

const BATCH: Checks<BatchOptions> = {
  range: RANGES,
  layout: LAYOUTS,
  mean: aPerChannel(),
  std: aPerChannel(aDivisor),
  channels: anInteger(1, 4) as Check<1 | 2 | 3 | 4>,
};

export interface TensorOptions extends BatchOptions {
  /** Whether one image becomes a batch of one, [1, h, w, c]. Default false; lists of images are always batches. */
  readonly batch?: boolean;
}

/** value · scale + offset for 0 to 255 in a range. */
const RANGE: Readonly<Record<ValueRange, readonly [scale: number, offset: number]>> = {
  "0..1": [1 / 255, 0],
  "-1..1": [2 / 255, -1],
  "0..255": [1, 0],
};

/** One number for each channel. */
function each(
  value: PerChannel | undefined,
  other: number,
  channels: number,
  name: string,
  where: string,
): number[] {
  if (typeof value !== "object") return Array.from({ length: channels }, () => value ?? other);
  if (value.length !== channels)
    throw new ShapeError(`${where}: ${name} has ${value.length} numbers but there are ${channels} channels`);
  return [...value];
}

/** By channel: ((value · scale + offset) − mean) / std as value · a + b. */
function affine(options: BatchOptions, channels: number, where: string): (readonly [a: number, b: number])[] {
  const [scale, offset] = RANGE[options.range ?? "0..1"];
  const mean = each(options.mean, 0, channels, "mean", where);
  const std = each(options.std, 1, channels, "std", where);
  return mean.map((m, k) => [scale / std[k], (offset - m) / std[k]]);
}

/** The channel of an image of `has` channels that is channel k of `wants`. Throws ShapeError where there is none. */
function channelsOf(has: number, wants: number, where: string): number[] {
  const gray = has < 3;
  if (wants === has || (has === 4 && wants === 3) || (has === 2 && wants === 1) || (gray && wants === 3))
    return Array.from({ length: wants }, (_, k) => (gray && wants === 3 ? 0 : k));
  throw new ShapeError(
    `${where}: images of ${has} channels cannot become ${wants}: alpha can be left out and gray repeated; for gray take toGray`,
  );
}

interface Packed {
  readonly shape: readonly number[];
  write(to: Float32Array): void;
}

type Pixels = Pick<Image, "width" | "height" | "channels"> & { values(): PixelData };

function pack(images: readonly Pixels[], options: BatchOptions, where: string): Packed {
  const { width, height, channels: has } = images[0];
  images.forEach((image, i) => {
    if (image.width !== width || image.height !== height || image.channels !== has)
      throw new ShapeError(
        `${where}: image ${i} has ${image.width} x ${image.height} pixels of ${image.channels} channels but image 0 has ${width} x ${height} of ${has}`,
      );
  });
  const c = options.channels ?? has;
  const from = channelsOf(has, c, where);
  const scales = affine(options, c, where);
  const first = options.layout === "nchw";
  const plane = width * height;
  return {
    shape: first ? [images.length, c, height, width] : [images.length, height, width, c],
    write(to) {
      images.forEach((image, i) => {
        const values = image.values();
        for (let k = 0; k < c; k++) {
          const [a, b] = scales[k];
          let q = i * plane * c + (first ? k * plane : k);
          const step = first ? 1 : c;
          for (let p = from[k]; p < values.length; p += has, q += step) to[q] = values[p] * a + b;
        }
      });
    },
  };
}

const isList = (images: unknown): images is readonly unknown[] => Array.isArray(images);

function mustNotBeEmpty(images: readonly unknown[], where: string): void {
  if (images.length === 0)
    throw new ArgumentError(`${where}: the list of images is empty but must hold one at least`);
}

/**
 * A tensor [h, w, c] of an image, or a batch [n, h, w, c] of images of one size: ((x / 255) − mean) / std, or in another range; "nchw" puts
 * channels first. Values of float images count as from 0 to 255, too. Dispose the tensor when done.
 */
export function toTensor(
  engine: ImageEngine,
  images: ImageLike | readonly ImageLike[],
  options: TensorOptions = {},
): Tensor {
  checkOptions("toTensor", options, { ...BATCH, batch: aFlag } satisfies Checks<TensorOptions>);
  const runtime = runtimeOf(engine, "toTensor");
  const list = isList(images) ? images : [images];
  mustNotBeEmpty(list, "toTensor");
  const sources = list.map((image) => readImage(engine, image, "toTensor"));
  const { shape, write } = pack(sources, options, "toTensor");
  const whole = isList(images) || options.batch;
  const made = new Tensor(runtime, { shape: whole ? shape : shape.slice(1), dtype: "float32" }, "toTensor");
  const from = made.address("toTensor") / 4;
  write(runtime.memory.floats.subarray(from, from + made.size));
  return made;
}

/** The same values as an array, without an engine: for `net.predict` and `net.fit`. Images are pixels in arrays. */
export function toArray(
  images: PixelImage | readonly PixelImage[],
  options: BatchOptions = {},
): Float32Array {
  checkOptions("toArray", options, BATCH);
  const list = isList(images) ? images : [images];
  mustNotBeEmpty(list, "toArray");
  const pixels = list.map((image, i): Pixels => {
    const { data, width, height, channels } = checkPixels(
      image,
      isList(images) ? `images[${i}]` : "image",
      "toArray",
    );
    return { width, height, channels, values: () => data };
  });
  const { shape, write } = pack(pixels, options, "toArray");
  const made = new Float32Array(shape.reduce((a, b) => a * b));
  write(made);
  return made;
}

/** What a network gives: a tensor, or values with their shape. */
export type TensorLike = Tensor | { readonly data: ArrayLike<number>; readonly shape: readonly number[] };

export interface FromTensorOptions extends Omit<BatchOptions, "channels"> {
  /** Which image of a batch. Default: the only one. */
  readonly index?: number;
  /** Float32 values that are neither rounded nor limited to 0..255. Default false. */
  readonly float?: boolean;
}

const FROM: Checks<FromTensorOptions> = {
  range: RANGES,
  layout: LAYOUTS,
  mean: BATCH.mean,
  std: BATCH.std,
  index: anInteger(0),
  float: aFlag,
};

/**
 * An image of a tensor [h, w, c] or [n, h, w, c], with the scaling of `toTensor` undone: bytes, rounded and limited to 0..255, or floats. Of a
 * batch of several it takes the `index`; `imagesFromTensor` takes all.
 */
export function fromTensor(
  tensor: TensorLike,
  options: FromTensorOptions & { readonly float: true },
): Image<Float32Array>;
export function fromTensor(tensor: TensorLike, options?: FromTensorOptions): Image<Uint8Array>;
export function fromTensor(tensor: TensorLike, options: FromTensorOptions = {}): Image {
  checkOptions("fromTensor", options, FROM);
  const { images, imageAt } = unpack(tensor, options, "fromTensor");
  if (options.index === undefined && images > 1)
    throw new ArgumentError(
      `fromTensor: the batch has ${images} images: give the index of one, or take imagesFromTensor`,
    );
  return imageAt(integer(options.index ?? 0, "index", "fromTensor", 0, images - 1));
}

/** All images of a batch [n, h, w, c]; of [h, w, c] a list of one. See `fromTensor`. */
export function imagesFromTensor(
  tensor: TensorLike,
  options: Omit<FromTensorOptions, "index"> & { readonly float: true },
): Image<Float32Array>[];
export function imagesFromTensor(
  tensor: TensorLike,
  options?: Omit<FromTensorOptions, "index">,
): Image<Uint8Array>[];
export function imagesFromTensor(
  tensor: TensorLike,
  options: Omit<FromTensorOptions, "index"> = {},
): Image[] {
  const { index: _, ...checks } = FROM;
  checkOptions("imagesFromTensor", options, checks);
  const { images, imageAt } = unpack(tensor, options, "imagesFromTensor");
  return Array.from({ length: images }, (_, i) => imageAt(i));
}

interface Unpacked {
  readonly images: number;
  imageAt(index: number): Image;
}

function unpack(tensor: TensorLike, options: FromTensorOptions, where: string): Unpacked {
  const { shape, data } = valuesOf(tensor, where);
  const [n, a, b, c] = shape.length === 3 ? [1, ...shape] : shape;
  const first = options.layout === "nchw";
  const [height, width, channels] = first ? [b, c, a] : [a, b, c];
  const kind = first ? "[c, h, w] or [n, c, h, w]" : "[h, w, c] or [n, h, w, c]";
  if ((shape.length !== 3 && shape.length !== 4) || channels > 4)
    throw new ShapeError(
      `${where}: the tensor is [${shape.join(",")}] but must be ${kind}, of 1 to 4 channels`,
    );
  const scales = affine(options, channels, where);
  const plane = width * height;
  return {
    images: n,
    imageAt(index) {
      const size = plane * channels;
      // Clamped arrays round to the nearest, ties to even, and limit to 0..255.
      const made = options.float ? new Float32Array(size) : new Uint8ClampedArray(size);
      for (let k = 0; k < channels; k++) {
        const [scale, offset] = scales[k];
        let p = index * size + (first ? k * plane : k);
        const step = first ? 1 : channels;
        for (let q = k; q < size; q += channels, p += step) made[q] = (data[p] - offset) / scale;
      }
      return { data: options.float ? made : new Uint8Array(made.buffer), width, height, channels };
    },
  };
}

function valuesOf(tensor: unknown, where: string): { shape: readonly number[]; data: ArrayLike<number> } {
  if (tensor instanceof Tensor) {
    tensor.address(where);
    return { shape: tensor.shape, data: tensor.data() };
  }
  const { shape, data } = (typeof tensor === "object" && tensor !== null ? tensor : {}) as Partial<
    Record<"shape" | "data", unknown>
  >;
  if (!Array.isArray(shape) || data === undefined)
    return refuse(tensor, "the tensor", where, "a Tensor, or { data, shape }");
  const values = asNumbers(data, "data", where);
  shape.forEach((size, i) => {
    integer(size, `shape[${i}]`, where, 1);
  });
  const size = shape.reduce((x, y) => x * y, 1);
  if (size !== values.length)
    throw new ShapeError(
      `${where}: ${values.length} values for shape [${shape.join(",")}], which holds ${size}`,
    );
  return { shape, data: values };
}

export interface NormalizeOptions {
  /** Taken away: a number for all channels, or one for each (without alpha, too). Default 0. */
  readonly mean?: PerChannel;
  /** Divided by after that, likewise. Default 1. */
  readonly std?: PerChannel;
}

const NORMALIZE: Checks<NormalizeOptions> = { mean: aPerChannel(), std: aPerChannel(aDivisor) };

/**
 * ((x / 255) − mean) / std of every channel, as torchvision's ToTensor and Normalize: floats. Alpha becomes x / 255 where `mean` and `std` have no
 * number for it.
 */
export function normalize<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options: NormalizeOptions,
): Floats<I> {
  checkOptions("normalize", options, NORMALIZE);
  const source = readImage(engine, image, "normalize");
  const { width, height, channels: c } = source;
  const colours = hasAlpha(c) ? c - 1 : c;
  const completed = (value: PerChannel, alpha: number): PerChannel => {
    const list = typeof value === "number" ? Array.from({ length: colours }, () => value) : value;
    return list.length === colours ? [...list, alpha].slice(0, c) : list;
  };
  const scales = affine(
    { mean: completed(options.mean ?? 0, 0), std: completed(options.std ?? 1, 1) },
    c,
    "normalize",
  );
  const target = source.target({ width, height, channels: c, float: true });
  const [from, to] = [source.values(), target.values()];
  for (let k = 0; k < c; k++) {
    const [a, b] = scales[k];
    for (let i = k; i < from.length; i += c) to[i] = from[i] * a + b;
  }
  return target.result() as Floats<I>;
}
