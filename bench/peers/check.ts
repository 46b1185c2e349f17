// Every layer and every net through toOnnx and onnxruntime-web, against this engine's own answers; and ONNX files through fromOnnx and
// toOnnx, against theirs:
//   npm run check:onnx -- [part of a name] [--dir=folder of .onnx files]

import { parseArgs } from "node:util";
import { toOnnx } from "../../src/formats/onnx/index.ts";
import type { TrainedModel, Weights } from "../../src/model/schema.ts";
import { sizeOf } from "../../src/tensor.ts";
import { modelOf, numbersOf } from "../../test/imported-row.ts";
import { importedRows } from "../../test/imported-rows.ts";
import { BATCH, exampleOf, factories, TABLE, values } from "../../test/layer-rows.ts";
import { cases } from "../../test/onnx-cases.ts";
import { difference } from "../difference.ts";
import { nets } from "../nets.ts";
import { load } from "../ours.ts";
import { noise } from "../rows.ts";
import { table } from "../table.ts";
import { installPeers } from "./install.ts";
import { type Answer, checkFiles, type Given } from "./round-trips.ts";

/** How far an answer may be from ours, relative to the largest value. */
const TOLERANCE = 1e-4;

interface Subject {
  name: string;
  model: TrainedModel["model"];
  kinds?: TrainedModel["kinds"];
  /** Made from a seed when absent. */
  weights?: Weights;
  batchSize: number;
  /** Numbers for an input of a shape. */
  fill(shape: readonly number[], seed: number): Float32Array | Int32Array;
}

const any = { batchSize: BATCH, fill: (shape: readonly number[], seed: number) => values(shape, seed).data };
const positive: typeof any = { ...any, fill: (shape, seed) => any.fill(shape, seed).map(Math.abs) };
// What the nets' batch norms have been told to expect.
const image = {
  batchSize: 1,
  fill: (shape: readonly number[], seed: number) => noise(sizeOf(shape), seed),
};

const subjects: Subject[] = [
  ...factories.flatMap(([kind, factory]) =>
    [TABLE[kind] ?? []].flat().map((row, i): Subject => {
      const { model, weights } = exampleOf(factory, row);
      return { name: `${kind} ${i + 1}`, model, weights, ...(row.positive ? positive : any) };
    }),
  ),
  ...cases.map(({ name, model, weights }): Subject => ({ name, model, weights, ...any })),
  ...nets.map(({ name, model }): Subject => ({ name, model, ...image })),
  ...importedRows
    .filter(({ refused, notRun }) => !refused && !notRun)
    .map((row): Subject => {
      const fill = (shape: readonly number[], i: number) =>
        row.inputs.length ? numbersOf(row.inputs[i], i) : values(shape, i).data;
      return { name: row.name, ...modelOf(row), batchSize: 1, fill };
    }),
];

const { positionals, values: options } = parseArgs({
  allowPositionals: true,
  options: { dir: { type: "string", multiple: true, default: [] } },
});
const part = positionals.join(" ");

installPeers();
const ort = await import("onnxruntime-web");
ort.env.wasm.numThreads = 1;
const { createEngine } = await load();
const engine = await createEngine();

/** What onnxruntime-web makes of a file. */
async function answerOf(bytes: Uint8Array, given: readonly Given[], asWritten = false): Promise<Answer[]> {
  const options = { executionProviders: ["wasm"] };
  const session = await ort.InferenceSession.create(
    bytes,
    asWritten ? { ...options, graphOptimizationLevel: "disabled" } : options,
  );
  const feeds = given.map(({ name, data, shape }) => {
    const type = data instanceof Int32Array ? "int32" : "float32";
    return [name, new ort.Tensor(type, data, shape)] as const;
  });
  const made = await session.run(Object.fromEntries(feeds));
  const answers = session.outputNames.map((name) => made[name].data);
  await session.release();
  return answers;
}

/** The worst output, and how far it is from ours. */
async function check(subject: Subject): Promise<{ error: number; bytes: number }> {
  const { model, kinds, weights, batchSize, fill } = subject;
  const options = { batchSize, seed: 1, layout: "nchw" } as const;
  // A model with kinds of its own is compiled with them, and has its axes as they are.
  const net = kinds
    ? engine.compile({ model, weights: weights ?? {}, kinds })
    : engine.compile(model, { ...options, weights });
  const given = model.inputs.map(({ name }, i): Given => {
    const own = net.inputShapes[name];
    const [c, ...spatial] = [...own].reverse();
    const shape = model.batch === false ? own : [batchSize, c, ...spatial.reverse()];
    return { name, shape, data: fill(shape, i) };
  });
  const ours = [net.predict<Answer | Answer[]>(given.map((x) => x.data))].flat() as Answer[];
  const bytes = toOnnx(net);
  net.dispose();
  // Its optimiser moves transpositions past operators that it then cannot run: a cubic Resize.
  const theirs = await answerOf(bytes, given, kinds !== undefined);
  const errors = theirs.map((answer, i) => difference(...finite(ours[i], answer)));
  return { error: errors.length === ours.length ? Math.max(...errors) : Number.NaN, bytes: bytes.length };
}

/** Both without what is the same but no number to reckon with: infinite or NaN. */
function finite(ours: Answer, theirs: Answer): [number[], number[]] {
  const odd = (v: number, i: number) => !Number.isFinite(v) && Object.is(v, theirs[i]);
  const kept = Array.from(ours, (v, i) => !odd(v, i));
  return [ours, theirs].map((answer) => Array.from(answer).filter((_, i) => kept[i] ?? true)) as [
    number[],
    number[],
  ];
}

const lines: string[][] = [];
let wrong = 0;
for (const subject of subjects.filter(({ name }) => name.includes(part))) {
  let line: string[];
  try {
    const { error, bytes } = await check(subject);
    const right = error <= TOLERANCE;
    if (!right) wrong++;
    line = [error.toExponential(1), String(bytes), right ? "" : "WRONG"];
  } catch (error) {
    wrong++;
    line = ["–", "–", `FAILED: ${(error as Error).message}`];
  }
  lines.push([subject.name, ...line]);
}
if (lines.length) {
  console.log(table(["layer, case or net", "difference", "bytes", ""], lines));
  console.log(
    `\n${lines.length - wrong} of ${lines.length} agree with onnxruntime-web to ${TOLERANCE} of the largest value\n`,
  );
}
const files = await checkFiles(engine, answerOf, part, options.dir);
wrong += files.wrong;
if (!lines.length && !files.checked) throw new Error(`nothing is named ${JSON.stringify(part)}`);
if (wrong) process.exitCode = 1;
