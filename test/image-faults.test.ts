// Memory fails at every allocation of every image function: the call throws a MemoryError, nothing is left, and `out` is untouched.
import { afterEach, describe, expect, it } from "vitest";
import { createEngine } from "../src/engine/create.ts";
import { MemoryError } from "../src/errors.ts";
import * as image from "../src/image/index.ts";
import { Memory } from "../src/runtime/memory.ts";
import { Tensor } from "../src/tensor.ts";
import { binary } from "./harness.ts";

const { allocate } = Memory.prototype;
afterEach(() => {
  Memory.prototype.allocate = allocate;
});

const engine = await createEngine({ wasm: binary("checked") });
const photo = {
  data: Uint8Array.from({ length: 4 * 30 * 40 }, (_, i) => (i * 2654435761) >>> 24),
  width: 30,
  height: 40,
  channels: 4,
};
const kernel = [
  [1, 2, 1],
  [0, 0.5, 0],
  [-1, -2, 3],
];

type Call = (photo: image.PixelImage | Tensor, out?: never) => unknown;

const CALLS: readonly (readonly [name: string, call: Call])[] = [
  ["toGray", (p, out) => image.toGray(engine, p, { out })],
  ["filter2d", (p, out) => image.filter2d(engine, p, kernel, { out })],
  ["filter2d of several kernels", (p) => image.filter2d(engine, p, [kernel, kernel])],
  ["filter2d with a stride", (p) => image.filter2d(engine, p, kernel, { stride: 2, border: "valid" })],
  ["separableFilter", (p, out) => image.separableFilter(engine, p, [1, 2, 1], [1, 0, -1], { out })],
  ["gaussianBlur", (p, out) => image.gaussianBlur(engine, p, { size: 5, sigma: 1.1, out })],
  ["boxBlur", (p, out) => image.boxBlur(engine, p, { size: 7, out })],
  ["medianBlur", (p, out) => image.medianBlur(engine, p, { size: 5, out })],
  ["medianBlur of a large window", (p, out) => image.medianBlur(engine, p, { size: 11, out })],
  ["unsharpMask", (p, out) => image.unsharpMask(engine, p, { sigma: 1, amount: 1, out })],
  ["sobel", (p, out) => image.sobel(engine, p, { dx: 1, dy: 0, size: 5, out })],
  ["laplacian", (p, out) => image.laplacian(engine, p, { size: 3, out })],
  ["gradient", (p) => Object.values(image.gradient(engine, p))],
  ["canny", (p) => image.canny(engine, p, { sigma: 1.4 })],
  [
    "cannyStages",
    (p) => Object.values(image.cannyStages(engine, p)).filter((made) => typeof made === "object"),
  ],
  ["resize", (p) => image.resize(engine, p, { width: 50, height: 21, method: "area" })],
];

const disposeAll = (made: unknown): void => {
  for (const one of [made].flat()) if (one instanceof Tensor) one.dispose();
};
const valuesOf = (made: unknown): unknown =>
  [made].flat().map((one) => (one instanceof Tensor ? Array.from(one.data()) : (one as image.Image).data));

describe.each(["bytes", "tensors"])("memory that runs out, %s", (kind) => {
  it.each(CALLS)("at any allocation of %s changes nothing", (_, call) => {
    const given =
      kind === "bytes" ? photo : engine.tensor(Float32Array.from(photo.data), [photo.height, photo.width, 4]);
    const live = engine.memory.live;
    const before = call(given);
    const wanted = valuesOf(before);
    disposeAll(before);
    const single = kind === "bytes" && !Array.isArray(before) && (before as image.Image).channels === 4;
    let failures = 0;
    for (let number = 0; ; number++) {
      let count = 0;
      Memory.prototype.allocate = function (bytes, what) {
        if (count++ === number) throw new MemoryError(`${what}: no memory for the test's sake`);
        return allocate.call(this, bytes, what);
      };
      const { width, height } = before as image.Image;
      const out = {
        data: new Uint8Array(single ? 4 * width * height : 0).fill(7),
        width,
        height,
        channels: 4,
      };
      let made: unknown;
      try {
        made = call(given, single && call.length > 1 ? (out as never) : undefined);
      } catch (error) {
        expect(error).toBeInstanceOf(MemoryError);
        failures++;
        expect(out.data.every((v) => v === 7)).toBe(true);
        expect(engine.memory.live).toBe(live);
        continue;
      } finally {
        Memory.prototype.allocate = allocate;
      }
      disposeAll(made);
      if (count <= number) break;
    }
    expect(failures).toBeGreaterThan(1);
    const after = call(given);
    expect(valuesOf(after)).toEqual(wanted);
    disposeAll(after);
    expect(engine.memory.live).toBe(live);
    if (given instanceof Tensor) given.dispose();
    expect(engine.memory.live).toBe(0);
  });
});
