// Options are checked here, once, where a caller hands them in: to createEngine, compile, fit, a layer, an eager op.
import { ArgumentError, ShapeError } from "./errors.ts";

/** Every name of a type of options: the compiler asks for all of them. */
export type Known<T> = { readonly [K in keyof T]-?: true };

/**
 * Throws ShapeError for an option that is not among the known names, which would otherwise be ignored, and ArgumentError where the
 * options are no object. Options that are undefined count as not given.
 */
export function checkOptions(where: string, given: object, known: object | readonly string[]): void {
  const names: readonly string[] = Array.isArray(known) ? known : Object.keys(known);
  if (typeof given !== "object" || given === null)
    throw new ArgumentError(
      `${where}: options are ${JSON.stringify(given)} but must be an object; there are ${names.join(", ")}`,
    );
  for (const [name, value] of Object.entries(given))
    if (value !== undefined && !names.includes(name))
      throw new ShapeError(`${where}: there is no option "${name}"; there are ${names.join(", ") || "none"}`);
}
