// Limits of gradients, as ops of a graph.
import type { Edge, Graph } from "../graph/graph.ts";
import { isEmpty } from "../graph/op.ts";
import { binary } from "../ops/elementwise.ts";
import { normLimit, valueLimit } from "../ops/optimizer.ts";

export interface GradientLimits {
  /** The largest norm of all gradients together: they are scaled down to it. */
  readonly clipNorm?: number | undefined;
  /** The largest magnitude of a value. */
  readonly clipValue?: number | undefined;
}

/** Appends what keeps gradients within their limits: first each value, then the norm. */
export function limited(
  graph: Graph,
  gradients: readonly Edge[],
  { clipNorm, clipValue }: GradientLimits,
): readonly Edge[] {
  let edges = gradients;
  if (clipValue !== undefined)
    edges = edges.map((edge) => graph.op(valueLimit, [edge], { limit: clipValue }));
  const counted = edges.filter((edge) => !isEmpty(edge));
  if (clipNorm !== undefined && counted.length) {
    const [scale] = graph.apply(normLimit, counted, { limit: clipNorm });
    edges = edges.map((edge) => graph.op(binary, [edge, scale], { kind: "mul" }));
  }
  return edges;
}
