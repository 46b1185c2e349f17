// The package's public names, re-exported from where they are defined.

// The engine and its tensors

export type { ActivationOptions, AlphaOptions, SoftmaxOptions } from "./eager/activation.ts";
export type { MultiHeadAttentionOptions, SqueezeExciteOptions } from "./eager/attention.ts";
export type {
  ConvOptions,
  ConvTransposeOptions,
  DenseOptions,
  DepthwiseConvOptions,
  ImageOptions,
  LocallyConnectedOptions,
  PatchOptions,
  SeparableConvOptions,
} from "./eager/conv.ts";
export type { RandomIntOptions, RandomNormalOptions, RandomUniformOptions } from "./eager/create.ts";
export type { DropoutOptions } from "./eager/dropout.ts";
export type {
  ArgMaxOptions,
  MergeOptions,
  ReduceOptions,
  RescaleOptions,
} from "./eager/elementwise.ts";
export type {
  GatherElementsOptions,
  GatherOptions,
  OneHotOptions,
  ScatterElementsOptions,
  ScatterOptions,
} from "./eager/gather.ts";
export type { CastOptions, ClipOptions, MatMulOptions, Operand } from "./eager/math.ts";
export type {
  AdaptivePoolOptions,
  AvgPoolOptions,
  BatchNormOptions,
  GlobalPoolOptions,
  GroupNormOptions,
  InstanceNormOptions,
  LayerNormOptions,
  MaxPoolOptions,
  MaxUnpoolOptions,
  RmsNormOptions,
} from "./eager/pool.ts";
export type { CumsumOptions, ReductionOptions, TopKOptions, VarianceOptions } from "./eager/reduction.ts";
export type {
  BlockOptions,
  BroadcastOptions,
  ConcatOptions,
  CropOptions,
  ExpandDimsOptions,
  PadOptions,
  ReshapeOptions,
  ResizeOptions,
  ReverseOptions,
  SliceOptions,
  SplitOptions,
  SqueezeOptions,
  StackOptions,
  StridedSliceOptions,
  TileOptions,
  TransposeOptions,
  UnstackOptions,
  UpsampleOptions,
} from "./eager/shape.ts";
export type { BaseEngine } from "./engine/base.ts";
export { createEngine, type EngineOptions, type WasmSource } from "./engine/create.ts";
export type { EagerOps, Engine, EngineInfo, LiveTensor } from "./engine/engine.ts";
export type { DType, NestedNumbers, Shape, Tensor } from "./tensor.ts";

// Gradients of eager ops

export {
  type ConvGradOptions,
  conv1dGrad,
  conv2dGrad,
  conv3dGrad,
  type DenseGradOptions,
  denseGrad,
  type GradientOptions,
  type GradientResult,
  gradients,
  type ProductGradients,
  type ProductOperand,
} from "./eager/gradients.ts";

// Models and layers

export {
  type CustomLayer,
  type CustomLayerDefinition,
  type CustomOption,
  type CustomWeight,
  defineLayer,
} from "./eager/custom-layer.ts";
export type { GridSampleOptions } from "./layers/grid-sample.ts";
export * from "./layers/index.ts";
export type { Initializer } from "./layers/initializers.ts";
export type {
  Layer,
  LayerFactory,
  LayerKind,
  LayerKindOf,
  Named,
  PerAxis,
  SymbolicTensor,
} from "./layers/layer.ts";
export type { LossKind, LossNumbers, LossOptions } from "./layers/loss-options.ts";
export { input, loadModel, model, sequential } from "./model/build-model.ts";
export type { LoadReport } from "./model/partial.ts";
export type {
  GivenWeights,
  InputShape,
  Model,
  ModelInput,
  ModelLayer,
  ModelSource,
  ResolvedModel,
  ResolveOptions,
  TrainedModel,
  WeightReader,
  Weights,
} from "./model/schema.ts";
export {
  type AnyModel,
  asLayer,
  type OpenModel,
  openModel,
  type Remade,
  replaceHead,
  upTo,
  withOutputs,
} from "./model/surgery.ts";
export type { Padding, PaddingMode } from "./ops/window.ts";

// Networks

export type { FileBytes } from "./formats/bytes.ts";
export { fromSafetensors } from "./formats/checkpoint.ts";
export type { CallOptions, CompileOptions, Inputs, Network, Predictions } from "./network/network.ts";
export type { LayerProfile, Profile } from "./network/profile.ts";

// Training

export type { ThresholdOptions } from "./network/accuracy.ts";
export type { AverageOptions, IoUOptions } from "./network/class-metrics.ts";
export type {
  BatchReport,
  EarlyStopping,
  FitOptions,
  Monitored,
  Schedule,
  TrainingCallback,
  WeightAverage,
} from "./network/fit-options.ts";
export type { SsimOptions } from "./network/image-metrics.ts";
export type { ParameterGroup, Regularizer, Selection } from "./network/layer-selection.ts";
export type { CustomLoss, LossConfig, LossModel, OutputLossConfig } from "./network/loss-config.ts";
export {
  type ClassificationReport,
  type ClassScores,
  classificationReport,
  type MeasureOptions,
} from "./network/measure.ts";
export type { AnyMetric, Metric, MetricBatch, MetricsOption, TargetKind } from "./network/metric.ts";
export * as metrics from "./network/metric-list.ts";
export { type AccuracyOptions, accuracy, confusionMatrix, topK } from "./network/metrics.ts";
export type { RankingOptions } from "./network/ranking-metrics.ts";
export type {
  AppliedWeights,
  ApplyOptions,
  ApplyStepOptions,
  Batches,
  BatchGradientOptions,
  BatchGradients,
  Data,
  EpochReport,
  EvaluateOptions,
  Evaluation,
  Optimizer,
  Samples,
  TrainOptions,
} from "./network/trainer-interface.ts";
export type { PsnrOptions } from "./network/value-metrics.ts";
export { type CheckpointOptions, checkpoint } from "./training/checkpoints.ts";
export { type CsvLogOptions, csvLog } from "./training/csv-log.ts";
export { type Curves, curves } from "./training/curves.ts";
export {
  type CutmixOptions,
  cutmix,
  type MixedBatches,
  type MixupOptions,
  mixup,
} from "./training/mix.ts";
export {
  type AdadeltaOptions,
  type AdagradOptions,
  type AdamaxOptions,
  type AdamOptions,
  adadelta,
  adagrad,
  adam,
  adamax,
  adamW,
  type LambOptions,
  type LionOptions,
  lamb,
  lion,
  type NadamOptions,
  nadam,
  type RadamOptions,
  type RmsPropOptions,
  radam,
  rmsprop,
  type SgdOptions,
  sgd,
} from "./training/optimizers.ts";
export { type Resumed, type ResumeOptions, resume } from "./training/resume.ts";
export {
  byEpoch,
  type CosineRestartsOptions,
  cosine,
  cosineRestarts,
  exponentialDecay,
  type LinearWarmupOptions,
  linearWarmup,
  type OneCycleOptions,
  oneCycle,
  piecewise,
  polynomial,
  type ReduceOnPlateauOptions,
  reduceOnPlateau,
  stepDecay,
} from "./training/schedules.ts";
export { type TensorBoardOptions, tensorBoard } from "./training/tensor-board.ts";

// Errors

export {
  ArgumentError,
  ConvolithError,
  DisposedError,
  FormatError,
  MemoryError,
  QueueFullError,
  ShapeError,
  UnsupportedError,
  WorkerError,
} from "./errors.ts";
