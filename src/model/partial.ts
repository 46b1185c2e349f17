// Weights of which some are taken: those whose names and sizes fit.
import { type Shape, sizeOf } from "../tensor.ts";
import { asNumbers, describe } from "../validate.ts";
import type { WeightReader } from "./schema.ts";

/** What became of weights that needed not fit all: `compile(model, { weights, partial: true })` and `net.load(bytes, { partial: true })`. */
export interface LoadReport {
  /** Names of the weights that were taken. */
  readonly taken: readonly string[];
  /** Weights of the network that were not given: they were initialised by compile, or left as they were by load. */
  readonly missing: readonly string[];
  /** What was given but no layer takes. */
  readonly unused: readonly string[];
  /** Weights whose size or shape does not fit, which count as missing: the given shape, or the number of values where that is all there is. */
  readonly mismatched: readonly { readonly name: string; readonly given: Shape; readonly shape: Shape }[];
}

export const isReader = (weight: ArrayLike<number> | WeightReader | undefined): weight is WeightReader =>
  typeof (weight as WeightReader | undefined)?.read === "function";

/** Sorts weights by whether they fit `shapes`. `givenShapes` has the shapes in the file, where there are any. */
export function sortWeights(
  given: Readonly<Record<string, ArrayLike<number> | WeightReader>>,
  shapes: Readonly<Record<string, Shape>>,
  where: string,
  givenShapes: Readonly<Record<string, Shape>> = {},
): LoadReport {
  const [taken, missing]: string[][] = [[], []];
  const mismatched: { name: string; given: Shape; shape: Shape }[] = [];
  for (const [name, shape] of Object.entries(shapes)) {
    const values = Object.hasOwn(given, name) ? given[name] : undefined;
    if (values === undefined) {
      missing.push(name);
      continue;
    }
    const { length } = isReader(values) ? values : asNumbers(values, `weight ${describe(name)}`, where);
    const own = Object.hasOwn(givenShapes, name) ? givenShapes[name] : undefined;
    const fits = own ? String(own) === String(shape) : length === sizeOf(shape);
    if (fits) taken.push(name);
    else mismatched.push({ name, given: [...(own ?? [length])], shape: [...shape] });
  }
  const unused = Object.keys(given).filter((name) => !Object.hasOwn(shapes, name));
  return { taken, missing, unused, mismatched };
}
