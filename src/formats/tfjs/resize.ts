// Keras layers that repeat or interpolate pixels.
import * as layers from "../../layers/resize.ts";
import { reshape } from "../../layers/shape.ts";
import { onlyInput, spatialInput, type Translation, type Translations } from "./call.ts";

// Factors are whole, so every way of picking the nearest pixel agrees. Bilinear maps pixel i to i * in / out, as
// TensorFlow.js does.
const upsampling =
  (axes: number): Translation =>
  (call) => {
    const x = spatialInput(call, axes);
    const factor = call.config.sizes("size", axes, 1, 2);
    const words = axes === 2 ? (["nearest", "bilinear"] as const) : (["nearest"] as const);
    const word = call.config.word<"nearest" | "bilinear">("interpolation", words, "nearest");
    const method = word === "bilinear" ? "linear" : "nearest";
    return call.emit(layers.upsample({ factor, method, coordinates: "asymmetric" }), [x]);
  };

/** [batch, features] to [batch, n, features]. */
const repeatVector: Translation = (call) => {
  const row = call.emit(reshape({ shape: [0, 1, -1] }), [onlyInput(call, 2)], { rank: 3, part: "row" });
  return call.emit(layers.upsample({ factor: call.config.integer("n", 1) }), [row]);
};

export const resizeTranslations: Translations = {
  UpSampling1D: upsampling(1),
  UpSampling2D: upsampling(2),
  UpSampling3D: upsampling(3),
  RepeatVector: repeatVector,
};
