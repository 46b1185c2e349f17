// The table that `net.summary()` returns.

import type { Shape } from "../tensor.ts";
import { textTable } from "./text-table.ts";

export interface Row {
  name: string;
  kind: string;
  /** Output shape; batch first, where there is one. */
  shape: Shape;
  parameters: number;
  multiplyAdds: number;
  algorithm: string;
  /** Bytes its weights and tables take in linear memory. */
  bytes: number;
  /** Indices of its kernel calls in the program. */
  calls: number[];
}

const UNITS = ["", "k", "M", "G", "T"];

/** 1234567 as "1.23 M". */
export function shortNumber(value: number): string {
  let unit = 0;
  let v = value;
  while (v >= 1000 && unit < UNITS.length - 1) {
    v /= 1000;
    unit++;
  }
  const digits = unit === 0 ? String(v) : v.toPrecision(3);
  return unit ? `${digits} ${UNITS[unit]}` : digits;
}

/** Characters of a name that a table shows: those of models from files can be paths of a hundred. */
const LONGEST_NAME = 48;

/** The end of a name, which tells layers apart. */
export const shortName = (name: string): string =>
  name.length > LONGEST_NAME ? `…${name.slice(1 - LONGEST_NAME)}` : name;

export function summaryTable(
  rows: readonly Row[],
  /** Undefined for a model without a batch. */
  batchSize: number | undefined,
  bytes: { kept: number; run: number },
): string {
  const body = rows.map((r) => [
    shortName(r.name),
    r.kind,
    r.shape.slice(batchSize === undefined ? 0 : 1).join(" × ") || "1",
    r.parameters ? r.parameters.toLocaleString("en-US") : "",
    r.multiplyAdds ? shortNumber(r.multiplyAdds) : "",
    r.algorithm,
    r.bytes ? shortNumber(r.bytes) : "",
  ]);
  const parameters = rows.reduce((n, r) => n + r.parameters, 0);
  const multiplyAdds = rows.reduce((n, r) => n + r.multiplyAdds, 0);
  return textTable(
    ["layer", "kind", "output", "parameters", "multiply-adds", "algorithm", "bytes"],
    body,
    [false, false, false, true, true, false, true],
    [
      `${parameters.toLocaleString("en-US")} parameters, ${shortNumber(multiplyAdds)} multiply-adds for ${batchSize === undefined ? "a run" : `a batch of ${batchSize}`}`,
      `${shortNumber(bytes.kept)}B of weights and tables, ${shortNumber(bytes.run)}B of activations and scratch`,
    ],
  );
}
