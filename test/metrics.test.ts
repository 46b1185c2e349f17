// Metrics against their definitions in NumPy (scripts/torch/loss.py), in one batch and in several, and in fit and evaluate.
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import {
  ArgumentError,
  accuracy,
  adam,
  classificationReport,
  createEngine,
  dense,
  type LossConfig,
  type Metric,
  type MetricBatch,
  type MetricsOption,
  metrics,
  rescale,
  ShapeError,
  sequential,
} from "../src/index.ts";

interface Case {
  readonly targets: MetricBatch["targets"];
  readonly classes: number;
  readonly threshold?: number;
  readonly scores: number[];
  readonly labels: number[];
  readonly values: Readonly<Record<string, number>>;
}
const { metrics: cases } = JSON.parse(
  readFileSync(new URL("fixtures/torch/loss.json", import.meta.url), "utf8"),
) as { metrics: Case[] };
const engine = await createEngine();
afterAll(() => engine.dispose());

/** The metric of a name of the fixture. */
function metricOf(name: string): Metric {
  const [kind, ...rest] = name.split(" ");
  if (kind.startsWith("top")) return metrics.topK(Number(kind.slice(3)));
  if (kind === "psnr") return metrics.psnr({ range: 255 });
  if (kind === "meanIoU") return metrics.meanIoU(rest.length ? { classes: [1, 3] } : {});
  const options = rest[0] === "of" ? { positive: Number(rest[1]) } : rest.length ? { average: rest[0] } : {};
  return (metrics as unknown as Record<string, (o: object) => Metric>)[kind](options);
}

describe.each(cases.map((c) => [c.targets, c] as const))("metrics of %s", (targets, c) => {
  test.each(Object.entries(c.values))("%s", (name, value) => {
    const metric = metricOf(name);
    const { classes, threshold = 0, scores, labels } = c;
    const perRow = targets === "indices" ? 1 : classes;
    // Batches of a row of 12 images of 4 values each, so that images of psnr are those of the script.
    const rows = scores.length / classes;
    for (const size of [rows, 4]) {
      let state = metric.start();
      for (let i = 0; i < rows; i += size) {
        const images = Math.min(size, rows - i);
        const batch = { images: name === "psnr" ? images / 4 : images, shape: [classes], targets, threshold };
        const part = (list: readonly number[], n: number) => list.slice(i * n, (i + images) * n);
        state = metric.update(state, part(scores, classes), part(labels, perRow), batch);
      }
      expect(metric.result(state)).toBeCloseTo(value, 6);
    }
  });
});

test("a metric of arrays, and a table of classes", () => {
  const { scores, labels, values, classes } = cases[0];
  expect(metrics.measure(metrics.f1(), scores, labels)).toBeCloseTo(values["f1 macro"], 6);
  for (const metric of [metrics.accuracy(), "accuracy"] as const)
    expect(metrics.measure(metric, scores, labels)).toBe(accuracy(scores, labels));
  expect(() => metrics.measure(metrics.f1 as never, scores, labels)).toThrow(
    'measure: the metric is a function but must be "accuracy", or a metric',
  );
  const rows = labels.flatMap((label) => Array.from({ length: classes }, (_, k) => Number(k === label)));
  expect(metrics.measure(metrics.f1(), scores, rows, { classes })).toBeCloseTo(values["f1 macro"], 6);
  expect(metrics.measure(metrics.mae(), [1, 2, 3], [1, 4, 3])).toBeCloseTo(2 / 3, 9);
  const { threshold } = cases[1];
  const one = metrics.measure(metrics.accuracy(), cases[1].scores, cases[1].labels, { threshold });
  expect(one).toBeCloseTo(cases[1].values.accuracy, 9);
  expect(() => metrics.measure(metrics.f1(), [1, 2, 3], [1, 4, 3])).toThrow(/"f1" is of classes/);
  expect(() => metrics.measure(metrics.mae(), [1, 2, 3], [1, 4])).toThrow(ShapeError);
  expect(() => metrics.measure(metrics.f1(), [1, 2, 3, 4], [0, 2])).toThrow(/targets\[1\] is 2/);
  expect(() => metrics.measure(metrics.f1(), [], [])).toThrow(ShapeError);
  expect(() => metrics.f1({ average: "none" as never })).toThrow(ArgumentError);

  const names = ["ant", "bee", "cat", "dog", "eel"];
  const report = classificationReport(scores, labels, { names });
  expect(report.accuracy).toBeCloseTo(values.accuracy, 9);
  expect(report.macro.f1).toBeCloseTo(values["f1 macro"], 6);
  expect(report.weighted.precision).toBeCloseTo(values["precision weighted"], 6);
  expect(report.classes[2].precision).toBeCloseTo(values["precision of 2"], 6);
  expect(report.classes.map(({ support }) => support).reduce((a, b) => a + b)).toBe(40);
  const lines = String(report).split("\n");
  expect(lines[0]).toBe("class     precision  recall     f1  support");
  expect(lines.length).toBe(11);
  expect(lines.at(-1)).toMatch(/^accuracy 0\.\d{3}$/);
  expect(() => classificationReport(scores, rows)).toThrow(ShapeError);
  expect(() => classificationReport(scores, labels, { names: ["a"] })).toThrow(/1 names for 5 classes/);
});

describe("in fit and evaluate", () => {
  const images = 30;
  const x = Float32Array.from({ length: images * 4 }, (_, i) => Math.sin(i * 12.9898) * 2);
  const y = Array.from({ length: images }, (_, i) => i % 3);
  const net = engine.compile(sequential([4], [dense({ units: 3 })]), { seed: 1 });
  const loss = "softmaxCrossEntropy";

  test("metrics are those of what predict gives, whatever the batches", async () => {
    const list = [metrics.f1(), metrics.topK(2), metrics.auc(), "accuracy" as const];
    const scores = net.predict(x);
    const want = [metrics.f1(), metrics.topK(2), metrics.auc(), metrics.accuracy()].map((metric) => [
      metric.name,
      metrics.measure(metric, scores, y),
    ]);
    for (const batchSize of [7, 64]) {
      const measured = net.evaluate({ x, y }, { loss, metrics: list, batchSize });
      for (const [name, value] of want) expect(measured.metrics[name]).toBeCloseTo(value as number, 6);
      expect(measured.accuracy).toBe(measured.metrics.accuracy);
    }
    using trained = engine.compile(sequential([4], [dense({ units: 3 })]), { seed: 1 });
    const options = { loss, optimizer: adam({ learningRate: 0 }), metrics: list, batchSize: 7 } as const;
    const [report] = await trained.fit({ x, y }, { ...options, validation: { x, y } });
    for (const [name, value] of want) {
      expect(report.metrics[name]).toBeCloseTo(value as number, 6);
      expect(report.validation!.metrics[name]).toBeCloseTo(value as number, 6);
    }
  });

  test("ssim is 1 less the loss, which PyTorch agrees with", () => {
    const shape = [13, 12, 2];
    const size = 13 * 12 * 2;
    const x = Float32Array.from({ length: 3 * size }, (_, i) => (Math.sin(i * 12.9898) + 1) / 2);
    const y = Float32Array.from(x, (v, i) => v * 0.7 + 0.3 * Math.cos(i) ** 2);
    using pictures = engine.compile(sequential(shape, [rescale({ scale: 1.1 })]), { seed: 1 });
    for (const options of [{}, { window: 5, sigma: 1, range: 4 }]) {
      const loss = { kind: "ssim", ...options } as const;
      const measured = pictures.evaluate({ x, y }, { loss, metrics: [metrics.ssim(options)], batchSize: 2 });
      expect(measured.metrics.ssim).toBeCloseTo(1 - measured.loss, 5);
      expect(measured.metrics.ssim).toBeLessThan(0.95);
    }
    expect(() => net.evaluate({ x: x.subarray(0, 4), y: [0] }, { loss, metrics: [metrics.ssim()] })).toThrow(
      /"ssim" is of images/,
    );
  });

  test("a metric of one's own is a fold with a state, begun anew each epoch", async () => {
    const seen: MetricBatch[] = [];
    const largest: Metric<number> = {
      name: "largest",
      start: () => -Infinity,
      update(state, scores, targets, batch) {
        seen.push(batch);
        expect([scores.length, targets.length]).toEqual([batch.images * 3, batch.images]);
        return Math.max(state, ...Array.from(scores));
      },
      result: (state) => state,
    };
    using trained = engine.compile(sequential([4], [dense({ units: 3 })]), { seed: 1 });
    const options = {
      loss,
      optimizer: adam({ learningRate: 0 }),
      metrics: [largest],
      epochs: 2,
      batchSize: 20,
    } as const;
    const history = await trained.fit({ x, y }, options);
    const want = Math.max(...net.predict(x));
    expect(history.map((report) => report.metrics)).toEqual(
      [{ largest: want }, { largest: want }].map(({ largest: v }) => ({ largest: expect.closeTo(v, 5) })),
    );
    expect(seen.map((batch) => batch.images)).toEqual([20, 10, 20, 10]);
    expect(seen[0]).toMatchObject({ shape: [3], targets: "indices", threshold: 0, lossKind: loss });
  });

  test("answers to be ignored do not count", () => {
    const some = y.map((label, i) => (i % 2 ? label : 255));
    const measured = net.evaluate({ x, y: some }, { loss: { kind: loss, ignoreIndex: 255 } });
    const odd = y.flatMap((_, i) => (i % 2 ? [i] : []));
    const rows = Float32Array.from({ length: odd.length * 4 }, (_, i) => x[odd[i >> 2] * 4 + (i % 4)]);
    expect(measured.accuracy).toBe(net.evaluate({ x: rows, y: odd.map((i) => y[i]) }, { loss }).accuracy);
  });

  test("metrics that do not fit are refused, before anything changes", async () => {
    const values = { x, y: Float32Array.from({ length: images * 3 }, (_, i) => Math.cos(i)) };
    const wrong: [LossConfig, MetricsOption, RegExp][] = [
      [
        "meanSquaredError",
        ["accuracy"],
        /"accuracy" is of classes, but the loss "meanSquaredError" is of values/,
      ],
      ["meanSquaredError", [metrics.meanIoU()], /give metrics\.meanIoU\(\{ threshold: 0 \}\)/],
      [loss, [metrics.mae()], /"mae" is of values, but y holds class indices/],
      [loss, [metrics.f1(), metrics.f1({ average: "micro" })], /two of them are named "f1"/],
      [loss, ["f1" as never], /metrics\[0\] is "f1" but must be "accuracy", or a metric/],
      [loss, [{ name: "x" } as never], /must be "accuracy", or a metric/],
      [loss, [metrics.f1 as never], /must be "accuracy", or a metric/],
      [loss, { out: ["accuracy"] }, /metrics are given by output, but there is one loss/],
      [loss, "accuracy" as never, /metrics is "accuracy" but must be a list/],
    ];
    using trained = engine.compile(sequential([4], [dense({ units: 3 })]), { seed: 1 });
    for (const [given, list, message] of wrong) {
      const data = given === loss ? { x, y } : values;
      const options = { loss: given, metrics: list };
      expect(() => net.evaluate(data, options)).toThrow(message);
      await expect(trained.fit(data, { ...options, optimizer: adam() })).rejects.toThrow(message);
    }
    expect(trained.history).toEqual([]);
    const forgetful = { name: "mine", start: () => ({ sum: 0 }), update() {}, result: () => 0 } as never;
    expect(() => net.evaluate({ x, y }, { loss, metrics: [forgetful] })).toThrow(
      'update of "mine" returns nothing but must return the state',
    );
  });
});
