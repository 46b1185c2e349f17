// Layers and weights chosen by name, by a pattern, or by a function of the name.
import { ArgumentError } from "../errors.ts";
import { aList, aText, type Check, describe } from "../validate.ts";

/** Names, in which "*" stands for any text, alone or in a list; or a function that tells of a name whether it is meant. */
export type Selection = string | readonly string[] | ((name: string) => boolean);

export const aSelection: Check<Selection> = (value, name, where) => {
  if (typeof value === "function" || typeof value === "string") return;
  if (!Array.isArray(value))
    throw new ArgumentError(
      `${where}: ${name} is ${describe(value)} but must be a name, a list of names, or a function of the name`,
    );
  aList(aText)(value, name, where);
};

/** The names that are meant, in their order. Throws ArgumentError where one of the selection, or the function, means none. `what`: of what they are names. */
export function selected(
  selection: Selection,
  names: readonly string[],
  option: string,
  what: string,
): string[] {
  if (typeof selection === "function") {
    const chosen = names.filter((name) => selection(name) === true);
    if (!chosen.length)
      throw new ArgumentError(`train: ${option} is a function that is true for no ${what} of the model`);
    return chosen;
  }
  const tests = [selection].flat().map((pattern) => {
    const test = testOf(pattern as string);
    if (!names.some(test))
      throw new ArgumentError(
        `train: ${option} names ${describe(pattern)}, which is no ${what} of the model`,
      );
    return test;
  });
  return names.filter((name) => tests.some((test) => test(name)));
}

function testOf(pattern: string): (name: string) => boolean {
  if (!pattern.includes("*")) return (name) => name === pattern;
  const [first, ...parts] = pattern.split("*");
  const last = parts.pop()!;
  return (name) => {
    if (!name.startsWith(first) || !name.endsWith(last)) return false;
    let [from, end] = [first.length, name.length - last.length];
    for (const part of parts) {
      const found = name.indexOf(part, from);
      if (found < 0) return false;
      from = found + part.length;
    }
    return from <= end;
  };
}

/** Weights that are trained with a learning rate or weight decay of their own. */
export interface ParameterGroup {
  /** The layers whose weights they are. Default all. */
  readonly layers?: Selection;
  /** The weights, such as `"*.bias"`. Default all of the layers'. */
  readonly weights?: Selection;
  /** What the learning rate, also a schedule's, is multiplied by. Default 1. */
  readonly learningRate?: number;
  /** Instead of the optimizer's. */
  readonly weightDecay?: number;
}

/** Terms of weights that are added to the loss. */
export interface Regularizer {
  /** Times the sum of the absolute values. Default 0. */
  l1?: number;
  /** Times the sum of the squares. Default 0. */
  l2?: number;
  /** The layers whose kernels count. Default: all that are trained. */
  layers?: Selection;
}

interface Selections {
  readonly freeze?: Selection;
  readonly groups?: readonly ParameterGroup[];
  readonly regularize?: Regularizer | readonly Regularizer[];
}

/** Regularisers with the names of their layers. Throws ArgumentError where one names no layer. */
export const regularizersOf = (
  { regularize = [] }: Selections,
  layers: readonly string[],
): readonly (Regularizer & { layers?: readonly string[] })[] =>
  ([regularize].flat() as Regularizer[]).map(({ layers: chosen, ...terms }, i) => ({
    ...terms,
    ...(chosen && { layers: selected(chosen, layers, `regularize[${i}].layers`, "layer") }),
  }));

/** The same options with the names that are meant, which can be compared and stored. */
export function withNames<O extends Selections>(
  options: O,
  layers: readonly string[],
  weights: readonly string[],
): O {
  const { freeze, groups } = options;
  const named = (group: ParameterGroup, i: number): ParameterGroup => ({
    ...group,
    ...(group.layers && { layers: selected(group.layers, layers, `groups[${i}].layers`, "layer") }),
    ...(group.weights && { weights: selected(group.weights, weights, `groups[${i}].weights`, "weight") }),
  });
  return {
    ...options,
    ...(freeze !== undefined && { freeze: selected(freeze, layers, "freeze", "layer") }),
    ...(groups && { groups: groups.map(named) }),
    ...(options.regularize && { regularize: regularizersOf(options, layers) }),
  };
}
