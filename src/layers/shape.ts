// Layers that move values and change shapes. Shapes and axes in configs count without the batch unless said otherwise.
import { ShapeError } from "../errors.ts";
import { type PadMode, pad as padOp } from "../ops/pad.ts";
import {
  concat as concatOp,
  depthToSpace as depthToSpaceOp,
  flatten as flattenOp,
  reshape as reshapeOp,
  slice as sliceOp,
  spaceToDepth as spaceToDepthOp,
  split as splitOp,
  transpose as transposeOp,
} from "../ops/shape.ts";
import { defineLayer, defineSimpleLayer, type Named } from "./layer.ts";

/** [...] becomes [m]. */
export const flatten = defineSimpleLayer<Named>("flatten", {
  options: {},
  build: (g, _, [x]) => g.op(flattenOp, [x], {}),
});

export interface ReshapeConfig extends Named {
  /** Without batch; one −1 takes what is left. */
  shape: readonly number[];
}
export const reshape = defineLayer<ReshapeConfig>("reshape", {
  options: { shape: true },
  build: (g, c, [x]) => g.op(reshapeOp, [x], { shape: [x.shape[0], ...c.shape] }),
});

export interface PermuteConfig extends Named {
  /** Order of the axes, counted from 1 as in Keras: the batch, 0, stays in front. */
  order: readonly number[];
}
export const permute = defineLayer<PermuteConfig>("permute", {
  options: { order: true },
  build: (g, c, [x]) => g.op(transposeOp, [x], { perm: [0, ...c.order] }),
});

export interface ConcatConfig extends Named {
  /** Axis of the tensor, batch counted; negative from the back. Default −1: channels. */
  axis?: number;
}
/** Puts its inputs one after the other along an axis. */
export const concat = defineSimpleLayer<ConcatConfig>("concat", {
  options: { axis: true },
  inputs: [1, Number.POSITIVE_INFINITY],
  build: (g, c, xs) => g.op(concatOp, xs, { axis: c.axis ?? -1 }),
});

export interface SplitConfig extends Named {
  /** Axis of the tensor, batch counted. Default −1. */
  axis?: number;
  sizes: readonly number[];
}
/** Cuts along an axis; `split({ sizes: [8, 8] })(x).outputs(2)`. */
export const split = defineLayer<SplitConfig>("split", {
  options: { axis: true, sizes: true },
  build: (g, c, [x]) => g.apply(splitOp, [x], { axis: c.axis ?? -1, sizes: c.sizes }),
});

export interface SliceConfig extends Named {
  /** First index and size along each axis, without batch. */
  begin: readonly number[];
  size: readonly number[];
}
export const slice = defineLayer<SliceConfig>("slice", {
  options: { begin: true, size: true },
  build: (g, c, [x]) => g.op(sliceOp, [x], { begin: [0, ...c.begin], size: [x.shape[0], ...c.size] }),
});

export interface PadConfig extends Named {
  /** [before, after] for each spatial axis. */
  padding: readonly (readonly [number, number])[];
  /** Default "constant". */
  mode?: PadMode;
  /** Default 0. */
  value?: number;
}
/** A border round the spatial axes. */
export const pad = defineLayer<PadConfig>("pad", {
  options: { padding: true, mode: true, value: true },
  build(g, c, [x], _, where) {
    checkPairs(c.padding, x.shape.length - 2, where);
    const pads = [[0, 0], ...c.padding, [0, 0]] as const;
    return g.op(padOp, [x], { pads, mode: c.mode ?? "constant", value: c.value ?? 0 });
  },
});

export interface CropConfig extends Named {
  /** [before, after] cut off each spatial axis. */
  cropping: readonly (readonly [number, number])[];
}
export const crop = defineLayer<CropConfig>("crop", {
  options: { cropping: true },
  build(g, c, [x], _, where) {
    checkPairs(c.cropping, x.shape.length - 2, where);
    const begin = [0, ...c.cropping.map(([before]) => before), 0];
    const size = x.shape.map((d, i) => d - (c.cropping[i - 1]?.[0] ?? 0) - (c.cropping[i - 1]?.[1] ?? 0));
    return g.op(sliceOp, [x], { begin, size });
  },
});

function checkPairs(pairs: readonly unknown[], axes: number, where: string): void {
  if (
    !Array.isArray(pairs) ||
    pairs.length !== axes ||
    pairs.some((p) => !Array.isArray(p) || p.length !== 2)
  )
    throw new ShapeError(
      `${where}: got ${JSON.stringify(pairs)} but the input has ${axes} spatial axes: give ${axes} pairs [before, after]`,
    );
}

export interface BlockConfig extends Named {
  block: number;
  /** How deep channels are counted: "dcr" (TensorFlow, the default) or "crd" (PyTorch's pixel shuffle). */
  order?: "dcr" | "crd";
}
/** [h, w, c] becomes [h * block, w * block, c / block²]. */
export const depthToSpace = defineLayer<BlockConfig>("depthToSpace", {
  options: { block: true, order: true },
  build: (g, c, [x]) => g.op(depthToSpaceOp, [x], { block: c.block, order: c.order ?? "dcr" }),
});
/** [h, w, c] becomes [h / block, w / block, c * block²]. */
export const spaceToDepth = defineLayer<BlockConfig>("spaceToDepth", {
  options: { block: true, order: true },
  build: (g, c, [x]) => g.op(spaceToDepthOp, [x], { block: c.block, order: c.order ?? "dcr" }),
});
