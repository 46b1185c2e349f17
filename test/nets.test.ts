// The nets of the benchmarks are the nets they are named after.
import { existsSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { type Net, nets } from "../bench/nets.ts";
import { noise } from "../bench/rows.ts";
import { Builder } from "../src/model/graph-builder.ts";
import type { Model } from "../src/model/schema.ts";
import { Network } from "../src/network/network.ts";
import { builds } from "./harness.ts";
import { floatsOf, type OnnxNode, readOnnx } from "./onnx-reader.ts";
import { expectWithin } from "./tolerance.ts";

const BUILDS = builds();
// Workers must have started before the first test: these tests block the event loop for longer than workers may take to start.
beforeAll(() => Promise.all(BUILDS.map(({ engine }) => engine)));

/** Multiply-adds in thousand millions: the column GFLOPS of torchvision's table of classification models. */
const MULTIPLY_ADDS: Readonly<Record<string, number>> = {
  "ResNet-18": 1.81,
  "ResNet-50": 4.09,
  MobileNetV2: 0.3,
  "SqueezeNet 1.1": 0.35,
  "EfficientNet-B0": 0.39,
  "DenseNet-121": 2.83,
  "VGG-16": 15.47,
};

/** All weights zero: nothing has to be drawn, and untouched pages of zeros take no memory. */
function zeroed({ layers, ...rest }: Model): Model {
  const zero = { kernelInitializer: "zeros" };
  const weighs = (kind: string): boolean => /conv|dense/i.test(kind);
  return {
    ...rest,
    layers: layers.map((l) => (weighs(l.kind) ? { ...l, config: { ...l.config, ...zero } } : l)),
  };
}

describe("whole nets", () => {
  for (const { name, model, parameters } of nets)
    it(`${name} has as many parameters, and as many multiply-adds, as torchvision's`, () => {
      const { layers, graph } = new Builder(zeroed(model), 1, undefined, 0);
      const all = layers.reduce((sum, layer) => sum + layer.parameters, 0);
      // Half of a batch norm's weights are running statistics, which torchvision does not count.
      const running = layers.reduce((sum, l) => sum + (l.kind === "batchNorm" ? l.parameters / 2 : 0), 0);
      expect(all - running).toBe(parameters);
      const multiplyAdds = graph.nodes.reduce(
        (sum, n) => sum + (n.op.multiplyAdds?.(n.inputs, n.outputs, n.params) ?? 0),
        0,
      );
      expect((multiplyAdds / 1e9).toFixed(2)).toBe(MULTIPLY_ADDS[name].toFixed(2));
    });

  // VGG-16 would take a gigabyte.
  const [{ engine }] = BUILDS;
  for (const { name, model } of nets.filter((net) => net.name !== "VGG-16"))
    it(`${name} tells classes apart with weights made from a seed`, async () => {
      const net = new Network(await engine, model, { seed: 1 });
      const logits = net.predict(noise(224 * 224 * 3, 1));
      net.dispose();
      expect(logits.length).toBe(1000);
      const power = logits.reduce((sum, v) => sum + v * v, 0) / logits.length;
      // Neither faded nor blown up after up to 80 layers.
      expect(power).toBeGreaterThan(1e-2);
      expect(power).toBeLessThan(1e3);
      expect(new Set(logits).size).toBeGreaterThan(500);
    });
});

const FOLDER = new URL("../../shared/nets/", import.meta.url);
const FILES: Readonly<Record<string, string>> = {
  "ResNet-18": "resnet18",
  MobileNetV2: "mobilenet_v2",
  "SqueezeNet 1.1": "squeezenet1_1",
};

// Exported by PyTorch with random weights, batch norms folded, beside an input and PyTorch's answer (raw float32, NCHW).
describe.skipIf(!existsSync(FOLDER))(
  "torchvision's own weights, from ../shared/nets (skipped where it is missing)",
  () => {
    for (const { name: build, engine } of BUILDS)
      for (const net of nets.filter(({ name }) => name in FILES))
        it(`${net.name} answers as PyTorch does (${build})`, async () => {
          const read = (ending: string) => readFileSync(new URL(`${FILES[net.name]}.${ending}`, FOLDER));
          const floats = (ending: string) => new Float32Array(new Uint8Array(read(ending)).buffer);
          const options = { weights: weightsOf(net, read("onnx")), layout: "nchw" } as const;
          const compiled = new Network(await engine, net.model, options);
          const expected = floats("y.bin");
          const largest = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
          expectWithin(compiled.predict(floats("x.bin")), expected, 1e-5 * largest);
          compiled.dispose();
        });
  },
);

/** A file's filters and biases in the order of its nodes, for the layers in the order of ours. */
function weightsOf({ model }: Net, file: Uint8Array): Record<string, Float32Array> {
  const { nodes, initializers } = readOnnx(file);
  const aliases = new Map(nodes.filter((n) => n.op === "Identity").map((n) => [n.outputs[0], n.inputs[0]]));
  const products = nodes.filter((n) => n.op === "Conv" || n.op === "Gemm");
  const operand = (node: OnnxNode, input: number) =>
    initializers.get(aliases.get(node.inputs[input]) ?? node.inputs[input])!;

  const weights: Record<string, Float32Array> = {};
  let bias = new Float32Array();
  for (const { name, kind, config } of model.layers) {
    if (kind === "batchNorm") {
      // Already folded: this one adds the bias, and divides by a deviation of 1.
      weights[`${name}.gamma`] = new Float32Array(bias.length).fill(1);
      weights[`${name}.beta`] = bias;
      weights[`${name}.mean`] = new Float32Array(bias.length);
      weights[`${name}.variance`] = new Float32Array(bias.length).fill(1 - 1e-5);
    }
    if (!["conv2d", "depthwiseConv2d", "dense"].includes(kind)) continue;
    const node = products.shift()!;
    const filter = operand(node, 1);
    bias = floatsOf(operand(node, 2)) as Float32Array<ArrayBuffer>;
    weights[`${name}.kernel`] = channelsLast(floatsOf(filter), filter.dims);
    if (config.bias !== false) weights[`${name}.bias`] = bias;
  }
  expect(products).toEqual([]);
  return weights;
}

/** [out, in, ...taps] to [...taps, in, out]. */
function channelsLast(data: Float32Array, [out, inputs, ...taps]: readonly number[]): Float32Array {
  const pixels = taps.reduce((a, b) => a * b, 1);
  const turned = new Float32Array(data.length);
  for (let o = 0; o < out; o++)
    for (let i = 0; i < inputs; i++)
      for (let t = 0; t < pixels; t++)
        turned[(t * inputs + i) * out + o] = data[(o * inputs + i) * pixels + t];
  return turned;
}
