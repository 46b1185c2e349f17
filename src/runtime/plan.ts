// The plan: which algorithm a shape takes and how the work is cut. Every threshold of the engine stands in this file.
import { MR_MULTIPLE, NR } from "./wasm.ts";

/** No buffer has more bytes: kernels compute with offsets of 32 bits. */
export const MAX_BYTES = 2 ** 31 - 1;

/** What the choice of a convolution algorithm looks at. Axis lists are [depth, height, width]. */
export interface ConvFacts {
  inPerGroup: number;
  outPerGroup: number;
  groups: number;
  kernel: readonly number[];
  stride: readonly number[];
  dilation: readonly number[];
  /** Output pixels. */
  out: readonly number[];
  /** The images that a choice is made for: `NOMINAL_IMAGES`, or for gradients of filters, which sum over them, how many there are. */
  images: number;
  /** Whether sums may be regrouped and packed filters be four times as large. */
  winograd: boolean;
}

/**
 * Winograd's convolutions: tiles of m x m outputs, filters of r x r. Their relative error at 256 channels is 1.5e-6, 4e-7 and
 * 2e-6; larger tiles, F(6x6, 3x3) and F(4x4, 5x5), would make it 5e-6 and more. An infinite input makes NaN of the whole tiles that
 * read it, for their transforms subtract; so deterministic engines do without.
 */
export const WINOGRAD = {
  winograd4: { m: 4, r: 3 },
  winograd2: { m: 2, r: 3 },
  winograd2k5: { m: 2, r: 5 },
} as const;

/**
 * Convolutions are chosen as for so many images, whatever the batch: algorithms round differently, and the result of an image must not
 * depend on its company. For square maps from 5 x 5 pixels on the best algorithm is the same for one image as for any number. With smaller ones
 * one image pays up to twice as much for reading more filters, and large batches would pay as much for more products.
 */
export const NOMINAL_IMAGES = 4;

export type Winograd = keyof typeof WINOGRAD;
export type ConvAlgorithm = "direct" | "depthwise" | Winograd | "gemm";

export const isWinograd = (algorithm: ConvAlgorithm): algorithm is Winograd => algorithm in WINOGRAD;

/** The table of algorithms: the first row that fits is taken. */
const CONV_ALGORITHMS: readonly { name: ConvAlgorithm; fits: (f: ConvFacts) => boolean }[] = [
  // 1 to 3 channels, each on its own: too few for channels as lanes, so lanes run along the row.
  {
    name: "direct",
    fits: (f) => f.inPerGroup === 1 && f.outPerGroup === 1 && f.groups < 4 && f.stride[2] === 1,
  },
  // One input channel a group: nothing to sum over but taps; channels are lanes.
  { name: "depthwise", fits: (f) => f.inPerGroup === 1 && f.groups > 1 },
  // 36 instead of 144 multiplications per 4x4 outputs.
  {
    name: "winograd4",
    fits: (f) => winogradPays(f, "winograd4") && winogradCost(f, "winograd4") < winogradCost(f, "winograd2"),
  },
  // 16 instead of 36 per 2x2 outputs, and half the filters to read: for small maps. Its transforms weigh more.
  { name: "winograd2", fits: (f) => f.inPerGroup >= 32 && winogradPays(f, "winograd2") },
  // 36 instead of 100 per 2x2 outputs.
  { name: "winograd2k5", fits: (f) => winogradPays(f, "winograd2k5") },
  { name: "gemm", fits: () => true },
];

const is = (axes: readonly number[], ...values: readonly number[]): boolean =>
  values.every((v, i) => axes[i] === v);

/** Square filters, stride 1, 2-D; transforms cost per channel and products per pair of channels, so they must be many. */
const winogradFits = (f: ConvFacts, r: number): boolean =>
  f.winograd &&
  f.groups === 1 &&
  is(f.kernel, 1, r, r) &&
  is(f.stride, 1, 1, 1) &&
  f.out[0] === 1 &&
  f.inPerGroup >= 16 &&
  f.outPerGroup >= 16 &&
  f.inPerGroup % 4 === 0 &&
  f.outPerGroup % 4 === 0;

/**
 * What products cost per pair of channels: those of fewer than four rows take as long as of four, and reading the filter of
 * one takes as long as three rows.
 */
const productCost = (products: number, rows: number): number => products * (Math.max(rows, 4) + 3);

const winogradCost = (f: ConvFacts, way: Winograd): number => {
  const { m, r } = WINOGRAD[way];
  const [down, across] = [1, 2].map((i) => winogradTiles(f.out[i], f.dilation[i], m));
  return productCost((m + r - 1) ** 2, f.images * down * across);
};

const winogradPays = (f: ConvFacts, way: Winograd): boolean => {
  const { r } = WINOGRAD[way];
  const pixels = f.images * f.out[1] * f.out[2];
  return winogradFits(f, r) && winogradCost(f, way) < productCost(r * r, pixels);
};

/** Tiles of m outputs along an axis, over all its phases: every dilation-th output makes one. */
export const winogradTiles = (pixels: number, dilation: number, m: number): number =>
  dilation * Math.ceil(Math.ceil(pixels / dilation) / m);

export function convAlgorithm(facts: ConvFacts): ConvAlgorithm {
  return CONV_ALGORITHMS.find((row) => row.fits(facts))!.name;
}

/** Rows of a panel per pass: 768 rows of NR floats are 24 KB, which stay in a 32 KB L1 while pixels stream past. */
const KC = 768;
/** Pixels of a block: enough to use a panel's block many times, few enough that their input stays in L2. */
const MC = 192;

/** Pixels that a table of offsets covers at most: 256 KB. Larger products are done in chunks that share a table. */
const TABLE_PIXELS = 32768;

/** Pixels per table, in chunks of about equal size. */
export const pixelsPerTable = (pixels: number): number =>
  Math.ceil(pixels / Math.ceil(pixels / TABLE_PIXELS));

/** Blocks per thread: enough to even out threads that other programs slow down. */
const BLOCKS = 4;
/** Multiply-adds of a block below which dividing it costs more than it saves: about 2 microseconds of work. */
const BLOCK_WORK = 50_000;

export interface GemmPlan {
  panels: number;
  kc: number;
  packedBytes: number;
}

/** How N channels per group, summed over K, are packed. */
export function planGemm(N: number, K: number, groups: number): GemmPlan {
  const panels = Math.ceil(N / NR);
  // Blocks of equal size: 1152 becomes two of 576 rather than 768 and a rest.
  const kc = Math.ceil(K / Math.max(1, Math.ceil(K / KC)));
  return { panels, kc: Math.max(kc, 1), packedBytes: groups * panels * (K + 1) * NR * 4 };
}

/** Bytes of packed panels that stay in a 32 KB L1 beside a tile of pixels and what it writes. */
const RESIDENT_BYTES = 16 * 1024;

/** Blocks of MC pixels by NC panels, and how many there are over all groups. */
export interface GemmBlocks {
  mc: number;
  nc: number;
  units: number;
  /** Panels that a tile of pixels meets one after the other. */
  resident: number;
}

/** Cuts a product of M pixels by so many panels per group: by pixels, and where those are few, for threads by panels too. */
export function cutGemm(M: number, panels: number, K: number, groups: number, threads: number): GemmBlocks {
  const blocks = Math.max(1, Math.round(M / MC));
  const mc = Math.ceil(M / blocks / MR_MULTIPLE) * MR_MULTIPLE;
  const down = Math.ceil(M / mc);
  const wanted = threads === 1 ? 1 : (threads * BLOCKS) / (down * groups);
  const worth = (Math.min(M, mc) * panels * NR * K) / BLOCK_WORK;
  const nc = Math.ceil(panels / Math.max(1, Math.min(wanted, worth, panels)));
  const resident = Math.max(1, Math.floor(RESIDENT_BYTES / (Math.max(1, Math.min(K, KC)) * NR * 4)));
  return { mc, nc, units: groups * down * Math.ceil(panels / nc), resident };
}

/** Blocks of four channels, each with its bias and taps. */
export function planDepthwise(channels: number, taps: number): { blocks: number; packedBytes: number } {
  const blocks = Math.ceil(channels / 4);
  return { blocks, packedBytes: blocks * (taps + 1) * 16 };
}

/** The widest map whose depthwise convolution reads a padded copy: pixels, per tap beyond the first and stride². */
const DEPTHWISE_PADDED = 26;

/**
 * Whether a depthwise convolution is quicker over a padded copy. At the border of a map pixels are made one by one, each at the
 * price of two or three, which is much of a small map; what the copy costs grows with the input, so with the stride.
 */
export const depthwisePads = ({ kernel, stride, out }: ConvFacts): boolean =>
  out[2] <= (DEPTHWISE_PADDED * (kernel[2] - 1)) / (stride[1] * stride[2]);

/** Transformed inputs and products of the tiles that are worked on together, per thread: they should stay in L2. */
const WINOGRAD_BYTES = 768 * 1024;

/**
 * Bytes from one point to the next, for `bytes` of tiles: an odd number of cache lines, so that the streams of a
 * transform spread over the sets of a cache instead of meeting in one.
 */
export const winogradStep = (bytes: number): number => (Math.ceil(bytes / 64) | 1) * 64;

/** Tiles per chunk, in chunks of equal size; at least 12, so that a filter is used twice or more when read. */
export function winogradChunk(
  tiles: number,
  points: number,
  inputs: number,
  outputs: number,
  threads: number,
): number {
  const most = Math.max(12, Math.floor((threads * WINOGRAD_BYTES) / (points * 4 * (inputs + outputs))));
  // Rounded, not up: half a chunk more does less harm than reading all filters once more.
  const chunks = Math.max(1, Math.round(tiles / most));
  return Math.ceil(tiles / chunks);
}

/**
 * Whether an image is convolved by way of a padded copy of so many bytes, rather than by the patches under its windows; `work` are
 * the bytes of the image and its patches. Windows that stride or reach over a wide border make copies that are nearly all zeros.
 */
export const padsBy = (padded: number, work: number): boolean => padded <= MAX_BYTES && padded <= 4 * work;

/**
 * Whether a transposed convolution spreads its pixels, by so many products per image and pair of channels whose results take so many
 * bytes, rather than gather them in phases. The two cost alike where windows are not larger than the input; ordinary layers gather.
 */
export const transposedScatters = (products: number, inPhases: number, bytes: number): boolean =>
  inPhases > 8 * products && bytes <= MAX_BYTES;

/** Padded images are made a few at a time, so that they are still in L2 when they are read. */
const PADDED_BYTES = 512 * 1024;

/** Images of a batch that are padded and convolved together. */
export function imagesPerChunk(images: number, paddedBytes: number): number {
  return Math.min(images, Math.max(1, Math.floor(PADDED_BYTES / paddedBytes)));
}

/** Pixels whose outer products are summed in registers: a tile's load and store are next to nothing then, and rounding stays small. */
const FILTER_GRAD_PIXELS = 192;
/** Rows of a filter gradient that share a panel of a block of pixels while it is in L1. */
const FILTER_GRAD_ROWS = 48;

/** Pixels of a block, in blocks of equal size. */
export const filterGradBlock = (pixels: number): number =>
  Math.ceil(pixels / Math.max(1, Math.round(pixels / FILTER_GRAD_PIXELS)));

/** Cuts a run of rows into strips: first row and rows of each. */
export const filterGradStrips = (rows: number): [first: number, rows: number][] =>
  Array.from({ length: Math.ceil(rows / FILTER_GRAD_ROWS) }, (_, i) => {
    const first = i * FILTER_GRAD_ROWS;
    return [first, Math.min(FILTER_GRAD_ROWS, rows - first)];
  });

/** Transformed inputs and gradients of the tiles that are summed together: about L2; half and three times as much do as well. */
const WINOGRAD_GRAD_BYTES = 1024 * 1024;

/** Tiles per chunk, in chunks of equal size; the 36 sums for every pair of channels are read and written once for each. */
export function winogradGradChunk(tiles: number, inputs: number, outputs: number): number {
  const most = Math.max(96, Math.floor(WINOGRAD_GRAD_BYTES / (36 * 4 * (inputs + outputs))));
  return Math.ceil(tiles / Math.max(1, Math.round(tiles / most)));
}

/** Panels of NR channels. */
export const panelsOf = (channels: number): number => Math.ceil(channels / NR);

/** Bytes of a pixel of a packed panel. */
export const PANEL_PIXEL = NR * 4;

/** Pixels of packed dy that are worked on together: they stay in L2. */
export const filterGradChunk = (pixels: number, packedPixel: number): number =>
  Math.min(pixels, Math.max(FILTER_GRAD_PIXELS, Math.floor(PADDED_BYTES / packedPixel)));

/**
 * Rows (steps along the reduced axis) that one unit of a reduction folds into one; longer reductions run in two or more
 * passes, which keeps sums accurate. With fewer than four columns a row is a few floats only.
 */
export function reductionChunk(rows: number, columns: number): number {
  const chunk = columns < 4 ? 4096 : 128;
  return rows <= 2 * chunk ? rows : chunk;
}

/** Rows of a chunk whose moments are taken together, at most: 16 times those that say where its centre is (norm.ts). */
export const MOMENTS_ROWS = 256;

/**
 * Whether a maximum is taken over the columns of its windows first, of kh · kd taps, and over rows of kw of the results
 * then. Each column serves kw / sw windows; what lies between costs about as much as two taps.
 */
export const poolSplits = (columnTaps: number, rowTaps: number, stride: number): boolean =>
  columnTaps * rowTaps > columnTaps * stride + rowTaps + 2;

/**
 * Whether rows and pixels of an image are combined at once rather than rows first (or pixels first) and then the others: by the
 * vectors that are added. Work is terms per row and pixel, growth the result's rows per row. The intermediate costs about as much
 * as two terms.
 */
export function combinesAtOnce(
  rowWork: number,
  rowGrowth: number,
  pixelWork: number,
  pixelGrowth: number,
): boolean {
  const rowsFirst = (rowWork + 2) / pixelGrowth + pixelWork;
  const pixelsFirst = (pixelWork + 2) / rowGrowth + rowWork;
  return rowWork * pixelWork <= Math.min(rowsFirst, pixelsFirst);
}

/**
 * Whether pixels are combined as rows of the transposed image. Fewer than four channels leave lanes empty, unless runs of pixels
 * have the same terms of their neighbours; transposing there and back costs less.
 */
export const combinesTransposed = (c: number, runs: readonly number[]): boolean => {
  let pieces = 0;
  for (let i = 0; i < runs.length; i += runs[i]) pieces++;
  return c < 4 && pieces * 4 > runs.length;
};

/** Broadcasting. */
export const BROADCAST = {
  /** Floats of a unit of work in a long run. */
  block: 4096,
  /** Rows shorter than this are joined; the operand they all meet is repeated to about `repeated` floats. */
  shortRow: 128,
  repeated: 256,
};

/** Strided copies. */
export const COPY = {
  /** Floats one unit of work moves, about. */
  unit: 8192,
  /** Boxes of more floats than this do not stay in the caches near a core. */
  large: 2 ** 20,
  /** Side of the square a unit transposes: what fits the first-level cache; in large boxes longer rows pay more. */
  transpose: 64,
  transposeLarge: 256,
  /** Reach of a scattered unit along its inner axis: the lines it touches stay in the first-level cache. */
  scatter: 128,
  /** Squares of up to so many floats are cheaper scattered than transposed. */
  tiny: 9,
  /** From this length on an axis is worth an inner loop. */
  long: 16,
  /** Up to this length an outer axis of a large box runs inside the longer ones. */
  short: 4,
};
