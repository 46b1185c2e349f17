// Gradients of dense layers.
import { float32, type Op, sizeOf, type TensorType } from "../../graph/op.ts";
import { arity } from "../../ops/check.ts";
import { dense } from "../../ops/dense.ts";
import { biasGradient, emitFilterGrad } from "./filter-grad.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";
import { transposeFilter } from "./transpose-filter.ts";

/** dw [in, out] of x [..., in] and dy [..., out]. */
const denseFilterGrad: Op<object> = {
  name: "denseFilterGrad",
  infer(inputs, _params, where) {
    arity(inputs, 2, 2, where);
    return [float32(inputs.map((t) => t.shape.at(-1)!))];
  },
  forward(e, [x, dy], [dw]) {
    const one = { size: 1, out: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 };
    const rows = ({ shape }: TensorType): number[] => [sizeOf(shape.slice(0, -1)), shape.at(-1)!];
    emitFilterGrad(
      e,
      dw.base,
      { base: x.base, shape: rows(x) },
      { base: dy.base, shape: rows(dy) },
      [one, one, one],
      1,
      "zeros",
    );
  },
  multiplyAdds([x], [dw]) {
    return sizeOf(x.shape) * dw.shape[1];
  },
};

export const denseGradients: readonly GradientEntry[] = [
  gradientOf(dense, (g, { inputs: [x, w], params }, dy, wanted) => {
    if (params.activation) throw new Error("internal: a fused activation has no gradient");
    return [
      wanted[0] ? g.op(dense, [dy, g.op(transposeFilter, [w], { groups: 1, flip: false })], {}) : undefined,
      wanted[1] ? g.op(denseFilterGrad, [x, dy], {}) : undefined,
      wanted[2] ? biasGradient(g, dy) : undefined,
    ];
  }),
];
