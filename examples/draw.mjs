// Lines and dots on an RGB picture, for examples that show what a network found.

/** @typedef {{ data: Uint8Array, width: number, height: number, channels: 3 }} Canvas */
/** @typedef {readonly [red: number, green: number, blue: number]} Color */

/**
 * A copy of a picture as RGB, without its alpha.
 *
 * @param {import("convolith/image").Image<Uint8Array>} image
 * @returns {Canvas}
 */
export function canvasOf({ data, width, height, channels = 4 }) {
  const rgb = new Uint8Array(width * height * 3);
  for (let p = 0; p < width * height; p++)
    for (let c = 0; c < 3; c++) rgb[p * 3 + c] = data[p * channels + (channels < 3 ? 0 : c)];
  return { data: rgb, width, height, channels: 3 };
}

/** @param {Canvas} canvas @param {number} x @param {number} y @param {number} radius @param {Color} color */
export function dot(canvas, x, y, radius, color) {
  const { data, width, height } = canvas;
  for (let row = Math.max(0, Math.floor(y - radius)); row <= Math.min(height - 1, y + radius); row++)
    for (
      let column = Math.max(0, Math.floor(x - radius));
      column <= Math.min(width - 1, x + radius);
      column++
    ) {
      // The edge is mixed with what is below, so that it looks round.
      const share = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(column - x, row - y)));
      const at = (row * width + column) * 3;
      for (let c = 0; c < 3; c++) data[at + c] += share * (color[c] - data[at + c]);
    }
}

/** @param {Canvas} canvas @param {readonly [number, number]} from @param {readonly [number, number]} to @param {number} thickness @param {Color} color */
export function line(canvas, [x0, y0], [x1, y1], thickness, color) {
  const steps = Math.ceil(Math.hypot(x1 - x0, y1 - y0) * 2) + 1;
  for (let i = 0; i <= steps; i++) {
    const t = i / steps;
    dot(canvas, x0 + t * (x1 - x0), y0 + t * (y1 - y0), thickness / 2, color);
  }
}

/** @param {Canvas} canvas @param {number} x @param {number} y @param {number} width @param {number} height @param {number} thickness @param {Color} color */
export function box(canvas, x, y, width, height, thickness, color) {
  const corners = /** @type {const} */ ([
    [x, y],
    [x + width, y],
    [x + width, y + height],
    [x, y + height],
  ]);
  corners.forEach((corner, i) => {
    line(canvas, corner, corners[(i + 1) % 4], thickness, color);
  });
}
