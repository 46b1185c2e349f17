// An ONNX graph under construction: names of values, their layouts, and constants.

import type { Edge, Node } from "../../graph/graph.ts";
import type { Model } from "../../model/schema.ts";
import { type Shape, sizeOf } from "../../tensor.ts";
import { transpose } from "../transpose.ts";
import type { Attribute, GraphProto, NodeProto, TensorProto } from "./proto.ts";

/**
 * The order of axes of a value of rank 3 or more: channels first, [n, c, ...spatial], as ONNX's ops take it, or channels last,
 * [n, ...spatial, c], as ours do. Values of lower rank have one order only.
 */
export type Layout = "first" | "last";

/** One value per axis, reordered from channels last to channels first. */
export function channelsFirst<T>(values: readonly T[]): T[] {
  return values.length < 3 ? [...values] : [values[0], values[values.length - 1], ...values.slice(1, -1)];
}

/** Whether the values lie in the same order in both layouts: there is one channel, or one pixel. */
export function sameOrder(shape: Shape): boolean {
  return shape.length < 3 || shape[shape.length - 1] === 1 || sizeOf(shape.slice(1, -1)) === 1;
}

/** What is to be written: a graph of ops with its inputs and outputs. */
export interface Source {
  readonly graph: { readonly nodes: readonly Node[] };
  readonly inputs: readonly Edge[];
  readonly outputs: readonly Edge[];
}

export class OnnxGraph {
  /** The size of every value's first axis, or its name where the batch is open. */
  readonly batch: number | string;
  readonly #source: Source;
  readonly #weightNames: ReadonlyMap<Float32Array, string>;
  readonly #inputs: readonly string[];
  readonly #outputs: readonly string[];
  #nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  readonly #taken = new Set<string>();
  /** The names of every edge's value in the layouts it has been made in. */
  readonly #values = new Map<Edge, Partial<Record<Layout, string>>>();
  /** Outputs of flatten in channels-first order, with the shape of what was flattened. */
  readonly #flattened = new Map<Edge, Shape>();
  readonly #readers = new Map<Edge, Node[]>();
  /** Names of constants: by the weight or type they were made from, then by the form they have. */
  readonly #constants = new Map<unknown, Map<string, string>>();
  #layer = "";

  constructor(
    model: Model,
    source: Source,
    weightNames: ReadonlyMap<Float32Array, string>,
    batch: number | string,
  ) {
    this.#source = source;
    this.#weightNames = weightNames;
    this.batch = batch;
    this.#inputs = model.inputs.map(({ name }) => this.#unique(name));
    this.#outputs = model.outputs.map((ref) => this.#unique(ref));
    source.inputs.forEach((edge, i) => {
      this.define(edge, this.#inputs[i], "first");
    });
    for (const node of source.graph.nodes)
      for (const edge of node.inputs) this.#readers.set(edge, [...(this.#readers.get(edge) ?? []), node]);
  }

  /** Nodes emitted from now on are named after this layer. */
  enter(layer: string): this {
    this.#layer = layer;
    return this;
  }

  /** Appends a node with one output and returns that output's name. */
  emit(op: string, inputs: readonly string[], attributes: NodeProto["attributes"] = {}): string {
    return this.emitAll(op, inputs, attributes, 1)[0];
  }

  /** The same for a node with `count` outputs. */
  emitAll(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>>,
    count: number,
  ): string[] {
    const outputs = Array.from({ length: count }, () => this.#unique(`${this.#layer}/${op}`));
    this.#nodes.push({ op, name: outputs[0], inputs: [...inputs], outputs, attributes });
    return outputs;
  }

  /** Names an edge's value, and the layout it has. */
  define(edge: Edge, name: string, layout: Layout): void {
    const names = this.#values.get(edge) ?? {};
    names[edge.shape.length < 3 ? "last" : layout] = name;
    this.#values.set(edge, names);
  }

  /** The name of an edge's value in a layout. A value that has been made in the other layout only is transposed, once. */
  value(edge: Edge, layout: Layout): string {
    const names = this.#values.get(edge)!;
    const wanted = edge.shape.length < 3 ? "last" : layout;
    const made = names[wanted];
    if (made !== undefined) return made;
    const axes = edge.shape.map((_, i) => i);
    const perm = wanted === "first" ? channelsFirst(axes) : [0, ...axes.slice(2), 1];
    const name = this.emit("Transpose", [names[wanted === "first" ? "last" : "first"]!], { perm });
    this.define(edge, name, wanted);
    return name;
  }

  /** The layout for an op that works in both: channels first, unless all of its inputs would have to be transposed. */
  layout(...edges: readonly Edge[]): Layout {
    const maps = edges.filter((edge) => edge.shape.length > 2);
    return maps.length && !maps.some((edge) => this.#values.get(edge)?.first) ? "last" : "first";
  }

  /** Gives an edge the value of another: its op changes nothing. */
  alias(edge: Edge, to: Edge): void {
    this.#values.set(edge, this.#values.get(to)!);
  }

  /** The name of a value that lies in the order of our layout, as a reshape must read it. */
  inOurOrder(edge: Edge): string {
    return this.value(edge, sameOrder(edge.shape) ? this.layout(edge) : "last");
  }

  /** Reshapes; the first axis of `shape` is the batch, if it is open. */
  reshape(name: string, shape: Shape): string {
    const dims = typeof this.batch === "number" ? shape : [0, ...shape.slice(1)];
    return this.emit("Reshape", [name, this.ints(dims)]);
  }

  /** Whether no other op reads the edge, and it is no output. */
  onlyReadBy(edge: Edge, op: Node["op"]): boolean {
    const readers = this.#readers.get(edge) ?? [];
    return !this.#source.outputs.includes(edge) && readers.every((node) => node.op === op);
  }

  /** Names the value of a flatten made from its input channels first; `from` is that input's shape, channels last. */
  defineFlattened(edge: Edge, name: string, from: Shape): void {
    this.define(edge, name, "last");
    this.#flattened.set(edge, from);
  }

  /** The shape of what was flattened channels first; undefined for every other edge. */
  flattenedFrom(edge: Edge): Shape | undefined {
    return this.#flattened.get(edge);
  }

  /**
   * The name of a weight as a constant: read with the shape `shape`, transposed by `perm`, and written with the shape `dims`.
   * It is named after the weight.
   */
  weight(edge: Edge, shape: Shape, perm: readonly number[], dims: Shape): string {
    const data = edge.data as Float32Array;
    return this.#constant(edge, `${shape} ${perm} ${dims}`, this.#weightNames.get(data) ?? "weight", () => ({
      dims,
      data: transpose(data, shape, perm),
    }));
  }

  /** The name of a weight with its own shape and order. */
  plain(edge: Edge): string {
    return this.weight(
      edge,
      edge.shape,
      edge.shape.map((_, i) => i),
      edge.shape,
    );
  }

  /** A constant of float32. */
  floats(values: readonly number[], dims: Shape): string {
    return this.#constant("float32", `${values} ${dims}`, "constant", () => ({
      dims,
      data: Float32Array.from(values),
    }));
  }

  /** A constant of float32 without axes. */
  scalar(value: number): string {
    return this.floats([value], []);
  }

  /** A constant list of int64. */
  ints(values: readonly number[]): string {
    return this.#constant("int64", String(values), "constant", () => ({
      dims: [values.length],
      data: BigInt64Array.from(values, BigInt),
    }));
  }

  /** The whole graph. Outputs get their names here. */
  finish(): GraphProto {
    const done = new Set<string>(this.#inputs);
    this.#source.outputs.forEach((edge, i) => {
      const from = this.value(edge, "first");
      const to = this.#outputs[i];
      if (done.has(from)) this.#nodes.push(identity(from, to));
      else this.#rename(from, to);
      done.add(to);
    });
    const describe = (edge: Edge, name: string) => ({
      name,
      type: edge.dtype,
      dims: [this.batch, ...channelsFirst(edge.shape).slice(1)],
    });
    return {
      name: "convolith",
      nodes: this.#nodes,
      initializers: this.#initializers,
      inputs: this.#source.inputs.map((edge, i) => describe(edge, this.#inputs[i])),
      outputs: this.#source.outputs.map((edge, i) => describe(edge, this.#outputs[i])),
    };
  }

  /** The name of a constant in one form; `make` is called where it does not exist yet. */
  #constant(owner: unknown, form: string, wanted: string, make: () => Omit<TensorProto, "name">): string {
    const forms = this.#constants.get(owner) ?? new Map<string, string>();
    this.#constants.set(owner, forms);
    let name = forms.get(form);
    if (name === undefined) {
      name = this.#unique(wanted);
      forms.set(form, name);
      this.#initializers.push({ name, ...make() });
    }
    return name;
  }

  /** The name, with a number where it is taken. */
  #unique(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.#taken.has(name); i++) name = `${wanted}_${i}`;
    this.#taken.add(name);
    return name;
  }

  #rename(from: string, to: string): void {
    const swap = (name: string): string => (name === from ? to : name);
    this.#nodes = this.#nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(swap),
      outputs: node.outputs.map(swap),
    }));
    for (const names of this.#values.values())
      for (const layout of ["first", "last"] as const)
        if (names[layout] !== undefined) names[layout] = swap(names[layout]);
  }
}

const identity = (from: string, to: string): NodeProto => ({
  op: "Identity",
  name: to,
  inputs: [from],
  outputs: [to],
  attributes: {},
});
