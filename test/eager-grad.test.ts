// conv2dGrad and its like: the gradients of one op on tensors.
import { describe, expect, it } from "vitest";
import { conv1dGrad, conv2dGrad, denseGrad, gradients, type ProductOperand } from "../src/eager/gradients.ts";
import { Engine } from "../src/engine/engine.ts";
import { DisposedError, ShapeError } from "../src/errors.ts";
import { conv } from "../src/ops/conv.ts";
import { singleThread } from "../src/runtime/executor.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import type { Tensor } from "../src/tensor.ts";
import { gradientsOf } from "./gradients.ts";
import { binary, builds } from "./harness.ts";

const values = (length: number, seed: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => ((i * 7 + seed) % 13) - 6);

describe.each(builds())("eager gradients, $name build", ({ engine: runtime }) => {
  it("are those the op's rule gives, and hold no more memory than they fill", async () => {
    const engine = new Engine(await runtime);
    using x = engine.tensor(values(2 * 6 * 5 * 4, 1), [2, 6, 5, 4]);
    using w = engine.tensor(values(3 * 3 * 2 * 6, 2), [3, 3, 2, 6]);
    using bias = engine.tensor(values(6, 3), [6]);
    const options = { bias, stride: 2, padding: "same", dilation: 1, groups: 2 } as const;
    using y = engine.conv2d(x, w, options);
    using dy = engine.tensor(values(y.size, 4), y.shape);
    const before = engine.memory.live;
    const { dx, dw, dbias } = conv2dGrad(dy, x, w, options);
    const params = {
      stride: [2, 2],
      dilation: [1, 1],
      padding: "same",
      paddingMode: "zeros",
      groups: 2,
    } as const;
    const inputs = [x, w, bias].map((t) => ({ shape: t.shape, data: t.data() }));
    const want = await gradientsOf(runtime, conv, inputs, params, [{ shape: dy.shape, data: dy.data() }]);
    expect([dx, dw, dbias!].map((t) => t.data())).toEqual(want);
    expect([dx, dw, dbias!].map((t) => t.shape)).toEqual(inputs.map((t) => t.shape));
    for (const t of [dx, dw, dbias!]) t.dispose();
    expect(engine.memory.live).toBe(before);
    expect(conv2dGrad(dy, x, w, { ...options, bias: undefined }).dbias).toBeUndefined();
  });

  it("follow the chain through a dense layer", async () => {
    const engine = new Engine(await runtime);
    const [x, w] = [engine.tensor([1, 2], [1, 2]), engine.tensor([1, 0, 2, -1, 3, 1], [2, 3])];
    const bias = engine.tensor([0, 0, 0], [3]);
    const { dx, dw, dbias } = denseGrad(engine.tensor([1, 10, 100], [1, 3]), x, w, { bias });
    // dx = dy wᵀ, dw = xᵀ dy.
    expect([...dx.data()]).toEqual([201, 129]);
    expect([...dw.data()]).toEqual([1, 10, 100, 2, 20, 200]);
    expect([...dbias!.data()]).toEqual([1, 10, 100]);
    for (const t of [x, w, bias, dx, dw, dbias!]) t.dispose();
  });
});

describe("an eager gradient", () => {
  it("refuses what does not fit", async () => {
    const engine = new Engine(await builds()[0].engine);
    const x = engine.tensor(values(16, 1), [1, 4, 4, 1]);
    const w = engine.tensor(values(9, 2), [3, 3, 1, 1]);
    const dy = engine.tensor(values(4, 3), [1, 2, 2, 1]);
    const live = engine.memory.live;
    expect(() => conv2dGrad(x, x, w)).toThrow(
      new ShapeError("conv2dGrad: dy has shape [1,4,4,1] but the output has shape [1,2,2,1]"),
    );
    expect(() => conv2dGrad(dy, x, w, { activation: "relu" } as object)).toThrow(
      /the gradient is that of the product alone/,
    );
    expect(() => conv1dGrad(dy, x, w)).toThrow(/rank/);
    expect(() => conv2dGrad(undefined as never, x, w)).toThrow(/dy is undefined but must be a Tensor/);
    dy.dispose();
    expect(() => conv2dGrad(dy, x, w)).toThrow(DisposedError);
    expect(engine.memory.live).toBe(live - 64);
  });
});

describe("a part of a gradient", async () => {
  /** Names of the kernels that were called. */
  const called: string[] = [];
  const run = (call: Parameters<typeof singleThread.run>[0]): void => {
    called.push(call.name);
    singleThread.run(call);
  };
  const executor = Object.assign(Object.create(singleThread), { run });
  const engine = new Engine(new Runtime(await load(binary("simd")), { executor }));
  const random = (shape: number[], seed: number): Tensor => engine.randomNormal(shape, { seed });
  /** The kernels that a call of `f` runs, its program made before; what it gives is disposed. */
  const kernels = (f: () => Record<string, Tensor | undefined>): string[] => {
    for (const tensor of Object.values(f())) tensor?.dispose();
    called.length = 0;
    for (const tensor of Object.values(f())) tensor?.dispose();
    return [...called];
  };

  const x = random([2, 6, 6, 4], 1);
  const w = random([3, 3, 4, 8], 2);
  const bias = random([8], 3);
  const flat = random([8, 4], 4);
  const matrix = random([4, 8], 5);
  const PRODUCTS = {
    conv2d: (wrt?: ProductOperand[]) =>
      conv2dGrad(random2([2, 4, 4, 8]), x, w, { bias, ...(wrt && { wrt }) }),
    dense: (wrt?: ProductOperand[]) =>
      denseGrad(random2([8, 8]), flat, matrix, { bias, ...(wrt && { wrt }) }),
  };
  const made = new Map<string, Tensor>();
  function random2(shape: number[]): Tensor {
    const key = shape.join();
    if (!made.has(key)) made.set(key, random(shape, 6));
    return made.get(key)!;
  }

  it.each(["conv2d", "dense"] as const)("of %s computes no other, and is the same", (name) => {
    const product = PRODUCTS[name];
    const all = product();
    const whole = kernels(() => ({ ...product() }));
    const parts = (["x", "w", "bias"] as const).map((operand) => {
      const one = product([operand]);
      const key = `d${operand}` as const;
      expect(Object.keys(one).filter((k) => one[k as typeof key])).toEqual([key]);
      expect(one[key]!.data()).toEqual(all[key]!.data());
      one[key]!.dispose();
      return kernels(() => ({ ...product([operand]) }));
    });
    // Together they are the kernels of the whole: none computes what another does.
    expect(parts.flat().sort()).toEqual([...whole].sort());
    for (const part of parts) expect(part.length).toBeGreaterThan(0);
    expect(parts[2].every((kernel) => /reduce/.test(kernel))).toBe(true);
    const two = product(["bias", "w"]);
    expect([two.dx, two.dw!.data(), two.dbias!.data()]).toEqual([
      undefined,
      all.dw!.data(),
      all.dbias!.data(),
    ]);
    for (const tensor of [all.dx, all.dw, all.dbias, two.dw, two.dbias]) tensor!.dispose();
  });

  it("refuses operands that are none", () => {
    const dy = random2([2, 4, 4, 8]);
    const by = (wrt: unknown) => () => conv2dGrad(dy, x, w, { wrt: wrt as ProductOperand[] });
    expect(by(["x", "dw"])).toThrow(/conv2dGrad: wrt\[1\] is "dw" but must be "x" or "w"/);
    expect(by(["bias"])).toThrow(/conv2dGrad: wrt\[0\] is "bias" but must be "x" or "w"/);
    expect(by([])).toThrow(/wrt is \[\] but must be a list of operands, each once/);
    expect(by(["x", "x"])).toThrow(/must be a list of operands, each once/);
    expect(by("x")).toThrow(/must be a list of operands/);
  });

  /** Ops, and the kernels that their forward pass runs but their gradient does not. */
  const ALONE: [name: string, f: () => Tensor, forward: RegExp][] = [
    ["conv2d", () => engine.conv2d(x, w), /gemm|winograd|conv/],
    ["avgPool2d", () => engine.avgPool2d(x, { size: 3 }), /pool_average/],
    ["globalAvgPool", () => engine.globalAvgPool(x), /reduce/],
    ["maxPool2d of pairs", () => engine.maxPool2d(x, { size: 2 }), /pool_max/],
    ["resize", () => engine.resize(x, { size: [9, 11], method: "linear" }), /resize|interpolate/],
    ["upsample", () => engine.upsample(x, { factor: 2 }), /resize|interpolate/],
  ];
  it.each(ALONE)("of %s runs no forward pass where the value is not wanted", (name, f, forward) => {
    using y = f();
    const dy = random2([...y.shape]);
    const wrt = [name === "conv2d" ? w : x];
    const both = gradients(f, wrt, { dy });
    const alone = gradients(f, wrt, { dy, value: false });
    expect(alone.value).toBeUndefined();
    expect(alone.gradients[0].data()).toEqual(both.gradients[0].data());
    const { live } = engine.memory;
    const whole = kernels(() => {
      const {
        value,
        gradients: [dx],
      } = gradients(f, wrt, { dy });
      return { value, dx };
    });
    const part = kernels(() => ({ dx: gradients(f, wrt, { dy, value: false }).gradients[0] }));
    expect(engine.memory.live).toBe(live);
    const ran = kernels(() => ({ y: f() }));
    expect(ran.some((kernel) => forward.test(kernel))).toBe(true);
    expect(part.length).toBeLessThanOrEqual(whole.length - ran.length);
    for (const tensor of [both.value, ...both.gradients, ...alone.gradients]) tensor.dispose();
  });

  it("of a max pool whose windows overlap runs it: the largest values tell where gradients go", () => {
    const f = () => engine.maxPool2d(x, { size: 3, stride: 1 });
    const part = kernels(() => ({ dx: gradients(f, [x], { value: false }).gradients[0] }));
    expect(part).toContain("pool_max_f32");
  });

  it("without a value may be asked for within another gradient", () => {
    using point = engine.tensor([1, 2], [2]);
    const second = gradients(() => {
      const first = gradients(() => engine.sum(engine.pow(point, 3)), [point], { value: false });
      expect(first.value).toBeUndefined();
      return engine.sum(first.gradients[0]);
    }, [point]);
    expect(Array.from(second.gradients[0].data())).toEqual([6, 12]);
    second.value.dispose();
    second.gradients[0].dispose();
  });
});
