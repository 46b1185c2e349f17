// Losses and metrics summed up over batches.
import { ArgumentError, FormatError } from "../errors.ts";
import type { LossKind } from "../layers/loss-options.ts";
import { describe, isObject, isPlain } from "../validate.ts";
import { accuracy } from "./accuracy.ts";
import { isPlainData, type MeasuredState } from "./loop-state.ts";
import type { AnyMetric, Metric, MetricBatch, MetricsOption, TargetKind } from "./metric.ts";
import type { Numbers } from "./samples.ts";

/** An output that has a loss, and how its targets are read. */
export interface MeasuredOutput {
  readonly name: string;
  /** Which of the network's outputs. */
  readonly index: number;
  readonly shape: MetricBatch["shape"];
  readonly targets: TargetKind;
  readonly threshold: number;
  readonly lossKind: LossKind | undefined;
  readonly ignoreIndex: number | undefined;
}

interface Running {
  readonly key: string;
  readonly metric: Metric;
  /** Which of the outputs with a loss. */
  readonly part: number;
  state: unknown;
}

/** What a batch adds: scores of the network's outputs, labels of those with a loss, and the mean loss, in all and by output. */
export interface MeasuredBatch {
  readonly images: number;
  /** Numbers per image of each of the labels. */
  readonly perImage: readonly number[];
  readonly loss: number;
  readonly parts: readonly number[];
  /** Asked for where metrics are measured alone. */
  scores(output: number): Numbers;
  labels(part: number): Numbers;
}

/** Whether a state that was stored has the parts of the one that a metric begins with. */
const isAlike = (stored: unknown, first: unknown): boolean =>
  isObject(first)
    ? isObject(stored) &&
      Array.isArray(stored) === Array.isArray(first) &&
      Object.keys(first).every((key) => Object.hasOwn(stored, key) && isAlike(stored[key], first[key]))
    : first === undefined || first === null || typeof stored === typeof first;

const batchOf = ({ shape, targets, threshold, ignoreIndex, lossKind }: MeasuredOutput) => ({
  ...{ shape, targets, threshold, ignoreIndex, lossKind },
});

export class Measures {
  readonly #outputsOf: (perImage: readonly number[]) => readonly MeasuredOutput[];
  readonly #names: readonly string[];
  readonly #running: readonly Running[];
  readonly #byOutput: boolean;
  readonly #sums: number[];
  #images = 0;
  #loss = 0;

  /** `outputsOf` reads so many labels per image. Accuracy by default, where labels are class indices. */
  constructor(
    outputsOf: (perImage: readonly number[]) => readonly MeasuredOutput[],
    perImage: readonly number[],
    metrics: MetricsOption | undefined,
    byOutput: boolean,
  ) {
    const outputs = outputsOf(perImage);
    this.#outputsOf = outputsOf;
    this.#names = outputs.map(({ name }) => name);
    this.#byOutput = byOutput;
    this.#sums = outputs.map(() => 0);
    const names = this.#names.join(", ");
    if (metrics && isPlain(metrics) !== byOutput)
      throw new ArgumentError(
        byOutput
          ? `metrics are a list, but losses are given by output; give lists by the names of these outputs: ${names}`
          : "metrics are given by output, but there is one loss; give a list, or the loss by output, too",
      );
    for (const name of byOutput ? Object.keys(metrics ?? {}) : [])
      if (!outputs.some((output) => output.name === name))
        throw new ArgumentError(`metrics name "${name}", which is no output with a loss; there are ${names}`);
    const listOf = (output: MeasuredOutput): readonly AnyMetric[] => {
      if (!metrics) return output.targets === "indices" ? ["accuracy"] : [];
      if (!isPlain(metrics)) return metrics as readonly AnyMetric[];
      return Object.hasOwn(metrics, output.name) ? (metrics as Record<string, AnyMetric[]>)[output.name] : [];
    };
    this.#running = outputs.flatMap((output, part) =>
      listOf(output).map((given): Running => {
        const metric = given === "accuracy" ? accuracy() : given;
        metric.check?.(batchOf(output));
        const key = byOutput ? `${output.name}.${metric.name}` : metric.name;
        return { key, metric, part, state: metric.start() };
      }),
    );
    const keys = this.#running.map(({ key }) => key);
    const twice = keys.find((key, i) => keys.indexOf(key) !== i);
    if (twice !== undefined)
      throw new ArgumentError(
        `metrics: two of them are named "${twice}"; give one another name: { ...metric, name }`,
      );
  }

  add({ images, perImage, loss, parts, scores, labels }: MeasuredBatch): void {
    this.#images += images;
    this.#loss += loss * images;
    parts.forEach((part, i) => {
      this.#sums[i] += part * images;
    });
    // Not all batches of a stream need have labels of one kind.
    const outputs = this.#running.length ? this.#outputsOf(perImage) : [];
    for (const running of this.#running) {
      const output = outputs[running.part];
      const batch: MetricBatch = { images, ...batchOf(output) };
      const { metric, state } = running;
      running.state = metric.update(state, scores(output.index), labels(running.part), batch);
      if (running.state === undefined && state !== undefined)
        throw new ArgumentError(
          `metrics: update of "${metric.name}" returns nothing but must return the state`,
        );
    }
  }

  /** What has been summed up, as plain data; undefined where a metric's state is something else. */
  get state(): MeasuredState | undefined {
    const metrics = Object.fromEntries(this.#running.map(({ key, state }) => [key, state]));
    if (!isPlainData(metrics)) return undefined;
    return { images: this.#images, loss: this.#loss, sums: this.#sums, metrics };
  }

  /** Goes on from there; metrics that are not in it begin. */
  resume({ images, loss, sums, metrics }: MeasuredState): void {
    this.#images = images;
    this.#loss = loss;
    this.#sums.forEach((_, i) => {
      this.#sums[i] = sums[i];
    });
    for (const running of this.#running) {
      if (!Object.hasOwn(metrics, running.key)) continue;
      const state = metrics[running.key];
      if (!isAlike(state, running.state))
        throw new FormatError(
          `fit: the checkpoint's state of the metric "${running.key}" is ${describe(state)}, which is no state of it`,
        );
      running.state = state;
    }
  }

  /** What reports have a number for, by its name. */
  get names(): string[] {
    const ofOutputs = this.#byOutput ? this.#names.map((name) => `${name}.loss`) : [];
    return ["loss", ...ofOutputs, ...this.#running.map(({ key }) => key)];
  }

  /** Of all batches so far: the mean loss; by output, where losses are given so; and the metrics by name. */
  results(): { loss: number; losses?: Record<string, number>; metrics: Record<string, number> } {
    const losses = this.#names.map((name, i) => [name, this.#sums[i] / this.#images]);
    return {
      loss: this.#loss / this.#images,
      ...(this.#byOutput && { losses: Object.fromEntries(losses) }),
      metrics: Object.fromEntries(this.#running.map(({ key, metric, state }) => [key, metric.result(state)])),
    };
  }
}
