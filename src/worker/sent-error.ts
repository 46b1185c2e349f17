// Errors on their way between threads: structured clone would make plain Errors of them, without class and code.
import * as errors from "../errors.ts";

/** An error as plain data. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause?: SentError;
}

/** Longer chains of causes are cut. */
const MAX_CAUSES = 8;

/** Whatever was thrown, as plain data. */
export function sendError(thrown: unknown, causes = MAX_CAUSES): SentError {
  if (!(thrown instanceof Error)) {
    // Errors of another realm, and what is no error at all.
    const { name, message } = (thrown ?? {}) as Partial<Error>;
    return typeof message === "string"
      ? { name: String(name ?? "Error"), message, stack: undefined }
      : { name: "Error", message: String(thrown), stack: undefined };
  }
  const { name, message, stack, cause } = thrown;
  const sent = { name: String(name), message: String(message), stack };
  return cause === undefined || causes === 0 ? sent : { ...sent, cause: sendError(cause, causes - 1) };
}

const KINDS = new Map(
  Object.values(errors).map((kind): [string, new (message: string) => Error] => [kind.name, kind]),
);

/** The error again: of convolith's own class where it was one, else an Error of that name with the other thread's stack. */
export function receivedError({ name, message, stack, cause }: SentError): Error {
  const Kind = KINDS.get(name);
  const error = Kind ? new Kind(message) : new Error(message);
  if (!Kind && name !== "Error") define(error, "name", name);
  if (stack !== undefined) define(error, "stack", stack);
  if (cause) define(error, "cause", receivedError(cause));
  return error;
}

/** As the language's own properties of errors are: not listed. */
function define(error: Error, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, writable: true, configurable: true });
}
