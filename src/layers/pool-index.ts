// Pooling in the forms that imported models alone have: with indices, by p-norms, and with any dilation and padding.
import { ArgumentError, UnsupportedError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import { activation } from "../ops/activation.ts";
import { perAxis } from "../ops/check.ts";
import { conv } from "../ops/conv.ts";
import { binary } from "../ops/elementwise.ts";
import { lrn } from "../ops/lrn.ts";
import { avgPool, maxPool } from "../ops/pool.ts";
import { maxPoolIndices as maxPoolIndicesOp, maxUnpool as maxUnpoolOp } from "../ops/pool-index.ts";
import { type Axis, type Padding, slide } from "../ops/window.ts";
import { sizeOf } from "../tensor.ts";
import { aFlag, aList, anInteger, aWord, type Check, needed, oneOf, refuse } from "../validate.ts";
import { aCount, aPadding, aPerAxis } from "./checks.ts";
import { channels, defineLayer, type Named, type PerAxis, spatialAxes } from "./layer.ts";

interface WindowConfig extends Named {
  /** Window size: one number for all axes, or one per axis. */
  size: PerAxis;
  /** Default 1, as in ONNX. */
  stride?: PerAxis;
  /** Default "valid". See `Padding`. */
  padding?: Padding;
  /** Distance between the taps. Default 1. */
  dilation?: PerAxis;
  /** Whether the last window may reach past the end. Default false. */
  ceilMode?: boolean;
}

const WINDOW = {
  size: needed(aPerAxis(1), "2"),
  stride: aPerAxis(1),
  padding: aPadding,
  dilation: aPerAxis(1),
  ceilMode: aFlag,
};

const windowOf = (c: WindowConfig, x: Edge, where: string) => {
  const axes = spatialAxes(x);
  return {
    kernel: perAxis(c.size, axes, "size", where, 1),
    stride: perAxis(c.stride ?? 1, axes, "stride", where, 1),
    dilation: perAxis(c.dilation ?? 1, axes, "dilation", where, 1),
    padding: c.padding ?? ("valid" as const),
    ceilMode: c.ceilMode ?? false,
  };
};

export interface MaxPoolIndicesConfig extends WindowConfig {
  /** Whether the last (0) or the first (1) spatial axis counts fastest in an index. Default 0. */
  order?: 0 | 1;
}

const anOrder: Check<0 | 1> = (value, name, where) => {
  if (value !== 0 && value !== 1) refuse(value, name, where, "0 or 1");
};

/** The largest value of each window of [n, ...spatial, c], and its int32 index in the tensor [n, c, ...spatial]. */
export const maxPoolIndices = defineLayer<MaxPoolIndicesConfig>("maxPoolIndices", {
  options: { ...WINDOW, order: anOrder },
  eager: false,
  build: (g, c, [x], _, where) =>
    g.apply(maxPoolIndicesOp, [x], { ...windowOf(c, x, where), order: c.order ?? 0 }),
});

export interface MaxUnpoolConfig extends Named {
  /** The spatial size of the result. */
  outputSize: readonly number[];
  /** That of the tensor [n, c, ...indexSize] in which the indices count. Default: that of the result. */
  indexSize?: readonly number[];
}

/** [x [n, ...spatial, c], int32 indices] to [n, ...outputSize, c]: the values where their indices say, and 0 elsewhere. */
export const maxUnpool = defineLayer<MaxUnpoolConfig>("maxUnpool", {
  options: { outputSize: needed(aList(aCount), "[4, 4]"), indexSize: aList(aCount) },
  inputs: [2, 2],
  eager: false,
  build: (g, { outputSize, indexSize }, inputs) =>
    g.op(maxUnpoolOp, inputs, { outputSize, ...(indexSize && { indexSize }) }),
});

/** Padding that makes a convolution slide as a pool does: up to the end of the last window, if that lies past the input. */
const exactPadding = (axes: readonly Axis[]): [number, number][] =>
  axes.map((a) => [
    a.before,
    Math.max((a.out - 1) * a.stride + a.dilation * (a.kernel - 1) + 1 - a.size - a.before, 0),
  ]);

/** The sums under the windows: a depthwise convolution with ones. */
function sumWindows(g: Graph, x: Edge, axes: readonly Axis[], where: string): Edge {
  const kernel = axes.map((a) => a.kernel);
  const c = channels(x.shape);
  if (sizeOf(kernel) * c > MOST_WEIGHTS)
    throw new UnsupportedError(
      `${where}: windows [${kernel}] of ${c} channels have more than ${MOST_WEIGHTS} taps`,
    );
  const ones = g.constant(new Float32Array(sizeOf(kernel) * c).fill(1), [...kernel, 1, c]);
  return g.op(conv, [x, ones], {
    stride: axes.map((a) => a.stride),
    dilation: axes.map((a) => a.dilation),
    padding: exactPadding(axes),
    paddingMode: "zeros",
    groups: c,
  });
}

/** 1 / the taps that count, for each window of an axis: those inside the image, or with its padding; 0 counts as 1. */
const tapCounts = (a: Axis, countPadding: boolean): number[] =>
  Array.from({ length: a.out }, (_, o) => {
    let count = 0;
    for (let k = 0; k < a.kernel; k++) {
      const at = o * a.stride + k * a.dilation - a.before;
      if (countPadding ? at < a.size + a.after : at >= 0 && at < a.size) count++;
    }
    return count;
  });

/** Ones by which windows are summed: beyond, a few bytes of a file would take more memory than images have. */
const MOST_WEIGHTS = 2 ** 22;

/** A divisor for each window of an image: padding may make more windows than there is memory for. */
const MOST_DIVISORS = 2 ** 22;

export interface PoolWindowsConfig extends WindowConfig {
  op: "max" | "average";
  /** Whether padding counts as zeros in an average, or is left out. Default false. */
  countIncludePad?: boolean;
}

/**
 * Pooling as ONNX allows it: averages with dilation, and windows that see nothing but padding, whose average is 0 and maximum
 * −Infinity. Where the layers of the same purpose do, it is what they build.
 */
export const poolWindows = defineLayer<PoolWindowsConfig>("poolWindows", {
  options: { ...WINDOW, op: needed(aWord("max", "average"), '"max"'), countIncludePad: aFlag },
  eager: false,
  build(g, c, [x], _, where) {
    oneOf(c.op, ["max", "average"], "op", where);
    const window = windowOf(c, x, where);
    if (c.op === "max") return g.op(maxPool, [x], { ...window, anyPadding: true });
    const countIncludePad = c.countIncludePad ?? false;
    const axes = slide(x.shape.slice(1, -1), window, where);
    const reach = (a: Axis): number => a.dilation * (a.kernel - 1) + 1;
    const plain = axes.every(
      (a) => a.before < reach(a) && a.after < reach(a) && (a.dilation === 1 || a.kernel === 1),
    );
    if (plain) return g.op(avgPool, [x], { ...window, countIncludePad });
    const windows = sizeOf(axes.map((a) => a.out));
    if (windows > MOST_DIVISORS)
      throw new UnsupportedError(
        `${where}: averages over ${windows} windows that count their taps: there may be ${MOST_DIVISORS}`,
      );
    let shares = [1];
    for (const a of axes)
      shares = shares.flatMap((share) => tapCounts(a, countIncludePad).map((n) => share / Math.max(n, 1)));
    const divisors = g.constant(Float32Array.from(shares), [...axes.map((a) => a.out), 1]);
    return g.op(binary, [sumWindows(g, x, axes, where), divisors], { kind: "mul" });
  },
});

export interface LpPoolConfig extends WindowConfig {
  /** Default 2. */
  p?: number;
}

/** The p-norm of each window of [n, ...spatial, c], per channel; padding is 0. */
export const lpPool = defineLayer<LpPoolConfig>("lpPool", {
  options: { ...WINDOW, p: anInteger(1, 64) },
  eager: false,
  build(g, c, [x], _, where) {
    const p = c.p ?? 2;
    if (x.shape.length < 3)
      throw new ArgumentError(`${where}: input has rank ${x.shape.length} but must have rank 3 to 5`);
    const axes = slide(x.shape.slice(1, -1), windowOf(c, x, where), where);
    const times = (a: Edge, b: Edge): Edge => g.op(binary, [a, b], { kind: "mul" });
    const size = p % 2 === 0 ? x : g.op(activation, [x], { kind: "abs" });
    // x^p by squaring.
    let power: Edge | undefined;
    for (let left = p, square = size; left > 0; left >>= 1) {
      if (left & 1) power = power ? times(power, square) : square;
      if (left > 1) square = times(square, square);
    }
    const sums = sumWindows(g, power!, axes, where);
    if (p === 1) return sums;
    if (p === 2) return g.op(activation, [sums], { kind: "sqrt" });
    // x · (x²)^-b = x^(1/p) for b = (1 − 1/p) / 2; the bias keeps 0 from being divided by itself.
    return g.op(lrn, [sums], { size: 1, alpha: 1, beta: (1 - 1 / p) / 2, bias: 1e-37 });
  },
});
