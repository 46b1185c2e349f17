// Operators that change shapes, move values, or make them of shapes.

import { MAX_INTEGER } from "../../validate.ts";
import { constant, integers, lazyConstant } from "../import/constant.ts";
import type { Value } from "../import/value.ts";
import {
  type Call,
  ELEMENTS,
  type Operators,
  product,
  type Translate,
  type Typed,
  toFirst,
  toLast,
  upTo,
} from "./operator.ts";

/** 0 keeps a size (unless `allowzero` is set), -1 takes what is left. */
function reshape(call: Call): Value {
  const x = call.input(0);
  const wanted = call.intsOf("shape", 1) ?? call.fail("shape is missing");
  const zero = call.attributes.flag("allowzero");
  const shape = wanted.map((size, i) => {
    if (size !== 0 || zero) return size;
    return (
      x.shape[i] ?? call.fail(`shape [${wanted}] keeps axis ${i}, which the input [${x.shape}] does not have`)
    );
  });
  const open = shape.indexOf(-1);
  if (open >= 0) {
    shape[open] = 1;
    shape[open] = product(x.shape) / product(shape);
    if (!Number.isInteger(shape[open])) call.fail(`shape [${wanted}] does not fit the input [${x.shape}]`);
  }
  if (shape.some((size) => size < 0)) call.fail(`shape is [${wanted}]`);
  return call.w.reshape(x, shape);
}

/** The axes before `axis` as one, and those from there on. */
export function matrixShape(call: Call, x: Value, axis: number): [number, number] {
  const at = axis < 0 ? axis + x.shape.length : axis;
  if (!(at >= 0 && at <= x.shape.length)) call.fail(`axis ${axis} is not one of the input [${x.shape}]`);
  return [product(x.shape.slice(0, at)), product(x.shape.slice(at))];
}

function squeeze(call: Call): Value {
  const x = call.input(0);
  const rank = x.shape.length;
  const given = call.intsOf("axes", 1)?.map((axis) => call.axis(axis, rank));
  const axes = given ?? upTo(rank).filter((axis) => x.shape[axis] === 1);
  const long = axes.find((axis) => x.shape[axis] !== 1);
  if (long !== undefined) call.fail(`axis ${long} of the input [${x.shape}] is not 1`);
  return call.w.reshape(
    x,
    x.shape.filter((_, axis) => !axes.includes(axis)),
  );
}

function unsqueeze(call: Call): Value {
  const x = call.input(0);
  const given = call.intsOf("axes", 1) ?? call.fail("axes are missing");
  const rank = x.shape.length + given.length;
  const axes = new Set(given.map((axis) => call.axis(axis, rank)));
  if (axes.size !== given.length) call.fail(`axes [${given}] name one twice`);
  const sizes = [...x.shape];
  return call.w.reshape(
    x,
    upTo(rank).map((axis) => (axes.has(axis) ? 1 : sizes.shift()!)),
  );
}

function transpose(call: Call): Value {
  const x = call.input(0);
  const rank = x.shape.length;
  const perm = call.attributes.ints("perm") ?? upTo(rank).reverse();
  if (perm.length !== rank || !upTo(rank).every((axis) => perm.includes(axis)))
    call.fail(`perm [${perm}] is not an order of the ${rank} axes of the input`);
  return call.w.transpose(x, perm);
}

function split(call: Call): Value[] {
  const { w, attributes } = call;
  const x = call.input(0);
  const axis = call.axis(attributes.int("axis") ?? 0, x.shape.length);
  const size = x.shape[axis];
  const sizes = call.intsOf("split", 1);
  if (sizes) return w.split(x, sizes, axis);
  const count = attributes.int("num_outputs") ?? call.outputs;
  if (!(count > 0 && count <= call.outputs))
    call.fail(`num_outputs is ${count}, but there are ${call.outputs}`);
  const each = Math.ceil(size / count);
  const equal = upTo(count).map((i) => Math.min(each, size - i * each));
  if (equal.some((part) => part < 1)) call.fail(`axis ${axis} of size ${size} cannot be split in ${count}`);
  return w.split(x, equal, axis);
}

/** Ends beyond the tensor stand for its ends, negative ones count from the back. */
function slice(call: Call): Value {
  const { w, attributes } = call;
  const x = call.input(0);
  const rank = x.shape.length;
  const starts = attributes.ints("starts") ?? call.ints(1, "starts") ?? call.fail("starts are missing");
  const ends = attributes.ints("ends") ?? call.ints(2, "ends") ?? call.fail("ends are missing");
  const axes = (attributes.ints("axes") ?? call.ints(3, "axes") ?? upTo(starts.length)).map((axis) =>
    call.axis(axis, rank),
  );
  const steps = call.ints(4, "steps") ?? starts.map(() => 1);
  if ([ends, axes, steps].some((list) => list.length !== starts.length))
    call.fail("starts, ends, axes and steps must have the same length");
  const begin = x.shape.map(() => 0);
  const size = [...x.shape];
  const step = x.shape.map(() => 1);
  axes.forEach((axis, i) => {
    const length = x.shape[axis];
    const by = steps[i];
    if (by === 0) call.fail(`the step of axis ${axis} is 0`);
    const clamped = (index: number): number => {
      const from = index < 0 ? index + length : index;
      return by > 0 ? Math.min(Math.max(from, 0), length) : Math.min(Math.max(from, -1), length - 1);
    };
    const [first, end] = [clamped(starts[i]), clamped(ends[i])];
    begin[axis] = Math.max(first, 0);
    size[axis] = Math.max(Math.ceil((end - first) / by), 0);
    step[axis] = by;
  });
  if (product(size) === 0) return w.known(constant(size, x.type, emptyOf(x.type)));
  return w.slice(x, begin, size, step);
}

const emptyOf = (type: Value["type"]) => (type === "float" ? new Float32Array(0) : new Float64Array(0));

const PAD_MODES: Readonly<Record<string, string>> = {
  constant: "constant",
  reflect: "reflect",
  edge: "replicate",
  wrap: "wrap",
};

function pad(call: Call): Value {
  const { w, attributes } = call;
  const x = call.input(0);
  const rank = x.shape.length;
  const mode = PAD_MODES[attributes.word("mode", ["constant", "reflect", "edge", "wrap"])];
  const pads =
    attributes.ints("pads") ??
    attributes.ints("paddings") ??
    call.ints(1, "pads") ??
    call.fail("pads are missing");
  const axes = call.ints(3, "axes")?.map((axis) => call.axis(axis, rank)) ?? upTo(rank);
  if (pads.length !== 2 * axes.length) call.fail(`${pads.length} pads do not fit ${axes.length} axes`);
  const pairs = x.shape.map((): [number, number] => [0, 0]);
  axes.forEach((axis, i) => {
    pairs[axis] = [pads[i], pads[i + axes.length]];
  });
  const value = attributes.float("value") ?? call.number(2, "constant_value") ?? 0;
  return w.pad(x, pairs, mode, value);
}

/** Both shapes broadcast: a size of 1 leaves the input's. */
function expand(call: Call): Value {
  const x = call.input(0);
  const wanted = call.ints(1, "shape") ?? call.fail("shape is missing");
  const rank = Math.max(wanted.length, x.shape.length);
  const shape = upTo(rank).map((i) => {
    const own = x.shape[i - rank + x.shape.length] ?? 1;
    const other = wanted[i - rank + wanted.length] ?? 1;
    if (own !== other && own !== 1 && other !== 1)
      call.fail(`the input [${x.shape}] does not broadcast to [${wanted}]`);
    return own === 1 ? other : own;
  });
  return call.w.expand(x, shape);
}

function tile(call: Call): Value {
  const x = call.input(0);
  // Before opset 6: how often, and along which axis.
  if (call.has(2)) {
    const axis = call.axis(call.number(2, "axis") ?? 0, x.shape.length);
    const tiles = call.number(1, "tiles") ?? 1;
    return call.w.tile(
      x,
      x.shape.map((_, i) => (i === axis ? tiles : 1)),
    );
  }
  const repeats = call.ints(1, "repeats") ?? call.fail("repeats are missing");
  if (repeats.length !== x.shape.length)
    call.fail(`${repeats.length} repeats do not fit the input [${x.shape}]`);
  return call.w.tile(x, repeats);
}

function shapeOf(call: Call): Typed {
  const { shape } = call.input(0);
  const { attributes, w } = call;
  const end = attributes.int("end");
  return typedInts(w.ints(shape.slice(attributes.int("start") ?? 0, end)));
}

const typedInts = (value: Value): Typed => ({ value, element: ELEMENTS.int64 });

function constantNode(call: Call): Typed | Value {
  const { attributes, w } = call;
  const tensor = attributes.tensor("value");
  if (tensor) return { value: w.known(tensor), element: tensor.element };
  const [float, floats] = [attributes.float("value_float"), attributes.floats("value_floats")];
  if (float !== undefined) return w.float(float);
  if (floats) return w.known(constant([floats.length], "float", Float32Array.from(floats)));
  const ints = attributes.int("value_int") ?? attributes.ints("value_ints");
  if (ints !== undefined) return w.known(integers(ints));
  return call.refuse("its value is a text or sparse, or missing");
}

/** Floats are made when they are asked for: weights of zeros take no memory until then. */
function constantOfShape(call: Call): Typed | Value {
  const { w } = call;
  const shape = call.ints(0, "the shape") ?? [];
  const tensor = call.attributes.tensor("value");
  if (tensor && tensor.type !== "float") {
    const [made] = w.layer("fill", [w.ints(shape), w.reshape(w.known(tensor), [])]);
    return { value: made, element: tensor.element };
  }
  const count = product(shape);
  if (!shape.every((size) => Number.isInteger(size) && size >= 0) || count > MAX_INTEGER)
    call.fail(`the shape is [${shape}]`);
  const value = tensor?.data[0] ?? 0;
  const floats = w.known(lazyConstant(shape, "float", () => new Float32Array(count).fill(value)));
  return tensor ? { value: floats, element: tensor.element } : floats;
}

function range(call: Call): Value {
  const inputs = ["start", "limit", "delta"].map((name, i) => call.w.known(call.constant(i, name)));
  return call.w.layer("range", inputs)[0];
}

/** Blocks of pixels become channels, or channels blocks. */
const blocks =
  (kind: string): Translate =>
  (call) => {
    const { w, attributes } = call;
    const block = attributes.int("blocksize") ?? call.fail("blocksize is missing");
    const order = attributes.word("mode", ["DCR", "CRD"]).toLowerCase();
    const x = call.input(0);
    if (x.shape.length !== 4) call.fail(`its input has shape [${x.shape}] but must have [n, c, h, w]`);
    return toFirst(w, w.image(kind, toLast(w, x), { block, order }));
  };

function trilu(call: Call): Value {
  const upper = (call.attributes.int("upper") ?? 1) !== 0;
  const x = call.input(0);
  const k = call.number(1, "k") ?? 0;
  return call.w.layer("trilu", [x], { upper, k }, { perImage: x.shape.length > 2, types: [x.type] })[0];
}

function reverseSequence(call: Call): Value {
  const x = call.input(0);
  const config = {
    batchAxis: call.attributes.int("batch_axis") ?? 1,
    timeAxis: call.attributes.int("time_axis") ?? 0,
  };
  return call.w.layer("reverseSequence", [x, call.input(1)], config, { types: [x.type] })[0];
}

export const SHAPES: Operators = {
  Concat: (call) => {
    // There must be one.
    call.input(0);
    return call.w.concat(call.inputs, call.attributes.int("axis") ?? 1);
  },
  Constant: constantNode,
  ConstantOfShape: constantOfShape,
  DepthToSpace: blocks("depthToSpace"),
  Expand: expand,
  Flatten: (call) => {
    const x = call.input(0);
    return call.w.reshape(x, matrixShape(call, x, call.attributes.int("axis") ?? 1));
  },
  Pad: pad,
  Range: range,
  Reshape: reshape,
  ReverseSequence: reverseSequence,
  Shape: shapeOf,
  Size: (call) => typedInts(call.w.ints(product(call.input(0).shape))),
  Slice: slice,
  SpaceToDepth: blocks("spaceToDepth"),
  Split: split,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Trilu: trilu,
  Unsqueeze: unsqueeze,
};
