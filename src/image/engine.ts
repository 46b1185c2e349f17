// An engine for images alone: the kernels and their memory, without layers, models and training.
import { BaseEngine } from "../engine/base.ts";
import { type EngineOptions, open } from "../engine/open.ts";

/**
 * What image functions compute with: the engine of `createImageEngine`, or that of `createEngine`, which can do all this one can.
 */
export type ImageEngine = BaseEngine;

/**
 * Loads the kernels for image functions alone: a bundle holds no layers and no training then. Takes the options of `createEngine`, and
 * rejects as it does.
 */
export async function createImageEngine(options: EngineOptions = {}): Promise<ImageEngine> {
  const { runtime, fallback } = await open(options);
  return new BaseEngine(runtime, fallback);
}
