// Continues a training from a checkpoint.
import { ArgumentError, FormatError, ShapeError } from "../errors.ts";
import { readCheckpoint } from "../formats/checkpoint.ts";
import type { Network } from "../network/network.ts";
import type { TrainOptions } from "../network/trainer-interface.ts";
import { optimizerOf } from "./optimizers.ts";

/**
 * Takes over the weights, the training options and the optimizer's state of a file that `net.save({ optimizer: true })` wrote, so that
 * training continues where it was, bit for bit; all or nothing. Throws FormatError where the file is damaged, another network's, or
 * holds no optimizer.
 */
export function resume(net: Network, bytes: Uint8Array | ArrayBuffer): void {
  const { weights, progress } = readCheckpoint(bytes);
  if (!progress)
    throw new FormatError("resume: the file holds no optimizer; net.load takes its weights alone");
  try {
    const stored = progress.options as TrainOptions;
    const options = { ...stored, optimizer: optimizerOf(stored.optimizer) };
    const { steps, epochs, seed, state } = progress;
    net.restore(weights, { options, steps, epochs, seed, state });
  } catch (cause) {
    if (cause instanceof ShapeError || cause instanceof ArgumentError || cause instanceof TypeError)
      throw new FormatError(`resume: the file's training options cannot be used: ${cause.message}`, {
        cause,
      });
    throw cause;
  }
}
