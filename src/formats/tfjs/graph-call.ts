// What the translation of an operator is given: its node, the values it reads, and the writer it writes layers with.
import { FormatError, UnsupportedError } from "../../errors.ts";
import { describe } from "../../validate.ts";
import type { Constant } from "../import/constant.ts";
import { identityOrder, type Value } from "../import/value.ts";
import type { ModelWriter } from "../import/writer.ts";
import type { Attributes } from "./graph-attributes.ts";
import type { GraphNode } from "./graph-topology.ts";

/** What a node gives: undefined for an output of a branch that is not taken. */
export type Outputs = readonly (Value | undefined)[];

/** Writes an operator; what it gives: one value, or a list. */
export type Operator = (call: Call, writer: ModelWriter) => Value | Outputs;
export type Operators = Readonly<Record<string, Operator>>;

/** Whatever has to do with more than the node itself. */
export interface Surroundings {
  /** Who reads it; null stands for an output of the model. */
  readonly readers: readonly (GraphNode | null)[];
  readersOf(node: GraphNode): readonly (GraphNode | null)[];
  /** A weight of the file. */
  weight(name: string): Constant | undefined;
  /** What a function of the graph gives for these values. */
  run(name: string, inputs: Outputs, call: Call): Outputs;
  /** Counts one more repetition of a loop. */
  iteration(call: Call): void;
  /** Convolutions that are to be dilated, by the value they read or made: see SpaceToBatchND. */
  readonly dilated: WeakMap<Value, Dilated>;
  /** What was limited to a range, by the value that came of it. */
  readonly limits: WeakMap<Value, Limits>;
}

export interface Limits {
  readonly of: Value;
  readonly min: number;
  readonly max: number;
}

/** Images cut into grids of every `block`-th pixel, so that a convolution of each is one with a dilation. */
export interface Dilated {
  readonly block: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
}

export class Call {
  readonly node: GraphNode;
  /** With undefined for those of branches that are not taken, which only Merge is given. */
  readonly given: Outputs;
  readonly around: Surroundings;

  constructor(node: GraphNode, given: Outputs, around: Surroundings) {
    this.node = node;
    this.given = given;
    this.around = around;
  }

  get attributes(): Attributes {
    return this.node.attributes;
  }

  get where(): string {
    return this.node.where;
  }

  get inputs(): readonly Value[] {
    return this.given.map((_, i) => this.input(i));
  }

  input(i: number): Value {
    const value = this.given[i];
    if (!value) throw new FormatError(`${this.where}: has ${this.given.length} inputs but needs ${i + 1}`);
    return value;
  }

  /** The numbers of an input that must be known when the model is compiled. */
  known(i: number, name: string): Constant {
    const { constant } = this.input(i);
    if (!constant)
      throw new UnsupportedError(
        `${this.where}: ${name} must be known when the model is compiled, but is computed from the model's inputs`,
      );
    return constant;
  }

  integers(i: number, name: string): number[] {
    const { data } = this.known(i, name);
    const values = [...data];
    if (!values.every(Number.isInteger))
      throw new FormatError(`${this.where}: ${name} is ${describe(values)} but must be integers`);
    return values;
  }

  integer(i: number, name: string): number {
    return this.#single(this.integers(i, name), name);
  }

  number(i: number, name: string): number {
    return this.#single([...this.known(i, name).data], name);
  }

  #single(values: number[], name: string): number {
    if (values.length !== 1)
      throw new FormatError(`${this.where}: ${name} has ${values.length} values but must be one`);
    return values[0];
  }

  /** A size of an axis that must be counted from the front. */
  axis(value: number, rank: number): number {
    if (value < -rank || value >= rank)
      throw new FormatError(`${this.where}: axis is ${value} but there are ${rank} axes`);
    return value < 0 ? value + rank : value;
  }

  rank(value: Value, rank: number, name = "the input"): void {
    if (value.shape.length !== rank)
      throw new FormatError(
        `${this.where}: ${name} has shape ${describe(value.shape)} but must have ${rank} axes`,
      );
  }

  fail(what: string): never {
    throw new FormatError(`${this.where}: ${what}`);
  }

  unsupported(what: string): never {
    throw new UnsupportedError(`${this.where}: ${what}`);
  }
}

/** Whether channels are the second axis of images, as an attribute says. */
export function channelsFirst({ attributes }: Call): boolean {
  const known = ["NHWC", "NDHWC", "NCHW", "NCDHW"] as const;
  return attributes.word("data_format", known, "NHWC").startsWith("NC");
}

/** What `write` makes of images with channels last, wherever the node has them. */
export function withChannelsLast(
  call: Call,
  writer: ModelWriter,
  x: Value,
  write: (x: Value) => Value,
): Value {
  if (!channelsFirst(call)) return write(x);
  const [batch, channels, ...spatial] = identityOrder(x.shape.length);
  const y = write(writer.transpose(x, [batch, ...spatial, channels]));
  const rank = y.shape.length;
  return writer.transpose(y, [0, rank - 1, ...identityOrder(rank).slice(1, -1)]);
}
