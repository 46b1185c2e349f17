// Layers against PyTorch, forward and backward: test/fixtures/torch/layers.json, which scripts/torch/layers.py writes.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Edge, type Graph } from "../src/graph/graph.ts";
import { Lowering } from "../src/graph/lower.ts";
import { float32 } from "../src/graph/op.ts";
import * as registry from "../src/layers/index.ts";
import type { LayerFactory } from "../src/layers/layer.ts";
import { input, model } from "../src/model/build-model.ts";
import { Builder } from "../src/model/graph-builder.ts";
import { trainingLayers } from "../src/model/training-layers.ts";
import { matmul } from "../src/ops/matmul.ts";
import { differentiate } from "../src/passes/differentiate.ts";
import { GRADIENTS } from "../src/passes/gradients/index.ts";
import { Address } from "../src/runtime/address.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { Program } from "../src/runtime/program.ts";
import { type Shape, sizeOf } from "../src/tensor.ts";
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

const all: readonly Case[] = JSON.parse(
  readFileSync(new URL("fixtures/torch/layers.json", import.meta.url), "utf8"),
);
const cases = all.filter(({ kind }) => GRADIENTS.has(matmul) || !/^(multiHead|locally)/.test(kind));

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

/** Throws unless values agree to 1e-5 of the largest. */
function expectAgreement(got: Float32Array, want: readonly number[], what: string): void {
  expect([what, got.length]).toEqual([what, want.length]);
  const bound = 1e-5 * want.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
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
        const training = trainingLayers(new Set(), new Edge({ shape: [4], dtype: "int32" }), []);
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
