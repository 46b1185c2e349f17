// The nets of convolith/nets, and of the benchmarks, are the nets they are named after, and answer as PyTorch's do with its weights.
import { existsSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { nets } from "../bench/nets.ts";
import { noise } from "../bench/rows.ts";
import { ArgumentError } from "../src/errors.ts";
import { concatBytes } from "../src/formats/bytes.ts";
import { writeSafetensors } from "../src/formats/safetensors.ts";
import { Builder } from "../src/model/graph-builder.ts";
import type { Model } from "../src/model/schema.ts";
import {
  denseNet121,
  efficientNetB0,
  loadStateDict,
  mobileNetV2,
  resnet18,
  resnet34,
  resnet50,
  squeezeNet,
  timmNames,
  unet,
  vgg16,
} from "../src/nets/index.ts";
import { Network } from "../src/network/network.ts";
import { builds } from "./harness.ts";
import { floatsOf, type OnnxNode, readOnnx } from "./onnx-reader.ts";
import { relativeL2 } from "./tolerance.ts";

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
      const { layers, graph } = new Builder(zeroed(model), 1);
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

/** PyTorch's names of a net's parameters and running averages. */
const namesOf = (model: Model): readonly string[] =>
  loadStateDict(zeroed(model), {}, { strict: false }).missing;

describe("the names of weights", () => {
  // As many as torchvision's state_dict() holds, without num_batches_tracked: one for every batch norm.
  it.each([
    [
      "ResNet-18",
      122 - 20,
      ["conv1.weight", "layer2.0.downsample.1.running_var", "layer4.1.bn2.bias", "fc.weight"],
    ],
    [
      "ResNet-50",
      320 - 53,
      ["bn1.weight", "layer1.0.downsample.0.weight", "layer3.5.conv3.weight", "fc.bias"],
    ],
    [
      "MobileNetV2",
      314 - 52,
      ["features.1.conv.1.weight", "features.17.conv.3.running_mean", "classifier.1.bias"],
    ],
    ["SqueezeNet 1.1", 52, ["features.0.bias", "features.12.expand3x3.weight", "classifier.1.weight"]],
    ["EfficientNet-B0", 360 - 49, ["features.1.0.block.1.fc2.bias", "features.7.0.block.3.1.weight"]],
    [
      "DenseNet-121",
      727 - 121,
      [
        "features.denseblock3.denselayer24.conv2.weight",
        "features.transition3.norm.weight",
        "features.norm5.bias",
      ],
    ],
    ["VGG-16", 32, ["features.28.weight", "classifier.0.weight", "classifier.3.bias", "classifier.6.weight"]],
  ])("%s has torchvision's", (name, count, some) => {
    const names = namesOf(nets.find((net) => net.name === name)!.model);
    expect(names.length).toBe(count);
    expect(names).toEqual(expect.arrayContaining(some));
  });

  it("timm's are mapped to torchvision's", () => {
    const norm = (name: string) =>
      ["weight", "bias", "running_mean", "running_var"].map((w) => `${name}.${w}`);
    const bothOf = (name: string) => [`${name}.weight`, `${name}.bias`];
    for (const [net, counts, gated] of [
      ["efficientNetB0", [1, 2, 2, 3, 3, 4, 1], true],
      ["mobileNetV2", [1, 2, 3, 4, 3, 3, 1], false],
    ] as const) {
      const names = [
        "conv_stem.weight",
        ...norm("bn1"),
        "conv_head.weight",
        ...norm("bn2"),
        ...bothOf("classifier"),
      ];
      counts.forEach((count, stage) => {
        for (let i = 0; i < count; i++)
          for (const [n, conv] of (stage
            ? ["conv_pw", "conv_dw", "conv_pwl"]
            : ["conv_dw", "conv_pw"]
          ).entries()) {
            const block = `blocks.${stage}.${i}`;
            names.push(`${block}.${conv}.weight`, ...norm(`${block}.bn${n + 1}`));
            if (gated && conv === "conv_dw")
              for (const part of ["conv_reduce", "conv_expand"]) names.push(...bothOf(`${block}.se.${part}`));
          }
      });
      const model = { efficientNetB0, mobileNetV2 }[net]();
      expect(names.map(timmNames[net]).sort()).toEqual([...namesOf(model)].sort());
    }
    expect(timmNames.vgg16("pre_logits.fc1.weight")).toBe("classifier.0.weight");
    expect(timmNames.vgg16("head.fc.bias")).toBe("classifier.6.bias");
    expect(timmNames.efficientNetB0("blocks.0.0.constructor.weight")).toBe("blocks.0.0.constructor.weight");
  });
});

describe("options of nets", () => {
  const parameters = (model: Model): number => {
    const { layers } = new Builder(zeroed(model), 1);
    return layers.reduce((sum, l) => sum + (l.kind === "batchNorm" ? l.parameters / 2 : l.parameters), 0);
  };
  it("change sizes, widths and classes", () => {
    expect(parameters(resnet34())).toBe(21_797_672);
    // The head of 1000 classes has 513,000 of them.
    expect(parameters(resnet18({ classes: 10, inputShape: [32, 48, 1] }))).toBe(
      11_689_512 - 507_870 - 2 * 3136,
    );
    expect(parameters(mobileNetV2({ width: 0.5 }))).toBe(1_968_680);
    expect(parameters(unet())).toBe(31_037_698);
    expect(parameters(unet({ classes: 1, bilinear: true }))).toBe(17_262_977);
    expect(parameters(vgg16({ inputShape: [448, 224, 3] }))).toBe(138_357_544);
    expect(squeezeNet({ inputShape: [null, null, 3] }).inputs[0].shape).toEqual([null, null, 3]);
    const map = new Builder(zeroed(unet({ inputShape: [48, 32, 1], classes: 4 })), 1).outputs[0];
    expect(map.shape).toEqual([1, 48, 32, 4]);
  });

  it.each<[make: (options: never) => Model, options: object, message: string]>([
    [
      resnet18,
      { inputShape: [224, 224] },
      "resnet18: inputShape is [224,224] but must be [height, width, channels]",
    ],
    [resnet50, { inputShape: [224, 224, null] }, "resnet50: inputShape is [224,224,null] but must be"],
    [denseNet121, { classes: 0 }, "denseNet121: classes is 0 but must be"],
    [efficientNetB0, { width: 2 }, 'efficientNetB0: there is no option "width"'],
    [mobileNetV2, { width: 0 }, "mobileNetV2: width is 0 but must be a number above 0"],
    [
      vgg16,
      { inputShape: [200, 224, 3] },
      "vgg16: inputShape is [200,224,3] but height and width must be multiples of 224",
    ],
    [
      unet,
      { inputShape: [null, 40, 3] },
      "unet: inputShape is [null,40,3] but height and width must be multiples of 16",
    ],
  ])("refused with a reason", (make, options, message) => {
    expect(() => make(options as never)).toThrow(message);
    expect(() => make(options as never)).toThrow(ArgumentError);
  });
});

const FOLDER = new URL("../../shared/nets/", import.meta.url);
const FILES = { resnet18: resnet18(), mobilenet_v2: mobileNetV2(), squeezenet1_1: squeezeNet() };
const FOUND = existsSync(FOLDER);
if (!FOUND) console.log("nets: skipped what compares with PyTorch: there is no ../shared/nets");

// Exported by PyTorch with random weights, batch norms folded, beside an input and PyTorch's answer (raw float32, NCHW).
describe.skipIf(!FOUND)(
  "torchvision's own weights, from ../shared/nets (skipped where it is missing)",
  () => {
    const read = (file: string): Uint8Array => readFileSync(new URL(file, FOLDER));
    const floats = (file: string) => new Float32Array(new Uint8Array(read(file)).buffer);

    for (const { name: build, engine } of BUILDS)
      for (const [file, model] of Object.entries(FILES))
        it(`${file} answers as PyTorch does (${build})`, async () => {
          const source = writeSafetensors({ tensors: stateDictOf(read(`${file}.onnx`)), metadata: {} });
          using net = new Network(await engine, loadStateDict(model, source), { layout: "nchw" });
          const answer = net.predict(floats(`${file}.x.bin`)) as Float32Array;
          expect(relativeL2(answer, floats(`${file}.y.bin`))).toBeLessThan(1e-5);
        });

    it.each([
      ["F16", 1e-3],
      ["BF16", 1e-2],
    ] as const)(
      "squeezenet1_1 and resnet18 answer nearly so with weights stored as %s",
      async (dtype, bound) => {
        for (const file of ["squeezenet1_1", "resnet18"] as const) {
          const source = halvesOf(stateDictOf(read(`${file}.onnx`)), dtype);
          using net = new Network(await BUILDS[0].engine, loadStateDict(FILES[file], source), {
            layout: "nchw",
          });
          const answer = net.predict(floats(`${file}.x.bin`)) as Float32Array;
          const difference = relativeL2(answer, floats(`${file}.y.bin`));
          expect(difference).toBeLessThan(bound);
          // The weights were rounded.
          expect(difference).toBeGreaterThan(1e-5);
        }
      },
    );
  },
);

type Tensors = Record<string, { shape: number[]; data: Float32Array }>;

/**
 * The state dict of the net that a file was exported from. Filters that were folded with a batch norm are named by the module that
 * their node was made of, and the norm adds the bias and divides by a deviation of 1.
 */
function stateDictOf(file: Uint8Array): Tensors {
  const { nodes, initializers } = readOnnx(file);
  const aliases = new Map(nodes.filter((n) => n.op === "Identity").map((n) => [n.outputs[0], n.inputs[0]]));
  const tensors: Tensors = {};
  for (const node of nodes) {
    if (node.op !== "Conv" && node.op !== "Gemm") continue;
    const [filter, bias] = node.inputs.slice(1).map((name) => {
      const { dims, ...rest } = initializers.get(aliases.get(name) ?? name)!;
      return { name, shape: dims, data: floatsOf({ dims, ...rest }) };
    });
    if (filter.name.endsWith(".weight")) {
      for (const { name, ...tensor } of [filter, bias]) tensors[name] = tensor;
      continue;
    }
    const conv = moduleOf(node);
    const norm = conv.replace(/conv(\d)$/, "bn$1").replace(/\.(\d+)$/, (_, n) => `.${+n + 1}`);
    const same = (value: number) => ({
      shape: bias.shape,
      data: new Float32Array(bias.data.length).fill(value),
    });
    tensors[`${conv}.weight`] = { shape: filter.shape, data: filter.data };
    tensors[`${norm}.weight`] = same(1);
    tensors[`${norm}.bias`] = { shape: bias.shape, data: bias.data };
    tensors[`${norm}.running_mean`] = same(0);
    tensors[`${norm}.running_var`] = same(1 - 1e-5);
  }
  return tensors;
}

/** "/features/features.0/features.0.0/Conv_output_0" was made by the module "features.0.0". */
function moduleOf({ outputs: [output] }: OnnxNode): string {
  const path = output.split("/").slice(1, -1);
  return path.filter((part, i) => !path[i + 1]?.startsWith(`${part}.`)).join(".");
}

/** A safetensors file of the tensors, rounded to 16 bits. */
function halvesOf(tensors: Tensors, dtype: "F16" | "BF16"): Uint8Array {
  const header: Record<string, unknown> = {};
  const pieces: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    // A half has eight bits less of exponent and thirteen of fraction: scaled, its subnormal numbers are those of float32.
    const scaled = data.slice();
    if (dtype === "F16") for (let i = 0; i < scaled.length; i++) scaled[i] *= 2 ** -112;
    const bits = new Uint32Array(scaled.buffer, scaled.byteOffset, scaled.length);
    const shift = dtype === "F16" ? 13 : 16;
    const halves = new Uint16Array(bits.length);
    for (let i = 0; i < bits.length; i++)
      halves[i] = (((bits[i] & 0x7fffffff) + 2 ** (shift - 1)) >>> shift) | ((bits[i] >>> 16) & 0x8000);
    header[name] = { dtype, shape, data_offsets: [offset, offset + halves.byteLength] };
    pieces.push(new Uint8Array(halves.buffer));
    offset += halves.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(new BigUint64Array([BigInt(text.length)]).buffer);
  return concatBytes([length, text, ...pieces]);
}
