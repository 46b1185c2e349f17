// Requests that come close together, run as one: servers that get single images use kernels and threads better so.
import type { Outputs, Values } from "../network/io-binding.ts";
import { sizeOf } from "../tensor.ts";
import { aNumberFrom, anInteger, type Checks } from "../validate.ts";
import { abortable, type Job, type Pool } from "./pool.ts";
import type { Facts } from "./protocol.ts";
import type { SharedNet, Slot } from "./slot.ts";

export interface MicroBatchOptions {
  /** The most images that are put together. Default 16. */
  batchSize?: number;
  /** For how many milliseconds a request waits for others. It waits longer, and is joined by more, where all workers are busy. Default 2. */
  waitMs?: number;
}

export const MICRO_BATCH: Checks<MicroBatchOptions> = { batchSize: anInteger(1), waitMs: aNumberFrom(0) };

interface Entry {
  readonly inputs: readonly Values[];
  readonly images: number;
  resolve(outputs: Outputs[]): void;
  reject(error: unknown): void;
}

/** Runs checked inputs; the buffers of `inputs` are given away. */
export type Predict = (slot: Slot, inputs: readonly Values[]) => Promise<Outputs[]>;

/** Requests that run together. */
class Batch implements Job {
  readonly net: SharedNet;
  readonly entries = new Set<Entry>();
  readonly #run: (batch: Batch, slot: Slot) => Promise<void>;
  due = false;
  images = 0;

  constructor(net: SharedNet, run: (batch: Batch, slot: Slot) => Promise<void>) {
    this.net = net;
    this.#run = run;
  }

  get size(): number {
    return this.entries.size;
  }

  run(slot: Slot): Promise<void> {
    return this.#run(this, slot);
  }

  fail(error: unknown): void {
    for (const { reject } of this.entries) reject(error);
  }
}

export class MicroBatcher {
  readonly #pool: Pool;
  readonly #net: SharedNet;
  readonly #facts: Facts;
  readonly #predict: Predict;
  readonly #most: number;
  readonly #waitMs: number;
  /** The one that takes more. */
  #open: Batch | undefined;

  constructor(pool: Pool, net: SharedNet, facts: Facts, options: MicroBatchOptions, predict: Predict) {
    this.#pool = pool;
    this.#net = net;
    this.#facts = facts;
    this.#predict = predict;
    this.#most = options.batchSize ?? 16;
    this.#waitMs = options.waitMs ?? 2;
  }

  /** Whether so many images can be put together with others. */
  takes(images: number): boolean {
    return images < this.#most;
  }

  /** Checked inputs of a request, whose own they are from now on. */
  add(inputs: readonly Values[], images: number, signal: AbortSignal | undefined): Promise<Outputs[]> {
    return abortable<Outputs[]>(signal, (resolve, reject) => {
      if (this.#open && this.#open.images + images > this.#most) this.#close(this.#open);
      const batch = this.#open ?? this.#begin();
      const entry = { inputs, images, resolve, reject };
      batch.entries.add(entry);
      batch.images += images;
      if (batch.images === this.#most) this.#close(batch);
      return () => {
        // Of one that runs, the answer is dropped.
        if (!batch.entries.delete(entry)) return;
        batch.images -= images;
        if (!batch.entries.size && this.#pool.remove(batch) && this.#open === batch) this.#open = undefined;
      };
    });
  }

  #begin(): Batch {
    const batch = new Batch(this.#net, (batch, slot) => this.#run(batch, slot));
    this.#open = batch;
    this.#pool.add(batch);
    setTimeout(() => {
      batch.due = true;
      this.#pool.dispatch();
    }, this.#waitMs);
    return batch;
  }

  /** It takes no more. */
  #close(batch: Batch): void {
    this.#open = undefined;
    batch.due = true;
    this.#pool.dispatch();
  }

  async #run(batch: Batch, slot: Slot): Promise<void> {
    if (this.#open === batch) this.#open = undefined;
    const entries = [...batch.entries];
    batch.entries.clear();
    try {
      if (entries.length === 1) {
        entries[0].resolve(await this.#predict(slot, entries[0].inputs));
        return;
      }
      const { inputs, outputs } = this.#facts;
      const together = inputs.map(({ dtype }, i) =>
        joined(
          entries.map((entry) => entry.inputs[i]),
          dtype,
        ),
      );
      const answers = await this.#predict(slot, together);
      let image = 0;
      for (const { images, resolve } of entries) {
        const [from, to] = [image, image + images];
        // Copies: whoever gets one may hand its buffer on.
        resolve(
          answers.map((all, i) => all.slice(from * sizeOf(outputs[i].shape), to * sizeOf(outputs[i].shape))),
        );
        image = to;
      }
    } catch (error) {
      for (const { reject } of entries) reject(error);
    }
  }
}

/** Arrays one after the other, as the network holds them. */
function joined(arrays: readonly Values[], dtype: "float32" | "int32"): Values {
  const length = arrays.reduce((sum, array) => sum + array.length, 0);
  const all = dtype === "int32" ? new Int32Array(length) : new Float32Array(length);
  let offset = 0;
  for (const array of arrays) {
    all.set(array, offset);
    offset += array.length;
  }
  return all;
}
