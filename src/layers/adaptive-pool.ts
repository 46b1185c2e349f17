// Pooling to a given size, with PyTorch's bins: output i covers pixels floor(i · size / out) to ceil((i + 1) · size / out).
import { UnsupportedError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import { perAxis, spatialShape } from "../ops/check.ts";
import { avgPool, maxPool } from "../ops/pool.ts";
import { concat, reshape, slice } from "../ops/shape.ts";
import { needed } from "../validate.ts";
import { aPerAxis } from "./checks.ts";
import { defineLayer, type Named, type PerAxis } from "./layer.ts";

export interface AdaptivePoolConfig extends Named {
  /** Pixels of the output: one number for all spatial axes, or one per axis. */
  size: PerAxis;
}

/** Appends a pooling by windows of that size and stride. */
type Pool = (g: Graph, x: Edge, kernel: readonly number[], stride: readonly number[]) => Edge;

const NO_PADDING = { padding: "valid", ceilMode: false } as const;

const average: Pool = (g, x, kernel, stride) =>
  g.op(avgPool, [x], { ...NO_PADDING, kernel, stride, countIncludePad: false });

const largest: Pool = (g, x, kernel, stride) =>
  g.op(maxPool, [x], { ...NO_PADDING, kernel, stride, dilation: kernel.map(() => 1) });

/** Each is a pooling of its own: far more than maps have pixels that are pooled so. */
const MAX_BINS = 1024;

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/**
 * Pools one spatial axis. The bins repeat after `out / gcd` of them: those of equal place in the period are the windows of one pooling
 * with the period's length as stride, and the poolings' results are interleaved.
 */
function poolAxis(g: Graph, x: Edge, axis: number, out: number, pool: Pool, where: string): Edge {
  const spatial = x.shape.length - 2;
  const size = x.shape[axis];
  const periods = gcd(size, out);
  const [period, bins] = [size / periods, out / periods];
  if (bins > MAX_BINS)
    throw new UnsupportedError(
      `${where}: pooling ${size} pixels to ${out} takes ${bins} different bins, but ${MAX_BINS} at most are supported; resize instead`,
    );
  const along = (n: number): number[] => Array.from({ length: spatial }, (_, i) => (i + 1 === axis ? n : 1));
  const parts = Array.from({ length: bins }, (_, i) => {
    const first = Math.floor((i * period) / bins);
    const length = Math.ceil(((i + 1) * period) / bins) - first;
    const begin = x.shape.map((_size, a) => (a === axis ? first : 0));
    const taken = x.shape.with(axis, (periods - 1) * period + length);
    const part = bins === 1 ? x : g.op(slice, [x], { begin, size: taken });
    return pool(g, part, along(length), along(period));
  });
  if (bins === 1) return parts[0];
  if (periods === 1) return g.op(concat, parts, { axis });
  const apart = parts.map((part) => g.op(reshape, [part], { shape: part.shape.toSpliced(axis + 1, 0, 1) }));
  const stacked = g.op(concat, apart, { axis: axis + 1 });
  return g.op(reshape, [stacked], { shape: x.shape.with(axis, out) });
}

const adaptiveLayer = (kind: string, pool: Pool) =>
  defineLayer<AdaptivePoolConfig>(kind, {
    options: { size: needed(aPerAxis(1), "7") },
    build(g, c, [x], _, where) {
      const sizes = spatialShape(x, where);
      const outs = perAxis(c.size, sizes.length, "size", where, 1);
      if (sizes.every((size, i) => size % outs[i] === 0)) {
        const window = sizes.map((size, i) => size / outs[i]);
        return pool(g, x, window, window);
      }
      // The last axis first: of equal values the first one in the order of rows is found, as in a window.
      let y = x;
      for (let i = sizes.length - 1; i >= 0; i--)
        if (sizes[i] !== outs[i]) y = poolAxis(g, y, i + 1, outs[i], pool, where);
      return y;
    },
  });

/** The mean of each bin of [..., c], per channel: to maps of a given size, whatever the input's. One to three spatial axes. */
export const adaptiveAvgPool = adaptiveLayer("adaptiveAvgPool", average);
/** The largest value of each bin of [..., c], per channel. */
export const adaptiveMaxPool = adaptiveLayer("adaptiveMaxPool", largest);
