// What the newer layers refuse: options and shapes that cannot be, each with the layer, what came and what would be right.
import { describe, expect, it } from "vitest";
import { createEngine } from "../src/engine/create.ts";
import { ConvolithError } from "../src/errors.ts";
import * as layers from "../src/layers/index.ts";
import type { Layer } from "../src/layers/layer.ts";
import { input, model, sequential } from "../src/model/build-model.ts";
import { binary } from "./harness.ts";

const engine = await createEngine({ wasm: binary("simd") });
const compiled = (layer: () => Layer, shape = [5, 6, 4]) => engine.compile(sequential(shape, [layer()]));

describe("newer layers refuse", () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      "normalised axes that are not the last",
      () => compiled(() => layers.layerNorm({ axes: [1] })),
      /^layerNorm "layerNorm_1": axes are \[1\] but must be the last of input \[1,5,6,4\], without axis 0/,
    ],
    [
      "the batch among them",
      () => compiled(() => layers.rmsNorm({ axes: [0, 1, 2, 3] })),
      /without axis 0, the batch/,
    ],
    ["no axes", () => compiled(() => layers.layerNorm({ axes: [] })), /axes are \[\]/],
    ["an axis twice", () => compiled(() => layers.layerNorm({ axes: [-1, 3] })), /name axis 3 twice/],
    ["an axis there is not", () => compiled(() => layers.rmsNorm({ axes: [7] })), /axis is 7/],
    [
      "an epsilon below 0",
      () => layers.rmsNorm({ epsilon: -1 }),
      /epsilon is -1 but must be a number of at least 0/,
    ],
    ["a size of 0", () => layers.adaptiveAvgPool({ size: 0 }), /size is 0/],
    ["NaN for a size", () => layers.adaptiveMaxPool({ size: Number.NaN }), /size is NaN/],
    ["no size", () => layers.adaptiveMaxPool({} as never), /size is missing/],
    [
      "sizes of other axes",
      () => compiled(() => layers.adaptiveAvgPool({ size: [1, 2, 3] })),
      /size is \[1,2,3\]/,
    ],
    [
      "features instead of a map",
      () => compiled(() => layers.adaptiveAvgPool({ size: 2 }), [4]),
      /must have rank 3 to 5/,
    ],
    [
      "more bins than can be",
      () => compiled(() => layers.adaptiveAvgPool({ size: 2 ** 30 })),
      /pooling 6 pixels to 1073741824 takes 536870912 different bins/,
    ],
    [
      "causal padding of an image",
      () => compiled(() => layers.conv2d({ filters: 2, kernel: 3, padding: "causal" })),
      /^conv2d "conv2d_1": padding is "causal", which is for one spatial axis, but there are 2/,
    ],
    [
      "causal padding of what is no convolution",
      () => layers.maxPool1d({ size: 2, padding: "causal" as never }),
      /padding is "causal" but must be "valid"/,
    ],
    [
      "causal padding beyond what can be counted",
      () =>
        compiled(
          () => layers.conv1d({ filters: 1, kernel: 3, dilation: 2 ** 31 - 1, padding: "causal" }),
          [9, 1],
        ),
      /conv1d_1/,
    ],
    [
      "a flag that is none",
      () => layers.conv2d({ filters: 2, kernel: 1, weightStandardization: 1 as never }),
      /weightStandardization is 1 but must be true or false/,
    ],
    [
      "heads that do not divide the channels",
      () => compiled(() => layers.multiHeadAttention({ heads: 3 })),
      /heads is 3, which does not divide the 4 channels of the query; give keyDim/,
    ],
    [
      "features without pixels",
      () => compiled(() => layers.multiHeadAttention({ heads: 2 }), [4]),
      /input has shape \[1,4\] but must be \[n, ..., c\], with pixels/,
    ],
    [
      "weights that are too large",
      () => compiled(() => layers.multiHeadAttention({ heads: 2 ** 30, keyDim: 8 })),
      /would take/,
    ],
    [
      "a dropout above 1",
      () => layers.multiHeadAttention({ heads: 2, dropout: 2 }),
      /dropout is 2 but must be from 0 to 1/,
    ],
    ["a ratio of 0", () => layers.squeezeExcite({ ratio: 0 }), /ratio is 0/],
    ["an unknown gate", () => layers.squeezeExcite({ gate: "sigmoidd" as never }), /gate is "sigmoidd"/],
    ["no rate", () => layers.spatialDropout({} as never), /rate is missing/],
    ["a rate below 0", () => layers.dropPath({ rate: -0.1 }), /rate is -0.1 but must be from 0 to 1/],
    ["a rate that is no number", () => layers.dropPath({ rate: "0.5" as never }), /rate is "0.5"/],
    [
      "a window that does not fit",
      () => compiled(() => layers.locallyConnected2d({ filters: 1, kernel: 9 })),
      /locallyConnected2d_1/,
    ],
    [
      "one filter for every pixel of too large a map",
      () => compiled(() => layers.locallyConnected2d({ filters: 1024, kernel: 9 }), [1024, 1024, 16]),
      /would take/,
    ],
    [
      "an option of another layer",
      () => layers.locallyConnected2d({ filters: 1, kernel: 1, groups: 2 } as never),
      /no option "groups"/,
    ],
  ])("%s", (_, f, message) => {
    const before = engine.memory.live;
    expect(f).toThrow(ConvolithError);
    expect(f).toThrow(message);
    expect(engine.memory.live).toBe(before);
  });

  it("key and value that differ in pixels, and a count of inputs", () => {
    const [q, k, v] = [input([5, 4]), input([6, 4]), input([7, 4])];
    const attention = layers.multiHeadAttention({ heads: 2, name: "a" });
    expect(() => engine.compile(model({ inputs: [q, k, v], outputs: attention(q, k, v) }))).toThrow(
      'multiHeadAttention "a": key has shape [1,6,4] and value [1,7,4], but they must differ in their channels alone',
    );
    expect(() => attention(q, k, v, q)).toThrow('multiHeadAttention "a": takes 1 to 3 inputs but got 4');
  });

  it("weights of eager ops that do not fit", () => {
    const x = engine.tensor(new Float32Array(24), [2, 3, 4]);
    const w = engine.tensor(new Float32Array(3), [3]);
    expect(() => engine.rmsNorm(x, { gamma: w })).toThrow(
      "rmsNorm: gamma has shape [3] but must have that of the normalised axes, [4]",
    );
    expect(() => engine.layerNorm(x, { gamma: w, beta: w })).toThrow("layerNorm: gamma has shape [3]");
    expect(() => engine.layerNorm(x, { gamma: w } as never)).toThrow("beta");
    expect(() => engine.squeezeExcite(x, { reduce: w, reduceBias: w, expand: w, expandBias: w })).toThrow(
      ConvolithError,
    );
    const all = {
      query: w,
      queryBias: w,
      key: w,
      keyBias: w,
      value: w,
      valueBias: w,
      output: w,
      outputBias: w,
    };
    expect(() => engine.multiHeadAttention(x, { heads: 2, ...all })).toThrow(ConvolithError);
    expect(() => engine.multiHeadAttention([], { heads: 2, ...all })).toThrow(ConvolithError);
    x.dispose();
    w.dispose();
  });

  it("no biases where eager ops are given none: they add none", () => {
    const x = engine.tensor(
      Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)),
      [2, 3, 4],
    );
    const w = engine.tensor(
      Float32Array.from({ length: 16 }, (_, i) => Math.cos(i)),
      [4, 4],
    );
    const zeros = engine.tensor(new Float32Array(4), [4]);
    const weights = { query: w, key: w, value: w, output: w };
    const biases = { queryBias: zeros, keyBias: zeros, valueBias: zeros, outputBias: zeros };
    const [a, b] = [weights, { ...weights, ...biases }].map((given) =>
      engine.multiHeadAttention(x, { heads: 2, ...given }),
    );
    expect(a.data()).toEqual(b.data());
    const [c, d] = [{}, { reduceBias: zeros, expandBias: zeros }].map((given) =>
      engine.squeezeExcite(x, { reduce: w, expand: w, ...given }),
    );
    expect(c.data()).toEqual(d.data());
    for (const tensor of [x, w, zeros, a, b, c, d]) tensor.dispose();
  });
});
