// The inputs of a request, checked before they are sent: one that does not fit fails alone, and at once.
import { ArgumentError, ShapeError } from "../errors.ts";
import type { Inputs, Values } from "../network/io-binding.ts";
import { sizeOf } from "../tensor.ts";
import { asNumbers, describe, isObject, refuse } from "../validate.ts";
import type { Facts } from "./protocol.ts";

/** Arrays in the order of the network's inputs, and how many images they hold. Throws where they do not fit. */
export function checkedInputs(
  given: Inputs<Values>,
  facts: Facts,
  what: string,
): { readonly list: readonly Values[]; readonly images: number } {
  const list = inOrder(given, facts, what);
  let images = 1;
  list.forEach((value, i) => {
    const { name, shape } = facts.inputs[i];
    const where = `input ${describe(name)}`;
    if (isObject(value) && "dtype" in value)
      refuse(value, where, what, "an array: give tensor.data(); a worker has no tensors of another engine");
    const { length } = asNumbers(value, where, what);
    const size = sizeOf(shape);
    if (!facts.batched && length !== size)
      throw new ShapeError(
        `${what}: ${where} has ${length} values but must have ${size}, shape [${shape}]; this model has no batch`,
      );
    if (length === 0 || length % size !== 0)
      throw new ShapeError(
        `${what}: ${where} has ${length} values, which is not a whole number of images of [${shape}] = ${size} values`,
      );
    if (i > 0 && length / size !== images)
      throw new ShapeError(
        `${what}: ${where} has ${length / size} images but ${describe(facts.inputs[0].name)} has ${images}`,
      );
    images = length / size;
  });
  return { list, images };
}

/** One value, or several in order or by name, as a list. */
function inOrder(given: Inputs<Values>, { inputs }: Facts, what: string): readonly Values[] {
  const isOne = ArrayBuffer.isView(given) || (Array.isArray(given) && typeof given[0] === "number");
  if (isOne && inputs.length === 1) return [given as Values];
  if (!isOne && Array.isArray(given) && given.length === inputs.length) return given as Values[];
  const names = inputs.map(({ name }) => describe(name)).join(", ");
  if (isOne || !isObject(given) || "dtype" in given) {
    const wanted =
      inputs.length === 1
        ? "an array of numbers"
        : `a list of ${inputs.length} in that order, or an object by name`;
    const got = isOne ? "one array" : Array.isArray(given) ? `a list of ${given.length}` : describe(given);
    throw new ArgumentError(`${what}: got ${got} but needs ${names}: ${wanted}`);
  }
  return inputs.map(({ name }) => {
    if (!Object.hasOwn(given, name))
      throw new ArgumentError(`${what}: ${describe(name)} is missing; needs ${names}`);
    return (given as Readonly<Record<string, Values>>)[name];
  });
}
