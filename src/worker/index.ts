// convolith/worker: public names, re-exported from where they are defined.

export { QueueFullError, WorkerError } from "../errors.ts";
export { createWorkerEngine, type WorkerEngineOptions } from "./create.ts";
export type { WorkerCompileOptions, WorkerEngine, WorkerEngineInfo } from "./engine.ts";
export type { MicroBatchOptions } from "./micro-batch.ts";
export type {
  PlainOptimizer,
  RequestOptions,
  WorkerFitOptions,
  WorkerNetwork,
  WorkerTrainOptions,
} from "./network.ts";
