// Operators on shapes, and those that move values: other axes, parts, joins, borders.
import { FormatError } from "../../errors.ts";
import { sizeOf } from "../../tensor.ts";
import { describe } from "../../validate.ts";
import { identityOrder, type Value } from "../import/value.ts";
import type { ModelWriter } from "../import/writer.ts";
import { type Call, type Operator, type Operators, type Outputs, withChannelsLast } from "./graph-call.ts";

/** A shape with one -1 for what is left. */
function completed(call: Call, shape: readonly number[], size: number): number[] {
  const open = shape.indexOf(-1);
  const known = shape.reduce((product, d, i) => (i === open ? product : product * d), 1);
  const rest = size / known;
  const valid =
    shape.every((d, i) => d >= 0 || i === open) && (open < 0 ? known === size : Number.isInteger(rest));
  if (!valid) throw new FormatError(`${call.where}: ${size} values cannot have the shape ${describe(shape)}`);
  return shape.map((d, i) => (i === open ? rest : d));
}

const reshape: Operator = (call, writer) => {
  const x = call.input(0);
  return writer.reshape(x, completed(call, call.integers(1, "the shape"), sizeOf(x.shape)));
};

const squeeze: Operator = (call, writer) => {
  const x = call.input(0);
  const name = call.attributes.has("squeeze_dims") ? "squeeze_dims" : "axis";
  const given = call.attributes.integers(name).map((axis) => call.axis(axis, x.shape.length));
  const gone = given.length ? given : identityOrder(x.shape.length).filter((axis) => x.shape[axis] === 1);
  if (gone.some((axis) => x.shape[axis] !== 1))
    throw new FormatError(`${call.where}: axes ${describe(gone)} of ${describe(x.shape)} are not all 1 long`);
  return writer.reshape(
    x,
    x.shape.filter((_, axis) => !gone.includes(axis)),
  );
};

const expandDims: Operator = (call, writer) => {
  const x = call.input(0);
  const axis = call.axis(call.integer(1, "the axis"), x.shape.length + 1);
  return writer.reshape(x, x.shape.toSpliced(axis, 0, 1));
};

const transpose: Operator = (call, writer) => {
  const x = call.input(0);
  const perm = call.integers(1, "the order of axes");
  const rank = x.shape.length;
  if (perm.length !== rank || !identityOrder(rank).every((axis) => perm.includes(axis)))
    throw new FormatError(
      `${call.where}: the order of axes is ${describe(perm)} but the tensor has shape ${describe(x.shape)}`,
    );
  return writer.transpose(x, perm);
};

/** Several values stacked on a new axis. */
const pack: Operator = (call, writer) => {
  const { inputs } = call;
  const rank = (inputs[0]?.shape.length ?? 0) + 1;
  const axis = call.axis(call.attributes.integer("axis", 0), rank);
  return joined(
    call,
    writer,
    inputs.map((x) => writer.reshape(x, x.shape.toSpliced(axis, 0, 1))),
    axis,
  );
};

function joined(call: Call, writer: ModelWriter, values: readonly Value[], axis: number): Value {
  const [first] = values;
  if (!first) throw new FormatError(`${call.where}: joins nothing`);
  const rank = first.shape.length;
  const at = call.axis(axis, rank);
  for (const { shape, type } of values)
    if (
      shape.length !== rank ||
      type !== first.type ||
      shape.some((d, i) => i !== at && d !== first.shape[i])
    )
      throw new FormatError(
        `${call.where}: ${type} ${describe(shape)} cannot be joined to ${first.type} ${describe(first.shape)} on axis ${at}`,
      );
  return writer.concat(values, at);
}

const unpack: Operator = (call, writer) => {
  const x = call.input(0);
  const axis = call.axis(call.attributes.integer("axis", 0), x.shape.length);
  const shape = x.shape.toSpliced(axis, 1);
  const count = x.shape[axis];
  const told = call.attributes.integer("num", count);
  if (told !== count)
    throw new FormatError(`${call.where}: num is ${told} but axis ${axis} of the input has ${count}`);
  return split(call, writer, x, count, axis).map((part) => writer.reshape(part, shape));
};

/** More parts than any network has; a few bytes of a file may ask for millions. */
const MOST_PARTS = 4096;

/** Parts of a value, of those sizes or so many alike; a part without values is not written. */
function split(
  call: Call,
  writer: ModelWriter,
  x: Value,
  parts: number | readonly number[],
  axis: number,
): Value[] {
  const count = typeof parts === "number" ? parts : parts.length;
  if (count > MOST_PARTS) call.unsupported(`${count} parts are more than ${MOST_PARTS}`);
  const sizes = typeof parts === "number" ? new Array<number>(count).fill(x.shape[axis] / count) : parts;
  return sizes.length === 1 ? [x] : writer.split(x, sizes, axis);
}

const splitEvenly: Operator = (call, writer) => {
  const x = call.input(1);
  const axis = call.axis(call.integer(0, "the axis"), x.shape.length);
  const count = call.attributes.integer("num_split");
  const size = x.shape[axis] / count;
  if (!(count >= 1 && Number.isInteger(size)))
    throw new FormatError(`${call.where}: ${x.shape[axis]} cannot be split into ${count} parts`);
  return split(call, writer, x, count, axis);
};

const splitAs: Operator = (call, writer) => {
  const x = call.input(0);
  const axis = call.axis(call.integer(2, "the axis"), x.shape.length);
  const sizes = call.integers(1, "the sizes");
  const open = sizes.indexOf(-1);
  const known = sizes.reduce((sum, size, i) => (i === open ? sum : sum + size), 0);
  const all = sizes.map((size, i) => (i === open ? x.shape[axis] - known : size));
  if (all.some((size) => size < 0) || all.reduce((sum, size) => sum + size, 0) !== x.shape[axis])
    throw new FormatError(
      `${call.where}: sizes are ${describe(sizes)} but axis ${axis} has ${x.shape[axis]}`,
    );
  return split(call, writer, x, all, axis);
};

const concatenate: Operator = (call, writer) => {
  const last = call.given.length - 1;
  return joined(call, writer, call.inputs.slice(0, last), call.integer(last, "the axis"));
};

const concatenateOld: Operator = (call, writer) =>
  joined(call, writer, call.inputs.slice(1), call.integer(0, "the axis"));

const slice: Operator = (call, writer) => {
  const x = call.input(0);
  const begin = call.integers(1, "begin");
  const sizes = call.integers(2, "size");
  const size = sizes.map((d, i) => (d === -1 ? x.shape[i] - begin[i] : d));
  const fits = size.every((d, i) => d >= 0 && begin[i] >= 0 && begin[i] + d <= x.shape[i]);
  if (begin.length !== x.shape.length || size.length !== x.shape.length || !fits)
    throw new FormatError(
      `${call.where}: from ${describe(begin)}, ${describe(sizes)} values of ${describe(x.shape)}`,
    );
  return writer.slice(x, begin, size);
};

/** The first index taken, how many, and the distance, where a range is given as NumPy's slices are. */
function range(
  size: number,
  step: number,
  begin: number | undefined,
  end: number | undefined,
): [first: number, count: number] {
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const clamp = (value: number): number => Math.min(Math.max(value < 0 ? value + size : value, low), high);
  const first = begin === undefined ? (step > 0 ? low : high) : clamp(begin);
  const last = end === undefined ? (step > 0 ? high : low) : clamp(end);
  return [first, Math.max(Math.ceil((last - first) / step), 0)];
}

/** What a list of ranges, new axes and an ellipsis takes: x[..., 1, ::2, None]. */
const stridedSlice: Operator = (call, writer) => {
  const x = call.input(0);
  const [begin, end] = [call.integers(1, "begin"), call.integers(2, "end")];
  const step = call.given.length > 3 ? call.integers(3, "strides") : begin.map(() => 1);
  const length = begin.length;
  if (length > 32 || end.length !== length || step.length !== length || step.includes(0))
    throw new FormatError(`${call.where}: strides ${describe(step)} do not go with ${describe(begin)}`);
  const bit = (name: string): ((i: number) => boolean) => {
    const mask = call.attributes.integer(name, 0);
    return (i) => ((mask >>> i) & 1) === 1;
  };
  const [beginOpen, endOpen, ellipsis] = ["begin_mask", "end_mask", "ellipsis_mask"].map(bit);
  const [added, shrunk] = ["new_axis_mask", "shrink_axis_mask"].map(bit);
  const entries = identityOrder(length);
  const dots = entries.filter(ellipsis);
  const own = entries.filter((i) => !ellipsis(i) && !added(i)).length;
  const rank = x.shape.length;
  if (dots.length > 1 || own > rank)
    throw new FormatError(`${call.where}: takes ${own} axes of a tensor ${describe(x.shape)}`);
  const first: number[] = [];
  const count: number[] = [];
  const steps: number[] = [];
  const shape: number[] = [];
  const whole = (axes: number): void => {
    for (let i = 0; i < axes; i++) {
      const size = x.shape[first.length];
      first.push(0);
      count.push(size);
      steps.push(1);
      shape.push(size);
    }
  };
  for (const i of entries) {
    if (ellipsis(i)) whole(rank - own);
    else if (added(i)) shape.push(1);
    else {
      const size = x.shape[first.length];
      if (shrunk(i)) {
        const index = begin[i] < 0 ? begin[i] + size : begin[i];
        if (index < 0 || index >= size)
          throw new FormatError(`${call.where}: index ${begin[i]} is outside an axis of size ${size}`);
        first.push(index);
        count.push(1);
        steps.push(1);
        continue;
      }
      const [from, taken] = range(
        size,
        step[i],
        beginOpen(i) ? undefined : begin[i],
        endOpen(i) ? undefined : end[i],
      );
      first.push(taken ? from : 0);
      count.push(taken);
      steps.push(step[i]);
      shape.push(taken);
    }
  }
  whole(rank - first.length);
  if (count.includes(0) && !x.constant) call.unsupported("its result has no values, which is not supported");
  return writer.reshape(writer.slice(x, first, count, steps), shape);
};

const pad: Operator = (call, writer) => {
  const x = call.input(0);
  const amounts = call.integers(1, "the amounts");
  if (amounts.length !== 2 * x.shape.length || amounts.some((amount) => amount < 0))
    throw new FormatError(
      `${call.where}: amounts are ${describe(amounts)} but the tensor has shape ${describe(x.shape)}`,
    );
  const pairs = x.shape.map((_, i) => [amounts[2 * i], amounts[2 * i + 1]] as const);
  const words = ["REFLECT", "SYMMETRIC"] as const;
  if (call.node.op === "MirrorPad")
    return writer.pad(x, pairs, call.attributes.word("mode", words, "REFLECT").toLowerCase());
  return writer.pad(x, pairs, "constant", call.node.op === "PadV2" ? call.number(2, "the value") : 0);
};

const tile: Operator = (call, writer) => {
  const x = call.input(0);
  const repeats = call.integers(1, "the repetitions");
  if (repeats.length !== x.shape.length || repeats.some((times) => times < 0))
    throw new FormatError(
      `${call.where}: repetitions are ${describe(repeats)} but the tensor has shape ${describe(x.shape)}`,
    );
  if (repeats.includes(0) && !x.constant)
    call.unsupported("its result has no values, which is not supported");
  return writer.tile(x, repeats);
};

const broadcastTo: Operator = (call, writer) => {
  const x = call.input(0);
  const shape = call.integers(1, "the shape");
  const missing = shape.length - x.shape.length;
  if (missing < 0 || x.shape.some((d, i) => d !== 1 && d !== shape[i + missing]))
    throw new FormatError(`${call.where}: ${describe(x.shape)} does not broadcast to ${describe(shape)}`);
  return writer.expand(x, shape);
};

const broadcastShapes: Operator = (call, writer) => {
  const [a, b] = [call.integers(0, "a shape"), call.integers(1, "a shape")];
  const rank = Math.max(a.length, b.length);
  return writer.ints(
    Array.from({ length: rank }, (_, i) => {
      const [x, y] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
      if (x !== y && x !== 1 && y !== 1)
        throw new FormatError(`${call.where}: ${describe(a)} and ${describe(b)} do not broadcast`);
      return x === 1 ? y : x;
    }),
  );
};

const reverse: Operator = (call, writer) => {
  const x = call.input(0);
  const axes = call.integers(1, "the axes").map((axis) => call.axis(axis, x.shape.length));
  const turned = (axis: number): boolean => axes.includes(axis) && x.shape[axis] > 1;
  return writer.slice(
    x,
    x.shape.map((d, axis) => (turned(axis) ? d - 1 : 0)),
    x.shape,
    x.shape.map((_, axis) => (turned(axis) ? -1 : 1)),
  );
};

/** Blocks of channels to blocks of pixels, or back. */
const depthToSpace =
  (kind: string): Operator =>
  (call, writer) => {
    const block = call.attributes.integer("block_size");
    call.rank(call.input(0), 4);
    return withChannelsLast(call, writer, call.input(0), (x) => writer.image(kind, x, { block }));
  };

const shapes: Operator = (call, writer): Outputs => call.inputs.map(({ shape }) => writer.ints(shape));

/** A constant made by a rule, which has inputs that must be known. */
const rule =
  (kind: string, names: readonly string[]): Operator =>
  (call, writer) => {
    names.forEach((name, i) => {
      call.known(i, name);
    });
    return writer.layer(kind, call.inputs)[0];
  };

/** Numbers at equal distances, the last of which is the end. */
const spaced: Operator = (call, writer) => {
  const [start, stop] = [call.number(0, "the start"), call.number(1, "the stop")];
  const count = call.integer(2, "the count");
  if (count < 1) call.fail(`the count is ${count} but must be at least 1`);
  const step = count > 1 ? (stop - start) / (count - 1) : 0;
  const steps = writer.layer("range", [writer.float(0), writer.float(count), writer.float(1)])[0];
  const scaled = writer.arithmetic("mul", steps, writer.float(step));
  return writer.arithmetic("add", scaled, writer.float(start));
};

export const shapeOperators: Operators = {
  Shape: shapes,
  ShapeN: shapes,
  Size: (call, writer) => writer.ints(sizeOf(call.input(0).shape)),
  Rank: (call, writer) => writer.ints(call.input(0).shape.length),
  Reshape: reshape,
  Squeeze: squeeze,
  ExpandDims: expandDims,
  Transpose: transpose,
  Pack: pack,
  Unpack: unpack,
  Split: splitEvenly,
  SplitV: splitAs,
  ConcatV2: concatenate,
  Concat: concatenateOld,
  Slice: slice,
  StridedSlice: stridedSlice,
  Pad: pad,
  PadV2: pad,
  MirrorPad: pad,
  Tile: tile,
  BroadcastTo: broadcastTo,
  BroadcastArgs: broadcastShapes,
  ReverseV2: reverse,
  DepthToSpace: depthToSpace("depthToSpace"),
  SpaceToDepth: depthToSpace("spaceToDepth"),
  Fill: rule("fill", ["the shape", "the value"]),
  LinSpace: spaced,
  Range: rule("range", ["the start", "the limit", "the step"]),
};
