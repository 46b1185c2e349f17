/** The root of every error convolith throws on purpose. `name` is the class's name. */
export class ConvolithError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
/** A shape, size or argument that does not fit. */
export class ShapeError extends ConvolithError {}
/** A file that is damaged, truncated or not of the format it was taken for. */
export class FormatError extends ConvolithError {}
/** Linear memory could not grow. The engine stays usable. */
export class MemoryError extends ConvolithError {}
/** Something was used after `dispose()`. */
export class DisposedError extends ConvolithError {}
/** A valid request that this version, build or host cannot carry out. */
export class UnsupportedError extends ConvolithError {}
