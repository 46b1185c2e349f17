// The matrix product behind convolution, transposed convolution and dense: writes the tables and the calls for gemm.ts.
import { type Emitter, factorsOf, sizeOf, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { type Chunk, forEachChunk } from "../runtime/chunks.ts";
import { cutGemm, pixelsPerTable, planGemm } from "../runtime/plan.ts";
import { gemmShape, pixelGrid } from "../runtime/records.ts";
import type { Run } from "./conv-geometry.ts";

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

/** A product whose filter is packed: what `multiply` takes. */
export interface PackedProduct {
  readonly product: Product;
  readonly panels: Address;
  readonly runs: Address;
  readonly kBlocks: number;
}

/** Packs the filter; what comes back makes `multiply` calls over any number of grids. */
export function packProduct(e: Emitter, product: Product): PackedProduct {
  const { filter, bias, taps, inputs, outputs, groups } = product;
  const K = taps.length * inputs;
  const { panels, packedBytes } = planGemm(outputs, K, groups);
  const [values, scale] = factorsOf(filter);
  const packed = e.packed(bias ? [filter, bias] : [filter], packedBytes, (to) =>
    e.call("pack_filter_f32", panels * groups, [
      ...([to, values, scale, bias?.base ?? 0, e.table(taps.length ? taps : [0])] as const),
      ...([taps.length, inputs, outputs, groups] as const),
    ]),
  );
  return withPanels(e, product, packed);
}

/** The same for a filter that is packed already. */
export function withPanels(e: Emitter, product: Product, panels: Address): PackedProduct {
  const { kc } = planGemm(product.outputs, product.taps.length * product.inputs, product.groups);
  const blocks = cutRuns(product.runs, kc);
  const table = blocks.flatMap((block) => [
    block.length,
    ...block.flatMap((run) => [run.offset, run.length]),
  ]);
  return { product, panels, runs: e.table(table), kBlocks: blocks.length };
}

/** One product: every pixel of the grid times every filter, ended by the epilogue. */
export function multiply(
  e: Emitter,
  { product: p, panels: packed, runs, kBlocks }: PackedProduct,
  grid: Grid,
  input: Address,
  output: Address,
  epilogue: Address<"epilogue">,
  table = pixelTable(e, grid),
): void {
  const M = sizeOf(grid.counts);
  if (M === 0) return;
  const K = p.taps.length * p.inputs;
  const { panels } = planGemm(p.outputs, K, p.groups);
  const { mc, nc, units, resident } = cutGemm(M, panels, K, p.groups, e.threads);
  const shape = e.record(
    gemmShape({
      ...{ M, N: p.outputs, K, groups: p.groups, mc, nc, kBlocks, panels: resident },
      groupIn: grid.groups?.[0] ?? p.inputs * 4,
      groupOut: grid.groups?.[1] ?? p.outputs * 4,
    }),
  );
  e.call("gemm_f32", units, [output, input, packed, table, runs, shape, epilogue]);
}

/**
 * The product over all pixels of a grid, in chunks of images, or of planes and rows where an image has very many: the tables of a
 * chunk serve all of them, so that they do not grow with the number of pixels.
 */
export function multiplyInChunks(
  e: Emitter,
  packed: PackedProduct,
  { counts: [images, ...counts], ...grid }: Grid,
  input: Address,
  output: Address,
  epilogue: Address<"epilogue">,
): void {
  // Along the axes before `cut` one at a time, along it as many as a table holds.
  const pixels = pixelsPerTable(images * sizeOf(counts));
  const sizes = [images, ...counts];
  let inner = 1;
  let cut = 3;
  while (cut > 0 && inner * sizes[cut] <= pixels) inner *= sizes[cut--];
  const perChunk = Math.max(1, Math.min(sizes[cut], Math.floor(pixels / inner)));
  const write = (axis: number, from: Address, to: Address): void =>
    forEachChunk(e, sizes[axis], axis === cut ? perChunk : 1, ({ count, place }: Chunk) => {
      const [x, out] = [place(from, grid.input[axis]), place(to, grid.output[axis])];
      if (axis < cut) return write(axis + 1, x, out);
      const part = sizes.map((size, i) => (i < cut ? 1 : i === cut ? count : size));
      const whole = sizes.map((size, i) => (i < cut ? 1 : i === cut ? perChunk : size));
      multiply(
        e,
        packed,
        { ...grid, counts: part },
        x,
        out,
        epilogue,
        pixelTable(e, { ...grid, counts: whole }),
      );
    });
  write(0, input, output);
}

/** Tables of a program by what they hold: layers of one shape share theirs. */
const tables = new WeakMap<Emitter, Map<string, Address>>();

/** The pixel table: two u32 byte offsets (input, output) per pixel. */
export function pixelTable(e: Emitter, { counts, input, output, first }: Grid): Address {
  const key = [counts, input, output, first].join();
  const own = tables.get(e) ?? new Map<string, Address>();
  tables.set(e, own);
  let table = own.get(key);
  if (!table) {
    const [n, d, h, w] = counts;
    const grid = e.record(pixelGrid({ counts, input, output, first }));
    table = e.packed([], n * d * h * w * 8, (to) => e.call("gemm_pixels", n * d * h, [to, grid]));
    own.set(key, table);
  }
  return table;
}

/** Merges runs that touch, then cuts them into blocks of at most `kc` values. */
function cutRuns(runs: readonly Run[], kc: number): Run[][] {
  const blocks: Run[][] = [[]];
  let room = kc;
  for (const { offset, length } of mergeRuns(runs)) {
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

export function mergeRuns(runs: readonly Run[]): Run[] {
  const merged: Run[] = [];
  for (const run of runs) {
    const last = merged.at(-1);
    if (last && last.offset + last.length * 4 === run.offset) last.length += run.length;
    else merged.push({ ...run });
  }
  return merged;
}
