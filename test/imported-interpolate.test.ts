import { describe, expect, it } from "vitest";
import * as kinds from "../src/layers/imported.ts";
import { COORDINATES, type InterpolateParams, interpolate, ROUNDINGS } from "../src/ops/interpolate.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import { indicesOf, noise, runKind, small, valueAt } from "./imported-kinds.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

type Options = Omit<InterpolateParams, "axes" | "sizes" | "scales" | "roi">;

const DEFAULTS: Options = {
  ...({ mode: "nearest", coordinates: "halfPixel", nearest: "roundPreferFloor", cubicA: -0.75 } as const),
  ...{ excludeOutside: false, antialias: false, extrapolation: 0 },
};

/** Where an output pixel lies, from the table of the operator's definition. */
function positionOf(
  i: number,
  size: number,
  out: number,
  scale: number,
  o: Options,
  [begin, end] = [0, 1],
): number {
  switch (o.coordinates) {
    case "halfPixel":
      return (i + 0.5) / scale - 0.5;
    case "pytorchHalfPixel":
      return out > 1 ? (i + 0.5) / scale - 0.5 : 0;
    case "halfPixelSymmetric":
      return (size / 2) * (1 - out / (scale * size)) + (i + 0.5) / scale - 0.5;
    case "asymmetric":
      return i / scale;
    case "tfHalfPixelForNN":
      return (i + 0.5) / scale;
    case "alignCorners":
      return out === 1 ? 0 : (i * (size - 1)) / (scale * size - 1);
    case "tfCropAndResize":
      return out === 1
        ? ((begin + end) * (size - 1)) / 2
        : begin * (size - 1) + (i * (end - begin) * (size - 1)) / (scale * size - 1);
  }
}

/** The value at a position of a row. */
function sampleRow(row: readonly number[], x: number, scale: number, o: Options): number {
  const size = row.length;
  if (o.coordinates === "tfCropAndResize" && (x < 0 || x > size - 1)) return o.extrapolation;
  const pixel = (i: number): number => row[Math.min(Math.max(i, 0), size - 1)];
  if (o.mode === "nearest") {
    const down = Math.floor(x);
    const half = x - down === 0.5;
    const rounded = {
      roundPreferFloor: half ? down : Math.round(x),
      roundPreferCeil: half ? down + 1 : Math.round(x),
    };
    return pixel({ ...rounded, floor: down, ceil: Math.ceil(x) }[o.nearest]);
  }
  const squeeze = o.antialias ? Math.min(scale, 1) : 1;
  let [sum, weights] = [0, 0];
  const reach = 2 / squeeze;
  for (let i = Math.floor(x - reach); i <= x + reach; i++) {
    if (o.excludeOutside && (i < 0 || i >= size)) continue;
    const d = Math.abs(i - x) * squeeze;
    const a = o.cubicA;
    const outer = d < 2 ? a * (d ** 3 - 5 * d ** 2 + 8 * d - 4) : 0;
    const cubic = d <= 1 ? (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1 : outer;
    const w = o.mode === "linear" ? Math.max(1 - d, 0) : cubic;
    sum += w * pixel(i);
    weights += w;
  }
  return sum / weights;
}

/** ONNX's Resize, axis by axis. */
function reference(x: Plain, p: InterpolateParams): { shape: readonly number[]; data: number[] } {
  let now: { shape: readonly number[]; data: number[] } = { shape: x.shape, data: Array.from(x.data) };
  p.axes.forEach((given, k) => {
    const axis = given < 0 ? given + x.shape.length : given;
    const [size, out] = [now.shape[axis], p.sizes[k]];
    const scale = p.scales?.[k] ?? out / size;
    const shape = now.shape.with(axis, out);
    const data = indicesOf(shape).map((index) => {
      const row = Array.from({ length: size }, (_, i) => valueAt(now, index.with(axis, i)));
      const [begin, end] = p.roi?.[k] ?? [0, 1];
      return sampleRow(row, positionOf(index[axis], size, out, scale, p, [begin, end]), scale, p);
    });
    now = { shape, data };
  });
  return now;
}

/** The same, worked out once for all builds. */
function expected(x: Plain, p: InterpolateParams): ReturnType<typeof reference> {
  const key = JSON.stringify([x.shape, p]);
  const want = ANSWERS.get(key) ?? reference(x, p);
  ANSWERS.set(key, want);
  return want;
}

const ANSWERS = new Map<string, ReturnType<typeof reference>>();

const SIZES: { shape: number[]; axes: number[]; sizes: number[]; scales?: number[] }[] = [
  { shape: [7], axes: [0], sizes: [4] },
  { shape: [2, 4, 4, 3], axes: [1, 2], sizes: [8, 12] },
  { shape: [1, 5, 7, 9], axes: [-3, -2], sizes: [3, 5] },
  { shape: [2, 3, 4, 6], axes: [2, 3], sizes: [9, 4] },
  { shape: [1, 1, 8, 5], axes: [0, 1, 2, 3], sizes: [2, 1, 5, 8], scales: [2, 1, 0.65, 1.7] },
  { shape: [2, 6, 1, 3], axes: [1, 2], sizes: [4, 3], scales: [0.7, 3.2] },
  { shape: [1, 3, 1, 2, 1, 2, 5, 4], axes: [6, 1], sizes: [1, 4] },
];

for (const { name, engine } of builds())
  describe(`interpolate (${name})`, () => {
    for (const coordinates of COORDINATES)
      for (const mode of ["nearest", "linear", "cubic"] as const)
        it(`${mode}, ${coordinates}`, async () => {
          for (const { shape, ...rest } of SIZES) {
            const variants: object[] =
              mode === "nearest"
                ? ROUNDINGS.map((nearest) => ({ nearest }))
                : [{}, { excludeOutside: true }, { antialias: true }];
            for (const variant of variants) {
              const roi = rest.axes.map((_, i): [number, number] => (i % 2 ? [-0.2, 0.8] : [0.3, 1.1]));
              const p: InterpolateParams = {
                ...DEFAULTS,
                ...rest,
                mode,
                coordinates,
                ...variant,
                extrapolation: 7,
                roi,
              };
              // Outside the image excluded pixels may leave nothing but a rest of the cubic.
              if (coordinates === "tfHalfPixelForNN" && mode !== "nearest" && "excludeOutside" in variant)
                continue;
              const x = noise(shape);
              const [y] = await evaluate(engine, interpolate, [x], p);
              const want = expected(x, p);
              expect(y.shape).toEqual(want.shape);
              if (mode === "nearest") expectEqual(y.data, want.data.map(Math.fround));
              else expectWithin(y.data, want.data, 4e-6);
            }
          }
        });

    it("copies int32, and keeps what has its size", async () => {
      const x = {
        shape: [2, 3, 2],
        data: Int32Array.of(1, 2 ** 30 + 1, 3, 4, 5, 6, -(2 ** 31), 8, 9, 10, 11, 12),
      };
      const [y] = await evaluate(engine, interpolate, [x], { ...DEFAULTS, axes: [1], sizes: [6] });
      expect(y.data).toBeInstanceOf(Int32Array);
      expectEqual(y.data, reference(x, { ...DEFAULTS, axes: [1], sizes: [6] }).data);
      const [same] = await evaluate(engine, interpolate, [x], { ...DEFAULTS, axes: [1], sizes: [3] });
      expectEqual(same.data, x.data);
      const scalar = { shape: [], data: Float32Array.of(3) };
      const [one] = await evaluate(engine, interpolate, [scalar], { ...DEFAULTS, axes: [], sizes: [] });
      expectEqual(one.data, [3]);
    });
  });

describe("the layer that interpolates", () => {
  const [{ engine }] = builds();
  const run = (x: Plain, config: object) => runKind(engine, kinds.interpolate, [x], config);

  it("gives the numbers of ONNX's own tests", async () => {
    const image = (h: number, w: number): Plain => ({
      shape: [1, h, w, 1],
      data: Float32Array.from({ length: h * w }, (_, i) => i + 1),
    });
    const scaled = { axes: [1, 2], sizes: [2, 2], scales: [0.6, 0.6], antialias: true, mode: "linear" };
    expectWithin((await run(image(4, 4), scaled)).outputs[0].data, [2.875, 4.5, 9.375, 11], 1e-5);
    const corners = {
      axes: [1, 2],
      sizes: [1, 2],
      scales: [0.6, 0.6],
      mode: "linear",
      coordinates: "alignCorners",
    };
    expectWithin((await run(image(2, 4), corners)).outputs[0].data, [1, 3.142857], 1e-5);
    const cubic = { axes: [1, 2], sizes: [3, 3], mode: "cubic" };
    const want = [
      1.6307871, 3.0046298, 4.3784721, 7.1261569, 8.5, 9.8738426, 12.6215275, 13.9953701, 15.3692135,
    ];
    expectWithin((await run(image(4, 4), cubic)).outputs[0].data, want, 1e-4);
    const crop = {
      axes: [1, 2],
      sizes: [3, 3],
      mode: "linear",
      coordinates: "tfCropAndResize",
      extrapolation: 10,
    };
    const outside = await run(image(4, 4), {
      ...crop,
      roi: [
        [0.4, 1.2],
        [0.6, 1.7],
      ],
    });
    expectWithin(outside.outputs[0].data, [7.6, 10, 10, 12.4, 10, 10, 10, 10, 10], 1e-5);
  });

  it("builds a resize where that gives the same", async () => {
    const x = noise([2, 6, 4, 5]);
    const double = { axes: [1, 2], sizes: [12, 8] };
    const cases: [string, object][] = [
      ["resize", double],
      ["resize", { ...double, scales: [2, 2], nearest: "floor", coordinates: "asymmetric" }],
      ["resize", { ...double, mode: "linear", coordinates: "pytorchHalfPixel" }],
      ["resize", { ...double, mode: "linear", coordinates: "alignCorners" }],
      ["resize", { ...double, mode: "linear", coordinates: "asymmetric", excludeOutside: true }],
      ["resize", { axes: [2], sizes: [3], mode: "linear" }],
      ["resize", { axes: [0, 1, 2, 3], sizes: [2, 3, 3, 5], mode: "linear" }],
      ["interpolate", { axes: [3], sizes: [3], mode: "linear" }],
      ["interpolate", { ...double, mode: "cubic" }],
      ["interpolate", { axes: [1], sizes: [2], mode: "linear", antialias: true }],
      ["interpolate", { axes: [1], sizes: [4], scales: [0.7], mode: "linear" }],
    ];
    for (const [op, config] of cases) {
      const { outputs, ops } = await run(x, config);
      expect(ops).toEqual([op]);
      const p = { ...DEFAULTS, ...config } as InterpolateParams;
      expectWithin(outputs[0].data, reference(x, p).data, 2e-6);
    }
  });

  it("refuses what it cannot do", async () => {
    const x = small([1, 4, 4, 1]);
    await expect(run(x, { axes: [1, 2], sizes: [3] })).rejects.toThrow("sizes");
    await expect(run(x, { axes: [1, 1], sizes: [3, 3] })).rejects.toThrow("name axis 1 twice");
    await expect(run(x, { axes: [4], sizes: [3] })).rejects.toThrow("the input has rank 4");
    await expect(run(x, { axes: [1], sizes: [3], scales: [1, 2] })).rejects.toThrow("scales");
    await expect(run(x, { axes: [1], sizes: [0] })).rejects.toThrow("sizes[0] is 0");
    const ints = { shape: [4], data: new Int32Array(4) };
    await expect(run(ints, { axes: [0], sizes: [3], mode: "linear" })).rejects.toThrow(
      'input is int32 but must be float32, except for mode "nearest"',
    );
  });
});
