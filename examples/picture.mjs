// Pictures that lessons write: PNG files, sheets of gray images, curves of training.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { montage } from "convolith/image";
import { encode } from "fast-png";
import { line } from "./draw.mjs";

/** @import { Image } from "convolith/image" */

/**
 * Writes a PNG file, and its folder where there is none; says so.
 *
 * @param {URL} file
 * @param {Image<Uint8Array>} image
 */
export function writePicture(file, image) {
  mkdirSync(new URL(".", file), { recursive: true });
  writeFileSync(file, encode(image));
  console.log(`written: ${fileURLToPath(file)}`);
}

/**
 * Square images [side, side, channels] that lie one after the other, as images of `convolith/image`.
 *
 * @param {Float32Array} values
 * @param {number} side
 * @param {number} [channels]
 * @returns {Image<Float32Array>[]}
 */
export function imagesOf(values, side, channels = 1) {
  const size = side * side * channels;
  return Array.from({ length: values.length / size }, (_, i) => ({
    ...{ data: values.slice(i * size, (i + 1) * size), width: side, height: side, channels },
  }));
}

/** @type {import("./draw.mjs").Color[]} */
const COLORS = [
  [31, 119, 180],
  [214, 90, 20],
  [44, 140, 60],
  [150, 60, 160],
];
const [WIDTH, HEIGHT] = [560, 320];
const [LEFT, RIGHT, TOP, BOTTOM] = [52, 14, 26, 30];

/**
 * Curves over the numbers of their values, such as the loss of each epoch, with a legend.
 *
 * @param {Record<string, ArrayLike<number>>} series By name; all begin at the same step.
 * @param {{ x?: string, every?: number, range?: [low: number, high: number] }} [options] What is counted along x, by default "epoch"; how
 *   many of it lie between two values, by default 1; what lies at the bottom and at the top, by default all values.
 * @returns {Image<Uint8Array>}
 */
export function drawCurves(series, { x: unit = "epoch", every = 1, range } = {}) {
  const all = Object.values(series).flatMap((values) => Array.from(values));
  const [low, high] = range ?? [Math.min(...all), Math.max(...all)];
  const steps = Math.max(2, ...Object.values(series).map(({ length }) => length)) - 1;
  const canvas = /** @type {import("./draw.mjs").Canvas} */ ({
    ...{ data: new Uint8Array(WIDTH * HEIGHT * 3).fill(255), width: WIDTH, height: HEIGHT, channels: 3 },
  });
  /** @type {(step: number, value: number) => [x: number, y: number]} */
  const at = (step, value) => [
    LEFT + (step / steps) * (WIDTH - LEFT - RIGHT),
    HEIGHT - BOTTOM - ((value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM),
  ];
  for (const value of ticks(low, high)) {
    const [, y] = at(0, value);
    line(canvas, [LEFT, y], [WIDTH - RIGHT, y], 1, [225, 225, 225]);
    write(canvas, String(value), LEFT - 6, y - 4, "end");
  }
  for (const count of ticks(every, (steps + 1) * every).filter(Number.isInteger)) {
    const [x] = at(count / every - 1, low);
    write(canvas, String(count), x, HEIGHT - BOTTOM + 6, "middle");
  }
  write(canvas, unit, WIDTH - RIGHT, HEIGHT - 11, "end");
  let right = LEFT;
  for (const [i, [name, values]] of Object.entries(series).entries()) {
    const color = COLORS[i % COLORS.length];
    const points = Array.from(values, (v, step) => at(step, Math.min(high, Math.max(low, v))));
    for (let p = 1; p < points.length; p++) line(canvas, points[p - 1], points[p], 2, color);
    line(canvas, [right, 12], [right + 18, 12], 3, color);
    right += 40 + write(canvas, name, right + 24, 8, "start");
  }
  return canvas;
}

/** About five round numbers from `low` to `high`. @param {number} low @param {number} high */
function ticks(low, high) {
  const rough = (high - low) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough * 0.75) ?? rough;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(6)),
  );
}

/**
 * Text, black on white; gives its width. The letters are those of `montage`'s labels.
 *
 * @param {import("./draw.mjs").Canvas} canvas
 * @param {string} text
 * @param {number} x @param {number} y
 * @param {"start" | "middle" | "end"} anchor
 */
function write(canvas, text, x, y, anchor) {
  const dot = { data: Uint8Array.of(255), width: 1, height: 1, channels: 1 };
  const { data, width, height } = montage([dot], { gap: 0, labels: [text] });
  const left = Math.round(x - { start: 0, middle: width / 2, end: width }[anchor]);
  for (let row = 3; row < height; row++)
    canvas.data.set(
      data.subarray(row * width * 3, (row + 1) * width * 3),
      ((Math.round(y) + row - 3) * canvas.width + left) * 3,
    );
  return width;
}
