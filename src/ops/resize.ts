// Another size for the one to three spatial axes of [n, ...spatial, c]: nearest pixel, or linear between neighbours.
import { float32, type Op } from "../graph/op.ts";
import { resizeShape } from "../runtime/records.ts";
import { oneOf } from "../validate.ts";
import { arity, checkShape, checkSize, requireFloats, spatialShape } from "./check.ts";
import { pixelStrides, threeAxes } from "./window.ts";

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

/** The position of output pixel i as a fraction of whole numbers: nothing is rounded yet. */
function position(
  i: number,
  size: number,
  out: number,
  coordinates: ResizeCoordinates,
): [numerator: number, denominator: number] {
  if (coordinates === "asymmetric") return [i * size, out];
  if (coordinates === "alignCorners") return out === 1 ? [0, 1] : [i * (size - 1), out - 1];
  return [(2 * i + 1) * size - out, 2 * out];
}

/**
 * The input pixel nearest to every output pixel: halves go up for alignCorners; halfPixel and asymmetric take the pixel that
 * contains the position, floor((i + 1/2) · in / out) and floor(i · in / out).
 */
export function nearestIndices(size: number, out: number, coordinates: ResizeCoordinates): Int32Array {
  const indices = new Int32Array(out);
  for (let i = 0; i < out; i++) {
    const [a, b] = position(i, size, out, coordinates);
    const nearest = coordinates === "asymmetric" ? Math.floor(a / b) : Math.floor((2 * a + b) / (2 * b));
    indices[i] = Math.min(nearest, size - 1);
  }
  return indices;
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
    const [a, b] = position(i, size, out, coordinates);
    // Outside the outer pixels' centres there is only the outer pixel.
    if (a <= 0) continue;
    const rest = a % b;
    indices[i] = Math.min((a - rest) / b, size - 1);
    weights[i] = indices[i] < size - 1 ? rest / b : 0;
  }
  return { indices, weights };
}

export const resize: Op<ResizeParams> = {
  name: "resize",
  strided: { inputs: [0], outputs: true },
  infer(inputs, { size, method, coordinates }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    requireFloats(x, where);
    spatialShape(x, where);
    checkSize(size, x, where);
    oneOf(method, ["nearest", "linear"], "method", where);
    oneOf(coordinates, ["halfPixel", "alignCorners", "asymmetric"], "coordinates", where);
    const shape = [x.shape[0], ...size, x.shape[x.shape.length - 1]];
    checkShape(shape, "output", where);
    return [float32(shape)];
  },
  forward(e, [x], [out], { method, coordinates }) {
    const sizes = threeAxes(x.shape.slice(1, -1), 1);
    const outs = threeAxes(out.shape.slice(1, -1), 1);
    const units = x.shape[0] * outs[0] * outs[1];
    const shape = e.record(
      resizeShape({
        ...{ n: x.shape[0], size: sizes, c: x.shape[x.shape.length - 1], out: outs },
        ...{ xStrides: pixelStrides(x), outStrides: pixelStrides(out) },
      }),
    );
    if (method === "nearest") {
      const indices = new Int32Array(outs[0] + outs[1] + outs[2]);
      sizes.reduce((start, size, i) => {
        indices.set(nearestIndices(size, outs[i], coordinates), start);
        return start + outs[i];
      }, 0);
      e.call("resize_nearest_f32", units, [out.base, x.base, e.table(indices), shape]);
    } else {
      const indices = new Int32Array(outs[0] + outs[1] + outs[2]);
      const weights = new Float32Array(indices.length);
      sizes.reduce((start, size, i) => {
        const axis = linearIndices(size, outs[i], coordinates);
        indices.set(axis.indices, start);
        weights.set(axis.weights, start);
        return start + outs[i];
      }, 0);
      e.call("resize_linear_f32", units, [
        ...([out.base, x.base, e.table(indices), e.constant(weights), shape] as const),
      ]);
    }
  },
};
