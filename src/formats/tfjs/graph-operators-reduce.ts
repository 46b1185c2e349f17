// Operators that take many values to one, or look at all values along an axis; and those that pick and put values by indices.
import { FormatError } from "../../errors.ts";
import { sizeOf } from "../../tensor.ts";
import { describe } from "../../validate.ts";
import { constant } from "../import/constant.ts";
import { identityOrder, type Value } from "../import/value.ts";
import type { ModelWriter } from "../import/writer.ts";
import type { Call, Operator, Operators } from "./graph-call.ts";

/** Axes are given as a list, or a single one. */
const reduction =
  (op: string): Operator =>
  (call, writer) => {
    const x = call.input(0);
    const axes = call.integers(1, "the axes").map((axis) => call.axis(axis, x.shape.length));
    const { attributes } = call;
    const keep = attributes.flag(attributes.has("keepDims") ? "keepDims" : "keep_dims");
    return writer.reduction(op, x, [...new Set(axes)], keep);
  };

const argExtreme =
  (op: "min" | "max"): Operator =>
  (call, writer) => {
    const axis =
      call.given.length > 1 ? call.integer(1, "the axis") : call.attributes.integer("dimension", 0);
    return writer.argExtreme(op, call.input(0), call.axis(axis, call.input(0).shape.length), false);
  };

const cumulate =
  (op: string): Operator =>
  (call, writer) => {
    const x = call.input(0);
    const axis = call.axis(call.integer(1, "the axis"), x.shape.length);
    const config = {
      op,
      exclusive: call.attributes.flag("exclusive"),
      reverse: call.attributes.flag("reverse"),
    };
    return writer.alongAxis("cumulate", x, axis, config)[0];
  };

const alongLast =
  (kind: string): Operator =>
  (call, writer) =>
    writer.alongAxis(kind, call.input(0), -1)[0];

const topK: Operator = (call, writer) => {
  const x = call.input(0);
  const k = call.given.length > 1 ? call.integer(1, "k") : call.attributes.integer("k");
  const size = x.shape.at(-1) ?? 0;
  if (k < 1 || k > size)
    throw new FormatError(`${call.where}: k is ${k} but the last axis has ${size} values`);
  const config = { k, largest: true, sorted: call.attributes.flag("sorted", true) };
  return writer.alongAxis("topK", x, -1, config, [x.type, "int"]);
};

const gather: Operator = (call, writer) => {
  const [x, indices] = [call.input(0), call.input(1)];
  const axis = call.axis(call.given.length > 2 ? call.integer(2, "the axis") : 0, x.shape.length);
  const given = call.attributes.integer("batch_dims", 0);
  const batch = given < 0 ? given + indices.shape.length : given;
  checkIndices(call, indices, x.shape[axis]);
  if (batch === 0) return writer.gather(x, indices, axis);
  if (batch < 0 || batch > axis || batch > indices.shape.length)
    throw new FormatError(`${call.where}: batch_dims is ${given} but the axis is ${axis}`);
  return writer.layer("gather", [x, indices], { axis, batchDims: batch }, { types: [x.type] })[0];
};

/** Throws where indices that are known are outside. */
function checkIndices(call: Call, indices: Value, size: number): void {
  const outside = indices.constant?.data.find((index) => !(index >= 0 && index < size));
  if (outside !== undefined)
    throw new FormatError(`${call.where}: index ${outside} is outside an axis of size ${size}`);
}

const gatherND: Operator = (call, writer) => {
  const [x, indices] = [call.input(0), call.input(1)];
  const depth = indices.shape.at(-1) ?? 0;
  if (depth < 1 || depth > x.shape.length)
    throw new FormatError(
      `${call.where}: indices ${describe(indices.shape)} do not fit a tensor ${describe(x.shape)}`,
    );
  return writer.layer("gatherND", [x, indices], { batchDims: 0 }, { types: [x.type] })[0];
};

/** A value of that type, or many of them. */
function filled(writer: ModelWriter, shape: readonly number[], type: Value["type"], value: number): Value {
  const data = type === "float" ? Float32Array.of(value) : Float64Array.of(value);
  return writer.layer("fill", [writer.ints(shape), writer.known(constant([], type, data))])[0];
}

/** Sums of updates where they have the same place. */
const scatter: Operator = (call, writer) => {
  const [indices, updates] = [call.input(0), call.input(1)];
  const shape = call.integers(2, "the shape");
  const zeros = filled(writer, shape, updates.type, 0);
  return writer.layer("scatterND", [zeros, indices, updates], { op: "add" }, { types: [updates.type] })[0];
};

const scatterInto: Operator = (call, writer) => {
  const x = call.input(0);
  const inputs = [x, call.input(1), call.input(2)];
  return writer.layer("scatterND", inputs, { op: "none" }, { types: [x.type] })[0];
};

/** Indices are one number, a list, or lists of as many as there are axes. */
const sparseToDense: Operator = (call, writer) => {
  const [indices, values] = [call.input(0), call.input(2)];
  const shape = call.integers(1, "the shape");
  const [value] = call.given.length > 3 ? [call.number(3, "the other values")] : [0];
  const count = indices.shape.length ? indices.shape[0] : 1;
  const depth = indices.shape.length > 1 ? indices.shape[1] : 1;
  if (indices.shape.length > 2 || depth !== shape.length || sizeOf(values.shape) > count)
    throw new FormatError(
      `${call.where}: indices ${describe(indices.shape)} do not fit a tensor ${describe(shape)}`,
    );
  const updates = values.shape.length ? values : writer.expand(values, [count]);
  const places = writer.reshape(indices, [count, depth]);
  const inputs = [filled(writer, shape, values.type, value), places, updates];
  return writer.layer("scatterND", inputs, { op: "none" }, { types: [values.type] })[0];
};

const oneHot: Operator = (call, writer) => {
  const indices = call.input(0);
  const type = call.input(2).type;
  const config = {
    depth: call.integer(1, "the depth"),
    axis: call.attributes.integer("axis", -1),
    on: call.number(2, "the value at the index"),
    off: call.number(3, "the other value"),
    dtype: type === "float" ? "float32" : "int32",
    wrap: false,
  };
  const types = [type];
  return writer.layer("oneHot", [indices], config, { types, perImage: config.axis !== 0 })[0];
};

/** Triangles and bands of matrices: the elements at most `lower` below and `upper` above the diagonal. */
const band: Operator = (call, writer) => {
  const [lower, upper] = [call.integer(1, "the lower diagonals"), call.integer(2, "the upper diagonals")];
  let x = call.input(0);
  const part = (config: object): Value =>
    writer.layer("trilu", [x], { ...config }, { perImage: x.shape.length > 2, types: [x.type] })[0];
  if (upper >= 0) x = part({ upper: false, k: upper });
  if (lower >= 0) x = part({ upper: true, k: -lower });
  return x;
};

/** As an integer product: where element i goes to. */
const invert: Operator = (call, writer) => {
  const order = call.integers(0, "the order");
  const inverse = identityOrder(order.length).map((axis) => order.indexOf(axis));
  if (inverse.includes(-1)) throw new FormatError(`${call.where}: ${describe(order)} is no order of axes`);
  return writer.ints(inverse);
};

export const reduceOperators: Operators = {
  Sum: reduction("sum"),
  Mean: reduction("mean"),
  Max: reduction("max"),
  Min: reduction("min"),
  Prod: reduction("prod"),
  Any: reduction("any"),
  All: reduction("all"),
  EuclideanNorm: reduction("l2"),
  ArgMax: argExtreme("max"),
  ArgMin: argExtreme("min"),
  Cumsum: cumulate("sum"),
  Cumprod: cumulate("prod"),
  Softmax: alongLast("softmax"),
  LogSoftmax: alongLast("logSoftmax"),
  TopKV2: topK,
  TopK: topK,
  Gather: gather,
  GatherV2: gather,
  GatherNd: gatherND,
  ScatterNd: scatter,
  TensorScatterUpdate: scatterInto,
  SparseToDense: sparseToDense,
  OneHot: oneHot,
  MatrixBandPart: band,
  InvertPermutation: invert,
};
