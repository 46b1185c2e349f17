// Kinds of layers computed in plain JavaScript where all their inputs are known while a file is read: the arithmetic of shapes, weights
// that are transposed or cast. The definitions are NumPy's, and those of the kinds; sizes may be 0.
import type { Json } from "../../validate.ts";
import type { Constant } from "./constant.ts";
import { arithmetic, cast, clip, compare, unary, where } from "./fold-elementwise.ts";
import { expand, gather, gatherElements, gatherND, oneHot, scatterND } from "./fold-gather.ts";
import {
  concat,
  fill,
  padAxes,
  range,
  reshape,
  reverse,
  split,
  stridedSlice,
  tile,
  transpose,
  trilu,
} from "./fold-moves.ts";
import { argExtreme, cumulate, reduction } from "./fold-reduce.ts";
import { FoldBudget, type Folding } from "./fold-shapes.ts";

export { FoldBudget };

const FOLDINGS: Readonly<Record<string, Folding>> = {
  unary,
  arithmetic,
  compare,
  where,
  cast,
  clip,
  reduction,
  argExtreme,
  cumulate,
  gather,
  gatherElements,
  gatherND,
  scatterND,
  oneHot,
  stridedSlice,
  tile,
  expand,
  padAxes,
  trilu,
  reverse,
  transpose,
  reshape,
  concat,
  split,
  range,
  fill,
};

/**
 * The outputs of a layer of that kind for constants; undefined for kinds that are not computed here.
 * @param config The config of the layer. `reshape` takes a shape without 0 and -1 standing for others. `range` [start, limit, delta] and
 * `fill` [shape, value] have none, and are no layers.
 * @param budget What may be spent on the constants of a whole model. Default: 2^28 bytes for this call.
 * @throws ShapeError for inputs that do not fit, UnsupportedError for operations not known here and results beyond the budget.
 */
export function fold(
  kind: string,
  inputs: readonly Constant[],
  config: Json,
  budget: FoldBudget = new FoldBudget(),
): Constant[] | undefined {
  return Object.hasOwn(FOLDINGS, kind) ? FOLDINGS[kind](inputs, config, budget, kind) : undefined;
}
