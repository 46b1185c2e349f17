// Ops that move values and change shapes as ONNX nodes.
import { axisOf } from "../../ops/check.ts";
import { dense } from "../../ops/dense.ts";
import { type PadParams, pad } from "../../ops/pad.ts";
import {
  type BlockParams,
  type ConcatParams,
  concat,
  depthToSpace,
  flatten,
  reshape,
  type SliceParams,
  type SplitParams,
  slice,
  spaceToDepth,
  split,
  stopGradient,
  type TransposeParams,
  transpose,
} from "../../ops/shape.ts";
import {
  arranged,
  axisIn,
  entry,
  PAD_MODES,
  range,
  type Translation,
  type TranslationEntry,
} from "./call.ts";
import { channelsFirst, sameOrder } from "./graph.ts";

const writeFlatten: Translation<object> = (g, { inputs: [x], outputs: [y] }) => {
  if (x.shape.length < 2) return g.define(y, g.reshape(g.value(x, "last"), y.shape), "last");
  // Rather than transpose the values, flatten them channels first and permute the rows of the dense layers' weights.
  if (!sameOrder(x.shape) && g.layout(x) === "first" && g.onlyReadBy(y, dense))
    return g.defineFlattened(y, g.emit("Flatten", [g.value(x, "first")], { axis: 1 }), x.shape);
  g.define(y, g.emit("Flatten", [g.inOurOrder(x)], { axis: 1 }), "last");
};

const writeReshape: Translation<object> = (g, call) => {
  const {
    inputs: [x],
    outputs: [y],
  } = call;
  if (y.shape.length === 2 && x.shape.length > 2 && x.shape[0] === y.shape[0]) return writeFlatten(g, call);
  for (const layout of sameOrder(x.shape) ? g.layouts(x) : []) {
    const to = (["first", "last"] as const).find(
      (way) => String(arranged(y.shape, way)) === String(arranged(x.shape, layout)),
    );
    // Nothing but the place of an axis of size 1 changes.
    if (to) return g.define(y, g.value(x, layout), to);
  }
  const from = g.inOurOrder(x);
  if (sameOrder(y.shape)) g.define(y, g.reshape(from, channelsFirst(y.shape)), "first");
  else g.define(y, g.reshape(from, y.shape), "last");
};

const writeTranspose: Translation<TransposeParams> = (g, { inputs: [x], outputs: [y], params }) => {
  const rank = x.shape.length;
  const ways = g.layouts(x).flatMap((from) =>
    (["first", "last"] as const).map((to) => {
      const perm = arranged(params.perm, to).map((axis) => axisIn(from, axis, rank));
      return { from, to, perm, still: perm.every((axis, i) => axis === i) };
    }),
  );
  // A change of layout moves nothing.
  const free = ways.filter(({ still }) => still);
  if (free.length) {
    for (const { from, to } of free) g.define(y, g.value(x, from), to);
    return;
  }
  const { from, to, perm } = ways[0];
  g.define(y, g.emit("Transpose", [g.value(x, from)], { perm }), to);
};

const writeConcat: Translation<ConcatParams> = (g, { inputs, outputs: [y], params, where }) => {
  const layout = g.layout(...inputs);
  const rank = y.shape.length;
  const axis = axisIn(layout, axisOf(params.axis, rank, where), rank);
  const values = inputs.map((x) => g.value(x, layout));
  g.define(y, g.emit("Concat", values, { axis }), layout);
};

const writeSlice: Translation<SliceParams> = (g, { inputs: [x], outputs: [y], params: { begin } }) => {
  const layout = g.layout(x);
  const rank = x.shape.length;
  const cut = range(rank).filter((axis) => y.shape[axis] !== x.shape[axis]);
  if (!cut.length) return g.alias(y, x);
  const starts = g.ints(cut.map((axis) => begin[axis]));
  const ends = g.ints(cut.map((axis) => begin[axis] + y.shape[axis]));
  const axes = g.ints(cut.map((axis) => axisIn(layout, axis, rank)));
  g.define(y, g.emit("Slice", [g.value(x, layout), starts, ends, axes]), layout);
};

const writeSplit: Translation<SplitParams> = (g, { inputs: [x], outputs, params, where }) => {
  const layout = g.layout(x);
  const rank = x.shape.length;
  const axis = axisIn(layout, axisOf(params.axis, rank, where), rank);
  const operands = [g.value(x, layout), g.ints(params.sizes)];
  g.emitAll("Split", operands, { axis }, outputs.length).forEach((name, i) => {
    g.define(outputs[i], name, layout);
  });
};

const writePad: Translation<PadParams> = (
  g,
  { inputs: [x], outputs: [y], params: { pads, mode, value } },
) => {
  const layout = g.layout(x);
  const pairs = arranged(pads, layout);
  const amounts = g.ints([...pairs.map(([before]) => before), ...pairs.map(([, after]) => after)]);
  const operands = [g.value(x, layout), amounts, ...(mode === "constant" ? [g.scalar(value)] : [])];
  g.define(y, g.emit("Pad", operands, { mode: PAD_MODES[mode] }), layout);
};

const writeDepthToSpace: Translation<BlockParams> = (g, { inputs: [x], outputs: [y], params }) => {
  const attributes = { blocksize: params.block, mode: params.order.toUpperCase() };
  g.define(y, g.emit("DepthToSpace", [g.value(x, "first")], attributes), "first");
};

const writeSpaceToDepth: Translation<BlockParams> = (
  g,
  { inputs: [x], outputs: [y], params: { block, order } },
) => {
  const from = g.value(x, "first");
  if (order === "dcr") return g.define(y, g.emit("SpaceToDepth", [from], { blocksize: block }), "first");
  // ONNX has the other order only: [n, c, h, block, w, block] is transposed to [n, c, block, block, h, w].
  const [n, oh, ow] = y.shape;
  const blocks = g.reshape(from, [n, x.shape[3], oh, block, ow, block]);
  const transposed = g.emit("Transpose", [blocks], { perm: [0, 1, 3, 5, 2, 4] });
  g.define(y, g.reshape(transposed, channelsFirst(y.shape)), "first");
};

export const shapeTranslations: readonly TranslationEntry[] = [
  entry(reshape, writeReshape),
  entry(flatten, writeFlatten),
  entry(stopGradient, (g, { inputs: [x], outputs: [y] }) => g.alias(y, x)),
  entry(transpose, writeTranspose),
  entry(concat, writeConcat),
  entry(slice, writeSlice),
  entry(split, writeSplit),
  entry(pad, writePad),
  entry(depthToSpace, writeDepthToSpace),
  entry(spaceToDepth, writeSpaceToDepth),
];
