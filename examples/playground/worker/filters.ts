// Pictures through kernels: filters beside plain loops, blurs, sharpening, gradients.
import {
  type BorderMode,
  boxBlur,
  filter2d,
  gaussianBlur,
  gradient,
  type Image,
  type Kernel,
  toGray,
  unsharpMask,
} from "convolith/image";
import { engine } from "./engine.ts";
import { naiveFilter } from "./naive.ts";
import { timed } from "./timing.ts";

/** Those that keep the size of the picture. */
export type Border = Exclude<BorderMode, "valid">;

export interface FilterOptions {
  readonly border: Border;
  readonly scale: number;
  readonly bias: number;
}

export async function filterPicture(
  picture: ImageData,
  kernel: Kernel,
  options: FilterOptions,
): Promise<ImageData> {
  return filter2d(await engine(), picture, kernel, options);
}

/**
 * Milliseconds of a filter from picture to picture, in the engine and as a plain loop, and how many of the loop's bytes are not the
 * engine's. Takes a tenth of a second.
 */
export async function timeFilter(picture: ImageData, kernel: Kernel, options: FilterOptions) {
  const e = await engine();
  const out = new ImageData(picture.width, picture.height);
  const fast = timed(() => filter2d(e, picture, kernel, { ...options, out }));
  const naive = timed(() => naiveFilter(picture, kernel, options));
  let different = 0;
  for (let i = 0; i < out.data.length; i++) if (out.data[i] !== naive.result[i]) different++;
  return { engine: fast.ms, naive: naive.ms, different, bytes: out.data.length };
}

/** The bytes of an ImageData, of which gray is one channel. */
const plain = ({ data, width, height }: ImageData): Image<Uint8ClampedArray> => ({
  ...{ data, width, height },
  channels: 4,
});

export interface BlurOptions {
  readonly sigma: number;
  /** Of the Gaussian's window: odd. */
  readonly window: number;
  /** Of the box: odd. */
  readonly box: number;
  readonly amount: number;
  /** Of Sobel's kernels. */
  readonly sobel: number;
}

/** The sum of the positive values of Sobel's kernels: the largest slope of bytes is 255 times that. */
const SOBEL_GAIN: Readonly<Record<number, number>> = { 3: 4, 5: 48, 7: 640 };

async function blurJobs(picture: ImageData, { sigma, window, box, amount, sobel }: BlurOptions) {
  const e = await engine();
  return {
    gaussian: () => gaussianBlur(e, picture, { size: window, sigma }),
    box: () => boxBlur(e, picture, { size: box }),
    sharp: () => unsharpMask(e, picture, { sigma, amount }),
    edges: () => gradient(e, toGray(e, plain(picture)), { size: sobel }).magnitude,
  };
}

/** A Gaussian and a box blur, an unsharp mask and the magnitude of the gradient of one picture. */
export async function blurs(picture: ImageData, options: BlurOptions) {
  const jobs = await blurJobs(picture, options);
  const { data, width, height } = jobs.edges();
  const gain = SOBEL_GAIN[options.sobel];
  // White is the steepest edge that there can be along one axis.
  const edges: Image = {
    ...{ data: Uint8ClampedArray.from(data, (v) => v / gain), width, height },
    channels: 1,
  };
  return { gaussian: jobs.gaussian(), box: jobs.box(), sharp: jobs.sharp(), edges };
}

/** The milliseconds of each. */
export async function timeBlurs(picture: ImageData, options: BlurOptions) {
  const jobs = await blurJobs(picture, options);
  const times = Object.entries(jobs).map(([name, job]) => [name, timed<unknown>(job).ms]);
  return Object.fromEntries(times) as Readonly<Record<keyof typeof jobs, number>>;
}
