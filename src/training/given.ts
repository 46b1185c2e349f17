// Gradients and running averages that a caller gives to `apply`, checked.
import { ArgumentError, ShapeError } from "../errors.ts";
import type { GivenWeights } from "../model/schema.ts";
import { aPart } from "../network/fit-options.ts";
import type { ApplyOptions, BatchGradientOptions } from "../network/trainer-interface.ts";
import { type Shape, sizeOf } from "../tensor.ts";
import { aNumberFrom, aSeed, asNumbers, type Checks, describe, refuse } from "../validate.ts";

export const GRADIENT_OPTIONS: Checks<BatchGradientOptions> = { seed: aSeed };
export const APPLY_OPTIONS: Checks<ApplyOptions> = {
  ...{ statistics: true, learningRate: aNumberFrom(0), momentum: aPart(false) },
};

/** Throws ArgumentError unless it holds numbers for exactly these names, ShapeError unless as many as their shapes have. */
export function checkGiven(
  given: unknown,
  shapes: Readonly<Record<string, Shape>>,
  what: "gradients" | "statistics",
): GivenWeights {
  if (typeof given !== "object" || given === null || Array.isArray(given) || ArrayBuffer.isView(given))
    refuse(given, what, "apply", `an object of arrays by name, such as net.gradients(samples).${what}`);
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(shapes, name));
  if (unknown !== undefined)
    throw new ArgumentError(
      `apply: ${what} hold ${describe(unknown)}, which this training does not update; it updates ${Object.keys(shapes).join(", ") || "none"}`,
    );
  const checked = Object.entries(shapes).map(([name, shape]): [string, ArrayLike<number>] => {
    if (!Object.hasOwn(given, name))
      throw new ArgumentError(
        `apply: ${what} hold no "${name}"; give all that net.gradients(samples).${what} holds`,
      );
    const values = asNumbers((given as GivenWeights)[name], `${what}["${name}"]`, "apply");
    if (values.length !== sizeOf(shape))
      throw new ShapeError(
        `apply: ${what}["${name}"] has ${values.length} values but must have ${sizeOf(shape)}, shape [${shape}]`,
      );
    return [name, values];
  });
  return Object.fromEntries(checked);
}
