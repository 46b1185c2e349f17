// Runs a kernel over its range of units.
import type { Kernel } from "./wasm.ts";

/** A call with every address settled. */
export interface BoundCall {
  readonly kernel: Kernel;
  readonly args: readonly number[];
  readonly units: number;
}

/** The whole range at once, on the calling thread. Spelt out by length, because a spread call makes garbage. */
export function runCall({ kernel, args: a, units }: BoundCall): void {
  runRange(kernel, a, 0, units);
}

export function runRange(kernel: Kernel, a: readonly number[], from: number, to: number): void {
  switch (a.length) {
    case 1: return kernel(a[0], from, to);
    case 2: return kernel(a[0], a[1], from, to);
    case 3: return kernel(a[0], a[1], a[2], from, to);
    case 4: return kernel(a[0], a[1], a[2], a[3], from, to);
    case 5: return kernel(a[0], a[1], a[2], a[3], a[4], from, to);
    case 6: return kernel(a[0], a[1], a[2], a[3], a[4], a[5], from, to);
    case 7: return kernel(a[0], a[1], a[2], a[3], a[4], a[5], a[6], from, to);
    case 8: return kernel(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], from, to);
    case 9: return kernel(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], from, to);
    case 10: return kernel(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], from, to);
    default: throw new Error(`internal: a kernel takes 1 to 10 arguments, not ${a.length}`);
  }
}
