// Scopes: what is made within a function is disposed when it returns, but for what it gives.
import { ArgumentError } from "../errors.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Tensor } from "../tensor.ts";
import { aFunction, isPlain } from "../validate.ts";

/** Runs `f`; see `engine.scope`. */
export function scoped<T>(runtime: Runtime, f: () => T): T {
  runtime.alive("scope");
  aFunction(f, "the function", "scope");
  const outer = runtime.scope;
  const made = new Set<object>();
  runtime.scope = made;
  const kept: Tensor[] = [];
  try {
    const result = f();
    if (typeof (result as PromiseLike<unknown> | undefined)?.then === "function")
      throw new ArgumentError(
        "scope: the function gives a promise, but tensors are disposed when it returns; use scopes between what is awaited",
      );
    collect(result, kept);
    return result;
  } finally {
    runtime.scope = outer;
    for (const tensor of kept) if (made.delete(tensor)) outer?.add(tensor);
    for (const tensor of made) (tensor as Tensor).dispose();
  }
}

/** Tensors in a value: itself, or what lists and plain objects in it hold. */
function collect(value: unknown, found: Tensor[]): void {
  if (value instanceof Tensor) found.push(value);
  else if (Array.isArray(value)) for (const part of value) collect(part, found);
  else if (isPlain(value)) for (const part of Object.values(value)) collect(part, found);
}
