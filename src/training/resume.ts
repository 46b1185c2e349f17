// Continues a training from a checkpoint.
import { ArgumentError, FormatError, ShapeError } from "../errors.ts";
import { readCheckpoint } from "../formats/checkpoint.ts";
import { loopStateOf } from "../network/loop-state.ts";
import { aLoss, holdsCustom, type LossConfig } from "../network/loss-config.ts";
import type { Network } from "../network/network.ts";
import { TRAIN_OPTIONS, type TrainOptions } from "../network/trainer-interface.ts";
import { checkOptions, refuse } from "../validate.ts";
import { optimizerOf } from "./optimizers.ts";

export interface ResumeOptions {
  /** The loss, instead of the file's: needed where it is a function, which a file cannot hold. */
  loss?: LossConfig;
}

/** How far a training had come: steps, whole epochs, and batches of the next epoch. */
export interface Resumed {
  readonly steps: number;
  readonly epochs: number;
  readonly batches: number;
}

/**
 * Takes over the weights, the training options, the optimizer's state and the history of a file that `net.save({ optimizer: true })` wrote,
 * so that training continues where it was, bit for bit, in the middle of an epoch, too: the next fit leaves out the batches of its first
 * epoch that were done, and its early stopping and its schedule remember what they did. Reports of earlier epochs have NaN for times. All or nothing. Throws FormatError where the file is damaged, another network's, or
 * holds no optimizer, ArgumentError where the loss is a function and is not given.
 */
export function resume(net: Network, bytes: Uint8Array | ArrayBuffer, given: ResumeOptions = {}): Resumed {
  checkOptions("resume", given, { loss: aLoss });
  const { weights, progress } = readCheckpoint(bytes);
  if (!progress)
    throw new FormatError("resume: the file holds no optimizer; net.load takes its weights alone");
  const { options, ...counts } = { ...progress, loop: loopStateOf(progress.loop) };
  if (given.loss === undefined && holdsCustom((options as Partial<TrainOptions> | null)?.loss))
    throw new ArgumentError(
      "resume: the loss of this training is a function, which a file cannot hold; give it again: resume(net, bytes, { loss })",
    );
  try {
    checkPlain(options);
    const stored = given.loss === undefined ? options : { ...(options as object), loss: given.loss };
    checkOptions("train", stored, { ...TRAIN_OPTIONS, optimizer: true });
    const { optimizer } = stored as TrainOptions;
    const restored = { ...(stored as TrainOptions), optimizer: optimizerOf(optimizer) };
    net.restore(weights, { ...counts, options: restored });
    const { steps, epochs, batches } = counts;
    return { steps, epochs, batches };
  } catch (cause) {
    if (cause instanceof ShapeError || cause instanceof ArgumentError)
      throw new FormatError(`resume: the file's training options cannot be used: ${cause.message}`, {
        cause,
      });
    throw cause;
  }
}

/** Options as `save` writes them: words, numbers and flags, and lists and objects of such; a loss by outputs is the deepest. */
function checkPlain(options: unknown): void {
  const plain = (value: unknown, depth: number): boolean =>
    typeof value === "object"
      ? value !== null && depth > 0 && Object.values(value).every((item) => plain(item, depth - 1))
      : typeof value !== "function";
  for (const [name, value] of Object.entries(options ?? {}))
    if (!plain(value, 3)) refuse(value, name, "train", "a text, a number, or a list or an object of them");
}
