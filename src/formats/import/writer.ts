// What operators of a file are written with: each method takes and gives values as the file's operators see them. What is known is computed
// at once; everything else becomes layers, with axes in whatever order spares transposing.

import { type Shape, sizeOf } from "../../tensor.ts";
import { NotBatched } from "./arrange.ts";
import { type Constant, lazyConstant, type ValueType } from "./constant.ts";
import { ElementwiseWriter } from "./elementwise.ts";
import { type Config, largest } from "./layer-writer.ts";
import { knownValue, type StoredValue, storedOf, storedValue, type Value } from "./value.ts";

/** Reductions that every engine knows, which can be trained. */
const REDUCTIONS: ReadonlySet<string> = new Set(["sum", "mean", "max", "min"]);

export class ModelWriter extends ElementwiseWriter {
  reduction(op: string, x: Value, axes: readonly number[], keepDims: boolean): Value {
    const list = axes.map((axis) => this.axisOf(axis, x));
    const gone = keepDims ? [] : list;
    const type = op === "any" || op === "all" ? "bool" : x.type;
    if (!list.length && !x.constant && ["sum", "mean", "max", "min", "prod"].includes(op)) return x;
    const own = x.type === "float" && !x.constant && REDUCTIONS.has(op);
    const [kind, name] = own ? ["reduce", "kind"] : ["reduction", "op"];
    return this.alongAxes(kind, x, list, (at) => ({ [name]: op, axes: at, keepDims }), {
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
    return this.alongAxes(kind, x, [this.axisOf(axis, x)], ([at]) => ({ ...config, axis: at }), { types });
  }

  argExtreme(op: "min" | "max", x: Value, axis: number, keepDims: boolean, last = false): Value {
    const at = this.axisOf(axis, x);
    const options = { gone: keepDims ? [] : [at], types: ["int"] as const };
    if (op === "max" && !last && x.type === "float" && !x.constant)
      return this.alongAxes("argMax", x, [at], ([axis]) => ({ axis, keepDims }), options)[0];
    return this.alongAxes("argExtreme", x, [at], ([axis]) => ({ op, axis, keepDims, last }), options)[0];
  }

  concat(values: readonly Value[], axis: number): Value {
    const parts = values.filter(({ shape }) => sizeOf(shape) > 0);
    if (parts.length === 1) return parts[0];
    const at = this.axisOf(axis, parts[0] ?? values[0]);
    const folded = this.folded("concat", values, { axis: at });
    if (folded) return folded[0];
    if (this.batched && (at === 0 || parts.some((part) => part.constant))) throw new NotBatched();
    const { order } = this.settled(largest(parts));
    const stored = parts.map((part) => this.inOrder(part, order));
    const [joined] = this.emitter.layer("concat", stored, { axis: order.indexOf(at) });
    return storedValue(joined, parts[0].type, order);
  }

  split(x: Value, sizes: readonly number[], axis: number): Value[] {
    return this.alongAxes("split", x, [this.axisOf(axis, x)], ([at]) => ({ sizes, axis: at }));
  }

  /** From `begin` on, `size` elements of each axis, `step` apart. */
  slice(
    x: Value,
    begin: readonly number[],
    size: readonly number[],
    step: readonly number[] = size.map(() => 1),
  ): Value {
    if (size.every((d, i) => begin[i] === 0 && d === x.shape[i] && (step[i] === 1 || d === 1))) return x;
    const folded = this.folded("stridedSlice", [x], { begin, size, step });
    if (folded) return folded[0];
    const plainSteps = step.every((by, i) => by === 1 || size[i] === 1);
    return this.perAxis(x, (lists) => {
      const [from, count, by] = lists([begin, size, step]);
      if (plainSteps) return ["slice", { begin: from, size: count }];
      return ["stridedSlice", { begin: from, size: count, step: by }];
    });
  }

  /** Elements added before and after each axis; negative amounts cut off. */
  pad(x: Value, pads: readonly (readonly [number, number])[], mode: string, value = 0): Value {
    if (pads.every(([before, after]) => !before && !after)) return x;
    const folded = this.folded("padAxes", [x], { pads, mode, value });
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
    return this.perAxis(inner, (lists) => {
      const [padding] = lists([around]);
      // A border that is mirrored or repeated lies around images alone.
      const ends = [padding[0], padding[padding.length - 1]].flat();
      const [sizes] = lists([inner.shape]);
      const short = padding.every((pair, i) => Math.max(...pair) < sizes[i]);
      const fits = mode === "constant" || (ends.every((n) => n === 0) && short && sizes.length <= 5);
      return simple && fits ? ["pad", { padding, mode, value }] : ["padAxes", { pads: padding, mode, value }];
    });
  }

  tile(x: Value, repeats: readonly number[]): Value {
    if (repeats.every((times) => times === 1)) return x;
    const folded = this.folded("tile", [x], { repeats });
    return folded ? folded[0] : this.perAxis(x, (lists) => ["tile", { repeats: lists([repeats])[0] }]);
  }

  /** Repeated along axes of size 1, and new axes in front, up to that shape. */
  expand(x: Value, shape: Shape): Value {
    if (String(shape) === String(x.shape)) return x;
    const folded = this.folded("expand", [x], { shape });
    if (folded) return folded[0];
    const whole = this.reshape(x, [...shape.slice(x.shape.length).map(() => 1), ...x.shape]);
    return this.tile(
      whole,
      shape.map((size, i) => size / whole.shape[i]),
    );
  }

  gather(x: Value, indices: Value, axis: number): Value {
    const at = this.axisOf(axis, x);
    const folded = this.folded("gather", [x, indices], { axis: at });
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
      return this.alongAxes("gather", x, [at], ([axis]) => ({
        axis,
        indices: list,
        indicesShape: [list.length],
      }))[0];
    }
    return this.layer("gather", [x, indices], { axis: at }, { types: [x.type] })[0];
  }

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
      const value = this.settled(a);
      const last = a.shape.length - 1;
      // Any order will do that has the axis which is summed over at the end.
      const order = [...value.order.filter((axis) => axis !== last), last];
      return this.#dense(this.arranger.inOrder(value, order), known, bias);
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
}

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
