// The plan: which algorithm a shape takes and how the work is cut. Every threshold of the engine stands in this file.
import { MR, NR } from "./wasm.ts";

/** What the choice of a convolution algorithm looks at. Axis lists are [depth, height, width]. */
export interface ConvFacts {
  inPerGroup: number;
  outPerGroup: number;
  groups: number;
  kernel: readonly number[];
  stride: readonly number[];
}

export type ConvAlgorithm = "direct" | "depthwise" | "gemm";

/** The table of algorithms: the first row that fits is taken. */
const CONV_ALGORITHMS: readonly { name: ConvAlgorithm; fits: (f: ConvFacts) => boolean }[] = [
  // 1 to 3 channels, each on its own: too few for channels as lanes, so lanes run along the row.
  {
    name: "direct",
    fits: (f) => f.inPerGroup === 1 && f.outPerGroup === 1 && f.groups < 4 && f.stride[2] === 1,
  },
  // One input channel a group: nothing to sum over but taps; channels are lanes.
  { name: "depthwise", fits: (f) => f.inPerGroup === 1 && f.groups > 1 },
  { name: "gemm", fits: () => true },
];

export function convAlgorithm(facts: ConvFacts): ConvAlgorithm {
  return CONV_ALGORITHMS.find((row) => row.fits(facts))!.name;
}

/** Rows of a panel per pass: 768 rows of NR floats are 24 KB, which stay in a 32 KB L1 while pixels stream past. */
const KC = 768;
/** Pixels of a cell: enough to use a panel's block many times, few enough that their input stays in L2. */
const MC = 192;

export interface GemmPlan {
  panels: number;
  mc: number;
  nc: number;
  kc: number;
  /** Cells of MC pixels by NC panels, over all groups. */
  units: number;
  packedBytes: number;
}

/** Cuts a product of M pixels by N channels per group, summed over K. */
export function planGemm(M: number, N: number, K: number, groups: number): GemmPlan {
  const panels = Math.ceil(N / NR);
  // Blocks of equal size: 1152 becomes two of 576 rather than 768 and a rest.
  const kc = Math.ceil(K / Math.max(1, Math.ceil(K / KC)));
  const tiles = Math.ceil(M / MR);
  const cells = Math.max(1, Math.round((tiles * MR) / MC));
  const mc = Math.ceil(tiles / cells) * MR;
  return {
    panels,
    mc,
    nc: panels,
    kc: Math.max(kc, 1),
    units: groups * Math.ceil(M / mc),
    packedBytes: groups * panels * (K + 1) * NR * 4,
  };
}

/** Blocks of four channels, each with its bias and taps. */
export function planDepthwise(channels: number, taps: number): { blocks: number; packedBytes: number } {
  const blocks = Math.ceil(channels / 4);
  return { blocks, packedBytes: blocks * (taps + 1) * 16 };
}

/** Padded images are made a few at a time, so that they are still in L2 when they are read. */
const PADDED_BYTES = 512 * 1024;

/** Images of a batch that are padded and convolved together. */
export function imagesPerChunk(images: number, paddedBytes: number): number {
  return Math.min(images, Math.max(1, Math.floor(PADDED_BYTES / paddedBytes)));
}
