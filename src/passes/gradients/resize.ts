// The gradients of resizing and of interpolation along any axes: the transposed matrices.
import { type AxisTable, interpolate, interpolationsOf } from "../../ops/interpolate.ts";
import { linearIndices, nearestIndices, type ResizeParams, resize } from "../../ops/resize.ts";
import { combine, isIdentity, type SparseMatrix, sparseMatrix, type Term, transposed } from "./combine.ts";
import { combineAxis } from "./combine-axis.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

/** The interpolation along an axis as a matrix. */
function interpolation(
  size: number,
  out: number,
  { method, coordinates }: Pick<ResizeParams, "method" | "coordinates">,
): SparseMatrix {
  if (method === "nearest") {
    const indices = nearestIndices(size, out, coordinates);
    return sparseMatrix(size, out, (i) => [[indices[i], 1]]);
  }
  const { indices, weights } = linearIndices(size, out, coordinates);
  return sparseMatrix(size, out, (i) => {
    const [at, weight] = [indices[i], weights[i]];
    return weight === 0
      ? [[at, 1]]
      : [
          [at, Math.fround(1 - weight)],
          [at + 1, weight],
        ];
  });
}

/** A table of interpolation as a matrix. Pixels from outside the image have no terms. */
function tableMatrix(size: number, out: number, { starts, taps, weights }: AxisTable): SparseMatrix {
  return sparseMatrix(size, out, (i) =>
    starts[i] < 0
      ? []
      : Array.from({ length: taps }, (_, t): Term => [starts[i] + t, weights ? weights[i * taps + t] : 1]),
  );
}

export const resizeGradients: readonly GradientEntry[] = [
  gradientOf(resize, (g, { inputs: [x], params }, dy) => {
    const axes = params.size.map((out, i) => transposed(interpolation(x.shape[i + 1], out, params)));
    return [axes.every(isIdentity) ? dy : g.op(combine, [dy], { axes })];
  }),
  gradientOf(interpolate, (g, { inputs: [x], params }, dy) => {
    if (x.dtype !== "float32") return [undefined];
    let d = dy;
    for (const { axis, out, table } of interpolationsOf(x.shape, params))
      d = combineAxis(g, d, axis, transposed(tableMatrix(x.shape[axis], out, table)));
    return [d];
  }),
];
