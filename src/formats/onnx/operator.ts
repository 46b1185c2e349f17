// What a translation of an operator is given and gives: the node, its inputs as values of the writer, and the types that ONNX has for them.

import { FormatError, UnsupportedError } from "../../errors.ts";
import { describe } from "../../validate.ts";
import type { Constant } from "../import/constant.ts";
import type { Value } from "../import/value.ts";
import type { ModelWriter } from "../import/writer.ts";
import type { Attributes } from "./attributes.ts";
import type { OnnxNode } from "./read.ts";
import { ELEMENT_TYPES, type ElementType } from "./tensor.ts";

/** A value with the type that ONNX has for its elements: integers of 8 bits wrap around where those of 32 do not. */
export interface Typed {
  readonly value: Value;
  readonly element: ElementType;
}

/** What an operator makes; a value alone has the type of the first input, if it is of the same kind. Undefined: an output that is not made here. */
export type Result = Value | Typed | undefined;

/** Writes what an operator computes. */
export type Translate = (call: Call) => Result | readonly Result[];
export type Operators = Readonly<Record<string, Translate>>;

/** Element types by their names. */
export const ELEMENTS: Readonly<Record<string, ElementType>> = Object.fromEntries(
  Object.values(ELEMENT_TYPES).map((type) => [type.name, type]),
);
const OF_KIND = { float: ELEMENTS.float, int: ELEMENTS.int64, bool: ELEMENTS.bool };

export const isTyped = (result: Value | Typed): result is Typed => "element" in result;

/** The node that is translated. */
export class Call {
  readonly w: ModelWriter;
  readonly where: string;
  readonly op: string;
  readonly opset: number;
  readonly attributes: Attributes;
  /** How many outputs the node lists. */
  readonly outputs: number;
  readonly #inputs: readonly (Typed | undefined)[];

  constructor(
    w: ModelWriter,
    { where, op, opset, attributes, outputs }: OnnxNode,
    inputs: readonly (Typed | undefined)[],
  ) {
    this.w = w;
    this.where = where;
    this.op = op;
    this.opset = opset;
    this.attributes = attributes;
    this.outputs = outputs.length;
    this.#inputs = inputs;
  }

  /** All inputs that are given. */
  get inputs(): Value[] {
    return this.#inputs.flatMap((input) => (input ? [input.value] : []));
  }

  has(i: number): boolean {
    return this.#inputs[i] !== undefined;
  }

  /** Input i. Throws FormatError where it is not given. */
  input(i: number): Value {
    return this.#typed(i).value;
  }

  optional(i: number): Value | undefined {
    return this.#inputs[i]?.value;
  }

  /** The type of input i. */
  element(i: number): ElementType {
    return this.#typed(i).element;
  }

  /** What is known of input i. Throws UnsupportedError where it is computed at run time. */
  constant(i: number, name: string): Constant {
    const { constant } = this.input(i);
    if (constant) return constant;
    throw new UnsupportedError(
      `${this.where}: ${name} (input ${i}) must be known when the model is compiled; if it is an input of the model, ` +
        "give its values: fromOnnx(bytes, { constants: { name: values } })",
    );
  }

  /** The integers of input i, which is a list or a single one; undefined where it is not given. */
  ints(i: number, name: string): number[] | undefined {
    if (!this.has(i)) return undefined;
    const { shape, data } = this.constant(i, name);
    if (shape.length > 1) this.fail(`${name} has shape [${shape}] but must be a list`);
    return Array.from(data);
  }

  /** The one number of input i; undefined where it is not given. */
  number(i: number, name: string): number | undefined {
    if (!this.has(i)) return undefined;
    const { data } = this.constant(i, name);
    if (data.length !== 1) this.fail(`${name} has ${data.length} values but must have one`);
    return data[0];
  }

  /** Integers that old versions of an operator have as an attribute and new ones as an input. */
  intsOf(name: string, i: number): readonly number[] | undefined {
    return this.attributes.ints(name) ?? this.ints(i, name);
  }

  /** An axis of a value of that rank, counted from the front. */
  axis(axis: number, rank: number): number {
    if (!(Number.isInteger(axis) && axis >= -rank && axis < rank))
      this.fail(`axis ${axis} is not one of the ${rank} of the input`);
    return axis < 0 ? axis + rank : axis;
  }

  fail(what: string): never {
    throw new FormatError(`${this.where}: ${what}`);
  }

  refuse(what: string): never {
    throw new UnsupportedError(`${this.where}: ${what}`);
  }

  /** What an output is, where the translation gave a value alone. */
  typed(result: Value | Typed): Typed {
    if (isTyped(result)) return result;
    const first = this.#inputs.find((input) => input)?.element;
    return { value: result, element: first?.kind === result.type ? first : OF_KIND[result.type] };
  }

  #typed(i: number): Typed {
    return this.#inputs[i] ?? this.fail(`input ${i} is missing`);
  }
}

/** The two orders of axes: ONNX has channels first, layers have them last. */
export const toLast = (w: ModelWriter, x: Value): Value => {
  const rank = x.shape.length;
  return w.transpose(x, [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1]);
};
export const toFirst = (w: ModelWriter, x: Value): Value => {
  const rank = x.shape.length;
  return w.transpose(x, [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)]);
};

/** Throws unless a value is an image, or a line or a volume. */
export function images(call: Call, x: Value): number {
  const axes = x.shape.length - 2;
  if (axes < 1) call.fail(`its input has shape [${x.shape}] but must have [n, c, ...spatial]`);
  if (axes > 3) call.refuse(`its input has ${axes} spatial axes; there may be up to 3`);
  return axes;
}

/** 0, 1, 2, ... */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

export const product = (list: readonly number[]): number => list.reduce((a, b) => a * b, 1);

/** An integer as one of a narrow type, where it wraps around. Throws UnsupportedError for types whose numbers need more than 32 bits. */
export function wrapped(call: Call, value: Value, { range, name, bytes }: ElementType): Value {
  if (!range || value.type !== "int" || bytes >= 4) {
    if (name.startsWith("uint") && bytes >= 4 && !value.constant)
      call.refuse(`${name} cannot be computed with: integers have 32 bits, with sign`);
    return value;
  }
  const { w } = call;
  const [least, most] = range;
  if (least === 0) return w.arithmetic("and", value, w.ints(most));
  // Two's complement: the sign is the highest bit of the narrow type.
  const half = w.ints(-least);
  return w.arithmetic(
    "sub",
    w.arithmetic("and", w.arithmetic("add", value, half), w.ints(most - least)),
    half,
  );
}

/** How messages show a list of words. */
export const words = (list: readonly string[]): string => list.map((word) => describe(word)).join(", ");
