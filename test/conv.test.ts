import { describe, expect, it } from "vitest";
import { float32, sizeOf } from "../src/graph/op.ts";
import type { ActivationKind } from "../src/ops/activation.ts";
import { activation as activationOp } from "../src/ops/activation.ts";
import { conv } from "../src/ops/conv.ts";
import { convTranspose } from "../src/ops/conv-transpose.ts";
import type { Padding, PaddingMode } from "../src/ops/window.ts";
import { convAlgorithm } from "../src/runtime/plan.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

type Values = Plain & { data: Float32Array };
type Fill = (shape: readonly number[], seed: number) => Values;

/** Whole numbers from −8 to 8: every sum of fewer than 2^18 products is exact, in any order, fused or not. */
const whole: Fill = (shape, seed) => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => (scramble(i, seed) % 17) - 8),
});

/** Between −1 and 1. */
const noise: Fill = (shape, seed) => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => scramble(i, seed) / 2 ** 31 - 1),
});

/** 32 mixed bits of (i, seed). */
function scramble(i: number, seed: number): number {
  let h = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 13)) >>> 0;
}

/** A convolution; what is left out is the default of every layer. */
interface Conv {
  /** n, ...spatial */
  size: readonly number[];
  c: number;
  oc: number;
  kernel: readonly number[];
  stride?: readonly number[];
  dilation?: readonly number[];
  padding?: Padding;
  paddingMode?: PaddingMode;
  groups?: number;
  bias?: boolean;
  activation?: { kind: ActivationKind; alpha?: number };
}

type Transposed = Omit<Conv, "paddingMode"> & { outputPadding?: readonly number[] };

const inputsOf = ({ size, c, oc, kernel, groups = 1, bias = true }: Conv, fill: Fill): Values[] => [
  fill([...size, c], 1),
  fill([...kernel, c / groups, oc], 2),
  ...(bias ? [fill([oc], 3)] : []),
];

const typesOf = (c: Conv) =>
  inputsOf(c, (shape) => ({ shape, data: new Float32Array() })).map((v) => float32(v.shape));

const convParams = ({ kernel, ...o }: Conv) => ({
  stride: o.stride ?? kernel.map(() => 1),
  dilation: o.dilation ?? kernel.map(() => 1),
  padding: o.padding ?? "valid",
  paddingMode: o.paddingMode ?? "zeros",
  groups: o.groups ?? 1,
  activation: o.activation,
});

function transposedParams({ outputPadding, ...o }: Transposed) {
  const { paddingMode: _, ...params } = convParams(o);
  return { ...params, outputPadding: outputPadding ?? o.kernel.map(() => 0) };
}

/** Without Winograd, whose rounding has a test of its own: here whole numbers must come out exactly. */
const algorithmOf = ({ c, oc, kernel, stride, groups = 1 }: Conv) =>
  convAlgorithm({
    dilation: [1, 1, 1],
    out: [1, 1, 1],
    images: 1,
    winograd: false,
    inPerGroup: c / groups,
    outPerGroup: oc / groups,
    groups,
    kernel: [1, 1, ...kernel].slice(-3),
    stride: [1, 1, ...(stride ?? kernel.map(() => 1))].slice(-3),
  });

/** Numbers in a repeatable order. */
class Dice {
  #i = 0;
  constructor(readonly seed: number) {}
  from(least: number, most: number): number {
    return least + (scramble(this.#i++, this.seed) % (most - least + 1));
  }
  of<T>(list: readonly T[]): T {
    return list[this.from(0, list.length - 1)];
  }
}

const CHANNELS = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 33];

/** Windows over one to three axes: every kind of stride, dilation and padding. */
const WINDOWS: Pick<Conv, "size" | "kernel" | "stride" | "dilation" | "padding">[] = [
  { size: [1, 1], kernel: [1] },
  { size: [3, 9], kernel: [3], padding: "same" },
  { size: [2, 10], kernel: [4], padding: "same", stride: [3] },
  { size: [2, 13], kernel: [3], dilation: [4], padding: "half" },
  { size: [1, 4], kernel: [9], padding: [[3, 3]] },
  { size: [1, 5], kernel: [2], stride: [4], padding: [[0, 2]] },
  { size: [2, 7, 6], kernel: [3, 3] },
  { size: [2, 7, 6], kernel: [3, 3], padding: "same" },
  { size: [1, 8, 7], kernel: [2, 4], padding: "same" },
  { size: [2, 9, 8], kernel: [3, 3], padding: "same", stride: [2, 2] },
  { size: [1, 9, 8], kernel: [5, 3], padding: "half", stride: [2, 1] },
  { size: [1, 8, 9], kernel: [3, 3], padding: 1, stride: [1, 3] },
  { size: [1, 8, 9], kernel: [3, 2], padding: [2, 0], dilation: [2, 3] },
  {
    size: [2, 6, 5],
    kernel: [3, 3],
    padding: [
      [2, 0],
      [0, 3],
    ],
  },
  { size: [2, 11, 10], kernel: [2, 2], stride: [4, 3] },
  {
    size: [1, 3, 2],
    kernel: [5, 4],
    padding: [
      [2, 1],
      [1, 1],
    ],
  },
  { size: [1, 6, 6], kernel: [6, 6] },
  {
    size: [1, 12, 12],
    kernel: [3, 3],
    dilation: [3, 4],
    stride: [2, 3],
    padding: [
      [0, 1],
      [2, 0],
    ],
  },
  { size: [2, 3, 4, 5], kernel: [2, 3, 2] },
  { size: [1, 4, 5, 6], kernel: [3, 3, 3], padding: "same", stride: [2, 1, 2] },
  {
    size: [1, 5, 4, 7],
    kernel: [2, 1, 3],
    dilation: [2, 1, 2],
    padding: [
      [1, 0],
      [0, 0],
      [1, 2],
    ],
  },
];

/** One of each way to convolve. */
const WAYS = [
  { name: "gemm", c: 5, oc: 11, groups: 1 },
  { name: "gemm", c: 6, oc: 8, groups: 2 },
  { name: "depthwise", c: 7, oc: 7, groups: 7 },
  { name: "depthwise", c: 3, oc: 6, groups: 3 },
  { name: "direct", c: 1, oc: 1, groups: 1 },
  { name: "direct", c: 3, oc: 3, groups: 3 },
] as const;

const show = (o: object): string =>
  Object.entries(o)
    .map(([key, value]) => `${key} ${JSON.stringify(value)}`)
    .join(", ");

/** A window that lies in the border alone has no mirror image to read. */
const reflects = (w: (typeof WINDOWS)[number]): boolean => {
  try {
    conv.infer(
      typesOf({ ...w, c: 1, oc: 1 }),
      convParams({ ...w, c: 1, oc: 1, paddingMode: "reflect" }),
      "conv",
    );
    return true;
  } catch {
    return false;
  }
};

const PATHOLOGICAL: Conv[] = [
  // Windows that see only border.
  { size: [1, 3], c: 4, oc: 4, groups: 4, kernel: [2], padding: [[5, 4]] },
  { size: [1, 3], c: 2, oc: 2, groups: 2, kernel: [2], padding: [[5, 4]] },
  {
    size: [2, 2, 3],
    c: 5,
    oc: 3,
    kernel: [2, 2],
    padding: [
      [4, 0],
      [0, 6],
    ],
  },
  {
    size: [1, 2, 2],
    c: 5,
    oc: 5,
    groups: 5,
    kernel: [2, 3],
    padding: [
      [4, 4],
      [5, 5],
    ],
    dilation: [2, 1],
  },
  // Strides past the input.
  { size: [1, 4, 4], c: 3, oc: 3, kernel: [1, 1], stride: [9, 9] },
  { size: [1, 4, 4], c: 5, oc: 5, groups: 5, kernel: [3, 3], stride: [7, 8], padding: "same" },
];

for (const { name, engine } of builds({ deterministic: true })) {
  const exact = async (c: Conv): Promise<void> => {
    const inputs = inputsOf(c, whole);
    const params = convParams(c);
    const [y] = await evaluate(engine, conv, inputs, params);
    const [want] = oracle.conv(inputs, params);
    expect(y.shape).toEqual(want.shape);
    expectEqual(y.data, want.data);
  };

  describe(`conv (${name})`, () => {
    it("channels round the width of a panel", async () => {
      for (const c of CHANNELS)
        for (const oc of CHANNELS) await exact({ size: [1, 9], kernel: [3], c, oc, bias: oc % 2 === 0 });
    });

    it("pixels round the height of a tile and of a cell", async () => {
      const cells = [186, 191, 192, 193, 198, 199, 287, 288, 289, 290, 294, 383, 384, 385, 577];
      for (const width of [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 17, 18, 19, ...cells])
        for (const oc of [3, 6, 9]) {
          await exact({ size: [1, width], kernel: [1], c: 3, oc });
          await exact({ size: [2, width, 1], kernel: [1, 1], c: 4, oc: 2 * oc, groups: 2 });
        }
    });

    it("sums round the length of a block", async () => {
      for (const oc of [1, 3, 4, 5, 8, 9, 17])
        for (const width of [1, 7, 8]) {
          for (const c of [767, 768, 769, 1535, 1536, 1537, 2305])
            await exact({ size: [1, width], kernel: [1], c, oc, activation: { kind: "relu6" } });
          // Runs that a block boundary cuts: 3 of 257 apart from each other, 9 of 171 in three lines.
          await exact({ size: [1, width + 4], kernel: [3], dilation: [2], c: 257, oc });
          await exact({ size: [1, 3, width + 2], kernel: [3, 3], c: 171, oc });
          await exact({ size: [1, width], kernel: [1], c: 2 * 801, oc: 2 * oc, groups: 2 });
        }
    });

    it("groups of every size", async () => {
      for (const groups of [2, 3, 5])
        for (const c of [1, 2, 3, 4, 8, 9])
          for (const oc of [1, 2, 3, 4, 8, 9])
            await exact({
              size: [2, 4, 5],
              kernel: [3, 2],
              padding: "same",
              c: c * groups,
              oc: oc * groups,
              groups,
            });
    });

    it("depthwise: every number of channels and multiplier", async () => {
      for (const c of [2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 33])
        for (const multiplier of [1, 2, 3])
          for (const stride of [1, 2])
            for (const width of [3, 8, 13]) {
              const layer: Conv = {
                size: [2, 4, width],
                c,
                oc: c * multiplier,
                groups: c,
                kernel: [3, 3],
                stride: [1, stride],
              };
              if (multiplier > 1 || c > 3 || stride > 1) expect(algorithmOf(layer)).toBe("depthwise");
              await exact({ ...layer, bias: width > 3 });
              await exact({
                ...layer,
                padding: [
                  [1, 1],
                  [1, 2],
                ],
              });
            }
    });

    it("depthwise: every width for kernels, strides and dilations", async () => {
      for (const kernel of [1, 2, 3, 4, 5, 7])
        for (const stride of [1, 2, 3])
          for (const dilation of [1, 2])
            for (let width = 1; width <= 19; width += width < 7 ? 1 : 3)
              for (const c of [4, 9]) {
                const layer: Conv = {
                  size: [1, 3, width],
                  c,
                  oc: c,
                  groups: c,
                  kernel: [2, kernel],
                  stride: [1, stride],
                  dilation: [1, dilation],
                };
                await exact({
                  ...layer,
                  padding: [
                    [1, 0],
                    [kernel, kernel - 1],
                  ],
                });
                if (width > dilation * (kernel - 1)) await exact(layer);
              }
    });

    it("direct: one to three channels at every width", async () => {
      for (const c of [1, 2, 3])
        for (let width = 1; width <= 51; width++) {
          const layer: Conv = {
            size: [2, 5, width + 2],
            c,
            oc: c,
            groups: c,
            kernel: [3, 3],
            stride: [2, 1],
            bias: width % 3 > 0,
          };
          expect(algorithmOf(layer)).toBe("direct");
          await exact(layer);
          await exact({
            ...layer,
            kernel: [2, 5],
            padding: [
              [0, 1],
              [3, 3],
            ],
            dilation: [3, 2],
            stride: [1, 1],
          });
        }
    });

    for (const w of WINDOWS)
      it(`window ${show(w)}`, async () => {
        for (const { name, ...way } of WAYS)
          for (const paddingMode of reflects(w)
            ? (["zeros", "reflect", "replicate"] as const)
            : (["zeros", "replicate"] as const))
            for (const bias of [true, false]) {
              // Direct goes along the row pixel by pixel: other strides are depthwise or, with one channel, a product.
              if (name !== "direct" || (w.stride?.at(-1) ?? 1) === 1)
                expect(algorithmOf({ ...w, ...way })).toBe(name);
              await exact({ ...w, ...way, paddingMode, bias });
            }
      });

    it("windows in the border, strides past the input", async () => {
      for (const c of PATHOLOGICAL)
        for (const bias of [true, false])
          for (const paddingMode of ["zeros", "replicate"] as const) await exact({ ...c, bias, paddingMode });
    });

    it("batches that are padded in several chunks", async () => {
      // A chunk holds half a MiB of padded images: 4 and a rest, 1, all, exactly 2.
      await exact({
        size: [11, 30, 31],
        c: 30,
        oc: 2,
        kernel: [2, 2],
        padding: [
          [1, 1],
          [1, 0],
        ],
      });
      await exact({
        size: [3, 199, 221],
        c: 3,
        oc: 1,
        kernel: [2, 1],
        padding: [
          [1, 0],
          [0, 0],
        ],
      });
      await exact({ size: [9, 30, 30], c: 3, oc: 3, groups: 3, kernel: [3, 3], padding: "same" });
      await exact({ size: [5, 254, 128], c: 2, oc: 2, groups: 2, kernel: [3, 1], padding: "same" });
      await exact({
        size: [6, 40, 41],
        c: 25,
        oc: 25,
        groups: 25,
        kernel: [3, 3],
        padding: "same",
        paddingMode: "reflect",
      });
    });

    it("clamps sums and not their parts", async () => {
      for (const kind of ["relu", "relu6", "linear"] as const)
        for (const way of WAYS)
          await exact({ ...way, size: [2, 5, 6], kernel: [3, 3], padding: "same", activation: { kind } });
    });

    it("an activation in the layer is the same as one after it", async () => {
      const kinds: ActivationKind[] = [
        "leakyRelu",
        "elu",
        "selu",
        "gelu",
        "geluTanh",
        "sigmoid",
        "tanh",
        "softplus",
        "silu",
        "mish",
        "hardSwish",
        "hardSigmoid",
        "hardSigmoidKeras",
        "exp",
        "softsign",
        "abs",
        "neg",
        "sqrt",
        "linear",
        "relu",
        "relu6",
      ];
      for (const kind of kinds)
        for (const way of WAYS) {
          const layer = { ...way, size: [1, 5, 6], kernel: [3, 3] };
          const inputs = inputsOf(layer, noise);
          const [y] = await evaluate(engine, conv, inputs, convParams({ ...layer, activation: { kind } }));
          const [plain] = await evaluate(engine, conv, inputs, convParams(layer));
          const [want] = await evaluate(engine, activationOp, [plain], { kind });
          expectEqual(y.data, want.data);
        }
    });

    it("lets NaN and infinities through", async () => {
      for (const way of WAYS) {
        const layer: Conv = { ...way, size: [1, 9, 9], kernel: [2, 2], activation: { kind: "relu" } };
        const inputs = inputsOf(layer, whole);
        const x = inputs[0].data;
        for (let i = 0; i < x.length; i += 19) x[i] = [Number.NaN, Infinity, -Infinity][(i / 19) % 3];
        const [y] = await evaluate(engine, conv, inputs, convParams(layer));
        const [want] = oracle.conv(inputs, convParams(layer));
        expect([Number.NaN, Infinity, 0].map((v) => want.data.includes(v))).toEqual([true, true, true]);
        expectEqual(y.data, want.data);
      }
    });

    it("a random sweep", async () => {
      const dice = new Dice(7);
      let done = 0;
      for (let attempt = 0; attempt < 2000 && done < 300; attempt++) {
        const axes = dice.from(1, 3);
        const list = (least: number, most: number) =>
          Array.from({ length: axes }, () => dice.from(least, most));
        const groups = dice.of([1, 1, 2, 3, 4, 7]);
        const kernel = list(1, axes > 1 ? 4 : 7);
        const c: Conv = {
          size: [dice.from(1, 3), ...list(1, [0, 40, 12, 6][axes])],
          c: groups * dice.of([1, 1, 2, 3, 4, 6, 9]),
          oc: groups * dice.of([1, 1, 2, 3, 5, 8, 10]),
          kernel,
          stride: dice.of([list(1, 1), list(1, 3)]),
          dilation: dice.of([list(1, 1), list(1, 3)]),
          padding: dice.of<Padding>([
            "valid",
            "same",
            "half",
            1,
            list(0, 3),
            list(0, 3).map((p) => [p, dice.from(0, 3)] as const),
          ]),
          paddingMode: dice.of(["zeros", "zeros", "reflect", "replicate"] as const),
          groups,
          bias: dice.from(0, 2) > 0,
          activation: dice.of([undefined, undefined, { kind: "relu" as const }, { kind: "relu6" as const }]),
        };
        try {
          conv.infer(typesOf(c), convParams(c), "conv");
        } catch {
          continue; // does not fit
        }
        await exact(c).catch((error) => {
          throw new Error(`${show(c)}: ${(error as Error).message}`);
        });
        done++;
      }
      expect(done).toBe(300);
    });

    it("numbers that are not whole, within the rounding of a sum", async () => {
      const cases: Conv[] = [
        { size: [2, 14, 15], c: 19, oc: 21, kernel: [3, 3], padding: "same" },
        { size: [1, 9, 9], c: 130, oc: 10, kernel: [3, 3], padding: "same" },
        { size: [1, 40], c: 1537, oc: 9, kernel: [1] },
        {
          size: [1, 30, 30],
          c: 3,
          oc: 16,
          kernel: [7, 7],
          stride: [2, 2],
          padding: 3,
          activation: { kind: "relu" },
        },
        { size: [1, 10, 10], c: 24, oc: 36, kernel: [3, 3], groups: 4, padding: "half", dilation: [2, 2] },
        { size: [2, 13, 17], c: 21, oc: 21, kernel: [5, 5], groups: 21, padding: "same" },
        {
          size: [1, 16, 29],
          c: 3,
          oc: 3,
          kernel: [9, 9],
          groups: 3,
          padding: "same",
          paddingMode: "reflect",
        },
        { size: [1, 6, 7, 8], c: 5, oc: 7, kernel: [3, 3, 3], padding: "same" },
      ];
      for (const c of cases) {
        const inputs = inputsOf(c, noise);
        const params = convParams(c);
        const [y] = await evaluate(engine, conv, inputs, params);
        expectWithin(
          y.data,
          oracle.conv(inputs, params)[0].data,
          oracle.productBound(oracle.conv, inputs, params),
        );
      }
    });
  });

  const exactTransposed = async (c: Transposed): Promise<void> => {
    const inputs = inputsOf(c, whole);
    const params = transposedParams(c);
    const [y] = await evaluate(engine, convTranspose, inputs, params);
    const [want] = oracle.convTranspose(inputs, params);
    expect(y.shape).toEqual(want.shape);
    expectEqual(y.data, want.data);
  };

  describe(`transposed conv (${name})`, () => {
    it("channels, groups and long sums", async () => {
      for (const c of [1, 3, 4, 8, 9, 17])
        for (const oc of CHANNELS)
          await exactTransposed({ size: [1, 6], kernel: [3], stride: [2], c, oc, bias: oc % 2 > 0 });
      for (const groups of [2, 3, 4])
        for (const c of [1, 3, 8])
          for (const oc of [1, 2, 9])
            await exactTransposed({
              size: [2, 3, 4],
              kernel: [3, 3],
              stride: [2, 1],
              c: c * groups,
              oc: oc * groups,
              groups,
            });
      for (const c of [767, 768, 769, 1537]) {
        await exactTransposed({ size: [1, 7], kernel: [1], c, oc: 9 });
        await exactTransposed({ size: [1, 2, 3], kernel: [2, 2], c, oc: 3, activation: { kind: "relu6" } });
      }
    });

    for (const w of WINDOWS)
      it(`window ${show(w)}`, async () => {
        for (const { name: _, ...channels } of WAYS)
          for (const bias of [true, false])
            for (const most of [0, 1]) {
              const outputPadding = w.kernel.map(
                (_, i) => most * (Math.max(w.stride?.[i] ?? 1, w.dilation?.[i] ?? 1) - 1),
              );
              await exactTransposed({ ...w, ...channels, bias, outputPadding });
            }
      });

    it("phases no tap reaches hold the bias alone", async () => {
      for (const bias of [true, false])
        for (const [kernel, stride, dilation] of [
          [1, 2, 1],
          [1, 5, 1],
          [2, 3, 1],
          [2, 4, 2],
          [3, 6, 3],
          [2, 2, 2],
        ]) {
          const line = {
            size: [2, 5],
            c: 3,
            oc: 9,
            kernel: [kernel],
            stride: [stride],
            dilation: [dilation],
            bias,
          };
          await exactTransposed(line);
          await exactTransposed({
            ...line,
            padding: "same",
            outputPadding: [stride - 1],
            activation: { kind: "relu" },
          });
          await exactTransposed({
            ...line,
            size: [1, 3, 4],
            kernel: [kernel, 2],
            stride: [stride, 3],
            dilation: [dilation, 1],
            outputPadding: [1, 2],
          });
        }
    });

    it("fewer pixels than phases", async () => {
      for (const padding of [0, 1, 2, 3])
        for (const kernel of [7, 8])
          await exactTransposed({ size: [1, 1], c: 4, oc: 5, kernel: [kernel], stride: [6], padding });
    });

    it("batches that are padded in several chunks", async () => {
      await exactTransposed({ size: [11, 29, 30], c: 31, oc: 2, kernel: [2, 2], stride: [1, 1] });
      await exactTransposed({ size: [3, 130, 129], c: 9, oc: 1, kernel: [3, 3], stride: [2, 2] });
    });

    it("a random sweep", async () => {
      const dice = new Dice(11);
      let done = 0;
      for (let attempt = 0; attempt < 2000 && done < 200; attempt++) {
        const axes = dice.from(1, 3);
        const list = (least: number, most: number) =>
          Array.from({ length: axes }, () => dice.from(least, most));
        const groups = dice.of([1, 1, 2, 3]);
        const c: Transposed = {
          size: [dice.from(1, 3), ...list(1, [0, 20, 7, 4][axes])],
          c: groups * dice.of([1, 2, 4, 9]),
          oc: groups * dice.of([1, 3, 8, 10]),
          kernel: list(1, axes > 1 ? 4 : 7),
          stride: dice.of([list(1, 1), list(1, 4)]),
          dilation: dice.of([list(1, 1), list(1, 3)]),
          padding: dice.of<Padding>([
            "valid",
            "same",
            "half",
            1,
            list(0, 3),
            list(0, 3).map((p) => [p, dice.from(0, 3)] as const),
          ]),
          outputPadding: dice.of([list(0, 0), list(0, 3)]),
          groups,
          bias: dice.from(0, 2) > 0,
          activation: dice.of([undefined, undefined, { kind: "relu" as const }, { kind: "relu6" as const }]),
        };
        try {
          convTranspose.infer(typesOf(c), transposedParams(c), "convTranspose");
        } catch {
          continue; // does not fit
        }
        await exactTransposed(c).catch((error) => {
          throw new Error(`${show(c)}: ${(error as Error).message}`);
        });
        done++;
      }
      expect(done).toBe(200);
    });

    it("is the adjoint of conv: <conv(x), y> = <x, convTranspose(y)>", async () => {
      const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
        Array.from(a).reduce((sum, v, i) => sum + v * b[i], 0);
      for (const w of WINDOWS)
        for (const { c, oc, groups } of WAYS) {
          const layer: Conv = { ...w, c, oc, groups, bias: false };
          if (w.padding === "same" && w.size.slice(1).some((d, i) => d % (w.stride?.[i] ?? 1) !== 0))
            continue;
          const [x, kernel] = inputsOf(layer, whole);
          const params = convParams(layer);
          const [convolved] = await evaluate(engine, conv, [x, kernel], params);
          const y = whole(convolved.shape, 5);
          // [taps, in / groups, out] to [taps, out / groups, in].
          const [ic, n] = [c / groups, oc / groups];
          const turned = new Float32Array(kernel.data.length);
          kernel.data.forEach((v, at) => {
            const [tap, i, o] = [Math.floor(at / (ic * oc)), Math.floor(at / oc) % ic, at % oc];
            turned[(tap * n + (o % n)) * c + Math.floor(o / n) * ic + i] = v;
          });
          const back = { shape: [...w.kernel, n, c], data: turned };
          const plain = { ...params, outputPadding: w.kernel.map(() => 0) };
          const [{ shape }] = convTranspose.infer(
            [float32(y.shape), float32(back.shape)],
            plain,
            "convTranspose",
          );
          // The pixels at the end of x that no window reached.
          const outputPadding = w.kernel.map((_, i) => x.shape[i + 1] - shape[i + 1]);
          const [spread] = await evaluate(engine, convTranspose, [y, back], { ...plain, outputPadding });
          expect(spread.shape).toEqual(x.shape);
          expect(dot(convolved.data, y.data)).toBe(dot(x.data, spread.data));
        }
    });

    it("numbers that are not whole, within the rounding of a sum", async () => {
      const cases: Transposed[] = [
        { size: [2, 8, 9], c: 19, oc: 21, kernel: [4, 4], stride: [2, 2], padding: 1 },
        { size: [1, 5, 6], c: 200, oc: 9, kernel: [3, 3], stride: [2, 2], padding: "same" },
        {
          size: [1, 9, 9],
          c: 12,
          oc: 18,
          kernel: [3, 3],
          groups: 3,
          dilation: [2, 2],
          activation: { kind: "relu" },
        },
      ];
      for (const c of cases) {
        const inputs = inputsOf(c, noise);
        const params = transposedParams(c);
        const [y] = await evaluate(engine, convTranspose, inputs, params);
        const bound = oracle.productBound(oracle.convTranspose, inputs, params);
        expectWithin(y.data, oracle.convTranspose(inputs, params)[0].data, bound);
      }
    });
  });
}

describe("conv counts", () => {
  it("multiply-adds, with the border as if it were input", () => {
    const c: Conv = { size: [2, 8, 8], c: 6, oc: 10, groups: 2, kernel: [3, 5], padding: "same" };
    const types = typesOf(c);
    expect(conv.multiplyAdds!(types, conv.infer(types, convParams(c), "conv"), convParams(c))).toBe(
      2 * 64 * 10 * 15 * 3,
    );
    const params = transposedParams(c);
    const out = convTranspose.infer(types, params, "convTranspose");
    expect(convTranspose.multiplyAdds!(types, out, params)).toBe(2 * 64 * 10 * 15 * 3);
  });
});

describe("conv refuses", () => {
  const x = { size: [1, 8, 8], c: 6, oc: 4, kernel: [3, 3] };
  const of = (c: Partial<Conv>, types = typesOf({ ...x, ...c })) =>
    conv.infer(types, convParams({ ...x, ...c }), 'conv2d "stem"');
  const float = (...shapes: number[][]) => shapes.map(float32);

  const REFUSED: [what: string, run: () => unknown, message: string][] = [
    [
      "channels",
      () => of({}, float([1, 8, 8, 3], [3, 3, 6, 4])),
      'conv2d "stem": input has 3 channels but the filter expects 6 (filter [3,3,6,4], groups 1)',
    ],
    [
      "groups that do not divide the channels",
      () => of({ groups: 4 }, float([1, 8, 8, 6], [3, 3, 2, 4])),
      "input has 6 channels but the filter expects 8",
    ],
    [
      "groups that do not divide the filters",
      () => of({ groups: 3 }, float([1, 8, 8, 6], [3, 3, 2, 4])),
      "4 filters cannot be divided into 3 groups",
    ],
    [
      "groups of 0",
      () => of({ groups: 0 }, float([1, 8, 8, 6], [3, 3, 2, 4])),
      "groups is 0 but must be an integer of at least 1",
    ],
    [
      "a bias of another length",
      () => of({}, float([1, 8, 8, 6], [3, 3, 6, 4], [6])),
      "bias has shape [6] but must have shape [4], one per filter",
    ],
    [
      "another rank",
      () => of({}, float([8, 8, 6], [3, 3, 6, 4])),
      "input has rank 3 (shape [8,8,6]) but the filter [3,3,6,4] expects rank 4 ([n, h, w, c])",
    ],
    [
      "a filter without axes",
      () => of({}, float([8, 6], [6, 4])),
      "the filter has rank 2 (shape [6,4]) but must have rank 3, 4 or 5",
    ],
    ["one input", () => of({}, float([1, 8, 8, 6])), "takes 2 to 3 inputs but got 1"],
    [
      "an empty input",
      () => of({}, float([1, 0, 8, 6], [3, 3, 6, 4])),
      "the kernel does not fit the height: floor((W − F + P) / S) + 1 = floor((0 − 3 + 0) / 1) + 1 is below 1",
    ],
    ["a kernel that does not fit", () => of({ size: [1, 2, 8] }), "the kernel does not fit the height"],
    [
      "the same with dilation and border",
      () =>
        of({
          dilation: [1, 5],
          padding: [
            [0, 0],
            [1, 1],
          ],
        }),
      "(input 8, kernel 11 (3 with dilation 5), padding 1 + 1); the width must be at least 9",
    ],
    ["a stride of 0", () => of({ stride: [1, 0] }), "stride[1] is 0 but must be an integer of at least 1"],
    ["a dilation of 1.5", () => of({ dilation: [1.5, 1] }), "dilation[0] is 1.5"],
    [
      "strides of another rank",
      () => of({ stride: [1, 1, 1] }),
      "stride is [1,1,1] but must be a number or a list of 2",
    ],
    [
      "a negative border",
      () => of({ padding: [-1, 0] }),
      "padding[0] is -1 but must be an integer of at least 0",
    ],
    ["padding of another rank", () => of({ padding: [1, 1, 1] }), "padding is [1,1,1] but must be"],
    [
      "a padding nobody knows",
      () => of({ padding: "full" as Padding }),
      'padding is "full" but must be "valid", "same", "half"',
    ],
    [
      "a padding mode nobody knows",
      () => of({ paddingMode: "wrap" as PaddingMode }),
      'paddingMode is "wrap" but must be "zeros", "reflect" or "replicate"',
    ],
    [
      "a mirror longer than the picture",
      () => of({ paddingMode: "reflect", padding: [8, 0] }),
      "reflect padding of 8 + 8 needs an input longer than each side, but it has 8",
    ],
    [
      "an output beyond 2 GiB",
      () => of({}, float([64, 1024, 1024, 1], [1, 1, 1, 64])),
      "output of shape [64,1024,1024,64] would take 17179869184 bytes",
    ],
    [
      "integers",
      () => of({}, [{ shape: [1, 8, 8, 6], dtype: "int32" }, float32([3, 3, 6, 4])]),
      "input is int32 but must be float32",
    ],
  ];
  for (const [what, run, message] of REFUSED) it(what, () => expect(run).toThrow(message));

  const back = (c: Partial<Transposed>) =>
    convTranspose.infer(typesOf({ ...x, ...c }), transposedParams({ ...x, ...c }), "up");
  const REFUSED_BACK: [what: string, run: () => unknown, message: string][] = [
    [
      "output padding of a whole stride",
      () => back({ stride: [2, 2], outputPadding: [0, 2] }),
      "up: outputPadding is 2 but must be below the larger of stride 2 and dilation 1",
    ],
    [
      "a border wider than the output",
      () => back({ size: [1, 1, 1], padding: 2 }),
      "the output would have (W − 1)·S − P + F = (1 − 1)·1 − 4 + 3 = -1 pixels",
    ],
    ["padding of another rank", () => back({ padding: [1, 1, 1] }), "padding is [1,1,1] but must be"],
    ["a padding nobody knows", () => back({ padding: "full" as Padding }), 'padding is "full"'],
  ];
  for (const [what, run, message] of REFUSED_BACK)
    it(`transposed: ${what}`, () => expect(run).toThrow(message));
});
