// The loss of a training or an evaluation as it is given: a name, or a name with its options.
import { ArgumentError } from "../errors.ts";
import { LOSS_NUMBERS, type LossKind, type LossOptions } from "../layers/loss-options.ts";
import { checkLossOptions, LOSS_KINDS } from "../layers/losses.ts";
import { aWord, type Check, checkOptions, describe, isObject } from "../validate.ts";

/** What is minimised, as a mean over the batch: a kind of loss, or one with its options. Kinds are in docs/training.md. */
export type LossConfig = LossKind | Readonly<LossOptions>;

/** A loss by name, or an object that names it and holds its options. */
export const aLoss: Check<LossConfig> = (value, name, where) => {
  if (isObject(value)) {
    checkOptions(`${where}: ${name}`, value, { kind: aWord(...LOSS_KINDS), ...LOSS_NUMBERS });
    if (value.kind !== undefined) return checkLossOptions(value as unknown as LossOptions, where);
  } else if (LOSS_KINDS.includes(value as LossKind)) return;
  throw new ArgumentError(
    `${where}: ${name} is ${describe(value)} but must be one of ${LOSS_KINDS.join(", ")}; give it to fit or evaluate, or to compile as { train: { loss, optimizer } }`,
  );
};
