// Where the weights of a network are: arrays as they were given, or, once they are trained, tensors.

import { FormatError, ShapeError } from "../errors.ts";
import type { Checkpoint } from "../formats/checkpoint.ts";
import { type LoadReport, sortWeights } from "../model/partial.ts";
import type { Weights } from "../model/schema.ts";
import type { Runtime } from "../runtime/instance.ts";
import { type Shape, sizeOf } from "../tensor.ts";
import { asNumbers, describe, refuse } from "../validate.ts";
import { type WeightHolder, WeightTensors } from "./weight-tensors.ts";

/** Weights, their shapes, and which of them gradients change. */
interface WeightSource {
  readonly weights: Weights;
  readonly weightShapes: Readonly<Record<string, Shape>>;
  readonly trainable: readonly string[];
}

export class WeightStore {
  shapes: Readonly<Record<string, Shape>> = {};
  /** Names of those that gradients change: all but running averages. */
  trainable: readonly string[] = [];
  #holder: Arrays | WeightTensors = new Arrays({ weights: {} });
  /** Made to hold them, and not given to `moveTo` yet. */
  #made: WeightTensors | undefined;
  /** Networks that have these weights. */
  #networks = 1;
  /** What is added to the holder's version, so that it does not change when another holds the same weights. */
  #before = 0;

  /** Begins with the weights of a model, asked for when they are first read; the arrays are the network's own from then on. */
  begin(source: WeightSource): void {
    this.shapes = source.weightShapes;
    this.trainable = source.trainable;
    this.#holder = new Arrays(source);
  }

  /** From here on the weights are there, read or not, and their source is let go of. */
  settle(): void {
    if (this.#holder instanceof Arrays) this.#holder.settle();
  }

  /** Changes with every change of a weight. */
  get version(): number {
    return this.#before + this.#holder.version;
  }

  /** Whether they lie in linear memory, where they are changed in place. */
  get areTensors(): boolean {
    return this.#holder instanceof WeightTensors;
  }

  /** The tensors that hold them, or copies that will once they are given to `moveTo`. Throws MemoryError, and holds nothing then. */
  tensors(runtime: Runtime): WeightTensors {
    if (this.#holder instanceof WeightTensors) return this.#holder;
    // A loss that calls its own network asks while the training's are being made.
    this.#made ??= new WeightTensors(runtime, this.#holder.arrays, this.shapes);
    return this.#made;
  }

  /** From now on these tensors hold the weights, as they are now. */
  moveTo(tensors: WeightTensors): void {
    if (tensors === this.#holder) return;
    const { version } = this;
    tensors.setWeights(this.all());
    this.#holder = tensors;
    this.#made = undefined;
    this.#before = version - tensors.version;
  }

  /** The tensors that hold the weights from now on. */
  asTensors(runtime: Runtime): WeightTensors {
    const tensors = this.tensors(runtime);
    this.moveTo(tensors);
    return tensors;
  }

  /** Disposes tensors that were made to hold the weights, unless they do. */
  dropUnused(tensors: WeightTensors): void {
    if (tensors === this.#holder) return;
    tensors.dispose();
    this.#made = undefined;
  }

  /** Another network has the same weights: `dispose` is called once more. */
  share(): void {
    this.#networks++;
  }

  dispose(): void {
    this.#networks--;
    if (!this.#networks && this.#holder instanceof WeightTensors) this.#holder.dispose();
  }

  get names(): readonly string[] {
    return Object.keys(this.shapes);
  }

  /** A weight as it is now, to be read only, and at once: it may be a view of linear memory. */
  read = (name: string): Float32Array =>
    this.#holder instanceof WeightTensors ? this.#holder.view(name) : this.#holder.weight(name);

  /** All of them, to be read only. */
  all(): Record<string, Float32Array> {
    return recordOf(this.names, (name) => this.#holder.weight(name));
  }

  /** Changes some weights; what it gives undoes it. Names and lengths have been checked. */
  replace(weights: Weights): () => void {
    const before = recordOf(Object.keys(weights), (name) => this.#holder.weight(name));
    this.#holder.setWeights(weights);
    return () => this.#holder.setWeights(before);
  }

  /** Weights somebody assigns, as float32. Throws unless they are weights of this network with as many values as theirs. */
  checked(given: unknown, where: string): Record<string, Float32Array> {
    if (typeof given !== "object" || given === null || Array.isArray(given) || ArrayBuffer.isView(given))
      refuse(given, "the value", where, "an object of weights by name");
    const entries = Object.entries(given).map(([name, data]): [string, Float32Array] => {
      if (!Object.hasOwn(this.shapes, name))
        throw new ShapeError(`${where}: no layer takes ${describe(name)}`);
      const values = asNumbers(data, describe(name), where);
      const shape = this.shapes[name];
      if (values.length !== sizeOf(shape))
        throw new ShapeError(
          `${where}: "${name}" has ${values.length} values but must have ${sizeOf(shape)}, shape [${shape}]`,
        );
      return [name, values instanceof Float32Array ? values : Float32Array.from(values)];
    });
    return Object.fromEntries(entries);
  }

  /** Throws FormatError unless a file holds these weights and no others. */
  checkFile(weights: Weights, what: string): void {
    for (const [name, shape] of Object.entries(this.shapes)) {
      const length = Object.hasOwn(weights, name) ? weights[name].length : undefined;
      if (length === undefined) throw new FormatError(`${what}: the file holds no weight "${name}"`);
      if (length !== sizeOf(shape))
        throw new FormatError(
          `${what}: weight "${name}" has ${length} values in the file but the network's shape [${shape}] holds ${sizeOf(shape)}`,
        );
    }
    const unknown = Object.keys(weights).find((name) => !Object.hasOwn(this.shapes, name));
    if (unknown !== undefined)
      throw new FormatError(
        `${what}: the file holds ${describe(unknown)}, which no layer of the network takes`,
      );
  }

  /** Sets those weights of a file whose names and shapes fit, and tells which. */
  takePart(
    { weights, shapes }: Pick<Checkpoint, "weights" | "shapes">,
    set: (weights: Weights) => void,
  ): LoadReport {
    const report = sortWeights(weights, this.shapes, "load", shapes);
    set(Object.fromEntries(report.taken.map((name) => [name, weights[name]])));
    return report;
  }

  /**
   * An object that reads as copies of the weights as they are now, and hands on what is assigned to one of its names. It takes no other
   * names. Copies are made when they are first read where the weights are arrays, at once where they will change.
   */
  snapshot(assign: (weights: Weights) => void): Record<string, Float32Array> {
    const holder = this.#holder;
    const copies: Record<string, Float32Array> = Object.create(null);
    if (!(holder instanceof Arrays)) for (const name of this.names) copies[name] = holder.weight(name);
    const frozen = holder instanceof Arrays ? holder.arrays : {};
    const own = this.names.map((name): [string, PropertyDescriptor] => [
      name,
      {
        enumerable: true,
        get: () => (copies[name] ??= frozen[name].slice()),
        set: (data: Float32Array) => {
          assign({ [name]: data });
          copies[name] = this.read(name).slice();
        },
      },
    ]);
    return Object.defineProperties(Object.create(NO_OTHERS), Object.fromEntries(own));
  }
}

/** Assigning what an object does not have asks its prototype. */
const NO_OTHERS = /* @__PURE__ */ new Proxy(Object.prototype, {
  set(_, name) {
    throw new ShapeError(`weights: no layer takes ${describe(String(name))}`);
  },
});

/** Weights as arrays. A change makes another list: what was read before stays. */
class Arrays implements WeightHolder {
  version = 0;
  #source: { readonly weights: Weights } | undefined;
  #arrays: Weights = {};

  constructor(source: { readonly weights: Weights }) {
    this.#source = source;
  }

  get arrays(): Weights {
    this.settle();
    return this.#arrays;
  }

  /** The source is let go of once it was asked. */
  settle(): void {
    if (this.#source) this.#arrays = this.#source.weights;
    this.#source = undefined;
  }

  weight(name: string): Float32Array {
    return this.arrays[name];
  }

  setWeights(weights: Weights): void {
    const copies = Object.entries(weights).map(([name, data]) => [name, data.slice()]);
    this.#arrays = { ...this.arrays, ...Object.fromEntries(copies) };
    this.version++;
  }
}

const recordOf = (
  names: readonly string[],
  read: (name: string) => Float32Array,
): Record<string, Float32Array> => Object.fromEntries(names.map((name) => [name, read(name)]));
