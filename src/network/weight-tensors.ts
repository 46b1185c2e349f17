// The weights of a network as tensors: what trainers, optimizers and eager ops read and write where they lie.
import type { Weights } from "../model/schema.ts";
import type { Runtime } from "../runtime/instance.ts";
import { float32, type Shape, Tensor } from "../tensor.ts";

/** Who holds the weights of a network. */
export interface WeightHolder {
  /** Another number after every change of a value. */
  readonly version: number;
  /** A copy of a weight as it is now. */
  weight(name: string): Float32Array;
  /** Changes some weights, whose names and lengths have been checked. Does not fail. */
  setWeights(weights: Weights): void;
}

export class WeightTensors implements WeightHolder {
  readonly #tensors = new Map<string, Tensor>();

  /** Copies of the weights. Throws MemoryError, and holds nothing then. */
  constructor(runtime: Runtime, weights: Weights, shapes: Readonly<Record<string, Shape>>) {
    try {
      for (const [name, shape] of Object.entries(shapes)) {
        const tensor = new Tensor(runtime, float32(shape), `train: "${name}"`).keep();
        this.#tensors.set(name, tensor);
        tensor.hold(true);
        tensor.write(weights[name]);
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  get names(): readonly string[] {
    return [...this.#tensors.keys()];
  }

  tensor(name: string): Tensor {
    return this.#tensors.get(name)!;
  }

  /** Another number after every change of a value. */
  get version(): number {
    let version = 0;
    for (const tensor of this.#tensors.values()) version += tensor.version;
    return version;
  }

  /** Whoever changes all of them where they lie says so. */
  changed(): void {
    for (const tensor of this.#tensors.values()) tensor.changed();
  }

  weight(name: string): Float32Array {
    return this.tensor(name).data();
  }

  /** Where the values lie, until linear memory grows. */
  view(name: string): Float32Array {
    const tensor = this.tensor(name);
    const first = tensor.address("weights") / 4;
    return tensor.runtime.memory.floats.subarray(first, first + tensor.size);
  }

  setWeights(weights: Weights): void {
    for (const [name, data] of Object.entries(weights)) this.tensor(name).write(data);
  }

  dispose(): void {
    for (const tensor of this.#tensors.values()) {
      tensor.hold(false);
      tensor.dispose();
    }
    this.#tensors.clear();
  }
}
