// Image functions to measure: what each row computes, with this package and with others.
import type { Mat, OpenCv } from "@opencvjs/web";
import type { Sharp } from "sharp";
import type { Image, ImageEngine } from "../src/image/index.ts";

export type ImageLibrary = typeof import("../src/image/index.ts");

/** Pixels in an array. */
export interface Picture {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** What a row's result is. */
export interface Result {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly float: boolean;
}

export interface PictureRow {
  readonly name: string;
  /** The picture that it starts from. */
  readonly from: "RGBA" | "gray";
  readonly result: Result;
  /** How far values may be from OpenCV's, and from sharp's: both round the weights of a Gaussian, libvips to whole numbers. */
  readonly tolerance: number;
  readonly sharpTolerance?: number;
  /** Milliseconds of OpenCV.js and of native OpenCV on one thread of another machine, for information: their ratio says about what native code takes here. */
  readonly elsewhere: readonly [openCvJs: number, native: number];
  ours(image: ImageLibrary, engine: ImageEngine): (picture: Picture, out: Image) => unknown;
  opencv(cv: OpenCv): { op(from: Mat, to: Mat): void; dispose?(): void };
  sharp?(image: Sharp): Sharp;
}

export const [WIDTH, HEIGHT] = [1920, 1080];

const like = (channels: number, float = false): Result => ({ width: WIDTH, height: HEIGHT, channels, float });
const [rgba, gray] = [like(4), like(1)];

// Their weights add up to 1, so that an opaque picture stays opaque in libraries that filter alpha, too; neither has rank one.
const INTEGERS = [
  [-1, -1, -1],
  [-1, 9, -1],
  [-1, -1, -1],
];
const FRACTIONS = [
  [0.05, 0.1, 0.05],
  [0.1, 0.4, 0.1],
  [0.05, 0.1, 0.05],
];

function filter(kind: string, kernel: number[][], tolerance: number): PictureRow {
  return {
    ...{ name: `3x3 filter RGBA, ${kind}`, from: "RGBA", result: rgba, elsewhere: [24, 2.7], tolerance },
    ours: (image, engine) => (picture, out) => image.filter2d(engine, picture, kernel, { out }),
    opencv(cv) {
      const weights = cv.matFromArray(3, 3, cv.CV_32F, kernel.flat());
      return { op: (from, to) => cv.filter2D(from, to, -1, weights), dispose: () => weights.delete() };
    },
    ...(kind === "integers" && {
      sharpTolerance: 0,
      sharp: (image: Sharp) => image.convolve({ width: 3, height: 3, kernel: kernel.flat() }),
    }),
  };
}

function gaussian(
  from: PictureRow["from"],
  size: number,
  sigma: number,
  rest: Pick<PictureRow, "elsewhere" | "tolerance" | "sharpTolerance" | "sharp">,
): PictureRow {
  return {
    ...{ name: `Gaussian ${size}x${size} ${from}`, from, result: from === "gray" ? gray : rgba, ...rest },
    ours: (image, engine) => (picture, out) => image.gaussianBlur(engine, picture, { size, sigma, out }),
    opencv(cv) {
      const window = new cv.Size(size, size);
      return { op: (a, b) => cv.GaussianBlur(a, b, window, sigma, sigma) };
    },
  };
}

export const pictureRows: readonly PictureRow[] = [
  {
    ...{ name: "RGBA to gray", from: "RGBA", result: gray, elsewhere: [1.35, 0.4], tolerance: 0 },
    ours: (image, engine) => (picture, out) => image.toGray(engine, picture, { out }),
    opencv: (cv) => ({ op: (from, to) => cv.cvtColor(from, to, cv.COLOR_RGBA2GRAY) }),
  },
  {
    ...{
      name: "Sobel of gray to float",
      from: "gray",
      result: like(1, true),
      elsewhere: [2.5, 0.37],
      tolerance: 0,
    },
    ours: (image, engine) => (picture, out) =>
      image.sobel(engine, picture, { dx: 1, dy: 0, size: 3, float: true, out }),
    opencv: (cv) => ({ op: (from, to) => cv.Sobel(from, to, cv.CV_32F, 1, 0, 3) }),
  },
  gaussian("RGBA", 5, 1.1, {
    ...{ elsewhere: [27, 1.9], tolerance: 2, sharpTolerance: 6 },
    sharp: (image) => image.blur({ sigma: 1.1, minAmplitude: 0.1 }),
  }),
  gaussian("gray", 31, 5, {
    ...{ elsewhere: [92, 3.7], tolerance: 2, sharpTolerance: 6 },
    sharp: (image) => image.blur({ sigma: 5, minAmplitude: 0.01 }),
  }),
  {
    ...{ name: "box 15x15 RGBA", from: "RGBA", result: rgba, elsewhere: [9.6, 2.8], tolerance: 0 },
    ours: (image, engine) => (picture, out) => image.boxBlur(engine, picture, { size: 15, out }),
    opencv(cv) {
      const window = new cv.Size(15, 15);
      return { op: (from, to) => cv.blur(from, to, window) };
    },
  },
  filter("integers", INTEGERS, 0),
  filter("fractions", FRACTIONS, 1),
  {
    ...{ name: "Canny of gray", from: "gray", result: gray, elsewhere: [9.2, 1], tolerance: 0 },
    ours: (image, engine) => (picture, out) => image.canny(engine, picture, { low: 50, high: 150, out }),
    opencv: (cv) => ({ op: (from, to) => cv.Canny(from, to, 50, 150) }),
  },
  {
    ...{ name: "median 5x5 gray", from: "gray", result: gray, elsewhere: [36, 3.3], tolerance: 0 },
    ours: (image, engine) => (picture, out) => image.medianBlur(engine, picture, { size: 5, out }),
    opencv: (cv) => ({ op: (from, to) => cv.medianBlur(from, to, 5) }),
    sharpTolerance: 0,
    sharp: (image) => image.median(5),
  },
  {
    ...{ name: "RGBA to half size", from: "RGBA", elsewhere: [1.3, 0.24], tolerance: 0 },
    result: { width: WIDTH / 2, height: HEIGHT / 2, channels: 4, float: false },
    ours: (image, engine) => (picture, out) =>
      image.resize(engine, picture, {
        width: WIDTH / 2,
        height: HEIGHT / 2,
        method: "area",
        out,
      }),
    opencv(cv) {
      const size = new cv.Size(WIDTH / 2, HEIGHT / 2);
      return { op: (from, to) => cv.resize(from, to, size, 0, 0, cv.INTER_AREA) };
    },
  },
];
