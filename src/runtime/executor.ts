// Runs a kernel over its range of units: on one thread, or with workers (thread-pool.ts).
import type { Kernel, KernelName } from "./wasm.ts";

/** A call with every address settled. */
export interface BoundCall {
  readonly name: KernelName;
  readonly kernel: Kernel;
  readonly args: readonly number[];
  readonly units: number;
  /** Its place among the calls of its program. */
  readonly index: number;
}

/** Who runs calls. Results are bit-equal whoever does, because kernels split their output and never a sum. */
export interface Executor {
  /** How many work, the caller among them. */
  readonly threads: number;
  /** Why they are fewer than were started; undefined when they are not. */
  readonly fallback?: string | undefined;
  run(call: BoundCall): void;
  dispose(): void;
}

/** The calling thread. */
export const singleThread: Executor = { threads: 1, run: runCall, dispose() {} };

/** The whole range at once, on the calling thread. */
export function runCall({ kernel, args, units }: BoundCall): void {
  runRange(kernel, args, 0, units);
}

/** The units [from, to) of a call. Spelt out by length, because a spread call makes garbage. */
// biome-ignore format: a length a line
export function runRange(kernel: Kernel, a: readonly number[], from: number, to: number): void {
  switch (a.length) {
    case 1: kernel(a[0], from, to); break;
    case 2: kernel(a[0], a[1], from, to); break;
    case 3: kernel(a[0], a[1], a[2], from, to); break;
    case 4: kernel(a[0], a[1], a[2], a[3], from, to); break;
    case 5: kernel(a[0], a[1], a[2], a[3], a[4], from, to); break;
    case 6: kernel(a[0], a[1], a[2], a[3], a[4], a[5], from, to); break;
    case 7: kernel(a[0], a[1], a[2], a[3], a[4], a[5], a[6], from, to); break;
    case 8: kernel(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], from, to); break;
    case 9: kernel(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], from, to); break;
    case 10: kernel(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], from, to); break;
    default: throw new Error(`internal: a kernel takes 1 to 10 arguments, not ${a.length}`);
  }
}
