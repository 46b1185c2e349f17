// Gradients of reading and writing at indices: what was read somewhere is added up there. Indices that reading clamps are left out.
import { UnsupportedError } from "../../errors.ts";
import type { Edge, Graph } from "../../graph/graph.ts";
import { sizeOf } from "../../graph/op.ts";
import { expand, type TakeParams, take } from "../../ops/boxes.ts";
import { axisOf } from "../../ops/check.ts";
import { type GatherParams, gather, gatherElements, gatherKnown, gatherND } from "../../ops/gather.ts";
import { type Merge, scatterElements, scatterND } from "../../ops/scatter.ts";
import { reshape } from "../../ops/shape.ts";
import { topK } from "../../ops/top-k.ts";
import { reshapeTo, zeros } from "./broadcast.ts";
import { alongAxis } from "./combine-axis.ts";
import { type GradientEntry, gradientOf, gradientOfOutputs, whereWanted } from "./rule.ts";

/** dx of `gather`: indices are repeated in the shape of what they have read. */
function gatherGradient(g: Graph, x: Edge, indices: Edge, dy: Edge, { axis, batchDims }: GatherParams): Edge {
  const a = axisOf(axis, x.shape.length, "gather");
  const count = sizeOf(indices.shape.slice(batchDims));
  const shape = x.shape.with(a, count);
  const own = shape.map((size, i) => (i < batchDims || i === a ? size : 1));
  const places = g.op(expand, [g.op(reshape, [indices], { shape: own })], { shape });
  return g.op(scatterElements, [zeros(g, x.shape), places, reshapeTo(g, dy, shape)], { op: "add", axis: a });
}

/** dx where the indices are known. */
const takeGradient = (g: Graph, x: Edge, dy: Edge, { axis, indices }: TakeParams): Edge =>
  alongAxis(g, dy, axisOf(axis, x.shape.length, "take"), x.shape, indices);

/** The gradients of x and of the updates, which `read` reads and `clear` sets to 0. */
function scatterGradients(
  op: Merge,
  where: string,
  dy: Edge,
  wanted: readonly boolean[],
  read: () => Edge,
  clear: () => Edge,
): (Edge | undefined)[] {
  if (op !== "none" && op !== "add")
    throw new UnsupportedError(`${where}: updates by "${op}" have no gradient; "none" and "add" have`);
  const [ofX, , ofUpdates] = wanted;
  return [ofX ? (op === "add" ? dy : clear()) : undefined, undefined, ofUpdates ? read() : undefined];
}

export const gatherGradients: readonly GradientEntry[] = [
  gradientOf(gather, (g, { inputs: [x, indices], params }, dy, [ofX]) =>
    ofX ? [gatherGradient(g, x, indices, dy, params), undefined] : [undefined, undefined],
  ),
  ...[take, gatherKnown].map((op) =>
    gradientOf(op, (g, { inputs: [x], params }, dy) => [takeGradient(g, x, dy, params)]),
  ),
  gradientOf(gatherElements, (g, { inputs: [x, indices], params: { axis } }, dy, [ofX]) => [
    ofX ? g.op(scatterElements, [zeros(g, x.shape), indices, dy], { op: "add", axis }) : undefined,
    undefined,
  ]),
  gradientOf(gatherND, (g, { inputs: [x, indices], params: { batchDims }, where }, dy, [ofX]) => {
    if (!ofX) return [undefined, undefined];
    if (batchDims > 0) throw new UnsupportedError(`${where}: gatherND with batchDims has no gradient`);
    return [g.op(scatterND, [zeros(g, x.shape), indices, dy], { op: "add" }), undefined];
  }),
  gradientOf(scatterND, (g, { inputs: [, indices, updates], params: { op }, where }, dy, wanted) =>
    scatterGradients(
      ...([op, where, dy, wanted] as const),
      () => g.op(gatherND, [dy, indices], { batchDims: 0 }),
      () => g.op(scatterND, [dy, indices, zeros(g, updates.shape)], { op }),
    ),
  ),
  gradientOf(scatterElements, (g, { inputs: [, indices, updates], params, where }, dy, wanted) =>
    scatterGradients(
      ...([params.op, where, dy, wanted] as const),
      () => g.op(gatherElements, [dy, indices], { axis: params.axis }),
      () => g.op(scatterElements, [dy, indices, zeros(g, updates.shape)], params),
    ),
  ),
  gradientOfOutputs(topK, (g, { inputs: [x], outputs: [, indices], params: { axis } }, [dy], wanted) =>
    whereWanted(wanted, [
      () => g.op(scatterElements, [zeros(g, x.shape), indices, dy!], { op: "none", axis }),
    ]),
  ),
];
