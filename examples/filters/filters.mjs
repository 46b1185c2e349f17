// Every kernel of the textbook on one photo, as a contact sheet:  npm run filters  or  node examples/filters/filters.mjs photo.jpg [out.png]
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import {
  colorMap,
  createImageEngine,
  crop,
  filter2d,
  KERNELS,
  montage,
  resize,
  toGray,
} from "convolith/image";
import { encode } from "fast-png";
import { astronaut, readPhoto } from "../photo.mjs";

/** Pixels of a tile: a screen holds eight, and one sees what 3 x 3 pixels do. */
const TILE = 192;
/** Pixels of the kernel in a tile's corner. */
const INSET = 54;

const target = fileURLToPath(new URL("out/filters.png", import.meta.url));
const [path = astronaut, out = target] = process.argv.slice(2);
const engine = await createImageEngine();

// The square in the middle of the photo, as large as a tile.
const photo = readPhoto(path);
const side = Math.min(photo.width, photo.height);
const square = crop(photo, {
  x: Math.floor((photo.width - side) / 2),
  y: Math.floor((photo.height - side) / 2),
  width: side,
  height: side,
});
const tile = resize(engine, square, { width: TILE, height: TILE, method: side > TILE ? "area" : "cubic" });
const gray = toGray(engine, tile);

const tiles = Object.entries(KERNELS).map(([name, { make }]) => {
  const kernel = make();
  const sum = kernel.flat().reduce((a, b) => a + b, 0);
  // Kernels whose sum is 0 measure differences, Gabor's how much of a wave there is: gray is none, white much, black much the other way.
  const measures = Math.abs(sum) < 1e-6 || name.startsWith("gabor");
  const filtered = measures
    ? show(filter2d(engine, gray, kernel, { float: true }))
    : filter2d(engine, tile, kernel);
  return withInset(montage([filtered], { gap: 0 }), draw(kernel));
});
const labels = Object.values(KERNELS).map(({ label }) => label);
const sheet = montage(tiles, { columns: 8, gap: 8, labels });
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, encode(sheet));
console.log(`${tiles.length} kernels on ${path}\nwritten: ${out}`);
engine.dispose();

/**
 * Floats as gray, their mean in the middle. What is further from it than half of the largest distance is white or black.
 *
 * @param {import("convolith/image").Image<Float32Array>} image
 */
function show(image) {
  const mean = image.data.reduce((sum, v) => sum + v, 0) / image.data.length;
  const most = image.data.reduce((m, v) => Math.max(m, Math.abs(v - mean)), 0) / 2 || 1;
  return colorMap(image, "gray", { range: [mean - most, mean + most] });
}

/**
 * A kernel as a square picture: blue below 0, red above.
 *
 * @param {number[][]} kernel
 */
function draw(kernel) {
  const data = Float32Array.from(kernel.flat());
  const small = { data, width: kernel[0].length, height: kernel.length, channels: 1 };
  const size = { width: INSET, height: INSET, method: /** @type {const} */ ("nearest") };
  return montage([colorMap(resize(engine, small, size), "coolwarm")], { gap: 2 });
}

/**
 * The picture with another in its lower right corner; both are RGB.
 *
 * @param {import("convolith/image").Image<Uint8Array>} picture
 * @param {import("convolith/image").Image<Uint8Array>} inset
 */
function withInset(picture, inset) {
  for (let y = 0; y < inset.height; y++) {
    const row = inset.data.subarray(y * inset.width * 3, (y + 1) * inset.width * 3);
    const at = (picture.height - inset.height + y) * picture.width + picture.width - inset.width;
    picture.data.set(row, at * 3);
  }
  return picture;
}
