// Learning rate schedules: functions from the step, counted from 0, to the learning rate, with PyTorch's formulas.
import { ArgumentError } from "../errors.ts";
import { aPart, MONITORED, type Monitored, type Schedule } from "../network/fit-options.ts";
import { MONITOR_STATE, type MonitorState } from "../network/loop-state.ts";
import type { EpochReport } from "../network/trainer-interface.ts";
import {
  aFlag,
  aNumberFrom,
  anInteger,
  aWord,
  type Check,
  type Checks,
  checkOptions,
  describe,
  finite,
  needed,
  refuse,
} from "../validate.ts";
import { Monitor } from "./monitor.ts";

/** A rate for every step, or another schedule. */
type Rates = number | Schedule;

const aRate = aNumberFrom(0);
const aCount: Check<number> = (value, name, where) => {
  if (!(finite(value, name, where) > 0)) refuse(value, name, where, "above 0");
};
const aShare: Check<number> = (value, name, where) => {
  if (!(finite(value, name, where) >= 0 && (value as number) <= 1)) refuse(value, name, where, "from 0 to 1");
};

/** Half a cosine: 1 at part 0, 0 at part 1. */
const halfCosine = (part: number): number => (1 + Math.cos(Math.PI * part)) / 2;

/** From `from` to `to` along half a cosine over `steps`, then `to` (Loshchilov and Hutter, 2017), after a linear warm-up. */
export const cosine =
  (from: number, steps: number, { to = 0, warmup = 0 } = {}): Schedule =>
  (step) => {
    if (step < warmup) return (from * (step + 1)) / warmup;
    const part = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
    return to + (from - to) * halfCosine(part);
  };

/** `from`, times `factor` after every `every` steps. */
export const stepDecay =
  (from: number, every: number, factor = 0.1): Schedule =>
  (step) =>
    from * factor ** Math.floor(step / every);

export interface CosineRestartsOptions {
  /** How many times longer each period is than the one before, at least 1. Default 1. */
  factor?: number;
  /** The rate at the end of a period. Default 0. */
  to?: number;
}

/** From `from` to `to` along half a cosine over `steps`, and again: PyTorch's CosineAnnealingWarmRestarts. */
export function cosineRestarts(from: number, steps: number, options: CosineRestartsOptions = {}): Schedule {
  aRate(from, "from", "cosineRestarts");
  aCount(steps, "steps", "cosineRestarts");
  checkOptions("cosineRestarts", options, { factor: aNumberFrom(1), to: aRate });
  const { factor = 1, to = 0 } = options;
  return (step) => {
    let [begin, period] = [0, steps];
    // Growing periods are few; equal ones are skipped at once.
    if (factor === 1) begin = Math.floor(step / period) * period;
    else
      while (step >= begin + period) {
        begin += period;
        period *= factor;
      }
    return to + (from - to) * halfCosine((step - begin) / period);
  };
}

export interface OneCycleOptions {
  /** The part of the steps in which the rate rises. Default 0.3. */
  pctStart?: number;
  /** Along half a cosine or a line. Default "cos". */
  annealStrategy?: "cos" | "linear";
  /** The first rate is `max` divided by this. Default 25. */
  divFactor?: number;
  /** The last rate is the first divided by this. Default 1e4. */
  finalDivFactor?: number;
  /** Falls to the first rate as fast as it rose, and then to the last, rather than to the last at once. Default false. */
  threePhase?: boolean;
  /**
   * Whether the momentum, beta1 of optimizers that have one, falls from `maxMomentum` to `baseMomentum` while the rate rises, and rises as
   * it falls. Not all optimizers can: where one cannot, `fit` throws ArgumentError. Default false.
   */
  cycleMomentum?: boolean;
  /** Default 0.85. */
  baseMomentum?: number;
  /** Default 0.95. */
  maxMomentum?: number;
}

const ONE_CYCLE: Checks<OneCycleOptions> = {
  pctStart: aShare,
  annealStrategy: aWord("cos", "linear"),
  divFactor: aCount,
  finalDivFactor: aCount,
  threePhase: aFlag,
  cycleMomentum: aFlag,
  baseMomentum: aPart(false),
  maxMomentum: aPart(false),
};

/** Up to `max` and down to next to nothing over `steps` (Smith and Topin, 2018): PyTorch's OneCycleLR. */
export function oneCycle(max: number, steps: number, options: OneCycleOptions = {}): Schedule {
  aRate(max, "max", "oneCycle");
  anInteger(1)(steps, "steps", "oneCycle");
  checkOptions("oneCycle", options, ONE_CYCLE);
  const { pctStart = 0.3, annealStrategy = "cos", divFactor = 25 } = options;
  const { finalDivFactor = 1e4, threePhase = false } = options;
  const { cycleMomentum = false, baseMomentum = 0.85, maxMomentum = 0.95 } = options;
  const first = max / divFactor;
  const last = first / finalDivFactor;
  const top = pctStart * steps - 1;
  const ends = threePhase ? [top, 2 * top, steps - 1] : [top, steps - 1];
  /** From one of the values to the next in each phase. */
  const along =
    (values: readonly number[]) =>
    (step: number): number => {
      let begin = 0;
      for (const [i, end] of ends.entries()) {
        if (step <= end) {
          const [from, to] = [values[i], values[i + 1]];
          const part = end > begin ? (step - begin) / (end - begin) : 1;
          return annealStrategy === "cos" ? to + (from - to) * halfCosine(part) : from + (to - from) * part;
        }
        begin = end;
      }
      return values[ends.length];
    };
  const rates = along(threePhase ? [first, max, first, last] : [first, max, last]);
  const momentum = along([maxMomentum, baseMomentum, maxMomentum, maxMomentum]);
  return cycleMomentum ? Object.assign(rates, { momentum }) : rates;
}

export interface LinearWarmupOptions {
  /** What the rate is multiplied by in the first step. Default 1/3. */
  startFactor?: number;
  /** And from step `steps` on. Default 1. */
  endFactor?: number;
}

/**
 * Multiplies a rate by a factor that grows from `startFactor` to `endFactor` over `steps`: PyTorch's LinearLR. A schedule given for the
 * rate begins when the warm-up ends, as in PyTorch's SequentialLR.
 */
export function linearWarmup(rate: Rates, steps: number, options: LinearWarmupOptions = {}): Schedule {
  const base = asSchedule(rate, "linearWarmup");
  anInteger(0)(steps, "steps", "linearWarmup");
  checkOptions("linearWarmup", options, { startFactor: aRate, endFactor: aRate });
  const { startFactor = 1 / 3, endFactor = 1 } = options;
  const factorAt = (step: number): number =>
    step < steps ? startFactor + ((endFactor - startFactor) * step) / steps : endFactor;
  return derived(
    base,
    (step) => Math.max(0, step - steps),
    (step, rate) => factorAt(step) * rate,
  );
}

/** `from`, times `gamma` after every step: PyTorch's ExponentialLR. */
export function exponentialDecay(from: number, gamma: number): Schedule {
  aRate(from, "from", "exponentialDecay");
  aRate(gamma, "gamma", "exponentialDecay");
  return (step) => from * gamma ** step;
}

/** From `from` to `to` over `steps`, as (1 - step / steps) ** power: PyTorch's PolynomialLR. Defaults: power 1, to 0. */
export function polynomial(
  from: number,
  steps: number,
  options: { power?: number; to?: number } = {},
): Schedule {
  aRate(from, "from", "polynomial");
  aCount(steps, "steps", "polynomial");
  checkOptions("polynomial", options, { power: aCount, to: aRate });
  const { power = 1, to = 0 } = options;
  return (step) => to + (from - to) * (1 - Math.min(1, step / steps)) ** power;
}

/** `rates[0]`, from step `boundaries[0]` on `rates[1]`, and so on: one rate more than there are boundaries, which rise. */
export function piecewise(boundaries: readonly number[], rates: readonly number[]): Schedule {
  for (const [name, list] of Object.entries({ boundaries, rates })) {
    if (!Array.isArray(list)) refuse(list, name, "piecewise", "a list of numbers");
    for (const [i, value] of list.entries()) aRate(value, `${name}[${i}]`, "piecewise");
  }
  if (rates.length !== boundaries.length + 1)
    throw new ArgumentError(
      `piecewise: there are ${rates.length} rates for ${boundaries.length} boundaries but must be ${boundaries.length + 1}`,
    );
  if (boundaries.some((at, i) => i > 0 && at <= boundaries[i - 1]))
    refuse(boundaries, "boundaries", "piecewise", "in rising order");
  return (step) => rates[boundaries.filter((at) => step >= at).length];
}

export interface ReduceOnPlateauOptions extends Monitored {
  /** What the rate is multiplied by. Default 0.1. */
  factor?: number;
  /** Epochs without improvement that are borne: the rate falls after one more. Default 10. */
  patience?: number;
  /** By how much a value must be better to count, of the best one or absolutely. Defaults 1e-4 and "rel". */
  threshold?: number;
  thresholdMode?: "rel" | "abs";
  /** Epochs after a fall in which none are counted. Default 0. */
  cooldown?: number;
  /** The rate does not fall below it. Default 0. */
  minRate?: number;
}

const PLATEAU: Checks<ReduceOnPlateauOptions> = {
  ...MONITORED,
  factor: aShare,
  patience: anInteger(0),
  threshold: aRate,
  thresholdMode: aWord("rel", "abs"),
  cooldown: anInteger(0),
  minRate: aRate,
};

/** What it remembers: the rate, epochs without improvement, and those in which none are counted. It is of a schedule from that rate. */
interface PlateauState extends MonitorState {
  readonly from: number;
  readonly rate: number;
  readonly bad: number;
  readonly cooling: number;
}

const PLATEAU_STATE: Checks<PlateauState> = {
  ...MONITOR_STATE,
  from: needed(aRate, "0.1"),
  rate: needed(aRate, "0.1"),
  bad: needed(anInteger(0), "0"),
  cooling: needed(anInteger(0), "0"),
};

/** A fall of the rate that is smaller is none. */
const LEAST_FALL = 1e-8;

/**
 * `from`, times `factor` whenever the value watched has not improved for more than `patience` epochs: PyTorch's ReduceLROnPlateau. It
 * remembers: make a new one for each training. Checkpoints keep its state, and give it to one from the same rate that watches the same value.
 */
export function reduceOnPlateau(
  from: number,
  options: ReduceOnPlateauOptions = {},
): Schedule & Required<Pick<Schedule, "onEpoch">> {
  aRate(from, "from", "reduceOnPlateau");
  checkOptions("reduceOnPlateau", options, PLATEAU);
  const { factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = "rel" } = options;
  const { cooldown = 0, minRate = 0 } = options;
  const monitor = new Monitor(options, "reduceOnPlateau");
  let [rate, bad, cooling] = [from, 0, 0];
  const margin = (best: number): number => (thresholdMode === "rel" ? Math.abs(best) : 1) * threshold;
  const schedule = Object.assign((): number => rate, {
    onEpoch(report: EpochReport): void {
      bad = monitor.improves(report, margin) ? 0 : bad + 1;
      if (cooling > 0) {
        cooling--;
        bad = 0;
      }
      if (bad <= patience) return;
      const lower = Math.max(rate * factor, minRate);
      if (rate - lower > LEAST_FALL) rate = lower;
      [cooling, bad] = [cooldown, 0];
    },
  });
  return remembering(
    schedule,
    (): PlateauState => ({ ...monitor.state, from, rate, bad, cooling }),
    (state: PlateauState) => {
      checkOptions("reduceOnPlateau: state", state, PLATEAU_STATE);
      if (state.from === from && monitor.resume(state)) ({ rate, bad, cooling } = state);
    },
  );
}

/** A schedule of epochs, for `stepsPerEpoch` steps each. */
export function byEpoch(schedule: Schedule, stepsPerEpoch: number): Schedule {
  const base = asSchedule(schedule, "byEpoch");
  anInteger(1)(stepsPerEpoch, "stepsPerEpoch", "byEpoch");
  return derived(base, (step) => Math.floor(step / stepsPerEpoch));
}

function asSchedule(rate: Rates, where: string): Schedule {
  if (typeof rate === "function") return rate;
  if (typeof rate !== "number")
    throw new ArgumentError(`${where}: the rate is ${describe(rate)} but must be a number or a schedule`);
  aRate(rate, "the rate", where);
  return () => rate;
}

/** A schedule made of another, of that one's step `at`, which hears and remembers what that one would. */
function derived(
  base: Schedule,
  at: (step: number) => number,
  rateOf = (_: number, rate: number): number => rate,
): Schedule {
  const schedule: Schedule = (step) => rateOf(step, base(at(step)));
  if (base.momentum) schedule.momentum = (step) => base.momentum!(at(step));
  if (base.onEpoch) schedule.onEpoch = (report) => base.onEpoch!(report);
  if (!("state" in base)) return schedule;
  return remembering(
    schedule,
    () => base.state,
    (state) => {
      base.state = state;
    },
  );
}

/** The schedule, with a state. */
const remembering = <S extends Schedule>(schedule: S, get: () => unknown, set: (state: never) => void): S =>
  Object.defineProperty(schedule, "state", { get, set });
