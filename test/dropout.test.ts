// Dropout: the random numbers of the paper, the same ones for any cut and both ways, and as many as asked for.
import { describe, expect, it } from "vitest";
import { dropout } from "../src/ops/dropout.ts";
import { gradientsOf } from "./gradients.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import { philox } from "./oracle-train.ts";
import { expectEqual } from "./tolerance.ts";

const ones = (count: number): Plain => ({ shape: [count], data: new Float32Array(count).fill(1) });
const state = (...words: number[]): Plain => ({ shape: [4], data: Int32Array.from(words) });

const KEY = [0xa4093822, 0x299f31d0];
const STEP = [0x13198a2e, 0x03707344];

/** The random number of place i. */
function word(i: number, key: readonly number[], stream: number, step: readonly number[]): number {
  const group = Math.floor(i / 16);
  return philox([4 * group + (i % 4), stream, step[0], step[1]], key)[Math.floor((i % 16) / 4)];
}

describe("the reference generator", () => {
  it("gives the known answers of Random123", () => {
    const hex = (words: readonly number[]): string[] => words.map((w) => w.toString(16).padStart(8, "0"));
    const ones32 = [-1, -1, -1, -1];
    expect(hex(philox([0, 0, 0, 0], [0, 0]))).toEqual(["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]);
    expect(hex(philox(ones32, [-1, -1]))).toEqual(["408f276d", "41c83b0e", "a20bc7c6", "6d5451fd"]);
    expect(hex(philox([0x243f6a88, 0x85a308d3, ...STEP], KEY))).toEqual([
      ...["d16cfe09", "94fdcceb", "5001e420", "24126ea1"],
    ]);
  });
});

for (const { name, engine } of builds())
  describe(`dropout (${name})`, () => {
    it("keeps exactly the values whose number is large enough", async () => {
      for (const [count, rate, stream] of [
        [1, 0.5, 0],
        [3, 0.5, 1],
        [15, 0.25, 2],
        [16, 0.9, 3],
        [17, 0.1, 4],
        [300, 0.3, 5],
        [1000, 0.5, 0x7fffffff],
      ]) {
        const x = { shape: [count], data: Float32Array.from({ length: count }, (_, i) => i + 1) };
        const params = { rate, stream };
        const [y] = await evaluate(engine, dropout, [x, state(...KEY, ...STEP)], params);
        const scale = Math.fround(1 / (1 - rate));
        const want = x.data.map((v, i) => (word(i, KEY, stream, STEP) >= rate * 2 ** 32 ? v * scale : 0));
        expectEqual(y.data, want);
        const [dx, none] = await gradientsOf(
          engine,
          dropout,
          [x, state(...KEY, ...STEP)],
          params,
          [x],
          [true, false],
        );
        expectEqual(dx!, want);
        expect(none).toBe(undefined);
      }
    });

    it("drops other values at another step, seed or stream, and as many as asked for", async () => {
      const count = 1 << 18;
      const mask = async (rate: number, stream: number, ...words: number[]): Promise<boolean[]> => {
        const [y] = await evaluate(engine, dropout, [ones(count), state(...words)], { rate, stream });
        return Array.from(y.data, (v) => v > 0);
      };
      for (const rate of [0.1, 0.5, 0.8]) {
        const masks = [
          await mask(rate, 0, 1, 0, 1, 0),
          await mask(rate, 0, 1, 0, 2, 0),
          await mask(rate, 0, 2, 0, 1, 0),
          await mask(rate, 1, 1, 0, 1, 0),
        ];
        const deviation = Math.sqrt(count * rate * (1 - rate));
        for (const m of masks) {
          const kept = m.filter(Boolean).length;
          expect(Math.abs(kept - count * (1 - rate))).toBeLessThan(5 * deviation);
          // Neighbours, lanes and words know nothing of each other.
          for (const lag of [1, 2, 4, 8, 16, 64]) {
            const pairs = m.filter((v, i) => v && m[(i + lag) % count]).length;
            const both = (1 - rate) ** 2;
            // Pairs overlap: their variance is at most three times that of independent ones.
            expect(Math.abs(pairs - count * both)).toBeLessThan(5 * Math.sqrt(3 * count * both * (1 - both)));
          }
        }
        const agreed = (1 - rate) ** 2 + rate ** 2;
        for (let a = 0; a < masks.length; a++)
          for (let b = a + 1; b < masks.length; b++) {
            const same = masks[a].filter((v, i) => v === masks[b][i]).length;
            expect(Math.abs(same - count * agreed)).toBeLessThan(
              5 * Math.sqrt(count * agreed * (1 - agreed)),
            );
          }
      }
    });

    it("of rate 0 changes nothing", async () => {
      const x = { shape: [5, 7], data: Float32Array.from({ length: 35 }, (_, i) => i - 17) };
      const [y] = await evaluate(engine, dropout, [x, state(1, 2, 3, 4)], { rate: 0, stream: 0 });
      expectEqual(y.data, x.data);
    });
  });

describe("dropout refuses", () => {
  it("a rate that leaves nothing, and a state of another kind", () => {
    const x = { shape: [4], dtype: "float32" as const };
    const seed = { shape: [4], dtype: "int32" as const };
    expect(() => dropout.infer([x, seed], { rate: 1, stream: 0 }, "dropout")).toThrow(
      "dropout: rate is 1 but must be at least 0 and below 1",
    );
    expect(() => dropout.infer([x, x], { rate: 0.5, stream: 0 }, "dropout")).toThrow(
      "state is float32 [4] but must be int32 [4]",
    );
  });
});
