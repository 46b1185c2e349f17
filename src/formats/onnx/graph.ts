// An ONNX graph under construction: names, layouts, constants. What each op becomes stands in onnx-rules.ts.

import type { Edge, Node } from "../../graph/graph.ts";
import type { Model } from "../../model/schema.ts";
import type { Builder } from "../../network/graph-builder.ts";
import { type Shape, sizeOf } from "../../tensor.ts";
import type { Attribute, GraphProto, NodeProto, TensorProto } from "./proto.ts";

/** How a value of rank 3 and more lies: [n, c, ...spatial], as ONNX's ops want it, or [n, ...spatial, c], as ours do. */
export type Layout = "first" | "last";

/** The order that makes a channels-first list of what is given channels last. */
export function channelsFirst<T>(values: readonly T[]): T[] {
  return values.length < 3 ? [...values] : [values[0], values[values.length - 1], ...values.slice(1, -1)];
}

/** Whether both layouts are the same order of values: one channel, or one pixel. */
export function sameOrder(shape: Shape): boolean {
  return shape.length < 3 || shape[shape.length - 1] === 1 || sizeOf(shape.slice(1, -1)) === 1;
}

export class OnnxGraph {
  /** The size of every value's first axis, or its name where it is open. */
  readonly batch: number | string;
  readonly #builder: Builder;
  readonly #weightNames: ReadonlyMap<Float32Array, string>;
  readonly #inputs: readonly string[];
  readonly #outputs: readonly string[];
  #nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  readonly #taken = new Set<string>();
  readonly #values = new Map<Edge, Partial<Record<Layout, string>>>();
  /** Outputs of flatten that lie channels first, with the shape of what was flattened. */
  readonly #flattened = new Map<Edge, Shape>();
  readonly #readers = new Map<Edge, Node[]>();
  readonly #constants = new Map<unknown, Map<string, string>>();
  #layer = "";

  constructor(
    model: Model,
    builder: Builder,
    weightNames: ReadonlyMap<Float32Array, string>,
    batch: number | string,
  ) {
    this.#builder = builder;
    this.#weightNames = weightNames;
    this.batch = batch;
    this.#inputs = model.inputs.map(({ name }) => this.#unique(name));
    this.#outputs = model.outputs.map((ref) => this.#unique(ref));
    builder.inputs.forEach((edge, i) => {
      this.give(edge, this.#inputs[i], "first");
    });
    for (const node of builder.graph.nodes)
      for (const edge of node.inputs) this.#readers.set(edge, [...(this.#readers.get(edge) ?? []), node]);
  }

  /** Everything that follows belongs to this layer. */
  at(layer: string): this {
    this.#layer = layer;
    return this;
  }

  /** Appends a node with one output and gives that output's name. */
  emit(op: string, inputs: readonly string[], attributes: NodeProto["attributes"] = {}): string {
    return this.emitAll(op, inputs, attributes, 1)[0];
  }

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

  /** Says where an edge's value is to be found, and how it lies. */
  give(edge: Edge, name: string, layout: Layout): void {
    const names = this.#values.get(edge) ?? {};
    names[edge.shape.length < 3 ? "last" : layout] = name;
    this.#values.set(edge, names);
  }

  /** The name of an edge's value in a layout; turns it once if it has only been made in the other. */
  value(edge: Edge, layout: Layout): string {
    const names = this.#values.get(edge)!;
    const wanted = edge.shape.length < 3 ? "last" : layout;
    const made = names[wanted];
    if (made !== undefined) return made;
    const axes = edge.shape.map((_, i) => i);
    const perm = wanted === "first" ? channelsFirst(axes) : [0, ...axes.slice(2), 1];
    const name = this.emit("Transpose", [names[wanted === "first" ? "last" : "first"]!], { perm });
    this.give(edge, name, wanted);
    return name;
  }

  /** The layout an op that works in both should take: one in which as little as possible has to be turned. */
  layout(...edges: readonly Edge[]): Layout {
    const maps = edges.filter((edge) => edge.shape.length > 2);
    return maps.length && !maps.some((edge) => this.#values.get(edge)?.first) ? "last" : "first";
  }

  /** The same name for another edge: an op that does nothing. */
  alias(edge: Edge, to: Edge): void {
    this.#values.set(edge, this.#values.get(to)!);
  }

  /** A value whose numbers lie in our order, whatever its axes: what a reshape may read. */
  ordered(edge: Edge): string {
    return this.value(edge, sameOrder(edge.shape) ? this.layout(edge) : "last");
  }

  /** Reshapes; the first axis of `shape` is the batch, if it is open. */
  reshape(name: string, shape: Shape): string {
    const dims = typeof this.batch === "number" ? shape : [0, ...shape.slice(1)];
    return this.emit("Reshape", [name, this.ints(dims)]);
  }

  /** Whether only dense layers read the edge. */
  feedsDense(edge: Edge, dense: unknown): boolean {
    const readers = this.#readers.get(edge) ?? [];
    return !this.#builder.outputs.includes(edge) && readers.every((node) => node.op === dense);
  }

  /** Marks an edge as flattened channels first. */
  giveFlattened(edge: Edge, name: string, from: Shape): void {
    this.give(edge, name, "last");
    this.#flattened.set(edge, from);
  }

  flattenedFrom(edge: Edge): Shape | undefined {
    return this.#flattened.get(edge);
  }

  /**
   * A weight under its own name, with its values in another order: seen as `shape`, its axes are permuted, and the result
   * is written with `dims`.
   */
  weight(edge: Edge, shape: Shape, perm: readonly number[], dims: Shape): string {
    const data = edge.data!;
    const moved = perm.filter((axis) => shape[axis] > 1);
    const still = moved.every((axis, i) => i === 0 || axis > moved[i - 1]);
    return this.#constant(edge, `${shape} ${perm} ${dims}`, this.#weightNames.get(data) ?? "weight", () => ({
      dims,
      data: still ? data : permute(data, shape, perm),
    }));
  }

  /** A weight as it is. */
  plain(edge: Edge): string {
    return this.weight(
      edge,
      edge.shape,
      edge.shape.map((_, i) => i),
      edge.shape,
    );
  }

  floats(values: readonly number[], dims: Shape): string {
    return this.#constant("float32", `${values} ${dims}`, "constant", () => ({
      dims,
      data: Float32Array.from(values),
    }));
  }

  scalar(value: number): string {
    return this.floats([value], []);
  }

  /** A list of int64. */
  ints(values: readonly number[]): string {
    return this.#constant("int64", String(values), "constant", () => ({
      dims: [values.length],
      data: BigInt64Array.from(values, BigInt),
    }));
  }

  /** The whole graph; outputs get their names here. */
  finish(): GraphProto {
    const done = new Set<string>(this.#inputs);
    this.#builder.outputs.forEach((edge, i) => {
      const from = this.value(edge, "first");
      const to = this.#outputs[i];
      if (done.has(from)) this.#nodes.push(identity(from, to));
      else this.#rename(from, to);
      done.add(to);
    });
    const end = (edge: Edge, name: string) => ({
      name,
      type: edge.dtype,
      dims: [this.batch, ...channelsFirst(edge.shape).slice(1)],
    });
    return {
      name: "convolith",
      nodes: this.#nodes,
      initializers: this.#initializers,
      inputs: this.#builder.inputs.map((edge, i) => end(edge, this.#inputs[i])),
      outputs: this.#builder.outputs.map((edge, i) => end(edge, this.#outputs[i])),
    };
  }

  #constant(
    owner: unknown,
    form: string,
    wish: string,
    make: () => { dims: Shape; data: TensorProto["data"] },
  ): string {
    const forms = this.#constants.get(owner) ?? new Map<string, string>();
    this.#constants.set(owner, forms);
    let name = forms.get(form);
    if (name === undefined) {
      name = this.#unique(wish);
      forms.set(form, name);
      this.#initializers.push({ name, ...make() });
    }
    return name;
  }

  #unique(wish: string): string {
    let name = wish;
    for (let i = 1; this.#taken.has(name); i++) name = `${wish}_${i}`;
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

/** Axis i of the result is axis perm[i] of the data. */
function permute(data: Float32Array, shape: Shape, perm: readonly number[]): Float32Array {
  const steps = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const out = new Float32Array(data.length);
  const sizes = perm.map((axis) => shape[axis]);
  const strides = perm.map((axis) => steps[axis]);
  const last = perm.length - 1;
  const index = perm.map(() => 0);
  let from = 0;
  for (let to = 0; to < out.length; ) {
    for (let i = 0; i < sizes[last]; i++) out[to++] = data[from + i * strides[last]];
    // Counts the outer axes on.
    for (let axis = last - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < sizes[axis]) break;
      from -= sizes[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return out;
}
