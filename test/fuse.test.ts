// The end of a residual block in one pass: convAdd against the formula, and fusion in graphs of every shape.
import { describe, expect, it, test } from "vitest";
import { ShapeError } from "../src/errors.ts";
import { float32, sizeOf } from "../src/graph/op.ts";
import {
  add,
  batchNorm,
  concat,
  conv2d,
  depthwiseConv2d,
  flatten,
  relu,
  reshape,
  silu,
} from "../src/layers/index.ts";
import type { SymbolicTensor } from "../src/layers/layer.ts";
import { input, model } from "../src/model/build-model.ts";
import { Network } from "../src/network/network.ts";
import { conv, convAdd } from "../src/ops/conv.ts";
import type { ConvParams } from "../src/ops/conv-geometry.ts";
import { convAlgorithm } from "../src/runtime/plan.ts";
import { builds, evaluate } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, relativeL2 } from "./tolerance.ts";

/** Whole numbers from −4 to 4. */
function whole(shape: readonly number[], seed: number): { shape: readonly number[]; data: Float32Array } {
  let state = seed + 1;
  const data = Float32Array.from({ length: sizeOf(shape) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 16) % 9;
  });
  return { shape, data: data.map((v) => v - 4) };
}

interface Case {
  size: readonly [number, number, number];
  c: number;
  oc: number;
  kernel: number;
  stride?: number;
  groups?: number;
  bias?: boolean;
  activation?: ConvParams["activation"];
}

const CASES: Record<string, Case> = {
  "1x1": { size: [1, 5, 5], c: 7, oc: 9, kernel: 1 },
  "1x1 of whole panels, relu": { size: [2, 7, 7], c: 24, oc: 16, kernel: 1, activation: { kind: "relu" } },
  "3x3, stride 2, relu6": {
    size: [1, 9, 11],
    c: 6,
    oc: 13,
    kernel: 3,
    stride: 2,
    activation: { kind: "relu6" },
  },
  "sums in several blocks, no bias": { size: [1, 6, 5], c: 180, oc: 20, kernel: 3, stride: 2, bias: false },
  "groups, then silu": { size: [1, 6, 6], c: 12, oc: 8, kernel: 3, groups: 4, activation: { kind: "silu" } },
  "one channel in": { size: [1, 8, 8], c: 1, oc: 6, kernel: 1 },
  "3x3 in tiles of 4x4": { size: [1, 17, 15], c: 16, oc: 20, kernel: 3, activation: { kind: "relu" } },
  "3x3 in tiles of 4x4, a batch": { size: [3, 9, 8], c: 24, oc: 16, kernel: 3, bias: false },
  "5x5 in tiles of 2x2": { size: [1, 12, 11], c: 32, oc: 24, kernel: 5, activation: { kind: "relu" } },
  "3x3 in tiles of 2x2": { size: [1, 4, 4], c: 64, oc: 24, kernel: 3, activation: { kind: "relu" } },
};

const paramsOf = ({ stride = 1, groups = 1, activation }: Case): ConvParams => ({
  stride: [stride, stride],
  dilation: [1, 1],
  padding: "same",
  paddingMode: "zeros",
  groups,
  activation,
});

describe.each([
  ...builds(),
  ...builds({ deterministic: true }).map((b) => ({ ...b, name: `deterministic ${b.name}` })),
])("convAdd, $name build", ({ engine, name }) => {
  test.each(Object.entries(CASES))("%s", async (_, c) => {
    const p = paramsOf(c);
    const [n, h, w] = c.size;
    const inputs = [
      whole([n, h, w, c.c], 1),
      whole([c.kernel, c.kernel, c.c / (c.groups ?? 1), c.oc], 2),
      ...(c.bias === false ? [] : [whole([c.oc], 3)]),
    ];
    const [plain] = oracle.conv(inputs, { ...p, activation: undefined });
    const sum = whole(plain.shape, 4);
    const [added] = oracle.binary([sum, plain], { kind: "add" });
    const [expected] = c.activation ? oracle.activation([added], c.activation) : [added];
    const [actual] = await evaluate(engine, convAdd, [sum, ...inputs], p);
    expect(actual.shape).toEqual(expected.shape);
    // Whole numbers come out exactly; Winograd's fractions and silu round.
    if (c.activation?.kind === "silu" || (c.kernel >= 3 && c.c >= 16 && !name.startsWith("deterministic")))
      expect(relativeL2(actual.data, expected.data)).toBeLessThan(3e-6);
    else expectEqual(actual.data, expected.data);
  });
});

it("the cases take every algorithm that can add", () => {
  const algorithms = Object.values(CASES).map((c) => {
    const out = c.size.slice(1).map((v) => Math.ceil(v / (c.stride ?? 1)));
    return convAlgorithm({
      inPerGroup: c.c / (c.groups ?? 1),
      outPerGroup: c.oc / (c.groups ?? 1),
      groups: c.groups ?? 1,
      kernel: [1, c.kernel, c.kernel],
      stride: [1, c.stride ?? 1, c.stride ?? 1],
      dilation: [1, 1, 1],
      out: [1, ...out],
      images: c.size[0],
      winograd: true,
    });
  });
  expect([...new Set(algorithms)].sort()).toEqual(["gemm", "winograd2", "winograd2k5", "winograd4"]);
});

it("convAdd refuses a sum of another shape", () => {
  const types = [
    [1, 4, 4, 3],
    [1, 4, 4, 2],
    [1, 1, 2, 5],
  ].map((shape) => float32(shape));
  expect(() => convAdd.infer(types, paramsOf(CASES["1x1"]), 'conv2d "c"')).toThrow(
    new ShapeError('conv2d "c": the sum has shape [1,4,4,3] but the convolution gives [1,4,4,5]'),
  );
  expect(conv.infer(types.slice(1), paramsOf(CASES["1x1"]), "c")[0].shape).toEqual([1, 4, 4, 5]);
});

/** What net.summary() says of each layer's algorithm. */
const algorithms = (net: Network): Record<string, string> =>
  Object.fromEntries(net.profile(undefined, { runs: 1 }).layers.map((l) => [l.name, l.algorithm]));

describe.each(builds({ deterministic: true }))("fusion, $name build", ({ engine }) => {
  it("takes up the sum and what follows it", async () => {
    const x = input([8, 8, 4]);
    const stem = conv2d({ filters: 8, kernel: 3, padding: "same", name: "stem" })(x);
    const a = batchNorm({ name: "bn" })(
      conv2d({ filters: 8, kernel: 3, padding: "same", name: "a" })(relu()(stem)),
    );
    const block = relu({ name: "end" })(
      add({ name: "sum" })(a, conv2d({ filters: 8, kernel: 1, name: "b" })(x)),
    );
    const tail = add({ name: "tail" })(block, conv2d({ filters: 8, kernel: 1, name: "c" })(block));
    using net = new Network(await engine, model({ inputs: x, outputs: tail }), { seed: 1 });
    const by = algorithms(net);
    expect(by).toMatchObject({ a: "gemm", bn: "fused", sum: "fused", end: "fused" });
    // The block's value is what c reads: c cannot write over it.
    expect(by.tail).toBe("");
  });

  it("gives what the layers give one by one, in any graph", async () => {
    const runtime = await engine;
    let fused = 0;
    for (let seed = 0; seed < 120; seed++) {
      let state = seed + 1;
      const chance = (n: number): number => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return (state >>> 16) % n;
      };
      const x = input([4, 4, 3]);
      const nodes: SymbolicTensor[] = [conv2d({ filters: 3, kernel: 1, name: "n0" })(x)];
      const name = () => `n${nodes.length}`;
      const any = (): SymbolicTensor => nodes[nodes.length - 1 - chance(Math.min(nodes.length, 5))];
      const square = (): SymbolicTensor =>
        conv2d({ filters: 3, kernel: 3, padding: "same", name: name() })(any());
      const one = (): SymbolicTensor => conv2d({ filters: 3, kernel: 1, bias: false, name: name() })(any());
      const sum = (): SymbolicTensor => add({ name: name() })(any(), any());
      const MAKE: (() => SymbolicTensor)[] = [
        square,
        one,
        one,
        sum,
        sum,
        sum,
        () => relu({ name: name() })(any()),
        () => depthwiseConv2d({ kernel: 1, name: name() })(any()),
        () => reshape({ shape: [0, 4, 4, 3], name: name() })(any()),
        () => reshape({ shape: [0, 4, 4, 3] })(flatten()(any())),
        () => conv2d({ filters: 3, kernel: 1, name: name() })(concat()(any(), any())),
      ];
      for (let n = 6 + chance(14); n > 0; n--) nodes.push(MAKE[chance(MAKE.length)]());
      const last = add()(nodes.at(-1)!, nodes.at(-2)!);
      const whole = model({ inputs: x, outputs: last });
      const images = Float32Array.from({ length: 96 }, (_, i) => ((i * 7 + seed) % 5) - 2);
      const probe = new Network(runtime, whole, { batchSize: 2, seed });
      // Small whole weights: no sum leaves the numbers a float32 holds exactly, so the order of a sum does not matter.
      const weights = Object.fromEntries(
        Object.entries(probe.weights).map(([key, data]) => [key, data.map((_, i) => ((i + seed) % 3) - 1)]),
      );
      const net = new Network(runtime, whole, { batchSize: 2, weights });
      fused += net
        .summary()
        .split("\n")
        .filter((line) => /\badd\b.*fused/.test(line)).length;
      // With every value an output nothing can be taken up.
      const reachable = new Set(whole.layers.map((l) => l.name));
      const kept = nodes.filter((_, i) => reachable.has(`n${i}`));
      const apart = new Network(runtime, model({ inputs: x, outputs: [...kept, last] }), {
        batchSize: 2,
        weights,
      });
      const want = apart.predict<Float32Array[]>(images).at(-1)!;
      expect(want.every((v) => Math.abs(v) < 2 ** 24)).toBe(true);
      expect([seed, net.predict(images)]).toEqual([seed, want]);
      for (const n of [probe, net, apart]) n.dispose();
    }
    expect(fused).toBeGreaterThan(60);
  });

  it("leaves alone what others still need", async () => {
    const runtime = await engine;
    const x = input([4, 4, 3]);
    const a = conv2d({ filters: 3, kernel: 1, name: "a" })(x);
    const b = conv2d({ filters: 3, kernel: 1, name: "b" })(x);
    const sum = add({ name: "sum" })(a, b);
    const cases = {
      "both are outputs": [sum, a, b],
      "one is an output": [sum, a],
      "both are read later": [sum, silu()(a), silu()(b)],
      "an input is the sum": [add({ name: "sum" })(x, x)],
    };
    for (const [what, outputs] of Object.entries(cases)) {
      using net = new Network(runtime, model({ inputs: x, outputs }), { seed: 3 });
      expect([what, algorithms(net).sum]).toEqual([what, ""]);
    }
  });
});
