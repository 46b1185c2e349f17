// The gradient of padding: what lies in the border is dropped, or added to the pixels it was copied from.
import type { Edge, Graph } from "../../graph/graph.ts";
import { type PadParams, pad } from "../../ops/pad.ts";
import { slice } from "../../ops/shape.ts";
import { combine, sparseMatrix, transposed } from "./combine.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

/** The pixel that a border of mode "reflect" or "replicate" repeats at `i`, inside or outside. */
function sourceOf(i: number, size: number, mode: "reflect" | "replicate"): number {
  if (mode === "replicate") return Math.min(Math.max(i, 0), size - 1);
  return i < 0 ? -i : i < size ? i : 2 * (size - 1) - i;
}

/** The gradient of x from that of the padded x. */
export function padGradient(g: Graph, x: Edge, dy: Edge, { pads, mode }: PadParams): Edge {
  if (pads.every(([before, after]) => before + after === 0)) return dy;
  if (mode === "constant") return g.op(slice, [dy], { begin: pads.map(([before]) => before), size: x.shape });
  const axes = pads.slice(1, -1).map(([before, after], i) => {
    const size = x.shape[i + 1];
    return transposed(
      sparseMatrix(size, before + size + after, (j) => [[sourceOf(j - before, size, mode), 1]]),
    );
  });
  return g.op(combine, [dy], { axes });
}

export const padGradients: readonly GradientEntry[] = [
  gradientOf(pad, (g, { inputs: [x], params }, dy) => [padGradient(g, x, dy, params)]),
];
