// TensorFlow.js layers models (model.json and its weight files) as descriptions with trained weights.
// Format: tensorflow/tfjs, tfjs-layers/src/keras_format: the topology Keras 2 writes, and a manifest of weights.

import { ArgumentError, FormatError, UnsupportedError } from "../../errors.ts";
import type { TrainedModel } from "../../model/schema.ts";
import { describe, isObject, type Json } from "../../validate.ts";
import { asBytes, otherFormat, textOf } from "../bytes.ts";
import { Importer } from "./importer.ts";
import { Budget, type TfjsLimits, type TfjsOptions } from "./limits.ts";
import { type TfjsWeights, WeightFile } from "./weight-file.ts";

export type { TfjsLimits, TfjsOptions, TfjsWeights };

/**
 * Reads a TensorFlow.js *layers* model, as `model.save()` of TensorFlow.js or `tensorflowjs_converter` wrote it; what it
 * gives is for `engine.compile`. The network computes what `tf.loadLayersModel(...)` does, also where Keras differs
 * (bilinear upsampling), and what Keras 2 does where TensorFlow.js has no such layer.
 *
 * Layers keep their Keras names; those of nested models are named "model/layer", later calls of a layer "layer@2", which
 * shares the weights of "layer". Sizes that the file leaves open stay open (null) and are given to `engine.compile`.
 * Weights of float32, int32, bool and uint8 are read, also quantized to uint8, uint16 or float16; those of an optimizer
 * are left out. Regularizers, constraints and the training config are ignored.
 *
 * @param modelJson model.json: its text, its bytes, or what `JSON.parse` made of it.
 * @param weights The binary files next to it: all in one, a list in the order of the manifest, or by file name.
 * @param options `limits`: the most layers, nesting and bytes of a model that is read, as nested models can stand for far more layers
 * than a file has bytes. Defaults: 20,000 layers, 32 deep, 2^31 bytes of weights.
 * @throws ArgumentError for what is no file, or no option.
 * @throws FormatError for a file that is damaged or incomplete, naming the layer and the field, or the weight and its bytes.
 * @throws UnsupportedError for graph models, Keras 3 files, layers or options that have no equivalent here, and models beyond the limits.
 */
export function fromTfjs(modelJson: unknown, weights: TfjsWeights, options: TfjsOptions = {}): TrainedModel {
  const budget = new Budget(options);
  const { modelTopology, weightsManifest } = parse(modelJson);
  const file = new WeightFile(weightsManifest ?? [], weights, budget);
  return new Importer(file, budget).import(modelTopology);
}

function parse(modelJson: unknown): { modelTopology: Json; weightsManifest?: unknown } {
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
  const { modelTopology, weightsManifest } = file;
  if (file.format === "graph-model" || (isObject(modelTopology) && Object.hasOwn(modelTopology, "node")))
    throw new UnsupportedError(
      "tfjs: this is a TensorFlow.js graph model (modelTopology.node), but only layers models can be read; convert the " +
        "original Keras model with tensorflowjs_converter --output_format=tfjs_layers_model",
    );
  if (!isObject(modelTopology)) throw new FormatError("tfjs: model.json has no modelTopology");
  return {
    modelTopology: isObject(modelTopology.model_config) ? modelTopology.model_config : modelTopology,
    weightsManifest,
  };
}
