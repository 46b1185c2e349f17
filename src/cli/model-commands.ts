// The commands for model files: what is in one, what it says about a picture, how fast it is, and the same model in another format.
import { toOnnx } from "../formats/onnx/index.ts";
import {
  type CompileOptions,
  createEngine,
  type Engine,
  type Network,
  type Shape,
  ShapeError,
  UnsupportedError,
} from "../index.ts";
import { imageInput, imageOf, topClasses } from "./classify.ts";
import { readPicture, writerOf } from "./codecs.ts";
import { type Command, command, type Options, UsageError, type Values } from "./command.ts";
import { readBytes, STREAM, writeBytes } from "./files.ts";
import type { Host } from "./host.ts";
import { type ModelFile, readModelFile } from "./model-file.ts";
import { type Progress, progressOf } from "./progress.ts";

const SIZES = {
  shape: {
    kind: "text",
    value: "sizes",
    about: 'sizes the file leaves open: "3,224,224", or by input "image=1,3,640,640;scale=1"',
  },
  batch: { kind: "integer", value: "n", about: "images per run; default 1" },
} as const satisfies Options;

const THREADS = {
  threads: { kind: "integer", value: "n", about: "threads to compute with; default 1" },
} as const satisfies Options;

const JSON_OPTION = {
  json: { kind: "flag", about: "print JSON, for other programs" },
} as const satisfies Options;

/** "1,3,8,8", or "a=1,3;b=4". */
function shapeOf(text: string | undefined): CompileOptions["shape"] {
  if (text === undefined) return undefined;
  const sizes = (list: string): Shape =>
    list.split(/[,x]/).map((size) => {
      if (!/^\s*\d+\s*$/.test(size))
        throw new UsageError(`--shape is ${JSON.stringify(text)} but must be sizes such as 3,224,224`);
      return Number(size);
    });
  if (!text.includes("=")) return sizes(text);
  return Object.fromEntries(
    text.split(";").map((part) => {
      const at = part.lastIndexOf("=");
      if (at < 1) throw new UsageError(`--shape: ${JSON.stringify(part)} must be input=sizes`);
      return [part.slice(0, at).trim(), sizes(part.slice(at + 1))];
    }),
  );
}

const optionsOf = ({ shape, batch }: Values<typeof SIZES>): CompileOptions => ({
  shape: shapeOf(shape),
  ...(batch !== undefined && { batchSize: batch }),
});

function compiled(engine: Engine, { source }: ModelFile, sizes: Values<typeof SIZES>): Network {
  try {
    return engine.compile(source, optionsOf(sizes));
  } catch (error) {
    // The library names its option; here it has another form.
    if (error instanceof ShapeError && sizes.shape === undefined && /open/.test(error.message))
      throw new UsageError(`${error.message.split("; give")[0]}; say how large, as in --shape 3,224,224`);
    throw error;
  }
}

/** A model that was read and compiled, and how long that took, in milliseconds. */
interface Loaded {
  readonly file: ModelFile;
  readonly net: Network;
  readonly engine: Engine;
  readonly ms: { readonly read: number; readonly compile: number };
  readonly progress: Progress;
}

/** Reads a file, compiles it, and hands it to `use`, which has so many stages of its own; the engine is gone afterwards. */
async function withNetwork<T>(
  path: string | undefined,
  { threads = 1, ...sizes }: Values<typeof SIZES & typeof THREADS>,
  host: Host,
  stages: number,
  use: (loaded: Loaded) => Promise<T> | T,
): Promise<T> {
  const progress = await progressOf(host, 2 + stages);
  try {
    progress.begin("reading the model");
    const start = performance.now();
    const file = await readModelFile(path, host);
    const read = performance.now() - start;
    const engine = await createEngine({ threads });
    try {
      progress.begin(`compiling ${megabytes(file.bytes)}`);
      const before = performance.now();
      const net = compiled(engine, file, sizes);
      return await use({ file, net, engine, ms: { read, compile: performance.now() - before }, progress });
    } finally {
      engine.dispose();
    }
  } finally {
    progress.end();
  }
}

const show = (shape: readonly (number | string | null)[]): string =>
  `[${shape.map((d) => d ?? "?").join(", ")}]`;

const megabytes = (bytes: number): string =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

const inspect = command({
  about: "Tells what is in a model file: inputs, outputs, layers, parameters, multiply-adds.",
  usage: "model.onnx",
  files: 1,
  options: { ...SIZES, ...JSON_OPTION },
  examples: ["inspect model.onnx", "inspect model.json --shape 224,224,3", "inspect net.safetensors --json"],
  async run({ values: { json, ...sizes }, files: [path], host }) {
    const file = await readModelFile(path, host);
    const { format, inputs, outputs, bytes } = file;
    const engine = await createEngine();
    try {
      const net = compiled(engine, file, sizes);
      const { inputShapes, outputShapes, parameters, multiplyAdds, batchSize } = net;
      if (json) {
        const layers = net.model.layers.map(({ name, kind, config, inputs }) => ({
          name,
          kind,
          config,
          inputs,
        }));
        const ends = { inputs: inputShapes, outputs: outputShapes, declared: inputs };
        const report = { format, bytes, ...ends, batchSize, batch: net.model.batch !== false };
        host.stdout(
          `${JSON.stringify({ ...report, parameters, multiplyAdds, memory: net.bytes, layers }, null, 2)}\n`,
        );
        return;
      }
      const list = (shapes: Readonly<Record<string, Shape>>): string =>
        Object.entries(shapes)
          .map(([name, shape]) => `  ${name} ${show(shape)}`)
          .join("\n");
      const batch =
        net.model.batch === false ? "without a batch: shapes have all axes" : "for each image of a batch";
      host.stdout(
        `${format} file of ${megabytes(bytes)}\ninputs, ${batch}:\n${list(inputShapes)}\noutputs:\n${list(outputShapes)}\n\n${net.summary()}\n`,
      );
    } catch (error) {
      // What cannot be compiled can still be told about.
      const report = { format, bytes, inputs, outputs, unsupported: error instanceof UnsupportedError };
      if (json) host.stdout(`${JSON.stringify({ ...report, error: (error as Error).message }, null, 2)}\n`);
      else {
        const declared = inputs.map(({ name, shape }) => `  ${name} ${show(shape)}`).join("\n");
        host.stdout(
          `${format} file of ${megabytes(bytes)}\ninputs, as the file has them:\n${declared}\noutputs: ${outputs.join(", ")}\n`,
        );
      }
      throw error;
    } finally {
      engine.dispose();
    }
  },
});

const RANGES = ["imagenet", "unit", "symmetric", "bytes"] as const;

const run = command({
  about: "Runs a model on a picture: the likeliest classes, or the picture or numbers it gives.",
  usage: "model.onnx --image cat.png",
  files: 1,
  options: {
    image: { kind: "text", short: "i", value: "file", about: "the picture, .png or .jpg" },
    top: { kind: "integer", value: "n", about: "how many classes are listed; default 5" },
    labels: { kind: "text", value: "file", about: "names of the classes, a line each, or a JSON list" },
    range: {
      kind: "text",
      value: "name",
      words: RANGES,
      about: "what bytes become; default unit, 0 to 1",
    },
    output: {
      kind: "text",
      short: "o",
      value: "file",
      about: "write a picture the model makes, .png or .jpg",
    },
    ...SIZES,
    ...THREADS,
    ...JSON_OPTION,
  },
  examples: [
    "run resnet18.onnx --image cat.png --range imagenet --labels imagenet.txt --top 3",
    "run upscaler/model.json --image small.png --shape 64,64,3 --range bytes -o large.png",
  ],
  async run({ values, files: [path], host }) {
    const { image, top = 5, labels, range = "unit", output, json, batch, ...rest } = values;
    if (image === undefined) throw new UsageError("name a picture, as in --image cat.png");
    if (batch !== undefined) throw new UsageError("--batch is of no use: there is one picture");
    if (top < 1) throw new UsageError(`--top is ${top} but must be at least 1`);
    const write = output === undefined ? undefined : await writerOf(output, undefined);
    const { image: picture } = await readPicture(image, host);
    const names = labels === undefined ? undefined : labelsOf(await readBytes(labels, host));
    await withNetwork(path, rest, host, 1, async ({ net, engine, progress }) => {
      progress.begin("computing");
      const input = imageInput(engine, net, picture, range as (typeof RANGES)[number]);
      const start = performance.now();
      const results = [net.predict<Float32Array | Float32Array[]>(input)].flat() as Float32Array[];
      const ms = performance.now() - start;
      progress.end();
      const shapes = Object.entries(net.outputShapes);
      if (write) {
        const [[name, shape]] = shapes;
        const made = imageOf(results[0], shape, range as (typeof RANGES)[number]);
        if (!made)
          throw new UsageError(
            `the output "${name}" ${show(shape)} is no picture, so -o has nothing to write`,
          );
        await write(made, host);
      }
      const outputs = shapes.map(([name, shape], i) => ({
        name,
        shape,
        ...topClasses(results[i], shape, top, names),
      }));
      if (json) {
        const values = outputs.map((out, i) => ({ ...out, values: Array.from(results[i]) }));
        host.stdout(`${JSON.stringify({ ms, outputs: values }, null, 2)}\n`);
        return;
      }
      for (const { name, shape, classes, range } of outputs) {
        host.stdout(
          `${name} ${show(shape)}: values from ${range.map((value) => value.toPrecision(4)).join(" to ")}\n`,
        );
        for (const { index, label, probability } of classes ?? [])
          host.stdout(`  ${(100 * probability).toFixed(2).padStart(6)} %  ${label ?? `class ${index}`}\n`);
      }
      host.stderr(`computed in ${ms.toFixed(1)} ms\n`);
    });
  },
});

/** A line for each class, or a JSON list or object of them. */
function labelsOf(bytes: Uint8Array): string[] {
  const text = new TextDecoder().decode(bytes);
  if (!/^\s*[[{]/.test(text)) return text.split(/\r?\n/).filter((line) => line.trim() !== "");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`--labels: this is no JSON: ${(error as Error).message}`);
  }
  // Keras has { "0": ["n01440764", "tench"], ... }.
  return Object.values(json as object).map((entry) =>
    Array.isArray(entry) ? String(entry.at(-1)) : String(entry),
  );
}

const bench = command({
  about: "Measures a model on noise: milliseconds of a run, and of its slowest layers.",
  usage: "model.onnx",
  files: 1,
  options: {
    runs: { kind: "integer", value: "n", about: "how many runs are timed; default 30" },
    layers: { kind: "flag", about: "list every layer" },
    ...SIZES,
    ...THREADS,
    ...JSON_OPTION,
  },
  examples: ["bench model.onnx --threads 2", "bench model.json --shape 64,64,3 --layers"],
  async run({ values: { runs = 30, layers = false, json, ...rest }, files: [path], host }) {
    if (runs < 1) throw new UsageError(`--runs is ${runs} but must be at least 1`);
    await withNetwork(path, rest, host, 1, ({ net, file: { format, bytes }, ms, progress }) => {
      progress.begin(`measuring ${runs} runs${host.terminal ? aboutTime(net, runs) : ""}`);
      const profile = net.profile(undefined, { runs });
      progress.end();
      const seconds = profile.ms / 1000;
      const { batchSize, multiplyAdds } = net;
      const rate = { imagesPerSecond: batchSize / seconds, gflops: (2 * multiplyAdds) / seconds / 1e9 };
      if (json) {
        const report = {
          format,
          bytes,
          batchSize,
          threads: rest.threads ?? 1,
          runs,
          readMs: ms.read,
          compileMs: ms.compile,
        };
        host.stdout(
          `${JSON.stringify({ ...report, ms: profile.ms, ...rate, layers: profile.layers }, null, 2)}\n`,
        );
        return;
      }
      const slowest = [...profile.layers].sort((a, b) => b.ms - a.ms).slice(0, layers ? undefined : 10);
      const shown = layers ? profile.layers : slowest;
      for (const { name, kind, algorithm, ms, share } of shown)
        host.stdout(
          `${ms.toFixed(3).padStart(9)} ms ${(100 * share).toFixed(1).padStart(5)} %  ${name} (${kind}${algorithm && `, ${algorithm}`})\n`,
        );
      host.stdout(
        `${profile.ms.toFixed(2)} ms a run of ${batchSize} (${rate.imagesPerSecond.toFixed(1)} per second, ${rate.gflops.toFixed(1)} GFLOP/s); ` +
          `read in ${ms.read.toFixed(0)} ms, compiled in ${ms.compile.toFixed(0)} ms\n`,
      );
    });
  },
});

/** How long so many runs will take, by one. */
function aboutTime(net: Network, runs: number): string {
  const { ms } = net.profile(undefined, { runs: 1 });
  return `, about ${((ms * runs) / 1000).toPrecision(2)} s`;
}

const convert = command({
  about: "Writes a model in another format: ONNX, or safetensors with the description in it.",
  usage: "in.onnx out.safetensors",
  files: 2,
  options: { ...SIZES },
  examples: ["convert keras/model.json model.onnx", "convert model.onnx model.safetensors --shape 3,224,224"],
  async run({ values, files: [from, to], host }) {
    if (to === undefined)
      throw new UsageError("name the file to write: convolith convert in.onnx out.safetensors");
    const format = /\.(onnx|safetensors)$/i.exec(to)?.[1].toLowerCase();
    if (!format && to !== STREAM)
      throw new UsageError(
        `${JSON.stringify(to)} must end in .onnx or .safetensors: these formats can be written`,
      );
    await withNetwork(from, values, host, 1, ({ net, file, progress }) => {
      progress.begin(`writing ${to}`);
      const bytes = format === "onnx" ? toOnnx(net) : net.save();
      writeBytes(to, bytes, host);
      progress.end();
      host.stderr(`${file.format}, ${megabytes(file.bytes)} -> ${to}, ${megabytes(bytes.length)}\n`);
    });
  },
});

export const MODEL_COMMANDS: Readonly<Record<string, Command>> = { inspect, run, bench, convert };
