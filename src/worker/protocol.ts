// What the threads of a worker engine say to each other. Everything is plain data that structured clone copies.
import type { EngineInfo } from "../engine/engine.ts";
import type { CompileOptions } from "../network/compile-options.ts";
import type { FitOptions } from "../network/fit-options.ts";
import type { Outputs, Values } from "../network/io-binding.ts";
import type {
  EpochReport,
  EvaluateOptions,
  Evaluation,
  Samples,
  TrainOptions,
} from "../network/trainer-interface.ts";
import type { LoadedSource } from "../runtime/wasm.ts";
import type { DType, Shape } from "../tensor.ts";
import type { Call } from "./connection.ts";

/** How an engine is made in a worker. */
export interface Opening {
  readonly wasm: LoadedSource;
  readonly build: "simd" | "relaxed" | undefined;
  readonly deterministic: boolean | undefined;
  readonly threads: number | undefined;
}

/** A network by the number that its engine gave it. */
interface OfNet {
  readonly net: number;
}

export interface Compilation extends OfNet {
  /** A description, a description with weights, or the bytes of a file that holds one. */
  readonly source: unknown;
  readonly options: CompileOptions;
}

export interface Port {
  readonly name: string;
  /** Of one image, or all axes where there is no batch. */
  readonly shape: Shape;
}

/** What the caller's side knows of a compiled network. */
export interface Facts {
  readonly inputs: readonly (Port & { readonly dtype: DType })[];
  readonly outputs: readonly Port[];
  readonly batchSize: number;
  /** False where the model has no batch of images. */
  readonly batched: boolean;
  readonly parameters: number;
  readonly multiplyAdds: number;
}

/** The names of callbacks that a fit calls in the caller's thread, and waits for; `remind` sets the state of the schedule. */
export type Callback = "onBatch" | "onEpoch" | "schedule" | "momentum" | "remind";

/** Options of a fit that stay in the caller's thread. */
type HostOption = "onBatch" | "onEpoch" | "schedule" | "callbacks" | "signal";

export interface Fit extends OfNet {
  /** The number of this fit, by which it calls back. */
  readonly fit: number;
  /** Undefined where batches are pulled one by one. */
  readonly samples: Samples | undefined;
  readonly callbacks: readonly Callback[];
  readonly options: Omit<FitOptions & Partial<TrainOptions>, HostOption>;
}

export type NamedWeights = Readonly<Record<string, Float32Array>>;

/** What a worker is asked to do. */
export interface EngineCalls {
  open: Call<Opening, EngineInfo>;
  compile: Call<Compilation, Facts>;
  predict: Call<OfNet & { readonly inputs: readonly Values[] }, Outputs[]>;
  evaluate: Call<OfNet & { readonly samples: Samples; readonly options: EvaluateOptions }, Evaluation>;
  fit: Call<Fit, EpochReport[]>;
  /** Ends a fit after its current step. */
  abort: Call<{ readonly fit: number }, void>;
  /** With the state of the last fit's schedule, which is in the caller's thread. */
  save: Call<
    OfNet & { readonly options: { readonly optimizer?: boolean }; readonly schedule: unknown },
    Uint8Array
  >;
  load: Call<OfNet & { readonly bytes: Uint8Array }, void>;
  resume: Call<OfNet & { readonly bytes: Uint8Array }, void>;
  weights: Call<OfNet, NamedWeights>;
  emaWeights: Call<OfNet, NamedWeights | undefined>;
  setWeights: Call<OfNet & { readonly weights: Readonly<Record<string, ArrayLike<number>>> }, void>;
  summary: Call<OfNet, string>;
  dispose: Call<OfNet, void>;
}

/** What a fit in a worker asks its caller for. */
export interface HostCalls {
  /** What a callback of the caller gives, once it has been awaited. */
  callback: Call<{ readonly fit: number; readonly name: Callback; readonly argument: unknown }, unknown>;
  /** Begins the batches of an epoch. */
  begin: Call<{ readonly fit: number; readonly epoch: number }, void>;
  /** The next batch; undefined after the last. */
  next: Call<{ readonly fit: number }, { readonly samples: Samples } | undefined>;
  /** No more batches of this epoch are wanted. */
  end: Call<{ readonly fit: number }, void>;
}
