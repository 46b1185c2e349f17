// The kernels of the textbook: plain arrays of rows, for `filter2d` and to look at. No engine is needed.
// All are correlation kernels, as OpenCV's and PyTorch's: the value at row i, column j weighs the pixel at (i, j) from the window's
// upper left corner; x grows to the right, y downwards. Angles are in radians.
import { ArgumentError } from "../errors.ts";
import {
  aNumber,
  aNumberAbove,
  anInteger,
  type Checks,
  checkOptions,
  finite,
  integer,
  refuse,
} from "../validate.ts";
import { gaussian1d } from "./gaussian.ts";

/** Rows of numbers, all of one length. */
export type Kernel = readonly (readonly number[])[];

/** OpenCV's limit for derivatives: larger binomials lose their last digits in float32. */
const MAX_DERIVATIVE = 31;
/** The most values of a kernel made here: 1023 x 1023. */
const MAX_SIZE = 1023;

function odd(size: unknown, where: string, min = 1, max = MAX_SIZE, name = "size"): number {
  const n = integer(size, name, where, min, max);
  if (n % 2 === 0)
    refuse(n, name, where, `odd, such as ${n > min ? n - 1 : n + 1} or ${n + (n > min ? 1 : 3)}`);
  return n;
}

function above0(value: unknown, name: string, where: string): number {
  aNumberAbove(0)(value, name, where);
  return value as number;
}

/** Throws ArgumentError unless it is a list of rows of finite numbers, all of one length. */
function rowsOf(kernel: unknown, where: string): Kernel {
  if (!Array.isArray(kernel) || kernel.length === 0 || !Array.isArray(kernel[0]) || kernel[0].length === 0)
    return refuse(kernel, "kernel", where, "a list of rows of numbers");
  const width = kernel[0].length;
  for (let i = 0; i < kernel.length; i++) {
    const row = kernel[i];
    if (!Array.isArray(row)) refuse(row, `kernel[${i}]`, where, "a row of numbers");
    if (row.length !== width)
      throw new ArgumentError(`${where}: kernel[${i}] has ${row.length} numbers but kernel[0] has ${width}`);
    for (let j = 0; j < width; j++) finite(row[j], `kernel[${i}][${j}]`, where);
  }
  return kernel as Kernel;
}

/** A square of size x size values of a function of the place relative to the middle: x to the right, y downwards. */
function square(size: number, value: (x: number, y: number) => number): number[][] {
  const half = (size - 1) / 2;
  return Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (_, j) => value(j - half, i - half)),
  );
}

const outer = (column: readonly number[], row: readonly number[]): number[][] =>
  column.map((a) => row.map((b) => a * b || 0));

const combine = (a: Kernel, b: Kernel, value: (a: number, b: number) => number): number[][] =>
  a.map((row, i) => row.map((x, j) => value(x, b[i][j])));

const sumOf = (kernel: Kernel): number => kernel.flat().reduce((a, b) => a + b, 0);

/** −0 is no value a kernel should show. */
const scaled = (kernel: Kernel, factor: number): number[][] =>
  kernel.map((row) => row.map((x) => x * factor || 0));

// Smoothing

/**
 * G(x, y) = exp(−(x² + y²) / 2σ²), divided by its sum. Without sigma, or where it is not above 0, it follows from the size as in OpenCV's
 * getGaussianKernel (see `gaussian1d`). `size` is odd.
 */
export function gaussian(size: number, sigma = 0): number[][] {
  odd(size, "gaussian");
  const window = gaussian1d(size, sigma);
  return outer(window, window);
}

/** The mean: every value is 1 / (height · width). `size` is one number for a square, or [height, width]. */
export function box(size: number | readonly [height: number, width: number]): number[][] {
  const [height, width] = Array.isArray(size) ? size : [size, size];
  integer(height, "size", "box", 1, MAX_SIZE);
  integer(width, "size", "box", 1, MAX_SIZE);
  return Array.from({ length: height }, () => Array.from({ length: width }, () => 1 / (height * width)));
}

/**
 * The mean along a line through the middle, size − 1 long: a camera that moves. Every value is max(0, 1 − distance from the line), divided
 * by the sum (the formula of MATLAB's fspecial "motion"). `angle` in radians, counterclockwise on a screen: 0 is horizontal, π/4 rises to the right.
 */
export function motionBlur(size: number, angle = 0): number[][] {
  odd(size, "motionBlur");
  const [c, s] = [Math.cos(finite(angle, "angle", "motionBlur")), Math.sin(angle)];
  const half = (size - 1) / 2;
  return normalizeKernel(
    square(size, (x, y) => {
      const along = x * c - y * s;
      const across = x * s + y * c;
      return Math.max(0, 1 - Math.hypot(Math.max(0, Math.abs(along) - half), across));
    }),
  );
}

/** 1 in the middle, 0 elsewhere: leaves an image as it is. `size` is odd. */
export function identity(size = 3): number[][] {
  odd(size, "identity");
  return square(size, (x, y) => (x === 0 && y === 0 ? 1 : 0));
}

// Derivatives

/**
 * The factors of Sobel's kernels along one axis (OpenCV's getDerivKernels, not normalised): [1, 1] convolved size − order − 1 times and
 * [−1, 1] `order` times. (3, order 0): [1, 2, 1]; order 1: [−1, 0, 1]; order 2: [1, −2, 1]. Size 1 smooths with [1] and
 * derives with the three values of size 3. `size` is odd, at most 31, and above `order`.
 */
export function derivative1d(order: number, size = 3): number[] {
  integer(order, "order", "derivative1d", 0, MAX_DERIVATIVE - 1);
  odd(size, "derivative1d", 1, MAX_DERIVATIVE);
  const taps = size === 1 && order > 0 ? 3 : size;
  if (order >= taps)
    throw new ArgumentError(`derivative1d: order is ${order} but must be below the size, ${taps}`);
  let values = [1];
  for (let i = 1; i < taps; i++) {
    const sign = i < taps - order ? 1 : -1;
    values = Array.from({ length: i + 1 }, (_, j) => (values[j - 1] ?? 0) + sign * (values[j] ?? 0));
  }
  return values;
}

/** How often to derive along each axis. */
export interface DerivativeOrders {
  readonly dx?: number;
  readonly dy?: number;
}

const ORDERS: Checks<DerivativeOrders> = {
  dx: anInteger(0, MAX_DERIVATIVE - 1),
  dy: anInteger(0, MAX_DERIVATIVE - 1),
};

function sobelKernel(
  where: string,
  size: number,
  orders: DerivativeOrders,
  first: DerivativeOrders,
): number[][] {
  odd(size, where, 1, MAX_DERIVATIVE);
  checkOptions(where, orders, ORDERS);
  const { dx = first.dx!, dy = first.dy! } = orders;
  const most = Math.max(size, 3) - 1;
  if (dx + dy === 0 || dx > most || dy > most)
    throw new ArgumentError(
      `${where}: dx is ${dx} and dy is ${dy}, but for size ${size} each must be from 0 to ${most}, and one above 0`,
    );
  return outer(derivative1d(dy, size), derivative1d(dx, size));
}

/**
 * Sobel's derivative to the right, of any odd size up to 31 and any order: smoothing across, differences along (Sobel and Feldman
 * 1968; OpenCV's getDerivKernels). Size 3: [−1 0 1; −2 0 2; −1 0 1]. Size 1 does not smooth. `dx` defaults to 1, `dy` to 0.
 */
export const sobelX = (size = 3, orders: DerivativeOrders = {}): number[][] =>
  sobelKernel("sobelX", size, orders, { dx: 1, dy: 0 });

/** Sobel's derivative downwards: [−1 −2 −1; 0 0 0; 1 2 1] for size 3. See `sobelX`. `dx` defaults to 0, `dy` to 1. */
export const sobelY = (size = 3, orders: DerivativeOrders = {}): number[][] =>
  sobelKernel("sobelY", size, orders, { dx: 0, dy: 1 });

/** Scharr's derivative to the right: [−3 0 3; −10 0 10; −3 0 3]. Closer to rotation symmetry than Sobel's (Scharr 2000; OpenCV). */
export const scharrX = (): number[][] => outer([3, 10, 3], [-1, 0, 1]);

/** Scharr's derivative downwards: [−3 −10 −3; 0 0 0; 3 10 3]. */
export const scharrY = (): number[][] => outer([-1, 0, 1], [3, 10, 3]);

/** Prewitt's derivative to the right: [−1 0 1; −1 0 1; −1 0 1] (Prewitt 1970). */
export const prewittX = (): number[][] => outer([1, 1, 1], [-1, 0, 1]);

/** Prewitt's derivative downwards: [−1 −1 −1; 0 0 0; 1 1 1]. */
export const prewittY = (): number[][] => outer([-1, 0, 1], [1, 1, 1]);

/** Roberts' cross along the falling diagonal: [1 0; 0 −1] (Roberts 1963). */
export const robertsX = (): number[][] => [
  [1, 0],
  [0, -1],
];

/** Roberts' cross along the rising diagonal: [0 1; −1 0]. */
export const robertsY = (): number[][] => [
  [0, 1],
  [-1, 0],
];

/** ∂²/∂x² + ∂²/∂y² by the four neighbours: [0 1 0; 1 −4 1; 0 1 0]. */
export const laplacian4 = (): number[][] => [
  [0, 1, 0],
  [1, -4, 1],
  [0, 1, 0],
];

/** The same with the diagonals: [1 1 1; 1 −8 1; 1 1 1]. */
export const laplacian8 = (): number[][] => [
  [1, 1, 1],
  [1, -8, 1],
  [1, 1, 1],
];

/**
 * OpenCV's Laplacian: the sum of Sobel's second derivatives of that size to the right and downwards; size 1 is `laplacian4`.
 * Size 3: [2 0 2; 0 −8 0; 2 0 2]. `size` is odd, at most 31.
 */
export function laplacianKernel(size = 1): number[][] {
  odd(size, "laplacianKernel", 1, MAX_DERIVATIVE);
  if (size === 1) return laplacian4();
  const [second, smooth] = [derivative1d(2, size), derivative1d(0, size)];
  return combine(outer(smooth, second), outer(second, smooth), (a, b) => a + b);
}

/**
 * The Laplacian of a Gaussian (Marr and Hildreth 1980): (x² + y² − 2σ²) / σ⁴ · G(x, y) with G of sum 1, less the mean so that the sum is 0
 * (MATLAB's fspecial "log"). Without sigma, 0.15 · size + 0.35 as for `gaussian`. `size` is odd, from 3 on.
 */
export function laplacianOfGaussian(size: number, sigma?: number): number[][] {
  odd(size, "laplacianOfGaussian", 3);
  const s = sigma === undefined ? 0.15 * size + 0.35 : above0(sigma, "sigma", "laplacianOfGaussian");
  const g = square(size, (x, y) => Math.exp(-(x * x + y * y) / (2 * s * s)));
  const total = sumOf(g);
  const log = combine(
    g,
    square(size, (x, y) => (x * x + y * y - 2 * s * s) / s ** 4),
    (a, b) => (a / total) * b,
  );
  const mean = sumOf(log) / size ** 2;
  return log.map((row) => row.map((x) => x - mean));
}

/** G₁ − G₂: passes details of sizes between the two sigmas. With σ₂ = 1.6 σ₁ close to −`laplacianOfGaussian` (Marr and Hildreth 1980). */
export function differenceOfGaussians(size: number, sigma1: number, sigma2: number): number[][] {
  odd(size, "differenceOfGaussians");
  above0(sigma1, "sigma1", "differenceOfGaussians");
  above0(sigma2, "sigma2", "differenceOfGaussians");
  return combine(gaussian(size, sigma1), gaussian(size, sigma2), (a, b) => a - b);
}

/** How many neighbours a kernel of 3 x 3 looks at. */
export type Neighbours = 4 | 8;

export interface EdgeKernelOptions {
  /** Default 8. */
  readonly neighbours?: Neighbours;
}

const neighbours = (value: unknown, name: string, where: string): void => {
  if (value !== 4 && value !== 8) refuse(value, name, where, "4 or 8");
};

/** Every pixel against its neighbours, −Laplacian: [−1 −1 −1; −1 8 −1; −1 −1 −1], or with 4 [0 −1 0; −1 4 −1; 0 −1 0]. */
export function edge(options: EdgeKernelOptions = {}): number[][] {
  checkOptions("edge", options, { neighbours });
  return scaled(options.neighbours === 4 ? laplacian4() : laplacian8(), -1);
}

// Sharpening

export interface SharpenKernelOptions {
  /** How much of the Laplacian is taken away. Default 1. */
  readonly amount?: number;
  /** 4 for the 5-point kernel, 8 for the 9-point one. Default 4. */
  readonly neighbours?: Neighbours;
}

/** identity − amount · Laplacian: [0 −1 0; −1 5 −1; 0 −1 0], or with 8 neighbours [−1 −1 −1; −1 9 −1; −1 −1 −1]. The sum is 1. */
export function sharpen(options: SharpenKernelOptions = {}): number[][] {
  checkOptions("sharpen", options, { amount: aNumber, neighbours });
  const laplacian = options.neighbours === 8 ? laplacian8() : laplacian4();
  return combine(identity(3), laplacian, (a, b) => a - (options.amount ?? 1) * b);
}

/** The unsharp mask as one kernel: identity + amount · (identity − gaussian(size, sigma)). The sum is 1. */
export function unsharp(size: number, sigma = 0, amount = 1): number[][] {
  odd(size, "unsharp");
  finite(amount, "amount", "unsharp");
  return combine(identity(size), gaussian(size, sigma), (a, b) => (1 + amount) * a - amount * b);
}

export interface EmbossKernelOptions {
  /** How steep the relief is. Default 1. */
  readonly strength?: number;
}

/** A relief lit from the upper left: identity + strength · [−2 −1 0; −1 0 1; 0 1 2]. The sum is 1. */
export function emboss({ strength = 1, ...others }: EmbossKernelOptions = {}): number[][] {
  checkOptions("emboss", { strength, ...others }, { strength: aNumber });
  return square(3, (x, y) => (x === 0 && y === 0 ? 1 : strength * (x + y) || 0));
}

// Texture

export interface GaborOptions {
  /** Standard deviation of the Gaussian along the wave, in pixels. Default 0.56 · wavelength, a bandwidth of one octave (Petkov). */
  readonly sigma?: number;
  /** Direction in which the wave runs, in radians from the x axis towards the y axis, downwards; its stripes lie across it. Default 0. */
  readonly theta?: number;
  /** Pixels from crest to crest. Default size / 3. */
  readonly wavelength?: number;
  /** How short the Gaussian is along the stripes: 1 is round, 0.5 twice as long as wide. Default 0.5. */
  readonly gamma?: number;
  /** Of the cosine, in radians: 0 is symmetric, π/2 antisymmetric. Default 0. */
  readonly phase?: number;
}

const GABOR: Checks<GaborOptions> = {
  sigma: aNumberAbove(0),
  theta: aNumber,
  wavelength: aNumberAbove(0),
  gamma: aNumberAbove(0),
  phase: aNumber,
};

/**
 * A wave under a Gaussian: exp(−(u² + γ² v²) / 2σ²) · cos(2π u / λ + φ), with u = x cos θ + y sin θ and v = −x sin θ + y cos θ, x and y counted
 * from the middle to the left and upwards: OpenCV's getGaborKernel (Gabor 1946, Daugman 1985). Not normalised. `size` is odd.
 */
export function gabor(size: number, options: GaborOptions = {}): number[][] {
  odd(size, "gabor");
  checkOptions("gabor", options, GABOR);
  const { wavelength = size / 3, sigma = 0.56 * wavelength, theta = 0, gamma = 0.5, phase = 0 } = options;
  const [c, s] = [Math.cos(theta), Math.sin(theta)];
  return square(size, (x, y) => {
    const u = -x * c - y * s;
    const v = x * s - y * c;
    return (
      Math.exp(-(u * u + gamma * gamma * v * v) / (2 * sigma * sigma)) *
      Math.cos((2 * Math.PI * u) / wavelength + phase)
    );
  });
}

// Kernels out of kernels

/** The kernel with rate − 1 zeros between its values (the "à trous" or atrous kernel): size (n − 1) · rate + 1. */
export function dilate(kernel: Kernel, rate: number): number[][] {
  const rows = rowsOf(kernel, "dilate");
  integer(rate, "rate", "dilate", 1, MAX_SIZE);
  const spread = (n: number): number => (n - 1) * rate + 1;
  if (spread(rows.length) > MAX_SIZE || spread(rows[0].length) > MAX_SIZE)
    throw new ArgumentError(
      `dilate: a kernel of ${rows.length} x ${rows[0].length} at rate ${rate} is larger than ${MAX_SIZE} x ${MAX_SIZE}`,
    );
  return Array.from({ length: spread(rows.length) }, (_, i) =>
    Array.from({ length: spread(rows[0].length) }, (_, j) =>
      i % rate === 0 && j % rate === 0 ? rows[i / rate][j / rate] : 0,
    ),
  );
}

/** Below this part of the sum of absolute values, a sum is that of a derivative, rounded. */
const ZERO_SUM = 1e-9;

/**
 * The kernel divided by its sum, so that brightness stays; where that is 0, as of derivatives, divided by the sum of absolute values, so that
 * the result stays within the range of the input. A kernel of zeros stays as it is.
 */
export function normalizeKernel(kernel: Kernel): number[][] {
  const rows = rowsOf(kernel, "normalizeKernel");
  const absolute = sumOf(rows.map((row) => row.map(Math.abs)));
  const sum = sumOf(rows);
  const by = Math.abs(sum) > ZERO_SUM * absolute ? sum : absolute;
  return rows.map((row) => row.map((x) => (by === 0 ? 0 : x / by)));
}
