// A contact sheet: learned 3x3 kernels above, the maps they make of one picture below.
import { encode } from "fast-png";

const CELL = 60; // pixels of a cell, with its gap
const GAP = 4;

/**
 * PNG bytes. Kernels are blue below 0 and red above; maps are grey.
 *
 * @param {Float32Array} kernel [3, 3, 1, n]
 * @param {Float32Array} digit [28, 28]
 * @param {Float32Array} maps [28, 28, n]
 * @param {number} n
 */
export function contactSheet(kernel, digit, maps, n) {
  const columns = n / 2;
  const [width, height] = [columns * CELL + GAP, 5 * CELL + GAP];
  const data = new Uint8Array(width * height * 3).fill(255);
  /** @type {(column: number, row: number, size: number, colour: (y: number, x: number) => number[]) => void} */
  const cell = (column, row, size, colour) => {
    const side = CELL - GAP;
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        const pixel = (row * CELL + GAP + y) * width + column * CELL + GAP + x;
        data.set(colour(Math.floor((y * size) / side), Math.floor((x * size) / side)), pixel * 3);
      }
  };
  const largest = kernel.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  const brightest = maps.reduce((m, v) => Math.max(m, v), 0) || 1;
  for (let k = 0; k < n; k++) {
    const [column, row] = [k % columns, Math.floor(k / columns)];
    cell(column, row, 3, (y, x) => {
      const v = kernel[(y * 3 + x) * n + k] / largest;
      const pale = Math.round(255 * (1 - Math.abs(v)));
      return v < 0 ? [pale, pale, 255] : [255, pale, pale];
    });
    cell(column, row + 3, 28, (y, x) => {
      const v = Math.round((255 * Math.max(0, maps[(y * 28 + x) * n + k])) / brightest);
      return [v, v, v];
    });
  }
  cell(0, 2, 28, (y, x) => new Array(3).fill(Math.round(255 * (1 - digit[y * 28 + x]))));
  return encode({ width, height, data, channels: 3, depth: 8 });
}
