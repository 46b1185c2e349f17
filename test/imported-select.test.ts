// The best of many values or boxes, against sorting and against the definitions of ONNX and TensorFlow.
import { describe, expect, it } from "vitest";
import type { LayerKind } from "../src/layers/layer.ts";
import * as kinds from "../src/layers/select.ts";
import { builds, type Plain, type Result } from "./harness.ts";
import { Random } from "./random.ts";
import { eachIndex, filled, flatten, runKind } from "./run-kind.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

/** Whether a comes before b among the largest: NaN first, of equal ones the lower index. */
function order(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
  return a === b ? 0 : b - a > 0 ? 1 : -1;
}

const SPECIAL = [Number.NaN, Infinity, -Infinity, 0, -0, 3.4e38, -3.4e38, 1e-45, -1e-45];

type Box = readonly number[];

/** Intersection over union as float32 has it. */
function overlap(a: Box, b: Box): number {
  const f = Math.fround;
  const side = (p: number, q: number, r: number, s: number): number =>
    f(Math.max(0, f(Math.min(Math.max(p, q), Math.max(r, s)) - Math.max(Math.min(p, q), Math.min(r, s)))));
  const area = ([p, q, r, s]: Box): number => f(f(Math.abs(f(r - p))) * f(Math.abs(f(s - q))));
  if (!(area(a) > 0 && area(b) > 0)) return 0;
  const common = f(side(a[0], a[2], b[0], b[2]) * side(a[1], a[3], b[1], b[3]));
  return f(common / f(f(area(a) + area(b)) - common));
}

/** Boxes in order of their scores, without those that overlap one before. */
function suppress(boxes: Box[], scores: ArrayLike<number>, most: number, iou: number, threshold: number) {
  const all = boxes.map((_, i) => i).filter((i) => scores[i] > threshold);
  all.sort((i, j) => scores[j] - scores[i] || i - j);
  const kept: number[] = [];
  for (const i of all)
    if (kept.length < most && kept.every((j) => !(overlap(boxes[i], boxes[j]) > iou))) kept.push(i);
  return kept;
}

// Boxes and scores of the examples in both definitions: three clusters.
const CLUSTERS = [
  [0, 0, 1, 1],
  [0, 0.1, 1, 1.1],
  [0, -0.1, 1, 0.9],
  [0, 10, 1, 11],
  [0, 10.1, 1, 11.1],
  [0, 100, 1, 101],
];
const SCORES = [0.9, 0.75, 0.6, 0.95, 0.5, 0.3];
const floats = (shape: number[], list: readonly number[]): Plain => ({
  shape,
  data: Float32Array.from(list),
});

for (const { name, engine } of builds())
  describe(`kinds of imported models that select (${name})`, () => {
    const run = (kind: LayerKind, config: object, inputs: Plain[]): Promise<Result[]> =>
      runKind(engine, kind, config, inputs);

    for (const [shape, axis, k] of [
      [[1], 0, 1],
      [[9], 0, 9],
      [[400], 0, 5],
      [[3, 50], -1, 50],
      [[3, 50], 0, 2],
      [[2, 7, 5], 1, 3],
      [[2, 7, 5], 1, 7],
      [[2, 33, 3, 4], 1, 10],
    ] as [number[], number, number][])
      it(`topK ${k} of [${shape}], axis ${axis}`, async () => {
        const a = axis < 0 ? axis + shape.length : axis;
        for (const dtype of ["float32", "int32"] as const)
          for (const largest of [true, false]) {
            const random = new Random(k);
            const x = filled(shape, dtype, () => {
              if (dtype === "int32")
                return random.chance(0.1)
                  ? random.pick([-(2 ** 31), 2 ** 31 - 1, -1])
                  : random.below(20) - 10;
              return random.chance(0.2) ? random.pick(SPECIAL) : random.below(40) / 8 - 2;
            });
            const out = shape.with(a, k);
            const values = filled(out, dtype, () => 0);
            const indices = filled(out, "int32", () => 0);
            eachIndex(shape.with(a, 1), (index) => {
              const at = (i: number): number => x.data[flatten(shape, index.with(a, i))];
              const sorted = Array.from({ length: shape[a] }, (_, i) => i);
              sorted.sort((i, j) => (largest ? order(at(i), at(j)) : order(at(j), at(i))) || i - j);
              for (let j = 0; j < k; j++) {
                indices.data[flatten(out, index.with(a, j))] = sorted[j];
                values.data[flatten(out, index.with(a, j))] = at(sorted[j]);
              }
            });
            const [y, at] = await run(kinds.topK, { k, axis, largest }, [x]);
            expect(y.shape).toEqual(out);
            expect(y.data.constructor).toBe(values.data.constructor);
            expectEqual(at.data, indices.data);
            expectEqual(y.data, values.data);
          }
      });

    it("nonMaxSuppression: ONNX's examples", async () => {
      const select = async (boxes: number[][], scores: number[][], config: object): Promise<number[][]> => {
        const n = boxes.length;
        const inputs = [floats([1, n, 4], boxes.flat()), floats([1, scores.length, n], scores.flat())];
        const [rows, [count]] = (await run(kinds.nonMaxSuppression, config, inputs)).map((r) =>
          Array.from(r.data),
        );
        expect(rows.slice(3 * count).every((v) => v === -1)).toBe(true);
        return Array.from({ length: count }, (_, i) => rows.slice(3 * i, 3 * i + 3));
      };
      const usual = { maxOutput: 3, iouThreshold: 0.5, scoreThreshold: 0 };
      const of = (...boxes: number[]): number[][] => boxes.map((box) => [0, 0, box]);
      expect(await select(CLUSTERS, [SCORES], usual)).toEqual(of(3, 0, 5));
      expect(await select(CLUSTERS, [SCORES], { ...usual, maxOutput: 2 })).toEqual(of(3, 0));
      expect(await select(CLUSTERS, [SCORES], { ...usual, scoreThreshold: 0.4 })).toEqual(of(3, 0));
      const flipped = CLUSTERS.map(([a, b, c, d], i) => (i % 2 ? [c, d, a, b] : [a, d, c, b]));
      expect(await select(flipped, [SCORES], usual)).toEqual(of(3, 0, 5));
      const centers = CLUSTERS.map(([y, x]) => [0.5 + y, 0.5 + x, 1, 1]);
      expect(await select(centers, [SCORES], { ...usual, center: true })).toEqual(of(3, 0, 5));
      const same = CLUSTERS.map(() => [0, 0, 1, 1]);
      expect(await select(same, [SCORES.map(() => 0.9)], usual)).toEqual(of(0));
      expect(await select(CLUSTERS, [SCORES, SCORES], { ...usual, maxOutput: 2 })).toEqual([
        ...[
          [0, 0, 3],
          [0, 0, 0],
        ],
        ...[
          [0, 1, 3],
          [0, 1, 0],
        ],
      ]);
    });

    it("nonMaxSuppression of images and classes", async () => {
      const random = new Random(4);
      const [n, classes, count] = [3, 4, 70];
      const boxes = filled(
        [n, count, 4],
        "float32",
        ([, , i]) => (random.next() - 0.5) * 4 + (i > 1 ? 2 : 0),
      );
      const scores = filled([n, classes, count], "float32", () =>
        random.chance(0.1) ? random.pick([Number.NaN, -Infinity, 0.5]) : random.next() - 0.2,
      );
      for (const scoreThreshold of [undefined, 0.3, 0.99])
        for (const maxOutput of [1, 7, 1000]) {
          const want: number[][] = [];
          for (let i = 0; i < n; i++)
            for (let c = 0; c < classes; c++) {
              const own = Array.from({ length: count }, (_, b) => [
                ...boxes.data.subarray((i * count + b) * 4, (i * count + b + 1) * 4),
              ]);
              const first = (i * classes + c) * count;
              const given = scores.data.subarray(first, first + count);
              const kept = suppress(own, given, maxOutput, Math.fround(0.4), scoreThreshold ?? -Infinity);
              want.push(...kept.map((b) => [i, c, b]));
            }
          const config = { maxOutput, iouThreshold: 0.4, scoreThreshold };
          const [rows, total] = await run(kinds.nonMaxSuppression, config, [boxes, scores]);
          expect(rows.shape).toEqual([n * classes * Math.min(maxOutput, count), 3]);
          expectEqual(total.data, [want.length]);
          const rest = new Array<number>(rows.data.length - 3 * want.length).fill(-1);
          expectEqual(rows.data, [...want.flat(), ...rest]);
        }
    });

    it("nonMaxSuppressionTf: TensorFlow's examples", async () => {
      const inputs = [floats([6, 4], CLUSTERS.flat()), floats([6], SCORES)];
      const hard = { maxOutput: 5, iouThreshold: 0.5 };
      const [at, scores, count] = await run(kinds.nonMaxSuppressionTf, hard, inputs);
      expectEqual(at.data, [3, 0, 5, 0, 0]);
      expectEqual(scores.data, Float32Array.of(0.95, 0.9, 0.3, 0, 0));
      expectEqual(count.data, [3]);
      const some = await run(kinds.nonMaxSuppressionTf, { ...hard, scoreThreshold: 0.4 }, inputs);
      expectEqual(some[0].data, [3, 0, 0, 0, 0]);
      expectEqual(some[2].data, [2]);
      const soft = { maxOutput: 6, iouThreshold: 1, scoreThreshold: 0, softSigma: 0.5 };
      const [order, weighed, all] = await run(kinds.nonMaxSuppressionTf, soft, inputs);
      expectEqual(order.data, [3, 0, 1, 5, 4, 2]);
      expectWithin(weighed.data, [0.95, 0.9, 0.384, 0.3, 0.256, 0.197], 1e-3);
      expectEqual(all.data, [6]);
    });

    it("nonMaxSuppressionTf, soft, of many boxes", async () => {
      const random = new Random(6);
      const count = 60;
      const boxes = Array.from({ length: count }, () => {
        const [y, x] = [random.next() * 3, random.next() * 3];
        return [y, x, y + 1, x + 1].map(Math.fround);
      });
      const given = Float32Array.from({ length: count }, () => random.next());
      const config = { maxOutput: 40, iouThreshold: 0.6, scoreThreshold: 0.05, softSigma: 0.3 };
      // Scores decay by all that was selected: the best of what is left, again and again.
      const left = boxes.map((box, i) => ({ i, box, score: given[i] }));
      const want: { i: number; score: number }[] = [];
      while (want.length < config.maxOutput) {
        const alive = left.filter(({ score }) => score > config.scoreThreshold);
        if (alive.length === 0) break;
        const best = alive.reduce((a, b) => (b.score > a.score ? b : a));
        want.push({ i: best.i, score: best.score });
        left.splice(left.indexOf(best), 1);
        for (const other of left) {
          const shared = overlap(other.box, best.box);
          other.score *=
            shared <= config.iouThreshold ? Math.exp((-0.5 / config.softSigma) * shared ** 2) : 0;
        }
      }
      const inputs = [floats([count, 4], boxes.flat()), { shape: [count], data: given }];
      const [at, scores, total] = await run(kinds.nonMaxSuppressionTf, config, inputs);
      expectEqual(total.data, [want.length]);
      const rest = new Array<number>(config.maxOutput - want.length).fill(0);
      expectEqual(at.data, [...want.map(({ i }) => i), ...rest]);
      expectWithin(scores.data, [...want.map(({ score }) => score), ...rest], 1e-5);
    });

    it("refuses what cannot be", async () => {
      const x = floats([3], [1, 2, 3]);
      const bad: [LayerKind, object, Plain[], RegExp][] = [
        [kinds.topK, { k: 4 }, [x], /k is 4 but axis 0 of the input \[3\] has only 3/],
        [kinds.nonMaxSuppression, { maxOutput: 1 }, [x, x], /must have rank 3/],
        [
          kinds.nonMaxSuppressionTf,
          { maxOutput: 1 },
          [floats([3, 4], SCORES.concat(SCORES)), floats([2], [1, 2])],
          /must be \[count, 4\]/,
        ],
        [
          kinds.nonMaxSuppressionTf,
          { maxOutput: 1, softSigma: -1 },
          [floats([1, 4], [0, 0, 1, 1]), floats([1], [1])],
          /softSigma is -1/,
        ],
      ];
      for (const [kind, config, inputs, message] of bad)
        await expect(run(kind, config, inputs)).rejects.toThrow(message);
    });
  });
