// PyTorch's weights by name: they mean here what they mean there, whatever is missing, left over or of another shape is said.
import { describe, expect, it } from "vitest";
import { ArgumentError, FormatError, UnsupportedError } from "../src/errors.ts";
import { writeSafetensors } from "../src/formats/safetensors.ts";
import { loadStateDict, type StateDict, type StateDictOptions } from "../src/formats/state-dict.ts";
import {
  batchNorm,
  concat,
  conv2d,
  convTranspose2d,
  dense,
  depthwiseConv2d,
  dropout,
  flatten,
  globalAvgPool,
  groupNorm,
  layerNorm,
  locallyConnected2d,
  prelu,
  relu,
  reshape,
  separableConv2d,
} from "../src/layers/index.ts";
import { input, model, sequential } from "../src/model/build-model.ts";
import type { Model } from "../src/model/schema.ts";
import { Network } from "../src/network/network.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import { binary } from "./harness.ts";
import { Random } from "./random.ts";
import { expectWithin } from "./tolerance.ts";
import * as torch from "./torch.ts";

const engine = load(binary("simd")).then((instance) => new Runtime(instance));

type Weights = Record<string, torch.Weight>;

/** Random weights of these shapes. */
function weightsOf(shapes: Record<string, number[]>): Weights {
  const random = new Random(1, 1);
  const made = Object.entries(shapes).map(([name, shape]) => {
    const data = Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      () => random.below(1000) / 500 - 1,
    );
    return [name, { shape, data: name.endsWith("running_var") ? data.map((v) => v + 2) : data }];
  });
  return Object.fromEntries(made);
}

const normShapes = (name: string, channels: number): Record<string, number[]> =>
  Object.fromEntries(
    ["weight", "bias", "running_mean", "running_var"].map((part) => [`${name}.${part}`, [channels]]),
  );

const norm = (x: torch.Tensor, w: Weights, name: string): torch.Tensor =>
  torch.batchNorm(
    x,
    w[`${name}.weight`],
    w[`${name}.bias`],
    w[`${name}.running_mean`],
    w[`${name}.running_var`],
  );

/** Compares what the net gives with the weights, for random images [c, h, w], with what PyTorch's layers give. */
async function agrees(
  description: Model,
  weights: Weights,
  shape: readonly number[],
  expected: (x: torch.Tensor) => torch.Tensor,
): Promise<void> {
  const random = new Random(2, 2);
  const data = Float64Array.from(
    { length: shape.reduce((a, b) => a * b, 1) },
    () => random.below(1000) / 500 - 1,
  );
  const y = expected({ shape, data });
  const file = writeSafetensors({ tensors: weights, metadata: { format: "pt" } });
  for (const source of [weights, file]) {
    using net = new Network(await engine, loadStateDict(description, source), { layout: "nchw" });
    const size = y.data.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    expectWithin(net.predict(Float32Array.from(data)) as Float32Array, y.data, 1e-5 * size);
  }
}

describe("a state dict", () => {
  it("of convolutions in groups, depthwise, transposed, with batch norm and PReLU means what it does in PyTorch", async () => {
    const w = weightsOf({
      ...{ "stem.0.weight": [6, 4, 3, 2], ...normShapes("stem.1", 6), "act.weight": [6] },
      ...{ "deep.weight": [12, 1, 3, 3], "deep.bias": [12], "many.weight": [8, 3, 2, 3], "many.bias": [8] },
      ...{ "up.weight": [8, 3, 2, 3], "up.bias": [6] },
    });
    const description = sequential(
      [7, 8, 4],
      [
        conv2d({ name: "stem.0", filters: 6, kernel: [3, 2], stride: 2, padding: 1, bias: false }),
        batchNorm({ name: "stem.1" }),
        prelu({ name: "act" }),
        depthwiseConv2d({ name: "deep", kernel: 3, padding: 1, multiplier: 2 }),
        conv2d({ name: "many", filters: 8, kernel: [2, 3], groups: 4 }),
        convTranspose2d({ name: "up", filters: 6, kernel: [2, 3], stride: 2, groups: 2 }),
      ],
    );
    await agrees(description, w, [4, 7, 8], (x) => {
      const stem = norm(torch.conv2d(x, w["stem.0.weight"], undefined, 2, 1), w, "stem.1");
      const bent = torch.prelu(stem, w["act.weight"]);
      const deep = torch.conv2d(bent, w["deep.weight"], w["deep.bias"], 1, 1, 6);
      const many = torch.conv2d(deep, w["many.weight"], w["many.bias"], 1, 0, 4);
      return torch.convTranspose2d(many, w["up.weight"], w["up.bias"], 2, 2);
    });
  });

  it("reorders what is linear after a flatten, and before an unflatten", async () => {
    const w = weightsOf({
      ...{ "norm.weight": [24], "norm.bias": [24], "norm.running_mean": [24], "norm.running_var": [24] },
      ...{ "first.weight": [5, 24], "first.bias": [5], "second.weight": [30, 5], "second.bias": [30] },
      ...{ "act.weight": [30], "third.weight": [2, 5, 1, 1], "third.bias": [2], "last.weight": [3, 12] },
      ...{ "last.bias": [3] },
    });
    const description = sequential(
      [3, 2, 4],
      [
        flatten(),
        dropout({ rate: 0.5 }),
        batchNorm({ name: "norm" }),
        dense({ name: "first", units: 5, activation: "relu" }),
        dense({ name: "second", units: 30 }),
        prelu({ name: "act" }),
        reshape({ shape: [0, 2, 3, 5] }),
        conv2d({ name: "third", filters: 2, kernel: 1 }),
        relu(),
        reshape({ shape: [0, -1] }),
        dense({ name: "last", units: 3 }),
      ],
    );
    const positive = ({ shape, data }: torch.Tensor) => ({ shape, data: data.map((v) => Math.max(v, 0)) });
    await agrees(description, w, [4, 3, 2], (x) => {
      const first = torch.linear(norm(torch.view(x, 24), w, "norm"), w["first.weight"], w["first.bias"]);
      const second = torch.linear(positive(first), w["second.weight"], w["second.bias"]);
      const image = torch.view(torch.prelu(second, w["act.weight"]), 5, 2, 3);
      const third = positive(torch.conv2d(image, w["third.weight"], w["third.bias"]));
      return torch.linear(third, w["last.weight"], w["last.bias"]);
    });
  });

  it("of a convolution that sees the whole image serves for what is linear, as timm has VGG", async () => {
    const w = weightsOf({ "fc.weight": [5, 4, 3, 2], "fc.bias": [5] });
    const description = sequential([3, 2, 4], [flatten(), dense({ name: "fc", units: 5 })]);
    await agrees(description, w, [4, 3, 2], (x) =>
      torch.view(torch.conv2d(x, w["fc.weight"], w["fc.bias"]), 5),
    );
  });

  it("has the parts of a separable convolution as modules, and norms of groups", () => {
    const description = sequential(
      [4, 4, 2],
      [separableConv2d({ name: "s", filters: 4, kernel: 3 }), groupNorm({ name: "g", groups: 2 })],
    );
    const w = weightsOf({
      ...{ "s.depthwise.weight": [2, 1, 3, 3], "s.pointwise.weight": [4, 2, 1, 1], "s.pointwise.bias": [4] },
      ...{ "g.weight": [4], "g.bias": [4] },
    });
    const { weights } = loadStateDict(description, w);
    expect(Object.keys(weights)).toEqual(["s.depthwise", "s.pointwise", "s.bias", "g.gamma", "g.beta"]);
    expect([...weights["s.pointwise"]]).toEqual(
      [0, 2, 4, 6, 1, 3, 5, 7].map((i) => w["s.pointwise.weight"].data[i]),
    );
    // What needs no turning is not copied.
    expect(weights["g.gamma"]).toBe(w["g.weight"].data);
  });
});

const SMALL = sequential(
  [null, null, 2],
  [conv2d({ name: "c", filters: 3, kernel: 1 }), batchNorm({ name: "b" })],
);
const small = (prefix = ""): StateDict => {
  const shapes = { "c.weight": [3, 2, 1, 1], "c.bias": [3], ...normShapes("b", 3) };
  const made = Object.entries(weightsOf(shapes)).map(([name, value]) => [prefix + name, value]);
  return Object.fromEntries(made);
};

const refuses = (
  source: unknown,
  message: string,
  options: StateDictOptions = {},
  kind: new (...args: never[]) => Error = FormatError,
  description: Model = SMALL,
): void => {
  const read = () => loadStateDict(description, source as StateDict, options);
  expect(read).toThrow(kind);
  expect(read).toThrow(`loadStateDict: ${message}`);
};

describe("loadStateDict", () => {
  it("ignores the counter of batches, cuts a prefix and maps names", () => {
    const counted = { ...small(), "b.num_batches_tracked": { shape: [], data: [7] } };
    const { weights, missing, unexpected } = loadStateDict(SMALL, counted);
    expect([missing, unexpected]).toEqual([[], []]);
    expect(
      loadStateDict(SMALL, { ...small("net."), other: {} as never }, { prefix: "net." }).weights,
    ).toEqual(weights);
    const map = (name: string) => (name === "extra" ? undefined : name.replace("conv", "c"));
    const { "c.weight": filter, ...rest } = small();
    const named = { ...rest, "conv.weight": filter, extra: filter };
    expect(loadStateDict(SMALL, named, { map }).weights).toEqual(weights);
  });

  it("says what is missing or left over, unless that is wanted", () => {
    const { "c.weight": filter, "b.bias": _, ...rest } = small();
    const given = { ...rest, "fc.weight": filter, "fc.bias": filter };
    refuses(
      given,
      'the tensors lack "c.weight", "b.bias"; the tensors hold "fc.weight", "fc.bias", which no layer takes',
    );
    expect(() => loadStateDict(SMALL, small("module."))).toThrow(
      'which no layer takes; if their names all begin so, give { prefix: "module." }',
    );
    const { weights, missing, unexpected } = loadStateDict(SMALL, given, { strict: false });
    expect(missing).toEqual(["c.weight", "b.bias"]);
    expect(unexpected).toEqual(["fc.weight", "fc.bias"]);
    expect([...weights["b.beta"]]).toEqual([0, 0, 0]);
    expect(new Set(weights["c.kernel"]).size).toBe(6);
    expect(weights["b.gamma"]).toEqual(small()["b.weight"].data);
    const many = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`x${i}`, filter]));
    refuses({ ...small(), ...many }, 'the tensors hold "x0", "x1", "x2", "x3", "x4", … 8 in all');
  });

  it("refuses other shapes, strict or not, and what are no tensors", () => {
    const bad = (tensor: unknown) => ({ ...small(), "c.weight": tensor });
    for (const strict of [true, false])
      refuses(
        bad({ shape: [2, 3, 1, 1], data: new Float32Array(6) }),
        'tensor "c.weight" has shape [2,3,1,1] but conv2d "c" takes [3,2,1,1]',
        { strict },
      );
    refuses(
      bad({ shape: [3, 2, 1, 1], data: [1] }),
      'tensor "c.weight" has 1 values but shape [3,2,1,1] holds 6',
    );
    refuses(bad(3), 'tensor "c.weight" is 3 but must be an object { shape, data }', {}, ArgumentError);
    refuses(bad({ shape: [3, 2, 1, 1], data: "x" }), 'tensor "c.weight" is "x" but must', {}, ArgumentError);
    refuses(7, "the state dict is 7 but must be the bytes of a safetensors file, or", {}, ArgumentError);
    refuses(small(), '"c.weight" and "c.bias" are both mapped to "x"', { map: () => "x" }, ArgumentError);
    refuses(
      small(),
      'map("c.weight") is 1 but must be a text or undefined',
      { map: (() => 1) as never },
      ArgumentError,
    );
    refuses(small(), "there is no option", { stric: true } as never, ArgumentError);
    expect(() => loadStateDict(SMALL, Uint8Array.of(8, 7, 18, 7))).toThrow(
      "this is an ONNX file: use fromOnnx",
    );
  });

  it("refuses features whose order in PyTorch nobody knows", () => {
    const x = input([2, 2, 3]);
    const joined = concat()(flatten()(x), globalAvgPool()(x));
    const mixed = model({ inputs: x, outputs: dense({ name: "fc", units: 2 })(joined) });
    refuses(
      {},
      'dense "fc": its features stand for several images',
      { strict: false },
      UnsupportedError,
      mixed,
    );
    const pooled = sequential([2, 2, 4], [globalAvgPool({ name: "p" }), reshape({ shape: [0, 2, 1, 2] })]);
    refuses({}, 'globalAvgPool "p": its features', { strict: false }, UnsupportedError, pooled);
    // One pixel, or one channel, has one order.
    const plain = sequential([2, 2, 4], [globalAvgPool(), reshape({ shape: [0, 1, 1, 4] })]);
    expect(loadStateDict(plain, {}).weights).toEqual({});
  });

  it("reads open sizes from its options where weights depend on them", () => {
    const open = sequential([null, null, 2], [flatten(), dense({ name: "fc", units: 1, bias: false })]);
    const given = { "fc.weight": { shape: [1, 8], data: [0, 1, 2, 3, 4, 5, 6, 7] } };
    const { weights } = loadStateDict(open, given, { shape: [2, 2, 2] });
    expect([...weights["fc.kernel"]]).toEqual([0, 4, 1, 5, 2, 6, 3, 7]);
    refuses(
      given,
      'tensor "fc.weight" has shape [1,8] but dense "fc" takes [1,100352]',
      {},
      FormatError,
      open,
    );
  });

  it("turns standardised filters as others, and refuses weights whose axes PyTorch orders otherwise", () => {
    const standard = sequential(
      [2, 2, 3],
      [
        conv2d({ name: "c", filters: 2, kernel: 1, bias: false, weightStandardization: true }),
        layerNorm({ name: "n" }),
        flatten(),
        dense({ name: "fc", units: 1, bias: false }),
      ],
    );
    const { weights } = loadStateDict(standard, {
      "c.weight": { shape: [2, 3, 1, 1], data: [1, 2, 3, 4, 5, 6] },
      "n.weight": { shape: [2], data: [1, 2] },
      "n.bias": { shape: [2], data: [3, 4] },
      "fc.weight": { shape: [1, 8], data: [1, 2, 3, 4, 5, 6, 7, 8] },
    });
    expect([...weights["c.kernel"]]).toEqual([1, 4, 2, 5, 3, 6]);
    expect([...weights["n.gamma"], ...weights["n.beta"]]).toEqual([1, 2, 3, 4]);
    expect([...weights["fc.kernel"]]).toEqual([1, 5, 2, 6, 3, 7, 4, 8]);
    for (const layer of [
      layerNorm({ name: "n", axes: [1, 2, 3] }),
      locallyConnected2d({ name: "n", filters: 2, kernel: 1 }),
    ])
      refuses(
        {},
        `${layer.kind} "n": its weight`,
        { strict: false },
        UnsupportedError,
        sequential([2, 2, 3], [layer]),
      );
  });
});
