// The front door: names only.

export { createEngine, type EngineOptions } from "./engine/create.ts";
export type { Engine, EngineInfo } from "./engine/engine.ts";
export type {
  ConvGradients,
  ConvOptions,
  ConvTransposeOptions,
  PatchOptions,
  PoolOptions,
} from "./engine/op-options.ts";
export {
  ConvolithError,
  DisposedError,
  FormatError,
  MemoryError,
  ShapeError,
  UnsupportedError,
} from "./errors.ts";
export { fromSafetensors } from "./formats/checkpoint.ts";
export * from "./layers/index.ts";
export type { Initializer } from "./layers/initializers.ts";
export type { Layer, LayerFactory, Node } from "./layers/layer.ts";
export { input, loadModel, model, sequential } from "./model/build-model.ts";
export type { InputShape, Model, ModelLayer, TrainedModel, Weights } from "./model/schema.ts";
export type { CompileOptions, Inputs, Network } from "./network/network.ts";
export type { LayerProfile, Profile } from "./network/profile.ts";
export type { LossKind } from "./ops/loss.ts";
export type { Padding, PaddingMode } from "./ops/window.ts";
export type { DType, Shape, Tensor } from "./tensor.ts";
export type { Data, Samples } from "./training/data.ts";
export type { Evaluation, Metric } from "./training/evaluate.ts";
export type { BatchReport, EpochReport, FitOptions } from "./training/fit.ts";
export { accuracy, confusionMatrix, topK } from "./training/metrics.ts";
export type { LossConfig, Optimizer, Schedule, TrainOptions } from "./training/objective.ts";
export { adagrad, adam, adamW, cosine, rmsprop, sgd, stepDecay } from "./training/optimizers.ts";
