// The version of ONNX's operators that a file is written for: the oldest that has all that its layers need.
import type { Node } from "../../graph/graph.ts";
import { type PairParams, pair } from "../../ops/arithmetic.ts";
import { type InterpolateParams, interpolate } from "../../ops/interpolate.ts";
import { type ScatterNDParams, scatterElements, scatterND } from "../../ops/scatter.ts";

const OLDEST = 17;

/** The version of each node, where its op is newer. */
function versionOf({ op, params }: Node): number {
  if (op === scatterND || op === scatterElements) {
    const { op: merge } = params as ScatterNDParams;
    return merge === "min" || merge === "max" ? 18 : OLDEST;
  }
  if (op === pair) return ["and", "or", "xor"].includes((params as PairParams).op) ? 18 : OLDEST;
  if (op === interpolate) {
    const { coordinates, antialias } = params as InterpolateParams;
    if (coordinates === "halfPixelSymmetric") return 19;
    return antialias ? 18 : OLDEST;
  }
  return OLDEST;
}

export const opsetOf = (nodes: readonly Node[]): number =>
  nodes.reduce((newest, node) => Math.max(newest, versionOf(node)), OLDEST);
