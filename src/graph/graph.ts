// A graph of ops: what layers write, fusion rewrites and a network lowers into a program. No memory, no kernels yet.
import type { Op, TensorType } from "./op.ts";

/** A tensor that flows between ops: an input, a constant (it has data), or an op's output (it has a node). */
export class Edge implements TensorType {
  readonly shape: TensorType["shape"];
  readonly dtype: TensorType["dtype"];

  constructor(
    type: TensorType,
    readonly data: Float32Array | undefined = undefined,
    /** The op that makes it; fusion may hand an edge over to another node. */
    public node: Node | undefined = undefined,
  ) {
    this.shape = type.shape;
    this.dtype = type.dtype;
  }
}

export interface Node {
  // biome-ignore lint/suspicious/noExplicitAny: a graph holds ops of every parameter type
  readonly op: Op<any>;
  params: unknown;
  inputs: Edge[];
  outputs: Edge[];
  /** The layer it came from, and how messages name it: `conv2d "stem"`. */
  readonly layer: string;
  readonly where: string;
}

/** How layers are built in training where that differs from predicting. The ops it appends are not needed to predict. */
export interface Training {
  /** Names of layers whose weights stay as they are: they are built as for predicting. */
  readonly frozen: ReadonlySet<string>;
  /** Normalises x by the statistics of the batch, and updates the running averages among the weights. */
  batchNorm(
    g: Graph,
    x: Edge,
    weights: Readonly<Record<string, Edge>>,
    epsilon: number,
    momentum: number,
  ): Edge;
  /** Sets values of x to 0 with the probability `rate`, and scales the others to keep the mean. */
  dropout(g: Graph, x: Edge, rate: number): Edge;
}

export class Graph {
  nodes: Node[] = [];
  /** Set while a network is built to be trained: layers then take batch statistics, drop values, and move averages. */
  training: Training | undefined;
  #layer = "";
  #owner = "";
  #where = "";

  /** Whether the layer being built learns: then it keeps batch statistics, drops values. */
  get learning(): Training | undefined {
    return this.training && !this.training.frozen.has(this.#owner) ? this.training : undefined;
  }

  /** Everything that follows belongs to this layer, whose weights may be another's. */
  enter(layer: string, where: string, owner = layer): void {
    this.#layer = layer;
    this.#owner = owner;
    this.#where = where;
  }

  /** Appends an op; shapes are inferred, and refused, here. */
  apply<P>(op: Op<P>, inputs: readonly Edge[], params: P): Edge[] {
    const types = op.infer(inputs, params, this.#where);
    const node: Node = {
      op,
      params,
      inputs: [...inputs],
      outputs: [],
      layer: this.#layer,
      where: this.#where,
    };
    node.outputs = types.map((type) => new Edge(type, undefined, node));
    this.nodes.push(node);
    return node.outputs;
  }

  /** The same for an op with one output. */
  op<P>(op: Op<P>, inputs: readonly Edge[], params: P): Edge {
    return this.apply(op, inputs, params)[0];
  }

  constant(data: Float32Array, shape: readonly number[]): Edge {
    return new Edge({ shape, dtype: "float32" }, data);
  }

  /** Drops every node that no output needs; what is given need not be made. */
  prune(outputs: readonly Edge[], given: ReadonlySet<Edge> = new Set()): void {
    const needed = new Set(outputs);
    // Nodes stand in an order in which everything is made before it is read.
    this.nodes = this.nodes
      .reverse()
      .filter((node) => {
        if (!node.outputs.some((edge) => needed.has(edge) && !given.has(edge))) return false;
        for (const edge of node.inputs) needed.add(edge);
        return true;
      })
      .reverse();
  }

  /** How many inputs of ops, and outputs of the graph, read each edge. */
  uses(outputs: readonly Edge[]): Map<Edge, number> {
    const uses = new Map<Edge, number>();
    for (const edge of [...this.nodes.flatMap((n) => n.inputs), ...outputs])
      uses.set(edge, (uses.get(edge) ?? 0) + 1);
    return uses;
  }
}
