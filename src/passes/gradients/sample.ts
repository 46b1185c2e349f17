// Gradients of pixels taken from images by a grid or by boxes: pixels get the shares that were taken of them, and positions the slope of
// the image.
import { UnsupportedError } from "../../errors.ts";
import type { Edge, Graph } from "../../graph/graph.ts";
import type { ComparisonKind } from "../../ops/arithmetic.ts";
import { stridedSlice } from "../../ops/boxes.ts";
import { gather } from "../../ops/gather.ts";
import { cast, clip } from "../../ops/math.ts";
import { cropAndResize, gridSample } from "../../ops/sample.ts";
import { scatterND } from "../../ops/scatter.ts";
import { concat } from "../../ops/shape.ts";
import { algebraOf } from "./algebra.ts";
import { reshapeTo, zeros } from "./broadcast.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

/** One of the two pixels along an axis that a sample lies between. */
interface Tap {
  /** Which pixel, as int32; one of the axis also where it has no weight. */
  readonly index: Edge;
  /** Its share of the sample, and how fast that grows with the position. */
  readonly weight: Edge;
  readonly slope: Edge;
}

/** What samples outside an axis read: nothing where pixels are missing, the outer pixels, or nothing at all. */
type Outside = "zeros" | "border" | "nothing";

/** The pixels along an axis of `size`, for positions in pixels. */
function tapsOf(g: Graph, at: Edge, size: number, outside: Outside): readonly Tap[] {
  const a = algebraOf(g);
  const within = (x: Edge, low: ComparisonKind, high: ComparisonKind): Edge =>
    a.pair("and", a.compare(x, low, 0), a.compare(x, high, size - 1));
  const range = outside === "zeros" ? { min: -2, max: size + 1 } : { min: 0, max: size - 1 };
  const limited = g.op(clip, [at], range);
  const first = a.map("floor", limited);
  const rest = a.sub(limited, first);
  // On the border and beyond, a sample does not move with its position, as in PyTorch.
  const moves =
    outside === "border" ? within(at, "greater", "less") : within(at, "greaterOrEqual", "lessOrEqual");
  return [0, 1].map((k): Tap => {
    const pixel = a.affine(first, 1, k);
    const there = outside === "zeros" ? within(pixel, "greaterOrEqual", "lessOrEqual") : moves;
    const weight = k ? rest : a.affine(rest, -1, 1);
    return {
      index: g.op(cast, [g.op(clip, [pixel], { min: 0, max: size - 1 })], { dtype: "int32" }),
      weight: outside === "border" ? weight : a.where(there, weight, 0),
      slope: a.where(there, k ? 1 : -1, 0),
    };
  });
}

/** The gradients of images and of positions along their width and height; undefined where they are not wanted. */
interface SampleGradients {
  readonly dx: Edge | undefined;
  /** In the shape that indices have together. */
  readonly slopes: readonly [right: Edge, down: Edge] | undefined;
}

/**
 * Of samples of x [n, h, w, c]: `image`, int32, says of which; it and the taps are broadcast with each other to [...samples], where dy has
 * [...samples, c].
 */
function sampleGradientsOf(
  g: Graph,
  {
    x,
    image,
    right,
    down,
    dy,
  }: { x: Edge; image: Edge; right: readonly Tap[]; down: readonly Tap[]; dy: Edge },
  ofX: boolean,
  ofPlaces: boolean,
): SampleGradients {
  const a = algebraOf(g);
  const [n, h, w, c] = x.shape;
  const shape = dy.shape.slice(0, -1);
  const samples = shape.reduce((count, size) => count * size, 1);
  const column = (edge: Edge): Edge => reshapeTo(g, edge, [samples, 1]);
  const first = a.pair("mul", image, g.integers(Int32Array.of(h * w), []));
  const width = g.integers(Int32Array.of(w), []);
  const [pixels, rows] = [reshapeTo(g, x, [n * h * w, c]), reshapeTo(g, dy, [samples, c])];
  let dx = zeros(g, pixels.shape);
  const slopes: [right: Edge[], down: Edge[]] = [[], []];
  for (const v of down)
    for (const u of right) {
      const at = a.pair("add", a.pair("add", first, a.pair("mul", v.index, width)), u.index);
      if (ofX) {
        const taken = a.mul(rows, column(a.mul(u.weight, v.weight)));
        dx = g.op(scatterND, [dx, column(at), taken], { op: "add" });
      }
      if (!ofPlaces) continue;
      const read = g.op(gather, [pixels, reshapeTo(g, at, [samples])], { axis: 0, batchDims: 0 });
      const felt = reshapeTo(g, a.reduce("sum", a.mul(rows, read), [1]), shape);
      slopes[0].push(a.mul(felt, a.mul(u.slope, v.weight)));
      slopes[1].push(a.mul(felt, a.mul(u.weight, v.slope)));
    }
  const all = (parts: readonly Edge[]): Edge => parts.reduce((sum, part) => a.add(sum, part));
  return {
    dx: ofX ? reshapeTo(g, dx, x.shape) : undefined,
    slopes: ofPlaces ? [all(slopes[0]), all(slopes[1])] : undefined,
  };
}

/** One entry of the last axis, in another shape. */
const entryOf = (g: Graph, x: Edge, index: number, shape: readonly number[]): Edge => {
  const part = {
    begin: x.shape.map((_, i) => (i === x.shape.length - 1 ? index : 0)),
    size: x.shape.with(-1, 1),
    step: x.shape.map(() => 1),
  };
  return reshapeTo(g, g.op(stridedSlice, [x], part), shape);
};

export const sampleGradients: readonly GradientEntry[] = [
  gradientOf(gridSample, (g, { inputs: [x, grid], params, where }, dy, [ofX, ofGrid]) => {
    const { mode, padding, alignCorners } = params;
    if (mode !== "bilinear" || padding === "reflection")
      throw new UnsupportedError(
        `${where}: gridSample has a gradient with mode "bilinear" and padding "zeros" or "border", but has "${mode}" and "${padding}"`,
      );
    const a = algebraOf(g);
    const [n, h, w] = x.shape;
    const shape = dy.shape.slice(0, 3);
    const [right, down] = [w, h].map((size, i) => {
      // The roundings are those of the forward pass.
      const shifted = a.affine(entryOf(g, grid, i, shape), 1, 1);
      const at = alignCorners
        ? a.affine(shifted, (size - 1) / 2)
        : a.affine(a.affine(shifted, size, -1), 0.5);
      return tapsOf(g, at, size, padding);
    });
    const image = g.integers(
      Int32Array.from({ length: n }, (_, i) => i),
      [n, 1, 1],
    );
    const { dx, slopes } = sampleGradientsOf(g, { x, image, right, down, dy }, ofX, ofGrid);
    const parts = slopes?.map((slope, i) => {
      const size = [w, h][i];
      return a.affine(reshapeTo(g, slope, [...shape, 1]), (alignCorners ? size - 1 : size) / 2);
    });
    return [dx, parts && g.op(concat, parts, { axis: -1 })];
  }),
  gradientOf(cropAndResize, (g, { inputs: [x, boxes, index], params, where }, dy, [ofX, ofBoxes]) => {
    if (params.method !== "bilinear")
      throw new UnsupportedError(
        `${where}: cropAndResize has a gradient with method "bilinear", but has "${params.method}"`,
      );
    const a = algebraOf(g);
    const [n, h, w] = x.shape;
    const [count] = boxes.shape;
    const image = g.op(clip, [index], { min: 0, max: n - 1 });
    const there = reshapeTo(g, a.compare(index, "equal", image), [count, 1, 1, 1]);
    const axes = (
      [
        [h, params.height, 0],
        [w, params.width, 1],
      ] as const
    ).map(([size, outs, axis]) => {
      const shape = [count, 1, 1].with(1 + axis, outs);
      const along = (values: Float32Array): Edge => g.constant(values, [1, 1, 1].with(1 + axis, outs));
      const [begin, end] = [0, 2].map((i) => entryOf(g, boxes, axis + i, [count, 1, 1]));
      const last = size - 1;
      const [step, places] = [last / Math.max(1, outs - 1), Float32Array.from({ length: outs }, (_, i) => i)];
      // How much of the end of the box is in a position.
      const shares = places.map((i) => (outs > 1 ? i / (outs - 1) : 0.5));
      const at =
        outs > 1
          ? a.add(a.affine(begin, last), a.mul(a.affine(a.sub(end, begin), step), along(places)))
          : a.affine(a.add(begin, end), 0.5 * last);
      /** The gradients of where the box begins and ends. */
      const ends = (slope: Edge): Edge[] => {
        const moved = a.affine(a.reduce("sum", slope, [2 - axis]), last);
        return [shares.map((share) => 1 - share), shares].map((part) =>
          reshapeTo(g, a.reduce("sum", a.mul(moved, along(part)), [1 + axis]), [count, 1]),
        );
      };
      return { taps: tapsOf(g, reshapeTo(g, at, shape), size, "nothing"), ends };
    });
    const [down, right] = axes.map(({ taps }) => taps);
    const { dx, slopes } = sampleGradientsOf(
      g,
      { x, image: reshapeTo(g, image, [count, 1, 1]), right, down, dy: a.where(there, dy, 0) },
      ofX,
      ofBoxes,
    );
    if (!slopes) return [dx, undefined, undefined];
    const [[top, bottom], [left, rightmost]] = [axes[0].ends(slopes[1]), axes[1].ends(slopes[0])];
    return [dx, g.op(concat, [top, left, bottom, rightmost], { axis: 1 }), undefined];
  }),
];
