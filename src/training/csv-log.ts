// A log of epochs as comma-separated values, written by a callback.
import type { TrainingCallback } from "../network/fit-options.ts";
import { aFlag, aFunction, checkOptions } from "../validate.ts";
import { valuesOf } from "./curves.ts";

export interface CsvLogOptions {
  /** Whether the first line names the columns: not where lines are appended to a file that has some. Default true. */
  readonly header?: boolean;
}

/**
 * A line for every epoch: `epoch,loss,accuracy,valLoss,valAccuracy,imagesPerSecond,ms`, with the metrics that the first epoch has. `write`
 * is given text that ends with a line, and awaited.
 */
export function csvLog(write: (text: string) => unknown, options: CsvLogOptions = {}): TrainingCallback {
  aFunction(write, "write", "csvLog");
  checkOptions("csvLog", options, { header: aFlag });
  const { header = true } = options;
  let columns: readonly string[] | undefined;
  return {
    async onEpoch(report) {
      const { imagesPerSecond, ms } = report;
      const values: Readonly<Record<string, number>> = { ...valuesOf(report), imagesPerSecond, ms };
      const first = columns === undefined && header;
      columns ??= Object.keys(values);
      const line = columns.map((name) => (Object.hasOwn(values, name) ? String(values[name]) : ""));
      const lines = first ? [columns.map(quoted), line] : [line];
      await write(lines.map((cells) => `${cells.join(",")}\n`).join(""));
    },
  };
}

const quoted = (name: string): string => (/[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);
