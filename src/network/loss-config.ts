// The loss of a training or an evaluation as it is given: a name, or a name with its numbers.
import { ArgumentError } from "../errors.ts";
import { LOSS_NUMBERS } from "../layers/checks.ts";
import { LOSSES, type LossKind } from "../ops/loss.ts";
import { aWord, type Check, checkOptions, describe, isObject } from "../validate.ts";

/**
 * What is minimised, as a mean over the batch. `softmaxCrossEntropy` and `binaryCrossEntropy` take logits: a network for them
 * ends without softmax or sigmoid. Default of `delta` (huber) 1, of `labelSmoothing` 0.
 */
export type LossConfig =
  | LossKind
  | { readonly kind: LossKind; readonly delta?: number; readonly labelSmoothing?: number };

const KINDS = Object.keys(LOSSES) as LossKind[];

/** A loss by name, or an object that names it and holds its numbers. */
export const aLoss: Check<LossConfig> = (value, name, where) => {
  if (isObject(value)) {
    checkOptions(`${where}: ${name}`, value, { kind: aWord(...KINDS), ...LOSS_NUMBERS });
    if (value.kind !== undefined) return;
  } else if (KINDS.includes(value as LossKind)) return;
  throw new ArgumentError(
    `${where}: ${name} is ${describe(value)} but must be one of ${KINDS.join(", ")}; give it to fit or evaluate, or to compile as { train: { loss, optimizer } }`,
  );
};
