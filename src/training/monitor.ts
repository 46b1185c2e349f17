// Which value of an epoch's report early stopping and schedules watch, and whether it has improved.
import { ArgumentError } from "../errors.ts";
import type { Monitored } from "../network/fit-options.ts";
import type { EpochReport } from "../network/trainer-interface.ts";

/** What is best when it is least; other metrics when they are highest. */
const LEAST_IS_BEST = /loss|error|^(mae|mse|rmse)$/i;

/** The numbers among some values, and among their `metrics` where they have those in an object of their own. */
export function numbersOf(values: object | undefined): Record<string, number> {
  const { metrics, ...own } = (values ?? {}) as Readonly<Record<string, unknown>>;
  const all = Object.entries({ ...own, ...(metrics as object | undefined) });
  return Object.fromEntries(all.filter((entry): entry is [string, number] => typeof entry[1] === "number"));
}

/** What was measured in an epoch, by name: on the validation's images where there are any, else in training. */
const measured = ({ loss, metrics, validation }: EpochReport): Record<string, number> =>
  numbersOf(validation ?? { loss, metrics });

export class Monitor {
  readonly #name: string;
  readonly #sign: 1 | -1;
  readonly #where: string;
  #best = Infinity;

  /** `where` opens messages. */
  constructor({ monitor = "loss", mode }: Monitored, where: string) {
    this.#name = monitor;
    this.#sign = (mode ?? (LEAST_IS_BEST.test(monitor) ? "min" : "max")) === "min" ? 1 : -1;
    this.#where = where;
  }

  /** Whether the value is better than the best so far by more than a margin, which may depend on that; it is the best then. */
  improves(report: EpochReport, margin: (best: number) => number): boolean {
    const values = measured(report);
    if (!Object.hasOwn(values, this.#name))
      throw new ArgumentError(
        `${this.#where}: monitor is "${this.#name}" but the reports have ${Object.keys(values).join(", ")}`,
      );
    const value = values[this.#name] * this.#sign;
    if (!(value < this.#best - (Number.isFinite(this.#best) ? margin(this.#best) : 0))) return false;
    this.#best = value;
    return true;
  }
}
