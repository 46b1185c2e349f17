// A callback that saves a training every now and then, to be continued by `resume`.
import { ArgumentError } from "../errors.ts";
import type { TrainingCallback } from "../network/fit-options.ts";
import { aFunction, anInteger, type Checks, checkOptions, needed, refuse } from "../validate.ts";

export interface CheckpointOptions {
  /** After how many steps, counted over all epochs, or after how many epochs a checkpoint is saved: one of the two. */
  readonly everySteps?: number;
  readonly everyEpochs?: number;
  /**
   * Stores the bytes, and is awaited. A file should be written beside the old one and then renamed, so that one of them is whole whenever
   * the process ends.
   */
  readonly save: (bytes: Uint8Array) => unknown;
}

const OPTIONS: Checks<CheckpointOptions> = {
  everySteps: anInteger(1),
  everyEpochs: anInteger(1),
  save: needed(aFunction, "(bytes) => ..."),
};

/** What is saved: a network of an engine, also of one in workers. */
interface Saved {
  save(options: { optimizer: boolean }): Uint8Array | Promise<Uint8Array>;
}

/** Saves `net.save({ optimizer: true })`, given to `callbacks` of the fit of that network. */
export function checkpoint(net: Saved, options: CheckpointOptions): TrainingCallback {
  if (typeof net?.save !== "function") refuse(net, "net", "checkpoint", "the network that is trained");
  checkOptions("checkpoint", options, OPTIONS);
  const { everySteps, everyEpochs, save } = options;
  if ((everySteps === undefined) === (everyEpochs === undefined))
    throw new ArgumentError("checkpoint: give everySteps or everyEpochs, one of the two");
  const store = async (): Promise<void> => {
    await save(await net.save({ optimizer: true }));
  };
  return everySteps !== undefined
    ? { onBatch: ({ step, updated }) => (updated && (step + 1) % everySteps === 0 ? store() : undefined) }
    : { onEpoch: ({ epoch }) => ((epoch + 1) % everyEpochs! === 0 ? store() : undefined) };
}
