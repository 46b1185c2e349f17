// A filter seen from the other side: what takes gradients of outputs back to inputs.
import { denseStrides, float32, type Op, sizeOf } from "../../graph/op.ts";
import { arity } from "../../ops/check.ts";
import { stridedCopy } from "../../ops/strided.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

export interface TransposeFilterParams {
  groups: number;
  /** Whether the taps are reversed on every axis. */
  flip: boolean;
}

/** [k..., in / groups, out] to [k..., out / groups, in]. */
export const transposeFilter: Op<TransposeFilterParams> = {
  name: "transposeFilter",
  infer(inputs, { groups }, where) {
    arity(inputs, 1, 1, where);
    const { shape } = inputs[0];
    const [inputsPerGroup, outputs] = shape.slice(-2);
    return [float32([...shape.slice(0, -2), outputs / groups, inputsPerGroup * groups])];
  },
  forward(e, [w], [out], { groups, flip }) {
    const taps = sizeOf(w.shape.slice(0, -2));
    const [C, N] = [w.shape.at(-2)!, w.shape.at(-1)! / groups];
    const [tap, ...rest] = denseStrides([taps, C, groups, N]);
    const [, n, ...to] = denseStrides([taps, N, groups, C]);
    const from = flip ? w.base.plus((taps - 1) * tap) : w.base;
    stridedCopy(e, out.base, from, [
      { size: taps, out: tap, x: flip ? -tap : tap },
      { size: C, out: to[1], x: rest[0] },
      { size: groups, out: to[0], x: rest[1] },
      { size: N, out: n, x: rest[2] },
    ]);
  },
};

/** It is its own inverse, and moves values alone: its own adjoint. */
export const transposeFilterGradients: readonly GradientEntry[] = [
  gradientOf(transposeFilter, (g, { params }, dy) => [g.op(transposeFilter, [dy], params)]),
];
