// Training data: samples at once or as batches that come one by one, and the order in which images are drawn.
import { ArgumentError } from "../errors.ts";
import type { CheckedSamples } from "../network/samples.ts";
import type { Batches, Data, Numbers, Samples } from "../network/trainer-interface.ts";
import { describe } from "../validate.ts";
import { generator, permutation } from "./random.ts";

/** What begins the batches of an epoch; undefined where the data are all samples at once. */
export function streamOf(data: Data, epochs: number): ((epoch: number) => Batches) | undefined {
  if (typeof data === "function") return data;
  if (!isIterable(data)) return undefined;
  const once = data as { [Symbol.iterator]?(): unknown; [Symbol.asyncIterator]?(): unknown };
  // A generator is its own iterator: asking it for one takes nothing from it.
  if (epochs > 1 && (once[Symbol.asyncIterator]?.() ?? once[Symbol.iterator]?.()) === data)
    throw new ArgumentError(
      `fit: the data are an iterator, which is used up after one epoch, but epochs is ${epochs}; give the function that makes it, or an iterable that can begin again`,
    );
  return () => data;
}

/** Throws unless it is what batches come out of. */
export function mustBeBatches(value: unknown): asserts value is Batches {
  if (!isIterable(value))
    throw new ArgumentError(
      `fit: the function given as data returned ${describe(value)} but must return an iterable of { x, y }`,
    );
}

const isIterable = (value: unknown): value is AsyncIterable<Samples> | Iterable<Samples> =>
  typeof value === "object" && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value);

/** 0 .. n − 1 in an order that depends on the seed and the epoch alone. */
export const shuffled = (n: number, seed: number, epoch: number): Uint32Array =>
  permutation(n, generator((Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(epoch + 1, 0x85ebca6b)) | 0));

/** Samples in batches of so many images, the last maybe smaller. */
export function* cut(
  samples: CheckedSamples,
  batchSize: number,
  order: Uint32Array | undefined,
): Generator<Batch> {
  for (let from = 0; from < samples.images; from += batchSize)
    yield { samples, order, from, count: Math.min(batchSize, samples.images - from) };
}

/** Images of some samples: `order[from]`, `order[from + 1]`, ..., or without an order `from`, `from + 1`, ... */
export interface Batch {
  readonly samples: CheckedSamples;
  readonly order: Uint32Array | undefined;
  readonly from: number;
  readonly count: number;
}

/** The values of a batch's images one after the other. `size`: values per image. */
export function imagesOf(values: Numbers, size: number, batch: Batch): Float64Array {
  const images = new Float64Array(batch.count * size);
  copyImages(images, 0, values, size, batch);
  return images;
}

/** All images of some samples, as they come. */
export const wholeBatch = (samples: CheckedSamples): Batch => ({
  samples,
  order: undefined,
  from: 0,
  count: samples.images,
});

/** Copies the values of a batch's images one after the other, from index `offset` on. `size`: values per image. */
export function copyImages(
  to: Float32Array | Float64Array | Int32Array,
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
