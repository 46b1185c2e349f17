// Another size for the one to three spatial axes of [n, ...spatial, c]: nearest pixel, or linear between neighbours.

import { ShapeError } from "../errors.ts";
import { fields, float32, type Op } from "../graph/op.ts";
import { RESIZE_INDICES, RESIZE_N, RESIZE_OD } from "../runtime/wasm.ts";
import { arity, checkShape, perAxis, requireFloats, show } from "./check.ts";
import { threeAxes } from "./window.ts";

export type ResizeMethod = "nearest" | "linear";

/**
 * Where output pixel i of an axis lies in the input.
 * - `"halfPixel"`: (i + 1/2) · in / out − 1/2. PyTorch's align_corners=False and "nearest-exact", TensorFlow 2,
 *   ONNX's default.
 * - `"alignCorners"`: i · (in − 1) / (out − 1): first and last pixels coincide.
 * - `"asymmetric"`: i · in / out. PyTorch's "nearest".
 */
export type ResizeCoordinates = "halfPixel" | "alignCorners" | "asymmetric";

export interface ResizeParams {
  /** The new spatial size, outermost axis first. */
  size: readonly number[];
  method: ResizeMethod;
  coordinates: ResizeCoordinates;
}

/** The place of output pixel i as a fraction of whole numbers: nothing is rounded yet. */
function place(
  i: number,
  size: number,
  out: number,
  coordinates: ResizeCoordinates,
): [over: number, under: number] {
  if (coordinates === "asymmetric") return [i * size, out];
  if (coordinates === "alignCorners") return out === 1 ? [0, 1] : [i * (size - 1), out - 1];
  return [(2 * i + 1) * size - out, 2 * out];
}

/**
 * The input pixel nearest to every output pixel: halves go up for alignCorners; halfPixel and asymmetric take the
 * pixel whose cell holds the place, floor((i + 1/2) · in / out) and floor(i · in / out).
 */
export function nearestIndices(size: number, out: number, coordinates: ResizeCoordinates): Int32Array {
  return Int32Array.from({ length: out }, (_, i) => {
    const [over, under] = place(i, size, out, coordinates);
    const nearest =
      coordinates === "asymmetric" ? Math.floor(over / under) : Math.floor((2 * over + under) / (2 * under));
    return Math.min(nearest, size - 1);
  });
}

/** For every output pixel, the input pixel at or before it and the weight of the one after. */
export function linearIndices(
  size: number,
  out: number,
  coordinates: ResizeCoordinates,
): { indices: Int32Array; weights: Float32Array } {
  const indices = new Int32Array(out);
  const weights = new Float32Array(out);
  for (let i = 0; i < out; i++) {
    const [over, under] = place(i, size, out, coordinates);
    // Outside the outer pixels' centres there is only the outer pixel.
    if (over <= 0) continue;
    const rest = over % under;
    indices[i] = Math.min((over - rest) / under, size - 1);
    weights[i] = indices[i] < size - 1 ? rest / under : 0;
  }
  return { indices, weights };
}

export const resize: Op<ResizeParams> = {
  name: "resize",
  infer(inputs, { size, method, coordinates }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    requireFloats(x, where);
    const axes = x.shape.length - 2;
    if (axes < 1 || axes > 3)
      throw new ShapeError(
        `${where}: input has rank ${x.shape.length} (shape ${show(x.shape)}) but must have rank 3 to 5 ` +
          "([n, ...spatial, c] with one to three spatial axes)",
      );
    if (!Array.isArray(size) || size.length !== axes)
      throw new ShapeError(
        `${where}: size is ${JSON.stringify(size)} but must be a list of ${axes}, ` +
          `one per spatial axis of input ${show(x.shape)}`,
      );
    perAxis(size, axes, "size", where, 1);
    if (method !== "nearest" && method !== "linear")
      throw new ShapeError(`${where}: method is ${JSON.stringify(method)} but must be "nearest" or "linear"`);
    if (coordinates !== "halfPixel" && coordinates !== "alignCorners" && coordinates !== "asymmetric")
      throw new ShapeError(
        `${where}: coordinates is ${JSON.stringify(coordinates)} but must be ` +
          '"halfPixel", "alignCorners" or "asymmetric"',
      );
    const shape = [x.shape[0], ...size, x.shape[x.shape.length - 1]];
    checkShape(shape, "output", where);
    return [float32(shape)];
  },
  forward(e, [x], [out], { method, coordinates }) {
    const sizes = threeAxes(x.shape.slice(1, -1), 1);
    const outs = threeAxes(out.shape.slice(1, -1), 1);
    const units = x.shape[0] * outs[0] * outs[1];
    const recordOf = (tables: Int32Array[]): number[] =>
      fields({
        [RESIZE_N]: [x.shape[0], ...sizes, x.shape[x.shape.length - 1]],
        [RESIZE_OD]: outs,
        [RESIZE_INDICES]: tables.flatMap((table) => [...table]),
      });
    if (method === "nearest") {
      const record = recordOf(sizes.map((size, i) => nearestIndices(size, outs[i], coordinates)));
      e.call("resize_nearest_f32", units, [out.base, x.base, e.table(record)]);
    } else {
      const axes = sizes.map((size, i) => linearIndices(size, outs[i], coordinates));
      const record = recordOf(axes.map((axis) => axis.indices));
      const weights = Float32Array.from(axes.flatMap((axis) => [...axis.weights]));
      e.call("resize_linear_f32", units, [out.base, x.base, e.table(record), e.constant(weights)]);
    }
  },
};
