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
  isIntegerFrom,
  isObject,
  needed,
  refuse,
} from "../validate.ts";
import { streamOf } from "./data.ts";
import { beta, permutation, randomOf } from "./random.ts";

export interface MixupOptions {
  /** How many classes there are: labels become so many probabilities for each image. */
  readonly classes: number;
  /** The share of an image is drawn from Beta(alpha, alpha): the smaller, the more often it is near 0 or 1. Default 1. */
  readonly alpha?: number;
  /** What y holds: a class index for each image, or a row of a value per class. Default "indices". */
  readonly targets?: "indices" | "rows";
  /** Images of a batch, where the data are all samples at once. Default 32. */
  readonly batchSize?: number;
  /** Of the pairs and shares, and of the order of samples. Default 0. */
  readonly seed?: number;
}

export interface CutmixOptions extends MixupOptions {
  /** Of an image: height, width, channels. */
  readonly shape: readonly [height: number, width: number, channels: number];
}

/** Batches for `fit`, others for every epoch. */
export type MixedBatches = (epoch?: number) => AsyncGenerator<Samples>;

const MIXUP: Checks<MixupOptions> = {
  classes: needed(anInteger(1), "10"),
  alpha: aNumberAbove(0),
  targets: aWord("indices", "rows"),
  batchSize: anInteger(1),
  seed: aSeed,
};
const aShape: Check<readonly [number, number, number]> = (value, name, where) => {
  if (!Array.isArray(value) || value.length !== 3 || !value.every((size) => isIntegerFrom(size, 1)))
    refuse(value, name, where, "[height, width, channels]");
};
const CUTMIX: Checks<CutmixOptions> = { ...MIXUP, shape: needed(aShape, "[32, 32, 3]") };

/** Images of a batch, one after the other, each with a partner. */
interface Pairs {
  readonly x: Float32Array;
  readonly partners: Uint32Array;
  /** Values of an image. */
  readonly size: number;
  readonly share: number;
  readonly random: () => number;
}

/**
 * Every image is blended with another of its batch, and its label likewise (Zhang et al., "mixup", 2018): x = share · x + (1 - share) · other,
 * with one share for a batch. Labels become probabilities, as softmaxCrossEntropy takes them. `data` are those of `fit`.
 */
export function mixup(data: Data, options: MixupOptions): MixedBatches {
  checkOptions("mixup", options, MIXUP);
  return mixed("mixup", data, options, (pairs) => {
    blend(pairs.x, pairs.partners, pairs.size, pairs.share);
    return pairs.share;
  });
}

/**
 * Every image gets a box of another of its batch in its place, and of its label as much as the box has of the area (Yun et al., "CutMix",
 * 2019). One box for a batch.
 */
export function cutmix(data: Data, options: CutmixOptions): MixedBatches {
  checkOptions("cutmix", options, CUTMIX);
  const [height, width, channels] = options.shape;
  return mixed("cutmix", data, options, ({ x, partners, size, share, random }) => {
    if (size !== height * width * channels)
      throw new ShapeError(
        `cutmix: images have ${size} values but ${height * width * channels}, shape [${options.shape}], are expected`,
      );
    const [cy, cx] = [Math.floor(random() * height), Math.floor(random() * width)];
    const half = 0.5 * Math.sqrt(1 - share);
    const range = (center: number, length: number): [number, number] => [
      Math.max(0, center - Math.floor(half * length)),
      Math.min(length, center + Math.floor(half * length)),
    ];
    const [[top, bottom], [left, right]] = [range(cy, height), range(cx, width)];
    const before = x.slice();
    partners.forEach((partner, image) => {
      for (let y = top; y < bottom; y++) {
        const [from, to] = [left, right].map((column) => (y * width + column) * channels);
        x.set(before.subarray(partner * size + from, partner * size + to), image * size + from);
      }
    });
    return 1 - ((bottom - top) * (right - left)) / (height * width);
  });
}

/** `mix` changes x, and gives the images' share of their labels. */
function mixed(name: string, data: Data, options: MixupOptions, mix: (pairs: Pairs) => number): MixedBatches {
  const { alpha = 1, batchSize = 32, seed = 0 } = options;
  const given = streamOf(data, 1);
  const whole = given ? undefined : readBatch(name, data, options);
  let next = 0;
  return async function* (epoch = next) {
    next = epoch + 1;
    let index = 0;
    const batches = given ? given(epoch) : cutUp(whole!, batchSize, randomOf(seed, epoch));
    for await (const samples of batches) {
      const batch = given ? readBatch(name, samples, options) : (samples as Rows);
      const random = randomOf(seed, epoch, index++);
      yield mixedBatch(batch, options.classes, mix, beta(alpha, random), random);
    }
  };
}

/** Samples with a row of probabilities for each image. */
interface Rows {
  readonly x: Numbers;
  readonly rows: Float32Array;
  readonly weight: Numbers | undefined;
  readonly images: number;
}

function readBatch(name: string, samples: unknown, { classes, targets = "indices" }: MixupOptions): Rows {
  const { x, y, weight } = isObject(samples) ? samples : refuse(samples, "the data", name, "{ x, y }");
  if (isObject(x) && !ArrayBuffer.isView(x) && !("dtype" in x))
    throw new ArgumentError(`${name}: x is given by names of inputs but must be one array`);
  const [values, labels] = [asNumbers(x, "x", name), asNumbers(y, "y", name)];
  const images = targets === "rows" ? labels.length / classes : labels.length;
  if (!Number.isInteger(images) || images === 0 || values.length % images !== 0 || !values.length)
    throw new ShapeError(
      `${name}: x has ${values.length} values and y ${labels.length}, which are not those of whole images with ${targets === "rows" ? `${classes} labels` : "one class"} each`,
    );
  const rows = targets === "rows" ? Float32Array.from(labels) : new Float32Array(images * classes);
  if (targets === "indices")
    for (let i = 0; i < images; i++) {
      if (!isIntegerFrom(labels[i], 0, classes - 1))
        refuse(labels[i], `y[${i}]`, name, `a class from 0 to ${classes - 1}`);
      rows[i * classes + labels[i]] = 1;
    }
  const weights = weight === undefined ? undefined : asNumbers(weight, "weight", name);
  if (weights && weights.length !== images)
    throw new ShapeError(`${name}: weight has ${weights.length} values for ${images} images`);
  return { x: values, rows, weight: weights, images };
}

/** Batches of all images in another order. */
function* cutUp({ x, rows, weight, images }: Rows, batchSize: number, random: () => number): Generator<Rows> {
  const order = permutation(images, random);
  for (let from = 0; from < images; from += batchSize) {
    const part = order.subarray(from, from + batchSize);
    yield {
      x: imagesOf(x, images, part),
      rows: imagesOf(rows, images, part),
      weight: weight && imagesOf(weight, images, part),
      images: part.length,
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
  { x, rows, weight, images }: Rows,
  classes: number,
  mix: (pairs: Pairs) => number,
  share: number,
  random: () => number,
): Samples {
  const partners = permutation(images, random);
  const values = Float32Array.from(x);
  const labels = Float32Array.from(rows);
  const weights = weight && Float32Array.from(weight);
  const kept = mix({ x: values, partners, size: values.length / images, share, random });
  blend(labels, partners, classes, kept);
  if (weights) blend(weights, partners, 1, kept);
  return { x: values, y: labels, ...(weights && { weight: weights }) };
}

/** values = share · values + (1 - share) · those of the partners. */
function blend(values: Float32Array, partners: Uint32Array, size: number, share: number): void {
  const before = values.slice();
  partners.forEach((partner, image) => {
    for (let k = 0; k < size; k++) {
      const at = image * size + k;
      values[at] = share * before[at] + (1 - share) * before[partner * size + k];
    }
  });
}
