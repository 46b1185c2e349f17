// Where the time goes: every call is charged to its layer, once.
import { describe, expect, it } from "vitest";
import { ShapeError } from "../src/errors.ts";
import { batchNorm, conv2d, dense, flatten, maxPool2d, separableConv2d, sequential } from "../src/index.ts";
import { Network } from "../src/network/network.ts";
import { Tensor } from "../src/tensor.ts";
import { builds } from "./harness.ts";

const net = sequential(
  [24, 20, 16],
  [
    conv2d({ filters: 32, kernel: 3, padding: "same", activation: "gelu", name: "a" }),
    batchNorm({ name: "b" }),
    separableConv2d({ filters: 8, kernel: 3, name: "c" }),
    batchNorm({ name: "d" }),
    maxPool2d({ size: 2, name: "e" }),
    flatten({ name: "f" }),
    dense({ units: 10, name: "g" }),
  ],
);

describe.each(builds())("net.profile(), $name build", ({ engine }) => {
  it("tells milliseconds, share, speed and algorithm of every layer", async () => {
    const runtime = await engine;
    const before = runtime.memory.use.live;
    const network = new Network(runtime, net, { batchSize: 2 });
    const held = runtime.memory.use;
    const profile = network.profile(undefined, { runs: 5 });
    expect(runtime.memory.use).toEqual(held);
    expect(profile.layers.map((l) => l.name)).toEqual([..."abcdefg"]);
    const by = Object.fromEntries(profile.layers.map((l) => [l.name, l]));
    expect([by.a.algorithm, by.d.algorithm, by.g.algorithm]).toEqual(["winograd4", "fused", "gemm"]);
    // Layers that make no call of their own take no time; flatten only renames, batch norm went into the filter before it.
    for (const name of ["d", "f"]) expect(by[name]).toMatchObject({ ms: 0, share: 0, gflops: 0 });
    for (const name of ["a", "b", "c", "e", "g"]) expect(by[name].ms).toBeGreaterThan(0);
    expect(profile.layers.reduce((sum, l) => sum + l.ms, 0)).toBeCloseTo(profile.ms, 9);
    expect(profile.layers.reduce((sum, l) => sum + l.share, 0)).toBeCloseTo(1, 9);
    // 2 images of 24 x 20 pixels, 9 taps, 16 by 32 channels; a multiply-add is two operations.
    expect(by.a.gflops * by.a.ms * 1e6).toBeCloseTo(2 * 2 * 24 * 20 * 9 * 16 * 32, 0);
    const lines = String(profile).split("\n");
    expect(lines.length).toBe(1 + 1 + 7 + 1 + 1);
    expect(lines[0]).toMatch(/layer +kind +algorithm +ms +share +GFLOP\/s/);
    expect(lines.at(-1)).toMatch(/ms for a batch of 2, .* MFLOP by the formulas, .* GFLOP\/s/);
    network.dispose();
    expect(runtime.memory.use.live).toBe(before);
  });

  it("takes arrays and tensors, and leaves the network as it was", async () => {
    const runtime = await engine;
    using network = new Network(runtime, net, { batchSize: 2 });
    const images = Float32Array.from({ length: 2 * 24 * 20 * 16 }, (_, i) => Math.sin(i));
    const answer = network.predict(images);
    using tensor = new Tensor(runtime, { shape: [2, 24, 20, 16], dtype: "float32" }, "test");
    tensor.write(images);
    using out = network.predict(tensor);
    expect(network.profile(images, { runs: 1 }).ms).toBeGreaterThan(0);
    expect(network.profile(tensor, { runs: 1 }).ms).toBeGreaterThan(0);
    expect(out.data()).toEqual(answer);
    expect(network.predict(images)).toEqual(answer);
  });

  it("refuses what is no number of runs, and inputs that do not fit", async () => {
    using network = new Network(await engine, net);
    for (const runs of [0, 1.5, Number.NaN])
      expect(() => network.profile(undefined, { runs })).toThrow(/runs is .* but must be an integer/);
    expect(() => network.profile(new Float32Array(5))).toThrow(ShapeError);
  });
});
