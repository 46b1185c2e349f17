// The matrix product behind convolution, transposed convolution and dense: writes the tables and the calls for gemm.ts.

import { type Emitter, fields, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { cutGemm, planGemm } from "../runtime/plan.ts";
import {
  GEMM_GROUP_IN,
  GEMM_GROUP_OUT,
  GEMM_GROUPS,
  GEMM_K,
  GEMM_K_BLOCKS,
  GEMM_M,
  GEMM_MC,
  GEMM_N,
  GEMM_NC,
  GRID_IN_N,
  GRID_N,
  GRID_OUT_FIRST,
  GRID_OUT_N,
} from "../runtime/wasm.ts";

/** A run of neighbouring input values every pixel sums over: bytes from the pixel's own place, and floats. */
export interface Run {
  offset: number;
  length: number;
}

/** Where the pixels of a grid lie: counts [n, d, h, w], byte strides in input and output, the first output byte. */
export interface Grid {
  counts: readonly number[];
  input: readonly number[];
  output: readonly number[];
  first: number;
  /** Bytes from one group's values to the next, in input and output. Default: they share pixels, channel by channel. */
  groups?: readonly [input: number, output: number];
}

export interface Product {
  /** Input and output channels per group, and groups. */
  inputs: number;
  outputs: number;
  groups: number;
  /** The filter as [taps, inputs, groups * outputs], and which of its taps take part, in the order of `runs`. */
  filter: Value;
  bias: Value | undefined;
  taps: readonly number[];
  runs: readonly Run[];
}

/** Packs the filter; what comes back makes `multiply` calls over any number of grids. */
export function packProduct(e: Emitter, p: Product): { panels: Address; segments: Address; blocks: number } {
  const K = p.taps.length * p.inputs;
  const { panels, packedBytes, kc } = planGemm(p.outputs, K, p.groups);
  const sources = p.bias ? [p.filter, p.bias] : [p.filter];
  const packed = e.packed(sources, packedBytes, (to) =>
    e.call("pack_filter_f32", panels * p.groups, [
      to,
      p.filter.base,
      p.bias?.base ?? 0,
      e.table(p.taps.length ? p.taps : [0]),
      p.taps.length,
      p.inputs,
      p.outputs,
      p.groups,
    ]),
  );
  return { panels: packed, ...segmentsOf(e, p.runs, kc) };
}

/** The table of runs, cut into blocks of at most `kc` values. */
export function segmentsOf(
  e: Emitter,
  runs: readonly Run[],
  kc: number,
): { segments: Address; blocks: number } {
  const blocks = cutRuns(runs, kc);
  const table = blocks.flatMap((b) => [b.length, ...b.flatMap((r) => [r.offset, r.length])]);
  return { segments: e.table(table), blocks: blocks.length };
}

/** One product: every pixel of the grid times every filter, maybe added to what the output holds, clamped to [lo, hi]. */
export function multiply(
  e: Emitter,
  p: Product,
  packed: { panels: Address; segments: Address; blocks: number },
  grid: Grid,
  input: Address,
  output: Address,
  lo: number,
  hi: number,
  accumulate = false,
): void {
  const M = grid.counts.reduce((a, b) => a * b, 1);
  if (M === 0) return;
  const K = p.taps.length * p.inputs;
  const { panels } = planGemm(p.outputs, K, p.groups);
  const { mc, nc, units } = cutGemm(M, panels, K, p.groups, e.threads);
  const shape = fields({
    [GEMM_M]: [M],
    [GEMM_N]: [p.outputs],
    [GEMM_K]: [K],
    [GEMM_GROUPS]: [p.groups],
    [GEMM_GROUP_IN]: [grid.groups?.[0] ?? p.inputs * 4],
    [GEMM_GROUP_OUT]: [grid.groups?.[1] ?? p.outputs * 4],
    [GEMM_MC]: [mc],
    [GEMM_NC]: [nc],
    [GEMM_K_BLOCKS]: [packed.blocks],
  });
  e.call(accumulate ? "gemm_acc_f32" : "gemm_f32", units, [
    output,
    input,
    packed.panels,
    pixels(e, grid),
    packed.segments,
    e.table(shape),
    lo,
    hi,
  ]);
}

/** The pixel table: two u32 byte offsets (input, output) per pixel. */
export function pixels(e: Emitter, grid: Grid): Address {
  const record = e.table(
    fields({
      [GRID_N]: grid.counts,
      [GRID_IN_N]: grid.input,
      [GRID_OUT_N]: grid.output,
      [GRID_OUT_FIRST]: [grid.first],
    }),
  );
  const [n, d, h, w] = grid.counts;
  return e.packed([], n * d * h * w * 8, (table) => e.call("gemm_pixels", n * d * h, [table, record]));
}

/** Merges runs that touch, then cuts them into blocks of at most `kc` values. */
function cutRuns(runs: readonly Run[], kc: number): Run[][] {
  const blocks: Run[][] = [[]];
  let room = kc;
  for (const { offset, length } of merge(runs)) {
    for (let done = 0; done < length; ) {
      if (room === 0) {
        blocks.push([]);
        room = kc;
      }
      const take = Math.min(length - done, room);
      blocks.at(-1)!.push({ offset: offset + done * 4, length: take });
      done += take;
      room -= take;
    }
  }
  return blocks;
}

export function merge(runs: readonly Run[]): Run[] {
  const merged: Run[] = [];
  for (const run of runs) {
    const last = merged.at(-1);
    if (last && last.offset + last.length * 4 === run.offset) last.length += run.length;
    else merged.push({ ...run });
  }
  return merged;
}
