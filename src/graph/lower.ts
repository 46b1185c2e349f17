// From a graph of ops to a program: every edge gets a place, every op writes its kernel calls.
import { Address } from "../runtime/address.ts";
import type { Program } from "../runtime/program.ts";
import type { Edge, Graph, Node } from "./graph.ts";
import { type Border, denseStrides, isDense, sizeOf, type Value } from "./op.ts";

/** Where an edge lies when it is not a dense storage of its own: what the layout pass decides. */
export interface Layout {
  /** The edge in whose storage it lies: itself, where it has a border. */
  readonly owner: Edge;
  /** Bytes from the owner's first byte. */
  readonly offset: number;
  readonly strides: readonly number[];
  readonly border?: Border;
  /** Bytes of the owner's storage. */
  readonly bytes: number;
}

export class Lowering {
  readonly #program: Program;
  readonly #layouts: ReadonlyMap<Edge, Layout>;
  readonly #values = new Map<Edge, Value>();
  /** Storages that hold several edges, or one with a border. */
  readonly #shared = new Map<Edge, Address>();

  constructor(program: Program, layouts: ReadonlyMap<Edge, Layout> = new Map()) {
    this.#program = program;
    this.#layouts = layouts;
  }

  /** Decides where an edge lives, before anything else asks: weights that are trained, a tensor. */
  place(edge: Edge, base: Address): void {
    this.#values.set(edge, { shape: edge.shape, dtype: edge.dtype, base, strides: denseStrides(edge.shape) });
  }

  valueOf(edge: Edge): Value {
    let value = this.#values.get(edge);
    if (!value) {
      value = this.#make(edge);
      this.#values.set(edge, value);
    }
    return value;
  }

  /** Writes all calls; tells `each` which of the program's calls, from one index to before another, are a node's. */
  write(graph: Graph, each: (node: Node, from: number, to: number) => void = () => {}): void {
    const program = this.#program;
    const room = this.#roomFor(graph);
    if (room) program.reserve(room);
    for (const node of graph.nodes) {
      const { op, params, inputs, outputs, where } = node;
      const from = program.length;
      const ins = inputs.map((edge) => this.valueOf(edge));
      if (op.alias) {
        const { base, strides, border } = ins[0];
        const { shape, dtype } = outputs[0];
        // Under another shape it can only be dense; changed in place it stays as it lies.
        const kept = op.alias === "update" ? strides : denseStrides(shape);
        this.#values.set(outputs[0], { shape, dtype, base, strides: kept, ...(border && { border }) });
      }
      const outs = outputs.map((edge) => this.valueOf(edge));
      const views = op.alias === "update" ? { inputs: [0], outputs: true, ...op.strided } : op.strided;
      ins.forEach((value, i) => {
        if (views?.inputs !== "all" && !views?.inputs?.includes(i) && !isDense(value))
          throw new Error(`internal: ${where}: "${op.name}" cannot read input ${i} as it lies`);
      });
      if (!views?.outputs && !outs.every(isDense))
        throw new Error(`internal: ${where}: "${op.name}" cannot write its output where it is to lie`);
      program.lastAlgorithm = "";
      op.forward(program, ins, outs, params);
      if (op.inPlace && program.length === from + 1 && isWhole(ins[0]) && isWhole(outs[0]))
        program.overlay(outs[0].base, ins[0].base);
      each(node, from, program.length);
    }
  }

  /**
   * Bytes of a block without which the graph cannot be placed: its largest value that has no place yet, or all constant filters and
   * matrices, which take as much packed. What cannot be held is refused before tables are made for it.
   */
  #roomFor({ nodes }: Graph): number {
    let largest = 0;
    const filters = new Set<Edge>();
    for (const { op, inputs, outputs } of nodes) {
      for (const edge of inputs) if (edge.data && edge.shape.length > 1) filters.add(edge);
      for (const edge of outputs)
        if (!op.alias && !this.#values.has(edge)) largest = Math.max(largest, sizeOf(edge.shape) * 4);
    }
    const packed = [...filters].reduce((sum, { shape }) => sum + sizeOf(shape) * 4, 0);
    return Math.max(largest, packed);
  }

  #make(edge: Edge): Value {
    const { shape, dtype, data } = edge;
    const layout = this.#layouts.get(edge);
    if (layout) {
      const { owner, offset, strides, border, bytes } = layout;
      let whole = this.#shared.get(owner);
      if (!whole) {
        whole =
          owner !== edge && !this.#layouts.has(owner) ? this.valueOf(owner).base : Address.of(bytes, "run");
        this.#shared.set(owner, whole);
      }
      return { shape, dtype, base: whole.plus(offset), strides, ...(border && { border }) };
    }
    const base = data
      ? this.#program.constant(data, sizeOf(shape) * 4)
      : Address.of(sizeOf(shape) * 4, "run");
    return { shape, dtype, base, strides: denseStrides(shape) };
  }
}

/** Whether a value is all of its storage. */
const isWhole = ({ shape, base }: Value): boolean => base.storage.bytes === sizeOf(shape) * 4;
