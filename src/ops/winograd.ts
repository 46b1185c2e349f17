// Winograd's convolutions as calls: per chunk of tiles, inputs are transformed, multiplied point by point, and transformed back.

import { type Emitter, fields, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import {
  planGemm,
  WINOGRAD,
  type Winograd,
  winogradChunk,
  winogradStep,
  winogradTiles,
} from "../runtime/plan.ts";
import {
  CONV_DZ,
  CONV_N,
  CONV_OD,
  CONV_PF,
  WINOGRAD_ACROSS,
  WINOGRAD_DOWN,
  WINOGRAD_M,
} from "../runtime/wasm.ts";
import { multiply, type Product, segmentsOf } from "./gemm.ts";
import type { Axis } from "./window.ts";

/** The kernels of each way. Two ways with as many points of interpolation read their inputs alike. */
const KERNELS = {
  winograd4: {
    pack: "winograd_pack_f4_f32",
    input: "winograd_input_f4_f32",
    output: "winograd_output_f4_f32",
    add: "winograd_output_f4_acc_f32",
  },
  winograd2: {
    pack: "winograd_pack_f2_f32",
    input: "winograd_input_f2_f32",
    output: "winograd_output_f2_f32",
    add: "winograd_output_f2_acc_f32",
  },
  winograd2k5: {
    pack: "winograd_pack_f2k5_f32",
    input: "winograd_input_f4_f32",
    output: "winograd_output_f2k5_f32",
    add: "winograd_output_f2k5_acc_f32",
  },
} as const;

/**
 * Packs the filter, and gives back what emits the convolution of some images. Axes are [1, h, w], x is not padded; the result
 * may be added to what y holds.
 */
export function prepareWinograd(
  e: Emitter,
  way: Winograd,
  axes: readonly Axis[],
  c: number,
  oc: number,
  w: Value,
  bias: Value | undefined,
  lo: number,
  hi: number,
  accumulate: boolean,
): (images: number, x: Address, y: Address) => void {
  const { m, r } = WINOGRAD[way];
  const kernels = KERNELS[way];
  const points = (m + r - 1) ** 2;
  const { panels, packedBytes, kc } = planGemm(oc, c, points);
  const packed = e.packed([w], packedBytes, (to) => e.call(kernels.pack, panels, [to, w.base, c, oc]));
  const product: Product = {
    inputs: c,
    outputs: oc,
    groups: points,
    filter: w,
    bias: undefined,
    taps: [0],
    runs: [{ offset: 0, length: c }],
  };
  const factors = { panels: packed, ...segmentsOf(e, product.runs, kc) };
  const [across, down] = [axes[2], axes[1]].map((a) => winogradTiles(a.out, a.dilation, m) / a.dilation);
  return (images, x, y) => {
    const shape = e.table(
      fields({
        [CONV_N]: [images, ...axes.map((a) => a.size), c],
        [CONV_OD]: [...axes.map((a) => a.out), oc],
        [CONV_DZ]: axes.map((a) => a.dilation),
        [CONV_PF]: axes.map((a) => a.before),
        [WINOGRAD_ACROSS]: [across],
        [WINOGRAD_DOWN]: [down],
        [WINOGRAD_M]: [m],
      }),
    );
    const tiles = images * across * axes[2].dilation * down * axes[1].dilation;
    const chunk = winogradChunk(tiles, points, c, oc, e.threads);
    for (let first = 0; first < tiles; first += chunk) {
      const count = Math.min(chunk, tiles - first);
      const [stepIn, stepOut] = [winogradStep(count * c * 4), winogradStep(count * oc * 4)];
      const inputs = e.scratch(points * stepIn);
      const products = e.scratch(points * stepOut);
      e.call(kernels.input, count, [inputs, x, shape, stepIn, first]);
      const grid = {
        counts: [1, 1, 1, count],
        input: [0, 0, 0, c * 4],
        output: [0, 0, 0, oc * 4],
        first: 0,
        groups: [stepIn, stepOut] as const,
      };
      multiply(e, product, factors, grid, inputs, products, -Infinity, Infinity);
      e.call(accumulate ? kernels.add : kernels.output, count, [
        y,
        products,
        bias?.base ?? 0,
        shape,
        stepOut,
        first,
        lo,
        hi,
      ]);
    }
  };
}
