// The lessons of examples/: each is told of where people look for it, and the pictures they make to learn from are what they say.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
// @ts-expect-error: JavaScript, whose types only the examples' own project reads
import { makePictures, SIDE as TWO_BY_TWO } from "../examples/look/pictures.mjs";
// @ts-expect-error: JavaScript, whose types only the examples' own project reads
import { makeScenes, SIDE } from "../examples/unet/scenes.mjs";

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

/** Two images of 28 x 28: a 3 that is a square of ink, a 7 that is a line. */
const digits = {
  x: Float32Array.from({ length: 2 * 784 }, (_, i) => {
    const [row, column] = [Math.floor((i % 784) / 28), i % 28];
    const within = (v: number) => v >= 8 && v < 20;
    return i < 784 ? Number(within(row) && within(column)) : Number(row === 14 && within(column));
  }),
  y: Uint8Array.of(3, 7),
};

describe("lessons", () => {
  const scripts: Record<string, string> = JSON.parse(read("package.json")).scripts;
  const lessons = Object.keys(scripts).filter((name) => name.startsWith("lesson:"));

  it("are seven at least", () => {
    expect(lessons.length).toBeGreaterThanOrEqual(7);
  });

  for (const lesson of lessons)
    it(`${lesson} is a file that says how it is run, and is listed`, () => {
      const file = /node (\S+)$/.exec(scripts[lesson])?.[1] ?? "";
      expect(existsSync(new URL(`../${file}`, import.meta.url))).toBe(true);
      expect(read(file)).toMatch(new RegExp(`^// Lesson: .*npm run ${lesson}\\b`));
      for (const page of ["examples/README.md", "docs/training.md"])
        expect(read(page)).toContain(`npm run ${lesson}`);
    });
});

describe("what lessons learn from", () => {
  it("scenes: colors from 0 to 1, masks where ink is, the same for the same seed", () => {
    const { x, y } = makeScenes(digits, { count: 20, seed: 5 });
    expect([x.length, y.length]).toEqual([20 * SIDE * SIDE * 3, 20 * SIDE * SIDE]);
    expect(x.every((v: number) => v >= 0 && v <= 1)).toBe(true);
    for (let n = 0; n < 20; n++) {
      const ink = y.subarray(n * SIDE * SIDE, (n + 1) * SIDE * SIDE).reduce((a: number, b: number) => a + b);
      // One digit at least, three at most, of 12 or 144 pixels.
      expect(ink).toBeGreaterThanOrEqual(12);
      expect(ink).toBeLessThanOrEqual(3 * 144);
    }
    const sameMasks = (seed: number): boolean =>
      makeScenes(digits, { count: 20, seed }).y.every((v: number, i: number) => v === y[i]);
    expect([5, 6].map(sameMasks)).toEqual([true, false]);
  });

  it("pictures of three digits: one of four places is empty, and marks say which digits are there", () => {
    const { x, y } = makePictures(digits, 20, 5);
    for (let n = 0; n < 20; n++) {
      const ink = [0, 0, 0, 0];
      for (let p = 0; p < TWO_BY_TWO * TWO_BY_TWO; p++) {
        const [row, column] = [Math.floor(p / TWO_BY_TWO), p % TWO_BY_TWO];
        ink[2 * Number(row >= 28) + Number(column >= 28)] += x[n * TWO_BY_TWO * TWO_BY_TWO + p];
      }
      expect(ink.filter((sum) => sum === 0)).toHaveLength(1);
      const marks = [...y.subarray(n * 10, (n + 1) * 10)];
      expect(marks.map((mark, digit) => (mark ? digit : -1)).filter((digit) => digit >= 0)).toEqual(
        [3, 7].filter((digit) => ink.includes(digit === 3 ? 144 : 12)),
      );
    }
  });
});
