// What the loop of a training remembers besides weights and optimizer, as plain data: checkpoints keep it, so that a training that is
// resumed ends as one that was not interrupted.
import { FormatError } from "../errors.ts";
import { aValue } from "../layers/checks.ts";
import {
  aList,
  anInteger,
  anObject,
  aText,
  aWord,
  type Check,
  type Checks,
  checkOptions,
  isPlain,
  needed,
  refuse,
} from "../validate.ts";
import type { EpochReport, Evaluation } from "./reports.ts";

/** The best value of a report so far: infinite before the first, and negative where the highest is best. */
export interface MonitorState {
  readonly monitor: string;
  readonly mode: "min" | "max";
  readonly best: number;
}

/** Of early stopping: epochs that were seen, and those since the best. */
export interface WatchState extends MonitorState {
  readonly watched: number;
  readonly sinceBest: number;
}

/** Sums over the batches of an epoch so far: of losses times images, and the states of metrics by name. */
export interface MeasuredState {
  readonly images: number;
  readonly loss: number;
  readonly sums: readonly number[];
  readonly metrics: Readonly<Record<string, unknown>>;
}

/** A report without times, so that equal trainings make equal files. */
export type StoredReport = Omit<EpochReport, "imagesPerSecond" | "ms">;

export interface LoopState {
  /** Reports of all epochs so far. */
  readonly history: readonly StoredReport[];
  /** Of the batches of the next epoch that are done, where there are some. */
  readonly measured?: MeasuredState | undefined;
  /** Of a fit that has not ended. */
  readonly watched?: WatchState | undefined;
  /** Of the schedule of the last fit, where it has one. */
  readonly schedule?: unknown;
}

/** Values that plain data may be nested in. */
const MOST_DEPTH = 8;

/** Whether a value is made of numbers, texts, flags, lists and objects alone, which a file can hold. */
export function isPlainData(value: unknown, depth = MOST_DEPTH): boolean {
  if (typeof value !== "object" || value === null)
    return typeof value !== "function" && typeof value !== "symbol" && typeof value !== "bigint";
  if (!depth || !(Array.isArray(value) || isPlain(value))) return false;
  return Object.values(value).every((item) => isPlainData(item, depth - 1));
}

const someValues: Check<Readonly<Record<string, number>>> = (value, name, where) => {
  if (!isPlain(value)) refuse(value, name, where, "an object of numbers");
  for (const [key, item] of Object.entries(value)) aValue(item, `${name}.${key}`, where);
};

const MEASURED: Checks<Omit<Evaluation, "accuracy">> = {
  loss: needed(aValue, "0.5"),
  losses: someValues,
  metrics: needed(someValues, "{}"),
};
const REPORT: Checks<StoredReport> = {
  ...MEASURED,
  epoch: needed(anInteger(0), "0"),
  validation: anObject<Evaluation>({ ...MEASURED, accuracy: aValue }),
};

export const MONITOR_STATE: Checks<MonitorState> = {
  monitor: needed(aText, '"loss"'),
  mode: needed(aWord("min", "max"), '"min"'),
  best: needed(aValue, "0.5"),
};

const LOOP: Checks<LoopState> = {
  history: needed(aList(anObject<StoredReport>(REPORT)), "[]"),
  measured: anObject<MeasuredState>({
    images: needed(anInteger(0), "0"),
    loss: needed(aValue, "0.5"),
    sums: needed(aList(aValue), "[0.5]"),
    metrics: needed((value, name, where) => {
      if (!isPlain(value)) refuse(value, name, where, "an object");
    }, "{}"),
  }),
  watched: anObject<WatchState>({
    ...MONITOR_STATE,
    watched: needed(anInteger(0), "0"),
    sinceBest: needed(anInteger(0), "0"),
  }),
  schedule: true,
};

/** The state that a file holds; files of earlier releases hold none. Throws FormatError where it is no such state. */
export function loopStateOf(stored: unknown): LoopState {
  if (stored === undefined) return { history: [] };
  try {
    checkOptions("loop", stored, LOOP);
  } catch (cause) {
    throw new FormatError(`resume: the file's progress cannot be used: ${(cause as Error).message}`, {
      cause,
    });
  }
  return stored as LoopState;
}
