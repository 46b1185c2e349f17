// Resizing of the spatial axes as an ONNX node.
import { type ResizeParams, resize } from "../../ops/resize.ts";
import { entry, type Translation, type TranslationEntry } from "./call.ts";

const COORDINATES = {
  halfPixel: "half_pixel",
  alignCorners: "align_corners",
  asymmetric: "asymmetric",
} as const;

const writeResize: Translation<ResizeParams> = (g, { inputs: [x], outputs: [y], params: p }) => {
  const from = g.value(x, "first");
  const scales = p.size.map((size, i) => size / x.shape[i + 1]);
  // Whole factors are exact in float32. Other sizes are given as sizes, with batch and channels read from the input.
  const target = scales.every(Number.isInteger)
    ? [g.floats([1, 1, ...scales], [scales.length + 2])]
    : ["", g.emit("Concat", [g.emit("Shape", [from], { start: 0, end: 2 }), g.ints(p.size)], { axis: 0 })];
  const attributes = {
    mode: p.method,
    coordinate_transformation_mode: COORDINATES[p.coordinates],
    nearest_mode: p.coordinates === "asymmetric" ? "floor" : "round_prefer_ceil",
  };
  g.define(y, g.emit("Resize", [from, "", ...target], attributes), "first");
};

export const resizeTranslations: readonly TranslationEntry[] = [entry(resize, writeResize)];
