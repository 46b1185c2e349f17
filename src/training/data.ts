// Training data: arrays checked against the network's inputs, and the order in which images are drawn.
import { ShapeError } from "../errors.ts";
import type { Data, Numbers, Samples } from "../network/trainer-interface.ts";

/** How many numbers make one image, at every input and among the labels. */
export interface ImageSizes {
  readonly inputs: readonly { readonly name: string; readonly size: number }[];
  /** Numbers of y per image that are accepted: one class index, or as many values as the output has. */
  readonly labels: readonly number[];
}

/** Samples whose lengths have been checked: inputs in the network's order, and how many images there are. */
export interface CheckedSamples {
  readonly inputs: readonly Numbers[];
  readonly y: Numbers;
  readonly images: number;
  /** Numbers of y per image. */
  readonly perImage: number;
}

/** Throws ShapeError unless all arrays hold the same number of whole images. */
export function checkSamples({ x, y }: Samples, sizes: ImageSizes, what: string): CheckedSamples {
  const single = typeof x === "object" && x !== null && typeof (x as Numbers).length === "number";
  if (single && sizes.inputs.length > 1)
    throw new ShapeError(
      `${what}: x is one array but the network has ${sizes.inputs.length} inputs: ${sizes.inputs.map((i) => `"${i.name}"`).join(", ")}; give an object by name`,
    );
  const inputs = sizes.inputs.map(({ name }) => {
    const values = single ? (x as Numbers) : (x as Readonly<Record<string, Numbers>>)?.[name];
    if (typeof values?.length !== "number") throw new ShapeError(`${what}: x holds no array "${name}"`);
    return values;
  });
  let images = 0;
  inputs.forEach((values, i) => {
    const { name, size } = sizes.inputs[i];
    if (values.length === 0 || values.length % size !== 0)
      throw new ShapeError(
        `${what}: x "${name}" has ${values.length} values, which is not a whole number of images of ${size}`,
      );
    if (i > 0 && values.length / size !== images)
      throw new ShapeError(
        `${what}: x "${name}" has ${values.length / size} images but "${sizes.inputs[0].name}" has ${images}`,
      );
    images = values.length / size;
  });
  if (typeof y?.length !== "number") throw new ShapeError(`${what}: y is missing`);
  const perImage = y.length / images;
  if (!sizes.labels.includes(perImage))
    throw new ShapeError(
      `${what}: y has ${y.length} values for ${images} images but must have ${sizes.labels.map((n) => n * images).join(" or ")}: ${sizes.labels.join(" or ")} per image`,
    );
  return { inputs, y, images, perImage };
}

/** Whether data comes as batches rather than all at once. */
export const isStream = (data: Data): data is AsyncIterable<Samples> | Iterable<Samples> =>
  typeof data === "object" && data !== null && (Symbol.asyncIterator in data || Symbol.iterator in data);

/**
 * 0 .. n − 1 in an order that depends on the seed and the epoch alone: a Fisher–Yates shuffle over a 32-bit generator (mulberry32),
 * whose bias is negligible for n far below 2^32.
 */
export function shuffled(n: number, seed: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let state = (Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(epoch + 1, 0x85ebca6b)) | 0;
  for (let i = n - 1; i > 0; i--) {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    const j = Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** Images of some samples: `order[from]`, `order[from + 1]`, ..., or without an order `from`, `from + 1`, ... */
export interface Batch {
  readonly samples: CheckedSamples;
  readonly order: Uint32Array | undefined;
  readonly from: number;
  readonly count: number;
}

/** All images of some samples, as they come. */
export const wholeBatch = (samples: CheckedSamples): Batch => ({
  samples,
  order: undefined,
  from: 0,
  count: samples.images,
});

/** Copies the values of a batch's images one after the other into linear memory, from index `offset` on. `size`: values per image. */
export function copyImages(
  to: Float32Array | Int32Array,
  offset: number,
  values: Numbers,
  size: number,
  { order, from, count }: Batch,
): void {
  const copy = (image: number, images: number, target: number): void => {
    const start = image * size;
    if (ArrayBuffer.isView(values))
      to.set((values as unknown as Float32Array).subarray(start, start + images * size), target);
    else for (let i = 0; i < images * size; i++) to[target + i] = values[start + i];
  };
  if (order) for (let i = 0; i < count; i++) copy(order[from + i], 1, offset + i * size);
  else copy(from, count, offset);
}
