import { beforeAll, describe, expect, it } from "vitest";
import { ArgumentError, ConvolithError, DisposedError } from "../src/errors.ts";
import * as layers from "../src/layers/index.ts";
import { type Initializer, initialize } from "../src/layers/initializers.ts";
import type { Layer, SymbolicTensor } from "../src/layers/layer.ts";
import { input, model, sequential } from "../src/model/build-model.ts";
import type { Model } from "../src/model/schema.ts";
import { type CompileOptions, Network } from "../src/network/network.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { type Shape, sizeOf, Tensor } from "../src/tensor.ts";
import { builds } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

const { add, argMax, batchNorm, concat, conv2d, convTranspose2d, dense, depthwiseConv2d, flatten, identity } =
  layers;
const {
  leakyRelu,
  maxPool2d,
  mul,
  relu,
  rescale,
  reshape,
  separableConv2d,
  sigmoid,
  softmax,
  split,
  sub,
  tanh,
} = layers;

function scramble(i: number, seed: number): number {
  let h = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 13)) >>> 0;
}
/** Whole numbers from −4 to 4. */
const whole = (length: number, seed = 1): Float32Array =>
  Float32Array.from({ length }, (_, i) => (scramble(i, seed) % 9) - 4);
/** Between −1 and 1. */
const noise = (length: number, seed = 1): Float32Array =>
  Float32Array.from({ length }, (_, i) => scramble(i, seed) / 2 ** 31 - 1);

/** The same network with other weights; variances stay positive. */
function compile(
  runtime: Runtime,
  described: Model,
  values: (length: number, seed: number) => Float32Array,
  options: CompileOptions = {},
): Network {
  const fresh = new Network(runtime, described, options);
  fresh.dispose();
  const weights = Object.entries(fresh.weights).map(([name, { length }], i) => {
    const data = values(length, 100 + i);
    return [name, name.endsWith("variance") ? data.map((v) => Math.abs(v) + 0.5) : data] as const;
  });
  return new Network(runtime, described, { ...options, weights: Object.fromEntries(weights) });
}

/** Several outputs, typed as what they are. */
const outputsOf = (net: Network, inputs: Float32Array | Float32Array[]): Float32Array[] =>
  [net.predict(inputs) as Float32Array | Float32Array[]].flat();

const tensor = (
  runtime: Runtime,
  shape: Shape,
  data: ArrayLike<number>,
  dtype: "float32" | "int32" = "float32",
): Tensor => {
  const t = new Tensor(runtime, { shape, dtype }, "test");
  t.write(data);
  return t;
};

/** [h, w, c] maps and a vector out of them, in small whole numbers. */
const small = sequential(
  [6, 5, 3],
  [
    conv2d({ filters: 4, kernel: 3, padding: "same", activation: "relu" }),
    maxPool2d({ size: 2 }),
    flatten(),
    dense({ units: 7 }),
  ],
);

/** The cells of `summary()` by layer and column. */
function rowsOf(net: Network): Record<string, Record<string, string>> {
  const [head, rule, ...lines] = net.summary().split("\n");
  const columns = [...rule.matchAll(/─+/g)].map(
    ({ index, 0: { length } }) =>
      (line: string) =>
        line.slice(index, index + length).trim(),
  );
  const titles = columns.map((cell) => cell(head));
  const rows = lines.slice(0, lines.indexOf(rule)).map((line) => columns.map((cell) => cell(line)));
  return Object.fromEntries(
    rows.map((cells) => [cells[0], Object.fromEntries(cells.map((cell, i) => [titles[i], cell]))]),
  );
}

const BUILDS = builds();
// Workers must have started before the first test: these tests block the event loop for longer than workers may take to start.
beforeAll(() => Promise.all(BUILDS.map(({ engine }) => engine)));

for (const { name, engine } of BUILDS)
  describe(`network (${name})`, () => {
    const back = async (test: (runtime: Runtime) => void): Promise<void> => {
      const runtime = await engine;
      const before = runtime.memory.use.live;
      test(runtime);
      expect(runtime.memory.use.live).toBe(before);
    };

    it("predicts what its layers say", () =>
      back((runtime) => {
        const net = compile(runtime, small, whole, { batchSize: 2 });
        const x = { shape: [2, 6, 5, 3], data: whole(180) };
        const w = (key: string, shape: number[]) => ({ shape, data: net.weights[key] });
        const [map] = oracle.conv([x, w("conv2d_1.kernel", [3, 3, 3, 4]), w("conv2d_1.bias", [4])], {
          stride: [1, 1],
          dilation: [1, 1],
          padding: "same",
          paddingMode: "zeros",
          groups: 1,
          activation: { kind: "relu" },
        });
        const pool = {
          kernel: [2, 2],
          stride: [2, 2],
          dilation: [1, 1],
          padding: "valid",
          ceilMode: false,
        } as const;
        const [flat] = oracle.flatten(oracle.maxPool([map], pool));
        const [want] = oracle.dense([flat, w("dense_1.kernel", [24, 7]), w("dense_1.bias", [7])]);
        expectEqual(net.predict(x.data), want.data);
        net.dispose();
      }));

    it("takes any number of images, whatever the batch", () =>
      back((runtime) => {
        const images = whole(7 * 90);
        const one = compile(runtime, small, whole);
        const want = one.predict(images);
        expect(want).toHaveLength(49);
        for (const batch of [1, 2, 3, 7, 8]) {
          const net = compile(runtime, small, whole, { batchSize: batch });
          for (const n of [1, 2, 3, 6, 7]) {
            expect(net.predict(images.slice(0, n * 90))).toEqual(want.slice(0, n * 7));
            expect(net.predict([...images.slice(0, n * 90)])).toEqual(want.slice(0, n * 7));
          }
          net.dispose();
        }
        one.dispose();
      }));

    it("gives tensors for tensors", () =>
      back((runtime) => {
        const net = compile(runtime, small, whole, { batchSize: 2 });
        const images = whole(5 * 90);
        const x = tensor(runtime, [5, 6, 5, 3], images);
        const y = net.predict(x);
        expect([y.shape, y.dtype]).toEqual([[5, 7], "float32"]);
        expect(y.data()).toEqual(net.predict(images));
        expect(x.data()).toEqual(images);
        for (const t of [x, y]) t.dispose();
        net.dispose();
      }));

    it("takes and gives several values, in order or by name", () =>
      back((runtime) => {
        const [a, b] = [input([3], { name: "a" }), input([2, 2], { name: "b" })];
        const described = model({
          inputs: [a, b],
          outputs: [relu()(b), relu()(a), argMax({ name: "best" })(a)],
        });
        const net = new Network(runtime, described, { batchSize: 2 });
        const u = Float32Array.of(1, -2, 3, 9, 8, -7, -3, -2, -1);
        const v = whole(12);
        const want = [v.map((x) => Math.max(x, 0)), u.map((x) => Math.max(x, 0)), Int32Array.of(2, 0, 2)];
        expect(net.predict([u, v])).toEqual(want);
        expect(net.predict({ b: v, a: u })).toEqual(want);
        for (const inputs of [[u, v], { b: v, a: u }]) {
          const outs = { best: new Int32Array(3), relu_2: new Float32Array(9), relu_1: new Float32Array(12) };
          net.run(inputs, outs);
          expect([outs.relu_1, outs.relu_2, outs.best]).toEqual(want);
          const list = [new Float32Array(12), new Float32Array(9), new Int32Array(3)];
          net.run(inputs, list);
          expect(list).toEqual(want);
        }
        const given = [tensor(runtime, [3, 3], u), tensor(runtime, [3, 2, 2], v)];
        const tensors = net.predict<Tensor[]>(given);
        expect(tensors.map((t) => [...t.shape, t.dtype])).toEqual([
          [3, 2, 2, "float32"],
          [3, 3, "float32"],
          [3, "int32"],
        ]);
        expect(tensors.map((t) => t.data())).toEqual(want);
        for (const t of [...given, ...tensors, net]) t.dispose();
      }));

    it("runs into arrays of the caller's", () =>
      back((runtime) => {
        const net = compile(runtime, small, whole, { batchSize: 2 });
        const images = whole(5 * 90);
        const want = net.predict(images);
        const out = new Float32Array(35).fill(Number.NaN);
        net.run(images, out);
        expect(out).toEqual(want);
        net.run([images], { dense_1: out.fill(0) });
        expect(out).toEqual(want);
        net.dispose();
      }));

    it("converts channels-first arrays at the boundary", () =>
      back((runtime) => {
        const x = input([3, 4, 2], { name: "x" });
        const z = input([5], { name: "z" });
        const y = conv2d({ filters: 3, kernel: 2 })(x);
        const described = model({ inputs: [x, z], outputs: [y, flatten()(y), identity()(z)] });
        const [last, first] = (["nhwc", "nchw"] as const).map((layout) =>
          compile(runtime, described, whole, { layout, batchSize: 2 }),
        );
        const toFirst = (data: Float32Array, [h, w, c]: number[]): Float32Array =>
          data.map((_, i) => {
            const [n, k, p] = [Math.floor(i / (h * w * c)), Math.floor(i / (h * w)) % c, i % (h * w)];
            return data[(n * h * w + p) * c + k];
          });
        const [images, vectors] = [whole(3 * 24), whole(15)];
        const [map, flat, rest] = outputsOf(last, [images, vectors]);
        const got = outputsOf(first, [toFirst(images, [3, 4, 2]), vectors]);
        expect(got).toEqual([toFirst(map, [2, 3, 3]), flat, rest]);
        const into = [new Float32Array(54), new Float32Array(54), new Float32Array(15)];
        first.run([toFirst(images, [3, 4, 2]), vectors], into);
        expect(into).toEqual(got);
        // Tensors are channels last in any case.
        const given = [tensor(runtime, [3, 3, 4, 2], images), tensor(runtime, [3, 5], vectors)];
        const tensors = first.predict<Tensor[]>(given);
        expect(tensors.map((t) => t.data())).toEqual([map, flat, rest]);
        for (const t of [...given, ...tensors, last, first]) t.dispose();
      }));

    const PRODUCTS: [what: string, layer: (config: object) => Layer, shape: number[], algorithm?: string][] =
      [
        ["conv2d", (c) => conv2d({ filters: 6, kernel: 3, padding: "same", ...c }), [5, 6, 3]],
        ["conv2d of 70 by 133", (c) => conv2d({ filters: 133, kernel: 1, ...c }), [2, 3, 70]],
        ["conv2d in tiles of 4x4", (c) => conv2d({ filters: 20, kernel: 3, ...c }), [6, 8, 36], "winograd4"],
        [
          "conv2d in tiles of 2x2",
          (c) => conv2d({ filters: 20, kernel: 3, padding: "same", ...c }),
          [2, 2, 36],
          "winograd2",
        ],
        ["conv2d of 5x5", (c) => conv2d({ filters: 20, kernel: 5, ...c }), [8, 7, 20], "winograd2k5"],
        [
          "conv2d without bias",
          (c) => conv2d({ filters: 6, kernel: 3, groups: 3, bias: false, ...c }),
          [5, 6, 3],
        ],
        [
          "depthwiseConv2d",
          (c) => depthwiseConv2d({ kernel: 3, multiplier: 2, ...c }),
          [5, 6, 4],
          "depthwise",
        ],
        ["depthwiseConv2d of a picture", (c) => depthwiseConv2d({ kernel: 3, ...c }), [5, 6, 3], "direct"],
        ["separableConv2d", (c) => separableConv2d({ filters: 5, kernel: 3, ...c }), [5, 6, 4]],
        [
          "convTranspose2d",
          (c) => convTranspose2d({ filters: 6, kernel: 3, stride: 2, groups: 2, ...c }),
          [3, 4, 4],
        ],
        [
          "convTranspose2d of single channels",
          (c) => convTranspose2d({ filters: 4, kernel: 3, groups: 4, ...c }),
          [3, 4, 4],
          "depthwise",
        ],
        [
          "convTranspose2d of a large window",
          (c) => convTranspose2d({ filters: 5, kernel: 12, ...c }),
          [2, 2, 4],
          "scatter",
        ],
        ["dense", (c) => dense({ units: 9, ...c }), [4, 5]],
      ];
    for (const [what, layer, shape, algorithm] of PRODUCTS) {
      it(`folds batch normalisation into ${what}`, () =>
        back((runtime) => {
          const x = input(shape);
          const product = layer({ name: "product" })(x);
          const normed = relu()(batchNorm({ name: "norm", epsilon: 0.25 })(product));
          const folded = compile(runtime, model({ inputs: x, outputs: normed }), noise, { batchSize: 2 });
          // As an output of the network the product must stay as it is.
          const apart = compile(runtime, model({ inputs: x, outputs: [normed, product] }), noise, {
            batchSize: 2,
          });
          expect(folded.weights).toEqual(apart.weights);
          if (algorithm) expect(rowsOf(folded).product.algorithm).toBe(algorithm);
          const images = noise(2 * sizeOf(shape), 7);
          // What may be summed on the way to a small sum: Winograd's sums have larger terms.
          const terms = algorithm?.startsWith("winograd") ? 15 : 3;
          const compare = (): void => {
            const [want, sums] = outputsOf(apart, images);
            // The fold scales weights before the sum and not after: a few roundings of |sum| + |shift|.
            const {
              "norm.gamma": gamma,
              "norm.variance": variance,
              "norm.mean": mean,
              "norm.beta": beta,
            } = apart.weights;
            const bound = Float64Array.from(sums, (v, i) => {
              const c = i % gamma.length;
              const size =
                (Math.abs(v) + terms + Math.abs(mean[c])) * Math.abs(gamma[c] / Math.sqrt(variance[c])) +
                Math.abs(beta[c]);
              return 64 * oracle.ROUNDOFF * size;
            });
            expectWithin(folded.predict(images), want, bound);
          };
          compare();
          const others = Object.entries(apart.weights).map(([name, data]) => [
            name,
            data.map((v) => 1.5 * v),
          ]);
          for (const net of [folded, apart]) net.weights = Object.fromEntries(others);
          compare();
          // Where they are trained weights lie in linear memory, and are packed as they lie there.
          for (const net of [folded, apart])
            for (const weight of Object.values(net.variables)) weight.write(weight.data().map((v) => v / 2));
          compare();
          expect(rowsOf(folded).norm.bytes).toBe("");
          expect(rowsOf(apart).norm.bytes).not.toBe("");
          for (const net of [folded, apart]) net.dispose();
        }));

      it(`fuses activations into ${what}`, () =>
        back((runtime) => {
          for (const kind of ["relu", "relu6", "leakyRelu", "gelu", "tanh"] as const) {
            const x = input(shape);
            const product = layer({})(x);
            const images = noise(sizeOf(shape), 7);
            const inside = compile(runtime, sequential(shape, [layer({ activation: kind })]), noise);
            const after = compile(
              runtime,
              sequential(shape, [layer({}), layers.activation({ activation: kind })]),
              noise,
            );
            const outputs = [layers.activation({ activation: kind })(product), product];
            const apart = compile(runtime, model({ inputs: x, outputs }), noise);
            const [want] = outputsOf(apart, images);
            expect(inside.predict(images)).toEqual(want);
            expect(after.predict(images)).toEqual(want);
            for (const net of [inside, after, apart]) net.dispose();
          }
        }));
    }

    it("folds and fuses what one layer does for two readers only where nobody else looks", () =>
      back((runtime) => {
        const x = input([4, 4, 3]);
        const shared = conv2d({ filters: 3, kernel: 1, name: "shared" });
        const once = relu()(batchNorm({ name: "norm" })(shared(x)));
        const twice = shared(once);
        const ends = [tanh()(twice), sigmoid()(twice), relu()(relu()(shared(once)))];
        const net = compile(runtime, model({ inputs: x, outputs: ends }), noise);
        const w = (key: string, shape: number[]) => ({ shape, data: net.weights[key] });
        const kernel = [w("shared.kernel", [1, 1, 3, 3]), w("shared.bias", [3])];
        const params = {
          stride: [1, 1],
          dilation: [1, 1],
          padding: "valid",
          paddingMode: "zeros",
          groups: 1,
        } as const;
        const images = noise(48, 9);
        const [first] = oracle.conv([{ shape: [1, 4, 4, 3], data: images }, ...kernel], params);
        const norm = ["gamma", "beta", "mean", "variance"].map((key) => w(`norm.${key}`, [3]));
        const [middle] = oracle.activation(oracle.batchNorm([first, ...norm], { epsilon: 1e-5 }), {
          kind: "relu",
        });
        const [second] = oracle.conv([middle, ...kernel], params);
        outputsOf(net, images).forEach((got, i) => {
          const [want] = oracle.activation([second], { kind: ["tanh", "sigmoid", "relu"][i] });
          expectWithin(got, want.data, 1e-5);
        });
        net.dispose();
      }));

    it("needs two maps for a chain of twenty, and one where layers work in place", () =>
      back((runtime) => {
        const mapBytes = 16 * 16 * 8 * 4;
        const chain = (layer: () => Layer) =>
          new Network(runtime, sequential([16, 16, 8], Array.from({ length: 20 }, layer)));
        const [convs, maps] = [chain(() => conv2d({ filters: 8, kernel: 1 })), chain(() => leakyRelu())];
        if (!runtime.checked) {
          expect(convs.bytes.run).toBe(2 * mapBytes);
          expect(maps.bytes.run).toBe(mapBytes);
        }
        for (const net of [convs, maps]) net.dispose();
      }));

    it("hands out inputs, inner values and one value twice", () =>
      back((runtime) => {
        const x = input([4], { name: "x" });
        const unused = input([3], { name: "unused" });
        const [a, b] = [relu({ name: "a" })(x), rescale({ name: "b", scale: -1 })(x)];
        const sum = add({ name: "sum" })(a, b, x);
        const described = model({
          inputs: [x, unused],
          outputs: [x, a, sum, a, reshape({ shape: [0, 2, 2], name: "square" })(a)],
        });
        const net = new Network(runtime, described);
        expect(net.outputShapes).toEqual({ x: [4], a: [4], sum: [4], square: [2, 2] });
        const values = Float32Array.of(1, -2, 3, -4);
        const positive = Float32Array.of(1, 0, 3, 0);
        for (let again = 0; again < 2; again++)
          expect(net.predict([values, new Float32Array(3)])).toEqual([
            values,
            positive,
            positive,
            positive,
            positive,
          ]);
        expect(values).toEqual(Float32Array.of(1, -2, 3, -4));
        net.dispose();
      }));

    it("reads and writes tensors and arrays in turn, and leaves its inputs as they are", () =>
      back((runtime) => {
        // The first layer works in place, and values leave by more doors than one.
        const x = input([4], { name: "x" });
        const a = tanh()(x);
        const described = model({
          inputs: x,
          outputs: [a, identity()(x), reshape({ shape: [0, 2, 2] })(a), relu()(sigmoid()(a)), a],
        });
        const net = new Network(runtime, described, { batchSize: 2 });
        for (const images of [2, 1, 5, 2, 4]) {
          const values = noise(images * 4, images);
          const want = outputsOf(net, values);
          const t = tensor(runtime, [images, 4], values);
          const [predicted, ran] = [
            net.predict<Tensor[]>([t]),
            want.map((v) =>
              tensor(
                runtime,
                [v.length],
                v.map(() => 9),
              ),
            ),
          ];
          net.run([t], ran);
          for (const outs of [predicted, ran]) expect(outs.map((out) => out.data())).toEqual(want);
          expect(t.data()).toEqual(values);
          for (const gone of [t, ...predicted, ...ran]) gone.dispose();
          expect(outputsOf(net, values)).toEqual(want);
        }
        net.dispose();
      }));

    it("refuses, or copies, a tensor that is input and output at once", () =>
      back((runtime) => {
        const net = new Network(
          runtime,
          sequential([6, 6, 4], [maxPool2d({ size: 3, stride: 1, padding: 1 })]),
        );
        const values = noise(144);
        const want = net.predict(values);
        const t = tensor(runtime, [1, 6, 6, 4], values);
        let refused: unknown;
        try {
          net.run(t, t);
        } catch (error) {
          refused = error;
        }
        if (refused) expect(refused).toBeInstanceOf(ArgumentError);
        expect(t.data()).toEqual(refused ? values : want);
        for (const gone of [t, net]) gone.dispose();
      }));

    it("keeps an output that was made in place while later layers run", () =>
      back((runtime) => {
        const x = input([8, 8, 4]);
        const copy = () => maxPool2d({ size: 1 });
        const early = tanh()(sigmoid()(copy()(x)));
        const late = copy()(copy()(copy()(x)));
        const both = new Network(runtime, model({ inputs: x, outputs: [early, late] }));
        const alone = new Network(runtime, model({ inputs: x, outputs: early }));
        const images = noise(256);
        expect(both.predict(images)).toEqual([alone.predict(images), images]);
        for (const net of [both, alone]) net.dispose();
      }));

    it("shares memory between values of any graph without harm", () =>
      back((runtime) => {
        for (let seed = 0; seed < 150; seed++) {
          const { x, nodes } = graph(seed);
          const images = noise(2 * 32, seed);
          // As outputs all values live to the end, each in a place of its own.
          const all = compile(runtime, model({ inputs: x, outputs: nodes }), noise, { batchSize: 2 });
          const want = outputsOf(all, images);
          const picked = nodes
            .map((_, i) => i)
            .filter((i) => i === nodes.length - 1 || scramble(i, seed) % 4 === 0);
          const described = model({ inputs: x, outputs: picked.map((i) => nodes[i]) });
          const held = new Set(described.layers.map((l) => l.name));
          const weights = Object.fromEntries(
            Object.entries(all.weights).filter(([key]) => held.has(key.split(".")[0])),
          );
          const some = new Network(runtime, described, { batchSize: 2, weights });
          for (let again = 0; again < 2; again++)
            expect([seed, ...outputsOf(some, images)]).toEqual([seed, ...picked.map((i) => want[i])]);
          for (const net of [all, some]) net.dispose();
        }
      }));

    it("refuses what it cannot take", () =>
      back((runtime) => {
        const net = new Network(runtime, small, { batchSize: 2 });
        const other = tensor(runtime, [1, 5, 6, 3], new Float32Array(90));
        const integers = tensor(runtime, [1, 6, 5, 3], new Int32Array(90), "int32");
        const gone = tensor(runtime, [1, 6, 5, 3], new Float32Array(90));
        gone.dispose();
        const x = new Float32Array(90);
        const any = (value: unknown) => value as Float32Array;
        const REFUSED: [run: () => unknown, message: string][] = [
          [
            () => net.predict(new Float32Array(91)),
            'predict: input "input_1" has 91 values, which is not a whole number of images of [6,5,3] = 90 values',
          ],
          [() => net.predict(new Float32Array(0)), 'predict: input "input_1" has 0 values'],
          [() => net.predict([x, x]), 'predict: got a list of 2 but needs "input_1"'],
          [() => net.predict({ x }), 'predict: "input_1" is missing'],
          [() => net.predict(any(undefined)), "predict: got undefined but needs"],
          [() => net.predict(any(null)), "predict: got null but needs"],
          [() => net.predict(any("image")), 'predict: got "image" but needs'],
          [
            () => net.predict(other),
            'predict: input "input_1" has shape [1,5,6,3] but must have shape [n,6,5,3]',
          ],
          [() => net.predict(integers), 'predict: input "input_1" is int32 but must be float32'],
          [
            () => net.run(x, new Float32Array(8)),
            'run: output "dense_1" has room for 8 values but 1 images of 7 make 7',
          ],
          [
            () => net.run(x, new Int32Array(7)),
            'run: output "dense_1" is an Int32Array of 7 but must be a Float32Array',
          ],
          [
            () => net.run(x, any(new Float64Array(7))),
            'run: output "dense_1" is a Float64Array of 7 but must be a Float32Array',
          ],
          [() => net.run(x, any(undefined)), "run: got undefined but needs"],
          [() => net.run(x, { y: x }), 'run: "dense_1" is missing'],
        ];
        for (const [run, message] of REFUSED) {
          expect(run).toThrow(message);
          expect(run).toThrow(ConvolithError);
        }
        expect(() => net.predict(gone)).toThrow(DisposedError);
        for (const t of [net, other, integers]) t.dispose();
      }));

    it("refuses several inputs that do not agree", () =>
      back((runtime) => {
        const [a, b] = [input([2], { name: "a" }), input([3], { name: "b" })];
        const net = new Network(runtime, model({ inputs: [a, b], outputs: concat()(a, b) }));
        expect(() => net.predict([new Float32Array(4), new Float32Array(3)])).toThrow(
          'input "b" has 1 images but "a" has 2',
        );
        expect(() => net.predict(new Float32Array(5))).toThrow(
          'predict: got one but needs "a", "b": a list of 2',
        );
        net.dispose();
      }));

    it("refuses weights and options that do not fit", () =>
      back((runtime) => {
        const described = sequential([4], [dense({ units: 3, name: "a" })]);
        const kernel = new Float32Array(12);
        const bias = new Float32Array(3);
        const REFUSED: [options: CompileOptions, message: string][] = [
          [{ weights: { "a.kernel": kernel } }, 'dense "a": the weights hold no "a.bias" (shape [3])'],
          [
            { weights: { "a.kernel": bias, "a.bias": bias } },
            'dense "a": weight "a.kernel" has 3 values but shape [4,3] holds 12',
          ],
          [
            { weights: { "a.kernel": kernel, "a.bias": bias, "b.bias": bias } },
            'compile: weights hold "b.bias", which no layer takes',
          ],
          [{ batchSize: 0 }, "compile: batchSize is 0 but must be an integer of at least 1"],
          [{ batchSize: 1.5 }, "compile: batchSize is 1.5"],
          [{ seed: 0.5 }, "compile: seed is 0.5 but must be an integer"],
          [{ layout: "chwn" as "nchw" }, 'compile: layout is "chwn" but must be "nhwc" or "nchw"'],
        ];
        for (const [options, message] of REFUSED) {
          expect(() => new Network(runtime, described, options)).toThrow(ConvolithError);
          expect(() => new Network(runtime, described, options)).toThrow(message);
        }
        const folded = sequential([2, 3], [layers.reduce({ kind: "sum", axes: [0] })]);
        expect(() => new Network(runtime, folded)).toThrow("whose first axis is not the batch of 1");
      }));

    it("takes a trained model, and options before it", () =>
      back((runtime) => {
        const described = sequential([2], [dense({ units: 1, name: "a" })]);
        const trained = {
          model: described,
          weights: { "a.kernel": Float32Array.of(2, 3), "a.bias": Float32Array.of(1) },
        };
        const [net, other] = [
          new Network(runtime, trained),
          new Network(runtime, trained, { weights: { ...trained.weights, "a.bias": Float32Array.of(7) } }),
        ];
        expect([net, other].map((n) => [...n.predict([10, 100])])).toEqual([[321], [327]]);
        for (const n of [net, other]) n.dispose();
      }));

    it("gives its memory back, once, and is of no use afterwards", () =>
      back((runtime) => {
        const before = runtime.memory.use.live;
        const net = new Network(runtime, small);
        expect(runtime.memory.use.live - before).toBeGreaterThanOrEqual(net.bytes.kept + net.bytes.run);
        expect(net.disposed).toBe(false);
        net.dispose();
        net[Symbol.dispose]();
        expect(net.disposed).toBe(true);
        expect(() => net.predict(new Float32Array(90))).toThrow(
          new DisposedError("predict: the network has been disposed"),
        );
        expect(() => net.run(new Float32Array(90), new Float32Array(7))).toThrow(DisposedError);
      }));
  });

/** A graph of twelve layers or so over maps of [2, 4, 4], wired by chance. */
function graph(seed: number): { x: SymbolicTensor; nodes: SymbolicTensor[] } {
  let i = 0;
  const chance = (n: number): number => scramble(i++, seed) % n;
  const x = input([2, 4, 4]);
  const nodes: SymbolicTensor[] = [];
  const name = (): string => `layer${nodes.length}`;
  const any = (): SymbolicTensor =>
    chance(12) === 0 || !nodes.length ? x : nodes[nodes.length - 1 - Math.min(chance(4), nodes.length - 1)];
  const MAKE: (() => SymbolicTensor)[] = [
    () => conv2d({ name: name(), filters: 4, kernel: 3, padding: "same" })(any()),
    () => conv2d({ name: name(), filters: 4, kernel: 1, activation: "relu" })(any()),
    () => depthwiseConv2d({ name: name(), kernel: 3, padding: 1 })(any()),
    () => tanh()(any()),
    () => relu()(any()),
    () => leakyRelu()(any()),
    () => rescale({ scale: 0.5, offset: 0.25 })(any()),
    () => softmax()(any()),
    () => maxPool2d({ size: 3, stride: 1, padding: 1 })(any()),
    () => add()(any(), any()),
    () => sub()(any(), any(), any()),
    () => mul()(any(), any()),
    () => reshape({ shape: [0, 2, 4, 4] })(tanh()(flatten()(any()))),
    () => identity()(any()),
    () =>
      concat({ axis: 1 })(
        split({ axis: 1, sizes: [1, 1] })(any())
          .outputs(2)
          .reverse(),
      ),
    () => layers.groupNorm({ name: name(), groups: 2 })(any()),
  ];
  for (let n = 8 + chance(8); n > 0; n--) nodes.push(MAKE[chance(MAKE.length)]());
  return { x, nodes };
}

describe("a summary", () => {
  const block = (filters: number) => conv2d({ filters, kernel: 3, padding: "same", activation: "relu" });
  const pool = () => maxPool2d({ size: 2 });
  const vgg = sequential(
    [32, 32, 3],
    [
      block(16),
      block(16),
      pool(),
      depthwiseConv2d({ kernel: 3, padding: "same" }),
      block(32),
      pool(),
      flatten(),
      dense({ units: 64, activation: "relu" }),
      dense({ units: 10, activation: "softmax" }),
    ],
  );
  // Columns: parameters, multiply-adds of one image, output, algorithm; kernel² · in · out (+ out), times pixels.
  const WANT: [layer: string, parameters: number, multiplyAdds: number, output: string, algorithm: string][] =
    [
      ["conv2d_1", 9 * 3 * 16 + 16, 1024 * 9 * 3 * 16, "32 × 32 × 16", "gemm"],
      ["conv2d_2", 9 * 16 * 16 + 16, 1024 * 9 * 16 * 16, "32 × 32 × 16", "winograd4"],
      ["maxPool2d_1", 0, 0, "16 × 16 × 16", ""],
      ["depthwiseConv2d_1", 9 * 16 + 16, 256 * 9 * 16, "16 × 16 × 16", "depthwise"],
      ["conv2d_3", 9 * 16 * 32 + 32, 256 * 9 * 16 * 32, "16 × 16 × 32", "winograd4"],
      ["maxPool2d_2", 0, 0, "8 × 8 × 32", ""],
      ["flatten_1", 0, 0, "2048", ""],
      ["dense_1", 2048 * 64 + 64, 2048 * 64, "64", "gemm"],
      ["dense_2", 64 * 10 + 10, 64 * 10, "10", "gemm"],
    ];

  for (const batch of [1, 4])
    it(`says what every layer is, for a batch of ${batch}`, async () => {
      const net = new Network(await builds()[0].engine, vgg, { batchSize: batch });
      const rows = rowsOf(net);
      expect(Object.keys(rows)).toEqual(WANT.map(([layer]) => layer));
      let total = 0;
      let parametersInAll = 0;
      for (const [layer, parameters, multiplyAdds, output, algorithm] of WANT) {
        const row = rows[layer];
        expect(row).toMatchObject({ kind: layer.split("_")[0], output, algorithm });
        expect(Number(row.parameters.replaceAll(",", ""))).toBe(parameters);
        expect(close(row["multiply-adds"], multiplyAdds * batch)).toBe(true);
        // A layer holds its weights, and little more: panels are filled up, tables tell where pixels lie.
        if (parameters) expect(number(row.bytes)).toBeGreaterThanOrEqual(parameters * 4 * 0.99);
        total += multiplyAdds * batch;
        parametersInAll += parameters;
      }
      expect(net.multiplyAdds).toBe(total);
      const [adds, bytes] = net.summary().split("\n").slice(-2);
      expect(adds).toMatch(
        new RegExp(
          `^${parametersInAll.toLocaleString("en-US")} parameters, .* multiply-adds for a batch of ${batch}$`,
        ),
      );
      expect(close(/parameters, (.*) multiply/.exec(adds)![1], total)).toBe(true);
      const [, kept, run] = /^(.*)B of weights and tables, (.*)B of activations and scratch$/.exec(bytes)!;
      expect(close(kept, net.bytes.kept) && close(run, net.bytes.run)).toBe(true);
      net.dispose();
    });

  /** "1.23 M" as a number. */
  function number(text: string): number {
    const [digits, unit = ""] = text.trim().split(" ");
    return Number(digits) * { "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 }[unit]!;
  }
  /** Three digits are shown. */
  function close(text: string, value: number): boolean {
    return Math.abs(number(text || "0") - value) <= value * 0.005;
  }
});

describe("initialisation", () => {
  const CHECKSUMS = ["94781027", "89a72e14", "d3dd4200", "eedfae62"];
  const FIRST = [0.0237280186265707, 1.1539890766143799, -0.7633554935455322, -0.8688516616821289];
  const SHAPE = [3, 3, 64, 96];
  const [fanIn, fanOut, count] = [9 * 64, 9 * 96, sizeOf(SHAPE)];
  const glorot = 2 / (fanIn + fanOut);
  const he = 2 / fanIn;

  const mean = (data: ArrayLike<number>, f = (v: number) => v): number =>
    Array.from(data, f).reduce((a, b) => a + b, 0) / data.length;
  /** Correlation of two equally long, zero-mean rows; about 1 / sqrt(n) when they have nothing to do with each other. */
  const correlation = (a: Float32Array, b: Float32Array): number =>
    mean(a.map((v, i) => v * b[i])) / Math.sqrt(mean(a, (v) => v * v) * mean(b, (v) => v * v));
  const chance = 5 / Math.sqrt(count);

  const KINDS: [init: Initializer, variance: number, kurtosis: number, most: number][] = [
    ["glorotUniform", glorot, 9 / 5, Math.sqrt(3 * glorot)],
    ["heUniform", he, 9 / 5, Math.sqrt(3 * he)],
    ["glorotNormal", glorot, 3, 6 * Math.sqrt(glorot)],
    ["heNormal", he, 3, 6 * Math.sqrt(he)],
  ];
  for (const [init, variance, kurtosis, most] of KINDS)
    it(`${String(init)} has the variance, the tails and the independence it should`, () => {
      const data = initialize(init, SHAPE, 1, "w");
      expect(data).toHaveLength(count);
      expect(Math.abs(mean(data))).toBeLessThan(chance * Math.sqrt(variance));
      expect(mean(data, (v) => v * v) / variance).toBeCloseTo(1, 1.5);
      expect(mean(data, (v) => v ** 4) / variance ** 2 / kurtosis).toBeCloseTo(1, 1);
      const largest = Math.max(...data.map(Math.abs));
      expect(largest).toBeLessThanOrEqual(most);
      expect(largest).toBeGreaterThan(most * 0.6);
      for (const lag of [1, 2, 3, 64, 96])
        expect(Math.abs(correlation(data.subarray(lag), data.subarray(0, -lag)))).toBeLessThan(chance);
      for (const seed of [0, 2, 3, -1, 2 ** 31])
        expect(Math.abs(correlation(data, initialize(init, SHAPE, seed, "w")))).toBeLessThan(chance);
      for (const name of ["v", "w2", "a.kernel"])
        expect(Math.abs(correlation(data, initialize(init, SHAPE, 1, name)))).toBeLessThan(chance);
    });

  it("knows constants, and vectors", () => {
    expect([...initialize("zeros", [3], 1, "w")]).toEqual([0, 0, 0]);
    expect([...initialize("ones", [2, 1], 1, "w")]).toEqual([1, 1]);
    expect([...initialize({ constant: 0.25 }, [2], 1, "w")]).toEqual([0.25, 0.25]);
    expect(new Set(initialize("heNormal", [1000], 1, "w")).size).toBeGreaterThan(990);
  });

  it("makes the same bits on every host", () => {
    // FNV-1a over the bits of the floats.
    const checksum = (data: Float32Array): string => {
      let h = 0x811c9dc5;
      for (const word of new Uint32Array(data.buffer)) h = Math.imul(h ^ word, 0x01000193);
      return (h >>> 0).toString(16);
    };
    const inits = ["glorotUniform", "glorotNormal", "heUniform", "heNormal"] as const;
    expect(inits.map((init) => checksum(initialize(init, [3, 3, 16, 32], 42, "stem.kernel")))).toEqual(
      CHECKSUMS,
    );
    expect([...initialize("glorotUniform", [2, 2], 0, "dense_1.kernel")]).toEqual(FIRST);
  });

  it("of a network follows the seed and nothing else", async () => {
    const runtime = await builds()[0].engine;
    const described = sequential(
      [6],
      [
        dense({ units: 5, kernelInitializer: "heNormal" }),
        relu(),
        dense({ units: 5, biasInitializer: { constant: 3 } }),
      ],
    );
    const weights = (seed?: number) => {
      const net = new Network(runtime, described, { seed });
      net.dispose();
      return net.weights;
    };
    expect(weights(7)).toEqual(weights(7));
    expect(weights()).toEqual(weights(0));
    expect(weights(7)["dense_1.kernel"]).toEqual(initialize("heNormal", [6, 5], 7, "dense_1.kernel"));
    expect(weights(7)["dense_1.kernel"]).not.toEqual(weights(8)["dense_1.kernel"]);
    expect([...weights()["dense_1.bias"], ...weights()["dense_2.bias"]]).toEqual([
      0, 0, 0, 0, 0, 3, 3, 3, 3, 3,
    ]);
  });
});
