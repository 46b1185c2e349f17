// An ONNX graph under construction: names of values, their layouts, and constants.

import { type Edge, type Node, numbersOf } from "../../graph/graph.ts";
import type { Model } from "../../model/schema.ts";
import { type DType, type Shape, sizeOf } from "../../tensor.ts";
import { transpose } from "../transpose.ts";
import { type Attribute, DATA_TYPE, type GraphProto, type NodeProto, type TensorProto } from "./proto.ts";

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

export interface OnnxGraphOptions {
  readonly weightNames: ReadonlyMap<unknown, string>;
  /** The name of the batch, where it is left open: the first axis of every value. */
  readonly batch: string | undefined;
  /** In what order the file has the axes of inputs and outputs. */
  readonly ends: Layout;
  /** The version of ONNX's operators. */
  readonly opset: number;
}

/** The names of a value in the layouts in which it has been made. */
type Names = Partial<Record<Layout, string>>;

const layoutIn = ({ shape }: Edge, layout: Layout): Layout => (shape.length < 3 ? "last" : layout);

export class OnnxGraph {
  readonly opset: number;
  readonly #source: Source;
  readonly #options: OnnxGraphOptions;
  readonly #inputs: readonly string[];
  readonly #outputs: readonly string[];
  #nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  readonly #taken = new Set<string>();
  readonly #values = new Map<Edge, Names>();
  /** Values of int32 that are 0 and 1, as ONNX's bool. */
  readonly #truths = new Map<Edge, Names>();
  /** Outputs of flatten in channels-first order, with the shape of what was flattened. */
  readonly #flattened = new Map<Edge, Shape>();
  readonly #readers = new Map<Edge, Node[]>();
  /** Names of constants: by the weight or type they were made from, then by the form they have. */
  readonly #constants = new Map<unknown, Map<string, string>>();
  #layer = "";

  constructor(model: Model, source: Source, options: OnnxGraphOptions) {
    this.#source = source;
    this.#options = options;
    this.opset = options.opset;
    this.#inputs = model.inputs.map(({ name }) => this.#unique(name));
    this.#outputs = model.outputs.map((ref) => this.#unique(ref));
    source.inputs.forEach((edge, i) => {
      this.define(edge, this.#inputs[i], options.ends);
    });
    for (const node of source.graph.nodes)
      for (const edge of node.inputs) this.#readers.set(edge, [...(this.#readers.get(edge) ?? []), node]);
  }

  /** Whether the size of the batch, the first axis of every value, is left open. */
  get open(): boolean {
    return this.#options.batch !== undefined;
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
    names[layoutIn(edge, layout)] = name;
    this.#values.set(edge, names);
  }

  /** The same for a bool, which is 0 and 1 where the edge is read as the integers that it has. */
  defineTruth(edge: Edge, name: string, layout: Layout): void {
    const names = this.#truths.get(edge) ?? {};
    names[layoutIn(edge, layout)] = name;
    this.#truths.set(edge, names);
  }

  /** The name of an edge's value in a layout. A value that has been made in the other layout only is transposed, once. */
  value(edge: Edge, layout: Layout): string {
    const wanted = layoutIn(edge, layout);
    const made = this.#values.get(edge)?.[wanted];
    if (made !== undefined) return made;
    if (edge.data !== undefined) return this.#known(edge, wanted);
    const other = this.#values.get(edge)?.[wanted === "first" ? "last" : "first"];
    const name =
      other === undefined
        ? this.cast(this.truth(edge, wanted), "int32")
        : this.#turned(other, edge.shape.length, wanted);
    this.define(edge, name, wanted);
    return name;
  }

  /** The same as bool: what is not 0. */
  truth(edge: Edge, layout: Layout): string {
    const wanted = layoutIn(edge, layout);
    const names = this.#truths.get(edge);
    const made = names?.[wanted];
    if (made !== undefined) return made;
    const other = names?.[wanted === "first" ? "last" : "first"];
    const name =
      other === undefined
        ? this.cast(this.value(edge, wanted), "bool")
        : this.#turned(other, edge.shape.length, wanted);
    this.defineTruth(edge, name, wanted);
    return name;
  }

  /** The value of an edge of int32 as int64, which indices have to be for some of ONNX's ops; in our order of axes. */
  indices(edge: Edge): string {
    const { data, shape } = edge;
    return data instanceof Int32Array
      ? this.ints(Array.from(data), shape)
      : this.cast(this.value(edge, "last"), "int64");
  }

  cast(name: string, to: keyof typeof DATA_TYPE): string {
    return this.emit("Cast", [name], { to: DATA_TYPE[to] });
  }

  /** The layout for an op that works in both: channels first, unless all of its inputs would have to be transposed. */
  layout(...edges: readonly Edge[]): Layout {
    const maps = edges.filter((edge) => edge.shape.length > 2 && edge.data === undefined);
    const first = (edge: Edge) => this.#values.get(edge)?.first ?? this.#truths.get(edge)?.first;
    return maps.length && !maps.some(first) ? "last" : "first";
  }

  /** The layouts in which a value can be had without transposing it. */
  layouts(edge: Edge): Layout[] {
    const names = { ...this.#truths.get(edge), ...this.#values.get(edge) };
    return (["first", "last"] as const).filter(
      (layout) => edge.data !== undefined || names[layoutIn(edge, layout)] !== undefined,
    );
  }

  /** Gives an edge the value of another: its op changes nothing. */
  alias(edge: Edge, to: Edge): void {
    if (to.data !== undefined) this.value(to, "last");
    for (const names of [this.#values, this.#truths]) {
      const own = names.get(to);
      if (own) names.set(edge, own);
    }
  }

  /** The name of a value that lies in the order of our layout, as a reshape must read it. */
  inOurOrder(edge: Edge): string {
    return this.value(edge, sameOrder(edge.shape) ? this.layout(edge) : "last");
  }

  /** Reshapes; the first axis of `shape` is the batch, if it is open. */
  reshape(name: string, shape: Shape): string {
    const dims = this.open ? [0, ...shape.slice(1)] : shape;
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
   * It is named after the weight. What is no constant is reshaped and transposed.
   */
  weight(edge: Edge, shape: Shape, perm: readonly number[], dims: Shape): string {
    const { data } = edge;
    if (data === undefined) return this.#arranged(edge, shape, perm, dims);
    return this.#constant(
      edge,
      `${shape} ${perm} ${dims}`,
      this.#options.weightNames.get(data) ?? "constant",
      () => {
        const values = numbersOf(data);
        return { dims, data: transpose(values, shape, perm) };
      },
    );
  }

  /** The name of a weight with its own shape and order. */
  plain(edge: Edge): string {
    return this.value(edge, "last");
  }

  /** A constant of float32 or int32. */
  numbers(values: readonly number[], dims: Shape, dtype: DType): string {
    return this.#constant(dtype, `${values} ${dims}`, "constant", () => ({
      dims,
      data: dtype === "int32" ? Int32Array.from(values) : Float32Array.from(values),
    }));
  }

  /** A constant of float32. */
  floats(values: readonly number[], dims: Shape): string {
    return this.numbers(values, dims, "float32");
  }

  /** A constant of float32 without axes. */
  scalar(value: number): string {
    return this.floats([value], []);
  }

  /** A constant of int64: a list, or of the shape `dims`. */
  ints(values: readonly number[], dims: Shape = [values.length]): string {
    return this.#constant("int64", `${values} ${dims}`, "constant", () => ({
      dims,
      data: BigInt64Array.from(values, BigInt),
    }));
  }

  /** The whole graph. Outputs get their names here. */
  finish(): GraphProto {
    const { batch, ends } = this.#options;
    const done = new Set<string>(this.#inputs);
    this.#source.outputs.forEach((edge, i) => {
      const from = this.value(edge, ends);
      const to = this.#outputs[i];
      if (done.has(from) || this.#initializers.some(({ name }) => name === from))
        this.#nodes.push(identity(from, to));
      else this.#rename(from, to);
      done.add(to);
    });
    const describe = (edge: Edge, name: string) => {
      const dims = ends === "first" ? channelsFirst(edge.shape) : edge.shape;
      return { name, type: edge.dtype, dims: batch === undefined ? dims : [batch, ...dims.slice(1)] };
    };
    return {
      name: "convolith",
      nodes: this.#nodes,
      initializers: this.#initializers,
      inputs: this.#source.inputs.map((edge, i) => describe(edge, this.#inputs[i])),
      outputs: this.#source.outputs.map((edge, i) => describe(edge, this.#outputs[i])),
    };
  }

  /** A constant in a layout, with its own shape. */
  #known(edge: Edge, layout: Layout): string {
    const axes = edge.shape.map((_, i) => i);
    const perm = layout === "first" ? channelsFirst(axes) : axes;
    const name = this.weight(
      edge,
      edge.shape,
      perm,
      perm.map((axis) => edge.shape[axis]),
    );
    this.define(edge, name, layout);
    return name;
  }

  /** A value in the other layout. */
  #turned(name: string, rank: number, to: Layout): string {
    const axes = Array.from({ length: rank }, (_, i) => i);
    const perm = to === "first" ? channelsFirst(axes) : [0, ...axes.slice(2), 1];
    return this.emit("Transpose", [name], { perm });
  }

  #arranged(edge: Edge, shape: Shape, perm: readonly number[], dims: Shape): string {
    let name = this.value(edge, "last");
    const to = (from: Shape, wanted: Shape): void => {
      if (String(from) !== String(wanted)) name = this.reshape(name, wanted);
    };
    to(edge.shape, shape);
    if (perm.some((axis, i) => axis !== i)) name = this.emit("Transpose", [name], { perm });
    to(
      perm.map((axis) => shape[axis]),
      dims,
    );
    return name;
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
