// Schedules against PyTorch's (scripts/torch/loop.py), and what they refuse.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  ArgumentError,
  byEpoch,
  cosine,
  cosineRestarts,
  type EpochReport,
  exponentialDecay,
  linearWarmup,
  oneCycle,
  piecewise,
  polynomial,
  reduceOnPlateau,
  type Schedule,
} from "../src/index.ts";
import { expectWithin } from "./tolerance.ts";

const fixture = new URL("fixtures/torch/loop.json", import.meta.url);
const torch: Readonly<Record<string, readonly number[]>> = JSON.parse(
  readFileSync(fixture, "utf8"),
).schedules;

const SCHEDULES: Readonly<Record<string, Schedule>> = {
  cosineRestarts: cosineRestarts(0.1, 7),
  cosineRestartsGrowing: cosineRestarts(0.1, 4, { factor: 2, to: 0.01 }),
  oneCycle: oneCycle(0.5, 30),
  oneCycleLinear: oneCycle(0.5, 30, {
    ...{ annealStrategy: "linear", pctStart: 0.4, divFactor: 10, finalDivFactor: 100 },
  }),
  oneCycleThree: oneCycle(0.5, 30, { threePhase: true }),
  linearWarmup: linearWarmup(0.1, 5),
  linearWarmupEnds: linearWarmup(0.1, 8, { startFactor: 0.1, endFactor: 0.5 }),
  warmCosine: linearWarmup(cosine(0.1, 20), 6, { startFactor: 0.25 }),
  exponentialDecay: exponentialDecay(0.1, 0.8),
  polynomial: polynomial(0.1, 9, { power: 2 }),
  piecewise: piecewise([3, 7], [0.1, 0.01, 0.001]),
};

const reportOf = (loss: number, values: object = {}): EpochReport =>
  ({ epoch: 0, loss, metrics: values, validation: undefined, imagesPerSecond: 1, ms: 1 }) as EpochReport;

describe("schedules", () => {
  it.each(Object.keys(SCHEDULES))("%s has PyTorch's rates", (name) => {
    const got = torch[name].map((_, step) => SCHEDULES[name](step));
    expectWithin(got, torch[name], 1e-7 * Math.max(...torch[name]));
    // Far behind the end it still gives a rate.
    expect(SCHEDULES[name](1e6)).toBeGreaterThanOrEqual(0);
  });

  it("oneCycle has PyTorch's momenta, and passes them on", () => {
    const cycle = { cycleMomentum: true };
    const linear = { annealStrategy: "linear", pctStart: 0.4, baseMomentum: 0.7, maxMomentum: 0.9 } as const;
    const schedules = {
      momentum: oneCycle(0.5, 30, cycle),
      momentumLinear: oneCycle(0.5, 30, { ...cycle, ...linear }),
      momentumThree: oneCycle(0.5, 30, { ...cycle, threePhase: true }),
    };
    for (const [name, schedule] of Object.entries(schedules)) {
      const want = torch[name];
      expectWithin(
        want.map((_, step) => schedule.momentum!(step)),
        want,
        1e-8,
      );
      const later = byEpoch(linearWarmup(schedule, 4), 2);
      expect(later.momentum!(0)).toBe(schedule.momentum!(0));
      expect(later.momentum!(25)).toBe(schedule.momentum!(8));
    }
    expect(oneCycle(0.5, 30).momentum).toBe(undefined);
  });

  const plateau = (schedule: ReturnType<typeof reduceOnPlateau>, reports: readonly EpochReport[]) =>
    reports.map((report, step) => {
      const rate = schedule(step);
      schedule.onEpoch(report);
      return rate;
    });
  it("reduceOnPlateau has PyTorch's rates", () => {
    const { losses, scores } = torch;
    const reports = losses.map((loss) => reportOf(loss));
    expectWithin(
      plateau(reduceOnPlateau(0.1, { patience: 2, factor: 0.5 }), reports),
      torch.reduceOnPlateau,
      1e-9,
    );
    const absolute = { patience: 1, factor: 0.5, threshold: 0.05, cooldown: 2, minRate: 0.02 };
    expectWithin(
      plateau(reduceOnPlateau(0.1, { ...absolute, thresholdMode: "abs" }), reports),
      torch.reduceOnPlateauAbsolute,
      1e-9,
    );
    const highest = reduceOnPlateau(0.1, { monitor: "accuracy", patience: 1, threshold: 0.01 });
    const accuracies = scores.map((accuracy) => reportOf(1, { accuracy }));
    expectWithin(plateau(highest, accuracies), torch.reduceOnPlateauMax, 1e-9);
    // Where there is a validation it is what counts.
    const validated = scores.map((accuracy) => ({
      ...reportOf(1, { accuracy: 0.5 }),
      validation: { loss: 1, accuracy, metrics: { accuracy } },
    }));
    const again = reduceOnPlateau(0.1, { monitor: "accuracy", patience: 1, threshold: 0.01 });
    expectWithin(plateau(again, validated), torch.reduceOnPlateauMax, 1e-9);
    expect(() => again.onEpoch(reportOf(1))).toThrow(
      'reduceOnPlateau: monitor is "accuracy" but the reports have loss',
    );
  });

  it("byEpoch counts epochs, and passes reports on", () => {
    const steps = Array.from({ length: 9 }, (_, i) => i);
    expect(steps.map(byEpoch(exponentialDecay(1, 0.5), 3))).toEqual([
      1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25,
    ]);
    const inner = reduceOnPlateau(1, { patience: 0, factor: 0.5 });
    const outer = linearWarmup(byEpoch(inner, 2), 0);
    for (const loss of [1, 2, 3]) outer.onEpoch!(reportOf(loss));
    expect(outer(7)).toBe(0.25);
    expect(byEpoch(exponentialDecay(1, 1), 3).onEpoch).toBe(undefined);
  });

  it("refuse what is no schedule", () => {
    // biome-ignore lint/suspicious/noExplicitAny: the point is what the types would refuse
    const wrong: [() => any, string][] = [
      [() => cosineRestarts(0.1, 0), "cosineRestarts: steps is 0 but must be above 0"],
      [() => cosineRestarts(0.1, 5, { factor: 0.5 }), "factor is 0.5 but must be a number of at least 1"],
      [() => cosineRestarts(Number.NaN, 5), "cosineRestarts: from is NaN"],
      [() => oneCycle(0.1, 1.5), "oneCycle: steps is 1.5"],
      [() => oneCycle(0.1, 9, { annealStrategy: "line" as "cos" }), 'annealStrategy is "line"'],
      [() => oneCycle(0.1, 9, { maxMomentum: 1 }), "maxMomentum is 1 but must be from 0 to below 1"],
      [() => oneCycle(0.1, 9, { pctStart: 2 }), "pctStart is 2 but must be from 0 to 1"],
      [() => linearWarmup("0.1" as unknown as number, 9), 'linearWarmup: the rate is "0.1"'],
      [() => exponentialDecay(0.1, -1), "exponentialDecay: gamma is -1"],
      [() => polynomial(0.1, Infinity), "polynomial: steps is Infinity"],
      [() => piecewise([3], [0.1]), "there are 1 rates for 1 boundaries but must be 2"],
      [() => piecewise([3, 2], [1, 2, 3]), "must be in rising order"],
      [() => piecewise([3], [1, Number.NaN]), "piecewise: rates[1] is NaN"],
      [() => piecewise(3 as unknown as number[], []), "boundaries is 3 but must be a list of numbers"],
      [() => reduceOnPlateau(0.1, { mode: "least" as "min" }), 'mode is "least"'],
      [() => reduceOnPlateau(0.1, { patience: -1 }), "patience is -1"],
      [() => byEpoch(0.1 as unknown as Schedule, 0), "stepsPerEpoch is 0"],
      [() => byEpoch({} as unknown as Schedule, 1), "must be a number or a schedule"],
    ];
    for (const [call, message] of wrong) {
      expect(call).toThrow(ArgumentError);
      expect(call).toThrow(message);
    }
  });
});
