// A trace records the ops that a function calls instead of running them. What they make are tensors without values as yet. The record is
// written into a graph, which becomes one program: with gradients (gradients.ts), or as a part of a training step (`traceInto`).
import { UnsupportedError } from "../errors.ts";
import { Edge, Graph } from "../graph/graph.ts";
import type { LayerKind } from "../layers/layer.ts";
import type { Runtime } from "../runtime/instance.ts";
import { type Block, type DType, type Pending, Tensor, type TensorType } from "../tensor.ts";
import { type CheckedCall, checkTensor } from "./call.ts";
import { programsOf } from "./programs.ts";

type Kind = Pick<LayerKind, "kind">;
type EdgeOf = (tensor: Tensor) => Edge;

/** A call that was recorded, and the tensors that stand for its results. */
interface Recorded {
  readonly checked: CheckedCall;
  readonly results: readonly Tensor[];
}

/** Types of what a call gives. */
interface ResultTypes {
  readonly types: readonly TensorType[];
  readonly isList: boolean;
}

/** The trace that records at present; the ones round it wait. */
let current: Trace | undefined;

/** The trace that records the calls of an engine. The first call decides whose, where the trace does not know. */
export function traceOf(runtime: Runtime): Trace | undefined {
  if (current && current.runtime === undefined) current.belongTo(runtime);
  return current?.runtime === runtime ? current : undefined;
}

/** Which kind a call in a key is of: kinds of models' own may share a name. */
const NUMBERS = new WeakMap<Kind, number>();
let kinds = 0;
function numberOf(kind: Kind): number {
  let number = NUMBERS.get(kind);
  if (number === undefined) {
    number = ++kinds;
    NUMBERS.set(kind, number);
  }
  return number;
}

/** The type of each result of calls with a key, so that a graph need not be written to know them. */
const TYPES = new WeakMap<Kind, Map<string, ResultTypes>>();
/** Types kept for each kind: calls of more shapes than that begin anew. */
const MAX_TYPES = 4096;

export class Trace implements Pending {
  /** Whose calls it records; undefined before the first one. */
  runtime: Runtime | undefined;
  readonly #calls: Recorded[] = [];
  /** Every tensor that was read or made, by the order of appearance: calls on the same numbers are the same. */
  readonly #numbers = new Map<Tensor, number>();
  readonly #read: Tensor[] = [];
  /** What is done once the trace has run. */
  readonly #after: (() => void)[] = [];
  readonly #unknown: string | undefined;
  /** Tensors that were made while it recorded, also those that hold values, and the scope round it. */
  readonly #made = new Set<object>();
  #outer: Set<object> | undefined;
  #key: string | undefined = "";

  /** `unknown`: why values cannot be read while it records, where they cannot. */
  constructor(runtime: Runtime | undefined, unknown?: string) {
    this.runtime = runtime;
    this.#unknown = unknown;
  }

  get isReadable(): boolean {
    return this.#unknown === undefined;
  }

  /** Has it record what `f` calls, and note what tensors that makes. */
  during<R>(f: () => R): R {
    const outer = current;
    current = this;
    if (this.runtime) this.#open(this.runtime);
    try {
      return f();
    } finally {
      current = outer;
      // Where the first call was made in a scope of the function's own, that has been closed.
      if (this.runtime?.scope === this.#made) this.runtime.scope = this.#outer;
    }
  }

  /** The first call has told whose calls it records. */
  belongTo(runtime: Runtime): void {
    this.runtime = runtime;
    this.#open(runtime);
  }

  #open(runtime: Runtime): void {
    this.#outer = runtime.scope;
    runtime.scope = this.#made;
  }

  /** Records a call. Throws what shape inference throws. `types`: of the results, where they are known without it. */
  record(kind: Kind, checked: CheckedCall, types = typesOf(this.runtime!, kind, checked)): Tensor | Tensor[] {
    const numbers = checked.tensors.map((tensor) => this.#numberOf(tensor));
    const results = types.types.map((type) => new Tensor(this.runtime!, type, kind.kind, this));
    for (const result of results) this.#numbers.set(result, this.#numbers.size);
    this.#calls.push({ checked, results });
    if (checked.key === undefined) this.#key = undefined;
    else if (this.#key !== undefined) this.#key += `${numberOf(kind)}:${checked.key}@${numbers.join()}\n`;
    return types.isList ? results : results[0];
  }

  /** Has something done once the trace has run, or has failed. */
  afterwards(f: () => void): void {
    this.#after.push(f);
  }

  /**
   * All that was recorded as one call on the tensors with values that were read, which gives what `results` makes in its graph. `reads`
   * are read there, too. `key` tells `results` from others.
   */
  asCall(
    reads: readonly Tensor[],
    key: (numberOf: (tensor: Tensor) => number) => string,
    results: (graph: Graph, edgeOf: EdgeOf) => readonly Edge[],
  ): CheckedCall {
    for (const tensor of reads) this.#numberOf(tensor);
    const own = this.#key === undefined ? undefined : this.#key + key((tensor) => this.#numberOf(tensor));
    return {
      call: (graph, edgeOf) => results(graph, this.write(graph, edgeOf)),
      tensors: [...this.#read],
      weights: [],
      // Calls with equal keys may read tensors of other types where nothing reads those in the record.
      key: own && own + this.#read.map((tensor) => tensor.typeKey).join(""),
    };
  }

  /** Writes the calls into a graph; the edge of each tensor. */
  write(graph: Graph, edgeOf: EdgeOf): EdgeOf {
    const edges = new Map<Tensor, Edge>();
    const of = (tensor: Tensor): Edge => edges.get(tensor) ?? edgeOf(tensor);
    for (const { checked, results } of this.#calls) {
      const built = [checked.call(graph, of)].flat() as Edge[];
      results.forEach((tensor, i) => {
        edges.set(tensor, built[i]);
      });
    }
    return of;
  }

  /** Whether the tensor is a result of a call. */
  made(tensor: Tensor): boolean {
    return this.#numbers.has(tensor) && !this.#read.includes(tensor);
  }

  /** The values of one tensor, for who reads them while the function runs. */
  compute(tensor: Tensor<DType>, what: string): Block {
    if (this.#unknown !== undefined) throw new UnsupportedError(`${what}: ${this.#unknown}`);
    const runtime = this.runtime!;
    const wanted = tensor as unknown as Tensor;
    const checked = this.asCall(
      [],
      (number) => `value of ${number(wanted)}`,
      (graph, edgeOf) => {
        const edge = edgeOf(wanted);
        // Updates are made once, by the run that counts.
        graph.effects.length = 0;
        return [edge];
      },
    );
    const [out] = programsOf(runtime).run(VALUE, checked).outs;
    return out.release();
  }

  /** Disposes what was made while it recorded, all but one and what was told to `keep`. */
  dispose(but?: Tensor): void {
    if (but && this.#made.delete(but)) this.#outer?.add(but);
    for (const tensor of this.#made) (tensor as Tensor).dispose();
    for (const { results } of this.#calls) for (const tensor of results) if (tensor !== but) tensor.dispose();
    for (const f of this.#after) f();
  }

  #numberOf(tensor: Tensor): number {
    let number = this.#numbers.get(tensor);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(tensor, number);
      this.#read.push(tensor);
    }
    return number;
  }
}

const VALUE: Kind = { kind: "values" };

/** The types of what a call gives. Throws what shape inference throws. */
export function typesOf(runtime: Runtime, kind: Kind, { call, key }: CheckedCall): ResultTypes {
  const known = TYPES.get(kind) ?? new Map<string, ResultTypes>();
  TYPES.set(kind, known);
  let types = key === undefined ? undefined : known.get(key);
  if (!types) {
    const graph = new Graph();
    graph.runtime = runtime;
    graph.allowsEmpty = true;
    const edges = new Map<Tensor, Edge>();
    const built = call(graph, (tensor) => {
      const edge = edges.get(tensor) ?? new Edge(tensor);
      edges.set(tensor, edge);
      return edge;
    });
    const list = [built].flat() as Edge[];
    types = {
      types: list.map(({ shape, dtype }) => ({ shape: Object.freeze([...shape]), dtype })),
      isList: Array.isArray(built),
    };
    if (known.size >= MAX_TYPES) known.clear();
    if (key !== undefined) known.set(key, types);
  }
  return types;
}

/** Does something once the calls so far have run: at once, or with the trace that has recorded them. */
export function afterCalls(runtime: Runtime, f: () => void): void {
  const trace = traceOf(runtime);
  if (trace) trace.afterwards(f);
  else f();
}

/**
 * Writes what a function of tensors does into a graph: `f` is called once, with a tensor for each of `inputs`, and gives the edge of what
 * it returns. Other tensors that it reads become constants, with the values they have now. `where` names it in messages. Throws
 * UnsupportedError where it reads values, ArgumentError where it returns no tensor of the engine.
 */
export function traceInto(
  runtime: Runtime,
  graph: Graph,
  inputs: readonly Edge[],
  f: (...tensors: Tensor[]) => Tensor,
  where: string,
): Edge {
  const trace = new Trace(
    runtime,
    `${where} is traced once and then runs as a part of a program, so that it cannot read values; write it with ops alone`,
  );
  const given = inputs.map((edge) => new Tensor(runtime, edge, where, trace));
  const { training } = graph;
  // Of ops, dropout alone is another one in training: batch normalisation has statistics only as a layer.
  graph.training = training && { ...training, batchNorm: undefined };
  try {
    const result = trace.during(() => f(...given));
    checkTensor(runtime, result, "what the function returns", where);
    const edges = new Map<Tensor, Edge>(given.map((tensor, i) => [tensor, inputs[i]]));
    const edgeOf = trace.write(graph, (tensor) => {
      const edge = edges.get(tensor) ?? constantOf(graph, tensor);
      edges.set(tensor, edge);
      return edge;
    });
    return edgeOf(result);
  } finally {
    graph.training = training;
    trace.dispose();
    for (const tensor of given) tensor.dispose();
  }
}

function constantOf(graph: Graph, tensor: Tensor<DType>): Edge {
  const data = tensor.data();
  return data instanceof Int32Array
    ? graph.integers(data, tensor.shape)
    : graph.constant(data as Float32Array, tensor.shape);
}
