// A graph of ops: layers write it, passes rewrite it, and it is lowered into a program. It knows no memory and no kernels.
import { ShapeError } from "../errors.ts";
import { type Constant, valuesOf } from "../runtime/address.ts";
import type { Runtime } from "../runtime/instance.ts";
import { isEmpty, type Op, type TensorType } from "./op.ts";

/** A tensor between ops: an input, a constant (it has data), or an op's output (it has a node). */
export class Edge implements TensorType {
  readonly shape: TensorType["shape"];
  readonly dtype: TensorType["dtype"];

  constructor(
    type: TensorType,
    /** Where it is a weight, it may be set after the graph has been written: ops look at shapes alone. */
    public data: Constant | Int32Array | undefined = undefined,
    /** The node whose output it is; fusion may hand an edge over to another node. */
    public node: Node | undefined = undefined,
  ) {
    this.shape = type.shape;
    this.dtype = type.dtype;
  }
}

/** What is known of an edge's values as floats: its data, unless they are integers. */
export const floatsOf = ({ data }: Edge): Constant | undefined =>
  data instanceof Int32Array ? undefined : data;

/** The numbers that an edge's data stands for. */
export const numbersOf = (data: Constant | Int32Array): Float32Array | Int32Array =>
  data instanceof Int32Array ? data : valuesOf(data);

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
  /** Normalises x by the statistics of the batch, and updates the running averages among the weights; absent where no layer is built. */
  batchNorm?(
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
  /** Updates in place that are made though no output reads them: running averages, weights. */
  readonly effects: Edge[] = [];
  /** The engine it is made for, where it is made for one. */
  runtime: Runtime | undefined;
  /** Whether values may have axes of size 0: those of eager calls, see passes/empty.ts. */
  allowsEmpty = false;
  /** Set where a network is built to be trained. */
  training: Training | undefined;
  /** Weights that will have data when the graph is lowered: what is made of one alone need not be made in every run. */
  readonly constants = new Set<Edge>();
  #layer = "";
  #owner = "";
  #where = "";
  #isNested = false;

  /** The training, unless the layer being built is frozen. */
  get activeTraining(): Training | undefined {
    return this.training && !this.training.frozen.has(this.#owner) ? this.training : undefined;
  }

  /** The ops that follow belong to this layer, whose weights may be those of another, its owner. */
  enter(layer: string, where: string, owner = layer): void {
    if (this.#isNested) return;
    this.#layer = layer;
    this.#owner = owner;
    this.#where = where;
  }

  /** What `f` appends belongs to the layer entered before, whatever it enters. */
  nested<R>(f: () => R): R {
    const outer = this.#isNested;
    this.#isNested = true;
    try {
      return f();
    } finally {
      this.#isNested = outer;
    }
  }

  /** Appends an op; its shapes are inferred, which throws where they do not fit. */
  apply<P>(op: Op<P>, inputs: readonly Edge[], params: P): Edge[] {
    const types = op.infer(inputs, params, this.#where);
    const empty = this.allowsEmpty ? undefined : types.find(isEmpty);
    if (empty)
      throw new ShapeError(
        `${this.#where}: the result would have shape [${empty.shape}], but in a network no axis may be of size 0`,
      );
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

  constant(data: Constant, shape: readonly number[]): Edge {
    return new Edge({ shape, dtype: "float32" }, data);
  }

  integers(data: Int32Array, shape: readonly number[]): Edge {
    return new Edge({ shape, dtype: "int32" }, data);
  }

  /** Removes every node that no output needs. Edges of `given` need not be computed. */
  prune(outputs: readonly Edge[], given: ReadonlySet<Edge> = new Set()): void {
    const needed = new Set([...outputs, ...this.effects]);
    const kept: Node[] = [];
    // Every edge is made before it is read, so that readers are seen first from the end.
    for (let i = this.nodes.length - 1; i >= 0; i--) {
      const node = this.nodes[i];
      if (!node.outputs.some((edge) => needed.has(edge) && !given.has(edge))) continue;
      for (const edge of node.inputs) needed.add(edge);
      kept.push(node);
    }
    this.nodes = kept.reverse();
  }

  /** How many inputs of ops, and outputs of the graph, read each edge. */
  uses(outputs: readonly Edge[]): Map<Edge, number> {
    const uses = new Map<Edge, number>();
    const count = (edge: Edge): void => {
      uses.set(edge, (uses.get(edge) ?? 0) + 1);
    };
    for (const node of this.nodes) node.inputs.forEach(count);
    outputs.forEach(count);
    this.effects.forEach(count);
    return uses;
  }
}
