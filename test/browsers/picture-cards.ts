// The cards with pictures: what they show is what the library gives in Node, byte for byte where it computes with whole numbers.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, encode } from "fast-png";
import { afterAll, describe, expect, it } from "vitest";
import * as image from "../../src/image/index.ts";
import { layersModel as fromTfjs } from "../layers-model.ts";
import { shoot, type Visitor } from "./browsers.ts";
import {
  checksum,
  checksumOf,
  choose,
  click,
  different,
  eventually,
  number,
  pixels,
  set,
  text,
  the,
  visit,
} from "./operate.ts";

type Rgba = image.Image<Uint8ClampedArray>;

/** A PNG as a canvas has it. */
function readPng(bytes: Uint8Array): Rgba {
  const { data, width, height, channels } = decode(bytes);
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < channels; c++) rgba[i * 4 + c] = Number(data[i * channels + c]);
  return { data: rgba, width, height, channels: 4 };
}

/** One channel as a canvas shows it. */
function spread({ data, width, height }: image.Image): Rgba {
  const rgba = Uint8ClampedArray.from({ length: data.length * 4 }, (_, i) =>
    i % 4 === 3 ? 255 : data[i >> 2],
  );
  return { data: rgba, width, height, channels: 4 };
}

const root = new URL("../../", import.meta.url);
const photo = readPng(readFileSync(new URL("examples/astronaut.png", root)));
const esrgan = new URL("node_modules/@upscalerjs/esrgan-slim/models/x2/", root);
const trained = fromTfjs(
  readFileSync(new URL("model.json", esrgan)),
  readFileSync(new URL("group1-shard1of1.bin", esrgan)),
);

/** How many bytes may differ by one where weights are no whole numbers: builds of the kernels round sums that lie near a half either way. */
const FEW = photo.data.length / 200;

export function pictureCards(visitor: Visitor): void {
  const { name } = visitor;
  const folder = mkdtempSync(join(tmpdir(), "convolith-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Waits until a canvas shows an image, but for so many bytes. */
  const shows = (testid: string, expected: Rgba, few = 0) => {
    const sum = checksumOf(expected);
    return eventually(async () => {
      const shown = await checksum(visitor.page, the(testid));
      if (shown === sum || few === 0) return shown;
      const { data } = await pixels(visitor.page, the(testid));
      const { count, most } = different(data, expected.data);
      return count <= few && most <= 1 ? sum : `${count} of ${data.length} bytes differ, by up to ${most}`;
    }).toBe(sum);
  };

  describe("kernels on a picture", () => {
    const filter = (kernel: image.Kernel, options = {}): Rgba =>
      image.filter2d(visitor.engine, photo, kernel, { ...options });
    /** What the sliders say. */
    const levels = async () => ({
      scale: await number(visitor.page, `.levels label:nth-of-type(1)`),
      bias: await number(visitor.page, `.levels .control:nth-of-type(2) label`),
    });

    it("begins with the photo and Sobel's kernel", async () => {
      await visit(visitor.page, "kernels");
      await shows("kernels-picture", photo);
      await shows("kernels-result", filter(image.sobelX(), { scale: 0.5, bias: 128 }));
      expect(await levels()).toEqual({ scale: 0.5, bias: 128 });
    });

    it("filters with every kernel of the textbook", async () => {
      const names = await visitor.page.$$eval(`${the("kernels-name")} option`, (options) =>
        options.map((option) => option.value),
      );
      expect(names).toEqual([...Object.keys(image.KERNELS), "own"]);
      for (const [name, { label, make }] of Object.entries(image.KERNELS)) {
        await set(visitor.page, the("kernels-name"), name);
        const kernel = make();
        const heading = `${label}, ${kernel.length} × ${kernel[0].length}`;
        await eventually(() => text(visitor.page, "#kernels h3")).toBe(heading);
        const whole = kernel.flat().every(Number.isInteger);
        const shown = await levels();
        await shows(
          "kernels-result",
          filter(kernel, shown),
          whole && Number.isInteger(shown.scale * 2) ? 0 : FEW,
        );
      }
    });

    it("takes every border", async () => {
      await set(visitor.page, the("kernels-name"), "box-7");
      for (const border of ["reflect", "replicate", "zeros", "reflect101"] as const) {
        await set(visitor.page, the("kernels-border"), border);
        await shows("kernels-result", filter(image.box(7), { border }), FEW);
      }
    });

    it("takes a kernel that is typed, and turns it", async () => {
      await set(visitor.page, the("kernels-name"), "identity");
      const cell = (row: number, column: number) =>
        `${the("kernels-matrix")} td[data-row="${row}"][data-column="${column}"] input`;
      await visitor.page.focus(cell(0, 0));
      await visitor.page.keyboard.type("-1");
      await visitor.page.focus(cell(2, 1));
      await visitor.page.keyboard.press("ArrowUp");
      await shows(
        "kernels-result",
        filter([
          [-1, 0, 0],
          [0, 1, 0],
          [0, 1, 0],
        ]),
      );
      expect(await visitor.page.$eval(the("kernels-name"), (e) => (e as HTMLSelectElement).value)).toBe(
        "own",
      );
      await click(visitor.page, the("kernels-turn"));
      await shows(
        "kernels-result",
        filter([
          [0, 0, -1],
          [1, 1, 0],
          [0, 0, 0],
        ]),
      );
    });

    it("times the filter beside a plain loop that gives the same bytes", async () => {
      await set(visitor.page, the("kernels-name"), "sobel-x");
      await eventually(async () => [
        await text(visitor.page, the("kernels-different")),
        (await number(visitor.page, the("kernels-ms"))) > 0,
      ]).toEqual(["Both give the same 262144 bytes", true]);
      const [ms, naive] = [
        await number(visitor.page, the("kernels-ms")),
        await number(visitor.page, the("kernels-naive-ms")),
      ];
      console.log(`${name}: Sobel 3 x 3 of 256 x 256 RGBA in ${ms} ms, in a plain loop in ${naive} ms`);
      expect(naive).toBeGreaterThan(ms);
      await shoot(visitor.page, `${name}-kernels`, "#kernels");
    });

    it("takes a photo of the visitor's", async () => {
      const [width, height] = [37, 21];
      const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7919) % 251);
      const file = join(folder, "photo.png");
      writeFileSync(file, encode({ data, width, height, channels: 3 }));
      await choose(visitor.page, "kernels-source", "file");
      const input = await visitor.page.waitForSelector(the("kernels-source-file"));
      await (input as unknown as { uploadFile(file: string): Promise<void> }).uploadFile(file);
      const given = readPng(readFileSync(file));
      await shows("kernels-picture", given);
      const expected = image.filter2d(visitor.engine, given, image.sobelX(), { scale: 0.5, bias: 128 });
      await shows("kernels-result", expected);
    });

    it("takes the camera, frame after frame", async () => {
      await choose(visitor.page, "kernels-source", "webcam");
      const frame = async () => (await pixels(visitor.page, the("kernels-result"))).data;
      await eventually(async () => (await frame()).length).toBeGreaterThan(100_000);
      const first = await frame();
      await eventually(async () => different(first, await frame()).count).toBeGreaterThan(100);
    });

    it("takes a drawing", async () => {
      await choose(visitor.page, "kernels-source", "drawing");
      const pad = await visitor.page.waitForSelector(the("kernels-source-pad"));
      await pad!.scrollIntoView();
      const box = (await pad!.boundingBox())!;
      await visitor.page.mouse.move(box.x + 40, box.y + 40);
      await visitor.page.mouse.down();
      await visitor.page.mouse.move(box.x + 160, box.y + 120, { steps: 8 });
      await visitor.page.mouse.up();
      const dark = async () => {
        const { data } = await pixels(visitor.page, the("kernels-picture"));
        let count = 0;
        for (let i = 0; i < data.length; i += 4) count += Number(data[i] < 64);
        return count;
      };
      await eventually(dark).toBeGreaterThan(400);
      // The keyboard draws, too.
      const before = await dark();
      await visitor.page.evaluate(
        (selector) => (document.querySelector(selector)!.parentElement as HTMLElement).focus(),
        the("kernels-source-pad"),
      );
      await visitor.page.keyboard.down("Shift");
      for (let i = 0; i < 6; i++) await visitor.page.keyboard.press("ArrowDown");
      await visitor.page.keyboard.up("Shift");
      await eventually(dark).toBeGreaterThan(before);
      await choose(visitor.page, "kernels-source", "photo");
    });
  });

  describe("blur, sharpen, edges", () => {
    it("shows what the library gives, for every place of the sliders", async () => {
      await visit(visitor.page, "blur");
      for (const [sigma, amount, size, window, box] of [
        [2, 1.5, 3, 13, 7],
        [4.5, 3, 5, 29, 15],
        [0.8, 0.5, 7, 7, 3],
      ]) {
        await set(visitor.page, the("blur-sigma"), sigma);
        await set(visitor.page, the("blur-amount"), amount);
        await choose(visitor.page, "blur-sobel", size);
        await shows("blur-gaussian", image.gaussianBlur(visitor.engine, photo, { sigma, size: window }), FEW);
        await shows("blur-box", image.boxBlur(visitor.engine, photo, { size: box }), FEW);
        await shows("blur-sharp", image.unsharpMask(visitor.engine, photo, { sigma, amount }), FEW);
        const { magnitude } = image.gradient(visitor.engine, image.toGray(visitor.engine, photo), { size });
        const gain = image
          .sobelX(size)
          .flat()
          .filter((v) => v > 0)
          .reduce((a, b) => a + b);
        const bytes = Uint8ClampedArray.from(magnitude.data, (v) => v / gain);
        await shows("blur-edges", spread({ ...magnitude, data: bytes }), FEW);
        expect(await number(visitor.page, the("blur-window"))).toBe(window);
        expect(await number(visitor.page, the("blur-box-size"))).toBe(box);
        const highest = image.gaussian1d(window, sigma)[window >> 1];
        expect(await number(visitor.page, the("blur-highest"))).toBeCloseTo(highest, 4);
      }
    });

    it("follows the keyboard", async () => {
      await visitor.page.focus(the("blur-sigma"));
      await visitor.page.keyboard.press("ArrowRight");
      await shows("blur-gaussian", image.gaussianBlur(visitor.engine, photo, { sigma: 0.9, size: 7 }), FEW);
      await eventually(() => number(visitor.page, the("blur-gaussian-ms"))).toBeGreaterThan(0);
      await shoot(visitor.page, `${name}-blur`, "#blur");
    });
  });

  describe("Canny, stage by stage", () => {
    const settings = [
      { sigma: 1.4, aperture: 3, l2: true },
      { sigma: 2.5, aperture: 5, l2: false },
      { aperture: 7, l2: true },
    ] as const;

    it("shows the library's edges and counts them, with automatic thresholds", async () => {
      await visit(visitor.page, "canny");
      for (const { aperture, l2, ...rest } of settings) {
        await set(visitor.page, the("canny-sigma"), "sigma" in rest ? rest.sigma : 0);
        await choose(visitor.page, "canny-aperture", aperture);
        await choose(visitor.page, "canny-norm", l2 ? "l2" : "l1");
        const stages = image.cannyStages(visitor.engine, photo, { aperture, l2, ...rest });
        const edges = image.canny(visitor.engine, image.toGray(visitor.engine, photo), {
          aperture,
          l2,
          ...rest,
        });
        await shows("canny-edges", spread(edges));
        await shows("canny-smoothed", spread(stages.smoothed));
        const count = edges.data.reduce((sum: number, v: number) => sum + Number(v === 255), 0);
        expect(count).toBeGreaterThan(500);
        await eventually(() => number(visitor.page, the("canny-edges-count"))).toBe(count);
        expect(await number(visitor.page, the("canny-low-used"))).toBe(Math.round(stages.low));
        expect(await number(visitor.page, the("canny-high-used"))).toBe(Math.round(stages.high));
      }
    });

    it("takes thresholds by hand: a higher one leaves fewer edges", async () => {
      await set(visitor.page, the("canny-sigma"), 1.4);
      await choose(visitor.page, "canny-aperture", 3);
      await click(visitor.page, the("canny-automatic"));
      await visitor.page.waitForSelector(the("canny-high"));
      const counts: number[] = [];
      for (const part of [0.1, 0.2, 0.4]) {
        await set(visitor.page, the("canny-high"), part);
        await set(visitor.page, the("canny-low"), 0.05);
        const options = { sigma: 1.4, l2: true, low: 51, high: Math.round(part * 1020) };
        const edges = image.canny(visitor.engine, image.toGray(visitor.engine, photo), options);
        await shows("canny-edges", spread(edges));
        const expected = edges.data.reduce((sum: number, v: number) => sum + Number(v === 255), 0);
        await eventually(() => number(visitor.page, the("canny-edges-count"))).toBe(expected);
        counts.push(expected);
      }
      expect(counts).toEqual([...counts].sort((a, b) => b - a));
      await eventually(() => number(visitor.page, the("canny-ms"))).toBeGreaterThan(0);
      await shoot(visitor.page, `${name}-canny`, "#canny");
    });
  });

  describe("depth and feature maps", () => {
    const kernel = trained.weights["F_m1.kernel"] as Float32Array;
    const bias = trained.weights["F_m1.bias"] as Float32Array;

    it("adds up the channels of any filter at any place", async () => {
      await visit(visitor.page, "depth");
      await eventually(() => text(visitor.page, the("depth-shape"))).toContain("1792 parameters");
      const { data, width, height } = await pixels(visitor.page, the("depth-picture"));
      expect([width, height]).toEqual([96, 96]);
      const rgb = Float32Array.from(
        { length: width * height * 3 },
        (_, i) => data[((i / 3) | 0) * 4 + (i % 3)],
      );
      using x = visitor.engine.tensor(rgb, [1, height, width, 3]);
      using w = visitor.engine.tensor(kernel, [3, 3, 3, 64]);
      using b = visitor.engine.tensor(bias, [64]);
      using y = visitor.engine.conv2d(x, w, { bias: b, padding: "same" });
      const maps = y.data();
      for (const [filter, row, column] of [
        [5, 0, 0],
        [12, 40, 51],
        [0, 95, 95],
      ]) {
        await click(visitor.page, the(`depth-filter-${filter}`));
        await set(visitor.page, the("depth-row"), row);
        await set(visitor.page, the("depth-column"), column);
        const expected = maps[(row * width + column) * 64 + filter];
        await eventually(async () =>
          Math.abs((await number(visitor.page, the("depth-value"))) - expected),
        ).toBeLessThan(0.002);
        expect(Math.abs((await number(visitor.page, the("depth-given"))) - expected)).toBeLessThan(0.002);
        const parts = await Promise.all(
          ["sum-red", "sum-green", "sum-blue", "bias"].map((part) =>
            number(visitor.page, the(`depth-${part}`)),
          ),
        );
        expect(Math.abs(parts.reduce((a, b) => a + b) - expected)).toBeLessThan(0.005);
      }
    });

    it("chooses filters by the keyboard, among all 64", async () => {
      await visitor.page.focus(the("depth-filter-0"));
      await visitor.page.keyboard.press("ArrowRight");
      await eventually(() => text(visitor.page, "#depth")).toContain("Map of filter 1");
      await click(visitor.page, the("depth-all"));
      await eventually(() => visitor.page.$$eval(`${the("depth-filters")} input`, (all) => all.length)).toBe(
        64,
      );
      await shoot(visitor.page, `${name}-depth`, "#depth");
    });
  });

  describe("real nets", () => {
    it("enlarges a piece of the photo as the library does in Node", async () => {
      await visit(visitor.page, "nets");
      await set(visitor.page, the("nets-left"), 140);
      await set(visitor.page, the("nets-top"), 100);
      await choose(visitor.page, "nets-size", 48);
      const net = visitor.engine.compile(trained, { shape: [48, 48, 3] });
      const x = Float32Array.from({ length: 48 * 48 * 3 }, (_, i) => {
        const pixel = (i / 3) | 0;
        return photo.data[((100 + ((pixel / 48) | 0)) * photo.width + 140 + (pixel % 48)) * 4 + (i % 3)];
      });
      const y = net.predict(x) as Float32Array;
      const data = Uint8ClampedArray.from({ length: 96 * 96 * 4 }, (_, i) =>
        i % 4 === 3 ? 255 : y[(i >> 2) * 3 + (i % 4)],
      );
      await shows("nets-after", { data, width: 96, height: 96, channels: 4 }, data.length / 100);
      await eventually(() => number(visitor.page, the("nets-multiply-adds"))).toBeCloseTo(
        net.multiplyAdds / 1e6,
        0,
      );
      expect(await number(visitor.page, the("nets-ms"))).toBeGreaterThan(0);
      net.dispose();
    });

    it("shows where the time goes, layer by layer", async () => {
      await eventually(() =>
        visitor.page.$$eval(`${the("nets-profile")} tbody tr`, (rows) => rows.length),
      ).toBeGreaterThan(9);
      const rows = await visitor.page.$$eval(`${the("nets-profile")} tbody tr`, (rows) =>
        rows.map((row) => [...row.children].map((cell) => cell.textContent ?? "")),
      );
      const layers = new Set(trained.model.layers.map((layer) => layer.name));
      expect(rows.filter(([layer]) => !layers.has(layer))).toEqual([]);
      const shares = rows.reduce((sum, [, , share]) => sum + Number.parseFloat(share), 0);
      expect(shares).toBeGreaterThan(98);
      expect(shares).toBeLessThan(102);
    });

    it("draws the line between before and after where the slider is", async () => {
      await visitor.page.focus(the("nets-split"));
      await visitor.page.keyboard.press("Home");
      const split = () =>
        visitor.page.$eval(".compare", (element) => getComputedStyle(element).getPropertyValue("--split"));
      await eventually(split).toBe("0%");
      await visitor.page.keyboard.press("End");
      await eventually(split).toBe("100%");
      await choose(visitor.page, "nets-before-as", "cubic");
      await eventually(async () => (await pixels(visitor.page, the("nets-before"))).width).toBe(96);
      await set(visitor.page, the("nets-split"), 50);
      await shoot(visitor.page, `${name}-nets`, "#nets");
    });
  });
}
