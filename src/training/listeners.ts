// Who is told of batches and epochs: the options' functions, callbacks, and a schedule that listens.
import type { BatchReport, FitOptions } from "../network/fit-options.ts";
import type { EpochReport } from "../network/trainer-interface.ts";

/** One listener for batches and one for epochs, which call all there are in turn; undefined where there is none. */
export function listenersOf({ onBatch, onEpoch, schedule, callbacks = [] }: FitOptions): {
  readonly onBatch: ((report: BatchReport) => Promise<void>) | undefined;
  readonly onEpoch: ((report: EpochReport) => Promise<void>) | undefined;
} {
  const batch = callbacks.flatMap((c) => (c.onBatch ? [c.onBatch.bind(c)] : []));
  const epoch = callbacks.flatMap((c) => (c.onEpoch ? [c.onEpoch.bind(c)] : []));
  const first = schedule?.onEpoch?.bind(schedule);
  return {
    onBatch: inTurn([onBatch, ...batch]),
    onEpoch: inTurn([first, onEpoch, ...epoch]),
  };
}

function inTurn<R>(
  listeners: readonly (((report: R) => unknown) | undefined)[],
): ((report: R) => Promise<void>) | undefined {
  const there = listeners.filter((listener) => listener !== undefined);
  if (!there.length) return undefined;
  return async (report) => {
    for (const listener of there) {
      const given = listener(report) as PromiseLike<unknown> | undefined;
      // A turn is given away only where something is to be waited for.
      if (typeof given?.then === "function") await given;
    }
  };
}
