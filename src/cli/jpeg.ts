// JPEG files as images, turned as their Exif data says, and back.
import jpeg from "jpeg-js";
import { flip, rotate90 } from "../image/index.ts";
import type { Decoded, Picture } from "./picture.ts";

export const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8;

/** Of pixels and of what the decoder asks for: enough for every camera, and an end to what a header can make it ask for. */
const LIMITS = { maxResolutionInMP: 300, maxMemoryUsageInMB: 4096 };

/** Throws where the file is broken. */
export function decodeJpeg(bytes: Uint8Array): Decoded {
  const { channels, orientation } = inspect(bytes);
  const options = { useTArray: true, formatAsRGBA: false, tolerantDecoding: false, ...LIMITS } as const;
  const { data, width, height } = jpeg.decode(bytes, options);
  // Three equal channels of a gray picture.
  const pixels = channels === 1 ? data.filter((_, i) => i % 3 === 0) : data;
  return {
    image: turned({ data: pixels, width, height, channels: channels === 1 ? 1 : 3 }, orientation),
    depth: 8,
  };
}

const [APP1, START_OF_SCAN] = [0xe1, 0xda];
/** Start of frame: the marker says how the picture is coded; 0xc4, 0xc8 and 0xcc are other things. */
const isFrame = (marker: number): boolean => (marker & 0xf0) === 0xc0 && ![0xc4, 0xc8, 0xcc].includes(marker);

/** The number of components and the orientation of Exif, from the segments before the picture. */
function inspect(bytes: Uint8Array): { channels: number; orientation: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = { channels: 3, orientation: 1 };
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1];
    if (marker === START_OF_SCAN) break;
    const end = at + 2 + view.getUint16(at + 2);
    if (isFrame(marker) && at + 10 <= bytes.length) found.channels = bytes[at + 9];
    if (marker === APP1) found.orientation = orientationOf(bytes.subarray(at + 4, end)) ?? found.orientation;
    at = end;
  }
  return found;
}

/** Tag 0x0112 of the first directory of Exif 2.3: "Exif\0\0", then a TIFF header and entries of 12 bytes. */
function orientationOf(segment: Uint8Array): number | undefined {
  if (segment.length < 14 || String.fromCharCode(...segment.subarray(0, 4)) !== "Exif") return undefined;
  const tiff = new DataView(segment.buffer, segment.byteOffset + 6, segment.byteLength - 6);
  const little = tiff.getUint16(0) === 0x4949;
  const first = tiff.getUint32(4, little);
  if (first + 2 > tiff.byteLength) return undefined;
  const count = tiff.getUint16(first, little);
  for (let i = 0, at = first + 2; i < count && at + 12 <= tiff.byteLength; i++, at += 12)
    if (tiff.getUint16(at, little) === 0x0112) return tiff.getUint16(at + 8, little);
  return undefined;
}

/** How a stored picture is turned by 90 degrees clockwise, then mirrored, to be upright; by the orientation, 1 to 8. */
const UPRIGHT: readonly (readonly [turns: number, mirrored: boolean])[] = [
  [0, false],
  [0, true],
  [2, false],
  [2, true],
  [1, true],
  [1, false],
  [3, true],
  [3, false],
];

function turned(image: Picture, orientation: number): Picture {
  const [turns, mirrored] = UPRIGHT[orientation - 1] ?? UPRIGHT[0];
  const upright = turns ? rotate90(image, { turns: -turns }) : image;
  return mirrored ? flip(upright, { axis: "horizontal" }) : upright;
}

/** `quality` from 1 to 100. JPEG knows no transparency: the picture lies on white. */
export function encodeJpeg({ data, width, height, channels }: Picture, quality: number): Uint8Array {
  const rgba = new Uint8Array(width * height * 4).fill(255);
  const colors = channels < 3 ? 1 : 3;
  for (let p = 0; p < width * height; p++) {
    const alpha = channels === colors ? 255 : data[p * channels + colors];
    for (let c = 0; c < 3; c++) {
      const value = data[p * channels + (colors === 1 ? 0 : c)];
      rgba[p * 4 + c] = Math.round((value * alpha + 255 * (255 - alpha)) / 255);
    }
  }
  return jpeg.encode({ data: rgba, width, height }, quality).data;
}
