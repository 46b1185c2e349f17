// Options and foreign values are checked here, once, where a caller hands them in: to createEngine, compile, fit, a layer, an eager op.
import { ArgumentError } from "./errors.ts";

/** The largest integer a kernel computes with. Bytes of one tensor stay below it, so that every offset inside it fits. */
export const MAX_INTEGER = 2 ** 31 - 1;

/**
 * A check of one option: throws ArgumentError where the value is not of type T. Messages begin with `where` and say `name`. Options of
 * type T take no check of a wider or narrower type.
 */
export interface Check<T> {
  (value: unknown, name: string, where: string): void;
  /** Only for the compiler. */
  readonly type?: (value: T) => T;
}

/**
 * A check for every option of a type of options, which the compiler asks for; `true` where the option is checked by whoever uses it.
 * An option that is undefined counts as not given.
 */
export type Checks<T> = { readonly [K in keyof T]-?: Check<Exclude<T[K], undefined>> | true };

/** A check of an option that must be given; `example` is a value, as messages suggest it. */
export interface Needed {
  readonly example: string;
}

/** Checks by option, of options of any type. */
export type AnyCheck = ((value: unknown, name: string, where: string) => void) & Partial<Needed>;
export type AnyChecks = Readonly<Record<string, AnyCheck | true>>;

export type Json = Readonly<Record<string, unknown>>;

/** Whether it is an object, and no list: as foreign JSON is read. */
export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether it may be a model: an object, or a compiled network, which is a function with a model. */
export const isModelLike = (value: unknown): value is object =>
  isObject(value) || (typeof value === "function" && "model" in value);

/** Whether it is an object as `{}` and JSON.parse make them: instances of classes and lists are not. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Throws ArgumentError unless `given` is a plain object that holds known options alone, each with a value it can have, and all needed ones. */
export function checkOptions(where: string, given: unknown, checks: AnyChecks): void {
  const there = (): string => `there are ${Object.keys(checks).join(", ") || "none"}`;
  if (!isPlain(given))
    throw new ArgumentError(`${where}: options are ${describe(given)} but must be an object; ${there()}`);
  const options = given as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(options)) {
    const value = options[name];
    if (value === undefined) continue;
    if (!Object.hasOwn(checks, name))
      throw new ArgumentError(`${where}: there is no option ${describe(name)}; ${there()}`);
    const check = checks[name];
    if (check !== true) check(value, name, where);
  }
  for (const name in checks) {
    const { example } = checks[name] as Partial<Needed>;
    if (example !== undefined && options[name] === undefined)
      throw new ArgumentError(`${where}: ${name} is missing: give { ${name}: ${example} }`);
  }
}

/** Throws the ArgumentError of a value that is not what it must be. */
export function refuse(value: unknown, name: string, where: string, wanted: string): never {
  throw new ArgumentError(`${where}: ${name} is ${describe(value)} but must be ${wanted}`);
}

export const isIntegerFrom = (value: unknown, min: number, max = MAX_INTEGER): value is number =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max;

/** An integer from `min` to `max`. */
export function integer(value: unknown, name: string, where: string, min: number, max = MAX_INTEGER): number {
  if (isIntegerFrom(value, min, max)) return value;
  const range = max === MAX_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  const wanted = `an integer ${typeof value === "number" && value > max ? `from ${min} to ${max}` : range}`;
  return refuse(value, name, where, wanted);
}

/** A finite number. */
export function finite(value: unknown, name: string, where: string): number {
  return typeof value === "number" && Number.isFinite(value)
    ? value
    : refuse(value, name, where, "a finite number");
}

/** One of some words. */
export function oneOf(value: unknown, words: readonly string[], name: string, where: string): void {
  if (words.includes(value as string)) return;
  const quoted = words.map((word) => JSON.stringify(word));
  const last = quoted.pop();
  refuse(value, name, where, quoted.length ? `${quoted.join(", ")} or ${last}` : `${last}`);
}

// The same as checks of options.

export const anInteger =
  (min: number, max = MAX_INTEGER): Check<number> =>
  (value, name, where) => {
    integer(value, name, where, min, max);
  };

/** An odd integer from `min` to `max`: the side of a window that has a centre. */
export const anOdd =
  (min: number, max: number): Check<number> =>
  (value, name, where) => {
    if (!isIntegerFrom(value, min, max) || value % 2 === 0)
      refuse(value, name, where, `an odd integer from ${min} to ${max}`);
  };

export const aNumber: Check<number> = (value, name, where) => {
  finite(value, name, where);
};

/** A finite number of at least `min`, or above it. */
export const aNumberFrom =
  (min: number): Check<number> =>
  (value, name, where) => {
    if (!(typeof value === "number" && Number.isFinite(value) && value >= min))
      refuse(value, name, where, `a number of at least ${min}`);
  };
export const aNumberAbove =
  (min: number): Check<number> =>
  (value, name, where) => {
    if (!(typeof value === "number" && Number.isFinite(value) && value > min))
      refuse(value, name, where, `a number above ${min}`);
  };

export const aFlag: Check<boolean> = (value, name, where) => {
  if (typeof value !== "boolean") refuse(value, name, where, "true or false");
};

export const aText: Check<string> = (value, name, where) => {
  if (typeof value !== "string") refuse(value, name, where, "a text");
};

// biome-ignore lint/suspicious/noExplicitAny: what it takes and gives is the caller's affair
export const aFunction: Check<any> = (value, name, where) => {
  if (typeof value !== "function") refuse(value, name, where, "a function");
};

export const aWord =
  <const W extends string>(...words: readonly W[]): Check<W> =>
  (value, name, where) =>
    oneOf(value, words, name, where);

export const aList =
  <T>(check: Check<T>): Check<readonly T[]> =>
  (value, name, where) => {
    if (!Array.isArray(value)) return refuse(value, name, where, "a list");
    for (let i = 0; i < value.length; i++)
      try {
        check(value[i], name, where);
      } catch {
        // Again, to say which: names are not written for what is right.
        check(value[i], `${name}[${i}]`, where);
      }
  };

/** An object of options. */
export const anObject =
  <T>(checks: Checks<T>): Check<T> =>
  (value, name, where) =>
    checkOptions(`${where}: ${name}`, value, checks);

/** The same check of an option that must be given. */
export const needed = <C extends AnyCheck>(check: C, example: string): C & Needed =>
  Object.assign(check.bind(undefined) as C, check, { example });

/** How much of a text, how many values of a list and how deep a value is shown in a message. */
const SHOWN = { text: 80, values: 8, depth: 2 };

/** A value as messages show it: short and without side effects, however large or strange it is. */
export function describe(value: unknown, depth: number = SHOWN.depth): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > SHOWN.text ? `${value.slice(0, SHOWN.text)}…` : value);
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return `${value}`.length > SHOWN.text ? "a bigint" : `${value}n`;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return describeObject(value, depth);
  } catch {
    return "an object";
  }
}

function describeObject(value: object, depth: number): string {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    const length = (value as { length?: number }).length ?? value.byteLength;
    return `${/^[AEIOU]/.test(kind) && !kind.startsWith("U") ? "an" : "a"} ${kind} of ${length}`;
  }
  const { shape, dtype } = value as { shape?: unknown; dtype?: unknown };
  if (Array.isArray(shape) && typeof dtype === "string") return `a Tensor of shape ${describe(shape, 1)}`;
  if (Array.isArray(value)) {
    if (depth === 0) return `a list of ${value.length}`;
    const shown = value.slice(0, SHOWN.values).map((item) => describe(item, depth - 1));
    return `[${shown.join(",")}${value.length > SHOWN.values ? `, … ${value.length} in all` : ""}]`;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype)
    return Object.prototype.toString.call(value) === "[object Object]"
      ? "an object of a class"
      : `a ${Object.prototype.toString.call(value).slice(8, -1)}`;
  if (depth === 0) return "an object";
  const keys = Object.keys(value);
  const shown = keys
    .slice(0, SHOWN.values)
    .map((key) => `${describe(key)}:${describe((value as Record<string, unknown>)[key], depth - 1)}`);
  return `{${shown.join(",")}${keys.length > SHOWN.values ? ", …" : ""}}`;
}

/** Numbers from a caller: a typed array of numbers, or a list whose items are numbers. */
export function asNumbers(value: unknown, name: string, where: string): ArrayLike<number> {
  const wanted = "a typed array or a list of numbers";
  // The kind is the array's own, whatever realm it comes from.
  const kind = ArrayBuffer.isView(value) ? Object.prototype.toString.call(value) : "";
  if (/int|float/i.test(kind) && !kind.includes("Big")) return value as unknown as ArrayLike<number>;
  if (!Array.isArray(value)) return refuse(value, name, where, wanted);
  for (let i = 0; i < value.length; i++)
    if (typeof value[i] !== "number") refuse(value[i], `${name}[${i}]`, where, "a number");
  return value;
}

/** Any seed that is a whole number. */
export const aSeed: Check<number> = (value, name, where) => {
  if (!Number.isSafeInteger(value)) refuse(value, name, where, "an integer");
};
