// Canny's edges step by step, on one sheet:  npm run edges  or  node examples/edges/edges.mjs photo.jpg [out.png]
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { cannyStages, colorMap, createImageEngine, montage, resize } from "convolith/image";
import { encode } from "fast-png";
import { astronaut, readPhoto } from "../photo.mjs";

/** Pixels of a picture's longer side: three fit on a screen. */
const SIDE = 360;
/** Smooths away what is smaller than edges of interest. */
const SIGMA = 1.2;

const target = fileURLToPath(new URL("out/edges.png", import.meta.url));
const [path = astronaut, out = target] = process.argv.slice(2);
const engine = await createImageEngine();

const photo = readPhoto(path);
const fit = photo.width >= photo.height ? { width: SIDE } : { height: SIDE };
const smaller = Math.max(photo.width, photo.height) > SIDE;
const picture = resize(engine, photo, { ...fit, method: smaller ? "area" : "cubic" });

const stages = cannyStages(engine, picture, { sigma: SIGMA });
const { gray, smoothed, dx, dy, magnitude, thinned, thresholds, edges, low, high } = stages;
const bright = /** @type {const} */ ({ range: [0, 1.5 * high] });
const signed = /** @type {const} */ ({ range: [-1.5 * high, 1.5 * high] });

/** Red where brightness grows to the right or left, green up or down, yellow and blue along the diagonals. */
const COLORS = new Map([
  [0, [230, 80, 60]],
  [45, [240, 200, 60]],
  [90, [70, 170, 90]],
  [135, [80, 130, 230]],
]);
const directions = new Uint8Array(picture.width * picture.height * 3);
stages.direction.data.forEach((degrees, p) => {
  if (magnitude.data[p] > low) directions.set(COLORS.get(degrees) ?? [], p * 3);
});

/** @type {[label: string, image: import("convolith/image").PlainImage][]} */
const tiles = [
  ["1 The photo in gray", gray],
  [`2 Smoothed: Gaussian blur, σ = ${SIGMA}`, smoothed],
  ["3 Sobel: brightness grows to the right", colorMap(dx, "gray", signed)],
  ["4 Sobel: brightness grows downwards", colorMap(dy, "gray", signed)],
  ["5 Magnitude: how steep it is", colorMap(magnitude, "gray", bright)],
  ["6 Direction: 0° red, 45° yellow, 90° green", { ...picture, data: directions, channels: 3 }],
  ["7 Thinned: the crest of every slope", colorMap(thinned, "gray", bright)],
  [`8 Above ${low.toFixed(0)}: gray, above ${high.toFixed(0)}: white`, thresholds],
  ["9 Edges: white, and gray that touches it", edges],
];
const sheet = montage(
  tiles.map(([, image]) => image),
  { columns: 3, gap: 10, labels: tiles.map(([label]) => label) },
);
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, encode(sheet));

const found = Array.from(edges.data).filter((v) => v > 0).length;
console.log(`${path}\nthresholds, found from the photo: ${low.toFixed(1)} and ${high.toFixed(1)}`);
console.log(`${((100 * found) / edges.data.length).toFixed(1)} % of all pixels are edges\nwritten: ${out}`);
engine.dispose();
