// Tensors of size zero against PyTorch's: test/fixtures/torch/empty.json, made by scripts/torch/empty.py. No kernel may see a buffer of
// no bytes, and nothing is allocated for what is empty.
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { conv2dGrad, denseGrad, gradients } from "../src/eager/gradients.ts";
import { Engine } from "../src/engine/engine.ts";
import { gaussianBlur } from "../src/image/index.ts";
import { conv2d, dense, flatten, relu, slice } from "../src/layers/index.ts";
import { LOSS_KINDS, type LossKind } from "../src/layers/loss-options.ts";
import { takesClasses } from "../src/layers/losses.ts";
import { sequential } from "../src/model/build-model.ts";
import { singleThread } from "../src/runtime/executor.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import type { DType, Tensor } from "../src/tensor.ts";
import { adam } from "../src/training/optimizers.ts";
import { binary } from "./harness.ts";

interface Plain {
  readonly shape: readonly number[];
  readonly dtype?: DType;
  readonly data: readonly (number | string)[];
}

interface Case {
  readonly inputs: readonly Plain[];
  /** null where PyTorch refuses the call. */
  readonly y: Plain | null;
  /** Absent where nothing is differentiable. */
  readonly gradients?: readonly (readonly (number | string)[])[];
}

const CASES: Readonly<Record<string, Case>> = JSON.parse(
  readFileSync(new URL("fixtures/torch/empty.json", import.meta.url), "utf8"),
);

// biome-ignore lint/suspicious/noExplicitAny: a case knows which of its tensors are int32
type Tensors = any[];
type Call = (e: Engine, t: Tensors) => Tensor<DType>;

/** What is called, where it is not the op that the case's name begins with on the case's inputs. */
const CALLS: Readonly<Record<string, Call>> = {
  "softmax of rows of none": (e, [x]) => e.softmax(x),
  ...Object.fromEntries(
    ["sum", "mean", "prod", "amax", "amin", "logSumExp", "norm", "any", "all", "argMax"].flatMap((op) =>
      ["an empty axis", "another axis"].map((over, i): [string, Call] => [
        `${op} over ${over}`,
        (e, [x]) =>
          op === "argMax" ? e.argMax(x, { axis: 1 - i }) : (e[op as "sum"](x, { axes: [1 - i] }) as Tensor),
      ]),
    ),
  ),
  "sum of all": (e, [x]) => e.sum(x),
  "mean of all": (e, [x]) => e.mean(x),
  cumsum: (e, [x]) => e.cumsum(x, { axis: 0 }),
  "dot of nothing": (e, [a, b]) => e.matmul(a, b),
  "dense of no rows": (e, [x, w, bias]) => e.dense(x, w, { bias }),
  "dense over nothing": (e, [x, w, bias]) => e.dense(x, w, { bias }),
  maxPool2d: (e, [x]) => e.maxPool2d(x, { size: 2 }),
  avgPool2d: (e, [x]) => e.avgPool2d(x, { size: 3 }),
  upsample: (e, [x]) => e.upsample(x, { factor: 2 }),
  batchNorm: (e, [x, gamma, beta]) =>
    e.batchNorm(x, { gamma, beta, mean: e.zeros([3]), variance: e.ones([3]) }),
  layerNorm: (e, [x, gamma, beta]) => e.layerNorm(x, { gamma, beta, axes: [-1] }),
  reshape: (e, [x]) => e.reshape(x, { shape: [0, 2, 3] }),
  "reshape to other zeros": (e, [x]) => e.reshape(x, { shape: [-1, 5] }),
  "reshape to something": (e, [x]) => e.reshape(x, { shape: [1] }),
  transpose: (e, [x]) => e.transpose(x, { perm: [2, 0, 1] }),
  concat: (e, xs) => e.concat(xs, { axis: 0 }),
  "concat of nothing": (e, xs) => e.concat(xs, { axis: 0 }),
  "concat of other sizes": (e, xs) => e.concat(xs, { axis: 0 }),
  stack: (e, xs) => e.stack(xs),
  "slice to nothing": (e, [x]) => e.slice(x, { begin: [2, 0], size: [0, -1] }),
  "slice of the rest": (e, [x]) => e.slice(x, { begin: [4, 0], size: [-1, -1] }),
  split: (e, [x]) => e.split(x as Tensor, { axis: 0, sizes: [0, 2, 1] })[1],
  "split to nothing": (e, [x]) => e.split(x as Tensor, { axis: 0, sizes: [0, 2, 1] })[0],
  pad: (e, [x]) =>
    e.pad(x, {
      padding: [
        [2, 1],
        [1, 0],
      ],
      value: 7.5,
    }),
  "pad of none": (e, [x]) =>
    e.pad(x, {
      padding: [
        [0, 0],
        [1, 1],
      ],
    }),
  tile: (e, [x]) => e.tile(x, { repeats: [3, 2] }),
  "tile to nothing": (e, [x]) => e.tile(x, { repeats: [0, 2] }),
  broadcastTo: (e, [x]) => e.broadcastTo(x, { shape: [2, 0, 3] }),
  reverse: (e, [x]) => e.reverse(x, { axes: [0] }),
  scatterElements: (e, [x, i, u]) => e.scatterElements(x, i, u, { op: "add" }),
  oneHot: (e, [i]) => e.oneHot(i, { depth: 3 }),
  meanSquaredError: (e, [x, t]) => e.loss(x, t, { kind: "meanSquaredError" }),
  softmaxCrossEntropy: (e, [x, t]) => e.loss(x, t, { kind: "softmaxCrossEntropy" }),
};

/** Blocks that kernels were called on. */
const called: string[] = [];
const run = (call: Parameters<typeof singleThread.run>[0]): void => {
  called.push(call.name);
  singleThread.run(call);
};
const executor = Object.assign(Object.create(singleThread), { run });
const engine = new Engine(new Runtime(await load(binary("checked")), { executor, track: true }));
afterAll(() => {
  engine.dispose();
});

const made = ({ shape, dtype = "float32", data }: Plain): Tensor =>
  engine.tensor(data.map(Number), shape, dtype) as Tensor;
const values = (x: Tensor<DType>): number[] => Array.from(x.data());

describe("PyTorch's", () => {
  it.each(Object.entries(CASES))("%s", (name, { inputs, y, gradients: wanted }) => {
    const op = name.split(" ")[0];
    const call: Call =
      CALLS[name] ?? ((e, t) => (e as unknown as Record<string, (...t: Tensors) => Tensor>)[op](...t));
    engine.scope(() => {
      const tensors = inputs.map(made);
      if (!y) {
        expect(() => call(engine, tensors)).toThrow(/shape|axis|empty|elements|broadcast|fit/);
        return;
      }
      called.length = 0;
      const { live } = engine.memory;
      // The second finds a program that is kept.
      for (let i = 0; i < 2; i++) {
        const result = call(engine, tensors);
        expect(result.shape).toEqual(y.shape);
        expect(values(result)).toEqual(y.data.map(Number));
        if (result.size === 0 && !/batchNorm|split/.test(name))
          expect([called, engine.memory.live]).toEqual([[], live]);
      }
      if (!wanted) return;
      const floats = tensors.filter((tensor) => (tensor.dtype as DType) === "float32");
      const back = gradients(() => engine.sum(call(engine, tensors) as Tensor), floats);
      expect(back.gradients.map(values)).toEqual(wanted.map((list) => list.map(Number)));
      expect(back.gradients.map(({ shape }) => shape)).toEqual(floats.map(({ shape }) => shape));
    });
  });
});

describe("a tensor of size zero", () => {
  it("is made, read and written to, and takes no memory", () => {
    const { live } = engine.memory;
    const x = engine.tensor([], [0, 3]);
    expect([x.size, x.data(), x.array(), String(x)]).toEqual([
      0,
      new Float32Array(0),
      [],
      "Tensor [0,3] float32\n[]",
    ]);
    x.write([]);
    expect(() => x.write([1])).toThrow(/1 values for shape \[0,3\], which holds 0/);
    const y = engine.zeros([2, 0, 4], "int32");
    expect([y.data(), y.array(), String(y)]).toEqual([
      new Int32Array(0),
      [[], []],
      "Tensor [2,0,4] int32\n[[],\n []]",
    ]);
    const others = [
      engine.ones([0]),
      engine.full([3, 0], 2),
      engine.range(2, 2),
      engine.eye(0, 3),
      engine.randomNormal([0, 2]),
      engine.randomInt([0], { max: 3 }),
    ];
    expect(others.map(({ shape }) => shape)).toEqual([[0], [3, 0], [0], [0, 3], [0, 2], [0]]);
    expect(() => engine.tensor([], [-1])).toThrow(/dimension 0 is -1 but must be an integer of at least 0/);
    expect(() => engine.tensor([1], [0])).toThrow(/1 values for shape \[0\], which holds 0/);
    expect(() => engine.range(2, 1)).toThrow(/step is 1 but must be a number that leads from 2 to 1/);
    expect(engine.memory.live).toBe(live);
    const view = engine.reshape(x, { shape: [3, -1] });
    expect(view.shape).toEqual([3, 0]);
    x.dispose();
    expect([x.disposed, view.disposed]).toEqual([true, false]);
    expect(() => x.data()).toThrow(/has been disposed/);
    for (const tensor of [view, y, ...others]) tensor.dispose();
    expect(engine.leaks()).toEqual([]);
  });

  it("has as many parts as its axis is long", () => {
    engine.scope(() => {
      expect(engine.unstack(engine.zeros([0, 3]))).toEqual([]);
      expect(engine.unstack(engine.zeros([2, 0])).map(({ shape }) => shape)).toEqual([[0], [0]]);
      expect(
        engine.split(engine.zeros([0, 3]), { axis: 0, sizes: [0, 0] }).map(({ shape }) => shape),
      ).toEqual([
        [0, 3],
        [0, 3],
      ]);
      expect(engine.topK(engine.zeros([0, 3]), { k: 2 }).map(({ shape }) => shape)).toEqual([
        [0, 2],
        [0, 2],
      ]);
      expect(engine.stridedSlice(engine.ones([3]), { begin: [2], size: [0], step: [-1] }).shape).toEqual([0]);
    });
  });

  it("goes through ops that are no layers", () => {
    engine.scope(() => {
      const [none, indices] = [engine.zeros([0, 4, 4, 2]), engine.zeros([0, 1], "int32")];
      const x = engine.tensor([1, 2, 3], [3]);
      const [pooled, places] = engine.maxPoolWithIndices(none, { size: 2 });
      const shapes: [Tensor<DType>, number[]][] = [
        [engine.im2col(none, { kernel: 2 }), [0, 3, 3, 8]],
        [engine.col2im(engine.zeros([0, 3, 3, 8]), { kernel: 2, outputSize: [4, 4] }), [0, 4, 4, 2]],
        [places, [0, 2, 2, 2]],
        [engine.maxUnpool(pooled, places, { outputSize: [4, 4] }), [0, 4, 4, 2]],
        [engine.gatherND(x, indices), [0]],
        [engine.scatterND(x, indices, engine.zeros([0])), [3]],
        [engine.clip(none, { min: 0 }), [0, 4, 4, 2]],
        [engine.logicalNot(engine.cast(none, { dtype: "int32" })), [0, 4, 4, 2]],
        [engine.where(engine.greater(none, 0), 1, 2), [0, 4, 4, 2]],
        [engine.pow(2, none), [0, 4, 4, 2]],
      ];
      for (const [result, shape] of shapes) expect(result.shape).toEqual(shape);
      expect(values(shapes[5][0])).toEqual([1, 2, 3]);
      // The copy is a tensor of its own.
      x.write([0, 0, 0]);
      expect(values(shapes[5][0])).toEqual([1, 2, 3]);
    });
  });

  it("is kept packed, and written to, as any other weight", () => {
    engine.scope(() => {
      const x = engine.ones([2, 0]);
      const w = engine.ones([0, 3]);
      for (let i = 0; i < 4; i++) {
        expect(values(engine.dense(x, w))).toEqual([0, 0, 0, 0, 0, 0]);
        w.write([]);
      }
    });
  });

  it("has the gradients of products, apart and together", () => {
    engine.scope(() => {
      const [x, w, bias] = [engine.zeros([0, 4, 4, 1]), engine.ones([3, 3, 1, 2]), engine.ones([2])];
      const { dx, dw, dbias } = conv2dGrad(engine.zeros([0, 2, 2, 2]), x, w, { bias });
      expect([dx.shape, values(dw), values(dbias!)]).toEqual([[0, 4, 4, 1], new Array(18).fill(0), [0, 0]]);
      const alone = denseGrad(engine.ones([2, 3]), engine.zeros([2, 0]), engine.zeros([0, 3]), {
        wrt: ["w"],
      });
      expect(alone.dw.shape).toEqual([0, 3]);
      // Of a function whose other part is not empty.
      const point = engine.tensor([3], [1]);
      const both = gradients(
        () => engine.add(engine.sum(engine.mul(point, x)), engine.sum(engine.square(point))),
        [point, x],
      );
      expect([values(both.value), ...both.gradients.map(values)]).toEqual([[9], [6], []]);
      const second = gradients(
        () =>
          gradients(() => engine.sum(engine.pow(engine.concat([point, engine.zeros([0])]), 3)), [point])
            .gradients[0],
        [point],
      );
      expect([values(second.value), values(second.gradients[0])]).toEqual([[27], [18]]);
    });
  });

  it("is a weight that an optimizer has nothing to do for", () => {
    engine.scope(() => {
      const [w, none] = [engine.ones([2]), engine.zeros([0, 2])];
      adam({ learningRate: 0.5 }).apply([w, none], [engine.ones([2]), engine.zeros([0, 2])], {
        clipNorm: 10,
      });
      expect(values(w).map((v) => v.toFixed(5))).toEqual(["0.50000", "0.50000"]);
    });
  });

  it("is refused by name where a result would be made of nothing", () => {
    engine.scope(() => {
      const one = engine.zeros([1], "int32");
      const refused: [f: () => unknown, message: RegExp][] = [
        [
          () => engine.amax(engine.zeros([2, 0])),
          /amax: the input has shape \[2,0\] and so nothing to take the maximum of/,
        ],
        [() => engine.argMin(engine.zeros([0])), /argMin: .* nothing to take the extreme of/],
        [() => engine.amin(engine.zeros([0], "int32")), /amin: .* nothing to take the minimum of/],
        [
          () => engine.topK(engine.zeros([0]), { k: 1 }),
          /topK: k is 1 but axis 0 of the input \[0\] has only 0/,
        ],
        [
          () => engine.gather(engine.zeros([0, 2]), one),
          /gather: input 0 is empty, of shape \[0,2\]: "gather" cannot make a result of shape \[1,2\] of it/,
        ],
        [
          () => engine.globalMaxPool(engine.zeros([1, 0, 2, 1])),
          /"globalMaxPool" cannot make a result of shape \[1,1\]/,
        ],
        [
          () => engine.pad(engine.zeros([0]), { padding: [[1, 1]], mode: "replicate" }),
          /cannot make a result of shape \[2\]/,
        ],
        [
          () => engine.conv2d(engine.zeros([1, 2, 2, 0]), engine.zeros([1, 1, 0, 2])),
          /conv2d: .* cannot make a result/,
        ],
      ];
      const { live } = engine.memory;
      for (const [f, message] of refused) expect(f).toThrow(message);
      expect(engine.memory.live).toBe(live);
    });
  });

  it("has the mean of no terms as its loss, or a ratio of sums", () => {
    engine.scope(() => {
      const [x, t] = [engine.zeros([0, 3]), engine.zeros([0], "int32")];
      const lossOf = (kind: LossKind, target: Tensor<DType>): number => {
        const { value, gradients: made } = gradients(() => engine.loss(x, target as Tensor, { kind }), [x]);
        expect([value.shape, made[0].shape]).toEqual([[], [0, 3]]);
        return value.data()[0];
      };
      for (const kind of LOSS_KINDS)
        if (kind !== "ssim")
          expect([kind, lossOf(kind, x)]).toEqual([kind, /dice|iou/.test(kind) ? 0 : Number.NaN]);
      const ofClasses = LOSS_KINDS.filter(takesClasses).map((kind) => [kind, lossOf(kind, t)]);
      expect(Object.fromEntries(ofClasses)).toEqual({
        ...{ softmaxCrossEntropy: Number.NaN, categoricalHinge: Number.NaN },
        ...{ nll: 0, focal: 0, dice: 0, iou: 0 },
      });
    });
  });

  it("is no batch and no value of a network, and no image", async () => {
    const net = engine.compile(
      sequential([4, 4, 1], [conv2d({ filters: 2, kernel: 3 }), relu(), flatten(), dense({ units: 2 })]),
    );
    using none = engine.zeros([0, 4, 4, 1]);
    expect(() => net.predict(none)).toThrow(/predict/);
    expect(() => gradients(() => engine.sum(net(none)), net.variables)).toThrow(
      /net\(x\): input .* must be float32 of shape/,
    );
    await expect(
      net.fit(
        { x: new Float32Array(0), y: new Int32Array(0) },
        { optimizer: adam(), loss: "softmaxCrossEntropy" },
      ),
    ).rejects.toThrow();
    net.dispose();
    expect(() => engine.compile(sequential([0, 3], [relu()]))).toThrow(/at least 1/);
    expect(() =>
      engine.compile(sequential([4, 3], [slice({ begin: [0, 1, 0], size: [-1, 0, -1] })])),
    ).toThrow(/slice.*: the result would have shape \[.*\], but in a network no axis may be of size 0/);
    using image = engine.zeros([0, 3, 1]);
    expect(() => gaussianBlur(engine, image, { sigma: 1 })).toThrow(/image/);
  });
});
