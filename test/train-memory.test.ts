// What training holds: of one step little more than what backward needs, and never more from step to step.
import { describe, expect, it, vi } from "vitest";
import { Engine } from "../src/engine/engine.ts";
import type { Edge, Graph } from "../src/graph/graph.ts";
import { Lowering } from "../src/graph/lower.ts";
import { sizeOf } from "../src/graph/op.ts";
import {
  batchNorm,
  conv2d,
  dense,
  dropout,
  flatten,
  globalAvgPool,
  maxPool2d,
  relu,
} from "../src/layers/index.ts";
import type { Layer } from "../src/layers/layer.ts";
import { sequential } from "../src/model/build-model.ts";
import { Program } from "../src/runtime/program.ts";
import { adam, sgd } from "../src/training/optimizers.ts";
import { builds } from "./harness.ts";

const block = (filters: number): Layer[] => [
  conv2d({ filters, kernel: 3, padding: "same", bias: false }),
  batchNorm(),
  relu(),
];
const pool = maxPool2d({ size: 2 });
const NETS: Record<string, { batch: number; input: number[]; layers: Layer[] }> = {
  "MNIST CNN": {
    batch: 64,
    input: [28, 28, 1],
    layers: [
      ...[16, 32].flatMap((filters) => [conv2d({ filters, kernel: 3, padding: "same" }), relu(), pool]),
      ...[flatten(), dense({ units: 10 })],
    ],
  },
  "CIFAR VGG": {
    batch: 32,
    input: [32, 32, 3],
    layers: [
      ...[...block(32), ...block(32), pool, ...block(64), ...block(64), pool, ...block(128), ...block(128)],
      ...[globalAvgPool(), dense({ units: 10 })],
    ],
  },
};
/** Activations and scratch, over what backward reads of the forward pass; each further thread has scratch of its own. */
const most = (threads: number): number => 1.3 + 0.05 * (threads - 1);

/** Bytes of the inputs, and of what the layers made, that ops after the scores read. */
function neededBytes({ nodes }: Graph, inputs: ReadonlySet<number>): number {
  const memory = (edge: Edge): Edge => (edge.node?.op.alias ? memory(edge.node.inputs[0]) : edge);
  const loss = nodes.findIndex((node) => node.layer === "loss");
  const made = new Set(nodes.slice(0, loss).flatMap((node) => node.outputs));
  const needed = new Set<Edge>();
  for (const node of nodes.slice(loss))
    for (const read of node.inputs.map(memory))
      if (made.has(read) || (!read.node && inputs.has(sizeOf(read.shape)))) needed.add(read);
  return [...needed].reduce((sum, edge) => sum + 4 * sizeOf(edge.shape), 0);
}

// Checked builds put every buffer apart.
describe.each(builds().filter(({ name }) => !name.startsWith("checked")))(
  "training's memory, $name build",
  ({ engine: runtime }) => {
    it.each(Object.entries(NETS))(
      "of a step of the %s is little more than backward needs",
      async (_, net) => {
        const engine = new Engine(await runtime);
        const graphs = vi.spyOn(Lowering.prototype, "write");
        const programs = vi.spyOn(Program.prototype, "place");
        const compiled = engine.compile(sequential(net.input, net.layers), {
          seed: 1,
          train: { loss: "softmaxCrossEntropy", optimizer: sgd({ learningRate: 0.1 }), batchSize: net.batch },
        });
        const at = graphs.mock.calls.findIndex(([graph]) =>
          graph.nodes.some((node) => node.layer === "loss"),
        );
        const needed = neededBytes(
          graphs.mock.calls[at][0],
          new Set([net.input.reduce((a, b) => a * b, net.batch)]),
        );
        const { run } = (programs.mock.contexts[at] as Program).bytes;
        vi.restoreAllMocks();
        expect(needed).toBeGreaterThan(5e6);
        expect(run / needed).toBeGreaterThan(1);
        expect(run / needed).toBeLessThan(most(engine.info.threads));
        compiled.dispose();
      },
    );

    it("does not grow in 1,000 steps", async () => {
      const engine = new Engine(await runtime);
      const before = engine.memory.live;
      const net = engine.compile(
        sequential([6, 6, 2], [...block(4), pool, flatten(), dropout({ rate: 0.2 }), dense({ units: 3 })]),
        { seed: 1, train: { loss: "softmaxCrossEntropy", optimizer: adam(), batchSize: 8 } },
      );
      const x = Float32Array.from({ length: 8 * 72 }, (_, i) => ((i * 7) % 13) / 6 - 1);
      const y = Float32Array.from({ length: 8 }, (_, i) => i % 3);
      net.trainStep({ x, y });
      const { memory } = engine;
      for (let step = 1; step < 1000; step++) net.trainStep({ x, y });
      expect(engine.memory).toEqual(memory);
      net.dispose();
      expect(engine.memory.live).toBe(before);
    });
  },
);
