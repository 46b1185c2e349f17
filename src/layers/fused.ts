// The `activation` of a layer's config.

import type { Edge, Graph } from "../graph/graph.ts";
import { type ActivationKind, activation } from "../ops/activation.ts";
import { logSoftmax, softmax } from "../ops/softmax.ts";

/** A kind by name, a kind with its alpha, or softmax over the channels. */
export type ActivationConfig =
  | ActivationKind
  | "softmax"
  | "logSoftmax"
  | { readonly kind: ActivationKind; readonly alpha?: number };

/** Appends an activation to an edge; none leaves it as it is. */
export function applyActivation(g: Graph, x: Edge, a: ActivationConfig | undefined): Edge {
  if (a === undefined || a === "linear") return x;
  if (a === "softmax") return g.op(softmax, [x], { axis: -1 });
  if (a === "logSoftmax") return g.op(logSoftmax, [x], { axis: -1 });
  return g.op(activation, [x], typeof a === "string" ? { kind: a } : a);
}
