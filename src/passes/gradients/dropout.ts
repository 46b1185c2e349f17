// The gradient of dropout: dropout by the same mask.
import { dropout } from "../../ops/dropout.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

export const dropoutGradients: readonly GradientEntry[] = [
  gradientOf(dropout, (g, { inputs: [, state], params }, dy) => [g.op(dropout, [dy, state], params)]),
];
