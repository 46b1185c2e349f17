// Which value of an epoch's report early stopping and schedules watch, and whether it has improved.
import { ArgumentError } from "../errors.ts";
import type { Monitored } from "../network/fit-options.ts";
import type { MonitorState } from "../network/loop-state.ts";
import type { EpochReport } from "../network/trainer-interface.ts";

/** What is best when it is least; other metrics when they are highest. */
const LEAST_IS_BEST = /loss|error|\b(mae|mse|rmse)$/i;

/** What was measured, of an epoch or of its validation. */
type Measured = Partial<Pick<EpochReport, "loss" | "losses" | "metrics">>;

/** The numbers by name: "loss", metrics, and "output.loss" where losses are given by output. */
export function numbersOf({ loss, losses = {}, metrics }: Measured = {}): Record<string, number> {
  const ofOutputs = Object.entries(losses).map(([output, value]) => [`${output}.loss`, value] as const);
  const all = Object.entries({ loss, ...Object.fromEntries(ofOutputs), ...metrics });
  return Object.fromEntries(all.filter((entry): entry is [string, number] => typeof entry[1] === "number"));
}

/** The numbers of an epoch: of its validation, where there is one. */
const measured = (report: EpochReport): Record<string, number> => numbersOf(report.validation ?? report);

export class Monitor {
  readonly #name: string;
  readonly #mode: "min" | "max";
  readonly #where: string;
  /** The best value, times -1 where the highest is best. */
  #best = Infinity;

  /** `where` opens messages. */
  constructor({ monitor = "loss", mode }: Monitored, where: string) {
    this.#name = monitor;
    this.#mode = mode ?? (LEAST_IS_BEST.test(monitor) ? "min" : "max");
    this.#where = where;
  }

  get state(): MonitorState {
    return { monitor: this.#name, mode: this.#mode, best: this.#best };
  }

  /** Goes on from there, where it is of the same value. */
  resume({ monitor, mode, best }: MonitorState): boolean {
    const same = monitor === this.#name && mode === this.#mode;
    if (same) this.#best = best;
    return same;
  }

  /** Throws unless it is one of the numbers that reports will have. */
  check(names: readonly string[]): void {
    if (!names.includes(this.#name))
      throw new ArgumentError(
        `${this.#where}: monitor is "${this.#name}" but the reports have ${names.join(", ")}`,
      );
  }

  /** Whether the value is better than the best so far by more than a margin, which may depend on that; it is the best then. */
  improves(report: EpochReport, margin: (best: number) => number): boolean {
    const values = measured(report);
    this.check(Object.keys(values));
    const value = values[this.#name] * (this.#mode === "min" ? 1 : -1);
    if (!(value < this.#best - (Number.isFinite(this.#best) ? margin(this.#best) : 0))) return false;
    this.#best = value;
    return true;
  }
}
