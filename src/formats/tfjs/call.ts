// What a translation is: a function from one call of a Keras layer to layers of ours. And the checks translations share.
import { FormatError, UnsupportedError } from "../../errors.ts";
import type { ActivationConfig } from "../../layers/activation.ts";
import type { Layer } from "../../layers/layer.ts";
import type { Config } from "./config.ts";
import type { OpenShape } from "./weight-file.ts";

/** A tensor of the model being read: which layer makes it, and what is known of its shape before compiling. */
export interface Value {
  readonly ref: string;
  /** Number of axes, batch counted. */
  readonly rank: number;
  /** Size of the last axis; null where only compiling tells. */
  readonly channels: number | null;
}

/** What a translation says of a layer it adds, beside its config. */
export interface Addition {
  /** Default: that of the first input. */
  readonly rank?: number;
  /** Default: those of the first input. */
  readonly channels?: number | null;
  readonly weights?: Readonly<Record<string, Float32Array>>;
  /** The layer is named "<Keras layer>/<part>". Exactly one layer has no part: it has the name of the Keras layer. */
  readonly part?: string;
}

/** One call of a Keras layer, as a translation sees it. */
export interface Call {
  /** How messages name the layer. */
  readonly where: string;
  readonly config: Config;
  readonly inputs: readonly Value[];
  /** The values of one of its weights, which must have this shape, converted where a function for it is given. */
  weight(name: string, shape: OpenShape, convert?: (stored: Float32Array) => Float32Array): Float32Array;
  /** Values of a weight that the layer is said not to have. */
  constant(name: string, count: number, value: number): Float32Array;
  /** The shape of a weight as the file has it. */
  shapeOf(name: string): readonly number[] | undefined;
  /** Adds a layer of ours. */
  emit(layer: Layer, inputs: readonly Value[], addition?: Addition): Value;
}

/** Adds what computes the same as the Keras layer; its result is the layer's output. */
export type Translation = (call: Call) => Value;

/** Translations by Keras class. */
export type Translations = Readonly<Record<string, Translation>>;

/** Axes of a tensor: far above what layers take. */
const MAX_RANK = 16;

export function checkRank(rank: number, where: string): void {
  if (rank > MAX_RANK) throw new UnsupportedError(`${where}: tensors of ${rank} axes are not supported`);
}

/** Keras' words for padding. */
export const PADDING = ["valid", "same"] as const;

export function checkChannelsLast({ config }: Call): void {
  config.word("data_format", ["channels_last"], "channels_last");
}

export function checkInputCount({ inputs, where }: Call, minimum: number, maximum: number): void {
  if (inputs.length < minimum || inputs.length > maximum)
    throw new FormatError(
      `${where}: reads ${inputs.length} tensors but takes ${minimum === maximum ? minimum : `at least ${minimum}`}`,
    );
}

/** The only input, of the rank the layer takes. */
export function onlyInput({ inputs, where }: Call, rank?: number): Value {
  if (inputs.length !== 1) throw new FormatError(`${where}: reads ${inputs.length} tensors but takes one`);
  if (rank !== undefined && inputs[0].rank !== rank)
    throw new FormatError(
      `${where}: its input has ${inputs[0].rank} axes but must have ${rank}, batch counted`,
    );
  return inputs[0];
}

/** The only input, which must have that many spatial axes, and channels last. */
export function spatialInput(call: Call, axes: number): Value {
  checkChannelsLast(call);
  return onlyInput(call, axes + 2);
}

/** The bias of a convolution or dense layer, if it has one. */
export function biasOf(call: Call, filters: number): { bias?: Float32Array } {
  return call.config.flag("use_bias", true) ? { bias: call.weight("bias", [filters]) } : {};
}

/** The options that end the config of a convolution or dense layer. */
export function epilogueOf(
  { config }: Call,
  weights: object,
): { bias: boolean; activation: ActivationConfig } {
  return { bias: "bias" in weights, activation: config.activation() };
}
