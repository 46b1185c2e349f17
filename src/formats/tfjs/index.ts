// TensorFlow.js models (model.json and its weight files): layers models as descriptions with trained weights, graph models as sources of
// descriptions for the sizes they are compiled for.
// Formats: tensorflow/tfjs, tfjs-layers/src/keras_format: the topology Keras 2 writes; tensorflow/core/framework/graph.proto as JSON.

import { ArgumentError, FormatError } from "../../errors.ts";
import type { ModelSource, TrainedModel } from "../../model/schema.ts";
import { describe, isObject, type Json } from "../../validate.ts";
import { asBytes, otherFormat, textOf } from "../bytes.ts";
import { isGraphModel, readGraphModel } from "./graph.ts";
import { Importer } from "./importer.ts";
import { Budget, type TfjsLimits, type TfjsOptions } from "./limits.ts";
import { fetched, type TfjsFile, type TfjsHandler } from "./load.ts";
import { type TfjsWeights, WeightFile } from "./weight-file.ts";

export type { TfjsFile, TfjsHandler, TfjsLimits, TfjsOptions, TfjsWeights };

/**
 * Reads a TensorFlow.js model, as `model.save()` of TensorFlow.js or `tensorflowjs_converter` wrote it; what it gives is for
 * `engine.compile`. The network computes what `tf.loadLayersModel(...)` or `tf.loadGraphModel(...)` does.
 *
 * A *layers* model becomes a description with its weights. Layers keep their Keras names; those of nested models are named
 * "model/layer", later calls of a layer "layer@2", which shares the weights of "layer". Where Keras and TensorFlow.js differ (bilinear
 * upsampling) it computes what TensorFlow.js does, and what Keras 2 does where TensorFlow.js has no such layer. Sizes that the file
 * leaves open stay open (null) and are given to `engine.compile`. Regularizers, constraints and the training config are ignored.
 *
 * A *graph* model is described when it is compiled: shapes that it computes, branches on what they are, and everything else that does
 * not depend on values of inputs is computed then. Inputs and outputs are named as its signature does, without ":0".
 *
 * Weights of float32, int32, bool and uint8 are read, also quantized to uint8, uint16 or float16; those of an optimizer are left out.
 *
 * @param modelJson model.json: its text, its bytes, or what `JSON.parse` made of it.
 * @param weights The binary files next to it: all in one, a list in the order of the manifest, or by file name.
 * @param options `limits`: the most layers, nesting and bytes of a model that is read, as nested models can stand for far more layers
 * than a file has bytes. Defaults: 20,000 layers, 32 deep, 2^31 bytes of weights. `known` and `shapes`: values and shapes of a graph
 * model's inputs.
 * @throws ArgumentError for what is no file, or no option.
 * @throws FormatError for a file that is damaged or incomplete, naming the layer or node and the field, or the weight and its bytes.
 * @throws UnsupportedError for Keras 3 files, layers, operators or options that have no equivalent here (operators: all of them in one
 * error), and models beyond the limits.
 */
export function fromTfjs(
  modelJson: unknown,
  weights: TfjsWeights,
  options: TfjsOptions = {},
): TrainedModel | ModelSource {
  const budget = new Budget(options);
  const { file, topology } = parse(modelJson);
  const stored = new WeightFile(file.weightsManifest ?? [], weights, budget);
  if (isGraphModel(file)) return readGraphModel(file, topology, stored, budget, options);
  return new Importer(stored, budget).import(topology);
}

/**
 * Fetches a TensorFlow.js model and reads it as `fromTfjs` does.
 *
 * @param from The URL of model.json, next to which its weight files lie; the files of a model, such as a browser's file picker gives
 * (one ends in ".json"); or an object with a method `load` that gives a promise of a model's artifacts, such as `tf.io.fileSystem(path)`.
 * @throws ArgumentError where a URL does not answer with a file; and what `fromTfjs` throws.
 */
export async function loadTfjs(
  from: string | URL | readonly TfjsFile[] | TfjsHandler,
  options: TfjsOptions = {},
): Promise<TrainedModel | ModelSource> {
  const { modelJson, weights } = await fetched(from, (json) => parse(json).file);
  return fromTfjs(modelJson, weights, options);
}

/** What model.json holds, and the topology in it. */
function parse(modelJson: unknown): { file: Json; topology: Json } {
  let file = modelJson;
  const bytes = asBytes(file);
  if (bytes || typeof file === "string") {
    try {
      file = JSON.parse(bytes ? textOf(bytes) : (file as string));
    } catch (cause) {
      const other = bytes && otherFormat(bytes, "JSON");
      throw new FormatError(`tfjs: ${other ?? `model.json is not JSON: ${(cause as Error).message}`}`, {
        cause,
      });
    }
  } else if (typeof file !== "object" || file === null)
    throw new ArgumentError(
      `tfjs: model.json is ${describe(file)} but must be its text, its bytes, or what JSON.parse made of it`,
    );
  if (!isObject(file)) throw new FormatError("tfjs: model.json must hold an object");
  const { modelTopology } = file;
  if (!isObject(modelTopology)) throw new FormatError("tfjs: model.json has no modelTopology");
  const { model_config: config } = modelTopology;
  return { file, topology: isObject(config) ? config : modelTopology };
}
