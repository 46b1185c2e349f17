// Padding on any axes, by the op that is best at it.
import { ShapeError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import { type PadAxesParams, padAxes } from "../ops/boxes.ts";
import { axisList, show } from "../ops/check.ts";
import { isSpatial, type PadMode, pad } from "../ops/pad.ts";
import { slice } from "../ops/shape.ts";

/** Adds to any axes of an edge, or cuts off where an amount is below 0. What is cut off is not mirrored. */
export function padOnAxes(g: Graph, input: Edge, { pads, mode, value }: PadAxesParams, where: string): Edge {
  let x = input;
  axisList(pads, x.shape.length, "pads", where);
  if (pads.some((pair) => pair.some((amount) => amount < 0))) {
    const cut = pads.map(([before, after]) => [Math.min(before, 0), Math.min(after, 0)] as const);
    const size = x.shape.map((length, i) => length + cut[i][0] + cut[i][1]);
    const gone = size.findIndex((length) => length < 1);
    if (gone >= 0)
      throw new ShapeError(
        `${where}: pads[${gone}] is ${show(pads[gone])}, which leaves nothing of axis ${gone} of the input ${show(x.shape)}`,
      );
    x = g.op(slice, [x], { begin: cut.map(([before]) => -before), size });
  }
  const added = pads.map(([before, after]) => [Math.max(before, 0), Math.max(after, 0)] as const);
  if (x !== input && added.every(([before, after]) => before + after === 0)) return x;
  // What `pad` can do, fusion can make part of a convolution.
  const known = mode === "constant" || mode === "replicate" || mode === "reflect";
  const short = mode !== "reflect" || added.every((pair, i) => Math.max(...pair) < x.shape[i]);
  return known && short && x.dtype === "float32" && isSpatial(added)
    ? g.op(pad, [x], { pads: added, mode: mode as PadMode, value })
    : g.op(padAxes, [x], { pads: added, mode, value });
}
