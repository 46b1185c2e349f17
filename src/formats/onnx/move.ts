// What models read from files move by known rules, as ONNX nodes: parts, repetitions, padding of any axes, triangles, sequences.
import {
  type ExpandParams,
  expand,
  type PadAxesParams,
  padAxes,
  type StridedSliceParams,
  sourceOf,
  stridedSlice,
  type TileParams,
  tile,
} from "../../ops/boxes.ts";
import { axisOf } from "../../ops/check.ts";
import {
  nonZero,
  type ReverseSequenceParams,
  reverseSequence,
  type TriangleParams,
  triangle,
} from "../../ops/move.ts";
import { sizeOf } from "../../tensor.ts";
import {
  arranged,
  axisIn,
  entry,
  fillUp,
  PAD_MODES,
  range,
  type Translation,
  type TranslationEntry,
} from "./call.ts";

/** An end before the first index. */
const BEFORE_ALL = -(2 ** 31);

const writeStridedSlice: Translation<StridedSliceParams> = (
  g,
  { inputs: [x], outputs: [y], params: { begin, size, step } },
) => {
  const layout = g.layout(x);
  const rank = x.shape.length;
  const cut = range(rank).filter((axis) => size[axis] !== x.shape[axis] || step[axis] !== 1);
  if (!cut.length) return g.alias(y, x);
  const end = (axis: number): number => {
    const last = begin[axis] + (size[axis] - 1) * step[axis];
    if (step[axis] > 0) return last + 1;
    return last === 0 ? BEFORE_ALL : last - 1;
  };
  const lists = [
    cut.map((axis) => begin[axis]),
    cut.map(end),
    cut.map((axis) => axisIn(layout, axis, rank)),
    cut.map((axis) => step[axis]),
  ];
  g.define(y, g.emit("Slice", [g.value(x, layout), ...lists.map((list) => g.ints(list))]), layout);
};

const writeTile: Translation<TileParams> = (g, { inputs: [x], outputs: [y], params }) => {
  const layout = g.layout(x);
  g.define(y, g.emit("Tile", [g.value(x, layout), g.ints(arranged(params.repeats, layout))]), layout);
};

const writeExpand: Translation<ExpandParams> = (g, { inputs: [x], outputs: [y] }) => {
  const layout = x.shape.length === y.shape.length ? g.layout(x) : "last";
  // An open batch is as long as it is.
  const shape = g.open ? [1, ...y.shape.slice(1)] : y.shape;
  g.define(y, g.emit("Expand", [g.value(x, layout), g.ints(arranged(shape, layout))]), layout);
};

const writePadAxes: Translation<PadAxesParams> = (
  g,
  { inputs: [x], outputs: [y], params: { pads, mode, value } },
) => {
  const layout = g.layout(x);
  const rank = x.shape.length;
  const from = g.value(x, layout);
  const mirrors = mode === "reflect" && pads.every((pair, i) => Math.max(...pair) < x.shape[i]);
  if (mode === "constant" || mode === "replicate" || mirrors) {
    const pairs = arranged(pads, layout);
    const amounts = g.ints([...pairs.map(([before]) => before), ...pairs.map(([, after]) => after)]);
    const operands = [from, amounts, ...(mode === "constant" ? [g.numbers([value], [], x.dtype)] : [])];
    return g.define(y, g.emit("Pad", operands, { mode: PAD_MODES[mode] }), layout);
  }
  // What ONNX's op cannot repeat is taken by index.
  let made = from;
  pads.forEach(([before, after], axis) => {
    if (before + after === 0) return;
    const size = x.shape[axis];
    const indices = range(before + size + after).map((i) => sourceOf(mode, i - before, size));
    made = g.emit("Gather", [made, g.ints(indices)], { axis: axisIn(layout, axis, rank) });
  });
  if (made === from) g.alias(y, x);
  else g.define(y, made, layout);
};

const writeTriangle: Translation<TriangleParams> = (
  g,
  { inputs: [x], outputs: [y], params: { upper, k } },
) => {
  const integer = x.dtype === "int32";
  // Runtimes have it for int64, and not for int32.
  const from = integer ? g.indices(x) : g.value(x, "last");
  const made = g.emit("Trilu", [from, g.ints([k], [])], { upper: Number(upper) });
  g.define(y, integer ? g.cast(made, "int32") : made, "last");
};

const writeReverseSequence: Translation<ReverseSequenceParams> = (
  g,
  { inputs: [x, lengths], outputs: [y], params, where },
) => {
  const rank = x.shape.length;
  const batch = axisOf(params.batchAxis, rank, where);
  const time = axisOf(params.timeAxis, rank, where);
  // ONNX's op has these two axes in front.
  const leading = Math.max(batch, time) < 2;
  const perm = [batch, time, ...range(rank).filter((axis) => axis !== batch && axis !== time)];
  const from = g.value(x, "last");
  const turned = leading ? from : g.emit("Transpose", [from], { perm });
  const axes = leading ? { batch_axis: batch, time_axis: time } : { batch_axis: 0, time_axis: 1 };
  const made = g.emit("ReverseSequence", [turned, g.indices(lengths)], axes);
  const back = range(rank).map((axis) => perm.indexOf(axis));
  g.define(y, leading ? made : g.emit("Transpose", [made], { perm: back }), "last");
};

const writeNonZero: Translation<object> = (g, { inputs: [x], outputs: [indices, count] }) => {
  const all = sizeOf(x.shape);
  const from = x.shape.length ? g.value(x, "last") : g.reshape(g.value(x, "last"), [1]);
  const places = g.emit("NonZero", [from]);
  const found = g.emit("Shape", [places], { start: 1, end: 2 });
  g.define(indices, g.cast(fillUp(g, places, 1, 2, found, all, -1), "int32"), "last");
  g.define(count, g.cast(found, "int32"), "last");
};

export const moveTranslations: readonly TranslationEntry[] = [
  entry(stridedSlice, writeStridedSlice),
  entry(tile, writeTile),
  entry(expand, writeExpand),
  entry(padAxes, writePadAxes),
  entry(triangle, writeTriangle),
  entry(reverseSequence, writeReverseSequence),
  entry(nonZero, writeNonZero),
];
