// Kinds of layers that only imported models have: values taken from, and written to, places that other values name. Axis 0 is an
// axis as any other; negative axes count from the back; floats and int32 alike, indices int32.
import { ArgumentError } from "../errors.ts";
import type { Edge } from "../graph/graph.ts";
import { runsOf, take } from "../ops/boxes.ts";
import { axisOf } from "../ops/check.ts";
import {
  gatherElements as gatherElementsOp,
  gatherKnown,
  gatherND as gatherNDOp,
  gather as gatherOp,
} from "../ops/gather.ts";
import {
  MERGES,
  type Merge,
  oneHot as oneHotOp,
  scatterElements as scatterElementsOp,
  scatterND as scatterNDOp,
} from "../ops/scatter.ts";
import { reshape, slice } from "../ops/shape.ts";
import { type DType, sizeOf } from "../tensor.ts";
import { aFlag, aList, anInteger, aWord, integer, needed } from "../validate.ts";
import { aCount, anAxis, aValue } from "./checks.ts";
import { defineLayer, defineSimpleLayer, type Named } from "./layer.ts";

/** Up to so many runs of known indices are strided copies; beyond, a table is read. */
const MANY_RUNS = 8;

export interface GatherConfig extends Named {
  /** Default 0. */
  axis?: number;
  /** Indices that are known, instead of a second input; one outside is an error. */
  indices?: readonly number[];
  /** Their shape. Default: a list. */
  indicesShape?: readonly number[];
  /** So many leading axes are the same in both inputs, and are walked together. Default 0. */
  batchDims?: number;
}

/** Takes indices of an axis, in place of which the axes of the indices stand. Indices outside are clamped at run time. */
export const gather = defineSimpleLayer<GatherConfig>("gather", {
  options: {
    axis: anAxis,
    indices: aList(anAxis),
    indicesShape: aList(aCount),
    batchDims: anInteger(0),
  },
  inputs: [1, 2],
  build(g, { axis = 0, indices, indicesShape, batchDims = 0 }, inputs, _, where) {
    const [x] = inputs;
    if ((indices === undefined) !== (inputs.length === 2))
      throw new ArgumentError(`${where}: indices must be either a second input or an option`);
    if (indices === undefined) return g.op(gatherOp, inputs, { axis, batchDims });
    const a = axisOf(axis, x.shape.length, where);
    const size = x.shape[a];
    const shape = indicesShape ?? [indices.length];
    if (sizeOf(shape) !== indices.length)
      throw new ArgumentError(`${where}: ${indices.length} indices do not fill indicesShape [${shape}]`);
    const known = indices.map((index, i) => {
      integer(index, `indices[${i}]`, where, -size, size - 1);
      return index < 0 ? index + size : index;
    });
    const runs = runsOf(known);
    const [{ first, step, count }] = runs;
    let taken: Edge;
    if (runs.length === 1 && (step === 1 || count === 1)) {
      const begin = x.shape.map((_size, i) => (i === a ? first : 0));
      taken = g.op(slice, [x], { begin, size: x.shape.with(a, count) });
    } else taken = g.op(runs.length > MANY_RUNS ? gatherKnown : take, [x], { axis: a, indices: known });
    if (shape.length === 1) return taken;
    return g.op(reshape, [taken], { shape: [...x.shape.slice(0, a), ...shape, ...x.shape.slice(a + 1)] });
  },
});

export interface GatherElementsConfig extends Named {
  axis?: number;
}

/** x, indices of its rank: out[i, j, k] = x[indices[i, j, k], j, k] for axis 0, the default. Indices outside are clamped. */
export const gatherElements = defineSimpleLayer<GatherElementsConfig>("gatherElements", {
  options: { axis: anAxis },
  inputs: [2, 2],
  build: (g, { axis = 0 }, inputs) => g.op(gatherElementsOp, inputs, { axis }),
});

export interface GatherNDConfig extends Named {
  /** Default 0. */
  batchDims?: number;
}

/** x, indices [..., q]: of each list of q indices what x holds there. Indices outside are clamped. */
export const gatherND = defineSimpleLayer<GatherNDConfig>("gatherND", {
  options: { batchDims: anInteger(0) },
  inputs: [2, 2],
  build: (g, { batchDims = 0 }, inputs) => g.op(gatherNDOp, inputs, { batchDims }),
});

export interface ScatterNDConfig extends Named {
  /** What an update does to what is there. Default "none": replaces it. */
  op?: Merge;
}

/** x, indices [..., q], updates: x with an update at each list of q indices, one after the other. Those outside are left out. */
export const scatterND = defineSimpleLayer<ScatterNDConfig>("scatterND", {
  options: { op: aWord(...MERGES) },
  inputs: [3, 3],
  build: (g, { op = "none" }, inputs) => g.op(scatterNDOp, inputs, { op }),
});

export interface ScatterElementsConfig extends ScatterNDConfig {
  /** Default 0. */
  axis?: number;
}

/** x, indices, updates of one rank: x with the updates where gatherElements would read them. Those outside are left out. */
export const scatterElements = defineSimpleLayer<ScatterElementsConfig>("scatterElements", {
  options: { op: aWord(...MERGES), axis: anAxis },
  inputs: [3, 3],
  build: (g, { op = "none", axis = 0 }, inputs) => g.op(scatterElementsOp, inputs, { op, axis }),
});

export interface OneHotConfig extends Named {
  depth: number;
  /** Where the new axis stands in the output. Default −1: last. */
  axis?: number;
  /** Default 1. */
  on?: number;
  /** Default 0. */
  off?: number;
  /** Default "float32". */
  dtype?: DType;
  /** Whether −depth to −1 count from the end (ONNX, the default), or are outside (TensorFlow). */
  wrap?: boolean;
}

/** A new axis that is `on` at the index and `off` elsewhere; all off where the index is outside. */
export const oneHot = defineLayer<OneHotConfig>("oneHot", {
  options: {
    depth: needed(aCount, "10"),
    axis: anAxis,
    on: aValue,
    off: aValue,
    dtype: aWord("float32", "int32"),
    wrap: aFlag,
  },
  build: (g, { depth, axis = -1, on = 1, off = 0, dtype = "float32", wrap = true }, inputs) =>
    g.op(oneHotOp, inputs, { depth, axis, on, off, dtype, wrap }),
});
