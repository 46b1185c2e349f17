// Gradients of what ops made of tensors: `engine.gradients` of any computation, `engine.conv2dGrad` and its like of one op.

import { DisposedError, ShapeError } from "../errors.ts";
import { Edge, Graph } from "../graph/graph.ts";
import { Lowering } from "../graph/lower.ts";
import type { Op } from "../graph/op.ts";
import { type Activation, activation } from "../ops/activation.ts";
import { show } from "../ops/check.ts";
import { differentiate } from "../passes/differentiate.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Program } from "../runtime/program.ts";
import { mustBeTensor, Tensor } from "../tensor.ts";

/** Ops that ran on tensors, in the order in which they ran, to be gone through backwards. */
export class Tape {
  readonly #runtime: Runtime;
  readonly #name: string;
  readonly #graph = new Graph();
  readonly #edges = new Map<Tensor, Edge>();
  readonly #made = new Set<Tensor>();

  constructor(runtime: Runtime, name: string) {
    this.#runtime = runtime;
    this.#name = name;
  }

  /** Notes that an op made `outputs` of `inputs`; the tape owns the outputs until it is disposed. */
  record<P>(name: string, op: Op<P>, inputs: readonly Tensor[], params: P, outputs: readonly Tensor[]): void {
    this.#graph.enter(name, name);
    const given = inputs.map((tensor) => this.#edgeOf(tensor));
    // An activation that the op applied to its own result is a step of its own on the way back.
    const { activation: fused, ...bare } = params as { activation?: Activation };
    let made = this.#graph.apply(op, given, fused ? (bare as P) : params);
    if (fused) made = this.#graph.apply(activation, made, fused);
    outputs.forEach((tensor, i) => {
      this.#edges.set(tensor, made[i]);
      this.#made.add(tensor);
    });
  }

  /** The gradients of sum(dy · y) by each tensor of `by`; dy defaults to ones. */
  gradients(y: Tensor, by: readonly Tensor[], dy?: Tensor): Tensor[] {
    const name = this.#name;
    mustLive(this.#runtime, y, `${name}: what the function returns`);
    if (!Array.isArray(by)) throw new ShapeError(`${name}: by must be a list of tensors`);
    by.forEach((tensor, i) => {
      mustLive(this.#runtime, tensor, `${name}: by[${i}]`);
    });
    const edges = by.map((tensor) => this.#edgeOf(tensor));
    const alive = [...this.#edges].filter(([tensor]) => !tensor.disposed);
    const places = new Map(alive.map(([tensor, edge]) => [edge, tensor]));
    let up: Edge | undefined;
    if (dy) {
      mustLive(this.#runtime, dy, `${name}: dy`);
      up = new Edge(dy);
      places.set(up, dy);
    }
    return backward(this.#runtime, name, this.#graph, this.#edgeOf(y), edges, up, places);
  }

  /** Disposes what the ops made, all but one. */
  dispose(but?: Tensor): void {
    for (const tensor of this.#made) if (tensor !== but) tensor.dispose();
  }

  #edgeOf(tensor: Tensor): Edge {
    let edge = this.#edges.get(tensor);
    if (!edge) {
      edge = new Edge(tensor);
      this.#edges.set(tensor, edge);
    }
    return edge;
  }
}

/** The gradients of sum(dy · op(inputs)) by every input, in their order. */
export function gradientsOfOp<P>(
  runtime: Runtime,
  name: string,
  op: Op<P>,
  inputs: readonly Tensor[],
  params: P,
  dy: Tensor,
): Tensor[] {
  const graph = new Graph();
  graph.enter(name, name);
  // An edge for each, also where one tensor is given twice: these are derivatives by places, not by tensors.
  const places = new Map(
    [...inputs, dy].map((tensor, i) => {
      mustLive(runtime, tensor, `${name}: ${i < inputs.length ? `input ${i}` : "dy"}`);
      return [new Edge(tensor), tensor];
    }),
  );
  const edges = [...places.keys()];
  const up = edges.pop();
  return backward(runtime, name, graph, graph.op(op, edges, params), edges, up, places);
}

/** Differentiates, and runs what the gradients need: edges that have a tensor are read from there, others are made anew. */
function backward(
  runtime: Runtime,
  name: string,
  graph: Graph,
  y: Edge,
  by: readonly Edge[],
  dy: Edge | undefined,
  places: ReadonlyMap<Edge, Tensor>,
): Tensor[] {
  runtime.alive(name);
  if (dy && show(y.shape) !== show(dy.shape))
    throw new ShapeError(`${name}: dy has shape ${show(dy.shape)} but the output has shape ${show(y.shape)}`);
  const program = new Program(runtime, name);
  const lowering = new Lowering(program);
  for (const [edge, tensor] of places) lowering.place(edge, tensor.addressFor(runtime, name));
  const gradients = differentiate(graph, y, by, dy).map((edge, i) => {
    if (edge) return edge;
    throw new ShapeError(
      `${name}: the value does not depend on by[${i}] (shape ${show(by[i].shape)}) through ops of this engine`,
    );
  });
  graph.prune(gradients, new Set(places.keys()));
  for (const edge of graph.nodes.flatMap((node) => node.inputs))
    if (!edge.node && !edge.data && !places.has(edge))
      throw new DisposedError(
        `${name}: a tensor that was read (shape ${show(edge.shape)}) has been disposed; keep it until the gradients are made`,
      );
  const outs: Tensor[] = [];
  try {
    for (const { shape } of gradients) outs.push(new Tensor(runtime, { shape, dtype: "float32" }, name));
    lowering.write(graph);
    for (const edge of gradients) program.output(lowering.valueOf(edge).base);
    program.place();
    program.run();
    const { floats } = runtime.memory;
    gradients.forEach((edge, i) => {
      const from = lowering.valueOf(edge).base.value / 4;
      floats.copyWithin(outs[i].address(name) / 4, from, from + outs[i].size);
    });
    return outs;
  } catch (error) {
    for (const out of outs) out.dispose();
    throw error;
  } finally {
    program.dispose();
  }
}

function mustLive(runtime: Runtime, tensor: Tensor, what: string): void {
  mustBeTensor(tensor, what);
  tensor.check(runtime, what);
}
