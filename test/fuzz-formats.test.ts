// A few damaged files of every format; `npm run fuzz -- formats --mutants 100000 --seed 1` reads many.
import { expect, test } from "vitest";
import { FORMATS, fuzzFormats } from "./fuzz-formats.ts";

const MUTANTS = 300;
const SEED = 1;

test("damaged files give a value or a ConvolithError, soon, and leave nothing behind", async () => {
  const tallies = await fuzzFormats({ mutants: MUTANTS, seed: SEED });
  for (const format of FORMATS) {
    const { mutants, kinds, defects } = tallies[format];
    const again = `npm run fuzz -- formats --only ${format} --seed ${SEED} --from ${defects[0]?.mutant} --mutants 1`;
    expect(defects, again).toEqual([]);
    expect(mutants).toBe(MUTANTS);
    // Mutants that are all refused, or all read, would test little.
    expect(kinds.read).toBeGreaterThan(MUTANTS / 20);
    expect(kinds.FormatError).toBeGreaterThan(MUTANTS / 20);
  }
});
