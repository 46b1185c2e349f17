// What toOnnx writes: well-formed, complete, laid out as it says. That other runtimes answer as this engine does is checked by
// `npm run check:onnx`, which needs onnxruntime-web.
import { describe, expect, it, vi } from "vitest";
import { nets } from "../bench/nets.ts";
import { ShapeError, UnsupportedError } from "../src/errors.ts";
import { toOnnx } from "../src/formats/onnx/index.ts";
import { conv2d, dense, flatten, globalAvgPool, softmax } from "../src/layers/index.ts";
import { input, model, sequential } from "../src/model/build-model.ts";
import type { Model, Weights } from "../src/model/schema.ts";
import { Network } from "../src/network/network.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import { type Shape, sizeOf } from "../src/tensor.ts";
import { binary } from "./harness.ts";
import { BATCH, exampleOf, factories, TABLE } from "./layer-rows.ts";
import { cases } from "./onnx-cases.ts";
import { floatsOf, type OnnxFile, readOnnx } from "./onnx-reader.ts";

/** Ops that `refused` names have no translation, like an op that ONNX has no equivalent for. */
const refused = vi.hoisted(() => new Set<string>());
vi.mock("../src/formats/onnx/translations.ts", async (original) => {
  const translations = await original<typeof import("../src/formats/onnx/translations.ts")>();
  return {
    translationOf: (op: Parameters<typeof translations.translationOf>[0]) =>
      refused.has(op.name) ? undefined : translations.translationOf(op),
  };
});

/** Layers that put another axis before the batch on the way: the file has the network's batch. */
const FIXED: readonly string[] = ["locallyConnected2d"];

/** ONNX's ops of opset 17 that the writer may use. */
const OPS = new Set(
  `Abs Add ArgMax AveragePool BatchNormalization Cast Clip Concat Conv ConvTranspose DepthToSpace Div Elu Erf Exp Flatten
  Gemm GlobalAveragePool GlobalMaxPool HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization LeakyRelu LogSoftmax MatMul Max
  MaxPool Min Mul Neg PRelu Pad ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape Resize Selu Shape Sigmoid Slice Softmax
  Softplus Softsign SpaceToDepth Split Sqrt Sub Tanh Transpose`.split(/\s+/),
);

const engine = load(binary("simd")).then((instance) => new Runtime(instance));

/** A compiled network's file, read back; and the shapes the network itself tells. */
async function written(described: Model, weights?: Weights): Promise<{ file: OnnxFile; net: Network }> {
  const net = new Network(await engine, described, { batchSize: BATCH, weights });
  const file = readOnnx(toOnnx(net));
  net.dispose();
  return { file, net };
}

const channelsFirst = (shape: Shape): Shape =>
  shape.length < 2 ? shape : [shape[shape.length - 1], ...shape.slice(0, -1)];

/** Everything a runtime relies on before it computes anything. */
function expectSound({ file, net }: { file: OnnxFile; net: Network }, open: boolean): void {
  expect(file.irVersion).toBe(8);
  expect(file.opsets).toEqual([{ domain: "", version: 17 }]);

  const made = new Set([...file.inputs.map((x) => x.name), ...file.initializers.keys()]);
  expect(made.size).toBe(file.inputs.length + file.initializers.size);
  const read = new Set<string>(file.outputs.map((y) => y.name));
  for (const { op, inputs, outputs } of file.nodes) {
    expect(OPS).toContain(op);
    for (const name of inputs.filter((name) => name !== "")) {
      expect(made).toContain(name);
      read.add(name);
    }
    for (const name of outputs) {
      expect(made).not.toContain(name);
      made.add(name);
    }
  }
  for (const { name } of file.outputs) expect(made).toContain(name);
  for (const name of file.initializers.keys()) expect(read).toContain(name);
  expect(new Set(file.nodes.map((n) => n.name)).size).toBe(file.nodes.length);
  expect(new Set(file.outputs.map((y) => y.name)).size).toBe(file.outputs.length);
  for (const { type, dims, bytes } of file.initializers.values())
    expect(bytes.length).toBe(sizeOf(dims) * (type === 7 ? 8 : 4));

  const batch = open ? "N" : BATCH;
  expect(file.inputs).toEqual(
    net.model.inputs.map(({ name }) => ({
      name,
      type: 1,
      dims: [batch, ...channelsFirst(net.inputShapes[name])],
    })),
  );
  expect(file.outputs.map((y) => y.dims)).toEqual(
    net.model.outputs.map((ref) => [batch, ...channelsFirst(net.outputShapes[ref])]),
  );
}

describe("toOnnx", () => {
  for (const [kind, factory] of factories)
    it(`writes ${kind}`, async () => {
      for (const row of [TABLE[kind] ?? []].flat()) {
        const { model, weights } = exampleOf(factory, row);
        expectSound(await written(model, weights), !FIXED.includes(kind));
      }
    });

  it("writes how layers meet", async () => {
    for (const { model, weights, open = true } of cases) expectSound(await written(model, weights), open);
  });

  it("gives outputs their names, even where one value is two outputs or an input is one", async () => {
    const x = input([2, 2, 1], { name: "x" });
    const y = softmax({ name: "y" })(x);
    const { file } = await written(model({ inputs: x, outputs: [y, y, x] }));
    expect(file.outputs.map(({ name }) => name)).toEqual(["y", "y_1", "x_1"]);
    expect(file.nodes.map(({ op }) => op)).toEqual(["Softmax", "Identity", "Identity"]);
  });

  it("writes filters as [out, in, kh, kw], under their own names", async () => {
    const kernel = Float32Array.from({ length: 2 * 3 * 4 * 5 }, (_, i) => i);
    const bias = Float32Array.of(1, 2, 3, 4, 5);
    const described = sequential(
      [6, 7, 4],
      [
        conv2d({
          name: "c",
          filters: 5,
          kernel: [2, 3],
          stride: [1, 2],
          padding: [
            [0, 1],
            [2, 0],
          ],
        }),
      ],
    );
    const { file } = await written(described, { "c.kernel": kernel, "c.bias": bias });
    const [node] = file.nodes;
    expect(node.inputs).toEqual(["input_1", "c.kernel", "c.bias"]);
    expect(node.attributes).toEqual({
      kernel_shape: [2, 3],
      strides: [1, 2],
      dilations: [1, 1],
      pads: [0, 2, 1, 0],
      group: 1,
    });
    const filter = file.initializers.get("c.kernel")!;
    expect(filter.dims).toEqual([5, 4, 2, 3]);
    const values = floatsOf(filter);
    for (let o = 0, at = 0; o < 5; o++)
      for (let i = 0; i < 4; i++)
        for (let y = 0; y < 2; y++)
          for (let x = 0; x < 3; x++) expect(values[at++]).toBe(((y * 3 + x) * 4 + i) * 5 + o);
    expect(floatsOf(file.initializers.get("c.bias")!)).toEqual(bias);
  });

  it("turns the rows of a dense layer that follows flatten, not the values", async () => {
    const kernel = Float32Array.from({ length: 2 * 3 * 4 * 5 }, (_, i) => i);
    const described = sequential([2, 3, 4], [flatten(), dense({ name: "d", units: 5, bias: false })]);
    const { file } = await written(described, { "d.kernel": kernel });
    expect(file.nodes.map(({ op }) => op)).toEqual(["Flatten", "Gemm"]);
    const values = floatsOf(file.initializers.get("d.kernel")!);
    for (let c = 0, at = 0; c < 4; c++)
      for (let pixel = 0; pixel < 6; pixel++)
        for (let u = 0; u < 5; u++) expect(values[at++]).toBe((pixel * 4 + c) * 5 + u);
  });

  it("writes ResNet-18 as the nodes it is known by, with nothing turned", async () => {
    const { file } = await written(nets.find(({ name }) => name === "ResNet-18")!.model);
    const counts: Record<string, number> = {};
    for (const { op } of file.nodes) counts[op] = (counts[op] ?? 0) + 1;
    expect(counts).toEqual({
      ...{ Conv: 20, BatchNormalization: 20, Relu: 17, MaxPool: 1, Add: 8 },
      ...{ GlobalAveragePool: 1, Flatten: 1, Gemm: 1 },
    });
    expect(file.inputs).toEqual([{ name: "image", type: 1, dims: ["N", 3, 224, 224] }]);
    expect(file.outputs).toEqual([{ name: "fc", type: 1, dims: ["N", 1000] }]);
  });

  it("takes a model with its weights as well as a network, and writes the same bytes", async () => {
    const described = sequential([5, 5, 2], [conv2d({ filters: 3, kernel: 3 }), globalAvgPool()]);
    const net = new Network(await engine, described, { batchSize: 4, seed: 2 });
    const bytes = toOnnx(net);
    net.dispose();
    expect(toOnnx({ model: described, weights: net.weights })).toEqual(bytes);
  });

  it("refuses open sizes, telling what to do", () => {
    const x = input([null, 8, 3], { name: "photo" });
    const described = model({ inputs: x, outputs: softmax()(x) });
    const write = () => toOnnx({ model: described, weights: {} });
    expect(write).toThrow(ShapeError);
    expect(write).toThrow(
      'toOnnx: input "photo" leaves dimension 0 open (shape [?,8,3]); compile the model with a shape and give toOnnx the network',
    );
  });

  it("names the layer that cannot be said", () => {
    const described = sequential([3], [softmax({ name: "chances" })]);
    refused.add("softmax");
    try {
      const write = () => toOnnx({ model: described, weights: {} });
      expect(write).toThrow(UnsupportedError);
      expect(write).toThrow('toOnnx: softmax "chances" cannot be said in ONNX (its op "softmax")');
    } finally {
      refused.clear();
    }
  });

  it("refuses to write more than readers take", () => {
    // Zeros that are never touched: they take address space only.
    const kernel = new Float32Array(16_384 * 20_000);
    const described = sequential(
      [16_384],
      [dense({ name: "a", units: 20_000, bias: false }), dense({ name: "b", units: 16_384, bias: false })],
    );
    const write = () => toOnnx({ model: described, weights: { "a.kernel": kernel, "b.kernel": kernel } });
    expect(write).toThrow(UnsupportedError);
    expect(write).toThrow(
      "toOnnx: the file would be longer than 2147483647 bytes, the most that ONNX readers take",
    );
  });
});
