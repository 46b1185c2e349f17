// The writer of models that readers of ONNX and TensorFlow.js graphs use: what it folds, how axes travel, and when a batch stays open.
import { describe, expect, it } from "vitest";
import { constant } from "../src/formats/import/constant.ts";
import { type FileGraph, GraphSource } from "../src/formats/import/source.ts";
import type { Value } from "../src/formats/import/value.ts";
import type { ModelWriter } from "../src/formats/import/writer.ts";

const floats = (shape: number[], f: (i: number) => number = (i) => i % 7) =>
  constant(
    shape,
    "float",
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => f(i)),
  );

/** A graph with one input, channels first. */
const graphOf = (
  shape: FileGraph["inputs"][0]["shape"],
  write: (w: ModelWriter, x: Value) => Value,
): GraphSource =>
  new GraphSource({
    format: "test",
    inputs: [{ name: "x", shape, type: "float" }],
    outputs: ["y"],
    bytes: 1000,
    write: (w, [x]) => {
      w.enter("node");
      return [write(w, x)];
    },
  });

const kindsOf = (source: GraphSource, shape?: number[]): string[] =>
  source
    .resolve({ shape })
    .model.layers.map(({ kind }) => kind)
    .filter((kind) => kind !== "identity");

const toLast = [0, 2, 3, 1];
const toFirst = [0, 3, 1, 2];

describe("axes", () => {
  it("are transposed at the ends alone where all layers between work on images", () => {
    const source = graphOf([1, 3, 8, 8], (w, x) => {
      const filter = w.known(floats([3, 3, 3, 4]));
      const conv = (v: Value, f: Value) =>
        w.transpose(w.conv(w.transpose(v, toLast), f, undefined, { padding: "same" }), toFirst);
      const a = w.unary("relu", conv(x, filter));
      const b = conv(a, w.known(floats([3, 3, 4, 4])));
      return w.concat([w.arithmetic("add", a, b), a], 1);
    });
    expect(kindsOf(source)).toEqual(["transpose", "conv2d", "relu", "conv2d", "add", "concat", "transpose"]);
  });
});
