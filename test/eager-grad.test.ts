// conv2dGrad and its like: the gradients of one op on tensors.
import { describe, expect, it } from "vitest";
import { conv1dGrad, conv2dGrad, denseGrad } from "../src/eager/gradients.ts";
import { Engine } from "../src/engine/engine.ts";
import { DisposedError, ShapeError } from "../src/errors.ts";
import { conv } from "../src/ops/conv.ts";
import { gradientsOf } from "./gradients.ts";
import { builds } from "./harness.ts";

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
