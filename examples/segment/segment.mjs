// Cuts a person out of a photo with a segmentation network (MediaPipe's selfie model, a TensorFlow.js graph model):
//   npm run segment -- photo.png [out.png]
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { createEngine } from "convolith";
import { resize } from "convolith/image";
import { encode } from "fast-png";
import { canvasOf } from "../draw.mjs";
import { humanModel } from "../models.mjs";
import { astronaut, readPhoto } from "../photo.mjs";

/** Pixels along each side of what the network takes. */
const SIZE = 256;

const target = fileURLToPath(new URL("out/segment.png", import.meta.url));
const [photo = astronaut, out = target] = process.argv.slice(2);
const image = canvasOf(readPhoto(photo));
const { width, height } = image;

const engine = await createEngine();
const net = engine.compile(humanModel("selfie"));
const small = resize(engine, image, { width: SIZE, height: SIZE, method: "area" });

const start = performance.now();
const mask = net.predict(Float32Array.from(small.data, (byte) => byte / 255));
const ms = performance.now() - start;

// The probability that a pixel belongs to a person becomes its alpha.
const values = mask.length / (SIZE * SIZE);
const bytes = Uint8Array.from({ length: SIZE * SIZE }, (_, p) =>
  Math.round(255 * mask[p * values + values - 1]),
);
const alpha = resize(
  engine,
  { data: bytes, width: SIZE, height: SIZE, channels: 1 },
  { width, height, method: "linear" },
);
const cut = new Uint8Array(width * height * 4);
for (let p = 0; p < width * height; p++) {
  cut.set(image.data.subarray(p * 3, p * 3 + 3), p * 4);
  cut[p * 4 + 3] = alpha.data[p];
}
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, encode({ data: cut, width, height, channels: 4 }));
const share = alpha.data.reduce((sum, value) => sum + value, 0) / 255 / (width * height);
console.log(
  `${(100 * share).toFixed(1)} % of the photo is a person; ${ms.toFixed(1)} ms for the network (${engine.info.build} build)`,
);
console.log(`written: ${out}`);
engine.dispose();
