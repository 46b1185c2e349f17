// Ops that move boxes whose place and size are known: strided copies, with strides below 0 and of 0 as well. Floats and int32 alike.
import { ArgumentError, ShapeError } from "../errors.ts";
import type { DType, Emitter, Op, Shape, Value } from "../graph/op.ts";
import { describe, integer, oneOf, refuse } from "../validate.ts";
import { arity, axisList, axisOf, checkShape, integers, show } from "./check.ts";
import { partOf, type StridedAxis, stridedCopy } from "./strided.ts";

export interface StridedSliceParams {
  /** The first index taken of every axis. */
  begin: readonly number[];
  /** How many are taken of every axis. */
  size: readonly number[];
  /** From one index to the next: any integer but 0. */
  step: readonly number[];
}

/** Every step-th index of each axis, forwards or backwards. */
export const stridedSlice: Op<StridedSliceParams> = {
  name: "stridedSlice",
  strided: { inputs: [0], outputs: true },
  infer(inputs, { begin, size, step }, where) {
    arity(inputs, 1, 1, where);
    const [{ shape, dtype }] = inputs;
    integers(begin, shape.length, "begin", where, 0);
    integers(size, shape.length, "size", where, 0);
    axisList(step, shape.length, "step", where).forEach((by, i) => {
      if (!Number.isInteger(by) || by === 0) refuse(by, `step[${i}]`, where, "an integer other than 0");
      if (size[i] === 0) return;
      const last = begin[i] + (size[i] - 1) * step[i];
      const bad = begin[i] >= shape[i] ? begin[i] : last;
      if (bad < 0 || bad >= shape[i])
        throw new ShapeError(
          `${where}: ${size[i]} indices from ${begin[i]} by ${by} reach ${bad} ` +
            `but axis ${i} of the input ${show(shape)} has indices 0 to ${shape[i] - 1}`,
        );
    });
    return [{ shape: [...size], dtype }];
  },
  forward(e, [x], [out], { begin, step }) {
    const first = partOf(x, begin, out.shape).base;
    const axes = out.shape.map((size, i) => ({ size, out: out.strides[i], x: x.strides[i] * step[i] }));
    stridedCopy(e, out.base, first, axes);
  },
};

export interface TileParams {
  /** How often every axis is repeated. */
  repeats: readonly number[];
}

/** The input several times along each axis, as a whole: a b a b. */
export const tile: Op<TileParams> = {
  name: "tile",
  strided: { inputs: [0], outputs: true },
  infer(inputs, { repeats }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    integers(repeats, x.shape.length, "repeats", where, 0);
    const shape = x.shape.map((size, i) => size * repeats[i]);
    checkShape(shape, "output", where);
    return [{ shape, dtype: x.dtype }];
  },
  forward(e, [x], [out], { repeats }) {
    const axes = x.shape.flatMap((size, i) => [
      { size: repeats[i], out: out.strides[i] * size, x: 0 },
      { size, out: out.strides[i], x: x.strides[i] },
    ]);
    stridedCopy(e, out.base, x.base, axes);
  },
};

export interface ExpandParams {
  shape: Shape;
}

/** The input broadcast with a shape, as NumPy does: axes are aligned at the end, and where one size is 1 the other counts. */
export const expand: Op<ExpandParams> = {
  name: "expand",
  strided: { inputs: [0], outputs: true },
  infer(inputs, { shape }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    checkShape(shape, "the target", where);
    const rank = Math.max(shape.length, x.shape.length);
    const of = (sizes: Shape, axis: number): number => sizes[axis - rank + sizes.length] ?? 1;
    const sizes = Array.from({ length: rank }, (_, axis) => {
      const [a, b] = [of(x.shape, axis), of(shape, axis)];
      if (a !== b && a !== 1 && b !== 1)
        throw new ShapeError(
          `${where}: input ${show(x.shape)} does not broadcast with shape ${show(shape)}: ${a} meets ${b}, and neither is 1`,
        );
      return a === 1 ? b : a;
    });
    checkShape(sizes, "output", where);
    return [{ shape: sizes, dtype: x.dtype }];
  },
  forward(e, [x], [out]) {
    const added = out.shape.length - x.shape.length;
    const axes = out.shape.map((size, i) => {
      const own = i - added;
      return { size, out: out.strides[i], x: own >= 0 && x.shape[own] > 1 ? x.strides[own] : 0 };
    });
    stridedCopy(e, out.base, x.base, axes);
  },
};

/** Indices that follow one another by the same step: `count` of them from `first` on, the number `at` in their list. */
export interface Run {
  at: number;
  first: number;
  step: number;
  count: number;
}

/** A list of indices as runs. */
export function runsOf(indices: readonly number[]): Run[] {
  const runs: Run[] = [];
  indices.forEach((index, at) => {
    const run = runs.at(-1);
    if (run?.count === 1) run.step = index - run.first;
    if (run && index === run.first + run.step * run.count) run.count++;
    else runs.push({ at, first: index, step: 1, count: 1 });
  });
  return runs;
}

export interface TakeParams {
  axis: number;
  /** Which indices of the axis, not below 0. */
  indices: readonly number[];
}

/** Indices of an axis that are known: a copy for each run of them. */
export const take: Op<TakeParams> = {
  name: "take",
  strided: { inputs: [0], outputs: true },
  infer(inputs, params, where) {
    arity(inputs, 1, 1, where);
    const [{ shape, dtype }] = inputs;
    const axis = axisOf(params.axis, shape.length, where);
    checkIndices(params.indices, shape, axis, where);
    const taken = shape.with(axis, params.indices.length);
    checkShape(taken, "output", where);
    return [{ shape: taken, dtype }];
  },
  forward(e, [x], [out], params) {
    const axis = axisOf(params.axis, x.shape.length, "take");
    for (const run of runsOf(params.indices)) copyRun(e, out, x, axis, run);
  },
};

/** Throws unless each of a list of indices is one of an axis. */
function checkIndices(indices: unknown, shape: Shape, axis: number, where: string): void {
  if (!Array.isArray(indices) || indices.length === 0) refuse(indices, "indices", where, "a list of indices");
  (indices as readonly unknown[]).forEach((index, i) => {
    integer(index, `indices[${i}]`, where, 0, shape[axis] - 1);
  });
}

/** Writes the call that copies a run of indices of x along an axis to out, from index `at` of the axis on. */
function copyRun(e: Emitter, out: Value, x: Value, axis: number, { at, first, step, count }: Run): void {
  const origin = out.shape.map(() => 0);
  const axes = out.shape.map((size, i) =>
    i === axis
      ? { size: count, out: out.strides[i], x: x.strides[i] * step }
      : { size, out: out.strides[i], x: x.strides[i] },
  );
  const to = partOf(out, origin.with(axis, at), out.shape).base;
  stridedCopy(e, to, partOf(x, origin.with(axis, first), x.shape).base, axes);
}

export const AXIS_PAD_MODES = ["constant", "reflect", "symmetric", "replicate", "wrap"] as const;
export type AxisPadMode = (typeof AXIS_PAD_MODES)[number];

export interface PadAxesParams {
  /** [before, after] for every axis, not below 0. */
  pads: readonly (readonly [before: number, after: number])[];
  mode: AxisPadMode;
  /** What mode "constant" adds. */
  value: number;
}

/** The index inside an axis of `size` that index `i` outside of it takes its value from. */
const SOURCES: Record<Exclude<AxisPadMode, "constant">, (i: number, size: number) => number> = {
  // Mirrored at the middle of the outermost elements: c b | a b c | b a.
  reflect: (i, size) => {
    const at = modulo(i, 2 * (size - 1));
    return Math.min(at, 2 * (size - 1) - at);
  },
  // Mirrored at their edges: b a | a b c | c b.
  symmetric: (i, size) => {
    const at = modulo(i, 2 * size);
    return Math.min(at, 2 * size - 1 - at);
  },
  replicate: (i, size) => Math.min(Math.max(i, 0), size - 1),
  wrap: modulo,
};

/** The same for a mode by name. */
export const sourceOf = (mode: Exclude<AxisPadMode, "constant">, i: number, size: number): number =>
  SOURCES[mode](i, size);

function modulo(i: number, n: number): number {
  return ((i % n) + n) % n;
}

/** Adds to any axes. Mirrors and repeats go on where more is added than the axis has. */
export const padAxes: Op<PadAxesParams> = {
  name: "padAxes",
  strided: { inputs: [0], outputs: true },
  infer(inputs, { pads, mode, value }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    oneOf(mode, AXIS_PAD_MODES, "mode", where);
    checkWord(value, x.dtype, "value", where);
    axisList(pads, x.shape.length, "pads", where).forEach((pair, i) => {
      if (!Array.isArray(pair) || pair.length !== 2)
        refuse(pair, `pads[${i}]`, where, "a pair [before, after]");
      integer(pair[0], `pads[${i}][0]`, where, 0);
      integer(pair[1], `pads[${i}][1]`, where, 0);
      if (mode === "reflect" && x.shape[i] === 1 && pair[0] + pair[1] > 0)
        throw new ShapeError(
          `${where}: pads[${i}] is ${describe(pair)} but axis ${i} of the input ${show(x.shape)} has 1: ` +
            'mode "reflect" has nothing to mirror there',
        );
    });
    const shape = x.shape.map((size, i) => size + pads[i][0] + pads[i][1]);
    checkShape(shape, "output", where);
    return [{ shape, dtype: x.dtype }];
  },
  forward(e, [x], [out], { pads, mode, value }) {
    const before = pads.map((pair) => pair[0]);
    let axes: StridedAxis[] = x.shape.map((size, i) => ({ size, out: out.strides[i], x: x.strides[i] }));
    stridedCopy(e, partOf(out, before, x.shape).base, x.base, axes);
    // One axis after the other; what has been made already is as wide as out on the axes before, as x on those behind.
    axes = axes.map(({ size, out: stride }) => ({ size, out: stride, x: stride }));
    const begin = [...before];
    for (const [axis, [first, after]] of pads.entries()) {
      const size = x.shape[axis];
      const place = (index: number) => partOf(out, begin.with(axis, index), x.shape).base;
      const word = mode === "constant" && first + after > 0 ? e.table([wordOf(value, out.dtype)]) : undefined;
      for (const [start, count] of [[0, first] as const, [first + size, after] as const]) {
        if (count === 0) continue;
        if (word) {
          const filled = axes.with(axis, { ...axes[axis], size: count });
          stridedCopy(
            e,
            place(start),
            word,
            filled.map((a) => ({ ...a, x: 0 })),
          );
          continue;
        }
        const source = SOURCES[mode as Exclude<AxisPadMode, "constant">];
        const from = Array.from({ length: count }, (_, i) => source(start + i - first, size));
        for (const run of runsOf(from)) {
          const { out: stride } = axes[axis];
          const copied = axes.with(axis, { size: run.count, out: stride, x: stride * run.step });
          stridedCopy(e, place(start + run.at), place(first + run.first), copied);
        }
      }
      axes[axis].size = out.shape[axis];
      begin[axis] = 0;
    }
  },
};

/** Throws unless a number can be an element: any for floats, an integer of 32 bits for int32. */
export function checkWord(value: unknown, dtype: DType, name: string, where: string): void {
  if (typeof value !== "number") refuse(value, name, where, "a number");
  if (dtype === "int32" && value !== ((value as number) | 0))
    throw new ArgumentError(
      `${where}: ${name} is ${describe(value)} but elements are int32: it must be an integer from ${-(2 ** 31)} to ${2 ** 31 - 1}`,
    );
}

/** An element's bits. */
export const wordOf = (value: number, dtype: DType): number =>
  dtype === "int32" ? value : new Int32Array(Float32Array.of(value).buffer)[0];

/** Writes the call that makes every element of a value the same. */
export function fillWith(e: Emitter, out: Value, value: number): void {
  const axes = out.shape.map((size, i) => ({ size, out: out.strides[i], x: 0 }));
  stridedCopy(e, out.base, e.table([wordOf(value, out.dtype)]), axes);
}
