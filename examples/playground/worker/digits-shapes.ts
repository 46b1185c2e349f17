// Sizes of the network that reads digits, and what it tells the page: for both sides.

export const FILTERS = 8;
export const KERNEL = 5;
export const FILTERS_2 = 16;

export type DigitsInit = "glorotUniform" | "heNormal" | "zeros" | "constant";
export type DigitsOptimizer = "sgd" | "momentum" | "adam" | "rmsprop";

export interface DigitsOptions {
  readonly init: DigitsInit;
  readonly optimizer: DigitsOptimizer;
  readonly learningRate: number;
}

/** What the network sees in one digit. */
export interface Look {
  /** [28, 28, FILTERS]: the first layer's output. */
  readonly maps: Float32Array;
  /** [14, 14, FILTERS_2]: the second convolution's. */
  readonly maps2: Float32Array;
  readonly probabilities: Float32Array;
}

export interface DigitsReport {
  /** Batches trained. */
  readonly step: number;
  readonly epoch: number;
  /** Mean over the batches since the last report; of no batch yet: over test images. */
  readonly loss: number;
  /** Part of test images read right. */
  readonly accuracy: number;
  readonly imagesPerSecond: number;
  /** [KERNEL, KERNEL, 1, FILTERS] */
  readonly kernels: Float32Array;
  readonly look: Look | undefined;
  /** Rows: the digit shown; columns: the digit read. Only in some reports. */
  readonly confusion: number[][] | undefined;
}
