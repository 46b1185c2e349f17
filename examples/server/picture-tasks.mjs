// What is done to pictures before and after a network runs. It takes milliseconds, or seconds for large files: too long for the thread
// that answers requests (see pictures.mjs).
import { createImageEngine } from "convolith/image";
import { encode } from "fast-png";
import { digitInput } from "../digits/input.mjs";
import { readPicture } from "../digits/pictures.mjs";
import { tilesOf } from "../upscale/tiles.mjs";

/** Pixels of a side of the tiles that the upscaling network takes, and how many of them see beyond the tile's edge. */
export const [TILE, HALO, SCALE] = [64, 10, 2];
/** Pixels of a picture to classify, and of one to upscale, which takes a thousand times as long. */
const LIMITS = { classify: 16e6, upscale: 256 * 256 };

const engine = await createImageEngine();

export const tasks = {
  /** What the classifier reads of a file. @param {Uint8Array} bytes */
  digit: (bytes) => digitInput(engine, readPicture(bytes, { maxPixels: LIMITS.classify })),

  /** A file as tiles [tiles, 64, 64, 3], values 0 to 255. @param {Uint8Array} bytes */
  tiles(bytes) {
    const { data, width, height } = readPicture(bytes, { maxPixels: LIMITS.upscale });
    const plan = tilesOf(height, width, TILE, HALO);
    const tiles = new Float32Array(plan.tiles.length * TILE * TILE * 3);
    plan.tiles.forEach(({ row, column }, i) => {
      for (let y = 0; y < TILE; y++)
        for (let x = 0; x < TILE; x++) {
          // The last pixel goes on where the tile is larger than the picture.
          const from = Math.min(height - 1, row.begin + y) * width + Math.min(width - 1, column.begin + x);
          const to = ((i * TILE + y) * TILE + x) * 3;
          for (let c = 0; c < 3; c++) tiles[to + c] = data[from * 3 + c];
        }
    });
    return { tiles, width, height };
  },

  /**
   * Upscaled tiles as a PNG file of twice the width and height.
   *
   * @param {{ tiles: Float32Array, width: number, height: number }} upscaled `width` and `height` are those before.
   */
  png({ tiles, width, height }) {
    const side = TILE * SCALE;
    const data = new Uint8Array(width * height * SCALE * SCALE * 3);
    tilesOf(height, width, TILE, HALO).tiles.forEach(({ row, column }, i) => {
      for (let y = row.from * SCALE; y < row.to * SCALE; y++)
        for (let x = column.from * SCALE; x < column.to * SCALE; x++) {
          const from = ((i * side + y - row.begin * SCALE) * side + x - column.begin * SCALE) * 3;
          const to = (y * width * SCALE + x) * 3;
          for (let c = 0; c < 3; c++) data[to + c] = Math.round(Math.min(255, Math.max(0, tiles[from + c])));
        }
    });
    return encode({ data, width: width * SCALE, height: height * SCALE, channels: 3 });
  },
};
