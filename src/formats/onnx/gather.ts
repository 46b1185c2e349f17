// Values taken from, and written to, places that other values name, and the largest of many, as ONNX nodes.
import { type TakeParams, take } from "../../ops/boxes.ts";
import { axisOf } from "../../ops/check.ts";
import {
  type GatherElementsParams,
  type GatherNDParams,
  type GatherParams,
  gather,
  gatherElements,
  gatherKnown,
  gatherND,
} from "../../ops/gather.ts";
import {
  type OneHotParams,
  oneHot,
  type ScatterElementsParams,
  type ScatterNDParams,
  scatterElements,
  scatterND,
} from "../../ops/scatter.ts";
import { type TopKParams, topK } from "../../ops/top-k.ts";
import { axisIn, entry, range, type Translation, type TranslationEntry } from "./call.ts";

const writeGather: Translation<GatherParams> = (g, { inputs: [x, indices], outputs: [y], params, where }) => {
  const { batchDims } = params;
  const rank = x.shape.length;
  const axis = axisOf(params.axis, rank, where);
  const from = g.value(x, "last");
  if (batchDims === 0)
    return g.define(y, g.emit("Gather", [from, g.value(indices, "last")], { axis }), "last");
  // [batch..., axis, others...], of which GatherND takes what lists of one index name: [batch..., places..., others...].
  const between = range(rank).slice(batchDims, axis);
  const perm = [...range(batchDims), axis, ...between, ...range(rank).slice(axis + 1)];
  const turned = between.length ? g.emit("Transpose", [from], { perm }) : from;
  const lists = g.emit("Unsqueeze", [g.indices(indices), g.ints([-1])]);
  const taken = g.emit("GatherND", [turned, lists], { batch_dims: batchDims });
  const places = indices.shape.length;
  const back = [
    ...range(batchDims),
    ...between.map((_, i) => places + i),
    ...range(places).slice(batchDims),
    ...range(y.shape.length).slice(places + between.length),
  ];
  g.define(y, between.length ? g.emit("Transpose", [taken], { perm: back }) : taken, "last");
};

const writeKnown: Translation<TakeParams> = (g, { inputs: [x], outputs: [y], params: p, where }) => {
  const layout = g.layout(x);
  const rank = x.shape.length;
  const axis = axisIn(layout, axisOf(p.axis, rank, where), rank);
  g.define(y, g.emit("Gather", [g.value(x, layout), g.ints(p.indices)], { axis }), layout);
};

const writeGatherElements: Translation<GatherElementsParams> = (
  g,
  { inputs, outputs: [y], params, where },
) => {
  const axis = axisOf(params.axis, y.shape.length, where);
  const operands = inputs.map((edge) => g.value(edge, "last"));
  g.define(y, g.emit("GatherElements", operands, { axis }), "last");
};

const writeGatherND: Translation<GatherNDParams> = (g, { inputs: [x, indices], outputs: [y], params }) => {
  const operands = [g.value(x, "last"), g.indices(indices)];
  g.define(y, g.emit("GatherND", operands, { batch_dims: params.batchDims }), "last");
};

const writeScatterND: Translation<ScatterNDParams> = (
  g,
  { inputs: [x, indices, updates], outputs: [y], params },
) => {
  const operands = [g.value(x, "last"), g.indices(indices), g.value(updates, "last")];
  g.define(y, g.emit("ScatterND", operands, { reduction: params.op }), "last");
};

const writeScatterElements: Translation<ScatterElementsParams> = (
  g,
  { inputs, outputs: [y], params, where },
) => {
  const operands = inputs.map((edge) => g.value(edge, "last"));
  const axis = axisOf(params.axis, y.shape.length, where);
  g.define(y, g.emit("ScatterElements", operands, { axis, reduction: params.op }), "last");
};

const writeOneHot: Translation<OneHotParams> = (g, { inputs: [indices], outputs: [y], params, where }) => {
  const { depth, on, off, dtype, wrap } = params;
  const rank = y.shape.length;
  const axis = axisOf(params.axis, rank, where);
  const numbers = g.indices(indices);
  if (!wrap) {
    // ONNX's op counts indices below 0 from the end.
    const along = range(rank).map((i) => (i === axis ? depth : 1));
    const same = g.emit("Equal", [
      g.emit("Unsqueeze", [numbers, g.ints([axis])]),
      g.ints(range(depth), along),
    ]);
    const values = [on, off].map((value) => g.numbers([value], [], dtype));
    return g.define(y, g.emit("Where", [same, ...values]), "last");
  }
  const floats = dtype === "float32";
  const values = floats ? g.floats([off, on], [2]) : g.ints([off, on]);
  const made = g.emit("OneHot", [numbers, g.ints([depth], []), values], { axis });
  g.define(y, floats ? made : g.cast(made, "int32"), "last");
};

const writeTopK: Translation<TopKParams> = (
  g,
  { inputs: [x], outputs: [values, indices], params: { k, axis: given, largest }, where },
) => {
  const layout = g.layout(x);
  const rank = x.shape.length;
  const axis = axisIn(layout, axisOf(given, rank, where), rank);
  const attributes = { axis, largest: Number(largest), sorted: 1 };
  const [best, places] = g.emitAll("TopK", [g.value(x, layout), g.ints([k])], attributes, 2);
  g.define(values, best, layout);
  g.define(indices, g.cast(places, "int32"), layout);
};

export const gatherTranslations: readonly TranslationEntry[] = [
  entry(gather, writeGather),
  entry(gatherKnown, writeKnown),
  entry(take, writeKnown),
  entry(gatherElements, writeGatherElements),
  entry(gatherND, writeGatherND),
  entry(scatterND, writeScatterND),
  entry(scatterElements, writeScatterElements),
  entry(oneHot, writeOneHot),
  entry(topK, writeTopK),
];
