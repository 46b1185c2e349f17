// Handwritten digits as files that people send, and what the classifier of examples/ must say to them.
import { encode } from "fast-png";
import jpeg from "jpeg-js";
// @ts-expect-error: JavaScript, whose types only the examples' own project reads
import { PIXELS, readDigits } from "../../examples/mnist/digits.mjs";

const { test }: { test: { x: Float32Array; y: Uint8Array } } = readDigits({ seed: 1 });
const SIDE = 28;

/** So many digits the classifier has not been trained on, ink dark on white. */
export const digits = Array.from({ length: 40 }, (_, i) => ({
  digit: test.y[i],
  pixels: Uint8Array.from(test.x.subarray(i * PIXELS, (i + 1) * PIXELS), (v: number) =>
    Math.round(255 * (1 - v)),
  ),
}));

export const asPng = (data: Uint8Array, side = SIDE): Uint8Array<ArrayBuffer> =>
  new Uint8Array(encode({ data, width: side, height: side, channels: 1 }));

export function asJpeg(pixels: Uint8Array): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(pixels.length * 4).fill(255);
  pixels.forEach((v, p) => {
    data.fill(v, p * 4, p * 4 + 3);
  });
  return new Uint8Array(jpeg.encode({ data, width: SIDE, height: SIDE }, 90).data);
}

/** A PNG file ten times as wide and high, bright on dark. */
export function enlarged(pixels: Uint8Array): Uint8Array<ArrayBuffer> {
  const side = SIDE * 10;
  const large = Uint8Array.from(
    { length: side * side },
    (_, p) => 255 - pixels[Math.floor(p / side / 10) * SIDE + Math.floor((p % side) / 10)],
  );
  return asPng(large, side);
}

/** A PNG file of 28 x 28 pixels whose data unpacks to more than that. */
export function overfull(): Uint8Array<ArrayBuffer> {
  const large = asPng(new Uint8Array(4000 * 4000), 4000);
  new DataView(large.buffer).setUint32(16, SIDE);
  new DataView(large.buffer).setUint32(20, SIDE);
  return large;
}

/** Bodies that are no picture to classify, and the status they are answered with. */
export const refused: readonly (readonly [what: string, body: Uint8Array<ArrayBuffer>, status: number])[] = [
  ["nothing", new Uint8Array(0), 415],
  ["text", new TextEncoder().encode("a picture"), 415],
  ["a PNG file that ends in its header", asPng(digits[0].pixels).slice(0, 20), 400],
  ["a PNG file that ends in its data", asPng(digits[0].pixels).slice(0, 100), 400],
  ["a JPEG file that ends in its data", asJpeg(digits[0].pixels).slice(0, 400), 400],
  ["a JPEG file that ends at once", new Uint8Array([0xff, 0xd8]), 400],
  ["a PNG file with too many pixels", asPng(new Uint8Array(5000 * 5000), 5000), 413],
  ["a PNG file that unpacks to more than it says", overfull(), 400],
];
