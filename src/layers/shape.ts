// Layers that move values and change shapes. Shapes and axes count the batch.
import { ShapeError } from "../errors.ts";
import { type PadMode, pad as padOp } from "../ops/pad.ts";
import {
  concat as concatOp,
  depthToSpace as depthToSpaceOp,
  flatten as flattenOp,
  reshape as reshapeOp,
  resolveShape,
  slice as sliceOp,
  spaceToDepth as spaceToDepthOp,
  split as splitOp,
  transpose as transposeOp,
} from "../ops/shape.ts";
import type { Shape } from "../tensor.ts";
import { aList, anInteger, aWord, needed } from "../validate.ts";
import { aCount, anAxis, aPair, aValue, pairsOf } from "./checks.ts";
import { checkBatch, defineLayer, defineSimpleLayer, type Named } from "./layer.ts";

export type { PadMode };

/** [n, ...] becomes [n, m]. */
export const flatten = defineSimpleLayer<Named>("flatten", {
  options: {},
  isView: true,
  build: (g, _, [x]) => g.op(flattenOp, [x], {}),
});

export interface ReshapeConfig extends Named {
  /** 0 keeps the input's size on that axis; one −1 takes what is left. */
  shape: Shape;
}
/** The same values under another shape: `reshape({ shape: [0, 7, 7, -1] })`. */
export const reshape = defineLayer<ReshapeConfig>("reshape", {
  options: { shape: needed(aList(anInteger(-1)), "[0, -1]") },
  isView: true,
  build: (g, { shape }, [x], _, where) =>
    g.op(reshapeOp, [x], { shape: resolveShape(x.shape, shape, where) }),
});

export interface TransposeConfig extends Named {
  /** Axis i of the output is axis perm[i] of the input. A layer must keep the batch, axis 0, in front. */
  perm: readonly number[];
}
/** Axes in another order: `transpose({ perm: [0, 2, 1, 3] })`. */
export const transpose = defineLayer<TransposeConfig>("transpose", {
  options: { perm: needed(aList(anInteger(0)), "[0, 2, 1, 3]") },
  checkLayer: ({ perm }, _x, _y, where) => checkBatch(perm[0] === 0, where),
  build: (g, { perm }, [x]) => g.op(transposeOp, [x], { perm }),
});

export interface ConcatConfig extends Named {
  /** Axis of the tensor, batch counted; negative from the back. Default −1: channels. */
  axis?: number;
}
/** Joins its inputs along an axis. */
export const concat = defineSimpleLayer<ConcatConfig>("concat", {
  options: { axis: anAxis },
  inputs: [1, Number.POSITIVE_INFINITY],
  build: (g, { axis = -1 }, xs) => g.op(concatOp, xs, { axis }),
});

export interface SplitConfig extends Named {
  /** Length of every part along the axis; together the whole of it. */
  sizes: readonly number[];
  /** Axis of the tensor, batch counted; negative from the back. Default −1: channels. */
  axis?: number;
}
/** Cuts along an axis; `split({ sizes: [8, 8] })(x).outputs(2)`. */
export const split = defineLayer<SplitConfig>("split", {
  options: { sizes: needed(aList(anInteger(0)), "[8, 8]"), axis: anAxis },
  build: (g, { sizes, axis = -1 }, [x]) => g.apply(splitOp, [x], { axis, sizes }),
});

export interface SliceConfig extends Named {
  /** First index along each axis of the tensor. */
  begin: readonly number[];
  /** Size along each axis of the tensor; −1 takes all that is left. */
  size: readonly number[];
}
/** A part of each axis: `slice({ begin: [0, 1, 1, 0], size: [-1, 3, 3, -1] })`. A layer must keep the whole batch. */
export const slice = defineLayer<SliceConfig>("slice", {
  options: {
    begin: needed(aList(anInteger(0)), "[0, 1, 1, 0]"),
    size: needed(aList(anInteger(-1)), "[-1, 3, 3, -1]"),
  },
  checkLayer: checkSameBatch,
  build: (g, { begin, size }, [x]) => g.op(sliceOp, [x], { begin, size }),
});

/** Pairs [before, after]: one per spatial axis, or one per axis of the tensor. */
export type AxisPairs = readonly (readonly [before: number, after: number])[];

const axisPairs = needed(aList(aPair), "[[1, 1], [1, 1]]");

export interface PadConfig extends Named {
  /** Elements added, [before, after]: one pair per spatial axis, or one per axis of the tensor. */
  padding: AxisPairs;
  /** Default "constant". */
  mode?: PadMode;
  /** What mode "constant" adds. Default 0. */
  value?: number;
}
/** Adds a border. A layer must not add to the batch. */
export const pad = defineLayer<PadConfig>("pad", {
  options: {
    padding: axisPairs,
    mode: aWord("constant", "reflect", "replicate"),
    value: aValue,
  },
  checkLayer: checkSameBatch,
  build(g, { padding, mode = "constant", value = 0 }, [x], _, where) {
    return g.op(padOp, [x], { pads: pairsOf(padding, x, where), mode, value });
  },
});

export interface CropConfig extends Named {
  /** Elements cut off, [before, after]: one pair per spatial axis, or one per axis of the tensor. */
  cropping: AxisPairs;
}
/** Cuts a border off. A layer must not cut the batch. */
export const crop = defineLayer<CropConfig>("crop", {
  options: { cropping: axisPairs },
  checkLayer: checkSameBatch,
  build(g, { cropping }, [x], _, where) {
    const pairs = pairsOf(cropping, x, where);
    const size = x.shape.map((d, i) => d - pairs[i][0] - pairs[i][1]);
    const gone = size.findIndex((d, i) => d < Math.min(x.shape[i], 1));
    if (gone >= 0)
      throw new ShapeError(
        `${where}: cropping [${pairs[gone]}] leaves nothing of axis ${gone} of the input [${x.shape}]`,
      );
    return g.op(sliceOp, [x], { begin: pairs.map(([before]) => before), size });
  },
});

function checkSameBatch(_: unknown, x: Shape, y: Shape, where: string): void {
  checkBatch(x[0] === y[0], where);
}

export interface BlockConfig extends Named {
  /** Pixels of the block along each side. */
  block: number;
  /** The order of the channels: "dcr" (TensorFlow, the default) or "crd" (PyTorch's pixel shuffle). */
  order?: "dcr" | "crd";
}

const blockLayer = (kind: string, op: typeof depthToSpaceOp) =>
  defineLayer<BlockConfig>(kind, {
    options: { block: needed(aCount, "2"), order: aWord("dcr", "crd") },
    build: (g, { block, order = "dcr" }, [x]) => g.op(op, [x], { block, order }),
  });

/** [n, h, w, c] becomes [n, h * block, w * block, c / block²]. */
export const depthToSpace = blockLayer("depthToSpace", depthToSpaceOp);
/** [n, h, w, c] becomes [n, h / block, w / block, c * block²]. */
export const spaceToDepth = blockLayer("spaceToDepth", spaceToDepthOp);
