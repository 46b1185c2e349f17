import { describe, expect, it } from "vitest";
import * as kinds from "../src/layers/imported.ts";
import {
  cropAndResize,
  type GridSampleParams,
  gridSample,
  type RoiAlignParams,
  roiAlign,
} from "../src/ops/sample.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import { indicesOf, noise, runKind, valueAt } from "./imported-kinds.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

/** The taps of a position along an axis: indices and weights. */
function tapsOf(x: number, mode: GridSampleParams["mode"]): [number, number][] {
  if (mode === "nearest") {
    const down = Math.floor(x);
    const even = down % 2 === 0 ? down : down + 1;
    return [[x - down === 0.5 ? even : Math.round(x), 1]];
  }
  const first = Math.floor(x);
  const t = x - first;
  if (mode === "bilinear")
    return [
      [first, 1 - t],
      [first + 1, t],
    ];
  const a = -0.75;
  const inner = (d: number): number => (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  const outer = (d: number): number => a * (d ** 3 - 5 * d ** 2 + 8 * d - 4);
  return [
    [first - 1, outer(1 + t)],
    [first, inner(t)],
    [first + 1, inner(1 - t)],
    [first + 2, outer(2 - t)],
  ];
}

/** The pixel that an index stands for. */
function pixelOf(i: number, size: number, p: GridSampleParams): number | undefined {
  if (i >= 0 && i < size) return i;
  if (p.padding === "zeros") return undefined;
  if (p.padding === "border") return i < 0 ? 0 : size - 1;
  if (size === 1) return 0;
  // Mirrored until it lies inside.
  while (i < 0 || i >= size) {
    if (i < 0) i = p.alignCorners ? -i : -1 - i;
    else i = p.alignCorners ? 2 * (size - 1) - i : 2 * size - 1 - i;
  }
  return i;
}

function gridReference(x: Plain, grid: Plain, p: GridSampleParams): number[] {
  const [n, h, w, c] = x.shape;
  const [, oh, ow] = grid.shape;
  const pixel = (v: number, size: number): number =>
    Math.fround(p.alignCorners ? ((v + 1) / 2) * (size - 1) : ((v + 1) * size - 1) / 2);
  return indicesOf([n, oh, ow, c]).map(([image, y, column, channel]) => {
    const fx = pixel(valueAt(grid, [image, y, column, 0]), w);
    const fy = pixel(valueAt(grid, [image, y, column, 1]), h);
    let sum = 0;
    for (const [iy, wy] of tapsOf(fy, p.mode))
      for (const [ix, wx] of tapsOf(fx, p.mode)) {
        const [py, px] = [pixelOf(iy, h, p), pixelOf(ix, w, p)];
        if (py !== undefined && px !== undefined) sum += wy * wx * valueAt(x, [image, py, px, channel]);
      }
    return sum;
  });
}

/** The four pixels round a position inside an image, and their weights. */
function corners(fy: number, fx: number, h: number, w: number): [y: number, x: number, weight: number][] {
  const [y, x] = [Math.floor(fy), Math.floor(fx)];
  const [ty, tx] = [fy - y, fx - x];
  const [down, right] = [Math.min(y + 1, h - 1), Math.min(x + 1, w - 1)];
  return [
    [y, x, (1 - ty) * (1 - tx)],
    [y, right, (1 - ty) * tx],
    [down, x, ty * (1 - tx)],
    [down, right, ty * tx],
  ];
}

function roiReference(x: Plain, rois: Plain, batch: Plain, p: RoiAlignParams): number[] {
  const [, h, w, c] = x.shape;
  const shift = p.halfPixel ? 0.5 : 0;
  return indicesOf([rois.shape[0], p.outputHeight, p.outputWidth, c]).map(([r, oy, ox, channel]) => {
    const [x1, y1, x2, y2] = [0, 1, 2, 3].map((i) => valueAt(rois, [r, i]) * p.spatialScale - shift);
    const width = p.halfPixel ? x2 - x1 : Math.max(x2 - x1, 1);
    const height = p.halfPixel ? y2 - y1 : Math.max(y2 - y1, 1);
    const [bh, bw] = [height / p.outputHeight, width / p.outputWidth];
    const [ny, nx] = [p.samplingRatio || Math.ceil(bh), p.samplingRatio || Math.ceil(bw)];
    let sum = 0;
    let largest = -Infinity;
    for (let sy = 0; sy < ny; sy++)
      for (let sx = 0; sx < nx; sx++) {
        const fy = y1 + oy * bh + ((sy + 0.5) * bh) / ny;
        const fx = x1 + ox * bw + ((sx + 0.5) * bw) / nx;
        const inside = fy >= -1 && fy <= h && fx >= -1 && fx <= w;
        const at = corners(Math.min(Math.max(fy, 0), h - 1), Math.min(Math.max(fx, 0), w - 1), h, w);
        const terms = at.map(([py, px, weight]) => weight * valueAt(x, [batch.data[r], py, px, channel]));
        sum += inside ? terms.reduce((a, b) => a + b, 0) : 0;
        largest = Math.max(largest, ...(inside ? terms : [0]));
      }
    if (nx <= 0 || ny <= 0) return 0;
    return p.mode === "max" ? largest : sum / (nx * ny);
  });
}

for (const { name, engine } of builds())
  describe(`samples of images (${name})`, () => {
    for (const mode of ["nearest", "bilinear", "bicubic"] as const)
      for (const padding of ["zeros", "border", "reflection"] as const)
        it(`by a grid, ${mode}, ${padding}`, async () => {
          for (const alignCorners of [false, true])
            for (const [h, w, c] of [
              [4, 5, 1],
              [3, 2, 7],
              [1, 6, 4],
              [1, 1, 9],
            ]) {
              const x = noise([2, h, w, c]);
              const grid = noise([2, 4, 6, 2], 5);
              const wide = { ...grid, data: grid.data.map((v) => 2.5 * v) };
              const p = { mode, padding, alignCorners };
              const [y] = await evaluate(engine, gridSample, [x, wide], p);
              expect(y.shape).toEqual([2, 4, 6, c]);
              expectWithin(y.data, gridReference(x, wide, p), 2e-5);
            }
        });

    it("by any grid read nothing outside", async () => {
      const x = noise([1, 3, 4, 5]);
      const strange = [Number.NaN, Infinity, -Infinity, 1e30, -1e30, 3e9, -1e-30, 1];
      const grid = {
        shape: [1, 8, 8, 2],
        data: Float32Array.from(strange.flatMap((a) => strange.flatMap((b) => [a, b]))),
      };
      for (const mode of ["nearest", "bilinear", "bicubic"] as const)
        for (const padding of ["zeros", "border", "reflection"] as const) {
          const [y] = await evaluate(engine, gridSample, [x, grid], { mode, padding, alignCorners: true });
          // The last of all is the corner.
          expectWithin(y.data.subarray(-5), x.data.subarray(-5), 1e-6);
          if (padding === "border") expectWithin(y.data.subarray(9 * 5, 10 * 5), x.data.subarray(-5), 1e-6);
        }
    });

    for (const mode of ["avg", "max"] as const)
      it(`of rois, ${mode}`, async () => {
        const rois = {
          shape: [5, 4],
          data: Float32Array.of(0, 0, 9, 9, 2, 3, 15, 7.5, -6, -4, 3, 30, 5, 5, 5, 5, 9, 8, 2, 1),
        };
        const batch = { shape: [5], data: Int32Array.of(0, 1, 1, 0, 1) };
        for (const halfPixel of [true, false])
          for (const samplingRatio of [0, 1, 2, 3])
            for (const c of [1, 6]) {
              const x = noise([2, 8, 9, c]);
              const p = {
                mode,
                outputHeight: 3,
                outputWidth: 2,
                samplingRatio,
                spatialScale: 0.5,
                halfPixel,
              };
              const [y] = await evaluate(engine, roiAlign, [x, rois, batch], p);
              expect(y.shape).toEqual([5, 3, 2, c]);
              expectWithin(y.data, roiReference(x, rois, batch, p), 1e-5);
            }
      });

    it("of strange rois read nothing outside", async () => {
      const x = noise([1, 3, 4, 5]);
      const values = [Number.NaN, Infinity, -Infinity, 1e30, 0];
      const data = Float32Array.from(values.flatMap((a) => values.flatMap((b) => [a, b, b, a])));
      const batch = { shape: [25], data: Int32Array.from({ length: 25 }, (_, i) => (i - 12) * 2 ** 27) };
      const p = {
        mode: "avg",
        outputHeight: 1,
        outputWidth: 1,
        samplingRatio: 2,
        spatialScale: 1,
        halfPixel: true,
      } as const;
      const [y] = await evaluate(engine, roiAlign, [x, { shape: [25, 4], data }, batch], p);
      expect(y.shape).toEqual([25, 1, 1, 5]);
      const crop = { height: 2, width: 2, method: "bilinear", extrapolation: 9 } as const;
      const [z] = await evaluate(engine, cropAndResize, [x, { shape: [25, 4], data }, batch], crop);
      expectEqual(z.data.subarray(0, 20), new Float32Array(20).fill(9));
    });

    for (const method of ["bilinear", "nearest"] as const)
      it(`of crops, ${method}`, async () => {
        const x = noise([2, 5, 6, 3]);
        const boxes = {
          shape: [4, 4],
          data: Float32Array.of(0, 0, 1, 1, 0.25, 0.1, 0.8, 0.9, 0.9, 1.1, 0.2, 0.3, -0.4, 0.5, 0.5, 1.5),
        };
        const index = { shape: [4], data: Int32Array.of(1, 0, 1, 0) };
        for (const [height, width] of [
          [3, 4],
          [1, 1],
          [5, 6],
          [7, 2],
        ]) {
          const p = { height, width, method, extrapolation: -2 };
          const [y] = await evaluate(engine, cropAndResize, [x, boxes, index], p);
          expect(y.shape).toEqual([4, height, width, 3]);
          const along = (i: number, outs: number, size: number, a: number, b: number): number =>
            Math.fround(
              outs > 1 ? (a + (i * (b - a)) / (outs - 1)) * (size - 1) : ((a + b) / 2) * (size - 1),
            );
          const want = indicesOf(y.shape).map(([r, oy, ox, c]) => {
            const [y1, x1, y2, x2] = [0, 1, 2, 3].map((i) => valueAt(boxes, [r, i]));
            const [fy, fx] = [along(oy, height, 5, y1, y2), along(ox, width, 6, x1, x2)];
            // Rounding must not decide what lies outside.
            if (fy < -1e-5 || fy > 4 + 1e-5 || fx < -1e-5 || fx > 5 + 1e-5) return -2;
            const n = index.data[r];
            if (method === "nearest") return valueAt(x, [n, Math.round(fy), Math.round(fx), c]);
            return corners(fy, fx, 5, 6).reduce(
              (sum, [py, px, weight]) => sum + weight * valueAt(x, [n, py, px, c]),
              0,
            );
          });
          expectWithin(y.data, want, 1e-5);
        }
      });
  });

describe("layers that sample", () => {
  const [{ engine }] = builds();
  const x = noise([1, 4, 4, 2]);

  it("have defaults", async () => {
    const grid = noise([1, 3, 3, 2], 3);
    const sampled = await runKind(engine, kinds.gridSample, [x, grid]);
    const p = { mode: "bilinear", padding: "zeros", alignCorners: false } as const;
    expectWithin(sampled.outputs[0].data, gridReference(x, grid, p), 1e-5);
    const rois = { shape: [1, 4], data: Float32Array.of(0.5, 0.5, 3.5, 3) };
    const index = { shape: [1], data: Int32Array.of(0) };
    const aligned = await runKind(engine, kinds.roiAlign, [x, rois, index]);
    const q = {
      mode: "avg",
      outputHeight: 1,
      outputWidth: 1,
      samplingRatio: 0,
      spatialScale: 1,
      halfPixel: true,
    } as const;
    expectWithin(aligned.outputs[0].data, roiReference(x, rois, index, q), 1e-5);
    const whole = { shape: [1, 4], data: Float32Array.of(0, 0, 1, 1) };
    const cropped = await runKind(engine, kinds.cropAndResize, [x, whole, index], { height: 4, width: 4 });
    expectWithin(cropped.outputs[0].data, x.data, 1e-6);
  });

  it("refuse what does not fit", async () => {
    await expect(runKind(engine, kinds.gridSample, [x, noise([2, 3, 3, 2])])).rejects.toThrow(
      "grid has shape [2,3,3,2] but must have shape [1, h, w, 2] for input [1,4,4,2]",
    );
    const rois = noise([3, 4]);
    await expect(runKind(engine, kinds.roiAlign, [x, rois, noise([3])])).rejects.toThrow(
      "float32 but must be int32",
    );
    const index = { shape: [2], data: new Int32Array(2) };
    await expect(
      runKind(engine, kinds.cropAndResize, [x, rois, index], { height: 1, width: 1 }),
    ).rejects.toThrow("have shape [2] but must have shape [3]");
    await expect(runKind(engine, kinds.cropAndResize, [x, rois, index], { height: 1 })).rejects.toThrow(
      "width is missing",
    );
  });
});
