// What the network sees of a picture of a digit: MNIST's form, ink on paper, 28 x 28. Training and serving both come through here.
import { crop, resize, toGray } from "convolith/image";

/** Pixels of a side of what the network reads; of the digit in it. */
export const [SIDE, BOX] = [28, 20];
/** Of the darkest ink; what is paler is paper, or noise of JPEG. */
const PALE = 0.2;
/** Longest side that is looked at pixel by pixel. */
const LONGEST = 256;

/**
 * A digit as 28 x 28 values, 0 (paper) to 1 (ink): its longer side 20 pixels, its centre of mass in the middle. Dark on bright or bright
 * on dark, of any size.
 *
 * @param {import("convolith/image").ImageEngine} engine
 * @param {import("convolith/image").Image<Uint8Array>} picture
 */
export function digitInput(engine, picture) {
  const input = new Float32Array(SIDE * SIDE);
  const ink = inkOf(shrunk(engine, toGray(engine, picture)));
  const box = boxOf(ink);
  if (!box) return input;
  const side = box.width >= box.height ? { width: BOX } : { height: BOX };
  const method = Math.max(box.width, box.height) > BOX ? "area" : "linear";
  const { data, width, height } = resize(engine, crop(ink, box), { ...side, method });
  const darkest = data.reduce((most, v) => Math.max(most, v), 0);
  const { x, y } = centreOf(data, width);
  // As far as the frame lets the centre go to the middle.
  const left = Math.min(SIDE - width, Math.max(0, Math.round(SIDE / 2 - x)));
  const top = Math.min(SIDE - height, Math.max(0, Math.round(SIDE / 2 - y)));
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++)
      input[(top + row) * SIDE + left + column] = Math.max(0, data[row * width + column]) / darkest;
  return input;
}

/**
 * A photo of millions of pixels says no more about a digit than a small one.
 *
 * @param {import("convolith/image").ImageEngine} engine
 * @param {import("convolith/image").Image<Uint8Array>} gray
 */
function shrunk(engine, gray) {
  const { width, height } = gray;
  if (Math.max(width, height) <= LONGEST) return gray;
  const side = width >= height ? { width: LONGEST } : { height: LONGEST };
  return resize(engine, gray, { ...side, method: "area" });
}

/**
 * How far every pixel is from the color of the paper, which is the mean of the frame.
 *
 * @param {import("convolith/image").Image<Uint8Array>} gray
 */
function inkOf({ data, width, height }) {
  let [sum, count] = [0, 0];
  for (let p = 0; p < data.length; p++) {
    const [x, y] = [p % width, Math.floor(p / width)];
    if (x > 0 && y > 0 && x < width - 1 && y < height - 1) continue;
    sum += data[p];
    count++;
  }
  const paper = sum / count;
  return { data: Float32Array.from(data, (v) => Math.abs(v - paper)), width, height, channels: 1 };
}

/**
 * The rectangle that holds all ink, undefined where there is none.
 *
 * @param {import("convolith/image").Image<Float32Array>} ink
 */
function boxOf({ data, width, height }) {
  const darkest = data.reduce((most, v) => Math.max(most, v), 0);
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let p = 0; p < data.length; p++) {
    if (data[p] <= PALE * darkest) continue;
    const [x, y] = [p % width, Math.floor(p / width)];
    [left, top] = [Math.min(left, x), Math.min(top, y)];
    [right, bottom] = [Math.max(right, x), Math.max(bottom, y)];
  }
  if (right < 0) return undefined;
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/**
 * @param {Float32Array} ink
 * @param {number} width
 */
function centreOf(ink, width) {
  let [sum, x, y] = [0, 0, 0];
  ink.forEach((v, p) => {
    sum += v;
    x += v * ((p % width) + 0.5);
    y += v * (Math.floor(p / width) + 0.5);
  });
  return { x: x / sum, y: y / sum };
}
