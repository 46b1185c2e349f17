// Gradients of im2col and col2im, each the other's adjoint.
import { col2im, im2col } from "../../ops/im2col.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

export const im2colGradients: readonly GradientEntry[] = [
  gradientOf(im2col, (g, { inputs: [x], params }, dy) => [
    g.op(col2im, [dy], { ...params, size: x.shape.slice(1, -1) }),
  ]),
  gradientOf(col2im, (g, { params }, dy) => [g.op(im2col, [dy], params)]),
];
