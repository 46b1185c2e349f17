// The time of a run, layer by layer: what `net.profile()` returns.
import { type Row, shortName, shortNumber } from "./summary.ts";
import { textTable } from "./text-table.ts";

export interface LayerProfile {
  name: string;
  kind: string;
  /** The algorithm; "fused" where the layer before it computes it too. */
  algorithm: string;
  /** Milliseconds of one run over the batch. */
  ms: number;
  /** Fraction of the whole run, 0 to 1. */
  share: number;
  /** Floating-point operations of the formula (a multiply-add is two) per nanosecond; Winograd executes fewer than are counted. */
  gflops: number;
}

export class Profile {
  readonly layers: readonly LayerProfile[];
  /** Milliseconds of all layers together. */
  readonly ms: number;
  readonly #batchSize: number;

  /** @internal `times`: milliseconds of every call of the program. */
  constructor(rows: readonly Row[], times: ArrayLike<number>, batchSize: number) {
    const own = rows.map((row) => row.calls.reduce((sum, call) => sum + times[call], 0));
    this.ms = own.reduce((sum, ms) => sum + ms, 0);
    this.#batchSize = batchSize;
    this.layers = rows.map(({ name, kind, algorithm, multiplyAdds }, i) => ({
      name,
      kind,
      algorithm,
      ms: own[i],
      share: this.ms > 0 ? own[i] / this.ms : 0,
      gflops: own[i] > 0 ? (2 * multiplyAdds) / own[i] / 1e6 : 0,
    }));
  }

  /** A table of the layers. */
  toString(): string {
    const body = this.layers.map((l) => [
      shortName(l.name),
      l.kind,
      l.algorithm,
      l.ms ? l.ms.toFixed(3) : "",
      l.ms ? `${(100 * l.share).toFixed(1)} %` : "",
      l.gflops ? l.gflops.toFixed(1) : "",
    ]);
    const flops = this.layers.reduce((sum, l) => sum + l.gflops * l.ms * 1e6, 0);
    const speed = this.ms > 0 ? flops / this.ms / 1e6 : 0;
    return textTable(
      ["layer", "kind", "algorithm", "ms", "share", "GFLOP/s"],
      body,
      [false, false, false, true, true, true],
      [
        `${this.ms.toFixed(3)} ms for a batch of ${this.#batchSize}, ${shortNumber(flops)}FLOP by the formulas, ${speed.toFixed(1)} GFLOP/s`,
      ],
    );
  }
}

/** Values in [-1, 1). */
export const noise = (length: number): Float32Array =>
  Float32Array.from({ length }, () => 2 * Math.random() - 1);
