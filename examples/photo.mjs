// Photos in files: PNG and JPEG, as images of convolith/image.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { convertIndexedToRgb, decode } from "fast-png";
import jpeg from "jpeg-js";

/** Eileen Collins, NASA 1993: public domain. */
export const astronaut = fileURLToPath(new URL("astronaut.png", import.meta.url));

/**
 * @param {string} path
 * @returns {import("convolith/image").Image<Uint8Array>}
 */
export function readPhoto(path) {
  const bytes = readFileSync(path);
  if (bytes[0] === 0xff) return { ...jpeg.decode(bytes, { useTArray: true }), channels: 4 };
  const png = decode(bytes);
  const { width, height, channels, palette } = png;
  if (palette)
    return { data: Uint8Array.from(convertIndexedToRgb(png)), width, height, channels: palette[0].length };
  // 16 bits become 8.
  const data = Uint8Array.from(png.data, (v) => (png.depth === 16 ? Math.round(v / 257) : v));
  return { data, width, height, channels };
}
