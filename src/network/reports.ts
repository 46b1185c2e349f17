// What is known after measuring samples, and after an epoch of training.

/** Mean loss over some samples, and what else was measured. */
export interface Evaluation {
  readonly loss: number;
  /** The loss of each output, where losses are given by output: `loss` is their sum, each times its weight. */
  readonly losses?: Readonly<Record<string, number>>;
  /** What was measured, by name; "output.name" where losses are given by output. */
  readonly metrics: Readonly<Record<string, number>>;
  /**
   * The metric "accuracy", where it was measured: the part of labels, 0 to 1, that are met: of classes where the highest score is the labelled class's, of 0 or 1 (binary
   * cross-entropy) where the score lies on the label's side of one half.
   */
  readonly accuracy?: number;
}

/** What is known after an epoch. */
export interface EpochReport {
  readonly epoch: number;
  /** Mean loss over the epoch's images, each before the step it took part in. */
  readonly loss: number;
  /** The loss of each output, where losses are given by output. */
  readonly losses?: Readonly<Record<string, number>>;
  /** What was measured over the epoch's images, each before the step it took part in, by name. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly validation: Evaluation | undefined;
  readonly imagesPerSecond: number;
  readonly ms: number;
}
