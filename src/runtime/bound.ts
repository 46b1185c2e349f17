// What a placed program runs: calls with settled arguments, and loops over them.
import type { Argument } from "./address.ts";
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

/** Numbers in an array that began with objects in it: V8 boxes them here once, and not at every read in a run. */
export function settled(args: readonly Argument[]): number[] {
  const numbers: unknown[] = new Array(args.length).fill(null);
  args.forEach((arg, i) => {
    numbers[i] = typeof arg === "number" ? arg : arg.value;
  });
  return numbers as number[];
}
