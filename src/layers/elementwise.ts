// Layers that combine values one by one.
import type { Edge, Graph } from "../graph/graph.ts";
import { pair } from "../ops/arithmetic.ts";
import { affine, type BinaryKind, binary } from "../ops/elementwise.ts";
import { aNumber, needed } from "../validate.ts";
import { anActivation, aShare } from "./checks.ts";
import { type ActivationConfig, applyActivation } from "./fused.ts";
import { defineLayer, defineSimpleLayer, type Named } from "./layer.ts";

export interface MergeConfig extends Named {
  /** Applied to the result. Default none. */
  activation?: ActivationConfig;
}

/** a ∘ b of floats, or of integers. */
const combine = (g: Graph, kind: BinaryKind, a: Edge, b: Edge): Edge =>
  a.dtype === "float32" && b.dtype === "float32"
    ? g.op(binary, [a, b], { kind })
    : g.op(pair, [a, b], { op: kind });

/** Folds any number of inputs from the left, with NumPy broadcasting. */
const fold = (kind: BinaryKind) =>
  defineSimpleLayer<MergeConfig>(kind, {
    options: { activation: anActivation },
    inputs: [2, Number.POSITIVE_INFINITY],
    build(g, c, [first, ...rest]) {
      const y = rest.reduce((a, b) => combine(g, kind, a, b), first);
      return applyActivation(g, y, c.activation);
    },
  });

/** a + b + ... */
export const add = fold("add");
/** a − b */
export const sub = fold("sub");
/** a * b * ... */
export const mul = fold("mul");
/** a / b */
export const div = fold("div");
/** The smaller value. */
export const min = fold("min");
/** The larger value. */
export const max = fold("max");

export interface RescaleConfig extends Named {
  /** Default 1. */
  scale?: number;
  /** Default 0. */
  offset?: number;
}

/** x * scale + offset */
export const rescale = defineLayer<RescaleConfig>("rescale", {
  options: { scale: aNumber, offset: aNumber },
  build: (g, c, [x]) => g.op(affine, [x], { scale: c.scale ?? 1, offset: c.offset ?? 0 }),
});

export interface DropoutConfig extends Named {
  /** The probability with which a value is dropped in training. */
  rate: number;
}

/** In training, sets values to 0 at random and scales the others by 1 / (1 − rate); otherwise returns its input. */
export const dropout = defineLayer<DropoutConfig>("dropout", {
  options: { rate: needed(aShare, "0.5") },
  build: (g, { rate }, [x]) => g.activeTraining?.dropout(g, x, rate) ?? x,
});

/** Returns its input. */
export const identity = defineSimpleLayer<Named>("identity", {
  options: {},
  build: (_g, _c, [x]) => x,
});
