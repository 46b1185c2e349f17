// Gradients of ops that move values: the same values moved back.
import { axisOf } from "../../ops/check.ts";
import { pad } from "../../ops/pad.ts";
import {
  concat,
  depthToSpace,
  flatten,
  reshape,
  slice,
  spaceToDepth,
  split,
  stopGradient,
  transpose,
} from "../../ops/shape.ts";
import { reshapeTo, zeros } from "./broadcast.ts";
import { type GradientEntry, gradientOf, gradientOfOutputs } from "./rule.ts";

export const shapeGradients: readonly GradientEntry[] = [
  gradientOf(reshape, (g, { inputs: [x] }, dy) => [reshapeTo(g, dy, x.shape)]),
  gradientOf(flatten, (g, { inputs: [x] }, dy) => [reshapeTo(g, dy, x.shape)]),
  gradientOf(stopGradient, () => [undefined]),
  gradientOf(transpose, (g, { params: { perm } }, dy) => [
    g.op(transpose, [dy], { perm: perm.map((_, i) => perm.indexOf(i)) }),
  ]),
  gradientOf(concat, (g, { inputs, params }, dy, wanted) => {
    const axis = axisOf(params.axis, dy.shape.length, "concat");
    let start = 0;
    return inputs.map((x, i) => {
      const begin = dy.shape.map(() => 0).with(axis, start);
      start += x.shape[axis];
      return wanted[i] ? g.op(slice, [dy], { begin, size: x.shape }) : undefined;
    });
  }),
  gradientOf(slice, (g, { inputs: [x], outputs: [y], params: { begin } }, dy) => {
    const pads = x.shape.map((d, i) => [begin[i], d - begin[i] - y.shape[i]] as const);
    return [g.op(pad, [dy], { pads, mode: "constant", value: 0 })];
  }),
  gradientOfOutputs(split, (g, { outputs, params: { axis } }, dys) => [
    g.op(
      concat,
      outputs.map((y, i) => dys[i] ?? zeros(g, y.shape)),
      { axis },
    ),
  ]),
  gradientOf(depthToSpace, (g, { params }, dy) => [g.op(spaceToDepth, [dy], params)]),
  gradientOf(spaceToDepth, (g, { params }, dy) => [g.op(depthToSpace, [dy], params)]),
];
