// Layers against PyTorch, forward and backward: test/fixtures/torch/layers.json, which scripts/torch/layers.py writes.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Edge, type Graph } from "../src/graph/graph.ts";
import { Lowering } from "../src/graph/lower.ts";
import { float32 } from "../src/graph/op.ts";
import * as registry from "../src/layers/index.ts";
import type { Layer, LayerFactory } from "../src/layers/layer.ts";
import { input, model, sequential } from "../src/model/build-model.ts";
import { Builder } from "../src/model/graph-builder.ts";
import { withOutputs } from "../src/model/surgery.ts";
import { trainingLayers } from "../src/model/training-layers.ts";
import { Network } from "../src/network/network.ts";
import { differentiate } from "../src/passes/differentiate.ts";
import { Address } from "../src/runtime/address.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { Program } from "../src/runtime/program.ts";
import { type Shape, sizeOf } from "../src/tensor.ts";
import { adam } from "../src/training/optimizers.ts";
import { builds } from "./harness.ts";

interface Case {
  kind: string;
  config: Record<string, unknown>;
  inputs: number[][];
  /** Whether inputs below 0 are 0. */
  ties: boolean;
  weights: Record<string, number[]>;
  shape: number[];
  y: number[];
  dx: number[][];
  dw: Record<string, number[]>;
}

const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL("fixtures/torch/layers.json", import.meta.url), "utf8"),
);

/** `values` of the script. */
const values = (shape: Shape, seed: number, scale = 0.5): Float32Array =>
  Float32Array.from({ length: sizeOf(shape) }, (_, i) => {
    const word = Math.imul((i + 1) * 16 + seed, 0x9e3779b1) >>> 16;
    return (word / 2 ** 15 - 1) * scale * 2;
  });

/** What a graph makes of values at some of its edges. */
function run(
  runtime: Runtime,
  graph: Graph,
  given: readonly (readonly [Edge, Float32Array | Int32Array])[],
  wanted: readonly Edge[],
): Float32Array[] {
  const program = new Program(runtime, "test");
  const lowering = new Lowering(program);
  for (const [edge] of given) {
    const base = Address.of(sizeOf(edge.shape) * 4, "run");
    lowering.place(edge, base);
    program.input(base);
  }
  graph.prune(wanted);
  lowering.write(graph);
  for (const edge of wanted) program.output(lowering.valueOf(edge).base);
  program.place();
  const { floats } = runtime.memory;
  for (const [edge, data] of given) floats.set(data, lowering.valueOf(edge).base.value / 4);
  program.run();
  const results = wanted.map((edge) => {
    const at = lowering.valueOf(edge).base.value / 4;
    return floats.slice(at, at + sizeOf(edge.shape));
  });
  program.dispose();
  return results;
}

/**
 * Throws unless values agree to 1e-5 of the largest, or of 0.01 where that is less: gradients that are 0 in exact arithmetic, as that of
 * attention's key bias, are what rounding leaves of terms of about 1.
 */
function expectAgreement(got: Float32Array, want: readonly number[], what: string): void {
  expect([what, got.length]).toEqual([what, want.length]);
  const bound = 1e-5 * want.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-2);
  const at = want.findIndex((v, i) => !(Math.abs(got[i] - v) <= bound));
  expect(at < 0 ? "" : `${what}[${at}] is ${got[at]} instead of ${want[at]}`).toBe("");
}

for (const { name, engine } of builds())
  describe(`layers of PyTorch (${name})`, () => {
    it.each(cases.map((one) => [`${one.kind} ${JSON.stringify(one.config)}`, one] as const))(
      "%s",
      async (_, { kind, config, inputs, ties, weights, shape, y, dx, dw }) => {
        const runtime = await engine;
        const factory = (registry as unknown as Record<string, LayerFactory>)[kind];
        const ends = inputs.map(([, ...rest]) => input(rest));
        const described = model({ inputs: ends, outputs: factory({ ...config, name: "layer" })(ends) });
        // Weights stay edges, as in training.
        const training = trainingLayers(new Set(), new Edge({ shape: [4], dtype: "int32" }));
        const built = new Builder(described, inputs[0][0], { training });
        const { graph } = built;
        const [out] = built.outputs;
        expect(out.shape).toEqual(shape);
        expect(built.weightShapes).toEqual(
          Object.fromEntries(Object.entries(weights).map(([key, own]) => [`layer.${key}`, own])),
        );
        const dy = new Edge(float32(shape));
        const names = Object.keys(weights);
        const edges = [...built.inputs, ...names.map((key) => built.variables.get(`layer.${key}`)!.edge)];
        const gradients = differentiate(graph, out, edges, dy);
        const data = [
          ...inputs.map((own, i) => {
            const plain = values(own, i);
            return ties ? plain.map((v) => Math.max(v, 0)) : plain;
          }),
          ...names.map((key, i) => values(weights[key], 8 + i, 0.25)),
          values(shape, 99),
        ];
        const given = [...edges, dy].map((edge, i) => [edge, data[i]] as const);
        const [made, ...grads] = run(runtime, graph, given, [out, ...gradients.map((g) => g!)]);
        expectAgreement(made, y, "y");
        const wanted = [...dx, ...names.map((key) => dw[key])];
        for (const [i, want] of wanted.entries())
          expectAgreement(grads[i], want, ["dx", ...names][Math.max(0, i - dx.length + 1)]);
      },
    );
  });

describe("layers in training", () => {
  const [{ engine }] = builds();
  const x = values([8, 6, 6, 4], 3);
  const y = Int32Array.from({ length: 8 }, (_, i) => i % 3);
  const options = {
    ...({ loss: "softmaxCrossEntropy", batchSize: 4 } as const),
    optimizer: adam({ learningRate: 0.02 }),
  };

  it("learn together, predict what they have learned, and are saved", async () => {
    const runtime = await engine;
    const before = runtime.memory.use.live;
    const described = sequential(
      [6, 6, 4],
      [
        registry.conv2d({ filters: 8, kernel: 3, weightStandardization: true, name: "standard" }),
        registry.layerNorm({ axes: [-3, -2, -1] }),
        registry.relu(),
        registry.squeezeExcite({ ratio: 4 }),
        registry.spatialDropout({ rate: 0.1 }),
        registry.multiHeadAttention({ heads: 2, dropout: 0.1 }),
        registry.rmsNorm(),
        registry.adaptiveAvgPool({ size: 3 }),
        registry.dropPath({ rate: 0.1 }),
        registry.locallyConnected2d({ filters: 4, kernel: 2 }),
        registry.flatten(),
        registry.dense({ units: 3 }),
      ],
    );
    const net = new Network(runtime, described, { seed: 1, batchSize: 8 });
    const [{ loss: first }] = await net.fit({ x, y }, { ...options, seed: 2, epochs: 1 });
    const standard = net.weights["standard.kernel"];
    const reports = await net.fit({ x, y }, { ...options, seed: 2, epochs: 25 });
    expect(reports.at(-1)!.loss).toBeLessThan(0.5 * first);
    // Out of training nothing is dropped; the filter is standardised when it is packed, again after each training.
    const scores = net.predict(x) as Float32Array;
    expect(net.weights["standard.kernel"]).not.toEqual(standard);
    expect(net.predict(x)).toEqual(scores);
    const again = new Network(runtime, described, { batchSize: 8 });
    again.load(net.save());
    expect(again.predict(x)).toEqual(scores);
    const { loss, accuracy } = net.evaluate({ x, y });
    expect(accuracy).toBeGreaterThanOrEqual(0.5);
    // What is computed in every step of training is what is packed for predicting, where nothing is dropped.
    const frozen = ["spatialDropout_1", "multiHeadAttention_1", "dropPath_1"];
    const still = new Network(runtime, described, {
      weights: net.weights,
      train: { ...options, freeze: frozen, batchSize: 8 },
    });
    expect(still.gradients({ x, y }).loss).toBeCloseTo(loss, 5);
    still.dispose();
    again.dispose();
    net.dispose();
    expect(runtime.memory.use.live).toBe(before);
  });

  it("a standardised filter is folded with the batch normalisation behind it, before and after training", async () => {
    const runtime = await engine;
    const described = sequential(
      [6, 6, 4],
      [
        registry.conv2d({ filters: 8, kernel: 3, weightStandardization: true, name: "conv" }),
        registry.batchNorm({ name: "norm" }),
        registry.globalAvgPool(),
        registry.dense({ units: 3 }),
      ],
    );
    const net = new Network(runtime, described, { seed: 1 });
    const check = (): void => {
      // What is an output is not folded.
      const apart = new Network(runtime, withOutputs(described, "conv"), { weights: net.weights });
      const [want] = apart.predict<Float32Array[]>(x);
      const got = net.predict(x) as Float32Array;
      expect(Math.max(...got.map((v, i) => Math.abs(v - want[i])))).toBeLessThan(1e-5);
      apart.dispose();
    };
    check();
    await net.fit({ x, y }, { ...options, seed: 2, epochs: 3 });
    check();
    await net.fit({ x, y }, { ...options, seed: 2, epochs: 1 });
    check();
    net.dispose();
  });

  it("spatialDropout drops channels and dropPath images, and both scale the rest", async () => {
    const runtime = await engine;
    const shape = [64, 3, 2, 8];
    const dropped = (layer: Layer): number[][] => {
      const end = input(shape.slice(1));
      const state = new Edge({ shape: [4], dtype: "int32" });
      const training = trainingLayers(new Set(), state);
      const built = new Builder(model({ inputs: end, outputs: layer(end) }), shape[0], { training });
      const [out] = built.outputs;
      const ones = new Float32Array(sizeOf(shape)).fill(1);
      const runs = [1, 2].map((step) => {
        const given = [
          [built.inputs[0], ones],
          [state, new Float32Array(new Int32Array([7, 0, step, 0]).buffer)],
        ] as const;
        return run(runtime, built.graph, given, [out])[0];
      });
      expect(runs[0]).not.toEqual(runs[1]);
      // [images, channels] of the values of all pixels.
      return Array.from({ length: shape[0] * 8 }, (_, i) => {
        const [image, channel] = [Math.floor(i / 8), i % 8];
        return Array.from({ length: 6 }, (_, pixel) => runs[0][(image * 6 + pixel) * 8 + channel]);
      });
    };
    for (const [layer, group] of [
      [registry.spatialDropout({ rate: 0.25 }), 1],
      [registry.dropPath({ rate: 0.25 }), 8],
    ] as const) {
      const maps = dropped(layer);
      const of = (list: readonly number[][]): number[] => [...new Set(list.flat())];
      for (let i = 0; i < maps.length; i += group) expect(of(maps.slice(i, i + group))).toHaveLength(1);
      expect(of(maps).sort()).toEqual([0, Math.fround(1 / 0.75)]);
      const share = maps.filter(([first]) => first === 0).length / maps.length;
      expect(Math.abs(share - 0.25)).toBeLessThan(group === 1 ? 0.06 : 0.17);
      // Different images lose different channels.
      if (group === 1)
        expect(
          new Set(Array.from({ length: 64 }, (_, n) => String(maps.slice(n * 8, n * 8 + 8)))).size,
        ).toBeGreaterThan(10);
    }
  });
});
