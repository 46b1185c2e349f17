// One eager call as a program.
import { Edge, Graph } from "../graph/graph.ts";
import { Lowering } from "../graph/lower.ts";
import { removeEmpty } from "../passes/empty.ts";
import { fuse } from "../passes/fuse.ts";
import { Address, Storage } from "../runtime/address.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Program } from "../runtime/program.ts";
import { isEmpty, sizeOf, Tensor, type TensorType } from "../tensor.ts";
import type { CheckedCall } from "./call.ts";

/** One result: where it is written, or where it is copied from when an op only renames what it is given; neither where it is empty. */
interface Result {
  readonly type: TensorType;
  readonly written: Address | undefined;
  readonly value: Address | undefined;
}

/** A call as a program, whose inputs and results lie wherever the tensors of a call do. */
export class EagerProgram {
  readonly isList: boolean;
  /** When it was last used. */
  used = 0;
  readonly #program: Program;
  readonly #name: string;
  /** By tensor; undefined for a constant, and for what is empty. */
  readonly #inputs: readonly (Address | undefined)[];
  readonly #constants: { readonly tensor: Tensor; version: number }[];
  readonly #results: readonly Result[];

  /**
   * Of `constants`, tensors that the call reads, it keeps what is made of their values, such as packed filters; the others may be any
   * of their types in each run. Throws what shape inference throws, and MemoryError.
   */
  constructor(
    runtime: Runtime,
    name: string,
    { call, tensors, simplify }: CheckedCall,
    constants: readonly Tensor[],
  ) {
    const graph = new Graph();
    graph.runtime = runtime;
    graph.allowsEmpty = true;
    const valuesOf = (tensor: Tensor) => (): Float32Array => {
      const from = tensor.address(name) / 4;
      return runtime.memory.floats.subarray(from, from + tensor.size);
    };
    const edges = new Map<Tensor, Edge>(
      tensors.map((tensor) => [
        tensor,
        new Edge(tensor, constants.includes(tensor) ? valuesOf(tensor) : undefined),
      ]),
    );
    const built = call(graph, (tensor) => edges.get(tensor)!);
    this.isList = Array.isArray(built);
    this.#name = name;
    const made = [built].flat() as Edge[];
    simplify?.(graph, made);
    const results = removeEmpty(graph, made);
    fuse(graph, results);
    const program = new Program(runtime, name);
    this.#program = program;
    const lowering = new Lowering(program);
    const fixed = ({ shape }: TensorType): Address => new Address(new Storage(sizeOf(shape) * 4, "fixed"));
    const given = new Set(edges.values());
    this.#inputs = tensors.map((tensor) => {
      if (constants.includes(tensor) || isEmpty(tensor)) return undefined;
      const address = fixed(tensor);
      lowering.place(edges.get(tensor)!, address);
      program.input(address);
      return address;
    });
    this.#constants = constants.map((tensor) => ({ tensor, version: tensor.version }));
    const written = new Map<Edge, Address>();
    for (const edge of results)
      if (edge.node && !isEmpty(edge) && !given.has(edge) && !written.has(edge)) {
        const address = fixed(edge);
        written.set(edge, address);
        lowering.place(edge, address);
      }
    lowering.write(graph);
    this.#results = results.map((edge, i) => {
      // Frozen once: every tensor made of it shares the shape.
      const type = { shape: Object.freeze([...edge.shape]), dtype: edge.dtype };
      if (isEmpty(edge)) return { type, written: undefined, value: undefined };
      const value = lowering.valueOf(edge).base;
      program.output(value);
      // One that is given twice is copied from where it is written last.
      const place = results.lastIndexOf(edge) === i ? written.get(edge) : undefined;
      return { type, written: place?.storage === value.storage ? place : undefined, value };
    });
    program.place(true);
  }

  /** Bytes of tables, and of what is made of constants. */
  get bytes(): number {
    return this.#program.bytes.kept;
  }

  /** Runs it on tensors of the types it was made for. Throws MemoryError, and leaves nothing behind then. */
  run(runtime: Runtime, tensors: readonly Tensor[]): Tensor[] {
    const name = this.#name;
    const inputs = this.#inputs;
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i];
      if (input) this.#bind(input, tensors[i].address(name));
    }
    this.#refresh();
    const outs: Tensor[] = [];
    try {
      for (const { type, written } of this.#results) {
        const out = new Tensor(runtime, type, name);
        outs.push(out);
        if (written) this.#bind(written, out.address(name));
      }
      this.#program.runBorrowed(() => this.#copy(runtime, outs));
      return outs;
    } catch (error) {
      for (const out of outs) out.dispose();
      throw error;
    }
  }

  /** Whether it keeps what is made of exactly these. */
  isOf(constants: readonly Tensor[]): boolean {
    return (
      constants.length === this.#constants.length &&
      this.#constants.every(({ tensor }, i) => tensor === constants[i])
    );
  }

  /** Whether none of its constants has been disposed: only then it can run again. */
  get alive(): boolean {
    return this.#constants.every(({ tensor }) => !tensor.disposed);
  }

  /** Makes what is kept of constants anew where one has been written to. */
  #refresh(): void {
    const constants = this.#constants;
    let changed = false;
    for (let i = 0; i < constants.length; i++)
      changed ||= constants[i].version !== constants[i].tensor.version;
    if (!changed) return;
    this.#program.refresh();
    for (const constant of constants) constant.version = constant.tensor.version;
  }

  /** Fills results that no op has written where they lie. */
  #copy(runtime: Runtime, outs: readonly Tensor[]): void {
    const results = this.#results;
    for (let i = 0; i < results.length; i++) {
      const { value } = results[i];
      if (!value) continue;
      const to = outs[i].address(this.#name) / 4;
      const from = value.value / 4;
      if (from !== to) runtime.memory.floats.copyWithin(to, from, from + outs[i].size);
    }
  }

  #bind(address: Address, to: number): void {
    address.storage.address = to;
    this.#program.bind(address, to);
  }

  /** Counts what it holds as cached. */
  cache({ memory }: Runtime): void {
    for (const block of this.#program.blocks) memory.cache(block);
  }

  dispose(): void {
    this.#program.dispose();
  }
}
