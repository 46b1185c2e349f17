// Every layer and every net through toOnnx and onnxruntime-web, against this engine's own answers:
//   npm run check:onnx -- [part of a name]

import { toOnnx } from "../../src/formats/onnx/index.ts";
import type { Model, Weights } from "../../src/model/schema.ts";
import { sizeOf } from "../../src/tensor.ts";
import { BATCH, exampleOf, factories, TABLE, values } from "../../test/layer-rows.ts";
import { cases } from "../../test/onnx-cases.ts";
import { difference } from "../difference.ts";
import { nets } from "../nets.ts";
import { load } from "../ours.ts";
import { noise } from "../rows.ts";
import { table } from "../table.ts";
import { named } from "../task.ts";
import { installPeers } from "./install.ts";

/** How far an answer may be from ours, relative to the largest value. */
const TOLERANCE = 1e-4;

interface Subject {
  name: string;
  model: Model;
  /** Made from a seed when absent. */
  weights?: Weights;
  batchSize: number;
  /** Numbers for an input of a shape. */
  fill(shape: readonly number[], seed: number): Float32Array;
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
];

installPeers();
const ort = await import("onnxruntime-web");
ort.env.wasm.numThreads = 1;
const { createEngine } = await load();
const engine = await createEngine();

/** The worst output, and how far it is from ours. */
async function check({
  model,
  weights,
  batchSize,
  fill,
}: Subject): Promise<{ error: number; bytes: number }> {
  const net = engine.compile(model, { weights, batchSize, seed: 1, layout: "nchw" });
  const given = model.inputs.map(({ name }, i) => {
    const [c, ...spatial] = [...net.inputShapes[name]].reverse();
    const shape = [batchSize, c, ...spatial.reverse()];
    return { name, shape, data: fill(shape, i) };
  });
  const answer = net.predict<Float32Array | Float32Array[]>(given.map((x) => x.data));
  const ours = [answer].flat();
  const bytes = toOnnx(net);
  net.dispose();

  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  const feeds = given.map((x) => [x.name, new ort.Tensor("float32", x.data, x.shape)] as const);
  const theirs = await session.run(Object.fromEntries(feeds));
  const errors = session.outputNames.map((name, i) =>
    difference(ours[i], theirs[name].data as Float32Array | Int32Array),
  );
  await session.release();
  return { error: errors.length === ours.length ? Math.max(...errors) : Number.NaN, bytes: bytes.length };
}

const part = process.argv.slice(2).join(" ");
const lines: string[][] = [];
let wrong = 0;
for (const subject of named(subjects, part)) {
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
console.log(table(["layer, case or net", "difference", "bytes", ""], lines));
console.log(
  `\n${lines.length - wrong} of ${lines.length} agree with onnxruntime-web to ${TOLERANCE} of the largest value`,
);
if (wrong) process.exitCode = 1;
