// What the playground computes by itself, before the reader's eyes, against the library; and drawings as MNIST would have them.
import { expect, test } from "vitest";
import { normalizeDigit, SIDE } from "../examples/playground/shared/mnist.ts";
import { outputSize, samePadding, span, taps } from "../examples/playground/shared/window.ts";
import { slide } from "../src/ops/window.ts";

test("the size of an output, and what it reads, is the library's", () => {
  for (let size = 1; size <= 10; size++)
    for (let kernel = 1; kernel <= 5; kernel++)
      for (let stride = 1; stride <= 4; stride++)
        for (let dilation = 1; dilation <= 3; dilation++)
          for (const padding of ["valid", "same", 0, 1, 4] as const) {
            const bare = { size, kernel, stride, dilation, before: 0, after: 0 };
            const [before, after] =
              padding === "same"
                ? samePadding(size, span(bare), stride)
                : padding === "valid"
                  ? [0, 0]
                  : [padding, padding];
            const axis = { ...bare, before, after };
            const ours = outputSize(axis);
            const theirs = () =>
              slide([size], { kernel: [kernel], stride: [stride], dilation: [dilation], padding }, "test")[0];
            if (ours < 1) expect(theirs).toThrow(/does not fit/);
            else {
              expect(theirs()).toMatchObject({ out: ours, before, after });
              const last = taps(axis, ours - 1);
              expect(last).toHaveLength(kernel);
              expect(last[kernel - 1]).toBeLessThan(size + before + after);
            }
          }
});

/** A drawing, light paper, with the pixels black for which `ink` is true. */
function drawing(width: number, height: number, ink: (y: number, x: number) => boolean) {
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) if (ink(y, x)) data.fill(0, 4 * (y * width + x), 4 * (y * width + x) + 3);
  return { data, width, height };
}

const extent = (digit: Float32Array) => {
  const [rows, columns] = [new Set<number>(), new Set<number>()];
  digit.forEach((value, i) => {
    if (value > 0.02) {
      rows.add(Math.floor(i / SIDE));
      columns.add(i % SIDE);
    }
  });
  return { rows: rows.size, columns: columns.size };
};

test("a drawing fits a box of 20 x 20 in its proportions, wherever and however large it is drawn", () => {
  for (const [top, left, height, width] of [
    [10, 10, 200, 50],
    [150, 100, 40, 40],
    [3, 60, 8, 160],
    [0, 0, 224, 224],
  ]) {
    const digit = normalizeDigit(
      drawing(224, 224, (y, x) => y >= top && x >= left && y < top + height && x < left + width),
    );
    const scale = 20 / Math.max(height, width);
    const { rows, columns } = extent(digit!);
    expect(Math.abs(rows - height * scale)).toBeLessThanOrEqual(1);
    expect(Math.abs(columns - width * scale)).toBeLessThanOrEqual(1);
    expect(Math.max(...digit!)).toBeLessThanOrEqual(1);
    expect(digit!.reduce((sum, v) => sum + v, 0)).toBeCloseTo(height * width * scale * scale, 1);
  }
});

test("its centre of mass lies in the middle, not that of its box", () => {
  // A heavy bar to the left of a thin line.
  const digit = normalizeDigit(drawing(224, 224, (y, x) => (x < 40 ? y < 200 : y < 20 && x < 110)))!;
  let [mass, my, mx] = [0, 0, 0];
  digit.forEach((value, i) => {
    mass += value;
    my += value * (Math.floor(i / SIDE) + 0.5);
    mx += value * ((i % SIDE) + 0.5);
  });
  expect(Math.abs(my / mass - SIDE / 2)).toBeLessThanOrEqual(0.51);
  expect(Math.abs(mx / mass - SIDE / 2)).toBeLessThanOrEqual(0.51);
});

test("no ink is cut off, however lopsided the drawing", () => {
  const digit = normalizeDigit(
    drawing(224, 224, (y, x) => (x < 80 ? y < 224 : y < 2 || (x > 222 && y < 4))),
  )!;
  const black = 80 * 224 + 144 * 2 + 2;
  expect(digit.reduce((sum, v) => sum + v, 0)).toBeCloseTo(black * (20 / 224) ** 2, 0);
  expect(extent(digit).columns).toBe(20);
});

test("an empty drawing is no digit", () => {
  expect(normalizeDigit(drawing(50, 60, () => false))).toBeUndefined();
});
