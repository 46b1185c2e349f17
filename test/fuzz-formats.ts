// Damaged files of every format that is read: each gives a value or a ConvolithError, soon, and takes little memory. What can be read is
// compiled and predicts, in an engine of little memory that must be as it was afterwards.
import { readFileSync } from "node:fs";
import { ConvolithError } from "../src/errors.ts";
import { fromSafetensors } from "../src/formats/checkpoint.ts";
import { fromOnnx } from "../src/formats/onnx/from-onnx.ts";
import { loadStateDict } from "../src/formats/state-dict.ts";
import { fromTfjs } from "../src/formats/tfjs/index.ts";
import { add, concat, conv2d, dense, dropout, flatten, globalAvgPool, split } from "../src/layers/index.ts";
import { input, loadModel, model, sequential } from "../src/model/build-model.ts";
import type { Model, ModelSource, TrainedModel } from "../src/model/schema.ts";
import { Network } from "../src/network/network.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { make } from "../src/runtime/wasm.ts";
import { adam } from "../src/training/optimizers.ts";
import { resume } from "../src/training/resume.ts";
import { graphMutant } from "./fuzz-graph.ts";
import { onnxMutant } from "./fuzz-onnx.ts";
import { exampleOf, factories, TABLE } from "./layer-rows.ts";
import { layersModel } from "./layers-model.ts";
import { mutateBytes, mutateJson, mutateText, stringify } from "./mutate.ts";
import { Random } from "./random.ts";

export const FORMATS = [
  "safetensors",
  "checkpoint",
  "state-dict",
  "model",
  "tfjs",
  "tfjs-graph",
  "onnx",
] as const;
export type Format = (typeof FORMATS)[number];

/** One damaged file. */
interface Mutant {
  /** Bytes of the file. */
  readonly size: number;
  read(runtime: Runtime): void;
}

/** What became of a mutant. */
export interface Outcome {
  /** "read" or the name of an error. */
  readonly kind: string;
  /** What is wrong with that, if something is. */
  readonly defect?: string;
  readonly ms: number;
  /** Bytes taken from JavaScript's memory while it was read. */
  readonly taken: number;
}

const MB = 2 ** 20;
/** No mutant may take longer, in milliseconds, */
export const MOST_MS = 2000;
/** or more memory than this and 20 times the file. */
const MOST_BYTES = 64 * MB;
/** 64 KB each: what the engine's memory may grow to. */
const PAGES = 512;
/** A network of more values or multiply-adds is compiled and not run. */
const MOST_VALUES = 2 ** 18;
const MOST_WORK = 2 ** 26;

/** An engine whose memory ends soon. */
async function smallEngine(): Promise<Runtime> {
  const bytes = readFileSync("build/simd.wasm");
  const memory = new WebAssembly.Memory({ initial: 1, maximum: PAGES });
  return new Runtime((await make(bytes, memory)).instance);
}

/** Compiles what was read, and predicts once where that is little work. */
function use(runtime: Runtime, source: Model | TrainedModel | ModelSource, batchSize = 1): void {
  const { inputs } = "model" in source ? source.model : source;
  const open = "resolve" in source ? batchSize : 6;
  const shape = Object.fromEntries(
    inputs.map((x) => [x.name, x.shape.map((d) => (typeof d === "number" ? d : open))]),
  );
  using net = new Network(runtime, source, { seed: 1, shape, batchSize });
  const batch = net.model.batch === false ? 1 : batchSize;
  const sizes = net.model.inputs.map((x) => (x.shape as number[]).reduce((a, b) => a * b, batch));
  if (net.multiplyAdds > MOST_WORK || sizes.reduce((a, b) => a + b, 0) > MOST_VALUES) return;
  net.predict(
    sizes.map((size, i) =>
      net.model.inputs[i].dtype === "int32" ? new Int32Array(size).fill(1) : new Float32Array(size).fill(0.5),
    ),
  );
}

type Json = Record<string, unknown>;

/** A safetensors file of that header, which may be anything, and those values. */
function safetensors(header: string, values: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + values.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(values, 8 + text.length);
  return file;
}

/** Damages a safetensors file: its bytes, its header, or the JSON in its metadata. */
function mutateFile(file: Uint8Array, random: Random): Uint8Array {
  if (random.chance(0.25)) return mutateBytes(file, random);
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const text = new TextDecoder().decode(file.subarray(8, 8 + length));
  const values = file.subarray(8 + length);
  if (random.chance(0.1)) return safetensors(mutateText(text, random), values);
  const header = JSON.parse(text) as Json;
  const metadata = header.__metadata__ as Record<string, string> | undefined;
  if (!metadata || random.chance(0.4)) return safetensors(stringify(mutateJson(header, random)), values);
  const key = random.pick(Object.keys(metadata).filter((name) => name !== "format"));
  metadata[key] = random.chance(0.1)
    ? mutateText(metadata[key], random)
    : stringify(mutateJson(JSON.parse(metadata[key]), random));
  return safetensors(JSON.stringify(header), values);
}

/** PyTorch's weights of the first of the small networks. */
function stateDictFile(): Uint8Array {
  const shapes = { "c.weight": [3, 2, 3, 3], "c.bias": [3], "dense_1.weight": [3, 48], "dense_1.bias": [3] };
  let end = 0;
  const entries = Object.entries(shapes).map(([name, shape], i) => {
    const [dtype, bytes] = i % 2 ? ["F32", 4] : ["F16", 2];
    const begin = end;
    end += shape.reduce((a, b) => a * b) * (bytes as number);
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  return safetensors(JSON.stringify(Object.fromEntries(entries)), new Uint8Array(end).fill(0x30));
}

const TRAIN = { loss: "softmaxCrossEntropy", batchSize: 2 } as const;

/** Small files of every format, and how one is damaged and read. */
class Corpus {
  readonly #saved: Uint8Array[] = [];
  readonly #checkpoints: { model: Model; file: Uint8Array }[] = [];
  readonly #state: { model: Model; file: Uint8Array };
  readonly #models: Model[] = [];
  readonly #tfjs: { model: unknown; weights: Uint8Array }[];

  constructor(runtime: Runtime) {
    for (const [name, factory] of factories)
      for (const row of [TABLE[name]].flat()) if (row) this.#models.push(exampleOf(factory, row).model);
    this.#models.push(...nets());
    for (const description of nets()) {
      using net = new Network(runtime, description, { seed: 1 });
      this.#saved.push(net.save());
    }
    const one = { dtype: "I8", shape: [3], data_offsets: [0, 3] };
    const two = { dtype: "F16", shape: [2, 1], data_offsets: [3, 7] };
    this.#saved.push(safetensors(JSON.stringify({ __metadata__: { a: "1" }, one, two }), new Uint8Array(7)));
    const classifier = nets()[0];
    this.#state = { model: classifier, file: stateDictFile() };
    using trained = new Network(runtime, classifier, { seed: 1, train: { ...TRAIN, optimizer: adam() } });
    trained.trainStep({ x: new Float32Array(2 * 72).fill(0.1), y: [0, 1] });
    this.#checkpoints.push({ model: classifier, file: trained.save({ optimizer: true }) });
    const fixtures: { model: unknown; weights: string }[] = JSON.parse(
      readFileSync("test/fixtures/tfjs/models.json", "utf8"),
    );
    this.#tfjs = fixtures.map((x) => ({
      model: x.model,
      weights: new Uint8Array(Buffer.from(x.weights, "base64")),
    }));
  }

  mutant(format: Format, random: Random): Mutant {
    switch (format) {
      case "safetensors": {
        const file = mutateFile(random.pick(this.#saved), random);
        return { size: file.length, read: (runtime) => use(runtime, fromSafetensors(file)) };
      }
      case "checkpoint": {
        const { model, file } = random.pick(this.#checkpoints);
        const mutant = mutateFile(file, random);
        return {
          size: mutant.length,
          read(runtime) {
            using net = new Network(runtime, model, { seed: 2 });
            if (random.chance(0.2)) net.load(mutant);
            else resume(net, mutant);
            net.predict(new Float32Array(72).fill(0.5));
            if (random.chance(0.2)) net.trainStep({ x: new Float32Array(2 * 72).fill(0.1), y: [0, 1] });
          },
        };
      }
      case "state-dict": {
        const { model, file } = this.#state;
        const mutant = mutateFile(file, random);
        const options = { strict: random.chance(0.5), prefix: random.pick(["", "", "c."]) };
        return {
          size: mutant.length,
          read: (runtime) => use(runtime, loadStateDict(model, mutant, options)),
        };
      }
      case "model": {
        const json = mutateJson(random.pick(this.#models), random);
        const text = stringify(json);
        return { size: text.length, read: (runtime) => use(runtime, loadModel(JSON.parse(text))) };
      }
      case "onnx": {
        const { file, external } = onnxMutant(random);
        const given = random.chance(0.5) ? file : file.slice().buffer;
        return {
          size: file.length,
          read: (runtime) => use(runtime, fromOnnx(given, { external }), random.pick([1, 1, 2])),
        };
      }
      case "tfjs-graph": {
        const { text, weights } = graphMutant(random);
        return {
          size: text.length + weights.length,
          read: (runtime) => use(runtime, fromTfjs(text, weights), random.pick([1, 1, 2])),
        };
      }
      case "tfjs": {
        const { model, weights } = random.pick(this.#tfjs);
        const json = random.chance(0.05) ? model : mutateJson(model, random);
        const whole = stringify(json);
        const text = random.chance(0.1) ? mutateText(whole, random) : whole;
        const bytes = random.chance(0.2) ? mutateBytes(weights, random) : weights;
        const given = random.chance(0.2) ? { "weights.bin": bytes, "group1-shard1of1.bin": bytes } : bytes;
        const file = random.chance(0.5) ? text : new TextEncoder().encode(text);
        return {
          size: text.length + bytes.length,
          read: (runtime) => use(runtime, layersModel(file, given as Uint8Array<ArrayBuffer>)),
        };
      }
    }
  }
}

/** Small networks that use what files can say. */
function nets(): Model[] {
  const x = input([6, 6, 2], { name: "x" });
  const shared = conv2d({
    filters: 2,
    kernel: 3,
    padding: "same",
    activation: { kind: "leakyRelu", alpha: 0.1 },
  });
  const [a, b] = split({ sizes: [1, 1] })(shared(shared(x))).outputs(2);
  return [
    sequential(
      [6, 6, 2],
      [conv2d({ filters: 3, kernel: 3, name: "c" }), flatten(), dropout({ rate: 0.5 }), dense({ units: 3 })],
    ),
    model({ inputs: [x], outputs: [globalAvgPool()(add()(a, b)), concat()(b, a)] }),
  ];
}

export class FormatFuzzer {
  readonly #runtime: Runtime;
  readonly #corpus: Corpus;

  private constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#corpus = new Corpus(runtime);
  }

  static async create(): Promise<FormatFuzzer> {
    return new FormatFuzzer(await smallEngine());
  }

  /** Makes a mutant and reads it. The same seed and number make the same mutant. */
  run(format: Format, seed: number, number: number): Outcome {
    const mutant = this.#corpus.mutant(format, new Random(seed, number));
    const { memory } = this.#runtime;
    const live = memory.use.live;
    const before = taken();
    const start = performance.now();
    let kind = "read";
    let defect: string | undefined;
    try {
      mutant.read(this.#runtime);
    } catch (error) {
      kind = (error as Error)?.name ?? String(error);
      if (!(error instanceof ConvolithError)) defect = (error as Error)?.stack ?? String(error);
    }
    const ms = performance.now() - start;
    const bytes = taken() - before;
    if (ms > MOST_MS) defect ??= `${kind} took ${Math.round(ms)} ms`;
    if (bytes > MOST_BYTES + 20 * mutant.size)
      defect ??= `${kind} took ${Math.round(bytes / MB)} MB for a file of ${mutant.size} bytes`;
    if (memory.use.live !== live)
      defect ??= `${kind} left ${memory.use.live - live} bytes of linear memory behind`;
    if (Object.keys(Object.prototype).length) defect ??= `${kind} changed Object.prototype`;
    return { kind, defect, ms, taken: bytes };
  }
}

/** Bytes of objects and buffers that JavaScript holds. */
function taken(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** What a run found, by format. */
export interface Tally {
  mutants: number;
  /** How many came to each kind of outcome. */
  readonly kinds: Record<string, number>;
  slowest: { ms: number; mutant: number };
  /** The most bytes that one mutant took. */
  taken: number;
  readonly defects: { mutant: number; defect: string }[];
}

export const newTally = (): Tally => ({
  mutants: 0,
  kinds: {},
  slowest: { ms: 0, mutant: 0 },
  taken: 0,
  defects: [],
});

export function count(tally: Tally, mutant: number, { kind, defect, ms, taken }: Outcome): void {
  tally.mutants++;
  tally.kinds[kind] = (tally.kinds[kind] ?? 0) + 1;
  if (ms > tally.slowest.ms) tally.slowest = { ms, mutant };
  tally.taken = Math.max(tally.taken, taken);
  if (defect) tally.defects.push({ mutant, defect });
}

/** So many mutants of each format. A hang hangs this, too: `npm run fuzz` watches over it. */
export async function fuzzFormats(options: {
  mutants: number;
  seed: number;
}): Promise<Record<Format, Tally>> {
  const fuzzer = await FormatFuzzer.create();
  const tallies = FORMATS.map((format) => {
    const tally = newTally();
    for (let n = 0; n < options.mutants; n++) count(tally, n, fuzzer.run(format, options.seed, n));
    return [format, tally] as const;
  });
  return Object.fromEntries(tallies) as Record<Format, Tally>;
}
