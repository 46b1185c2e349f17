// What operators of a file are written with: each method takes and gives values as the file's operators see them. What is known is computed
// at once; everything else becomes layers, with axes in whatever order spares transposing.

import { FormatError } from "../../errors.ts";
import type { DType, Shape } from "../../tensor.ts";
import { sizeOf } from "../../tensor.ts";
import { Arranger, NotBatched } from "./arrange.ts";
import { type Constant, constant, float, integers, lazyConstant, type ValueType } from "./constant.ts";
import { LayerEmitter } from "./emit.ts";
import { type FoldBudget, fold } from "./fold.ts";
import {
  asItLies,
  identityOrder,
  knownValue,
  type Stored,
  type StoredValue,
  storedValue,
  type Value,
} from "./value.ts";

type Config = Record<string, unknown>;

const dtypeOf = (type: ValueType): DType => (type === "float" ? "float32" : "int32");

/** Kinds that every engine knows, which can be fused and trained: activations by name, and the config for their one parameter. */
const none = (): Config => ({});
const alpha = (p: number | undefined): Config => (p === undefined ? {} : { alpha: p });
const ACTIVATIONS: Readonly<Record<string, (p: number | undefined) => Config>> = {
  ...{
    relu: none,
    relu6: none,
    leakyRelu: alpha,
    elu: alpha,
    selu: none,
    gelu: none,
    sigmoid: none,
    tanh: none,
  },
  ...{
    softplus: none,
    softsign: none,
    silu: none,
    mish: none,
    hardSwish: none,
    exp: none,
    abs: none,
    neg: none,
  },
  sqrt: none,
};
/** The same for two values, and for axes. */
const COMBINATIONS: ReadonlySet<string> = new Set(["add", "sub", "mul", "div", "min", "max"]);
const REDUCTIONS: ReadonlySet<string> = new Set(["sum", "mean", "max", "min"]);

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

export class ModelWriter {
  readonly emitter = new LayerEmitter();
  readonly batched: boolean;
  readonly #budget: FoldBudget;
  readonly #arranger: Arranger;
  /** Activations by the name of what they give: which, and of what. */
  readonly #activated = new Map<string, { op: string; of: Value; p?: number; q?: number }>();

  constructor({ batched, budget }: WriterOptions) {
    this.batched = batched;
    this.#budget = budget;
    this.#arranger = new Arranger(this.emitter, batched);
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
    return this.emitter.layer("identity", [this.#plain(value)], {})[0];
  }

  // Layers

  /**
   * Any kind of layer, on values whose axes lie as the file counts them; what its outputs are. Constants become layers that give them, unless
   * all are constants and the kind is folded.
   */
  layer(kind: string, inputs: readonly Value[], config: Config = {}, options: LayerOptions = {}): Value[] {
    const { weights, perImage = false, types } = options;
    const folded = !weights && this.#folded(kind, inputs, config);
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

  // Value by value

  unary(op: string, x: Value, params: { p?: number; q?: number } = {}): Value {
    const predicate = op.startsWith("is") || op === "not";
    const own = x.type === "float" && !x.constant && ACTIVATIONS[op];
    const y = own
      ? this.#kept(op, x, own(params.p))
      : this.#each("unary", { op, ...params }, [x], predicate ? "bool" : x.type);
    if (y.stored) this.#activated.set(y.stored.ref, { op, of: x, ...params });
    return y;
  }

  /** Both of one type; shapes broadcast as NumPy's do. */
  arithmetic(op: string, a: Value, b: Value): Value {
    const type = a.type === "bool" && b.type !== "bool" ? b.type : a.type;
    if (type === "float" && !(a.constant && b.constant)) {
      const simple = this.#bySelf(op, a, b) ?? this.#withConstant(op, a, b);
      if (simple) return simple;
    }
    const own = type === "float" && COMBINATIONS.has(op) && !(a.constant && b.constant);
    return own ? this.#each(op, {}, [a, b], type) : this.#each("arithmetic", { op }, [a, b], type);
  }

  compare(op: string, a: Value, b: Value): Value {
    return this.#each("compare", { op }, [a, b], "bool");
  }

  where(condition: Value, a: Value, b: Value): Value {
    return this.#each("where", {}, [condition, a, b], a.type);
  }

  cast(x: Value, type: ValueType): Value {
    if (x.type === type) return x;
    if (x.stored && dtypeOf(x.type) === dtypeOf(type) && type !== "bool") return { ...x, type };
    const config = { dtype: dtypeOf(type), ...(type === "bool" && { bool: true }) };
    return this.#each("cast", config, [x], type);
  }

  clip(x: Value, min: number | undefined, max: number | undefined): Value {
    if (x.type === "float" && min === 0 && (max === undefined || max === Infinity))
      return this.unary("relu", x);
    if (x.type === "float" && min === 0 && max === 6) return this.unary("relu6", x);
    const config = { ...(min !== undefined && { min }), ...(max !== undefined && { max }) };
    return this.#each("clip", config, [x], x.type);
  }

  // Along axes, which may be negative

  reduction(op: string, x: Value, axes: readonly number[], keepDims: boolean): Value {
    const list = axes.map((axis) => this.axisOf(axis, x));
    const gone = keepDims ? [] : list;
    const type = op === "any" || op === "all" ? "bool" : x.type;
    if (!list.length && !x.constant && ["sum", "mean", "max", "min", "prod"].includes(op)) return x;
    const own = x.type === "float" && !x.constant && REDUCTIONS.has(op);
    const [kind, name] = own ? ["reduce", "kind"] : ["reduction", "op"];
    return this.#alongAxes(kind, x, list, (at) => ({ [name]: op, axes: at, keepDims }), {
      gone,
      types: [type],
    })[0];
  }

  /** A kind with one `axis` in its config that keeps all axes: softmax, logSoftmax, hardmax, cumulate, topK. */
  alongAxis(
    kind: string,
    x: Value,
    axis: number,
    config: Config = {},
    types?: readonly ValueType[],
  ): Value[] {
    return this.#alongAxes(kind, x, [this.axisOf(axis, x)], ([at]) => ({ ...config, axis: at }), { types });
  }

  argExtreme(op: "min" | "max", x: Value, axis: number, keepDims: boolean, last = false): Value {
    const at = this.axisOf(axis, x);
    const options = { gone: keepDims ? [] : [at], types: ["int"] as const };
    if (op === "max" && !last && x.type === "float" && !x.constant)
      return this.#alongAxes("argMax", x, [at], ([axis]) => ({ axis, keepDims }), options)[0];
    return this.#alongAxes("argExtreme", x, [at], ([axis]) => ({ op, axis, keepDims, last }), options)[0];
  }

  concat(values: readonly Value[], axis: number): Value {
    const parts = values.filter(({ shape }) => sizeOf(shape) > 0);
    if (parts.length === 1) return parts[0];
    const at = this.axisOf(axis, parts[0] ?? values[0]);
    const folded = this.#folded("concat", values, { axis: at });
    if (folded) return folded[0];
    if (this.batched && (at === 0 || parts.some((part) => part.constant))) throw new NotBatched();
    const { order } = this.#settled(largest(parts));
    const stored = parts.map((part) => this.#inOrder(part, order));
    const [joined] = this.emitter.layer("concat", stored, { axis: order.indexOf(at) });
    return storedValue(joined, parts[0].type, order);
  }

  split(x: Value, sizes: readonly number[], axis: number): Value[] {
    return this.#alongAxes("split", x, [this.axisOf(axis, x)], ([at]) => ({ sizes, axis: at }));
  }

  /** From `begin` on, `size` elements of each axis, `step` apart. */
  slice(
    x: Value,
    begin: readonly number[],
    size: readonly number[],
    step: readonly number[] = size.map(() => 1),
  ): Value {
    if (size.every((d, i) => begin[i] === 0 && d === x.shape[i] && (step[i] === 1 || d === 1))) return x;
    const folded = this.#folded("stridedSlice", [x], { begin, size, step });
    if (folded) return folded[0];
    const plainSteps = step.every((by, i) => by === 1 || size[i] === 1);
    return this.#perAxis(x, (lists) => {
      const [from, count, by] = lists([begin, size, step]);
      if (plainSteps) return ["slice", { begin: from, size: count }];
      return ["stridedSlice", { begin: from, size: count, step: by }];
    });
  }

  /** Elements added before and after each axis; negative amounts cut off. */
  pad(x: Value, pads: readonly (readonly [number, number])[], mode: string, value = 0): Value {
    if (pads.every(([before, after]) => !before && !after)) return x;
    const folded = this.#folded("padAxes", [x], { pads, mode, value });
    if (folded) return folded[0];
    const cut = (amount: number): number => Math.max(0, -amount);
    const sizes = x.shape.map((d, i) => d - cut(pads[i][0]) - cut(pads[i][1]));
    const inner = this.slice(
      x,
      pads.map(([before]) => cut(before)),
      sizes,
    );
    const around = pads.map(([before, after]) => [Math.max(0, before), Math.max(0, after)] as const);
    if (around.every(([before, after]) => !before && !after)) return inner;
    const simple =
      x.type === "float" && x.shape.length > 2 && ["constant", "reflect", "replicate"].includes(mode);
    return this.#perAxis(inner, (lists) => {
      const [padding] = lists([around]);
      return simple ? ["pad", { padding, mode, value }] : ["padAxes", { pads: padding, mode, value }];
    });
  }

  tile(x: Value, repeats: readonly number[]): Value {
    if (repeats.every((times) => times === 1)) return x;
    const folded = this.#folded("tile", [x], { repeats });
    return folded ? folded[0] : this.#perAxis(x, (lists) => ["tile", { repeats: lists([repeats])[0] }]);
  }

  /** Repeated along axes of size 1, and new axes in front, up to that shape. */
  expand(x: Value, shape: Shape): Value {
    if (String(shape) === String(x.shape)) return x;
    const folded = this.#folded("expand", [x], { shape });
    if (folded) return folded[0];
    const whole = this.reshape(x, [...shape.slice(x.shape.length).map(() => 1), ...x.shape]);
    return this.tile(
      whole,
      shape.map((size, i) => size / whole.shape[i]),
    );
  }

  gather(x: Value, indices: Value, axis: number): Value {
    const at = this.axisOf(axis, x);
    const folded = this.#folded("gather", [x, indices], { axis: at });
    if (folded) return folded[0];
    const known = indices.constant;
    if (known && indices.shape.length < 2 && sizeOf(known.shape) === 1) {
      // One index is a slice, of which no copy need be made.
      const [index] = known.data;
      const begin = x.shape.map((_, i) => (i === at ? (index < 0 ? index + x.shape[at] : index) : 0));
      const part = this.slice(
        x,
        begin,
        x.shape.map((d, i) => (i === at ? 1 : d)),
      );
      return indices.shape.length ? part : this.reshape(part, x.shape.toSpliced(at, 1));
    }
    if (known && indices.shape.length === 1) {
      const list = Array.from(known.data);
      return this.#alongAxes("gather", x, [at], ([axis]) => ({
        axis,
        indices: list,
        indicesShape: [list.length],
      }))[0];
    }
    return this.layer("gather", [x, indices], { axis: at }, { types: [x.type] })[0];
  }

  // Shapes

  /** Axis i of the result is axis perm[i] of x. */
  transpose(x: Value, perm: readonly number[]): Value {
    if (perm.every((axis, i) => axis === i)) return x;
    const folded = this.#folded("transpose", [x], { perm });
    return folded ? folded[0] : this.#arranger.transposed(this.#settled(x), perm);
  }

  /** All sizes are given. */
  reshape(x: Value, shape: Shape): Value {
    if (sizeOf(shape) !== sizeOf(x.shape))
      throw new FormatError(
        `${this.emitter.node}: ${sizeOf(x.shape)} values of shape [${x.shape}] cannot have shape [${shape}]`,
      );
    if (String(shape) === String(x.shape)) return x;
    const folded = this.#folded("reshape", [x], { shape });
    if (folded) return folded[0];
    const value = this.#settled(x);
    const joins = shape.length === 2 && shape[0] === x.shape[0] && x.shape.length > 2 && value.order[0] === 0;
    if (joins && longAxes(value).some((axis, i, list) => i > 0 && axis < list[i - 1]))
      // Axes in another order are joined: a matrix with its rows in that order can follow, so nothing moves yet.
      return { ...this.#arranger.flattened(value), flattened: value };
    return this.#arranger.reshaped(value, shape);
  }

  // Products

  /** Images [n, ...spatial, c] with a filter [...kernel, in / groups, out] and a bias [out]. */
  conv(x: Value, filter: Value, bias: Value | undefined, window: Config): Value {
    return this.#product("conv", "dynamicConv", x, filter, bias, window);
  }

  convTranspose(x: Value, filter: Value, bias: Value | undefined, window: Config): Value {
    return this.#product("convTranspose", "dynamicConvTranspose", x, filter, bias, window);
  }

  #product(
    kind: string,
    dynamic: string,
    x: Value,
    filter: Value,
    bias: Value | undefined,
    window: Config,
  ): Value {
    const axes = x.shape.length - 2;
    if (!filter.constant || (bias && !bias.constant)) {
      const inputs = bias ? [x, filter, bias] : [x, filter];
      return this.layer(dynamic, inputs, window, { perImage: true })[0];
    }
    const config = {
      filters: filter.shape[axes + 1],
      kernel: filter.shape.slice(0, axes),
      ...window,
      ...(!bias && { bias: false }),
    };
    const weights = { kernel: filter.constant, ...(bias && { bias: bias.constant! }) };
    return this.image(`${kind}${axes}d`, x, config, weights);
  }

  /** a · b over the last axis of a and the last but one of b, broadcast over the axes before; a constant matrix b may have a bias. */
  matmul(a: Value, b: Value, bias?: Constant): Value {
    const known = b.constant;
    if (known && b.shape.length === 2 && a.shape.length > 1 && !a.constant && a.type === "float") {
      if (a.flattened) return this.#dense(storedOf(a), flattenedRows(known, a.flattened), bias);
      const value = this.#settled(a);
      const last = a.shape.length - 1;
      // Any order will do that has the axis which is summed over at the end.
      const order = [...value.order.filter((axis) => axis !== last), last];
      return this.#dense(this.#arranger.inOrder(value, order), known, bias);
    }
    if (bias) return this.arithmetic("add", this.matmul(a, b), knownValue(bias));
    const perImage = a.shape.length === b.shape.length && a.shape.length > 2;
    return this.layer("matmul", [a, b], {}, { perImage })[0];
  }

  #dense({ stored, type, order }: StoredValue, kernel: Constant, bias: Constant | undefined): Value {
    const config = { units: kernel.shape[1], ...(!bias && { bias: false }) };
    const [out] = this.emitter.layer("dense", [stored], config, { kernel, ...(bias && { bias }) });
    return storedValue(out, type, order);
  }

  // What the methods above have in common

  axisOf(axis: number, { shape }: Value): number {
    if (!Number.isInteger(axis) || axis < -shape.length || axis >= shape.length)
      throw new FormatError(
        `${this.emitter.node}: axis is ${axis} but the value of shape [${shape}] has ${shape.length} axes`,
      );
    return axis < 0 ? axis + shape.length : axis;
  }

  #folded(kind: string, inputs: readonly Value[], config: Config): Value[] | undefined {
    if (!inputs.every((value) => value.constant)) return undefined;
    return fold(
      kind,
      inputs.map((value) => value.constant!),
      config,
      this.#budget,
    )?.map(knownValue);
  }

  /** A layer that treats each value on its own; operands broadcast. */
  #each(kind: string, config: Config, inputs: readonly Value[], type: ValueType): Value {
    const folded = this.#folded(kind, inputs, config);
    if (folded) return { ...folded[0], type };
    if (inputs.every((value) => value.constant))
      return this.layer(kind, inputs, config, { types: [type] })[0];
    const rank = Math.max(...inputs.map(({ shape }) => shape.length));
    const { order: own, shape } = this.#settled(largest(inputs.filter((value) => !value.constant)));
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
    if (!whole.constant) return this.#inOrder(whole, order);
    const shape = asItLies(whole.shape, order);
    const known = this.transpose(whole, order).constant!;
    const first = shape.findIndex((size) => size > 1);
    if (this.batched && first === 0) throw new NotBatched();
    return this.emitter.constant({
      ...this.reshape(knownValue(known), first < 0 ? [] : shape.slice(first)).constant!,
    });
  }

  /** A kind whose config names axes of its one input. `gone` are those its outputs do not have. */
  #alongAxes(
    kind: string,
    x: Value,
    axes: readonly number[],
    config: (axes: number[]) => Config,
    { gone = [], types }: { gone?: readonly number[]; types?: readonly ValueType[] } = {},
  ): Value[] {
    const folded = this.#folded(kind, [x], config([...axes]));
    if (folded) return folded.map((value, i) => ({ ...value, type: types?.[i] ?? value.type }));
    if (this.batched && axes.includes(0)) throw new NotBatched();
    const { stored, order } = this.#settled(x);
    const outs = this.emitter.layer(kind, [stored], config(axes.map((axis) => order.indexOf(axis))));
    const left = order.filter((axis) => !gone.includes(axis));
    const renumbered = left.map((axis) => axis - gone.filter((other) => other < axis).length);
    return outs.map((out, i) => storedValue(out, types?.[i] ?? x.type, renumbered));
  }

  /** A kind whose config has lists with one thing per axis of its one input. */
  #perAxis(
    x: Value,
    layer: (lists: <T>(given: readonly (readonly T[])[]) => T[][]) => [string, Config],
  ): Value {
    const { stored, order, type } = this.#settled(x);
    const [kind, config] = layer((given) => given.map((list) => asItLies(list, order)));
    // The size that is left of the batch is all of it.
    if (this.batched && kind === "slice") config.size = [-1, ...(config.size as number[]).slice(1)];
    else if (this.batched && kind === "stridedSlice") throw new NotBatched();
    const [out] = this.emitter.layer(kind, [stored], config);
    if (this.batched && out.shape[0] !== 1) throw new NotBatched();
    return storedValue(out, type, order);
  }

  /** x · sigmoid(x), which has a kernel of its own. */
  #bySelf(op: string, a: Value, b: Value): Value | undefined {
    if (op !== "mul") return undefined;
    for (const [x, gate] of [
      [a, b],
      [b, a],
    ]) {
      const made = gate.stored && this.#activated.get(gate.stored.ref);
      if (made?.of !== x) continue;
      if (made.op === "sigmoid") return this.unary("silu", x);
      if (made.op === "hardSigmoid" && isSixth(made.p) && made.q === 0.5) return this.unary("hardSwish", x);
    }
    return undefined;
  }

  /** With a number, or with one for each channel: forms that are folded into what is before them. */
  #withConstant(op: string, a: Value, b: Value): Value | undefined {
    const [x, { constant: known }, first] = b.constant ? [a, b, true] : [b, a, false];
    if (!known || !x.stored || x.flattened || (!first && op !== "add" && op !== "mul")) return undefined;
    if (known.shape.length > x.shape.length) return undefined;
    const size = sizeOf(known.shape);
    const offset = x.shape.length - known.shape.length;
    const channel = x.order[x.order.length - 1];
    if (size === 1) {
      const [value] = known.data;
      if (!Number.isFinite(value) || (op === "div" && !isPowerOfTwo(value))) return undefined;
      const by: Record<string, Config> = {
        add: { offset: value },
        sub: { offset: -value },
        mul: { scale: value },
        div: { scale: 1 / value },
      };
      return by[op] && this.#kept("rescale", x, by[op]);
    }
    // The axis that lies last, if the constant has no other.
    if (x.shape.length < 2 || size !== x.shape[channel] || known.shape[channel - offset] !== size)
      return undefined;
    const c = (value: number): Constant => constant([size], "float", new Float32Array(size).fill(value));
    const own = (map: (value: number) => number): Constant =>
      lazyConstant([size], "float", () => Float32Array.from(known.data, map));
    const scale: Record<string, [Constant, Constant]> = {
      add: [c(1), own((value) => value)],
      sub: [c(1), own((value) => -value)],
      mul: [own((value) => value), c(0)],
    };
    if (!scale[op]) return undefined;
    const [gamma, beta] = scale[op];
    return this.#kept("batchNorm", x, { epsilon: 0 }, { gamma, beta, mean: c(0), variance: c(1) });
  }

  /** A kind that gives a value of the same shape, its axes as they lie. */
  #kept(kind: string, x: Value, config: Config, weights?: Readonly<Record<string, Constant>>): Value {
    const { stored, order, type } = this.#settled(x);
    const [out] = this.emitter.layer(kind, [stored], config, weights);
    return storedValue(out, type, order);
  }

  /** What a layer reads for a value whose axes are to lie as the file counts them. */
  #plain(value: Value): Stored {
    return value.constant
      ? this.emitter.constant(value.constant)
      : this.#arranger.plain(this.#settled(value)).stored;
  }

  #inOrder(value: Value, order: readonly number[]): Stored {
    if (value.constant) return this.emitter.constant(this.transpose(value, order).constant!);
    return this.#arranger.inOrder(this.#settled(value), order).stored;
  }

  /** A value that a layer makes, flattened as the file says if it was left as it lay. */
  #settled(value: Value): StoredValue {
    if (value.constant) {
      if (this.batched) throw new NotBatched();
      return storedValue(this.emitter.constant(value.constant), value.type);
    }
    if (value.flattened) return this.#arranger.reshaped(storedOf(value.flattened), value.shape);
    return storedOf(value);
  }
}

function storedOf(value: Value): StoredValue {
  if (!value.stored) throw new Error("internal: a constant is no stored value");
  return value as StoredValue;
}

/** The value with the most axes, of those the one with the most elements. */
const largest = (values: readonly Value[]): Value =>
  values.reduce((best, value) => {
    if (best.constant && !value.constant) return value;
    if (value.constant && !best.constant) return best;
    const [rank, size] = [value.shape.length - best.shape.length, sizeOf(value.shape) - sizeOf(best.shape)];
    return rank > 0 || (rank === 0 && size > 0) ? value : best;
  });

/** The axes that are longer than 1, in the order in which they lie. */
const longAxes = ({ shape, order }: Value): number[] => order.filter((axis) => shape[axis] > 1);

/** 1 / 6, as a file may have rounded it. */
const isSixth = (value: number | undefined): boolean => Math.abs((value ?? 0) * 6 - 1) < 1e-6;

const isPowerOfTwo = (value: number): boolean => Number.isInteger(Math.log2(Math.abs(value)));

/** The rows of a matrix, made for values flattened in the file's order, in the order in which they lie. */
function flattenedRows(matrix: Constant, { shape, order }: Value): Constant {
  const [rows, columns] = matrix.shape;
  return lazyConstant(matrix.shape, "float", () => {
    const { data } = matrix;
    const out = new Float32Array(data.length);
    const sizes = order.slice(1).map((axis) => shape[axis]);
    const strides = order.slice(1).map((axis) => sizeOf(shape.slice(axis + 1)));
    for (let to = 0; to < rows; to++) {
      let from = 0;
      for (let i = sizes.length - 1, rest = to; i >= 0; rest = Math.floor(rest / sizes[i--]))
        from += (rest % sizes[i]) * strides[i];
      out.set(data.subarray(from * columns, (from + 1) * columns), to * columns);
    }
    return out;
  });
}
