// The attributes of a node of a TensorFlow graph, as JSON of the protocol buffer writes them: { "T": { "type": "DT_FLOAT" } }.
// Format: tensorflow/core/framework/attr_value.proto; texts are base64, or lists of character codes in old files, integers may be texts.
import { FormatError, UnsupportedError } from "../../errors.ts";
import { describe, isObject, type Json } from "../../validate.ts";
import type { ValueType } from "../import/constant.ts";
import type { OpenShape } from "./weight-file.ts";

/** The numbers of types that old files have in place of names. */
const TYPE_NUMBERS: Readonly<Record<number, string>> = {
  1: "DT_FLOAT",
  2: "DT_DOUBLE",
  3: "DT_INT32",
  4: "DT_UINT8",
  5: "DT_INT16",
  6: "DT_INT8",
  7: "DT_STRING",
  9: "DT_INT64",
  10: "DT_BOOL",
  14: "DT_BFLOAT16",
  17: "DT_UINT16",
  19: "DT_HALF",
  20: "DT_RESOURCE",
  21: "DT_VARIANT",
  22: "DT_UINT32",
  23: "DT_UINT64",
};

const VALUE_TYPES: Readonly<Record<string, ValueType>> = {
  DT_FLOAT: "float",
  DT_DOUBLE: "float",
  DT_HALF: "float",
  DT_BFLOAT16: "float",
  DT_INT32: "int",
  DT_INT64: "int",
  DT_UINT8: "int",
  DT_INT8: "int",
  DT_INT16: "int",
  DT_UINT16: "int",
  DT_UINT32: "int",
  DT_UINT64: "int",
  DT_BOOL: "bool",
};

/** An element type by its name or number. */
export function valueTypeOf(type: unknown, where: string): ValueType {
  const name = typeof type === "number" ? (TYPE_NUMBERS[type] ?? `${type}`) : type;
  if (typeof name !== "string")
    throw new FormatError(`${where}: type is ${describe(type)} but must be a name`);
  if (!Object.hasOwn(VALUE_TYPES, name))
    throw new UnsupportedError(`${where}: tensors of type ${describe(name).slice(1, -1)} are not supported`);
  return VALUE_TYPES[name];
}

/** A shape as TensorFlow writes it; null for sizes that are open, undefined where not even the rank is known. */
export function readShape(value: unknown, where: string): OpenShape | undefined {
  if (!isObject(value)) throw new FormatError(`${where}: shape is ${describe(value)} but must be an object`);
  if (value.unknownRank === true) return undefined;
  const dims = value.dim ?? [];
  if (!Array.isArray(dims)) throw new FormatError(`${where}: dim is ${describe(dims)} but must be a list`);
  return Array.from(dims, (dim: unknown) => {
    const size = integerOf(isObject(dim) ? (dim.size ?? 0) : dim);
    if (size === undefined || size < -1)
      throw new FormatError(`${where}: a size is ${describe(dim)} but must be an integer of at least -1`);
    return size === -1 ? null : size;
  });
}

/** An integer, which may be written as a text. */
function integerOf(value: unknown): number | undefined {
  const number = typeof value === "string" && /^-?\d{1,19}$/.test(value) ? Number(value) : value;
  // Beyond 2^53 are the ends of 64 bits, which mean "to the end".
  return typeof number === "number" && Number.isInteger(number) ? number : undefined;
}

/** base64 of UTF-8, or character codes. */
function textOf(value: unknown): string | undefined {
  if (Array.isArray(value))
    return value.length <= 1000 && value.every((code) => Number.isInteger(code) && code >= 0 && code < 65_536)
      ? String.fromCharCode(...value)
      : undefined;
  if (typeof value !== "string") return undefined;
  try {
    return atob(value);
  } catch {
    return undefined;
  }
}

const numberOf = (value: unknown): number | undefined => {
  // JSON of protocol buffers writes what JSON has no numbers for as texts.
  const words: Readonly<Record<string, number>> = { NaN, Infinity, "-Infinity": -Infinity };
  if (typeof value === "string" && Object.hasOwn(words, value)) return words[value];
  return typeof value === "number" ? value : undefined;
};

export class Attributes {
  readonly #values: Json;
  readonly #where: string;

  constructor(values: unknown, where: string) {
    if (values !== undefined && !isObject(values))
      throw new FormatError(`${where}: attr is ${describe(values)} but must be an object`);
    this.#values = values ?? {};
    this.#where = where;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#values, name);
  }

  /** Attributes that are left out are the default of their type: 0, false, "". */
  integer(name: string, fallback?: number): number {
    return this.#one(name, "i", integerOf, "an integer", fallback);
  }

  float(name: string, fallback?: number): number {
    return this.#one(name, "f", numberOf, "a number", fallback);
  }

  flag(name: string, fallback = false): boolean {
    return this.#one(
      name,
      "b",
      (value) => (typeof value === "boolean" ? value : undefined),
      "a flag",
      fallback,
    );
  }

  text(name: string, fallback?: string): string {
    return this.#one(name, "s", textOf, "a text", fallback);
  }

  /** One of some words; TensorFlow may know others. */
  word<W extends string>(name: string, known: readonly W[], fallback: W): W {
    const value = this.text(name, fallback);
    if (known.includes(value as W)) return value as W;
    throw new UnsupportedError(
      `${this.#where}: ${name} ${describe(value)} is not supported, only ${known.join(", ")}`,
    );
  }

  type(name: string, fallback?: ValueType): ValueType {
    const value = this.#values[name];
    if (value === undefined && fallback !== undefined) return fallback;
    return valueTypeOf(isObject(value) ? value.type : value, `${this.#where}: ${name}`);
  }

  /** undefined where the rank is not known, or the attribute is left out. */
  shape(name: string): OpenShape | undefined {
    const value = this.#values[name];
    if (value === undefined) return undefined;
    return readShape(isObject(value) ? (value.shape ?? {}) : value, `${this.#where}: ${name}`);
  }

  integers(name: string, fallback: readonly number[] = []): readonly number[] {
    return this.#list(name, "i", integerOf, "a list of integers", fallback);
  }

  texts(name: string): readonly string[] {
    return this.#list(name, "s", textOf, "a list of texts", []);
  }

  /** The name of a function. */
  functionName(name: string): string {
    const value = this.#values[name];
    const called = isObject(value) && isObject(value.func) ? value.func.name : undefined;
    if (typeof called !== "string")
      throw new FormatError(`${this.#where}: ${name} is ${describe(value)} but must name a function`);
    return called;
  }

  #one<T>(
    name: string,
    field: string,
    read: (value: unknown) => T | undefined,
    wanted: string,
    fallback: T | undefined,
  ): T {
    const value = this.#values[name];
    if (value === undefined && fallback !== undefined) return fallback;
    const found = isObject(value) ? read(value[field]) : undefined;
    if (found !== undefined) return found;
    // What is 0, false or empty is left out: {}.
    if (isObject(value) && Object.keys(value).length === 0 && fallback !== undefined) return fallback;
    throw new FormatError(
      `${this.#where}: ${name} is ${value === undefined ? "missing" : describe(value)} but must be ${wanted}`,
    );
  }

  #list<T>(
    name: string,
    field: string,
    read: (value: unknown) => T | undefined,
    wanted: string,
    fallback: readonly T[],
  ): readonly T[] {
    const value = this.#values[name];
    if (value === undefined) return fallback;
    const list = isObject(value) && isObject(value.list) ? (value.list[field] ?? []) : undefined;
    const items = Array.isArray(list) ? Array.from(list, read) : undefined;
    if (!items || items.includes(undefined))
      throw new FormatError(`${this.#where}: ${name} is ${describe(value)} but must be ${wanted}`);
    return items as T[];
  }
}
