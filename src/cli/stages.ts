// The stages of Canny's method on one sheet.
import { type CannyStages, colorMap, type Image, montage } from "../image/index.ts";
import type { Picture } from "./picture.ts";

/** RGB by the direction of the gradient, in degrees. */
const COLORS: Readonly<Record<number, readonly [number, number, number]>> = {
  0: [230, 80, 60],
  45: [240, 200, 60],
  90: [70, 170, 90],
  135: [80, 130, 230],
};

export function stageSheet(stages: CannyStages): Picture {
  const { gray, smoothed, dx, dy, magnitude, thinned, thresholds, edges, low, high } = stages;
  const signed = (image: Image<Float32Array>) => colorMap(image, "gray", { range: "symmetric" });
  // Beyond the upper threshold all is white, so that weak edges are seen.
  const strength = (image: Image<Float32Array>) => colorMap(image, "gray", { range: [0, 2 * high || 1] });
  const limit = (value: number): string => String(Number(value.toPrecision(3)));
  const tiles: Readonly<Record<string, Image>> = {
    gray,
    smoothed,
    "derivative to the right": signed(dx),
    "derivative downwards": signed(dy),
    magnitude: strength(magnitude),
    "direction of the gradient": directions(stages),
    "thinned: largest across the edge": strength(thinned),
    [`above low ${limit(low)}, high ${limit(high)}`]: thresholds,
    "edges: what touches a strong one": edges,
  };
  return montage(Object.values(tiles), { columns: 3, gap: 8, labels: Object.keys(tiles) });
}

/** Directions as colors where there is a gradient above the lower threshold. */
function directions({ direction, magnitude, low }: CannyStages): Image {
  const { width, height } = direction;
  const data = new Uint8Array(width * height * 3);
  direction.data.forEach((degrees, p) => {
    if (magnitude.data[p] > low) data.set(COLORS[degrees], p * 3);
  });
  return { data, width, height, channels: 3 };
}
