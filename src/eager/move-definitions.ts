// Eager ops that move values, beyond those that are layers: along axes, to and from indices, and where windows have their maxima.

import { ShapeError } from "../errors.ts";
import { aCount, anAxis, aPadding, aPair, aPerAxis, aValue, pairsOf } from "../layers/checks.ts";
import { GRID_SAMPLE, type GridSampleOptions } from "../layers/grid-sample.ts";
import { type LayerDefinition, type LayerKind, spatialAxes } from "../layers/layer.ts";
import { padOnAxes } from "../layers/pad-axes.ts";
import { AXIS_PAD_MODES, expand, stridedSlice, tile } from "../ops/boxes.ts";
import { axisOf, perAxis, show } from "../ops/check.ts";
import { gather, gatherElements, gatherND } from "../ops/gather.ts";
import { maxPoolIndices, maxUnpool } from "../ops/pool-index.ts";
import { axesOf } from "../ops/reduce.ts";
import { MERGES, oneHot, scatterElements, scatterND } from "../ops/scatter.ts";
import { concat, reshape, split } from "../ops/shape.ts";
import { topK } from "../ops/top-k.ts";
import { aFlag, aList, anInteger, aWord, needed } from "../validate.ts";
import type {
  GatherElementsOptions,
  GatherOptions,
  OneHotOptions,
  ScatterElementsOptions,
  ScatterOptions,
} from "./gather.ts";
import type { MaxPoolOptions, MaxUnpoolOptions } from "./pool.ts";
import type { TopKOptions } from "./reduction.ts";
import type {
  BroadcastOptions,
  ExpandDimsOptions,
  PadOptions,
  ReverseOptions,
  SqueezeOptions,
  StackOptions,
  StridedSliceOptions,
  TileOptions,
  UnstackOptions,
} from "./shape.ts";

const define = <C>(kind: string, definition: LayerDefinition<C>): LayerKind => ({ kind, definition });

const MERGE = { op: aWord(...MERGES) };

/** The definitions, by the names of their methods. */
export const moveDefinitions = (): LayerKind[] => [
  define<PadOptions>("pad", {
    options: {
      padding: needed(aList(aPair), "[[1, 1], [1, 1]]"),
      mode: aWord(...AXIS_PAD_MODES),
      value: aValue,
    },
    build(g, { padding, mode = "constant", value = 0 }, [x], _, where) {
      const pads = pairsOf(padding, x, where);
      pads.forEach((pair, i) => {
        if (mode === "reflect" && Math.max(...pair) >= x.shape[i] && Math.max(...pair) > 0)
          throw new ShapeError(
            `${where}: padding of ${show(pair)} on axis ${i} of the input ${show(x.shape)}, but mode "reflect" can add ` +
              `at most ${x.shape[i] - 1} on a side`,
          );
      });
      return padOnAxes(g, x, { pads, mode, value }, where);
    },
  }),
  define<StackOptions>("stack", {
    ...{ inputs: [1, Number.POSITIVE_INFINITY], options: { axis: anAxis } },
    build(g, { axis = 0 }, xs, _, where) {
      const [{ shape }] = xs;
      const a = axisOf(axis, shape.length + 1, where);
      xs.forEach((x, i) => {
        if (show(x.shape) !== show(shape))
          throw new ShapeError(
            `${where}: input ${i} has shape ${show(x.shape)} but must have that of input 0, ${show(shape)}`,
          );
      });
      const parts = xs.map((x) => g.op(reshape, [x], { shape: shape.toSpliced(a, 0, 1) }));
      return g.op(concat, parts, { axis: a });
    },
  }),
  define<UnstackOptions>("unstack", {
    options: { axis: anAxis },
    build(g, { axis = 0 }, [x], _, where) {
      const a = axisOf(axis, x.shape.length, where);
      if (x.shape[a] === 0) return [];
      const sizes = new Array<number>(x.shape[a]).fill(1);
      const shape = x.shape.toSpliced(a, 1);
      return g.apply(split, [x], { axis: a, sizes }).map((part) => g.op(reshape, [part], { shape }));
    },
  }),
  define<SqueezeOptions>("squeeze", {
    options: { axes: aList(anAxis) },
    isView: true,
    build(g, { axes }, [x], _, where) {
      const gone = axes && axesOf(axes, x.shape.length, where);
      for (const a of gone ?? [])
        if (x.shape[a] !== 1)
          throw new ShapeError(
            `${where}: axis ${a} of the input ${show(x.shape)} has size ${x.shape[a]} but must have size 1`,
          );
      const shape = x.shape.filter((size, i) => (gone ? !gone.has(i) : size !== 1));
      return g.op(reshape, [x], { shape });
    },
  }),
  define<ExpandDimsOptions>("expandDims", {
    options: { axis: anAxis },
    isView: true,
    build: (g, { axis = 0 }, [x], _, where) =>
      g.op(reshape, [x], { shape: x.shape.toSpliced(axisOf(axis, x.shape.length + 1, where), 0, 1) }),
  }),
  define<BroadcastOptions>("broadcastTo", {
    options: { shape: needed(aList(anInteger(0)), "[2, 3]") },
    build(g, { shape }, [x], _, where) {
      const y = g.op(expand, [x], { shape });
      if (show(y.shape) !== show(shape))
        throw new ShapeError(`${where}: input ${show(x.shape)} cannot be broadcast to shape ${show(shape)}`);
      return y;
    },
  }),
  define<TileOptions>("tile", {
    options: { repeats: needed(aList(anInteger(0)), "[1, 2]") },
    build: (g, { repeats }, [x]) => g.op(tile, [x], { repeats }),
  }),
  define<ReverseOptions>("reverse", {
    options: { axes: needed(aList(anAxis), "[1]") },
    build(g, { axes }, [x], _, where) {
      const turned = axesOf(axes, x.shape.length, where);
      const begin = x.shape.map((size, i) => (turned.has(i) ? Math.max(size - 1, 0) : 0));
      const step = x.shape.map((_size, i) => (turned.has(i) ? -1 : 1));
      return g.op(stridedSlice, [x], { begin, size: x.shape, step });
    },
  }),
  define<StridedSliceOptions>("stridedSlice", {
    options: {
      begin: needed(aList(anInteger(0)), "[0, 4]"),
      size: needed(aList(anInteger(0)), "[2, 5]"),
      step: needed(aList(anAxis), "[1, -1]"),
    },
    build: (g, params, [x]) => g.op(stridedSlice, [x], params),
  }),

  define<GatherOptions>("gather", {
    ...{ inputs: [2, 2], options: { axis: anAxis, batchDims: anInteger(0) } },
    build: (g, { axis = 0, batchDims = 0 }, inputs) => g.op(gather, inputs, { axis, batchDims }),
  }),
  define<GatherElementsOptions>("gatherElements", {
    ...{ inputs: [2, 2], options: { axis: anAxis } },
    build: (g, { axis = 0 }, inputs) => g.op(gatherElements, inputs, { axis }),
  }),
  define<object>("gatherND", {
    ...{ inputs: [2, 2], options: {} },
    build: (g, _, inputs) => g.op(gatherND, inputs, { batchDims: 0 }),
  }),
  define<ScatterOptions>("scatterND", {
    ...{ inputs: [3, 3], options: MERGE },
    build: (g, { op = "none" }, inputs) => g.op(scatterND, inputs, { op }),
  }),
  define<ScatterElementsOptions>("scatterElements", {
    ...{ inputs: [3, 3], options: { ...MERGE, axis: anAxis } },
    build: (g, { op = "none", axis = 0 }, inputs) => g.op(scatterElements, inputs, { op, axis }),
  }),
  define<OneHotOptions>("oneHot", {
    options: {
      depth: needed(aCount, "10"),
      ...{ axis: anAxis, on: aValue, off: aValue, dtype: aWord("float32", "int32") },
    },
    build: (g, { depth, axis = -1, on = 1, off = 0, dtype = "float32" }, inputs) =>
      g.op(oneHot, inputs, { depth, axis, on, off, dtype, wrap: false }),
  }),
  define<GridSampleOptions>("gridSample", GRID_SAMPLE),
  define<TopKOptions>("topK", {
    options: { k: needed(aCount, "5"), axis: anAxis, largest: aFlag },
    build: (g, { k, axis = -1, largest = true }, [x]) => g.apply(topK, [x], { k, axis, largest }),
  }),

  define<MaxPoolOptions>("maxPoolWithIndices", {
    options: {
      size: needed(aPerAxis(1), "2"),
      ...{ stride: aPerAxis(1), padding: aPadding, dilation: aPerAxis(1), ceilMode: aFlag },
    },
    build(g, { size, stride = size, padding = "valid", dilation = 1, ceilMode = false }, [x], _, where) {
      const axes = spatialAxes(x);
      return g.apply(maxPoolIndices, [x], {
        kernel: perAxis(size, axes, "size", where, 1),
        stride: perAxis(stride, axes, "stride", where, 1),
        dilation: perAxis(dilation, axes, "dilation", where, 1),
        ...{ padding, ceilMode, order: 0 },
      });
    },
  }),
  define<MaxUnpoolOptions>("maxUnpool", {
    ...{ inputs: [2, 2], options: { outputSize: needed(aList(aCount), "[4, 4]") } },
    build: (g, { outputSize }, inputs) => g.op(maxUnpool, inputs, { outputSize }),
  }),
];
