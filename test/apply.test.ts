// optimizer.apply, engine.scope and what tensors tell of themselves: loops of one's own.
import { inspect } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { defineLayer } from "../src/eager/custom-layer.ts";
import { gradients } from "../src/eager/gradients.ts";
import { Engine } from "../src/engine/engine.ts";
import { ArgumentError, ShapeError, UnsupportedError } from "../src/errors.ts";
import { batchNorm, conv2d, dense, flatten, relu } from "../src/layers/index.ts";
import { sequential } from "../src/model/build-model.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import type { Tensor } from "../src/tensor.ts";
import { adam, adamW, lamb, rmsprop, sgd } from "../src/training/optimizers.ts";
import { binary, builds, limited } from "./harness.ts";

let engine: Engine;
beforeAll(async () => {
  engine = new Engine(await builds()[0].engine);
});

const values = (length: number, seed = 1): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7 + seed));
const description = sequential(
  [5, 5, 2],
  [conv2d({ filters: 3, kernel: 3, bias: false }), batchNorm(), relu(), flatten(), dense({ units: 4 })],
);

describe("optimizer.apply", () => {
  it.each([
    sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }),
    adam({ learningRate: 0.01 }),
    adamW({ learningRate: 0.01 }),
    rmsprop({ centered: true, momentum: 0.5 }),
    lamb(),
  ])("in a loop is trainStep: $kind", (optimizer) => {
    const train = { loss: "meanSquaredError", optimizer, clipNorm: 0.5, clipValue: 0.2 } as const;
    const [compiled, own] = [
      engine.compile(description, { seed: 1, train }),
      engine.compile(description, { seed: 1 }),
    ];
    const live = engine.memory.live;
    for (let step = 0; step < 3; step++) {
      const [x, y] = [values(100, step), values(8, step + 5)];
      const loss = compiled.trainStep({ x, y });
      engine.scope(() => {
        const [input, target] = [engine.tensor(x, [2, 5, 5, 2]), engine.tensor(y, [2, 4])];
        const { value, gradients: by } = gradients(
          () => engine.loss(own(input, { training: true }), target, { kind: "meanSquaredError" }),
          own.variables,
        );
        optimizer.apply(own.variables, by, { clipNorm: 0.5, clipValue: 0.2 });
        expect(Math.abs(value.data()[0] - loss)).toBeLessThan(1e-6);
      });
    }
    for (const [name, weight] of Object.entries(compiled.weights)) {
      const got = own.weights[name];
      weight.forEach((v, i) => {
        expect(Math.abs(v - got[i])).toBeLessThan(2e-6);
      });
    }
    expect(engine.memory.live).toBeGreaterThan(live);
    const probe = values(50);
    compiled.predict(probe).forEach((v, i) => {
      expect(Math.abs(v - own.predict(probe)[i])).toBeLessThan(1e-5);
    });
    compiled.dispose();
    own.dispose();
  });

  it("takes lists, schedules, and weights that come later", () => {
    const optimizer = adam();
    const [a, b] = [engine.tensor([1], [1]), engine.tensor([1], [1])];
    const g = engine.tensor([0.5], [1]);
    optimizer.apply([a], [g], { learningRate: 0.1 });
    expect(a.data()[0]).toBeCloseTo(0.9, 6);
    // The first step on b is corrected as a first step is.
    optimizer.apply([a, b], [g, g], { learningRate: 0.1 });
    expect(b.data()[0]).toBeCloseTo(0.9, 6);
    expect(a.data()[0]).toBeCloseTo(0.8, 6);
    const live = engine.memory.live;
    a.dispose();
    expect(live - engine.memory.live).toBeGreaterThan(64);
    b.dispose();
    g.dispose();
  });

  it("says what does not fit, and changes nothing", async () => {
    const optimizer = sgd({ learningRate: 1 });
    const [w, g] = [engine.tensor([1, 2], [2]), engine.tensor([1, 1], [2])];
    const other = engine.tensor([1], [1]);
    const live = engine.memory.live;
    const refuse = (f: () => void, error: new (...args: never[]) => Error, message: RegExp): void => {
      expect(f).toThrow(error);
      expect(f).toThrow(message);
      expect(engine.memory.live).toBe(live);
      expect([...w.data()]).toEqual([1, 2]);
    };
    refuse(() => optimizer.apply([w], []), ArgumentError, /gradients is \[\]/);
    refuse(() => optimizer.apply([w], [g, g]), ArgumentError, /2 gradients for 1 weights/);
    refuse(
      () => optimizer.apply([w], [other]),
      ShapeError,
      /gradients\[0\] has shape \[1\] but must have the weight's \[2\]/,
    );
    refuse(() => optimizer.apply([w, w], [g, g]), ArgumentError, /weights\[1\] is weights\[0\] again/);
    refuse(() => optimizer.apply([w], [w]), ArgumentError, /its own gradient/);
    refuse(() => optimizer.apply({ w }, { v: g }), ArgumentError, /gradients hold no "w"/);
    refuse(() => optimizer.apply([w], [g], { learningRate: -1 }), ArgumentError, /learningRate is -1/);
    refuse(() => optimizer.apply([w], [g], { rate: 1 } as never), ArgumentError, /no option "rate"/);
    refuse(() => optimizer.apply(3 as never, [g]), ArgumentError, /weights is 3/);
    refuse(
      () => {
        gradients(() => {
          optimizer.apply([w], [g]);
          return engine.mul(w, w);
        }, [w]);
      },
      UnsupportedError,
      /cannot be recorded/,
    );
    const small = new Engine(await limited(40));
    const [weight, gradient] = [0, 0].map(() => small.zeros([1 << 18]));
    const { live: before } = small.memory;
    const hungry = adam();
    expect(() => hungry.apply([weight], [gradient])).toThrow(/memory/i);
    expect(small.memory.live).toBe(before);
    expect(JSON.stringify(optimizer)).toBe('{"learningRate":1,"kind":"sgd"}');
    const { apply } = optimizer;
    refuse(() => apply([w], [g]), ArgumentError, /call it on its optimizer/);
    const odd = { ...optimizer, lr: 1 };
    refuse(() => odd.apply([w], [g]), ArgumentError, /there is no option "lr"/);
    // Spread into another, it steps by the other's numbers.
    ({ ...optimizer, learningRate: 0.25 }).apply([w], [g]);
    expect([...w.data()]).toEqual([0.75, 1.75]);
    small.dispose();
    for (const tensor of [w, g, other]) tensor.dispose();
  });
});

describe("engine.scope", () => {
  it("disposes what was made, but for what is given back, kept, or a weight", () => {
    const live = engine.memory.live;
    const net = engine.compile(sequential([2], [dense({ units: 1 })]), { seed: 1 });
    const bytes = engine.memory.live;
    let kept!: Tensor;
    const { a, list } = engine.scope(() => {
      const x = engine.tensor([1, 2], [2]);
      kept = engine.mul(x, x).keep();
      expect(net.variables["dense_1.bias"].size).toBe(1);
      return { a: engine.add(x, x), list: [engine.scope(() => engine.relu(x)), 3] };
    });
    expect([...a.data()]).toEqual([2, 4]);
    expect([...(list[0] as Tensor).data()]).toEqual([1, 2]);
    expect([...kept.data()]).toEqual([1, 4]);
    for (const tensor of [a, list[0] as Tensor, kept]) tensor.dispose();
    net.dispose();
    expect(engine.memory.live).toBe(live);
    expect(bytes).toBeGreaterThan(live);
  });

  it("disposes all where the function throws or is asynchronous", () => {
    const live = engine.memory.live;
    expect(() =>
      engine.scope(() => {
        engine.tensor([1], [1]);
        throw new RangeError("mine");
      }),
    ).toThrow(RangeError);
    expect(() => engine.scope(async () => engine.tensor([1], [1]))).toThrow(/gives a promise/);
    expect(() => engine.scope(3 as never)).toThrow(ArgumentError);
    expect(engine.memory.live).toBe(live);
    const x = engine.tensor([1], [1]);
    expect(x.disposed).toBe(false);
    x.dispose();
  });
});

describe("tensors tell of themselves", () => {
  it("as nested lists and as text", () => {
    const x = engine.tensor([1, 2, 3, 4, 5, 6.25], [2, 3]);
    expect(x.array()).toEqual([
      [1, 2, 3],
      [4, 5, 6.25],
    ]);
    expect(String(x)).toBe("Tensor [2,3] float32\n[[1, 2, 3],\n [4, 5, 6.25]]");
    const long = engine.range(0, 100);
    expect(String(long)).toBe("Tensor [100] float32\n[0, 1, 2, …, 97, 98, 99]");
    const one = engine.full([], 3);
    expect(one.array()).toBe(3);
    expect(String(one)).toBe("Tensor [] float32\n3");
    expect(inspect(one)).toBe(String(one));
    // Also where a loss or a layer is traced, which cannot read values.
    let traced = "";
    const shown = defineLayer("shown", {
      call(e, [h]) {
        traced = inspect(h);
        return e.neg(h);
      },
    });
    engine.compile(sequential([2], [shown()])).dispose();
    expect(traced).toBe("Tensor [1,2] float32, without values as yet");
    for (const tensor of [x, long, one]) tensor.dispose();
    expect(String(x)).toBe("Tensor [2,3] float32, disposed");
  });

  it("what made them, where nobody disposed them", async () => {
    const debugged = new Engine(new Runtime(await load(binary("simd")), { track: true }));
    const x = debugged.tensor([1, 2], [2]);
    const y = debugged.mul(x, x);
    debugged.compile(sequential([2], [dense({ units: 1 })])).variables;
    expect(debugged.leaks()).toEqual([
      { madeBy: "tensor", shape: [2], dtype: "float32", bytes: 8 },
      { madeBy: "mul", shape: [2], dtype: "float32", bytes: 8 },
    ]);
    x.dispose();
    y.dispose();
    expect(debugged.leaks()).toEqual([]);
    expect(() => engine.leaks()).toThrow(/createEngine\(\{ debug: true \}\)/);
    debugged.dispose();
  });
});
