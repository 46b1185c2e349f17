// What a placed program runs: calls with settled arguments, and loops over them.
import type { BoundCall, Executor } from "./executor.ts";

export type BoundItem = BoundCall | BoundLoop;

export interface BoundLoop {
  readonly count: number;
  readonly items: readonly BoundItem[];
  /** Arguments that grow with every iteration. */
  readonly steps: readonly { readonly args: number[]; readonly index: number; readonly by: number }[];
}

export function runItems(items: readonly BoundItem[], executor: Pick<Executor, "run">): void {
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if ("kernel" in item) executor.run(item);
    else runLoop(item, executor);
  }
}

function runLoop({ count, items, steps }: BoundLoop, executor: Pick<Executor, "run">): void {
  let done = 0;
  try {
    for (; done < count; done++) {
      runItems(items, executor);
      for (let s = 0; s < steps.length; s++) steps[s].args[steps[s].index] += steps[s].by;
    }
  } finally {
    for (let s = 0; s < steps.length; s++) steps[s].args[steps[s].index] -= done * steps[s].by;
  }
}
