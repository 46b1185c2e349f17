// Windows of any size, stride, dilation and padding: what fits 32 bits is computed rightly and without memory out of proportion to
// input and output; what does not is refused.
import { afterAll, describe, expect, it } from "vitest";
import { Engine } from "../src/engine/engine.ts";
import { ArgumentError, ConvolithError, createEngine, ShapeError, type Tensor } from "../src/index.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import { binary } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectWithin } from "./tolerance.ts";

const MAX = 2 ** 31 - 1;
/** More than any call here may make memory grow by, beside twice its result. */
const GROWTH = 2 ** 20;

const engines = [await createEngine(), new Engine(new Runtime(await load(binary("checked"))))];
afterAll(() => {
  for (const engine of engines) engine.dispose();
});

const plain = (shape: readonly number[], seed = 1) => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.7 + seed)),
});

/** Runs a call on fresh tensors: its result, and that memory grew by little and none of it is kept. */
function run(
  engine: Engine,
  inputs: readonly { shape: readonly number[]; data: Float32Array }[],
  call: (...tensors: Tensor[]) => Tensor,
): { shape: readonly number[]; data: Float32Array } {
  const { live, capacity } = engine.memory;
  const tensors = inputs.map(({ shape, data }) => engine.tensor(data, shape));
  let result = 0;
  try {
    const y = call(...tensors);
    tensors.push(y);
    result = 4 * y.size;
    return { shape: y.shape, data: y.data() };
  } finally {
    for (const t of tensors) t.dispose();
    expect(engine.memory.live).toBe(live);
    expect(engine.memory.capacity - capacity).toBeLessThan(GROWTH + 2 * result);
  }
}

const ones = (axes: number): number[] => new Array<number>(axes).fill(1);

interface ConvCase {
  x: readonly number[];
  w: readonly number[];
  stride?: number[];
  dilation?: number[];
  padding?: "same" | "half" | readonly (readonly [number, number])[];
  paddingMode?: "zeros" | "replicate";
  groups?: number;
}

const CONVS: Record<string, ConvCase> = {
  "dilation 2^28 on four pixels": { x: [1, 4, 2], w: [3, 2, 3], dilation: [2 ** 28], padding: "same" },
  "dilation 2^28 along one axis of two": {
    ...{ x: [2, 3, 4, 2], w: [3, 3, 2, 3], dilation: [2 ** 28, 1], padding: "same" },
  },
  "dilation 2^20 on depth": {
    x: [1, 2, 3, 3, 2],
    w: [3, 1, 2, 2, 2],
    dilation: [2 ** 20, 1, 1],
    padding: "half",
  },
  "stride 500 and padding 1000 on three pixels": {
    ...{ x: [1, 3, 2], w: [2, 2, 3], stride: [500], padding: [[1000, 1000]] },
  },
  "stride 2^30 over padding of 2^30": {
    x: [1, 3, 2],
    w: [2, 2, 3],
    stride: [2 ** 30 - 9],
    padding: [[2 ** 30 - 9, 2]],
  },
  "padding 2^20 round an image, in strides": {
    ...{
      x: [1, 3, 3, 2],
      w: [2, 2, 2, 3],
      stride: [2 ** 19, 2 ** 19],
      padding: [
        [2 ** 20, 2 ** 20],
        [2 ** 20, 2 ** 20],
      ],
    },
  },
  "the same in groups": {
    ...{ x: [1, 3, 3, 4], w: [2, 2, 2, 4], stride: [2 ** 19, 2 ** 19], groups: 2 },
    padding: [
      [2 ** 20, 2 ** 20],
      [2 ** 20, 2 ** 20],
    ],
  },
  "the same depthwise": {
    ...{ x: [1, 3, 3, 5], w: [2, 2, 1, 5], stride: [2 ** 19, 2 ** 19], groups: 5 },
    padding: [
      [2 ** 20, 2 ** 20],
      [2 ** 20, 2 ** 20],
    ],
  },
  "one channel, dilation 2^28": {
    x: [1, 3, 5, 1],
    w: [3, 3, 1, 1],
    dilation: [2 ** 28, 2 ** 20],
    padding: "same",
  },
  "depthwise, dilation 2^28": {
    x: [1, 3, 5, 6],
    w: [3, 3, 1, 6],
    dilation: [2 ** 28, 2 ** 20],
    padding: "same",
    groups: 6,
  },
  "the edge repeated 2^20 times": {
    ...{
      x: [2, 3, 4, 2],
      w: [3, 3, 2, 3],
      dilation: [2 ** 20, 2],
      padding: "same",
      paddingMode: "replicate",
    },
  },
  "the edge repeated, depthwise": {
    ...{
      x: [2, 3, 4, 5],
      w: [3, 3, 1, 5],
      dilation: [2 ** 20, 2],
      padding: "same",
      paddingMode: "replicate",
    },
    groups: 5,
  },
  "the edge repeated, one channel": {
    ...{
      x: [2, 3, 4, 1],
      w: [3, 3, 1, 1],
      dilation: [1, 2 ** 20],
      padding: "same",
      paddingMode: "replicate",
    },
  },
};

describe.each([0, 1])("windows far beyond the image, engine %i", (which) => {
  const engine = engines[which];

  it.each(Object.entries(CONVS))(
    "conv: %s",
    (_, { x, w, stride, dilation, padding = "same", paddingMode = "zeros", groups = 1 }) => {
      const axes = x.length - 2;
      const p = {
        stride: stride ?? ones(axes),
        dilation: dilation ?? ones(axes),
        padding,
        paddingMode,
        groups,
      };
      const inputs = [plain(x), plain(w, 2), plain([w[axes + 1]], 3)];
      const conv = (["conv1d", "conv2d", "conv3d"] as const)[axes - 1];
      const y = run(engine, inputs, (a, b, bias) => engine[conv](a, b, { ...p, bias }));
      const [expected] = oracle.conv(inputs, p);
      expect(y.shape).toEqual(expected.shape);
      expectWithin(y.data, expected.data, oracle.productBound(oracle.conv, inputs, p));
    },
  );

  it("convTranspose: stride 1000 on one pixel, in phases that mostly hold the bias", () => {
    const inputs = [plain([1, 1, 1, 3]), plain([3, 2, 3, 4], 2), plain([4], 3)];
    const base = { dilation: [1, 1], outputPadding: [5, 0], groups: 1 } as const;
    for (const bias of [inputs[2], undefined])
      for (const activation of [undefined, "relu", "sigmoid"] as const) {
        const p = { ...base, stride: [1000, 1000], padding: "same" as const };
        const all = bias ? inputs : inputs.slice(0, 2);
        const y = run(engine, all, (x, w, b) =>
          engine.convTranspose2d(x, w, { ...p, activation, ...(b && { bias: b }) }),
        );
        const [expected] = oracle.convTranspose(all, {
          ...p,
          activation: activation && { kind: activation },
        });
        expect(y.shape).toEqual([1, 1005, 1000, 4]);
        expectWithin(y.data, expected.data, 1e-6);
      }
  });

  it("convTranspose: dilation and padding that leave few pixels", () => {
    const far = 2 ** 20;
    const inputs = [plain([2, 4, 3]), plain([3, 3, 2], 2)];
    for (const p of [
      { stride: [1], dilation: [far], padding: [[far, far - 1]] as const },
      { stride: [3], dilation: [far], padding: [[far - 2, far]] as const },
      { stride: [far], dilation: [1], padding: [[far - 1, 2 * far]] as const },
      { stride: [far], dilation: [far + 1], padding: [[2 * far, 3 * far - 1]] as const },
    ]) {
      const full = { ...p, outputPadding: [0], groups: 1 };
      const y = run(engine, inputs, (x, w) => engine.convTranspose1d(x, w, full));
      const [expected] = oracle.convTranspose(inputs, full);
      expect(y.shape).toEqual(expected.shape);
      expectWithin(y.data, expected.data, 1e-5);
    }
  });

  it("convTranspose: windows much larger than the input, at the price of their products", () => {
    for (const [x, w, p] of [
      [[2, 3, 2], [3000, 2, 3], { stride: [1], padding: "valid" }],
      [[2, 2, 3, 3], [60, 50, 3, 2], { stride: [1, 2], padding: "same" }],
      [
        [1, 4, 3, 4],
        [90, 40, 4, 3],
        {
          stride: [2, 1],
          padding: [
            [7, 9],
            [3, 0],
          ],
        },
      ],
      [[2, 3, 4], [3000, 2, 6], { stride: [2], padding: [[1, 0]] }],
      [[2, 2, 3, 6], [60, 50, 2, 3], { stride: [1, 2], padding: "same" }],
    ] as const) {
      const inputs = [plain(x), plain(w, 2), plain([w.at(-1)!], 3)];
      const axes = x.length - 2;
      const groups = x.at(-1)! / w.at(-2)!;
      const full = { ...p, dilation: ones(axes), outputPadding: ones(axes).map(() => 0), groups };
      const convTranspose = (["convTranspose1d", "convTranspose2d"] as const)[axes - 1];
      const y = run(engine, inputs, (a, b, bias) =>
        engine[convTranspose](a, b, { ...full, bias, activation: "relu" }),
      );
      const [expected] = oracle.convTranspose(inputs, { ...full, activation: { kind: "relu" } });
      expect(y.shape).toEqual(expected.shape);
      expectWithin(y.data, expected.data, 1e-5);
    }
    const x = engine.tensor(plain([1, 6, 4]).data, [1, 6, 4]);
    const w = engine.tensor(plain([65536, 4, 3]).data, [65536, 4, 3]);
    const start = performance.now();
    engine.convTranspose1d(x, w).dispose();
    expect(performance.now() - start).toBeLessThan(1000);
    x.dispose();
    w.dispose();
  });

  it("convTranspose: a padding for another number of axes", () => {
    for (const padding of [[2], [[1, 1]], [1, 1, 1]])
      expect(() =>
        run(engine, [plain([1, 4, 4, 2]), plain([3, 3, 2, 2])], (x, w) =>
          engine.convTranspose2d(x, w, { padding: padding as never }),
        ),
      ).toThrow("but must be");
  });

  it("maxPool and avgPool: strides and padding of 2^20, kernels whose taps pass 2^31", () => {
    const x = plain([1, 2, 1000, 1]);
    const max = {
      size: [2, 2],
      dilation: [2 ** 20, 1],
      stride: [1, 1000],
      padding: [
        [2 ** 20 - 1, 2 ** 20],
        [0, 0],
      ],
    } as const;
    const small = {
      ...max,
      dilation: [500, 1],
      padding: [
        [499, 500],
        [0, 0],
      ],
    } as const;
    // The oracle for windows it can walk; the same numbers further apart give as many rows as there are paddings.
    const [expected] = oracle.maxPool([x], { ...small, kernel: [2, 2], ceilMode: false });
    expect(
      Array.from(run(engine, [x], (t) => engine.maxPool2d(t, { ...small, ceilMode: false })).data),
    ).toEqual(Array.from(expected.data));
    const wide = run(engine, [plain([1, 2, 3, 1])], (t) =>
      engine.maxPool2d(t, { size: 2, dilation: 2 ** 20, padding: 2 ** 19, stride: 2 ** 19 }),
    );
    expect(wide.shape).toEqual([1, 1, 1, 1]);
    expect(wide.data[0]).toBe(-Infinity);
    const size = 2 ** 17;
    const mean = run(engine, [plain([1, 2, 2, 1])], (t) =>
      engine.avgPool2d(t, { size, stride: size, padding: size - 2, countIncludePad: true }),
    );
    const sum = plain([1, 2, 2, 1]).data.reduce((a, b) => a + b, 0);
    expectWithin(mean.data, [sum / size ** 2, 0, 0, 0].slice(0, mean.data.length), 1e-17);
  });
});

describe("windows that do not fit 32 bits", () => {
  const [engine] = engines;
  const refuse = (
    shapes: readonly (readonly number[])[],
    kind: typeof ConvolithError,
    call: (...t: Tensor[]) => Tensor,
  ) =>
    expect(() =>
      run(
        engine,
        shapes.map((s) => plain(s)),
        call,
      ),
    ).toThrow(kind);

  it.each([MAX, MAX - 1, 2 ** 30])("are refused at %i, before memory is taken", (far) => {
    const x = [1, 4, 4, 2];
    const w = [3, 3, 2, 3];
    refuse([x, w], ShapeError, (a, b) => engine.conv2d(a, b, { dilation: far, padding: "same" }));
    refuse([x, w], ShapeError, (a, b) => engine.conv2d(a, b, { padding: far }));
    refuse([x, w], ShapeError, (a, b) => engine.convTranspose2d(a, b, { dilation: far }));
    refuse([x, w], ShapeError, (a, b) => engine.convTranspose2d(a, b, { stride: far }));
    refuse([x, w], ShapeError, (a, b) =>
      engine.convTranspose2d(a, b, {
        padding: [
          [0, far],
          [far, 0],
        ],
        stride: far,
      }),
    );
    refuse([x], ShapeError, (a) => engine.maxPool2d(a, { size: far, padding: "half" }));
    refuse([x], ShapeError, (a) => engine.avgPool2d(a, { size: far, padding: "same", stride: far }));
    refuse([x], ShapeError, (a) => engine.im2col(a, { kernel: far, padding: "same" }));
    refuse([x], ShapeError, (a) =>
      engine.pad(a, {
        padding: [
          [far, 0],
          [0, far],
        ],
      }),
    );
    refuse([x], ConvolithError, (a) => engine.upsample(a, { factor: far }));
  });

  it("nor results of 2^31 bytes, whatever they are made of", () => {
    refuse(
      [
        [2 ** 16, 1],
        [1, 2 ** 16],
      ],
      ShapeError,
      (a, b) => engine.add(a, b),
    );
    refuse([[1, 2, 2, 1]], ShapeError, (a) => engine.resize(a, { size: [2 ** 15, 2 ** 15] }));
    refuse([[1, 2, 2, 1]], ShapeError, (a) =>
      engine.pad(a, {
        padding: [
          [2 ** 15, 0],
          [2 ** 15, 0],
        ],
      }),
    );
    refuse(
      [
        [1, 2, 2, 1],
        [1, 1, 1, 1],
      ],
      ShapeError,
      (a, b) => engine.conv2d(a, b, { padding: 2 ** 14 }),
    );
  });

  it("nor what is beyond integers", () => {
    for (const value of [2 ** 31, 2 ** 32, 2 ** 53, 1e308, Infinity, Number.NaN, -1, 0.5, "2" as never]) {
      refuse(
        [
          [1, 4, 4, 2],
          [3, 3, 2, 3],
        ],
        ArgumentError,
        (a, b) => engine.conv2d(a, b, { dilation: value }),
      );
      refuse([[1, 4, 4, 2]], ArgumentError, (a) => engine.maxPool2d(a, { size: 2, stride: value }));
      refuse([[1, 4, 4, 2]], ArgumentError, (a) => engine.maxPool2d(a, { size: 2, padding: value }));
    }
    for (const padding of [
      "full",
      [1],
      [
        [1, 2, 3],
        [1, 1],
      ],
      {},
      [
        [1, "1"],
        [0, 0],
      ],
    ])
      refuse([[1, 4, 4, 2]], ArgumentError, (a) =>
        engine.im2col(a, { kernel: 2, padding: padding as never }),
      );
  });
});
