// A TensorFlow.js layers model as what it is: fromTfjs reads graph models as well, which are something else.
import { fromTfjs } from "../src/formats/tfjs/index.ts";
import type { TrainedModel } from "../src/model/schema.ts";

export function layersModel(...args: Parameters<typeof fromTfjs>): TrainedModel {
  const model = fromTfjs(...args);
  if ("resolve" in model) throw new Error("a graph model");
  return model;
}
