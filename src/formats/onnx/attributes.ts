// The attributes of a node, read by name and type. Attributes that nobody reads are told at the end: they may change what a node computes.
import { FormatError, UnsupportedError } from "../../errors.ts";
import { describe } from "../../validate.ts";
import { textOf } from "../bytes.ts";
import type { AttributeMessage } from "./messages.ts";
import type { Stored } from "./schema.ts";
import type { StoredTensor } from "./tensor.ts";

/** AttributeProto.AttributeType. */
const TYPES = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;
type AttributeType = keyof typeof TYPES;

export class Attributes {
  readonly #where: string;
  readonly #byName = new Map<string, AttributeMessage>();
  readonly #read = new Set<string>();
  readonly #tensor: (stored: Stored, name: string) => StoredTensor;

  /**
   * @param where How messages name the node.
   * @param tensor Reads a tensor in an attribute.
   * @throws FormatError for a name that comes twice, or is missing.
   */
  constructor(
    attributes: readonly AttributeMessage[],
    where: string,
    tensor: (stored: Stored, name: string) => StoredTensor,
  ) {
    this.#where = where;
    this.#tensor = tensor;
    for (const attribute of attributes) {
      const { name } = attribute;
      if (!name) throw new FormatError(`${where}: an attribute has no name`);
      if (this.#byName.has(name))
        throw new FormatError(`${where}: attribute ${describe(name)} is given twice`);
      this.#byName.set(name, attribute);
    }
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** Each reads an attribute of that type; undefined where it is not there. Throws FormatError for one of another type. */
  int(name: string): number | undefined {
    return this.#get(name, "int")?.int;
  }
  float(name: string): number | undefined {
    return this.#get(name, "float")?.float;
  }
  string(name: string): string | undefined {
    const stored = this.#get(name, "string");
    return stored && this.#text(stored.string, name);
  }
  ints(name: string): readonly number[] | undefined {
    return this.#get(name, "ints")?.ints;
  }
  floats(name: string): readonly number[] | undefined {
    return this.#get(name, "floats")?.floats;
  }
  strings(name: string): readonly string[] | undefined {
    return this.#get(name, "strings")?.strings.map((stored) => this.#text(stored, name));
  }
  tensor(name: string): StoredTensor | undefined {
    const attribute = this.#get(name, "tensor");
    if (!attribute) return undefined;
    if (!attribute.tensor)
      throw new FormatError(`${this.#where}: attribute ${describe(name)} holds no tensor`);
    return this.#tensor(attribute.tensor, name);
  }
  /** An integer that stands for true or false. */
  flag(name: string): boolean {
    return (this.int(name) ?? 0) !== 0;
  }
  /** One of some words, the first where it is not there. Throws UnsupportedError for others. */
  word<const W extends string>(name: string, words: readonly [W, ...W[]]): W {
    const given = this.string(name);
    const found = given === undefined ? words[0] : words.find((word) => word === given);
    if (found === undefined)
      throw new UnsupportedError(
        `${this.#where}: ${name} is ${describe(given)} but must be one of ${words.map((w) => describe(w)).join(", ")}`,
      );
    return found;
  }

  /** Attributes that change nothing here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#read.add(name);
  }

  /** Throws UnsupportedError where an attribute was not read. */
  checkAllRead(): void {
    for (const name of this.#byName.keys())
      if (!this.#read.has(name))
        throw new UnsupportedError(`${this.#where}: attribute ${describe(name)} has no equivalent here`);
  }

  #get(name: string, type: AttributeType): AttributeMessage | undefined {
    this.#read.add(name);
    const attribute = this.#byName.get(name);
    // Writers of old leave the type out.
    if (!attribute || attribute.type === TYPES[type] || attribute.type === 0) return attribute;
    const is = Object.entries(TYPES).find(([, number]) => number === attribute.type)?.[0];
    throw new FormatError(
      `${this.#where}: attribute ${describe(name)} has type ${is ?? attribute.type} but must have ${type}`,
    );
  }

  #text(stored: Stored | undefined, name: string): string {
    try {
      return stored ? textOf(stored.bytes) : "";
    } catch (cause) {
      throw new FormatError(
        `${this.#where}: attribute ${describe(name)}, at byte ${stored?.start}, is no UTF-8`,
        { cause },
      );
    }
  }
}
