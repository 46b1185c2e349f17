// gradients: any computation on tensors, differentiated in reverse. Single rules are tested elsewhere; here, that what an engine's
// methods do is recorded as it was done: every method against central differences of the method itself.
import { describe, expect, it } from "vitest";
import { gradients as gradientsOf } from "../src/eager/gradients.ts";
import { Engine } from "../src/engine/engine.ts";
import { ArgumentError, DisposedError, ShapeError, UnsupportedError } from "../src/errors.ts";
import type { Tensor } from "../src/tensor.ts";
import { EAGER_ONLY } from "./eager-names.ts";
import { builds } from "./harness.ts";

/** Values from −2 to 2 in no order, no two nearer than 0.004, so that a step of H changes no maximum and no sign. */
const values = (length: number, seed: number): Float32Array => {
  const every = Float32Array.from({ length }, (_, i) => (4 * (i + 0.37)) / length - 2);
  for (let i = length - 1, state = seed; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [every[i], every[j]] = [every[j], every[i]];
  }
  return every;
};
const H = 2 ** -10;

type Case = readonly [
  shapes: readonly (readonly number[])[],
  of: (e: Engine, t: readonly Tensor[]) => Tensor,
];
const image = [2, 5, 4, 4];
const one = (of: (e: Engine, x: Tensor) => Tensor): Case => [[image], (e, [x]) => of(e, x)];

const CASES: Readonly<Record<string, readonly Case[]>> = {
  conv1d: [
    [
      [
        [2, 7, 3],
        [3, 3, 4],
      ],
      (e, [x, w]) => e.conv1d(x, w, { padding: "same", stride: 2 }),
    ],
  ],
  conv2d: [
    [
      [image, [3, 3, 2, 6], [6]],
      (e, [x, w, bias]) => e.conv2d(x, w, { bias, groups: 2, padding: "half", paddingMode: "reflect" }),
    ],
    [[image, [3, 3, 4, 2], [2]], (e, [x, w, bias]) => e.conv2d(x, w, { bias, activation: "relu" })],
    // Its gradient asks for what was there before the activation, which no tensor holds.
    [[image, [1, 1, 4, 3]], (e, [x, w]) => e.conv2d(x, w, { activation: "silu" })],
    [[image, [1, 1, 4, 3]], (e, [x, w]) => e.conv2d(x, w, { activation: { kind: "leakyRelu", alpha: 0.3 } })],
  ],
  conv3d: [
    [
      [
        [1, 3, 3, 4, 2],
        [2, 2, 2, 2, 3],
      ],
      (e, [x, w]) => e.conv3d(x, w),
    ],
  ],
  convTranspose1d: [
    [
      [
        [1, 4, 2],
        [3, 2, 3],
      ],
      (e, [x, w]) => e.convTranspose1d(x, w, { stride: 2 }),
    ],
  ],
  convTranspose2d: [
    [
      [image, [3, 3, 4, 2], [2]],
      (e, [x, w, bias]) => e.convTranspose2d(x, w, { bias, stride: 2, activation: "tanh" }),
    ],
  ],
  convTranspose3d: [
    [
      [
        [1, 2, 3, 2, 2],
        [2, 2, 2, 2, 3],
      ],
      (e, [x, w]) => e.convTranspose3d(x, w),
    ],
  ],
  im2col: [one((e, x) => e.im2col(x, { kernel: 3, padding: "same" }))],
  col2im: [[[[1, 3, 3, 8]], (e, [x]) => e.col2im(x, { outputSize: [4, 4], kernel: 2 })]],
  depthwiseConv1d: [
    [
      [
        [2, 7, 3],
        [3, 1, 6],
      ],
      (e, [x, w]) => e.depthwiseConv1d(x, w, { padding: "same", stride: 2 }),
    ],
  ],
  depthwiseConv2d: [
    [
      [image, [3, 3, 1, 4], [4]],
      (e, [x, w, bias]) => e.depthwiseConv2d(x, w, { bias, padding: "same", activation: "tanh" }),
    ],
  ],
  depthwiseConv3d: [
    [
      [
        [1, 3, 3, 4, 2],
        [2, 2, 2, 1, 4],
      ],
      (e, [x, w]) => e.depthwiseConv3d(x, w),
    ],
  ],
  separableConv1d: [
    [
      [
        [2, 7, 3],
        [3, 1, 6],
        [1, 6, 2],
      ],
      (e, [x, w, v]) => e.separableConv1d(x, w, v),
    ],
  ],
  // Two ops in one call: the gradient goes on through what no tensor holds.
  separableConv2d: [
    [
      [image, [3, 3, 1, 8], [1, 1, 8, 3], [3]],
      (e, [x, w, v, bias]) => e.separableConv2d(x, w, v, { bias, padding: "same", activation: "silu" }),
    ],
  ],
  maxPool1d: [[[[2, 8, 3]], (e, [x]) => e.maxPool1d(x, { size: 2 })]],
  maxPool2d: [one((e, x) => e.maxPool2d(x, { size: 3, stride: 1, padding: "same" }))],
  maxPool3d: [[[[1, 4, 4, 4, 2]], (e, [x]) => e.maxPool3d(x, { size: 2 })]],
  avgPool1d: [[[[2, 8, 3]], (e, [x]) => e.avgPool1d(x, { size: 3, stride: 2, ceilMode: true })]],
  avgPool2d: [one((e, x) => e.avgPool2d(x, { size: 3, stride: 2, padding: "same" }))],
  avgPool3d: [[[[1, 4, 4, 4, 2]], (e, [x]) => e.avgPool3d(x, { size: 2 })]],
  globalMaxPool: [one((e, x) => e.globalMaxPool(x))],
  globalAvgPool: [one((e, x) => e.globalAvgPool(x, { keepDims: true }))],
  dense: [[[[3, 4], [4, 5], [5]], (e, [x, w, bias]) => e.dense(x, w, { bias, activation: "gelu" })]],
  batchNorm: [
    [
      [image, [4], [4]],
      (e, [x, gamma, beta]) =>
        e.batchNorm(x, {
          gamma,
          beta,
          mean: e.tensor([0, 1, -1, 0.5], [4]),
          variance: e.tensor([1, 2, 3, 0.5], [4]),
        }),
    ],
  ],
  groupNorm: [[[image, [4], [4]], (e, [x, gamma, beta]) => e.groupNorm(x, { groups: 2, gamma, beta })]],
  instanceNorm: [[[image, [4], [4]], (e, [x, gamma, beta]) => e.instanceNorm(x, { gamma, beta })]],
  activation: [
    one((e, x) => e.activation(x, { activation: { kind: "elu", alpha: 0.7 } })),
    one((e, x) => e.activation(x, { activation: "sigmoid" })),
    one((e, x) => e.activation(x, { activation: "softmax" })),
    one((e, x) => e.mul(e.activation(x, { activation: "linear" }), x)),
  ],
  relu: [one((e, x) => e.relu(x))],
  relu6: [one((e, x) => e.relu6(e.rescale(x, { scale: 5 })))],
  leakyRelu: [one((e, x) => e.leakyRelu(x, { alpha: 0.3 }))],
  elu: [one((e, x) => e.elu(x))],
  selu: [one((e, x) => e.selu(x))],
  gelu: [one((e, x) => e.gelu(x))],
  sigmoid: [one((e, x) => e.sigmoid(x))],
  tanh: [one((e, x) => e.tanh(x))],
  softplus: [one((e, x) => e.softplus(x))],
  softsign: [one((e, x) => e.softsign(x))],
  silu: [one((e, x) => e.silu(x))],
  mish: [one((e, x) => e.mish(x))],
  hardSwish: [one((e, x) => e.hardSwish(x))],
  hardSigmoid: [one((e, x) => e.hardSigmoid(x))],
  exp: [one((e, x) => e.exp(x))],
  abs: [one((e, x) => e.abs(x))],
  neg: [one((e, x) => e.neg(x))],
  sqrt: [one((e, x) => e.sqrt(e.rescale(x, { offset: 3 })))],
  prelu: [[[image, [4]], (e, [x, alpha]) => e.prelu(x, alpha)]],
  loss: [
    [
      [
        [3, 4],
        [3, 4],
      ],
      (e, [x, y]) => e.loss(x, y, { kind: "softmaxCrossEntropy", labelSmoothing: 0.1 }),
    ],
    [[[2, 3]], (e, [x]) => e.loss(x, e.tensor([2, 0], [2], "int32"), { kind: "softmaxCrossEntropy" })],
    [
      [
        [3, 4],
        [3, 4],
      ],
      (e, [x, y]) => e.loss(x, y, { kind: "huber", delta: 0.7 }),
    ],
  ],
  softmax: [one((e, x) => e.softmax(x))],
  logSoftmax: [one((e, x) => e.logSoftmax(x, { axis: 1 }))],
  add: [[[image, [4, 1]], (e, [a, b]) => e.add(a, b)]],
  sub: [[[image, [4]], (e, [a, b]) => e.sub(a, b)]],
  mul: [[[image, image], (e, [a, b]) => e.mul(a, b)], one((e, x) => e.mul(x, x))],
  div: [[[[3, 4], [4]], (e, [a, b]) => e.div(a, b)]],
  min: [
    [[[3, 4], [12]], (e, [a, b]) => e.min(a, e.reshape(e.rescale(b, { offset: 0.1 }), { shape: [3, 4] }))],
  ],
  max: [
    [[[3, 4], [12]], (e, [a, b]) => e.max(a, e.reshape(e.rescale(b, { offset: 0.1 }), { shape: [3, 4] }))],
  ],
  rescale: [one((e, x) => e.rescale(x, { scale: -3, offset: 1 }))],
  reduce: [
    one((e, x) => e.reduce(x, { kind: "mean" })),
    one((e, x) => e.reduce(x, { kind: "max", axes: [1, 3] })),
  ],
  reshape: [one((e, x) => e.reshape(x, { shape: [-1, 8] }))],
  flatten: [one((e, x) => e.flatten(x))],
  transpose: [one((e, x) => e.transpose(x, { perm: [3, 1, 0, 2] }))],
  concat: [[[image, [2, 5, 4, 3]], (e, [a, b]) => e.concat([a, b, a])]],
  slice: [one((e, x) => e.slice(x, { begin: [0, 1, 1, 2], size: [2, 3, 2, 1] }))],
  // One part goes on, another is read once more: gradients of several outputs meet.
  split: [
    one((e, x) => {
      const [a, b, c] = e.split(x, { sizes: [1, 2, 1] });
      return e.concat([e.mul(a, c), b]);
    }),
  ],
  pad: [
    one((e, x) =>
      e.pad(x, {
        padding: [
          [2, 1],
          [0, 3],
        ],
        mode: "reflect",
      }),
    ),
  ],
  crop: [
    one((e, x) =>
      e.crop(x, {
        cropping: [
          [2, 1],
          [0, 3],
        ],
      }),
    ),
  ],
  resize: [one((e, x) => e.resize(x, { size: [7, 9], method: "linear" }))],
  upsample: [one((e, x) => e.upsample(x, { factor: [2, 3], method: "linear" }))],
  depthToSpace: [one((e, x) => e.depthToSpace(x, { block: 2 }))],
  spaceToDepth: [[[[1, 4, 6, 2]], (e, [x]) => e.spaceToDepth(x, { block: 2 })]],
  identity: [one((e, x) => e.identity(x))],
  dropout: [one((e, x) => e.dropout(x, { rate: 0.4, seed: 3 }))],
  spatialDropout: [one((e, x) => e.spatialDropout(x, { rate: 0.4, seed: 3 }))],
  dropPath: [one((e, x) => e.dropPath(x, { rate: 0.4, seed: 3 }))],
  locallyConnected2d: [
    [
      [
        [2, 4, 3, 2],
        [2, 1, 12, 3],
        [2, 1, 3],
      ],
      (e, [x, w, bias]) => e.locallyConnected2d(x, w, { kernel: [3, 2], bias, stride: [1, 2] }),
    ],
  ],
};

/** What an engine has besides eager ops; those tested elsewhere; and the one op that has no gradient. */
const OTHER = new Set<string>([
  ...EAGER_ONLY.filter((name) => !/^(loss|im2col|col2im)$/.test(name)),
  "constructor",
  "info",
  "memory",
  "disposed",
  "dispose",
  "compile",
  "tensor",
  "argMax",
  "scope",
  "leaks",
  ...["adaptiveAvgPool", "adaptiveMaxPool"],
  // Held to PyTorch in torch-layers.test.ts.
  ...["layerNorm", "rmsNorm", "multiHeadAttention", "squeezeExcite"],
]);

/** sum(dy · y) in float64. */
const total = (y: Tensor, dy: Float32Array): number => y.data().reduce((sum, v, i) => sum + v * dy[i], 0);

describe.each(builds())("gradients, $name build", ({ engine: runtime }) => {
  it.each(Object.entries(CASES).flatMap(([name, cases]) => cases.map((c) => [name, c] as const)))(
    "of %s are its central differences",
    async (_, [shapes, of]) => {
      const engine = new Engine(await runtime);
      const tensors = shapes.map((shape, i) =>
        engine.tensor(
          values(
            shape.reduce((a, b) => a * b, 1),
            i + 1,
          ),
          shape,
        ),
      );
      const probe = of(engine, tensors);
      const dy = engine.tensor(values(probe.size, 9), probe.shape);
      const up = dy.data();
      const { value, gradients } = gradientsOf(() => of(engine, tensors), tensors, { dy });
      expect(value.data()).toEqual(probe.data());
      tensors.forEach((t, i) => {
        expect(gradients[i].shape).toEqual(t.shape);
        const g = gradients[i].data();
        const at = t.data();
        // Along the signs of the gradient, where the difference is largest and rounding matters least; then along others.
        for (const seed of [0, 1, 2]) {
          const way = seed ? values(at.length, 20 + seed).map(Math.sign) : g.map((v) => Math.sign(v));
          const along = (h: number): number => {
            t.write(at.map((v, j) => v + h * way[j]));
            return total(of(engine, tensors), up);
          };
          const numeric = (along(H) - along(-H)) / (2 * H);
          t.write(at);
          const exact = g.reduce((sum, v, j) => sum + v * way[j], 0);
          const scale = g.reduce((sum, v) => sum + Math.abs(v), 1);
          expect(Math.abs(numeric - exact) / scale).toBeLessThan(4e-3);
        }
      });
    },
  );
});

describe("gradients", () => {
  const small = async () => new Engine(await builds()[0].engine);

  it("have a case for every method of the engine that is an op", () => {
    const methods = Object.getOwnPropertyNames(Engine.prototype).filter((name) => !OTHER.has(name));
    expect(methods.sort()).toEqual(Object.keys(CASES).sort());
  });

  it("go through a network written by hand, whose own memory is free again", async () => {
    const engine = await small();
    const x = engine.tensor(values(2 * 6 * 6 * 1, 1), [2, 6, 6, 1]);
    const w = engine.tensor(values(9 * 3, 2), [3, 3, 1, 3]);
    const v = engine.tensor(values(12 * 2, 3), [12, 2]);
    const target = engine.tensor([0, 1], [2], "int32");
    const loss = () => {
      const maps = engine.maxPool2d(engine.conv2d(x, w, { activation: "relu" }), { size: 2 });
      return engine.loss(engine.dense(engine.flatten(maps), v), target, { kind: "softmaxCrossEntropy" });
    };
    const live = engine.memory.live;
    let before = Infinity;
    for (let step = 0; step < 20; step++) {
      const { value, gradients } = gradientsOf(loss, [w, v]);
      const now = value.data()[0];
      expect(now).toBeLessThan(before);
      before = now;
      [w, v].forEach((t, i) => {
        const g = gradients[i].data();
        t.write(t.data().map((p, j) => p - 0.05 * g[j]));
      });
      for (const t of [value, ...gradients]) t.dispose();
      expect(engine.memory.live).toBe(live);
    }
    expect(before).toBeLessThan(0.3);
  });

  it("make anew what was disposed on the way, if they need it", async () => {
    const engine = await small();
    const x = engine.tensor(values(8, 1), [2, 4]);
    const kept = gradientsOf(() => engine.mul(engine.tanh(x), x), [x]);
    const lost = gradientsOf(() => {
      using h = engine.tanh(x);
      return engine.mul(h, x);
    }, [x]);
    expect(lost.gradients[0].data()).toEqual(kept.gradients[0].data());
  });

  it("are dy itself, or ones, where nothing is done", async () => {
    const engine = await small();
    const x = engine.tensor([1, 2], [2]);
    const { value, gradients } = gradientsOf(() => x, [x]);
    expect(value).toBe(x);
    expect([...gradients[0].data()]).toEqual([1, 1]);
    const dy = engine.tensor([3, 4], [2]);
    const again = gradientsOf(() => x, [x, x], { dy });
    expect(again.gradients.map((g) => [...g.data()])).toEqual([
      [3, 4],
      [3, 4],
    ]);
    expect(x.disposed).toBe(false);
  });

  it("say what is wrong, and leave nothing behind", async () => {
    const engine = await small();
    const [x, other] = [engine.tensor([1, 2], [1, 2]), engine.tensor([1, 2, 3], [1, 3])];
    const live = engine.memory.live;
    const double = () => engine.mul(x, x);
    const refuse = (of: () => unknown, wrt: unknown, options: object, error: Error | RegExp) => {
      expect(() => gradientsOf(of as () => Tensor, wrt as Tensor[], options)).toThrow(error);
      expect(engine.memory.live).toBe(live);
    };
    refuse(
      double,
      [x, other],
      {},
      new ShapeError(
        "gradients: the value does not depend on wrt[1] (shape [1,3]) through ops of this engine; argMax, comparisons, casts to int32, stopGradient and values that were read pass no gradient on",
      ),
    );
    refuse(double, [7], {}, new ArgumentError("gradients: wrt[0] is 7 but must be a Tensor"));
    const list = "must be a list of tensors, of one at least, or an object of them";
    refuse(double, x, {}, new ArgumentError(`gradients: wrt is a Tensor of shape [1,2] but ${list}`));
    refuse(double, [], {}, new ArgumentError(`gradients: wrt is [] but ${list}`));
    refuse(
      double,
      [x],
      { by: x },
      new ArgumentError('gradients: there is no option "by"; there are dy, unused, value'),
    );
    refuse(
      () => 3,
      [x],
      {},
      new ArgumentError("gradients: what the function returns is 3 but must be a Tensor"),
    );
    refuse(
      double,
      [x],
      { dy: other },
      new ShapeError("gradients: dy has shape [1,3] but the output has shape [1,2]"),
    );
    refuse(
      () => engine.argMax(engine.mul(x, x)),
      [x],
      {},
      new UnsupportedError(
        'argMax: cannot be differentiated, its op "argMax" has no gradient; in a network, freeze the layers before it',
      ),
    );
    refuse(
      () => {
        using c = engine.tensor([5, 6], [1, 2]);
        return engine.mul(x, c);
      },
      [x],
      {},
      new DisposedError(
        "gradients: a tensor that was read (shape [1,2]) has been disposed; keep it until the gradients are made",
      ),
    );
    refuse(
      () => engine.loss(x, engine.argMax(engine.mul(x, x)), { kind: "l2" as never }),
      [x],
      {},
      /loss: kind is "l2" but must be "softmaxCrossEntropy",/,
    );
    const classes = engine.tensor([2], [1], "int32");
    expect(() => engine.loss(x, classes, { kind: "softmaxCrossEntropy" })).toThrow(
      new ShapeError("loss: target[0] is 2 but must be a class from 0 to 1: x has shape [1,2]"),
    );
    classes.dispose();
    refuse(
      () => {
        throw new RangeError("mine");
      },
      [x],
      {},
      new RangeError("mine"),
    );
    expect([...gradientsOf(double, [x]).gradients[0].data()]).toEqual([2, 4]);
  });
});
