// Watches epochs, tells when they no longer get better, and keeps the best weights.
import type { EarlyStopping } from "../network/fit-options.ts";
import type { WatchState } from "../network/loop-state.ts";
import type { EpochReport } from "../network/trainer-interface.ts";
import { Monitor } from "./monitor.ts";
import type { KeptWeights } from "./remembered.ts";

export class Watch {
  readonly #options: EarlyStopping;
  readonly #monitor: Monitor;
  #watched = 0;
  #sinceBest = 0;
  /** The weights of the best epoch, where they are to be restored. */
  best: KeptWeights | undefined;

  constructor(options: EarlyStopping) {
    this.#options = options;
    this.#monitor = new Monitor(options, "fit: earlyStopping");
  }

  /** Throws unless reports will have what is watched, of which these are the names. */
  check(names: readonly string[]): void {
    this.#monitor.check(names);
  }

  get state(): WatchState {
    return { ...this.#monitor.state, watched: this.#watched, sinceBest: this.#sinceBest };
  }

  /** Goes on from there, where the same value was watched. */
  resume(state: WatchState, best: KeptWeights | undefined): void {
    if (!this.#monitor.resume(state)) return;
    this.#watched = state.watched;
    this.#sinceBest = state.sinceBest;
    if (this.#options.restoreBest) this.best = best;
  }

  /** Takes in an epoch; `keep` copies the weights as they are after it. */
  see(report: EpochReport, keep: () => KeptWeights): void {
    const { minDelta = 0, startFromEpoch = 0, restoreBest } = this.#options;
    if (this.#watched++ < startFromEpoch) return;
    const better = this.#monitor.improves(report, () => minDelta);
    if (restoreBest && (better || !this.best)) this.best = keep();
    this.#sinceBest = better ? 0 : this.#sinceBest + 1;
  }

  /** Whether the training ends after the epochs seen. */
  get isOver(): boolean {
    return this.#sinceBest > 0 && this.#sinceBest >= this.#options.patience;
  }
}
