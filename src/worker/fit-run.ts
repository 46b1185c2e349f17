// The caller's side of a training that runs in a worker: its callbacks, and its batches where they come one by one.
import type { Batches, Samples } from "../network/trainer-interface.ts";
import { mustBeBatches } from "../training/data.ts";
import { type Handlers, Moved } from "./connection.ts";
import { Parcel } from "./parcel.ts";
import type { Callback, HostCalls } from "./protocol.ts";

export type Callbacks = Partial<Record<Callback, (argument: never) => unknown>>;

export class FitRun {
  readonly callbacks: Callbacks;
  readonly #begin: ((epoch: number) => Batches) | undefined;
  readonly #move: boolean;
  #batches: Iterator<Samples> | AsyncIterator<Samples> | undefined;
  /** What was thrown in this thread: the caller gets it as it is, rather than what came back from the worker. */
  thrown: { readonly error: unknown } | undefined;

  constructor(callbacks: Callbacks, begin: ((epoch: number) => Batches) | undefined, move: boolean) {
    this.callbacks = callbacks;
    this.#begin = begin;
    this.#move = move;
  }

  callback(name: Callback, argument: unknown): Promise<unknown> {
    return this.#guard(async () => {
      const result = await this.callbacks[name]!(argument as never);
      return name === "schedule" || name === "momentum" ? result : undefined;
    });
  }

  begin(epoch: number): Promise<void> {
    return this.#guard(async () => {
      const batches: unknown = this.#begin!(epoch);
      mustBeBatches(batches);
      const iterable = batches as Partial<AsyncIterable<Samples> & Iterable<Samples>>;
      this.#batches = iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]!();
    });
  }

  next(): Promise<Moved<{ readonly samples: Samples } | undefined>> {
    return this.#guard(async () => {
      const batches = this.#batches!;
      // One that is used up, or throws, is not ended again.
      this.#batches = undefined;
      const { done, value } = await batches.next();
      if (done) return new Moved(undefined, []);
      this.#batches = batches;
      const parcel = new Parcel(this.#move);
      // A plain iterable may hold promises.
      const samples = parcel.samples(await value) as Samples;
      return new Moved({ samples }, parcel.transfer);
    });
  }

  end(): Promise<void> {
    return this.#guard(async () => {
      const batches = this.#batches;
      this.#batches = undefined;
      await batches?.return?.();
    });
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.thrown ??= { error };
      throw error;
    }
  }
}

/** Answers the calls of trainings by their numbers. */
export const fitHandlers = (runs: ReadonlyMap<number, FitRun>): Handlers<HostCalls> => ({
  callback: ({ fit, name, argument }) => runs.get(fit)!.callback(name, argument),
  begin: ({ fit, epoch }) => runs.get(fit)!.begin(epoch),
  next: ({ fit }) => runs.get(fit)!.next(),
  end: ({ fit }) => runs.get(fit)!.end(),
});
