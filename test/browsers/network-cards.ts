// The cards on windows, layers and learning: small numbers, which are the library's exactly, and a training in the page.
import { describe, expect, it } from "vitest";
// @ts-expect-error an example is plain JavaScript
import { readDigits } from "../../examples/mnist/digits.mjs";
import { accuracy, conv2d, dense, flatten, maxPool2d, type Padding, sequential } from "../../src/index.ts";
import { shoot, type Visitor } from "./browsers.ts";
import { frameGaps, watchFrames } from "./frames.ts";
import {
  attribute,
  choose,
  click,
  eventually,
  grid,
  number,
  pixels,
  set,
  text,
  the,
  visit,
} from "./operate.ts";

/** Milliseconds between two frames, at most, while a network learns. */
const LONGEST_GAP = 100;

type Rows = readonly (readonly number[])[];

const rows = (values: ArrayLike<number>, width: number, digits: number): number[][] =>
  Array.from({ length: values.length / width }, (_, y) =>
    Array.from({ length: width }, (_, x) => Number(values[y * width + x].toFixed(digits)) + 0),
  );

export function networkCards(visitor: Visitor): void {
  const tensorOf = (values: Rows, ...shape: number[]) => visitor.engine.tensor(values.flat(), shape);

  describe("the sliding window", () => {
    /** The library's output for the input and the kernel that the page shows. */
    const convolved = async (options: { stride: number; dilation: number; padding: Padding }, border = 0) => {
      const { page, engine } = visitor;
      const padded = await grid(page, "window-input");
      const input = padded
        .slice(border, padded.length - border)
        .map((row) => row.slice(border, row.length - border));
      const kernel = await grid(page, "window-kernel");
      using x = tensorOf(input, 1, input.length, input.length, 1);
      using w = tensorOf(kernel, kernel.length, kernel.length, 1, 1);
      using y = engine.conv2d(x, w, options);
      return rows(y.data(), y.shape[2], 2);
    };

    it("gives the library's output, of the size that the formula gives", async () => {
      const { page } = visitor;
      await visit(page, "sliding-window");
      for (const [size, kernel, stride, dilation, padding, out] of [
        [6, 3, 1, 1, 0, 4],
        [9, 3, 2, 1, 1, 5],
        [8, 2, 3, 2, 0, 2],
        [7, 5, 1, 1, 2, 7],
      ]) {
        await set(page, the("window-input-size"), size);
        await set(page, the("window-kernel-size"), kernel);
        await set(page, the("window-stride"), stride);
        await set(page, the("window-dilation"), dilation);
        await choose(page, "window-padding", "custom");
        await page.waitForSelector(the("window-custom"));
        await set(page, the("window-custom"), padding);
        expect(Math.floor((size - (dilation * (kernel - 1) + 1) + 2 * padding) / stride) + 1).toBe(out);
        await eventually(() => attribute(page, the("window-output-size"), "data-value")).toBe(String(out));
        await eventually(async () => (await grid(page, "window-output")).length).toBe(out);
        const expected = await convolved({ stride, dilation, padding }, padding);
        await eventually(() => grid(page, "window-output")).toEqual(expected);
      }
    });

    it("pads to the same size", async () => {
      const { page } = visitor;
      await set(page, the("window-input-size"), 6);
      await set(page, the("window-kernel-size"), 3);
      await choose(page, "window-padding", "same");
      await eventually(async () => (await grid(page, "window-output")).length).toBe(6);
      const expected = await convolved({ stride: 1, dilation: 1, padding: "same" }, 1);
      await eventually(() => grid(page, "window-output")).toEqual(expected);
      await choose(page, "window-padding", "valid");
      await eventually(async () => (await grid(page, "window-output")).length).toBe(4);
    });

    it("steps and plays: the sum of the products is the output's cell", async () => {
      const { page } = visitor;
      for (let i = 0; i < 5; i++) await click(page, the("window-step-next"));
      const output = await grid(page, "window-output");
      await eventually(() => number(page, the("window-sum"))).toBe(output[1][1]);
      expect(await number(page, the("window-library"))).toBe(output[1][1]);
      const products = (await grid(page, "window-products")).flat();
      expect(products.reduce((a, b) => a + b)).toBe(output[1][1]);
      await click(page, the("window-step-play"));
      await eventually(() => number(page, the("window-sum"))).toBe(output[1][2]);
      await click(page, the("window-step-play"));
    });

    it("computes again when a number is typed", async () => {
      const { page } = visitor;
      await page.focus(`${the("window-input")} td[data-row="0"][data-column="0"] input`);
      await page.keyboard.type("40");
      await page.focus(`${the("window-kernel")} td[data-row="0"][data-column="0"] input`);
      await page.keyboard.press("ArrowDown");
      const expected = await convolved({ stride: 1, dilation: 1, padding: "valid" });
      await eventually(() => grid(page, "window-output")).toEqual(expected);
      expect((await grid(page, "window-input"))[0][0]).toBe(40);
      await shoot(page, `${visitor.name}-sliding-window`, "#sliding-window");
    });
  });

  describe("pooling", () => {
    it("gives the library's largest and mean values", async () => {
      const { page, engine } = visitor;
      await visit(page, "pooling");
      const input = await grid(page, "pool-input");
      for (const [size, stride] of [
        [2, 2],
        [3, 1],
        [3, 2],
        [4, 2],
      ]) {
        await set(page, the("pool-window"), size);
        await set(page, the("pool-stride"), stride);
        using x = tensorOf(input, 1, input.length, input.length, 1);
        using max = engine.maxPool2d(x, { size, stride });
        using average = engine.avgPool2d(x, { size, stride });
        await eventually(() => grid(page, "pool-max")).toEqual(rows(max.data(), max.shape[2], 2));
        await eventually(() => grid(page, "pool-average")).toEqual(rows(average.data(), max.shape[2], 2));
      }
      await click(page, the("pool-global"));
      const values = input.flat();
      await eventually(() => grid(page, "pool-max")).toEqual([[Math.max(...values)]]);
      const mean = values.reduce((a, b) => a + b) / values.length;
      expect(await grid(page, "pool-average")).toEqual([[Number(mean.toFixed(2))]]);
      await click(page, the("pool-global"));
    });

    it("pools a photo", async () => {
      const { page, engine } = visitor;
      await set(page, the("pool-window"), 3);
      await set(page, the("pool-stride"), 3);
      await eventually(async () => (await pixels(page, the("pool-photo-max"))).width).toBe(42);
      const photo = await pixels(page, the("pool-photo"));
      using x = engine.tensor(Float32Array.from(photo.data), [1, photo.height, photo.width, 4]);
      for (const [testid, pool] of [
        ["pool-photo-max", engine.maxPool2d(x, { size: 3, stride: 3 })],
        ["pool-photo-average", engine.avgPool2d(x, { size: 3, stride: 3 })],
      ] as const) {
        using y = pool;
        const expected = Uint8ClampedArray.from(y.data());
        await eventually(async () =>
          Buffer.from(expected).equals((await pixels(page, the(testid))).data),
        ).toBe(true);
      }
      await shoot(page, `${visitor.name}-pooling`, "#pooling");
    });
  });

  describe("why convolution", () => {
    it("counts parameters as the library does, and connections", async () => {
      const { page, engine } = visitor;
      await visit(page, "why-convolution");
      for (const [side, kernel, maps] of [
        [5, 3, 1],
        [4, 3, 8],
        [6, 5, 2],
      ]) {
        await set(page, the("why-side"), side);
        await set(page, the("why-kernel"), kernel);
        await set(page, the("why-maps"), maps);
        const shape = [side, side, 1];
        const nets = {
          dense: engine.compile(sequential(shape, [flatten(), dense({ units: side * side * maps })])),
          conv: engine.compile(sequential(shape, [conv2d({ filters: maps, kernel, padding: "same" })])),
        };
        for (const [layer, net] of Object.entries(nets)) {
          const parameters = Object.values(net.weights).reduce((sum, { length }) => sum + length, 0);
          await eventually(() => number(page, the(`why-${layer}-parameters`))).toBe(parameters);
          expect(await number(page, the(`why-${layer}-multiplications`))).toBe(net.multiplyAdds);
          net.dispose();
        }
        expect(await number(page, the("why-dense-lines"))).toBe(side ** 4);
        // Of each axis, a window that is cut at the border.
        const reach = kernel >> 1;
        const along = Array.from(
          { length: side },
          (_, i) => Math.min(i, reach) + Math.min(side - 1 - i, reach) + 1,
        );
        const lines = along.reduce((a, b) => a + b) ** 2;
        expect(await number(page, the("why-conv-lines"))).toBe(lines);
      }
      await shoot(page, `${visitor.name}-why-convolution`, "#why-convolution");
    });
  });

  describe("gradient descent", () => {
    it("finds Sobel's kernel", async () => {
      const { page } = visitor;
      await visit(page, "learn-sobel");
      await page.waitForSelector(the("sobel-kernel"));
      const secret = [
        [-1, 0, 1],
        [-2, 0, 2],
        [-1, 0, 1],
      ];
      expect(await grid(page, "sobel-secret")).toEqual(secret);
      const before = await grid(page, "sobel-kernel");
      await click(page, the("sobel-step"));
      await eventually(() => number(page, the("sobel-steps"))).toBe(1);
      expect(await grid(page, "sobel-kernel")).not.toEqual(before);
      await set(page, the("sobel-speed"), 1.5);
      await click(page, the("sobel-start"));
      await eventually(() => text(page, the("sobel-phase")), 20_000).toBe("found");
      const found = (await grid(page, "sobel-kernel")).flat();
      expect(Math.max(...found.map((weight, i) => Math.abs(weight - secret.flat()[i])))).toBeLessThan(0.0056);
      await shoot(page, `${visitor.name}-learn-sobel`, "#learn-sobel");
    });
  });

  describe("learning kernels", () => {
    const kernels = async () =>
      JSON.parse((await attribute(visitor.page, the("learn-kernels"), "data-values"))!);

    it("begins as the library does in Node", async () => {
      const { page, engine } = visitor;
      await visit(page, "learning-digits");
      await eventually(() => text(page, the("learn-phase"))).toContain("ready");
      const test = readDigits({ test: 1000 }).test as { x: Float32Array; y: Uint8Array };
      // The page has them as bytes.
      const x = test.x.map((ink) => Math.round(ink * 255) / 255);
      const model = sequential(
        [28, 28, 1],
        [
          conv2d({ filters: 8, kernel: 5, padding: "same", activation: "relu", name: "first" }),
          maxPool2d({ size: 2, name: "pool" }),
          conv2d({ filters: 16, kernel: 3, padding: "same", activation: "relu", name: "second" }),
          maxPool2d({ size: 2, name: "pool2" }),
          flatten({ name: "flat" }),
          dense({ units: 10, name: "scores" }),
        ],
      );
      const net = engine.compile(model, { seed: 1, batchSize: 50 });
      const first = net.weights["first.kernel"];
      const expected = Array.from({ length: 8 }, (_, k) =>
        Array.from({ length: 25 }, (_, i) => Number(first[i * 8 + k].toPrecision(4))),
      );
      expect(await kernels()).toEqual(expected);
      const scores = net.predict(x);
      const right = 100 * accuracy(scores, test.y);
      expect(Math.abs((await number(page, the("learn-accuracy"))) - right)).toBeLessThan(0.25);
      const loss = test.y.reduce((sum: number, label: number, n: number) => {
        const row = [...scores.subarray(n * 10, n * 10 + 10)];
        return sum + Math.log(row.reduce((all, score) => all + Math.exp(score), 0)) - row[label];
      }, 0);
      expect(Math.abs((await number(page, the("learn-loss"))) - loss / test.y.length)).toBeLessThan(0.002);
      net.dispose();
    });

    it("learns while the page draws", { retry: 2, timeout: 60_000 }, async () => {
      const { page } = visitor;
      if ((await number(page, the("learn-step"))) > 0) await click(page, the("learn-reset"));
      await eventually(() => number(page, the("learn-step"))).toBe(0);
      const [loss, accuracy, before] = [
        await number(page, the("learn-loss")),
        await number(page, the("learn-accuracy")),
        await kernels(),
      ];
      await eventually(() => text(page, the("learn-phase"))).toContain("ready");
      const gapsOf = async (ms: number) => {
        await watchFrames(page);
        await new Promise((resolve) => setTimeout(resolve, ms));
        return frameGaps(page);
      };
      const rest = await gapsOf(1500);
      await click(page, the("learn-start"));
      const gaps = await gapsOf(4000);
      await eventually(() => number(page, the("learn-accuracy")), 30_000).toBeGreaterThan(80);
      await click(page, the("learn-pause"));
      const [step, now] = [await number(page, the("learn-step")), await number(page, the("learn-accuracy"))];
      console.log(
        `${visitor.name}: worst gap between frames ${gaps.worst.toFixed(1)} ms while training (median ${gaps.median.toFixed(1)} of ${gaps.frames}), ${rest.worst.toFixed(1)} ms at rest; ${now} % read right after ${step} batches`,
      );
      expect(now).toBeGreaterThan(accuracy + 40);
      expect(await number(page, the("learn-loss"))).toBeLessThan(loss / 2);
      expect(await kernels()).not.toEqual(before);
      // A machine that is busy with other things draws no page evenly: the same page at rest tells.
      expect(gaps.worst).toBeLessThanOrEqual(Math.max(LONGEST_GAP, 3 * rest.worst));
    });

    it("reads a digit that is drawn", async () => {
      const { page } = visitor;
      const pad = await page.waitForSelector(the("learn-pad"));
      await pad!.scrollIntoView();
      const box = (await pad!.boundingBox())!;
      await page.mouse.move(box.x + box.width / 2, box.y + 30);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width / 2, box.y + box.height - 30, { steps: 10 });
      await page.mouse.up();
      await eventually(() => number(page, the("learn-read"))).toBe(1);
      const parts = await Promise.all(
        Array.from({ length: 10 }, (_, digit) => number(page, the(`learn-p-${digit}`))),
      );
      expect(Math.abs(parts.reduce((a, b) => a + b) - 100)).toBeLessThan(1);
      await shoot(page, `${visitor.name}-learning-digits`, "#learning-digits");
    });

    it("learns nothing from zeros", async () => {
      const { page } = visitor;
      await choose(page, "learn-init", "zeros");
      await eventually(() => number(page, the("learn-step"))).toBe(0);
      await eventually(() => text(page, the("learn-phase"))).toContain("ready");
      expect(await number(page, the("learn-loss"))).toBeCloseTo(Math.log(10), 2);
      await click(page, the("learn-start"));
      await eventually(() => number(page, the("learn-step"))).toBeGreaterThan(20);
      expect((await kernels()).flat().every((weight: number) => weight === 0)).toBe(true);
      expect(await number(page, the("learn-loss"))).toBeGreaterThan(2);
      await choose(page, "learn-init", "glorotUniform");
      await eventually(() => number(page, the("learn-step"))).toBe(0);
    });
  });
}
