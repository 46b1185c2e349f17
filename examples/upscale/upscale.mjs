// Makes a photo four times as wide and high with a trained super-resolution network (ESRGAN-slim, from the npm package
// @upscalerjs/esrgan-slim):  npm run demo  or  node examples/upscale/upscale.mjs photo.png [out.png] [scale 2, 3 or 4]
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { createEngine } from "convolith";
import { fromTfjs } from "convolith/tfjs";
import { decode, encode } from "fast-png";
import { tilesOf } from "./tiles.mjs";

/** How many pixels away an output pixel depends on the input: the radii of all 3x3 and 5x5 layers together. */
const HALO = 10;
/** Longest side of a tile: small enough that the activations mostly stay in the caches. */
const TILE = 96;

const model = new URL("../../node_modules/@upscalerjs/esrgan-slim/", import.meta.url);
const fixture = fileURLToPath(new URL("assets/fixture.png", model));
const target = fileURLToPath(new URL("out/upscaled.png", import.meta.url));
const [photo = fixture, out = target, scaleText = "4"] = process.argv.slice(2);
const scale = Number(scaleText);
if (![2, 3, 4].includes(scale))
  throw new Error(`scale is ${scaleText} but the package holds networks for 2, 3 and 4`);

/**
 * A PNG as RGB floats from 0 to 255; transparency is left out.
 *
 * @param {string} path
 */
function readRgb(path) {
  const { width, height, data, channels, depth, palette } = decode(readFileSync(path));
  const white = 2 ** depth - 1;
  const rgb = new Float32Array(width * height * 3);
  for (let p = 0; p < width * height; p++)
    for (let c = 0; c < 3; c++) {
      if (palette) rgb[p * 3 + c] = palette[data[p]][c];
      else rgb[p * 3 + c] = (data[p * channels + (channels < 3 ? 0 : c)] * 255) / white;
    }
  return { width, height, rgb };
}

const { width, height, rgb } = readRgb(photo);
const engine = await createEngine();
/** @param {string} name */
const file = (name) => readFileSync(new URL(`models/x${scale}/${name}`, model));
const network = fromTfjs(file("model.json"), file("group1-shard1of1.bin"));

const plan = tilesOf(height, width, TILE, HALO);
const net = engine.compile(network, { shape: [plan.height, plan.width, 3] });
console.log(
  `${photo}\n${width} x ${height} pixels, ${scale} times, in ${plan.tiles.length} tiles of ${plan.width} x ${plan.height}`,
);
console.log(`${engine.info.build} build, Node ${process.versions.node}\n`);

const wide = width * scale;
const pixels = new Uint8Array(wide * height * scale * 3);
const tile = new Float32Array(plan.height * plan.width * 3);
const answer = new Float32Array(tile.length * scale * scale);
let spent = 0;
plan.tiles.forEach(({ row, column }, i) => {
  for (let y = 0; y < plan.height; y++) {
    const from = ((row.begin + y) * width + column.begin) * 3;
    tile.set(rgb.subarray(from, from + plan.width * 3), y * plan.width * 3);
  }
  const start = performance.now();
  net.run(tile, answer);
  spent += performance.now() - start;
  for (let y = row.from * scale; y < row.to * scale; y++)
    for (let x = column.from * scale; x < column.to * scale; x++)
      for (let c = 0; c < 3; c++) {
        const value =
          answer[((y - row.begin * scale) * plan.width * scale + x - column.begin * scale) * 3 + c];
        pixels[(y * wide + x) * 3 + c] = Math.round(Math.min(255, Math.max(0, value)));
      }
  progress(i + 1, plan.tiles.length);
});

mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, encode({ width: wide, height: height * scale, data: pixels, channels: 3 }));
const total = net.multiplyAdds * plan.tiles.length;
console.log(
  `\n${(spent / 1000).toFixed(2)} s, ${(total / 1e9).toFixed(1)} G multiply-adds, ${(total / spent / 1e6).toFixed(1)} G a second`,
);
console.log(`written: ${out}`);
if (photo === fixture) {
  const { rgb: theirs } = readRgb(fileURLToPath(new URL(`assets/samples/${scale}x/result.png`, model)));
  const equal = pixels.reduce((n, v, i) => n + Number(v === theirs[i]), 0);
  console.log(
    `${((100 * equal) / pixels.length).toFixed(3)} % of all values equal the picture that came with the network`,
  );
}
net.dispose();
engine.dispose();

/** @type {(done: number, all: number) => void} */
function progress(done, all) {
  const bar = "█".repeat(Math.round((30 * done) / all)).padEnd(30, "░");
  const line = `${bar} ${done} of ${all} tiles`;
  process.stdout.write(process.stdout.isTTY ? `\r${line}` : `${line}\n`);
}
