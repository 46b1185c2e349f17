// Gradients of pixels taken from images by a grid: pixels get the shares that were taken of them, and the grid the slope of the image.
import { UnsupportedError } from "../../errors.ts";
import type { Edge, Graph } from "../../graph/graph.ts";
import type { ComparisonKind } from "../../ops/arithmetic.ts";
import { stridedSlice } from "../../ops/boxes.ts";
import { gather } from "../../ops/gather.ts";
import { cast, clip } from "../../ops/math.ts";
import { type GridSampleParams, gridSample } from "../../ops/sample.ts";
import { scatterND } from "../../ops/scatter.ts";
import { concat } from "../../ops/shape.ts";
import { algebraOf } from "./algebra.ts";
import { reshapeTo, zeros } from "./broadcast.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

/** One of the two pixels along an axis that a sample lies between. */
interface Tap {
  /** Which pixel, as int32; one of the axis also where it has no weight. */
  readonly index: Edge;
  /** Its share of the sample, and how fast that grows with the grid's value. */
  readonly weight: Edge;
  readonly slope: Edge;
}

/** The pixels along an axis of `size`, for values of the grid from -1 to 1. The roundings are those of the forward pass. */
function tapsOf(
  g: Graph,
  values: Edge,
  size: number,
  { padding, alignCorners }: GridSampleParams,
): readonly Tap[] {
  const a = algebraOf(g);
  const shifted = a.affine(values, 1, 1);
  const at = alignCorners ? a.affine(shifted, (size - 1) / 2) : a.affine(a.affine(shifted, size, -1), 0.5);
  const border = padding === "border";
  const limited = g.op(clip, [at], border ? { min: 0, max: size - 1 } : { min: -2, max: size + 1 });
  const first = a.map("floor", limited);
  const rest = a.sub(limited, first);
  // Where the sample is an outer pixel or beyond, its position no longer counts, as in PyTorch.
  const scale = (alignCorners ? size - 1 : size) / 2;
  const inside = (x: Edge, low: ComparisonKind, high: ComparisonKind): Edge =>
    a.pair("and", a.compare(x, low, 0), a.compare(x, high, size - 1));
  const moves = border ? inside(at, "greater", "less") : undefined;
  return [0, 1].map((k): Tap => {
    const pixel = a.affine(first, 1, k);
    const there = border ? undefined : inside(pixel, "greaterOrEqual", "lessOrEqual");
    const weight = k ? rest : a.affine(rest, -1, 1);
    return {
      index: g.op(cast, [g.op(clip, [pixel], { min: 0, max: size - 1 })], { dtype: "int32" }),
      weight: there ? a.where(there, weight, 0) : weight,
      slope: a.where((there ?? moves)!, k ? scale : -scale, 0),
    };
  });
}

export const sampleGradients: readonly GradientEntry[] = [
  gradientOf(gridSample, (g, { inputs: [x, grid], params, where }, dy, [ofX, ofGrid]) => {
    if (params.mode !== "bilinear" || params.padding === "reflection")
      throw new UnsupportedError(
        `${where}: gridSample has a gradient with mode "bilinear" and padding "zeros" or "border", but has ${params.mode} and ${params.padding}`,
      );
    const a = algebraOf(g);
    const [n, h, w, c] = x.shape;
    const samples = dy.shape[1] * dy.shape[2];
    const column = (edge: Edge): Edge => reshapeTo(g, edge, [n * samples, 1]);
    const [right, down] = [w, h].map((size, i) => {
      const part = { begin: [0, 0, 0, i], size: [n, ...dy.shape.slice(1, 3), 1], step: [1, 1, 1, 1] };
      return tapsOf(g, reshapeTo(g, g.op(stridedSlice, [grid], part), [n, samples]), size, params);
    });
    const images = g.integers(
      Int32Array.from({ length: n }, (_, i) => i * h * w),
      [n, 1],
    );
    const width = g.integers(Int32Array.of(w), []);
    const [pixels, rows] = [reshapeTo(g, x, [n * h * w, c]), reshapeTo(g, dy, [n * samples, c])];
    let dx = zeros(g, pixels.shape);
    const slopes: [right: Edge[], down: Edge[]] = [[], []];
    for (const v of down)
      for (const u of right) {
        const at = column(a.pair("add", images, a.pair("add", a.pair("mul", v.index, width), u.index)));
        if (ofX) {
          const taken = a.mul(rows, column(a.mul(u.weight, v.weight)));
          dx = g.op(scatterND, [dx, at, taken], { op: "add" });
        }
        if (!ofGrid) continue;
        const read = g.op(gather, [pixels, reshapeTo(g, at, [n * samples])], { axis: 0, batchDims: 0 });
        const felt = a.reduce("sum", a.mul(rows, read), [1]);
        slopes[0].push(a.mul(felt, column(a.mul(u.slope, v.weight))));
        slopes[1].push(a.mul(felt, column(a.mul(u.weight, v.slope))));
      }
    const all = (parts: readonly Edge[]): Edge => parts.reduce((sum, part) => a.add(sum, part));
    return [
      ofX ? reshapeTo(g, dx, x.shape) : undefined,
      ofGrid ? reshapeTo(g, g.op(concat, slopes.map(all), { axis: 1 }), grid.shape) : undefined,
    ];
  }),
];
