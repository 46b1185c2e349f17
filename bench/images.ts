// Image functions beside OpenCV.js, and sharp where it does the same: `npm run bench -- images [part of a row's name] [--rounds=7] [--best]`.
// Picture to picture, in one process and on one thread: arrays of bytes in, arrays out, copies included. Answers are compared first.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { decode } from "fast-png";
import type { Image, ImageEngine } from "../src/image/index.ts";
import {
  HEIGHT,
  type ImageLibrary,
  type Picture,
  type PictureRow,
  pictureRows,
  type Result,
  WIDTH,
} from "./image-rows.ts";
import { installPeers } from "./peers/install.ts";
import { openCv, openCvRunner, type PicturePeer } from "./peers/opencv.ts";
import { sharpLibrary, sharpRunner } from "./peers/sharp.ts";
import { describeHost } from "./roof.ts";
import { figure, interleave, type Tasks, type Timing, table } from "./table.ts";
import { named } from "./task.ts";

const [OURS, OPENCV, SHARP] = ["convolith", "OpenCV.js", "sharp"];

/** Levels of the grain laid over the enlarged photo: without it neighbours are too alike for medians and edges to have work. */
const GRAIN = 6;

/** examples/astronaut.png enlarged to 1080 rows, mirrored to the right, with grain: RGBA and opaque. */
function photo(): Picture {
  const { data, width, height, channels } = decode(readFileSync("examples/astronaut.png"));
  const out = new Uint8Array(WIDTH * HEIGHT * 4).fill(255);
  const scale = height / HEIGHT;
  let state = 1;
  for (let y = 0; y < HEIGHT; y++) {
    const [v, fy] = split((y + 0.5) * scale - 0.5, height);
    for (let x = 0; x < WIDTH; x++) {
      const across = (x + 0.5) * scale;
      const [u, fx] = split((across < width ? across : 2 * width - across) - 0.5, width);
      const at = (v * width + u) * channels;
      for (let c = 0; c < 3; c++) {
        const p = at + c;
        const above = data[p] * (1 - fx) + data[p + channels] * fx;
        const below = data[p + width * channels] * (1 - fx) + data[p + (width + 1) * channels] * fx;
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const grain = (state / 2 ** 31 - 1) * GRAIN;
        const value = above * (1 - fy) + below * fy + grain;
        out[(y * WIDTH + x) * 4 + c] = Math.round(Math.min(255, Math.max(0, value)));
      }
    }
  }
  return { data: out, width: WIDTH, height: HEIGHT, channels: 4 };
}

/** The pixel before a coordinate, one that has a next, and the rest. */
function split(at: number, size: number): [number, number] {
  const pixel = Math.min(size - 2, Math.max(0, Math.floor(at)));
  return [pixel, Math.min(1, Math.max(0, at - pixel))];
}

/** npm runs scripts in the project's root, where `npm run build` has put dist/. */
const load = async (): Promise<ImageLibrary> => await import(pathToFileURL(resolve("dist/image.js")).href);

function ourRunner(image: ImageLibrary, engine: ImageEngine, row: PictureRow, picture: Picture): PicturePeer {
  const { width, height, channels, float } = row.result;
  const size = width * height * channels;
  const out: Image = { data: float ? new Float32Array(size) : new Uint8Array(size), width, height, channels };
  const op = row.ours(image, engine);
  return { run: () => void op(picture, out), output: () => out.data, dispose() {} };
}

/** The largest difference of two pictures of a layout; `border` pixels at every edge do not count. */
function apart(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  { width, height, channels }: Result,
  border: number,
): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let y = border; y < height - border; y++)
    for (let i = (y * width + border) * channels; i < ((y + 1) * width - border) * channels; i++) {
      const difference = Math.abs(a[i] - b[i]);
      if (!(difference <= worst)) worst = difference; // NaN propagates
    }
  return worst;
}

/** libvips treats edges in its own way: only what lies this far inside is compared. */
const SHARP_BORDER = 16;

interface Measured {
  readonly row: PictureRow;
  readonly times: Readonly<Record<string, Timing>>;
  readonly differences: Readonly<Record<string, number>>;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { rounds: { type: "string", default: "7" }, best: { type: "boolean", default: false } },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds=${values.rounds} must be a whole number from 1`);
  const chosen = named(pictureRows, positionals.join(" "));
  installPeers();
  console.log(await describeHost());
  const [image, cv, sharp] = [await load(), await openCv(), await sharpLibrary()];
  const engine = await image.createImageEngine();
  const color = photo();
  const gray = image.toGray(engine, color);
  console.log(
    `${WIDTH} x ${HEIGHT} pixels, ${engine.info.build} build, ${values.best ? "best" : "median"} of the runs\n`,
  );

  const measured: Measured[] = [];
  for (const row of chosen) {
    const picture = row.from === "RGBA" ? color : gray;
    const ours = ourRunner(image, engine, row, picture);
    const theirs = openCvRunner(cv, row, picture);
    const native = sharpRunner(sharp, row, picture);
    const runners = { [OURS]: ours, [OPENCV]: theirs, ...(native && { [SHARP]: native }) };
    for (const runner of Object.values(runners)) await runner.run();
    const differences = {
      [OPENCV]: apart(ours.output(), theirs.output(), row.result, 0),
      ...(native && { [SHARP]: apart(ours.output(), native.output(), row.result, SHARP_BORDER) }),
    };
    const tasks: Tasks = Object.fromEntries(
      Object.entries(runners).map(([name, runner]) => [name, () => runner.run()]),
    );
    measured.push({ row, differences, times: await interleave(tasks, { rounds }) });
    for (const runner of Object.values(runners)) runner.dispose();
  }
  engine.dispose();
  console.log(report(measured, values.best ? "best" : "median"));
  for (const { row, differences } of measured) {
    check(row.name, OPENCV, differences[OPENCV], row.tolerance);
    if (SHARP in differences) check(row.name, SHARP, differences[SHARP], row.sharpTolerance ?? 0);
  }
}

function check(row: string, peer: string, difference: number, tolerance: number): void {
  if (difference <= tolerance) return;
  console.error(`${row}: differs from ${peer} by ${difference}; ${tolerance} is allowed`);
  process.exitCode = 1;
}

function report(measured: readonly Measured[], kind: keyof Timing): string {
  const ratios = measured.map(({ times }) => times[OPENCV][kind] / times[OURS][kind]);
  const natives = measured.map(
    ({ row, times: t }) => (t[OPENCV][kind] * row.elsewhere[1]) / row.elsewhere[0],
  );
  const ofNatives = measured.map(({ times: t }, i) => natives[i] / t[OURS][kind]);
  const times = (ratio: number): string => `${figure(ratio)}x`;
  const head = ["milliseconds", OURS, OPENCV, "speedup", "difference"];
  const lines = measured.map(({ row, times: t, differences }, i) => [
    row.name,
    figure(t[OURS][kind]),
    figure(t[OPENCV][kind]),
    times(ratios[i]),
    differences[OPENCV] ? figure(differences[OPENCV]) : "0",
    figure(t[SHARP]?.[kind]),
    t[SHARP] ? times(t[SHARP][kind] / t[OURS][kind]) : "–",
    figure(natives[i]),
    times(ofNatives[i]),
  ]);
  const mean = (values: readonly number[]): string =>
    times(Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length));
  return [
    table([...head, SHARP, "speedup", "native*", "speedup"], lines),
    "",
    `geometric mean: ${mean(ratios)} OpenCV.js, ${mean(ofNatives)} native*`,
    "* native OpenCV on one thread, for information: estimated from OpenCV.js by the ratio of both on another machine",
  ].join("\n");
}
