// Networks as safetensors files: the weights, the description in the metadata, and what an optimizer needs to continue.

import { FormatError } from "../errors.ts";
import { checkModel, type Model, type TrainedModel, type Weights } from "../model/schema.ts";
import type { Shape } from "../tensor.ts";
import { describe, isObject } from "../validate.ts";
import type { FileBytes } from "./bytes.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "./safetensors.ts";

/** Prefix of the names of an optimizer's state, so that they never collide with a weight's. */
const STATE = "optimizer/";
/** Keys of the metadata that hold the description and the training, as JSON. */
const MODEL = "convolith.model";
const TRAINING = "convolith.training";

/** The progress of a training. */
export interface Progress {
  /** The options of the training, as JSON. */
  readonly options: unknown;
  readonly steps: number;
  readonly epochs: number;
  /** Of the next epoch, which are done. */
  readonly batches: number;
  /** Of the order of images and of dropout. */
  readonly seed: number;
  /** The optimizer's tensors by name. */
  readonly state: Weights;
  /** What the loop over epochs remembers, as plain data; undefined in files of earlier releases. */
  readonly loop: unknown;
}

export interface Checkpoint {
  /** Undefined in files that others wrote. */
  readonly model: Model | undefined;
  readonly weights: Weights;
  /** The shapes of the weights in the file. */
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly progress: Progress | undefined;
}

/** JSON has no NaN and nothing infinite: they are `{ float: "NaN" }`. */
const stored = (_: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isFinite(value) ? { float: String(value) } : value;
const FLOATS = ["NaN", "Infinity", "-Infinity"];
const restored = (_: string, value: unknown): unknown =>
  isObject(value) && FLOATS.includes(value.float as string) ? Number(value.float) : value;

export function writeCheckpoint(
  model: Model,
  weights: Weights,
  shapes: Readonly<Record<string, Shape>>,
  progress: Progress | undefined,
): FileBytes {
  const tensors: Record<string, StoredTensor> = {};
  for (const [name, data] of Object.entries(weights)) tensors[name] = { shape: shapes[name], data };
  for (const [name, data] of Object.entries(progress?.state ?? {}))
    tensors[STATE + name] = { shape: [data.length], data };
  const metadata: Record<string, string> = { format: "convolith", [MODEL]: JSON.stringify(model) };
  if (progress) {
    const { state: _, ...training } = progress;
    metadata[TRAINING] = JSON.stringify(training, stored);
  }
  return writeSafetensors({ tensors, metadata });
}

/**
 * Throws FormatError where the bytes are no such file. A file of bare weights has neither model nor progress. Weights and state are
 * objects without prototype, as names are the file's.
 */
export function readCheckpoint(bytes: unknown): Checkpoint {
  const { tensors, metadata } = readSafetensors(bytes);
  const parse = (key: string): unknown => {
    if (metadata[key] === undefined) return undefined;
    try {
      return JSON.parse(metadata[key], key === TRAINING ? restored : undefined);
    } catch (cause) {
      throw new FormatError(`safetensors: the metadata "${key}" is no JSON: ${(cause as Error).message}`, {
        cause,
      });
    }
  };
  const model = parse(MODEL);
  if (model !== undefined) checkModel(model);
  const training = parse(TRAINING);
  const weights: Record<string, Float32Array> = Object.create(null);
  const shapes: Record<string, Shape> = Object.create(null);
  const state: Record<string, Float32Array> = Object.create(null);
  for (const [name, { data, shape }] of Object.entries(tensors))
    if (name.startsWith(STATE)) state[name.slice(STATE.length)] = data;
    else {
      weights[name] = data;
      shapes[name] = shape;
    }
  return {
    model,
    weights,
    shapes,
    progress: training === undefined ? undefined : progressOf(training, state),
  };
}

function progressOf(training: unknown, state: Weights): Progress {
  if (typeof training !== "object" || training === null || Array.isArray(training))
    throw new FormatError(
      `safetensors: the metadata "${TRAINING}" is ${describe(training)} but must be an object`,
    );
  // Files of the first release do not tell batches.
  const { options, loop, ...counts } = {
    ...{ batches: 0 },
    ...(training as Omit<Progress, "state">),
  };
  for (const name of ["steps", "epochs", "batches", "seed"] as const)
    if (!Number.isSafeInteger(counts[name]) || (name !== "seed" && counts[name] < 0))
      throw new FormatError(
        `safetensors: "${name}" of the training is ${describe(counts[name])}, which is no number of ${name}`,
      );
  const { steps, epochs, batches, seed } = counts;
  return { options, steps, epochs, batches, seed, state, loop };
}

/**
 * Reads a network that `net.save()` wrote: its description and its weights, for `engine.compile`, which copies them. Until then they are
 * views of the file where that is possible, which must not change. Throws FormatError for a file that holds no description; weights alone
 * are for `net.load`, those of PyTorch for `loadStateDict` of convolith/nets.
 */
export function fromSafetensors(bytes: Uint8Array | ArrayBuffer): TrainedModel {
  const { model, weights } = readCheckpoint(bytes);
  if (!model)
    throw new FormatError(
      "fromSafetensors: the file holds no description; compile the model and net.load the weights",
    );
  return { model, weights };
}
