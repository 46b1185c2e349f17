// What `net.profile()` tells: where the time of a run goes.
import { type Row, short } from "./summary.ts";
import { table } from "./text-table.ts";

export interface LayerProfile {
  name: string;
  kind: string;
  /** How it is computed; "fused" where the layer before it does its work. */
  algorithm: string;
  /** Milliseconds of one run over the batch. */
  ms: number;
  /** Part of the whole run, 0 to 1. */
  share: number;
  /** Floating-point operations of the formula (a multiply-add is two) per nanosecond; Winograd needs fewer than it counts. */
  gflops: number;
}

export class Profile {
  readonly layers: readonly LayerProfile[];
  /** Milliseconds of all layers together. */
  readonly ms: number;
  readonly #batch: number;

  /** `times`: milliseconds of every call of the program. */
  constructor(rows: readonly Row[], times: ArrayLike<number>, batch: number) {
    const own = rows.map((row) => row.calls.reduce((sum, call) => sum + times[call], 0));
    this.ms = own.reduce((sum, ms) => sum + ms, 0);
    this.#batch = batch;
    this.layers = rows.map(({ name, kind, algorithm, multiplyAdds }, i) => ({
      name,
      kind,
      algorithm,
      ms: own[i],
      share: this.ms > 0 ? own[i] / this.ms : 0,
      gflops: own[i] > 0 ? (2 * multiplyAdds) / own[i] / 1e6 : 0,
    }));
  }

  /** A table, a layer a line. */
  toString(): string {
    const body = this.layers.map((l) => [
      l.name,
      l.kind,
      l.algorithm,
      l.ms ? l.ms.toFixed(3) : "",
      l.ms ? `${(100 * l.share).toFixed(1)} %` : "",
      l.gflops ? l.gflops.toFixed(1) : "",
    ]);
    const flops = this.layers.reduce((sum, l) => sum + l.gflops * l.ms * 1e6, 0);
    const speed = this.ms > 0 ? flops / this.ms / 1e6 : 0;
    return table(
      ["layer", "kind", "algorithm", "ms", "share", "GFLOP/s"],
      body,
      [false, false, false, true, true, true],
      [
        `${this.ms.toFixed(3)} ms for a batch of ${this.#batch}, ${short(flops)}FLOP by the formulas, ${speed.toFixed(1)} GFLOP/s`,
      ],
    );
  }
}
