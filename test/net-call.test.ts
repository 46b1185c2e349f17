// A network called on tensors: what it gives, gradients through it, running averages, its weights as tensors.
import { beforeAll, describe, expect, it } from "vitest";
import { gradients } from "../src/eager/gradients.ts";
import { Engine } from "../src/engine/engine.ts";
import { ArgumentError, DisposedError, ShapeError } from "../src/errors.ts";
import { batchNorm, conv2d, dense, dropout, flatten, relu } from "../src/layers/index.ts";
import { input, model, sequential } from "../src/model/build-model.ts";
import type { Tensor } from "../src/tensor.ts";
import { adam, sgd } from "../src/training/optimizers.ts";
import { builds } from "./harness.ts";
import { expectWithin } from "./tolerance.ts";

let engine: Engine;
beforeAll(async () => {
  engine = new Engine(await builds()[0].engine);
});

const values = (length: number, seed = 1): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7 + seed));
const small = () =>
  sequential(
    [5, 5, 2],
    [conv2d({ filters: 3, kernel: 3, bias: false }), batchNorm(), relu(), flatten(), dense({ units: 4 })],
  );
const free = (...tensors: Tensor[]): void => {
  for (const tensor of tensors) tensor.dispose();
};
const squares = (x: Tensor): Tensor => engine.reduce(engine.mul(x, x), { kind: "sum" });

describe("net(x)", () => {
  it("is predict where nothing records", () => {
    const net = engine.compile(small(), { seed: 1 });
    const x = engine.tensor(values(100), [2, 5, 5, 2]);
    const [called, predicted] = [net(x), net.predict(x)];
    expect(called.data()).toEqual(predicted.data());
    expect(typeof net).toBe("function");
    net.dispose();
    expect(() => net(x)).toThrow(DisposedError);
    free(x, called, predicted);
  });

  it("gives the gradients that net.gradients gives, and those of its input", () => {
    const net = engine.compile(small(), { seed: 1, train: { loss: "meanSquaredError", optimizer: sgd() } });
    const x = engine.tensor(values(100), [2, 5, 5, 2]);
    const y = engine.tensor(values(8, 3), [2, 4]);
    const want = net.gradients({ x: x.data(), y: y.data() });
    const names = Object.keys(net.variables);
    expect(names).toEqual(Object.keys(want.gradients));
    const got = gradients(
      () => engine.loss(net(x, { training: true }), y, { kind: "meanSquaredError" }),
      [...Object.values(net.variables), x],
    );
    expectWithin(got.value.data(), [want.loss], 1e-6);
    names.forEach((name, i) => {
      expectWithin(got.gradients[i].data(), want.gradients[name], 1e-5);
    });
    // The gradient by the input, against central differences.
    const loss = (at: Float32Array): number => {
      using moved = engine.tensor(at, x.shape);
      using out = net(moved, { training: true });
      return out.data().reduce((sum, v, i) => sum + (v - y.data()[i]) ** 2, 0) / 8;
    };
    const dx = got.gradients.at(-1)!.data();
    for (const i of [0, 17, 99]) {
      const [up, down] = [1, -1].map((sign) => {
        const at = x.data();
        at[i] += sign * 1e-2;
        return loss(at);
      });
      expect(Math.abs((up - down) / 2e-2 - dx[i])).toBeLessThan(2e-3);
    }
    net.dispose();
    free(x, y, got.value, ...got.gradients);
  });

  it("is called several times in one record, each time on its own input", () => {
    const net = engine.compile(sequential([2], [dense({ units: 1, bias: false })]), {
      weights: { "dense_1.kernel": [1, 10] },
    });
    const [a, b] = [engine.tensor([1, 2], [1, 2]), engine.tensor([5, -3], [1, 2])];
    const { value, gradients: made } = gradients(() => engine.sub(net(a), net(b)), net.variables);
    expect([...value.data()]).toEqual([21 - (5 - 30)]);
    expect([...made["dense_1.kernel"].data()]).toEqual([1 - 5, 2 + 3]);
    free(a, b, value, ...Object.values(made));
    net.dispose();
  });

  it("updates running averages in training, once, and predicts with them afterwards", () => {
    const make = () =>
      engine.compile(small(), {
        seed: 1,
        train: { loss: "meanSquaredError", optimizer: sgd({ learningRate: 0 }) },
      });
    const [net, other] = [make(), make()];
    const x = engine.tensor(values(100), [2, 5, 5, 2]);
    const before = net.predict(x);
    other.trainStep({ x: x.data(), y: new Float32Array(8) });
    const { value, gradients: made } = gradients(
      () => squares(net(x, { training: true })),
      Object.values(net.variables),
    );
    expect(net.weights["batchNorm_1.variance"]).toEqual(other.weights["batchNorm_1.variance"]);
    expect(net.weights["batchNorm_1.mean"]).toEqual(other.weights["batchNorm_1.mean"]);
    const after = net.predict(x);
    const want = other.predict(x);
    expect(after.data()).not.toEqual(before.data());
    expect(after.data()).toEqual(want.data());
    free(x, before, value, ...made, after, want);
    net.dispose();
    other.dispose();
  });

  it("drops anew in every call in training", () => {
    const net = engine.compile(sequential([64], [dropout({ rate: 0.5 })]), { seed: 7 });
    const x = engine.tensor(new Float32Array(64).fill(1), [1, 64]);
    const [a, b, still] = [net(x, { training: true }), net(x, { training: true }), net(x)];
    expect(a.data()).not.toEqual(b.data());
    expect(new Set(a.data())).toEqual(new Set([0, 2]));
    expect(still.data()).toEqual(x.data());
    free(x, a, b, still);
    net.dispose();
  });

  it("takes several inputs and gives several outputs", () => {
    const [a, b] = [input([3], { name: "a" }), input([3], { name: "b" })];
    const hidden = dense({ units: 2, name: "hidden" });
    const net = engine.compile(model({ inputs: [a, b], outputs: [hidden(a), dense({ units: 1 })(b)] }), {
      seed: 3,
    });
    const [x, z] = [engine.tensor(values(6), [2, 3]), engine.tensor(values(6, 5), [2, 3])];
    const { gradients: made } = gradients(() => {
      const [first, second] = net({ a: x, b: z });
      return engine.add(squares(first), squares(second));
    }, [x, z]);
    expect(made.map((tensor) => tensor.shape)).toEqual([
      [2, 3],
      [2, 3],
    ]);
    free(x, z, ...made);
    net.dispose();
  });

  it("refuses what does not fit", () => {
    const net = engine.compile(small(), { seed: 1 });
    const x = engine.tensor(values(50), [1, 5, 10, 1]);
    expect(() => gradients(() => squares(net(x)), [x])).toThrow(
      new ShapeError(
        'net(x): input "input_1" is float32 of shape [1,5,10,1] but must be float32 of shape [n,5,5,2]',
      ),
    );
    expect(() => net(values(50) as never)).toThrow(ArgumentError);
    expect(() => net(x, { train: true } as never)).toThrow(/no option "train"/);
    free(x);
    net.dispose();
  });
});

describe("net.variables", () => {
  it("are the weights: what is written to them is predicted with, and stays through fit", async () => {
    const net = engine.compile(sequential([3], [dense({ units: 1 })]), { seed: 1 });
    const kernel = net.variables["dense_1.kernel"];
    expect(kernel.data()).toEqual(net.weights["dense_1.kernel"]);
    kernel.write([1, 2, 3]);
    expect([...net.predict([1, 1, 1])]).toEqual([6]);
    kernel.dispose();
    expect(kernel.disposed).toBe(false);
    await net.fit(
      { x: [1, 1, 1], y: [0] },
      { loss: "meanSquaredError", optimizer: adam({ learningRate: 0.5 }) },
    );
    expect([...kernel.data()]).toEqual([...net.weights["dense_1.kernel"]]);
    expect([...kernel.data()].map((v, i) => i + 1 - v)).toEqual([0.5, 0.5, 0.5]);
    net.weights["dense_1.kernel"] = Float32Array.of(4, 5, 6);
    expect([...kernel.data()]).toEqual([4, 5, 6]);
    net.dispose();
    expect(kernel.disposed).toBe(true);
  });

  it("leave out running averages, and all memory is free again when the network is disposed", () => {
    const live = engine.memory.live;
    const net = engine.compile(small(), { seed: 1 });
    expect(Object.keys(net.variables)).toEqual([
      "conv2d_1.kernel",
      "batchNorm_1.gamma",
      "batchNorm_1.beta",
      "dense_1.kernel",
      "dense_1.bias",
    ]);
    net.dispose();
    expect(engine.memory.live).toBe(live);
  });
});
