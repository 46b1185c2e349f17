// The loss of a training or an evaluation as it is given: a name, a name with its options, a function, or one of these for each output.
import type { EagerOps } from "../eager/ops.ts";
import { ArgumentError } from "../errors.ts";
import {
  checkLossOptions,
  LOSS_KINDS,
  LOSS_NUMBERS,
  type LossKind,
  type LossNumbers,
  type LossOptions,
} from "../layers/loss-options.ts";
import type { Tensor } from "../tensor.ts";
import { aNumberFrom, type Check, checkOptions, describe, isPlain, refuse } from "../validate.ts";

/** What a loss may read besides an output and its target: tensors by name, each of a whole batch. */
export interface LossModel {
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** The first output of each layer. */
  readonly layers: Readonly<Record<string, Tensor>>;
  /** By the names of `net.weights`. */
  readonly weights: Readonly<Record<string, Tensor>>;
}

/**
 * A loss of one's own, made of `engine`'s ops: a tensor of one value, such as a mean over the batch. It is called once for each batch size
 * and traced; what it calls becomes a part of the training step. `target` has the output's shape, float32, or holds class indices, int32
 * without the last axis, where y has as few numbers.
 */
export type CustomLoss = (
  output: Tensor,
  // biome-ignore lint/suspicious/noExplicitAny: a target is float32 or int32, as y is given
  target: Tensor<any>,
  engine: EagerOps,
  model: LossModel,
) => Tensor;

/** The loss of one output: a kind, one with its options, or a function. `weight`, default 1: its factor in the sum over outputs. */
export type OutputLossConfig =
  | LossKind
  | CustomLoss
  | Readonly<LossNumbers & { kind: LossKind | CustomLoss; weight?: number }>;

/** What is minimised, as a mean over the batch; for several outputs one for each, by the outputs' names. Kinds are in docs/training.md. */
export type LossConfig = OutputLossConfig | Readonly<Record<string, OutputLossConfig>>;

/** A loss of one output, taken apart. */
export interface LossPart {
  readonly weight: number;
  readonly custom?: CustomLoss;
  readonly named?: LossOptions;
}

const isKind = (value: unknown): value is LossKind => (LOSS_KINDS as readonly unknown[]).includes(value);

/** Whether it is a loss for each output, by name. */
export const isByOutput = (config: unknown): config is Readonly<Record<string, OutputLossConfig>> =>
  isPlain(config) &&
  !Object.hasOwn(config, "kind") &&
  Object.keys(config).length > 0 &&
  Object.values(config).every((part) => typeof part !== "number");

const aKind: Check<LossKind | CustomLoss> = (value, name, where) => {
  if (typeof value !== "function" && !isKind(value))
    refuse(value, name, where, `one of ${LOSS_KINDS.join(", ")}, or a function`);
};

const OPTIONS = { kind: aKind, weight: aNumberFrom(0), ...LOSS_NUMBERS };

/** The loss of one output. Throws ArgumentError. `needed` is what messages add. */
export function lossPart(config: unknown, name: string, where: string, needed = ""): LossPart {
  if (typeof config === "function") return { weight: 1, custom: config as CustomLoss };
  if (isKind(config)) return { weight: 1, named: { kind: config } };
  if (!isPlain(config) || (config as { kind?: unknown }).kind === undefined)
    throw new ArgumentError(
      `${where}: ${name} is ${describe(config)} but must be one of ${LOSS_KINDS.join(", ")}, or a function${needed}`,
    );
  checkOptions(`${where}: ${name}`, config, OPTIONS);
  const {
    weight = 1,
    kind,
    ...numbers
  } = config as LossNumbers & { kind: LossKind | CustomLoss; weight?: number };
  const options = Object.keys(numbers) as (keyof LossNumbers)[];
  if (isKind(kind)) {
    const named = { ...numbers, kind };
    checkLossOptions(named, where);
    return { weight, named };
  }
  if (options.some((option) => numbers[option] !== undefined))
    throw new ArgumentError(
      `${where}: ${name} holds ${describe(options[0])}, but a function takes no options`,
    );
  return { weight, custom: kind };
}

/** A loss in any of its forms. */
export const aLoss: Check<LossConfig> = (value, name, where) => {
  if (isByOutput(value))
    for (const [output, part] of Object.entries(value)) lossPart(part, `${name}.${output}`, where);
  else
    lossPart(
      value,
      name,
      where,
      "; give it to fit or evaluate, or to compile as { train: { loss, optimizer } }",
    );
};

/** Stands for a function where training options are stored. */
export const CUSTOM = "custom";

/** The loss as it can be stored: words stand for functions. */
export const storableLoss = (config: LossConfig): unknown =>
  JSON.parse(JSON.stringify(config, (_, value) => (typeof value === "function" ? CUSTOM : value)));

/** Whether a stored loss has words that stand for functions. */
export const holdsCustom = (stored: unknown): boolean =>
  JSON.stringify(stored, (_, value) => (value === CUSTOM ? undefined : value)) !== JSON.stringify(stored);
