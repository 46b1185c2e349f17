// The reports of a training as curves: an array for each value.
import type { EpochReport } from "../network/trainer-interface.ts";
import { refuse } from "../validate.ts";
import { numbersOf } from "./monitor.ts";

/** Values by name, each with a number for every epoch. Names of the validation's begin with "val": `valLoss`. */
export interface Curves {
  epoch: number[];
  loss: number[];
  [name: string]: number[];
}

/**
 * What `fit` resolves to, or `net.history`, as arrays: `{ epoch, loss, accuracy, valLoss, valAccuracy, ... }`, NaN in epochs where a value
 * was not measured. Losses by output are `"output.loss"`.
 */
export function curves(history: readonly EpochReport[]): Curves {
  if (!Array.isArray(history))
    refuse(history, "history", "curves", "the list of reports that fit resolves to");
  const result: Curves = { epoch: [], loss: [] };
  for (const [i, report] of history.entries()) {
    if (typeof report !== "object" || report === null)
      refuse(report, `history[${i}]`, "curves", `a report of an epoch`);
    for (const [name, value] of Object.entries(valuesOf(report))) {
      if (!Object.hasOwn(result, name))
        Object.defineProperty(result, name, { value: [], ...{ enumerable: true, writable: true } });
      const curve = result[name];
      while (curve.length < i) curve.push(Number.NaN);
      curve.push(value);
    }
  }
  for (const curve of Object.values(result)) while (curve.length < history.length) curve.push(Number.NaN);
  return result;
}

/** The number of an epoch, and what was measured in it. */
export function valuesOf(report: EpochReport): Record<string, number> {
  const validated = Object.entries(numbersOf(report.validation)).map(
    ([name, value]) => [`val${name[0]?.toUpperCase() ?? ""}${name.slice(1)}`, value] as const,
  );
  return { epoch: report.epoch, ...numbersOf(report), ...Object.fromEntries(validated) };
}
