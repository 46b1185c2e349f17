// Batches that come one by one: pulled ahead, checked, cut where they are too large, and gathered where they are too small.
import type { FitOptions } from "../network/fit-options.ts";
import type { LossTarget } from "../network/loss-target.ts";
import type { CheckedSamples } from "../network/samples.ts";
import type { Batches, Samples } from "../network/trainer-interface.ts";
import { type Batch, cut, mustBeBatches, wholeBatch } from "./data.ts";
import { joined, partOf } from "./sample-parts.ts";

/** Images of a gathered batch where nothing else is said. */
const BATCH_SIZE = 32;

/** The batches of an epoch. */
export async function* streamed(
  target: LossTarget,
  batches: Batches,
  { batchSize, rebatch = false, prefetch = 0 }: FitOptions,
): AsyncGenerator<Batch> {
  mustBeBatches(batches);
  const pulled = prefetch ? prefetched(batches, prefetch) : batches;
  const checked = checkedOf(target, pulled);
  if (rebatch) yield* gathered(checked, batchSize ?? BATCH_SIZE);
  else for await (const samples of checked) yield* cut(samples, batchSize ?? samples.images, undefined);
}

async function* checkedOf(target: LossTarget, batches: Batches): AsyncGenerator<CheckedSamples> {
  let index = 0;
  for await (const samples of batches) yield target.check(samples, `fit: batch ${index++}`);
}

/** The same, the next ones asked for, one after the other, while one is in use. */
async function* prefetched(batches: Batches, ahead: number): AsyncGenerator<Samples> {
  const iterable = batches as Partial<AsyncIterable<Samples> & Iterable<Samples>>;
  const iterator: AsyncIterator<Samples> | Iterator<Samples> =
    iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]!();
  const waiting: Promise<IteratorResult<Samples>>[] = [];
  let last: Promise<IteratorResult<Samples> | undefined> = Promise.resolve(undefined);
  let used = false;
  const ask = (): void => {
    const next = last.then(async (before) => {
      if (before?.done) return before;
      try {
        const { done, value } = await iterator.next();
        used ||= done === true;
        // A plain iterable may hold promises.
        return { done, value: await value } as IteratorResult<Samples>;
      } catch (error) {
        used = true;
        throw error;
      }
    });
    // Heard when its turn comes, if it does.
    next.catch(() => {});
    waiting.push(next);
    last = next;
  };
  for (let i = 0; i < ahead; i++) ask();
  try {
    for (;;) {
      ask();
      const { done, value } = await waiting.shift()!;
      if (done) return;
      yield value;
    }
  } finally {
    await last.catch(() => {});
    if (!used) await iterator.return?.();
  }
}

/** Batches of exactly `size` images, the last maybe smaller; and one where the kind of labels changes. */
async function* gathered(batches: AsyncIterable<CheckedSamples>, size: number): AsyncGenerator<Batch> {
  let parts: CheckedSamples[] = [];
  let images = 0;
  const flush = function* (): Generator<Batch> {
    if (images) yield wholeBatch(joined(parts));
    [parts, images] = [[], 0];
  };
  for await (const samples of batches) {
    if (images && samples.perImage.join() !== parts[0].perImage.join()) yield* flush();
    for (let from = 0; from < samples.images; ) {
      const to = Math.min(samples.images, from + size - images);
      parts.push(from === 0 && to === samples.images ? samples : partOf(samples, from, to));
      images += to - from;
      from = to;
      if (images === size) yield* flush();
    }
  }
  yield* flush();
}
