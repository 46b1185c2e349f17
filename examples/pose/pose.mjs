// Finds the joints of a person on a photo with MoveNet (a TensorFlow.js graph model) and draws them:
//   npm run pose -- photo.png [out.png]
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { createEngine } from "convolith";
import { pad, resize } from "convolith/image";
import { encode } from "fast-png";
import { canvasOf, dot, line } from "../draw.mjs";
import { humanModel } from "../models.mjs";
import { astronaut, readPhoto } from "../photo.mjs";

/** What the 17 points of the COCO data set are, in the order in which the network gives them. */
const POINTS = [
  ...["nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder"],
  ...["left elbow", "right elbow", "left wrist", "right wrist", "left hip", "right hip"],
  ...["left knee", "right knee", "left ankle", "right ankle"],
];
/** Points that are joined by a line. */
const BONES = [
  ...[
    [0, 1],
    [0, 2],
    [1, 3],
    [2, 4],
    [5, 6],
    [5, 7],
    [7, 9],
    [6, 8],
    [8, 10],
  ],
  ...[
    [5, 11],
    [6, 12],
    [11, 12],
    [11, 13],
    [13, 15],
    [12, 14],
    [14, 16],
  ],
];
/** Points the network is less sure of are left out. */
const LEAST_SCORE = 0.3;
/** Pixels along each side of what the network takes. */
const SIZE = 192;

const target = fileURLToPath(new URL("out/pose.png", import.meta.url));
const [photo = astronaut, out = target] = process.argv.slice(2);
const image = canvasOf(readPhoto(photo));
const { width, height } = image;

const engine = await createEngine();
const net = engine.compile(humanModel("movenet-lightning"));

// The whole photo, with bars that make it a square.
const side = Math.max(width, height);
const [left, top] = [(side - width) >> 1, (side - height) >> 1];
const border = { top, left, bottom: side - height - top, right: side - width - left };
const square = resize(engine, pad(image, border), { width: SIZE, height: SIZE, method: "area" });

const start = performance.now();
const found = net.predict(square.data);
const ms = performance.now() - start;

/** @param {number} i @returns {[x: number, y: number]} */
const place = (i) => [found[i * 3 + 1] * side - left, found[i * 3] * side - top];
const sure = POINTS.map((_, i) => found[i * 3 + 2] >= LEAST_SCORE);
const thickness = Math.max(2, side / 150);
for (const [a, b] of BONES)
  if (sure[a] && sure[b]) line(image, place(a), place(b), thickness, [80, 220, 120]);
POINTS.forEach((name, i) => {
  if (!sure[i]) return;
  const [x, y] = place(i);
  dot(image, x, y, thickness * 1.5, [240, 80, 60]);
  console.log(
    `${name.padEnd(15)} ${x.toFixed(0)}, ${y.toFixed(0)}  ${(100 * found[i * 3 + 2]).toFixed(0)} %`,
  );
});
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, encode(image));
console.log(`\n${ms.toFixed(1)} ms for the network (${engine.info.build} build); written: ${out}`);
engine.dispose();
