// How operators of a file become layers: what is known is computed at once, and axes lie in whatever order spares transposing.

import { FormatError } from "../../errors.ts";
import { type DType, type Shape, sizeOf } from "../../tensor.ts";
import { Arranger, NotBatched } from "./arrange.ts";
import { type Constant, float, integers, type ValueType } from "./constant.ts";
import { LayerEmitter } from "./emit.ts";
import { type FoldBudget, fold } from "./fold.ts";
import {
  asItLies,
  identityOrder,
  knownValue,
  type Stored,
  type StoredValue,
  storedOf,
  storedValue,
  type Value,
} from "./value.ts";

export type Config = Record<string, unknown>;

export const dtypeOf = (type: ValueType): DType => (type === "float" ? "float32" : "int32");

export interface LayerOptions {
  /** Weights by name. */
  weights?: Readonly<Record<string, Constant>>;
  /** Whether each image of the batch, axis 0, is worked on by itself. Default false. */
  perImage?: boolean;
  /** Types of the outputs. Default: float for float32, int for int32. */
  types?: readonly ValueType[];
}

export interface WriterOptions {
  /** Whether axis 0 of inputs is a batch of any size; then inputs are written for one image. Throws NotBatched where it turns out not to be. */
  readonly batched: boolean;
  /** How much may be computed from constants. */
  readonly budget: FoldBudget;
}

/** Writes layers of any kind. What names operators is in the classes made of it. */
export class LayerWriter {
  readonly emitter = new LayerEmitter();

  readonly batched: boolean;

  readonly #budget: FoldBudget;

  protected readonly arranger: Arranger;

  constructor({ batched, budget }: WriterOptions) {
    this.batched = batched;
    this.#budget = budget;
    this.arranger = new Arranger(this.emitter, batched);
  }

  /** The node that is translated now, which names layers and opens messages. */
  enter(node: string): void {
    this.emitter.node = node;
  }

  /** An input of the model; `shape` has all axes. */
  input(name: string, shape: Shape, type: ValueType): Value {
    return storedValue(this.emitter.input(name, shape, dtypeOf(type), this.batched), type);
  }

  known = (known: Constant): Value => knownValue(known);

  ints = (values: number | readonly number[]): Value => knownValue(integers(values));

  float = (value: number): Value => knownValue(float(value));

  /** The name by which an output of the model is read, its axes as the file counts them. */
  output(value: Value, name: string): { readonly ref: string; readonly shape: Shape; readonly dtype: DType } {
    this.enter(name);
    if (this.batched && value.constant) throw new NotBatched();
    const stored = this.#plain(value);
    this.emitter.release(name);
    return this.emitter.layer("identity", [stored], {})[0];
  }

  /**
   * Any kind of layer, on values whose axes lie as the file counts them; what its outputs are. Constants become layers that give them, unless
   * all are constants and the kind is folded.
   */
  layer(kind: string, inputs: readonly Value[], config: Config = {}, options: LayerOptions = {}): Value[] {
    const { weights, perImage = false, types } = options;
    const folded = !weights && this.folded(kind, inputs, config);
    if (folded) return folded;
    if (this.batched && !(perImage && inputs.every((value) => !value.constant))) throw new NotBatched();
    const outs = this.emitter.layer(
      kind,
      inputs.map((value) => this.#plain(value)),
      config,
      weights,
    );
    return outs.map((out, i) => storedValue(out, types?.[i] ?? (out.dtype === "int32" ? "int" : "float")));
  }

  /** A layer that works on images [n, ...spatial, c], with constant weights; its first output. */
  image(
    kind: string,
    x: Value,
    config: Config = {},
    weights: Readonly<Record<string, Constant>> = {},
  ): Value {
    return this.layer(kind, [x], config, { weights, perImage: true })[0];
  }

  /** Axis i of the result is axis perm[i] of x. */
  transpose(x: Value, perm: readonly number[]): Value {
    if (perm.every((axis, i) => axis === i)) return x;
    const folded = this.folded("transpose", [x], { perm });
    return folded ? folded[0] : this.arranger.transposed(this.settled(x), perm);
  }

  /** All sizes are given. */
  reshape(x: Value, shape: Shape): Value {
    if (sizeOf(shape) !== sizeOf(x.shape))
      throw new FormatError(
        `${this.emitter.node}: ${sizeOf(x.shape)} values of shape [${x.shape}] cannot have shape [${shape}]`,
      );
    if (String(shape) === String(x.shape)) return x;
    const folded = this.folded("reshape", [x], { shape });
    if (folded) return folded[0];
    const value = this.settled(x);
    const joins = shape.length === 2 && shape[0] === x.shape[0] && x.shape.length > 2 && value.order[0] === 0;
    if (joins && longAxes(value).some((axis, i, list) => i > 0 && axis < list[i - 1]))
      // Axes in another order are joined: a matrix with its rows in that order can follow, so nothing moves yet.
      return { ...this.arranger.flattened(value), flattened: value };
    return this.arranger.reshaped(value, shape);
  }

  axisOf(axis: number, { shape }: Value): number {
    if (!Number.isInteger(axis) || axis < -shape.length || axis >= shape.length)
      throw new FormatError(
        `${this.emitter.node}: axis is ${axis} but the value of shape [${shape}] has ${shape.length} axes`,
      );
    return axis < 0 ? axis + shape.length : axis;
  }

  protected folded(kind: string, inputs: readonly Value[], config: Config): Value[] | undefined {
    if (!inputs.every((value) => value.constant)) return undefined;
    return fold(
      kind,
      inputs.map((value) => value.constant!),
      config,
      this.#budget,
    )?.map(knownValue);
  }

  /** A layer that treats each value on its own; operands broadcast. */
  protected each(kind: string, config: Config, inputs: readonly Value[], type: ValueType): Value {
    const folded = this.folded(kind, inputs, config);
    if (folded) return { ...folded[0], type };
    if (inputs.every((value) => value.constant))
      return this.layer(kind, inputs, config, { types: [type] })[0];
    const rank = Math.max(...inputs.map(({ shape }) => shape.length));
    const { order: own, shape } = this.settled(largest(inputs.filter((value) => !value.constant)));
    // Axes that only a constant has are in front.
    const missing = rank - shape.length;
    const order = [...identityOrder(missing), ...own.map((axis) => axis + missing)];
    const stored = inputs.map((value) => this.#aligned(value, order));
    const [out] = this.emitter.layer(kind, stored, config);
    if (this.batched && out.shape[0] !== 1) throw new NotBatched();
    return storedValue(out, type, order.slice(order.length - out.shape.length));
  }

  /** An operand with its axes in that order; a constant without the axes of size 1 it begins with. */
  #aligned(value: Value, order: readonly number[]): Stored {
    const missing = order.length - value.shape.length;
    const whole = this.reshape(value, [...identityOrder(missing).map(() => 1), ...value.shape]);
    if (this.batched && missing && !value.constant) throw new NotBatched();
    if (!whole.constant) return this.inOrder(whole, order);
    const shape = asItLies(whole.shape, order);
    const known = this.transpose(whole, order).constant!;
    const first = shape.findIndex((size) => size > 1);
    if (this.batched && first === 0) throw new NotBatched();
    return this.emitter.constant(
      this.reshape(knownValue(known), first < 0 ? [] : shape.slice(first)).constant!,
    );
  }

  /** A kind whose config names axes of its one input. `gone` are those its outputs do not have. */
  protected alongAxes(
    kind: string,
    x: Value,
    axes: readonly number[],
    config: (axes: number[]) => Config,
    { gone = [], types }: { gone?: readonly number[]; types?: readonly ValueType[] } = {},
  ): Value[] {
    const folded = this.folded(kind, [x], config([...axes]));
    if (folded) return folded.map((value, i) => ({ ...value, type: types?.[i] ?? value.type }));
    if (this.batched && axes.includes(0)) throw new NotBatched();
    const { stored, order } = this.settled(x);
    const outs = this.emitter.layer(kind, [stored], config(axes.map((axis) => order.indexOf(axis))));
    const left = order.filter((axis) => !gone.includes(axis));
    const renumbered = left.map((axis) => axis - gone.filter((other) => other < axis).length);
    return outs.map((out, i) => storedValue(out, types?.[i] ?? x.type, renumbered));
  }

  /** A kind whose config has lists with one thing per axis of its one input. */
  protected perAxis(
    x: Value,
    layer: (lists: <T>(given: readonly (readonly T[])[]) => T[][]) => [string, Config],
  ): Value {
    const { stored, order, type } = this.settled(x);
    const [kind, config] = layer((given) => given.map((list) => asItLies(list, order)));
    // The size that is left of the batch is all of it.
    if (this.batched && kind === "slice") config.size = [-1, ...(config.size as number[]).slice(1)];
    else if (this.batched && kind === "stridedSlice") throw new NotBatched();
    const [out] = this.emitter.layer(kind, [stored], config);
    if (this.batched && out.shape[0] !== 1) throw new NotBatched();
    return storedValue(out, type, order);
  }

  /** A kind that gives a value of the same shape, its axes as they lie. */
  protected kept(
    kind: string,
    x: Value,
    config: Config,
    weights?: Readonly<Record<string, Constant>>,
  ): Value {
    const { stored, order, type } = this.settled(x);
    const [out] = this.emitter.layer(kind, [stored], config, weights);
    return storedValue(out, type, order);
  }

  /** What a layer reads for a value whose axes are to lie as the file counts them. */
  #plain(value: Value): Stored {
    return value.constant
      ? this.emitter.constant(value.constant)
      : this.arranger.plain(this.settled(value)).stored;
  }

  protected inOrder(value: Value, order: readonly number[]): Stored {
    if (value.constant) return this.emitter.constant(this.transpose(value, order).constant!);
    return this.arranger.inOrder(this.settled(value), order).stored;
  }

  /** A value that a layer makes, flattened as the file says if it was left as it lay. */
  protected settled(value: Value): StoredValue {
    if (value.constant) {
      if (this.batched) throw new NotBatched();
      return storedValue(this.emitter.constant(value.constant), value.type);
    }
    if (value.flattened) return this.arranger.reshaped(storedOf(value.flattened), value.shape);
    return storedOf(value);
  }
}

/** The value with the most axes, of those the one with the most elements. */
export const largest = (values: readonly Value[]): Value =>
  values.reduce((best, value) => {
    if (best.constant && !value.constant) return value;
    if (value.constant && !best.constant) return best;
    const [rank, size] = [value.shape.length - best.shape.length, sizeOf(value.shape) - sizeOf(best.shape)];
    return rank > 0 || (rank === 0 && size > 0) ? value : best;
  });

/** The axes that are longer than 1, in the order in which they lie. */
const longAxes = ({ shape, order }: Value): number[] => order.filter((axis) => shape[axis] > 1);
