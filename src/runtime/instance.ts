// One wasm instance and its memory: what every engine-owned thing (tensor, program, network) holds on to.
import { DisposedError } from "../errors.ts";
import { type Executor, singleThread } from "./executor.ts";
import { Memory } from "./memory.ts";
import type { Instance, Kernels } from "./wasm.ts";

export interface RuntimeOptions {
  /** Whether algorithms that regroup sums (Winograd) are left out. Default false. */
  deterministic?: boolean;
  /** Whether to note which tensors are alive. Default false. */
  track?: boolean;
  /** Who runs the kernels. Default: the calling thread. */
  executor?: Executor;
}

export class Runtime {
  #instance: Instance | undefined;
  #memory: Memory | undefined;
  readonly checked: boolean;
  readonly relaxed: boolean;
  readonly deterministic: boolean;
  readonly executor: Executor;
  /** What is made while a scope is open, which then disposes it. */
  scope: Set<object> | undefined;
  /** Every tensor that is alive and what made it, where somebody asked for that. */
  readonly tracked: Map<object, string> | undefined;

  constructor(
    instance: Instance,
    { deterministic = false, executor = singleThread, track = false }: RuntimeOptions = {},
  ) {
    this.tracked = track ? new Map() : undefined;
    this.#instance = instance;
    this.#memory = new Memory(instance.memory, instance.heapBase, instance.checked);
    this.checked = instance.checked;
    this.relaxed = instance.relaxed;
    this.deterministic = deterministic;
    this.executor = executor;
  }

  get disposed(): boolean {
    return this.#instance === undefined;
  }

  /** Throws unless the engine is alive. */
  alive(what: string): void {
    if (this.disposed) throw new DisposedError(`${what}: the engine has been disposed`);
  }

  get kernels(): Kernels {
    if (!this.#instance) throw new DisposedError("the engine has been disposed");
    return this.#instance.kernels;
  }

  get memory(): Memory {
    if (!this.#memory) throw new DisposedError("the engine has been disposed");
    return this.#memory;
  }

  /** Stops the executor and lets go of the instance and its memory: the host can take back every byte. */
  dispose(): void {
    if (this.disposed) return;
    this.executor.dispose();
    this.#instance = undefined;
    this.#memory = undefined;
  }
}
