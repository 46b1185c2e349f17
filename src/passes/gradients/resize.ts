// The gradient of resizing: the transposed interpolation matrices.
import { linearIndices, nearestIndices, type ResizeParams, resize } from "../../ops/resize.ts";
import { type Combination, combination, combine, isIdentity, transposed } from "./combine.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

/** What every output pixel of an axis takes of which input pixels. */
function interpolation(
  size: number,
  out: number,
  { method, coordinates }: Pick<ResizeParams, "method" | "coordinates">,
): Combination {
  if (method === "nearest") {
    const indices = nearestIndices(size, out, coordinates);
    return combination(size, out, (i) => [[indices[i], 1]]);
  }
  const { indices, weights } = linearIndices(size, out, coordinates);
  return combination(size, out, (i) => {
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
