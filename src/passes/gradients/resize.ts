// The gradient of resizing: the transposed interpolation matrices.
import { linearIndices, nearestIndices, type ResizeParams, resize } from "../../ops/resize.ts";
import { combine, isIdentity, type SparseMatrix, sparseMatrix, transposed } from "./combine.ts";
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

export const resizeGradients: readonly GradientEntry[] = [
  gradientOf(resize, (g, { inputs: [x], params }, dy) => {
    const axes = params.size.map((out, i) => transposed(interpolation(x.shape[i + 1], out, params)));
    return [axes.every(isIdentity) ? dy : g.op(combine, [dy], { axes })];
  }),
];
