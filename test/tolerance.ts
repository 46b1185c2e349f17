// Comparisons that say what went wrong, and that refuse a tolerance which could not fail.

type Numbers = ArrayLike<number>;

function checkLengths(actual: Numbers, expected: Numbers): void {
  if (actual.length !== expected.length)
    throw new Error(`got ${actual.length} elements but expected ${expected.length}`);
  if (expected.length === 0) throw new Error("there is nothing to compare: both are empty");
}

/** Throws at the first element that `differs`, with the number of them all. */
function rejectFirst(
  actual: Numbers,
  expected: Numbers,
  differs: (i: number) => boolean,
  detail: (i: number) => string,
): void {
  let first = -1;
  let count = 0;
  for (let i = 0; i < expected.length; i++)
    if (differs(i)) {
      if (first < 0) first = i;
      count++;
    }
  if (count === 0) return;
  throw new Error(
    `element ${first} of ${expected.length} is ${actual[first]} but expected ${expected[first]}` +
      `${detail(first)}; ${count} of ${expected.length} differ`,
  );
}

/** Every element is `===`. A NaN is expected only where `expected` has one. */
export function expectEqual(actual: Numbers, expected: Numbers): void {
  checkLengths(actual, expected);
  const differs = (i: number): boolean =>
    Number.isNaN(expected[i]) ? !Number.isNaN(actual[i]) : actual[i] !== expected[i];
  rejectFirst(actual, expected, differs, () => "");
}

/**
 * |actual - expected| <= bound, one bound for all or one per element; NaN and infinities must match exactly.
 * Throws when zeros would pass as well: such a bound proves nothing (compare all zeros with `expectEqual`).
 */
export function expectWithin(actual: Numbers, expected: Numbers, bound: number | Numbers): void {
  checkLengths(actual, expected);
  if (typeof bound !== "number" && bound.length !== expected.length)
    throw new Error(`got ${bound.length} bounds for ${expected.length} elements`);
  const boundAt = (i: number): number => (typeof bound === "number" ? bound : bound[i]);
  let canFail = false;
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++) {
    const b = boundAt(i);
    if (!Number.isFinite(b) || b < 0)
      throw new Error(`the bound of element ${i} is ${b} but must be finite and not negative`);
    if (!Number.isFinite(expected[i]) || Math.abs(expected[i]) > b) canFail = true;
    else magnitude = Math.max(magnitude, Math.abs(expected[i]));
  }
  if (!canFail)
    throw new Error(
      `a tolerance that cannot fail: no expected value (at most ${magnitude}) is larger than its bound, ` +
        "so all zeros would pass",
    );
  const differs = (i: number): boolean => {
    if (Number.isNaN(expected[i])) return !Number.isNaN(actual[i]);
    if (!Number.isFinite(expected[i])) return actual[i] !== expected[i];
    return !(Math.abs(actual[i] - expected[i]) <= boundAt(i));
  };
  const detail = (i: number): string =>
    ` (off by ${Math.abs(actual[i] - expected[i])}, allowed ${boundAt(i)})`;
  rejectFirst(actual, expected, differs, detail);
}

/** |actual - expected| <= atol + rtol * |expected|, with everything `expectWithin` insists on. */
export function expectClose(actual: Numbers, expected: Numbers, rtol: number, atol: number): void {
  const bound = Float64Array.from(expected, (e) => (Number.isFinite(e) ? atol + rtol * Math.abs(e) : atol));
  expectWithin(actual, expected, bound);
}

/** ||actual - expected|| / ||expected||, summed in float64. NaN in `actual` makes it NaN, below no limit. */
export function relativeL2(actual: Numbers, expected: Numbers): number {
  checkLengths(actual, expected);
  let error = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i] - expected[i]) ** 2;
    norm += expected[i] ** 2;
  }
  if (!(norm > 0 && norm < Infinity))
    throw new Error(`a relative error needs a finite norm above 0, not ${Math.sqrt(norm)}`);
  return Math.sqrt(error / norm);
}
