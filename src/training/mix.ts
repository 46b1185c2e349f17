// Batches whose images are mixed in pairs, with labels mixed alike: wrappers of the data of a training.
import { ArgumentError, ShapeError } from "../errors.ts";
import type { Numbers } from "../network/samples.ts";
import type { Data, Samples } from "../network/trainer-interface.ts";
import {
  aNumberAbove,
  anInteger,
  aSeed,
  asNumbers,
  aWord,
  type Check,
  type Checks,
  checkOptions,
  describe,
  isIntegerFrom,
  isObject,
  isPlain,
  needed,
  refuse,
} from "../validate.ts";
import { streamOf } from "./data.ts";
import { beta, permutation, randomOf } from "./random.ts";

/** One value for all outputs, or inputs, or values by their names. */
type ByName<T> = T | Readonly<Record<string, T>>;

export interface MixupOptions {
  /** How many classes there are: labels become so many probabilities for each image, or pixel. Of outputs that differ, by name. */
  readonly classes: ByName<number>;
  /** The share of an image is drawn from Beta(alpha, alpha): the smaller, the more often it is near 0 or 1. Default 1. */
  readonly alpha?: number;
  /** What y holds: class indices, or rows of a value per class. Default "indices". */
  readonly targets?: ByName<"indices" | "rows">;
  /** How many of those an image has: 1, or one for each pixel, height · width. Default 1. */
  readonly pixels?: ByName<number>;
  /** Images of a batch, where the data are all samples at once. Default 32. */
  readonly batchSize?: number;
  /** Of the pairs and shares, and of the order of samples. Default 0. */
  readonly seed?: number;
}

type ImageShape = readonly [height: number, width: number, channels: number];

export interface CutmixOptions extends MixupOptions {
  /** Of an image: height, width, channels. Of several inputs by name where channels differ; height and width are the same. */
  readonly shape: ByName<ImageShape>;
}

/** Batches for `fit`, others for every epoch. */
export type MixedBatches = (epoch?: number) => AsyncGenerator<Samples>;

const byName =
  <T>(check: Check<T>): Check<ByName<T>> =>
  (value, name, where) => {
    if (!isPlain(value)) return check(value, name, where);
    for (const [key, item] of Object.entries(value)) check(item, `${name}.${key}`, where);
  };

const MIXUP: Checks<MixupOptions> = {
  classes: needed(byName(anInteger(1)), "10"),
  alpha: aNumberAbove(0),
  targets: byName(aWord("indices", "rows")),
  pixels: byName(anInteger(1)),
  batchSize: anInteger(1),
  seed: aSeed,
};
const aShape: Check<ImageShape> = (value, name, where) => {
  if (!Array.isArray(value) || value.length !== 3 || !value.every((size) => isIntegerFrom(size, 1)))
    refuse(value, name, where, "[height, width, channels]");
};
const CUTMIX: Checks<CutmixOptions> = { ...MIXUP, shape: needed(byName(aShape), "[32, 32, 3]") };

/** A box of pixels that another image takes. */
interface Box {
  readonly width: number;
  readonly rows: readonly [top: number, bottom: number];
  readonly columns: readonly [left: number, right: number];
}

/** How the images of a batch are mixed: each keeps this share; without a box they are blended. */
interface Mixing {
  readonly share: number;
  readonly box?: Box;
}

/**
 * Every image is blended with another of its batch, and its labels likewise (Zhang et al., "mixup", 2018): x = share · x + (1 - share) · other,
 * with one share for a batch, of all inputs and outputs. Labels become probabilities, as softmaxCrossEntropy takes them. `data` are those of
 * `fit`.
 */
export function mixup(data: Data, options: MixupOptions): MixedBatches {
  checkOptions("mixup", options, MIXUP);
  return mixed("mixup", data, options, undefined, (share) => ({ share }));
}

/**
 * Every image gets a box of another of its batch in its place, and of its label as much as the box has of the area (Yun et al., "CutMix",
 * 2019); labels of pixels are put in with their pixels. One box for a batch, of all inputs.
 */
export function cutmix(data: Data, options: CutmixOptions): MixedBatches {
  checkOptions("cutmix", options, CUTMIX);
  const shapes = isPlain(options.shape) ? Object.values(options.shape) : [options.shape];
  const [[height, width] = [1, 1]] = shapes;
  const other = shapes.find(([h, w]) => h !== height || w !== width);
  if (other)
    throw new ShapeError(
      `cutmix: shape has images of ${height} · ${width} and ${other[0]} · ${other[1]} pixels, but one box is cut from all inputs: they must have one height and width`,
    );
  for (const pixels of isPlain(options.pixels) ? Object.values(options.pixels) : [options.pixels ?? 1])
    if (pixels !== 1 && pixels !== height * width)
      throw new ShapeError(
        `cutmix: pixels is ${pixels} but must be 1, or ${height * width} as images have ${height} · ${width} pixels`,
      );
  return mixed("cutmix", data, options, options.shape, (share, random) => {
    const [cy, cx] = [Math.floor(random() * height), Math.floor(random() * width)];
    const half = 0.5 * Math.sqrt(1 - share);
    const range = (center: number, length: number): [number, number] => [
      Math.max(0, center - Math.floor(half * length)),
      Math.min(length, center + Math.floor(half * length)),
    ];
    const [rows, columns] = [range(cy, height), range(cx, width)];
    const area = (rows[1] - rows[0]) * (columns[1] - columns[0]);
    return { share: 1 - area / (height * width), box: { width, rows, columns } };
  });
}

/** Values of all images of an input, or of an output's labels. */
interface Part {
  /** Undefined where there is one. */
  readonly name: string | undefined;
  readonly values: Numbers;
  /** Pixels of an image that a box is cut from; 1 where there is no box. */
  readonly pixels: number;
}

interface Batch {
  readonly inputs: readonly Part[];
  readonly labels: readonly Part[];
  readonly weight: Numbers | undefined;
  readonly images: number;
}

function mixed(
  where: string,
  data: Data,
  options: MixupOptions,
  shape: CutmixOptions["shape"] | undefined,
  mixingOf: (share: number, random: () => number) => Mixing,
): MixedBatches {
  const { alpha = 1, batchSize = 32, seed = 0 } = options;
  const given = streamOf(data, 1);
  const whole = given ? undefined : readBatch(where, data, options, shape);
  let next = 0;
  return async function* (epoch = next) {
    next = epoch + 1;
    let index = 0;
    const batches = given ? given(epoch) : cutUp(whole!, batchSize, randomOf(seed, epoch));
    for await (const samples of batches) {
      const batch = given ? readBatch(where, samples, options, shape) : (samples as Batch);
      const random = randomOf(seed, epoch, index++);
      const share = beta(alpha, random);
      const partners = permutation(batch.images, random);
      yield mixedBatch(batch, partners, mixingOf(share, random));
    }
  };
}

/** What an option says of an input or output. */
function optionOf<T>(option: ByName<T>, name: string | undefined, what: string, where: string): T {
  if (!isPlain(option)) return option as T;
  if (name !== undefined && Object.hasOwn(option, name)) return (option as Record<string, T>)[name];
  throw new ArgumentError(
    name === undefined
      ? `${where}: ${what} is given by name, but there is one array`
      : `${where}: ${what} has none for "${name}"; it has ${Object.keys(option).join(", ") || "none"}`,
  );
}

/** One array of numbers, or several by name. */
function arraysOf(
  given: unknown,
  what: string,
  where: string,
): { readonly name: string | undefined; readonly label: string; readonly values: Numbers }[] {
  if (!isPlain(given)) return [{ name: undefined, label: what, values: asNumbers(given, what, where) }];
  const named = Object.entries(given).map(([name, values]) => {
    const label = `${what}.${name}`;
    return { name, label, values: asNumbers(values, label, where) };
  });
  return named.length ? named : refuse(given, what, where, "an array, or several by name");
}

function readBatch(
  where: string,
  samples: unknown,
  options: MixupOptions,
  shape: CutmixOptions["shape"] | undefined,
): Batch {
  const { x, y, weight } = isObject(samples) ? samples : refuse(samples, "the data", where, "{ x, y }");
  const { classes, targets = "indices", pixels = 1 } = options;
  const inputs = arraysOf(x, "x", where);
  let images = 0;
  const labels = arraysOf(y, "y", where).map(({ name, label, values }): Part => {
    const [count, labelled] = [
      optionOf(classes, name, "classes", where),
      optionOf(pixels, name, "pixels", where),
    ];
    const rows = optionOf(targets, name, "targets", where) === "rows";
    const found = values.length / (labelled * (rows ? count : 1));
    images ||= found;
    const odd = inputs.find((input) => !input.values.length || input.values.length % found !== 0);
    if (!Number.isInteger(found) || found !== images || odd)
      throw new ShapeError(
        `${where}: ${(odd ?? inputs[0]).label} has ${(odd ?? inputs[0]).values.length} values and ${label} ${values.length}, which are not those of whole images with ${rows ? `${labelled * count} labels` : labelled > 1 ? `${labelled} classes` : "one class"} each`,
      );
    // Class indices of pixels stay what they are where pixels are put in, not blended.
    const plain = rows || (shape !== undefined && labelled > 1);
    return { name, pixels: labelled, values: plain ? values : oneHot(values, count, label, where) };
  });
  const weights = weight === undefined ? undefined : asNumbers(weight, "weight", where);
  if (weights && weights.length !== images)
    throw new ShapeError(`${where}: weight has ${weights.length} values for ${images} images`);
  const parts = inputs.map(({ name, values }): Part => {
    if (!shape) return { name, values, pixels: 1 };
    const own = optionOf(shape, name, "shape", where);
    const [height, width, channels] = own;
    const [size, wanted] = [values.length / images, height * width * channels];
    if (size !== wanted)
      throw new ShapeError(
        `${where}: images${name === undefined ? "" : ` of ${describe(name)}`} have ${size} values but ${wanted}, shape [${own}], are expected`,
      );
    return { name, values, pixels: height * width };
  });
  return { inputs: parts, labels, weight: weights, images };
}

/** A row of probabilities for each class index. */
function oneHot(indices: Numbers, classes: number, label: string, where: string): Float32Array {
  const rows = new Float32Array(indices.length * classes);
  for (let i = 0; i < indices.length; i++) {
    if (!isIntegerFrom(indices[i], 0, classes - 1))
      refuse(indices[i], `${label}[${i}]`, where, `a class from 0 to ${classes - 1}`);
    rows[i * classes + indices[i]] = 1;
  }
  return rows;
}

/** Batches of all images in another order. */
function* cutUp(batch: Batch, batchSize: number, random: () => number): Generator<Batch> {
  const { inputs, labels, weight, images } = batch;
  const order = permutation(images, random);
  for (let from = 0; from < images; from += batchSize) {
    const which = order.subarray(from, from + batchSize);
    const cut = (part: Part): Part => ({ ...part, values: imagesOf(part.values, images, which) });
    yield {
      ...{ inputs: inputs.map(cut), labels: labels.map(cut), images: which.length },
      weight: weight && imagesOf(weight, images, which),
    };
  }
}

/** The values of some of `images` images. */
function imagesOf(values: Numbers, images: number, which: Uint32Array): Float32Array {
  const size = values.length / images;
  const found = new Float32Array(which.length * size);
  which.forEach((image, i) => {
    for (let k = 0; k < size; k++) found[i * size + k] = values[image * size + k];
  });
  return found;
}

function mixedBatch(
  { inputs, labels, weight }: Batch,
  partners: Uint32Array,
  { share, box }: Mixing,
): Samples {
  const all = (parts: readonly Part[]): Samples["y"] => {
    const values = parts.map((part): [string, Numbers] => [
      part.name ?? "",
      box && part.pixels > 1 ? pasted(part, partners, box) : blended(part.values, partners, share),
    ]);
    return parts[0].name === undefined ? values[0][1] : Object.fromEntries(values);
  };
  return { x: all(inputs), y: all(labels), ...(weight && { weight: blended(weight, partners, share) }) };
}

/** share · values + (1 - share) · those of the partners. */
function blended(values: Numbers, partners: Uint32Array, share: number): Float32Array {
  const size = values.length / partners.length;
  const result = new Float32Array(values.length);
  partners.forEach((partner, image) => {
    for (let k = 0; k < size; k++)
      result[image * size + k] = share * values[image * size + k] + (1 - share) * values[partner * size + k];
  });
  return result;
}

/** The values, in a box those of the partners. */
function pasted(
  { values, pixels }: Part,
  partners: Uint32Array,
  { width, rows, columns }: Box,
): Float32Array {
  const result = Float32Array.from(values);
  const size = values.length / partners.length;
  const channels = size / pixels;
  const [left, right] = columns.map((column) => column * channels);
  partners.forEach((partner, image) => {
    for (let y = rows[0]; y < rows[1]; y++)
      for (let k = left; k < right; k++) {
        const at = y * width * channels + k;
        result[image * size + at] = values[partner * size + at];
      }
  });
  return result;
}
