// Kinds of layers that only imported models have: values moved by known rules. Axis 0 is an axis as any other; negative axes count
// from the back; floats and int32 alike.
import {
  AXIS_PAD_MODES,
  type AxisPadMode,
  expand as expandOp,
  stridedSlice as stridedSliceOp,
  tile as tileOp,
} from "../ops/boxes.ts";
import { nonZero as nonZeroOp, reverseSequence as reverseSequenceOp, triangle } from "../ops/move.ts";
import { axesOf } from "../ops/reduce.ts";
import { reshape, slice } from "../ops/shape.ts";
import type { Shape } from "../tensor.ts";
import { aFlag, aList, anInteger, aWord, type Check, needed, refuse } from "../validate.ts";
import { aCount, anAxis, aValue } from "./checks.ts";
import { defineLayer, defineSimpleLayer, type Named } from "./layer.ts";
import { padOnAxes } from "./pad-axes.ts";

export interface StridedSliceConfig extends Named {
  /** The first index taken of every axis, not below 0. */
  begin: readonly number[];
  /** How many are taken of every axis. */
  size: readonly number[];
  /** From one index to the next, also backwards; not 0. */
  step: readonly number[];
}

/** Every step-th index of each axis. */
export const stridedSlice = defineLayer<StridedSliceConfig>("stridedSlice", {
  options: {
    begin: needed(aList(anInteger(0)), "[0, 4]"),
    size: needed(aList(aCount), "[2, 5]"),
    step: needed(aList(anAxis), "[1, -1]"),
  },
  build: (g, { begin, size, step }, [x]) =>
    step.every((by, i) => by === 1 || size[i] === 1)
      ? g.op(slice, [x], { begin, size })
      : g.op(stridedSliceOp, [x], { begin, size, step }),
});

export interface TileConfig extends Named {
  /** How often every axis is repeated. */
  repeats: readonly number[];
}

/** The input several times along each axis, as a whole: a b a b. */
export const tile = defineLayer<TileConfig>("tile", {
  options: { repeats: needed(aList(aCount), "[1, 2]") },
  build: (g, { repeats }, [x]) => g.op(tileOp, [x], { repeats }),
});

export interface ExpandConfig extends Named {
  shape: Shape;
}

/** The input broadcast with a shape, as NumPy does. */
export const expand = defineLayer<ExpandConfig>("expand", {
  options: { shape: needed(aList(aCount), "[2, 3, 4]") },
  build(g, { shape }, [x]) {
    // Nothing but axes of size 1 may be added in front: then no value moves.
    const same = shape.every((size, i) =>
      [1, x.shape[i - shape.length + x.shape.length] ?? 1].includes(size),
    );
    return same && shape.length > x.shape.length
      ? g.op(reshape, [x], { shape: [...shape.slice(x.shape.length).fill(1), ...x.shape] })
      : g.op(expandOp, [x], { shape });
  },
});

const integers: Check<readonly [number, number]> = (value, name, where) => {
  if (!Array.isArray(value) || value.length !== 2 || !value.every(Number.isSafeInteger))
    refuse(value, name, where, "a pair of integers [before, after]");
};

export interface PadAxesConfig extends Named {
  /** Elements added, [before, after], for every axis; below 0, elements cut off. */
  pads: readonly (readonly [before: number, after: number])[];
  /**
   * Default "constant". "reflect" mirrors at the outermost elements, "symmetric" at their edges, "replicate" repeats them, "wrap" goes on
   * at the other end. What is cut off is not mirrored.
   */
  mode?: AxisPadMode;
  /** What mode "constant" adds. Default 0. */
  value?: number;
}

/** Adds to any axes, or cuts off. */
export const padAxes = defineLayer<PadAxesConfig>("padAxes", {
  options: {
    pads: needed(aList(integers), "[[0, 0], [1, 1]]"),
    mode: aWord(...AXIS_PAD_MODES),
    value: aValue,
  },
  build: (g, { pads, mode = "constant", value = 0 }, [x], _, where) =>
    padOnAxes(g, x, { pads, mode, value }, where),
});

export interface TriluConfig extends Named {
  /** Whether the triangle on and above diagonal k is kept (the default), or that on and below it. */
  upper?: boolean;
  /** 0, the default: the main diagonal; k of them further up, or down below 0. */
  k?: number;
}

/** A triangle of the matrices on the last two axes, zeros elsewhere. */
export const trilu = defineSimpleLayer<TriluConfig>("trilu", {
  options: { upper: aFlag, k: anAxis },
  build: (g, { upper = true, k = 0 }, [x]) => g.op(triangle, [x], { upper, k }),
});

export interface ReverseConfig extends Named {
  axes: readonly number[];
}

/** Some axes backwards. */
export const reverse = defineLayer<ReverseConfig>("reverse", {
  options: { axes: needed(aList(anAxis), "[1]") },
  build(g, { axes }, [x], _, where) {
    const turned = axesOf(axes, x.shape.length, where);
    const begin = x.shape.map((size, i) => (turned.has(i) ? size - 1 : 0));
    const step = x.shape.map((_size, i) => (turned.has(i) ? -1 : 1));
    return g.op(stridedSliceOp, [x], { begin, size: x.shape, step });
  },
});

export interface ReverseSequenceConfig extends Named {
  batchAxis: number;
  timeAxis: number;
}

/** x, lengths [batch]: the first lengths[b] steps of sequence b backwards, the others as they are. Lengths are clamped. */
export const reverseSequence = defineLayer<ReverseSequenceConfig>("reverseSequence", {
  options: { batchAxis: needed(anAxis, "1"), timeAxis: needed(anAxis, "0") },
  inputs: [2, 2],
  build: (g, { batchAxis, timeAxis }, inputs) => g.op(reverseSequenceOp, inputs, { batchAxis, timeAxis }),
});

/** The indices of what is not 0, [rank, size] int32 with −1 behind the last, and how many [1]. */
export const nonZero = defineSimpleLayer<Named>("nonZero", {
  options: {},
  build: (g, _, [x]) => g.apply(nonZeroOp, [x], {}),
});
