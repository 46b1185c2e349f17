// Gradients of dense layers.
import { denseValue, float32, type Op, sizeOf, type Value } from "../../graph/op.ts";
import { arity } from "../../ops/check.ts";
import { dense } from "../../ops/dense.ts";
import { biasGradient, emitFilterGrad } from "./filter-grad.ts";
import { type GradientEntry, gradientOf, whereWanted } from "./rule.ts";
import { transposeFilter } from "./transpose-filter.ts";

/** dw [in, out] of x [..., in] and dy [..., out]. */
export const denseFilterGrad: Op<object> = {
  name: "denseFilterGrad",
  infer(inputs, _params, where) {
    arity(inputs, 2, 2, where);
    return [float32(inputs.map((t) => t.shape.at(-1)!))];
  },
  forward(e, [x, dy], [dw]) {
    const one = { size: 1, out: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 };
    const rows = ({ shape, base }: Value): Value =>
      denseValue(float32([sizeOf(shape.slice(0, -1)), shape.at(-1)!]), base);
    emitFilterGrad(e, dw.base, rows(x), rows(dy), [one, one, one], 1, "zeros");
  },
  multiplyAdds([x], [dw]) {
    return sizeOf(x.shape) * dw.shape[1];
  },
};

export const denseGradients: readonly GradientEntry[] = [
  gradientOf(dense, (g, { inputs: [x, w], params }, dy, wanted) => {
    if (params.activation) throw new Error("internal: a fused activation has no gradient");
    return whereWanted(wanted, [
      () => g.op(dense, [dy, g.op(transposeFilter, [w], { groups: 1, flip: false })], {}),
      () => g.op(denseFilterGrad, [x, dy], {}),
      () => biasGradient(g, dy),
    ]);
  }),
  // dw = xᵀ dy is linear in both.
  gradientOf(denseFilterGrad, (g, { inputs: [x, dy] }, ddw, wanted) =>
    whereWanted(wanted, [
      () => g.op(dense, [dy, g.op(transposeFilter, [ddw], { groups: 1, flip: false })], {}),
      () => g.op(dense, [x, ddw], {}),
    ]),
  ),
];
