// Winograd's convolutions as calls: per chunk of tiles, inputs are transformed, multiplied point by point, and transformed back.

import { type Emitter, factorsOf, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { forEachChunk } from "../runtime/chunks.ts";
import {
  planGemm,
  WINOGRAD,
  type Winograd,
  winogradChunk,
  winogradStep,
  winogradTiles,
} from "../runtime/plan.ts";
import { epilogue, winogradShape } from "../runtime/records.ts";
import { multiply, pixelTable, withPanels } from "./gemm.ts";
import type { Axis } from "./window.ts";

/** The kernels of each algorithm. Two with the same number of interpolation points transform their inputs alike. */
const KERNELS = {
  winograd4: {
    pack: "winograd_pack_f4_f32",
    input: "winograd_input_f4_f32",
    output: "winograd_output_f4_f32",
  },
  winograd2: {
    pack: "winograd_pack_f2_f32",
    input: "winograd_input_f2_f32",
    output: "winograd_output_f2_f32",
  },
  winograd2k5: {
    pack: "winograd_pack_f2k5_f32",
    input: "winograd_input_f4_f32",
    output: "winograd_output_f2k5_f32",
  },
} as const;

/** A part of a value: where its first image lies, and bytes from image to image, row to row, pixel to pixel. */
interface Images {
  readonly base: Address;
  readonly strides: readonly number[];
}

/** Rows of tiles, and tiles in a row, of one phase of an image; axes are [1, h, w]. */
export const tilesOfPhase = (axes: readonly Axis[], m: number): number[] =>
  axes.slice(1).map((a) => winogradTiles(a.out, a.dilation, m) / a.dilation);

/** Packs the filter, and gives back what writes the convolution of some images. Axes are [1, h, w], x is not padded. */
export function prepareWinograd(
  e: Emitter,
  algorithm: Winograd,
  axes: readonly Axis[],
  c: number,
  oc: number,
  w: Value,
  bias: Value | undefined,
  end: Address<"epilogue">,
): (images: number, x: Images, y: Images) => void {
  const { m, r } = WINOGRAD[algorithm];
  const kernels = KERNELS[algorithm];
  const points = (m + r - 1) ** 2;
  const { panels, packedBytes } = planGemm(oc, c, points);
  const [values, scale] = factorsOf(w);
  const packed = e.packed([w], packedBytes, (to) => e.call(kernels.pack, panels, [to, values, scale, c, oc]));
  const runs = [{ offset: 0, length: c }];
  const product = { inputs: c, outputs: oc, groups: points, filter: w, bias: undefined, taps: [0], runs };
  const factors = withPanels(e, product, packed);
  // Products of points are sums in the making: only the output transform ends them.
  const none = e.record(epilogue({ accumulate: 0, lo: -Infinity, hi: Infinity, activation: 0, p: 0, q: 0 }));
  const tiles = tilesOfPhase(axes, m);
  const [, height, width] = axes;
  return (images, x, y) => {
    const shape = e.record(
      winogradShape({
        ...{ n: images, c, oc, tiles, m },
        size: [height.size, width.size],
        out: [height.out, width.out],
        dilation: [height.dilation, width.dilation],
        before: [height.before, width.before],
        xStrides: x.strides,
        outStrides: y.strides,
      }),
    );
    const all = images * tiles[0] * height.dilation * tiles[1] * width.dilation;
    const chunk = winogradChunk(all, points, c, oc, e.threads);
    const [stepIn, stepOut] = [winogradStep(chunk * c * 4), winogradStep(chunk * oc * 4)];
    const inputs = e.scratch(points * stepIn);
    const products = e.scratch(points * stepOut);
    const grid = {
      counts: [1, 1, 1, chunk],
      input: [0, 0, 0, c * 4],
      output: [0, 0, 0, oc * 4],
      first: 0,
      groups: [stepIn, stepOut] as const,
    };
    const table = pixelTable(e, grid);
    forEachChunk(e, all, chunk, ({ count, start }) => {
      e.call(kernels.input, count, [inputs, x.base, shape, stepIn, start]);
      multiply(e, factors, { ...grid, counts: [1, 1, 1, count] }, inputs, products, none, table);
      e.call(kernels.output, count, [y.base, products, bias?.base ?? 0, shape, end, stepOut, start]);
    });
  };
}
