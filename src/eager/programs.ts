// Programs of eager calls, kept for calls with the same options on tensors of the same shapes: they only bind addresses and run.
import type { LayerKind } from "../layers/layer.ts";
import type { Runtime } from "../runtime/instance.ts";
import type { Tensor } from "../tensor.ts";
import type { CheckedCall } from "./call.ts";
import { EagerProgram } from "./program.ts";

/** Programs kept for an engine. A net of eager calls has two for each of its layers; most of them cost a few hundred bytes each. */
const MAX_PROGRAMS = 1024;
/** Bytes of tables and packed weights that they may hold together: VGG-16's take 530 MB. */
const MAX_BYTES = 640 * 2 ** 20;

/** What is called: a layer's definition, or something else that has one identity. */
type Kind = Pick<LayerKind, "kind">;

/** The programs of calls that differ in their tensors alone. */
interface Same {
  /** For any weights: packs them in every run. */
  any: EagerProgram | undefined;
  /** For certain weights, by the first of them: keeps them packed. */
  readonly packed: Map<Tensor, EagerProgram>;
}

/** The programs of one engine. */
export class EagerPrograms {
  readonly #runtime: Runtime;
  readonly #calls = new Map<Kind, Map<string, Same>>();
  /** Weights that a call has read, in the state they had: those that come a second time are worth keeping packed. */
  readonly #seen = new WeakMap<Tensor, number>();
  #count = 0;
  #bytes = 0;
  #clock = 0;
  #inUse: EagerProgram | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    runtime.memory.onShortage = () => this.#drop((program) => program !== this.#inUse);
  }

  /** Runs a call by its program; what it gives. `check` is called once all fits, before anything is computed. */
  run(
    layer: Kind,
    checked: CheckedCall,
    check?: () => void,
  ): { readonly outs: Tensor[]; readonly isList: boolean } {
    const program = this.#take(layer, checked);
    try {
      check?.();
      return { outs: program.run(this.#runtime, checked.tensors), isList: program.isList };
    } finally {
      this.#done(program);
    }
  }

  /** The program of a call, made where there is none, in use until it is given to `#done`. Where a call has no key nothing is kept. */
  #take(layer: Kind, checked: CheckedCall): EagerProgram {
    const { key, weights } = checked;
    if (key === undefined) return new EagerProgram(this.#runtime, layer.kind, checked, []);
    const same = this.#sameAs(layer, key);
    let program = weights.length ? this.#packed(layer, checked, same) : same.any;
    if (!program) {
      program = same.any ?? this.#keep(new EagerProgram(this.#runtime, layer.kind, checked, []));
      same.any = program;
    }
    program.used = ++this.#clock;
    this.#inUse = program;
    if (this.#count > MAX_PROGRAMS || this.#bytes > MAX_BYTES) this.#dropOldest();
    return program;
  }

  /** The program taken last is no longer in use. */
  #done(program: EagerProgram): void {
    if (program === this.#inUse) this.#inUse = undefined;
    else program.dispose();
  }

  #sameAs(layer: Kind, key: string): Same {
    let calls = this.#calls.get(layer);
    if (!calls) {
      calls = new Map();
      this.#calls.set(layer, calls);
    }
    let same = calls.get(key);
    if (!same) {
      same = { any: undefined, packed: new Map() };
      calls.set(key, same);
    }
    return same;
  }

  /** The program that keeps these weights packed; undefined as long as they have not come twice. */
  #packed(layer: Kind, checked: CheckedCall, { packed }: Same): EagerProgram | undefined {
    const { weights } = checked;
    const [first] = weights;
    const program = packed.get(first);
    if (program?.isOf(weights)) return program;
    const { version } = first;
    if (this.#seen.get(first) !== version) {
      this.#seen.set(first, version);
      return undefined;
    }
    // Weights that have been disposed do not come again.
    this.#drop((program) => !program.alive || program === packed.get(first));
    const made = this.#keep(new EagerProgram(this.#runtime, layer.kind, checked, weights));
    packed.set(first, made);
    return made;
  }

  #keep(program: EagerProgram): EagerProgram {
    program.cache(this.#runtime);
    this.#count++;
    this.#bytes += program.bytes;
    return program;
  }

  /** Lets go of the half that was used least recently, but not of the one in use. */
  #dropOldest(): void {
    const times: number[] = [];
    for (const calls of this.#calls.values())
      for (const { any, packed } of calls.values())
        for (const program of [any, ...packed.values()]) if (program) times.push(program.used);
    const middle = times.sort((a, b) => a - b)[times.length >> 1];
    this.#drop((program) => program.used <= middle && program !== this.#inUse);
    for (const calls of this.#calls.values())
      for (const [key, { any, packed }] of calls) if (!any && !packed.size) calls.delete(key);
  }

  #drop(which: (program: EagerProgram) => boolean): void {
    const drop = (program: EagerProgram): void => {
      this.#count--;
      this.#bytes -= program.bytes;
      program.dispose();
    };
    for (const calls of this.#calls.values())
      for (const same of calls.values()) {
        if (same.any && which(same.any)) {
          drop(same.any);
          same.any = undefined;
        }
        for (const [first, program] of same.packed)
          if (which(program)) {
            same.packed.delete(first);
            drop(program);
          }
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
