// Watches epochs, tells when they no longer get better, and brings the best weights back.
import type { EarlyStopping } from "../network/fit-options.ts";
import type { EpochReport } from "../network/trainer-interface.ts";
import { Monitor } from "./monitor.ts";

export class Watch {
  readonly #options: EarlyStopping;
  readonly #monitor: Monitor;
  /** Copies the weights as they are; what it gives brings them back. */
  readonly #keep: () => () => void;
  #bringBack: (() => void) | undefined;
  #watched = 0;
  #sinceBest = 0;

  constructor(options: EarlyStopping, keep: () => () => void) {
    this.#options = options;
    this.#monitor = new Monitor(options, "fit: earlyStopping");
    this.#keep = keep;
  }

  /** Throws unless reports will have what is watched, of which these are the names. */
  check(names: readonly string[]): void {
    this.#monitor.check(names);
  }

  /** Whether the training ends after this epoch. */
  isEnough(report: EpochReport): boolean {
    const { patience, minDelta = 0, startFromEpoch = 0, restoreBest } = this.#options;
    if (this.#watched++ < startFromEpoch) return false;
    const better = this.#monitor.improves(report, () => minDelta);
    if (restoreBest && (better || !this.#bringBack)) this.#bringBack = this.#keep();
    this.#sinceBest = better ? 0 : this.#sinceBest + 1;
    return !better && this.#sinceBest >= patience;
  }

  /** The weights of the best epoch, where they were kept. */
  restore(): void {
    this.#bringBack?.();
  }
}
