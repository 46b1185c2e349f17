// The front door: names only.
export { fromSafetensors } from "./checkpoint.ts";
export { createEngine, type EngineOptions } from "./create.ts";
export type { InputShape, Model, ModelLayer, TrainedModel, Weights } from "./description.ts";
export type { Engine, EngineInfo } from "./eager.ts";
export {
  ConvolithError,
  DisposedError,
  FormatError,
  MemoryError,
  ShapeError,
  UnsupportedError,
} from "./errors.ts";
export * from "./layers/index.ts";
export type { Initializer } from "./layers/initializers.ts";
export type { Layer, LayerFactory, Node } from "./layers/layer.ts";
export { input, loadModel, model, sequential } from "./model.ts";
export type { CompileOptions, Inputs, Network } from "./network.ts";
export type { LossKind } from "./ops/loss.ts";
export type { Padding, PaddingMode } from "./ops/window.ts";
export type {
  ConvGradients,
  ConvOptions,
  ConvTransposeOptions,
  PatchOptions,
  PoolOptions,
} from "./options.ts";
export type { LayerProfile, Profile } from "./profile.ts";
export type { DType, Shape, Tensor } from "./tensor.ts";
export type { Data, Samples } from "./train/data.ts";
export type { Evaluation, Metric } from "./train/evaluate.ts";
export type { BatchReport, EpochReport, FitOptions } from "./train/fit.ts";
export { accuracy, confusionMatrix, topK } from "./train/metrics.ts";
export type { LossConfig, Optimizer, Schedule, TrainOptions } from "./train/rules.ts";
export { adagrad, adam, adamW, cosine, rmsprop, sgd, stepDecay } from "./training.ts";
