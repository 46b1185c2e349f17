// From a graph of ops to a program: every edge gets a buffer, every op writes its kernel calls.
import { Buffer, type Program } from "../runtime/program.ts";
import type { Edge, Graph, Node } from "./graph.ts";
import { sizeOf, type Value } from "./op.ts";

export class Lowering {
  readonly #program: Program;
  readonly #buffers = new Map<Edge, Buffer>();

  constructor(program: Program) {
    this.#program = program;
  }

  /** Settles where an edge lives, before anything else asks: weights that are trained, a tensor. */
  place(edge: Edge, buffer: Buffer): void {
    this.#buffers.set(edge, buffer);
  }

  bufferOf(edge: Edge): Buffer {
    let buffer = this.#buffers.get(edge);
    if (!buffer) {
      buffer = edge.data ? this.#program.constant(edge.data) : new Buffer(sizeOf(edge.shape) * 4, "run");
      this.#buffers.set(edge, buffer);
    }
    return buffer;
  }

  /** Writes all calls; tells `each` which of the program's calls, from one index to before another, are a node's. */
  write(graph: Graph, each: (node: Node, from: number, to: number) => void = () => {}): void {
    const program = this.#program;
    const value = (edge: Edge): Value => ({
      shape: edge.shape,
      dtype: edge.dtype,
      buffer: this.bufferOf(edge),
    });
    for (const node of graph.nodes) {
      const { op, params, inputs, outputs } = node;
      const from = program.length;
      if (op.alias) this.place(outputs[0], this.bufferOf(inputs[0]));
      program.lastAlgorithm = "";
      op.forward(program, inputs.map(value), outputs.map(value), params);
      if (op.inPlace && program.length === from + 1)
        program.overlay(this.bufferOf(outputs[0]), this.bufferOf(inputs[0]));
      each(node, from, program.length);
    }
  }
}
