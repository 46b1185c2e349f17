// The writer of models that readers of ONNX and TensorFlow.js graphs use: what it folds, how axes travel, and when a batch stays open.
import { describe, expect, it } from "vitest";
import { constant } from "../src/formats/import/constant.ts";
import { type FileGraph, GraphSource } from "../src/formats/import/source.ts";
import type { Value } from "../src/formats/import/value.ts";
import type { ModelWriter } from "../src/formats/import/writer.ts";
import { createEngine } from "../src/index.ts";
import { sizeOf } from "../src/tensor.ts";
import { Random } from "./random.ts";

const floats = (shape: readonly number[], f: (i: number) => number = (i) => ((i * 7) % 11) - 5) =>
  constant(
    shape,
    "float",
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => f(i)),
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

const kindsOf = (source: GraphSource): string[] =>
  source
    .resolve()
    .model.layers.map(({ kind }) => kind)
    .filter((kind) => kind !== "identity");

const toLast = [0, 2, 3, 1];
const toFirst = [0, 3, 1, 2];
const filter = (w: ModelWriter, c: number, oc: number) => w.known(floats([3, 3, c, oc]));
const conv = (w: ModelWriter, x: Value, oc: number): Value =>
  w.transpose(
    w.conv(w.transpose(x, toLast), filter(w, x.shape[1], oc), undefined, { padding: "same" }),
    toFirst,
  );

describe("axes", () => {
  it("are transposed at the ends alone where all layers between work on images", () => {
    const source = graphOf([1, 3, 8, 8], (w, x) => {
      const a = w.unary("relu", conv(w, x, 4));
      const b = w.arithmetic("add", conv(w, a, 4), a);
      const scaled = w.arithmetic("mul", b, w.known(floats([4, 1, 1])));
      const [c, d] = w.split(w.concat([scaled, a], 1), [3, 5], 1);
      return w.concat(
        [
          w.slice(d, [0, 0, 2, 1], [1, 5, 4, 6]),
          w.pad(
            c,
            [
              [0, 0],
              [2, 0],
              [0, -4],
              [-2, 0],
            ],
            "constant",
          ),
        ],
        1,
      );
    });
    expect(kindsOf(source).filter((kind) => kind === "transpose")).toHaveLength(2);
  });

  it("are not transposed for a mean over the pixels, or for a matrix after flattening", () => {
    const flat = graphOf([1, 3, 8, 8], (w, x) =>
      w.matmul(w.reshape(conv(w, x, 4), [1, 256]), w.known(floats([256, 5]))),
    );
    expect(kindsOf(flat)).toEqual(["transpose", "conv2d", "reshape", "dense"]);
    const mean = graphOf([1, 3, 8, 8], (w, x) => w.reduction("mean", conv(w, x, 4), [2, 3], false));
    expect(kindsOf(mean)).toEqual(["transpose", "conv2d", "reduce"]);
  });

  it("are transposed once where channels are shuffled", () => {
    const shuffled = graphOf([1, 3, 8, 8], (w, x) => {
      const grouped = w.reshape(conv(w, x, 6), [1, 2, 3, 8, 8]);
      return conv(w, w.reshape(w.transpose(grouped, [0, 2, 1, 3, 4]), [1, 6, 8, 8]), 2);
    });
    expect(kindsOf(shuffled).filter((kind) => kind === "transpose")).toHaveLength(3);
  });
});

describe("the batch", () => {
  it("stays open where every image is worked on by itself", async () => {
    const source = graphOf([null, 3, 4, 4], (w, x) => w.reshape(conv(w, x, 2), [1, 32]));
    expect(source.resolve().model.batch).toBeUndefined();
    const engine = await createEngine();
    const net = engine.compile(source, { batchSize: 2 });
    const x = Float32Array.from({ length: 3 * 48 }, (_, i) => (i * 5) % 13);
    const all = net.predict<Float32Array>(x);
    expect(all).toHaveLength(3 * 32);
    expect(net.predict<Float32Array>(x.slice(48, 96))).toEqual(all.slice(32, 64));
    engine.dispose();
  });

  it.each<[string, (w: ModelWriter, x: Value) => Value]>([
    ["moved", (w, x) => w.transpose(x, [1, 0, 2])],
    ["joined", (w, x) => w.reshape(x, [3, 4])],
    ["reduced", (w, x) => w.reduction("mean", x, [0], true)],
    ["broadcast", (w, x) => w.arithmetic("add", x, w.known(floats([2, 3, 4])))],
    ["stacked", (w, x) => w.concat([x, x], 0)],
  ])("is fixed where it is %s", async (_, write) => {
    const source = graphOf([1, 3, 4], write);
    const { model } = source.resolve();
    expect(model.batch).toBe(false);
    expect(model.inputs[0].shape).toEqual([1, 3, 4]);
    const engine = await createEngine();
    const net = engine.compile(source);
    expect(() => net.predict(new Float32Array(24))).toThrow("24 values but must have 12, shape [1,3,4]");
    expect(net.summary()).toContain(` ${net.outputShapes[model.outputs[0]].join(" × ")}`);
    expect(net.summary()).toContain("multiply-adds for a run");
    engine.dispose();
  });
});

/** A chain of operators at random, on values whose axes lie anyhow. */
function chain(w: ModelWriter, start: Value, seed: number): Value {
  const numbers = new Random(seed);
  const random = (): number => numbers.next();
  const pick = (n: number): number => numbers.below(n);
  const known = (shape: readonly number[]) => w.known(floats(shape));
  let [x, other] = [start, start];
  for (let step = 0; step < 12; step++) {
    const rank = x.shape.length;
    const axis = pick(rank || 1);
    const before = x;
    switch (pick(11)) {
      case 0: {
        const perm = x.shape.map((_, i) => i).sort(() => random() - 0.5);
        x = w.transpose(x, perm);
        break;
      }
      case 1: {
        // Joins two axes, or splits one.
        const shape = [...x.shape];
        if (pick(2) && rank > 1 && axis + 1 < rank) shape.splice(axis, 2, shape[axis] * shape[axis + 1]);
        else if (rank) {
          const by = [2, 3, 5].find((d) => shape[axis] % d === 0) ?? 1;
          if (rank < 6) shape.splice(axis, 1, by, shape[axis] / by);
        }
        x = w.reshape(x, shape);
        break;
      }
      case 2:
        if (rank < 6) x = w.reshape(x, x.shape.toSpliced(axis, 0, 1));
        break;
      case 3:
        x = w.arithmetic("add", x, known(x.shape.map((d, i) => (i === axis ? d : 1)).slice(pick(rank + 1))));
        break;
      case 4:
        x = w.arithmetic("mul", x, known(x.shape.slice(axis)));
        break;
      case 5:
        if (String(other.shape) === String(x.shape)) x = w.arithmetic("sub", x, other);
        break;
      case 6:
        if (rank > 1) x = w.reduction(pick(2) ? "max" : "sum", x, [axis], pick(2) === 0);
        break;
      case 7:
        if (rank) x = w.concat([x, known(x.shape), x], axis);
        break;
      case 8:
        if (rank && x.shape[axis] > 1) x = w.split(x, [1, x.shape[axis] - 1], axis)[pick(2)];
        break;
      case 9:
        x = w.unary("relu", x);
        break;
      default:
        if (rank) x = w.gather(x, w.ints(pick(2) ? -1 : 0), axis);
    }
    if (sizeOf(x.shape) > 5000) x = before;
    if (pick(3) === 0) other = x;
  }
  return w.reshape(x, [sizeOf(x.shape)]);
}

describe("chains of operators at random", () => {
  it("give as layers what they give as constants", async () => {
    const engine = await createEngine();
    for (let seed = 0; seed < 300; seed++) {
      const shape = [[2, 3, 4, 5], [1, 6, 4], [30], [2, 1, 3, 2, 2]][seed % 4];
      const x = floats(shape, (i) => ((i * 5) % 17) - 8);
      const source = graphOf(shape, (w, value) => chain(w, value, seed));
      let expected: ArrayLike<number> = [];
      graphOf(shape, (w, value) => {
        expected = chain(w, w.known(x), seed).constant!.data;
        return value;
      }).resolve();
      const net = engine.compile(source);
      expect(
        Array.from(net.predict<Float32Array>(x.data as Float32Array), (value) => value + 0),
        `seed ${seed}`,
      ).toEqual(Array.from(expected, (value) => value + 0));
      net.dispose();
    }
    engine.dispose();
  });
});
