// Continues a training from a checkpoint.
import { ArgumentError, FormatError, ShapeError } from "../errors.ts";
import { readCheckpoint } from "../formats/checkpoint.ts";
import type { Network } from "../network/network.ts";
import { TRAIN_OPTIONS, type TrainOptions } from "../network/trainer-interface.ts";
import { checkOptions, refuse } from "../validate.ts";
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
  const { options, ...counts } = progress;
  try {
    checkPlain(options);
    checkOptions("train", options, { ...TRAIN_OPTIONS, optimizer: true });
    const stored = options as unknown as TrainOptions;
    const restored = { ...stored, optimizer: optimizerOf(stored.optimizer) };
    net.restore(weights, { ...counts, options: restored });
  } catch (cause) {
    if (cause instanceof ShapeError || cause instanceof ArgumentError)
      throw new FormatError(`resume: the file's training options cannot be used: ${cause.message}`, {
        cause,
      });
    throw cause;
  }
}

/** Options as `save` writes them: words, numbers and flags, alone, in a list, or as the options of an option. */
function checkPlain(options: unknown): void {
  const plain = (value: unknown): boolean => typeof value !== "object" && typeof value !== "function";
  for (const [name, value] of Object.entries(options ?? {}))
    if (!plain(value) && (value === null || !Object.values(value).every(plain)))
      refuse(value, name, "train", "a text, a number, or a list or an object of them");
}
