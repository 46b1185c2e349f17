// Checks of options that several functions on images take.
import { aNumber, aWord, type Check } from "../validate.ts";
import type { BorderMode } from "./band.ts";
import type { FilterBorder } from "./rows.ts";

export const aBorder: Check<BorderMode> = aWord("reflect101", "reflect", "replicate", "zeros");
export const aFilterBorder: Check<FilterBorder> = aWord(
  "reflect101",
  "reflect",
  "replicate",
  "zeros",
  "valid",
);

/** A number for all channels, or one for each. */
export type PerChannel = number | readonly number[];

export const aPerChannel =
  (check: Check<number> = aNumber): Check<PerChannel> =>
  (value, name, where) => {
    for (const number of Array.isArray(value) ? value : [value]) check(number, name, where);
  };
