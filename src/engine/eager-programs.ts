// Programs of eager calls, kept for calls with the same options on tensors of the same shapes: they only bind addresses and run.
import { Edge, Graph } from "../graph/graph.ts";
import { Lowering } from "../graph/lower.ts";
import type { LayerKind } from "../layers/layer.ts";
import { fuse } from "../passes/fuse.ts";
import { Address, Storage } from "../runtime/address.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Program } from "../runtime/program.ts";
import { sizeOf, Tensor, type TensorType } from "../tensor.ts";
import type { Call } from "./eager-call.ts";

/** Programs kept for an engine. A net of eager calls has one for each of its layers; more of them cost a few hundred bytes each. */
const MAX_PROGRAMS = 512;
/** Bytes of tables that they may hold together. */
const MAX_BYTES = 8 * 2 ** 20;

/** One result: where it is written, or where it is copied from when an op only renames what it is given. */
interface Result {
  readonly type: TensorType;
  readonly written: Address | undefined;
  readonly value: Address;
}

/** A call as a program, whose inputs and results lie wherever the tensors of a call do. */
export class EagerProgram {
  readonly isList: boolean;
  /** When it was last used. */
  used = 0;
  readonly #program: Program;
  readonly #name: string;
  readonly #inputs: readonly Address[];
  readonly #results: readonly Result[];

  /** `tensors`: those that the call reads, each once. Throws what shape inference throws, and MemoryError. */
  constructor(runtime: Runtime, name: string, call: Call, tensors: readonly Tensor[]) {
    const graph = new Graph();
    const edges = new Map<Tensor, Edge>(tensors.map((tensor) => [tensor, new Edge(tensor)]));
    const built = call(graph, (tensor) => edges.get(tensor)!);
    this.isList = Array.isArray(built);
    this.#name = name;
    const results = [built].flat() as Edge[];
    fuse(graph, results);
    const program = new Program(runtime, name);
    this.#program = program;
    const lowering = new Lowering(program);
    const fixed = ({ shape }: TensorType): Address => new Address(new Storage(sizeOf(shape) * 4, "fixed"));
    const given = new Set(edges.values());
    this.#inputs = tensors.map((tensor) => {
      const address = fixed(tensor);
      lowering.place(edges.get(tensor)!, address);
      program.input(address);
      return address;
    });
    const written = new Map<Edge, Address>();
    for (const edge of results)
      if (edge.node && !given.has(edge) && !written.has(edge)) {
        const address = fixed(edge);
        written.set(edge, address);
        lowering.place(edge, address);
      }
    lowering.write(graph);
    this.#results = results.map((edge, i) => {
      const value = lowering.valueOf(edge).base;
      program.output(value);
      // One that is given twice is copied from where it is written last.
      const place = results.lastIndexOf(edge) === i ? written.get(edge) : undefined;
      // Frozen once: every tensor made of it shares the shape.
      const type = { shape: Object.freeze([...edge.shape]), dtype: edge.dtype };
      return { type, written: place?.storage === value.storage ? place : undefined, value };
    });
    program.place(true);
  }

  /** Bytes of tables. */
  get bytes(): number {
    return this.#program.bytes.kept;
  }

  /** Runs it on tensors of the types it was made for. Throws MemoryError, and leaves nothing behind then. */
  run(runtime: Runtime, tensors: readonly Tensor[]): Tensor[] {
    const name = this.#name;
    const inputs = this.#inputs;
    for (let i = 0; i < inputs.length; i++) this.#bind(inputs[i], tensors[i].address(name));
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

  /** Fills results that no op has written where they lie. */
  #copy(runtime: Runtime, outs: readonly Tensor[]): void {
    const results = this.#results;
    for (let i = 0; i < results.length; i++) {
      const to = outs[i].address(this.#name) / 4;
      const from = results[i].value.value / 4;
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

/** The programs of one engine. */
export class EagerPrograms {
  readonly #runtime: Runtime;
  readonly #programs = new Map<LayerKind, Map<string, EagerProgram>>();
  #count = 0;
  #bytes = 0;
  #clock = 0;
  #inUse: EagerProgram | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    runtime.memory.onShortage = () => this.#drop((program) => program !== this.#inUse);
  }

  /**
   * The program of a call, made where there is none, in use until `done` is called. `key` tells calls of a kind apart; where it is
   * undefined nothing is kept.
   */
  take(layer: LayerKind, key: string | undefined, make: () => EagerProgram): EagerProgram {
    if (key === undefined) return make();
    let programs = this.#programs.get(layer);
    if (!programs) {
      programs = new Map();
      this.#programs.set(layer, programs);
    }
    let program = programs.get(key);
    if (!program) {
      program = make();
      program.cache(this.#runtime);
      programs.set(key, program);
      this.#count++;
      this.#bytes += program.bytes;
      if (this.#count > MAX_PROGRAMS || this.#bytes > MAX_BYTES) this.#dropOldest(program);
    }
    program.used = ++this.#clock;
    this.#inUse = program;
    return program;
  }

  /** The program taken last is no longer in use. */
  done(program: EagerProgram): void {
    if (program === this.#inUse) this.#inUse = undefined;
    else program.dispose();
  }

  /** Lets go of the half that was used least recently, but not of this one. */
  #dropOldest(inUse: EagerProgram): void {
    const times = [...this.#programs.values()].flatMap((map) => [...map.values()].map(({ used }) => used));
    const middle = times.sort((a, b) => a - b)[times.length >> 1];
    this.#drop((program) => program !== inUse && program.used <= middle);
  }

  #drop(which: (program: EagerProgram) => boolean): void {
    for (const programs of this.#programs.values())
      for (const [key, program] of programs)
        if (which(program)) {
          programs.delete(key);
          this.#count--;
          this.#bytes -= program.bytes;
          program.dispose();
        }
  }
}

/** The programs of each engine. */
const ENGINES = new WeakMap<Runtime, EagerPrograms>();

export function programsOf(runtime: Runtime): EagerPrograms {
  let programs = ENGINES.get(runtime);
  if (!programs) {
    programs = new EagerPrograms(runtime);
    ENGINES.set(runtime, programs);
  }
  return programs;
}
