// The kinds of error. Names and codes are written out, because minifying renames classes.

/** The most characters a message may have: one that quotes a file or an argument must not be as long as that is. */
const MAX_MESSAGE = 1500;

/** The root of every error convolith throws on purpose. `name` is the class's name; `code` is stable and names the kind. */
export class ConvolithError extends Error {
  static override readonly name: string = "ConvolithError";
  readonly code: string = "CONVOLITH_ERROR";

  constructor(message: string, options?: ErrorOptions) {
    super(message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message, options);
    this.name = new.target.name;
  }
}
/** A shape or size that does not fit. */
export class ShapeError extends ConvolithError {
  static override readonly name: string = "ShapeError";
  override readonly code: string = "CONVOLITH_SHAPE";
}
/** An option, name or value that is not allowed, and is no shape. */
export class ArgumentError extends ConvolithError {
  static override readonly name: string = "ArgumentError";
  override readonly code: string = "CONVOLITH_ARGUMENT";
}
/** A file that is damaged, truncated or not in the expected file format. */
export class FormatError extends ConvolithError {
  static override readonly name: string = "FormatError";
  override readonly code: string = "CONVOLITH_FORMAT";
}
/** Linear memory could not grow. The engine stays usable. */
export class MemoryError extends ConvolithError {
  static override readonly name: string = "MemoryError";
  override readonly code: string = "CONVOLITH_MEMORY";
}
/** Something was used after `dispose()`. */
export class DisposedError extends ConvolithError {
  static override readonly name: string = "DisposedError";
  override readonly code: string = "CONVOLITH_DISPOSED";
}
/** A valid request that this version, build or host cannot carry out. */
export class UnsupportedError extends ConvolithError {
  static override readonly name: string = "UnsupportedError";
  override readonly code: string = "CONVOLITH_UNSUPPORTED";
}
/** A worker ended inside a call: its results are incomplete or lost. */
export class WorkerError extends ConvolithError {
  static override readonly name: string = "WorkerError";
  override readonly code: string = "CONVOLITH_WORKER";
}
/** As many requests wait for a worker as may: a server answers 503. */
export class QueueFullError extends ConvolithError {
  static override readonly name: string = "QueueFullError";
  override readonly code: string = "CONVOLITH_QUEUE";
}
