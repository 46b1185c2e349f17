// What `engine.compile` takes besides the model, and its checks.
import { ArgumentError } from "../errors.ts";
import type { LayerKind } from "../layers/layer.ts";
import type { BuildOptions } from "../model/graph-builder.ts";
import type { Resolved } from "../model/resolve.ts";
import type { GivenWeights } from "../model/schema.ts";
import type { Runtime } from "../runtime/instance.ts";
import type { Preference } from "../runtime/program.ts";
import type { Shape } from "../tensor.ts";
import {
  aFlag,
  anInteger,
  anObject,
  aSeed,
  aWord,
  type Check,
  type Checks,
  checkOptions,
  describe,
  isPlain,
  refuse,
} from "../validate.ts";
import { TRAIN_OPTIONS, type TrainOptions } from "./trainer-interface.ts";

export interface CompileOptions {
  /** Trained weights, all of them, which are copied. Default: those of the model file, or freshly initialised ones. */
  weights?: GivenWeights;
  /**
   * Whether `weights` need not fit: those of other names are left out, as are those of other sizes, and what is missing is initialised.
   * `net.loadReport` tells which. Default false.
   */
  partial?: boolean;
  /** Kinds of layers by name that the model has beyond those every engine knows: of your own, or `importedKinds`. Default: the model's. */
  kinds?: Readonly<Record<string, LayerKind>>;
  /** Seed of initialisation, and of training unless `fit` is given one: an integer. Default 0. */
  seed?: number;
  /** Images per run. More images are run in batches, fewer are filled up to one. Default 1. */
  batchSize?: number;
  /** Sizes for inputs that leave some open (null), without batch: a shape, or shapes by input name. */
  shape?: Shape | Readonly<Record<string, Shape>>;
  /** "memory" leaves out algorithms whose packed weights are larger than the weights. Default "speed". */
  prefer?: Preference;
  /** Layout of the arrays given to and taken from the network. Default "nhwc" (channels last); "nchw" is converted at the boundary. */
  layout?: "nhwc" | "nchw";
  /** Plans training at once: loss and optimizer, and images per step (default 32). Otherwise `fit` plans it. */
  train?: TrainOptions & { batchSize?: number };
}

/** Kinds under their own names. */
const someKinds: Check<Readonly<Record<string, LayerKind>>> = (value, name, where) => {
  if (!isPlain(value)) refuse(value, name, where, "an object of kinds by name, such as { myLayer }");
  for (const [key, kind] of Object.entries(value as Record<string, Partial<LayerKind> | null | undefined>)) {
    if (typeof kind?.definition?.build !== "function")
      refuse(kind, `${name}.${key}`, where, "what defineLayer gives");
    if (kind.kind !== key)
      throw new ArgumentError(`${where}: ${name}.${key} is ${describe(kind.kind)}, and must have that name`);
  }
};

const COMPILE_OPTIONS: Checks<CompileOptions> = {
  weights: true,
  partial: aFlag,
  seed: aSeed,
  kinds: someKinds,
  batchSize: anInteger(1),
  shape: true,
  prefer: aWord("speed", "memory"),
  layout: aWord("nhwc", "nchw"),
  train: anObject<TrainOptions & { batchSize?: number }>({ ...TRAIN_OPTIONS, batchSize: anInteger(1) }),
};

/** Throws unless every option is known and has a value it can have. */
export const checkCompileOptions = (options: CompileOptions): void =>
  checkOptions("compile", options, COMPILE_OPTIONS);

/** The weights to begin with, and whether all must fit: those of the options, else the model's own, of which some may be missing. */
export function buildOptions(given: Resolved, options: CompileOptions, runtime: Runtime): BuildOptions {
  if (options.partial) return { weights: options.weights ?? given.weights, partial: "any", runtime };
  if (options.weights) return { weights: options.weights, runtime };
  return { weights: given.weights, partial: given.partial ? "missing" : undefined, runtime };
}
