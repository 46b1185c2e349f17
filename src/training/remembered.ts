// What a checkpoint stores of a loop over epochs, and what a fit after `resume` begins with.
import type { LoopState } from "../network/loop-state.ts";

/** Copies of weights, and of averages where there are some, by the names of their blocks. */
export type KeptWeights = Readonly<Record<string, Float32Array>>;

/** The block of the best epoch's values of a block, which checkpoints store under this name. */
export const bestOf = (block: string): string => `${block}:best`;

export interface Remembered {
  readonly loop: Omit<LoopState, "history">;
  /** The weights of the best epoch, where early stopping keeps them. */
  readonly best: KeptWeights | undefined;
}

export interface Resumed extends Remembered {
  /** Batches of the next epoch that were done. */
  readonly batches: number;
}
