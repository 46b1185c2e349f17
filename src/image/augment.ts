// Augmentation: images of training data changed at random, the same way on every host for the same seed.
import { ShapeError } from "../errors.ts";
import {
  aNumberFrom,
  anInteger,
  aSeed,
  aWord,
  type Check,
  type Checks,
  checkOptions,
  finite,
  integer,
  needed,
  refuse,
} from "../validate.ts";
import { type BorderMode, borderIndex } from "./band.ts";
import { aBorder } from "./checks.ts";
import { crop, type FlipAxis, flip, pad } from "./geometry.ts";
import { hasAlpha, makeImage } from "./image.ts";
import { checkPixels, type Image, MAX_SIDE, type PixelData, type PixelImage } from "./pixels.ts";
import { type Random, randomOf } from "./random.ts";

/** One change: makes an image out of another, with numbers of its own. Functions of one's own are welcome, if they leave the given image as it is. */
export type Augmentation = (image: Image, random: Random) => PixelImage;

export interface AugmentOptions {
  /** Default 0. */
  readonly seed?: number;
}

/**
 * Changes an image, or images of a list. `index` says which random numbers are drawn, those of the images of a list being index, index + 1, ...:
 * the same index gives the same result, in whatever order images come. Pixels that no step changed are those of the given image. Default: one more than the last one of the call before, at first 0.
 */
export interface Augmenter {
  <D extends PixelData>(images: readonly PixelImage<D>[], index?: number): Image<D>[];
  <D extends PixelData>(image: PixelImage<D>, index?: number): Image<D>;
}

const AUGMENT: Checks<AugmentOptions> = { seed: aSeed };

/**
 * Steps applied one after the other. Each step of each image has random numbers that depend on the seed, the image's index and the step's place
 * alone: however many another step draws, they stay. Images are pixels of bytes or floats from 0 to 255; alpha is kept.
 *
 *     const augmented = augment([randomCrop({ width: 32, height: 32, padding: 4 }), randomFlip()], { seed: 1 });
 *     const x = toArray(augmented(images, epoch * images.length));
 */
export function augment(steps: readonly Augmentation[], options: AugmentOptions = {}): Augmenter {
  checkOptions("augment", options, AUGMENT);
  const { seed = 0 } = options;
  if (!Array.isArray(steps)) refuse(steps, "steps", "augment", "a list of functions such as randomFlip()");
  steps.forEach((step, i) => {
    if (typeof step !== "function") refuse(step, `steps[${i}]`, "augment", "a function such as randomFlip()");
  });
  const all = [...steps];
  let next = 0;
  const one = (given: unknown, index: number, name: string): Image => {
    let image = checkPixels(given, name, "augment");
    all.forEach((step, i) => {
      const where = `augment, steps[${i}]`;
      image = checkPixels(step(image, randomOf(seed, index, i)), "what it returned", where);
    });
    return image;
  };
  const augmented = (images: unknown, index: number = next): unknown => {
    integer(index, "index", "augment", 0, Number.MAX_SAFE_INTEGER);
    const list = Array.isArray(images);
    const made = list
      ? images.map((image, i) => one(image, index + i, `images[${i}]`))
      : one(images, index, "image");
    next = index + (list ? images.length : 1);
    return made;
  };
  return augmented as Augmenter;
}

const aProbability: Check<number> = (value, name, where) => {
  if (!(typeof value === "number" && value >= 0 && value <= 1))
    refuse(value, name, where, "a number from 0 to 1");
};
const aSide = anInteger(1, MAX_SIDE);

export interface RandomCropOptions {
  /** Of the result. */
  readonly width: number;
  readonly height: number;
  /** Pixels added on every side before. Default 0. */
  readonly padding?: number;
  /** How they are made. Default "zeros". */
  readonly border?: BorderMode;
}

const CROP: Checks<RandomCropOptions> = {
  width: needed(aSide, "32"),
  height: needed(aSide, "32"),
  padding: anInteger(0, MAX_SIDE),
  border: aBorder,
};

/** A rectangle of that size from a random place, of the image with `padding` around it: moves objects by some pixels. */
export function randomCrop(options: RandomCropOptions): Augmentation {
  checkOptions("randomCrop", options, CROP);
  const { width, height, padding = 0, border } = options;
  return (image, random) => {
    const [down, right] = [image.height + 2 * padding - height, image.width + 2 * padding - width];
    if (down < 0 || right < 0)
      throw new ShapeError(
        `randomCrop: ${width} x ${height} pixels do not fit into ${image.width} x ${image.height} with a padding of ${padding}`,
      );
    const [y, x] = [random.integer(down + 1), random.integer(right + 1)];
    return crop(pad(image, { size: padding, border }), { x, y, width, height });
  };
}

export interface RandomFlipOptions {
  /** Default "horizontal". */
  readonly axis?: FlipAxis;
  /** Default 0.5. */
  readonly probability?: number;
}

const FLIP: Checks<RandomFlipOptions> = { axis: aWord("horizontal", "vertical"), probability: aProbability };

/** The mirrored image, or the image. */
export function randomFlip(options: RandomFlipOptions = {}): Augmentation {
  checkOptions("randomFlip", options, FLIP);
  const { axis, probability = 0.5 } = options;
  return (image, random) => (random() < probability ? flip(image, { axis }) : image);
}

export interface RandomRotationOptions {
  /** The most to turn either way, in radians, at most π. */
  readonly angle: number;
  /** What lies beyond the edges. Default "zeros". */
  readonly border?: BorderMode;
}

const ROTATION: Checks<RandomRotationOptions> = {
  angle: needed((value, name, where) => {
    if (finite(value, name, where) < 0 || (value as number) > Math.PI)
      refuse(value, name, where, "an angle in radians from 0 to π");
  }, "Math.PI / 12"),
  border: aBorder,
};

/** The image turned about its middle by a random angle, uniform from −angle to angle; bilinear, of the same size. */
export function randomRotation(options: RandomRotationOptions): Augmentation {
  checkOptions("randomRotation", options, ROTATION);
  const { angle, border = "zeros" } = options;
  return (image, random) => rotated(image, (2 * random() - 1) * angle, border);
}

/**
 * Sine for |x| ≤ π by its series, out of + · / alone: Math.sin may differ in the last bit between hosts. The first term left out
 * is below 2^-53.
 */
function sine(x: number): number {
  let [term, sum] = [x, x];
  for (let k = 2; k < 40; k += 2) {
    term *= (-x * x) / (k * (k + 1));
    sum += term;
  }
  return sum;
}

function rotated(image: Image, angle: number, border: BorderMode): PixelImage {
  const { data, width, height, channels: c } = image;
  const [sin, cos] = [sine(angle), sine(Math.PI / 2 - Math.abs(angle))];
  const [cx, cy] = [(width - 1) / 2, (height - 1) / 2];
  return changed(image, (out) => {
    // Pixels of a border of zeros are 0; the others repeat pixels of the image.
    const value = (x: number, y: number, k: number): number => {
      const [column, row] = [borderIndex(x, width, border), borderIndex(y, height, border)];
      return column < 0 || row < 0 ? 0 : data[(row * width + column) * c + k];
    };
    for (let y = 0, q = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const u = (x - cx) * cos - (y - cy) * sin + cx;
        const v = (x - cx) * sin + (y - cy) * cos + cy;
        const [left, top] = [Math.floor(u), Math.floor(v)];
        const [s, t] = [u - left, v - top];
        for (let k = 0; k < c; k++, q++)
          out[q] =
            (value(left, top, k) * (1 - s) + value(left + 1, top, k) * s) * (1 - t) +
            (value(left, top + 1, k) * (1 - s) + value(left + 1, top + 1, k) * s) * t;
      }
  });
}

/** A new image of the same layout, whose values `fill` writes: bytes are rounded to the nearest, ties to even, and limited to 0..255. */
function changed(image: Image, fill: (out: Uint8ClampedArray | Float32Array) => void): Image {
  const { data } = image;
  const float = data instanceof Float32Array;
  const made = makeImage({ ...image, float }, data, false, "augment");
  fill(made.data instanceof Uint8Array ? new Uint8ClampedArray(made.data.buffer) : made.data);
  return made;
}

/** Changes colours value by value. */
function colours(image: Image, change: (value: number) => number): Image {
  const { data, channels: c } = image;
  const alpha = hasAlpha(c) ? c - 1 : c;
  return changed(image, (out) => {
    for (let i = 0; i < data.length; i++) out[i] = i % c === alpha ? data[i] : change(data[i]);
  });
}

export interface RandomAmountOptions {
  /** The factor is uniform from 1 − amount to 1 + amount. Default 0.2. */
  readonly amount?: number;
}

const AMOUNT: Checks<RandomAmountOptions> = { amount: aNumberFrom(0) };

/** Never below 0: colours are not inverted. */
const factorOf = (random: Random, amount: number): number => Math.max(0, 1 + amount * (2 * random() - 1));

/** Every value times a random factor. */
export function randomBrightness(options: RandomAmountOptions = {}): Augmentation {
  checkOptions("randomBrightness", options, AMOUNT);
  const { amount = 0.2 } = options;
  return (image, random) => {
    const factor = factorOf(random, amount);
    return colours(image, (value) => value * factor);
  };
}

/** m + (value − m) times a random factor, with the image's mean gray m (ITU-R BT.601), as torchvision's ColorJitter. */
export function randomContrast(options: RandomAmountOptions = {}): Augmentation {
  checkOptions("randomContrast", options, AMOUNT);
  const { amount = 0.2 } = options;
  return (image, random) => {
    const factor = factorOf(random, amount);
    const { data, channels: c } = image;
    let sum = 0;
    for (let i = 0; i < data.length; i += c)
      sum += c < 3 ? data[i] : 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
    const mean = sum / (image.width * image.height);
    return colours(image, (value) => mean + (value - mean) * factor);
  };
}

export interface CutoutOptions {
  /** Pixels of a side of the square. */
  readonly size: number;
  /** What fills it. Default 0. */
  readonly value?: number;
  /** Default 1. */
  readonly probability?: number;
}

const CUTOUT: Checks<CutoutOptions> = {
  size: needed(aSide, "8"),
  value: (value, name, where) => {
    finite(value, name, where);
  },
  probability: aProbability,
};

/** A square around a random pixel is filled; at an edge a part of it (DeVries and Taylor 2017). Alpha is kept. */
export function cutout(options: CutoutOptions): Augmentation {
  checkOptions("cutout", options, CUTOUT);
  const { size, value = 0, probability = 1 } = options;
  return (image, random) => {
    if (random() >= probability) return image;
    const { data, width, height, channels: c } = image;
    const left = random.integer(width) - (size >> 1);
    const top = random.integer(height) - (size >> 1);
    const colour = hasAlpha(c) ? c - 1 : c;
    return changed(image, (out) => {
      out.set(data);
      for (let y = Math.max(0, top); y < Math.min(height, top + size); y++)
        for (let x = Math.max(0, left); x < Math.min(width, left + size); x++)
          out.fill(value, (y * width + x) * c, (y * width + x) * c + colour);
    });
  };
}
