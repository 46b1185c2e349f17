// What is trained side by side: a net as a list of layers, its first weights, one batch.
export interface TrainLayer {
  kind: "conv" | "convNoBias" | "norm" | "relu" | "pool" | "mean" | "flatten" | "dense";
  /** Filters of convolutions (3x3, same padding), units of dense layers. */
  filters: number;
}

export interface TrainTask {
  batchSize: number;
  /** [h, w, c] */
  input: readonly number[];
  layers: readonly TrainLayer[];
  /** By name, in the order of the layers: kernels [kh, kw, in, out] and [in, out], vectors. */
  weights: readonly (readonly [name: string, shape: readonly number[], data: Float32Array])[];
  x: Float32Array;
  /** A class per image. */
  y: Float32Array;
  /** Of SGD. */
  learningRate: number;
  momentum: number;
}

/** A run of so many steps from the first weights: milliseconds and loss of each. */
export type Trainer = (steps: number) => { ms: number[]; losses: number[] };
