// The kinds of error, and the check of options' names that every room shares. Names are written out: minifying renames classes.

/** The root of every error convolith throws on purpose. `name` is the class's name. */
export class ConvolithError extends Error {
  static override readonly name: string = "ConvolithError";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
/** A shape, size or argument that does not fit. */
export class ShapeError extends ConvolithError {
  static override readonly name: string = "ShapeError";
}
/** A file that is damaged, truncated or not of the format it was taken for. */
export class FormatError extends ConvolithError {
  static override readonly name: string = "FormatError";
}
/** Linear memory could not grow. The engine stays usable. */
export class MemoryError extends ConvolithError {
  static override readonly name: string = "MemoryError";
}
/** Something was used after `dispose()`. */
export class DisposedError extends ConvolithError {
  static override readonly name: string = "DisposedError";
}
/** A valid request that this version, build or host cannot carry out. */
export class UnsupportedError extends ConvolithError {
  static override readonly name: string = "UnsupportedError";
}

/** Every name of a type of options: the compiler asks for all of them. */
export type Known<T> = { readonly [K in keyof T]-?: true };

/** Throws ShapeError for an option nobody knows, which would be left out unnoticed. */
export function checkOptions(where: string, given: object, known: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(given))
    if (value !== undefined && !Object.hasOwn(known, name))
      throw new ShapeError(
        `${where}: there is no option "${name}"; there are ${Object.keys(known).join(", ")}`,
      );
}
