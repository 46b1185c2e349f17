// What a training is made of: the loss, the optimizer, which layers stay as they are, how gradients are limited.

import { ShapeError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import type { Model } from "../model/schema.ts";
import { show } from "../ops/check.ts";
import { binary } from "../ops/elementwise.ts";
import { LOSSES, type LossKind, wrongClass } from "../ops/loss.ts";
import {
  checkOptimizer,
  type Optimizer as Formula,
  normLimit,
  optimize,
  optimizerState,
  stepNumbers,
  valueLimit,
} from "../ops/optimizer.ts";
import { type Shape, sizeOf, type TensorType } from "../tensor.ts";
import type { Checked } from "./data.ts";

/**
 * What is made small, as a mean over the batch. `softmaxCrossEntropy` and `binaryCrossEntropy` take logits: a network for them
 * ends without softmax or sigmoid. Default of `delta` (huber) 1, of `labelSmoothing` 0.
 */
export type LossConfig =
  | LossKind
  | { readonly kind: LossKind; readonly delta?: number; readonly labelSmoothing?: number };

/** An optimizer's description and its learning rate, which a schedule given to `fit` overrides. */
export type Optimizer = Formula & { readonly learningRate: number };

/** Throws unless every number is one the formulas can take. */
export function checked(o: Optimizer): Optimizer {
  const { learningRate, ...formula } = o;
  checkOptimizer(formula as Formula, o.kind);
  if (!(Number.isFinite(learningRate) && learningRate >= 0))
    throw new ShapeError(`${o.kind}: learningRate is ${learningRate} but must be a number of at least 0`);
  return o;
}

/** Learning rates over steps, which count from 0. */
export type Schedule = (step: number) => number;

export interface TrainOptions {
  loss: LossConfig;
  optimizer: Optimizer;
  /** Names of layers whose weights stay as they are; their batch norms keep to the running averages. */
  freeze?: readonly string[];
  /** The gradients of all weights together are scaled down to this norm. */
  clipNorm?: number;
  /** Every gradient is limited to [−clipValue, clipValue]. */
  clipValue?: number;
  /** Of what dropout drops. Default 0. */
  dropoutSeed?: number;
}

export interface Shapes {
  readonly inputs: readonly { readonly name: string; readonly size: number }[];
  /** Of one image. */
  readonly output: Shape;
}

export class Rule {
  readonly loss: { readonly kind: LossKind; readonly delta?: number; readonly labelSmoothing?: number };
  readonly optimizer: Optimizer;
  readonly frozen: ReadonlySet<string>;
  readonly seed: number;
  /** Numbers of y per image that can be meant: class indices first, if there are any, then values. */
  readonly labelSizes: readonly number[];
  readonly classes: number;
  readonly #options: TrainOptions;
  readonly #params: object;

  constructor(
    model: Model,
    readonly shapes: Shapes,
    options: TrainOptions,
  ) {
    const loss = typeof options.loss === "string" ? { kind: options.loss } : options.loss;
    if (!loss || !Object.hasOwn(LOSSES, loss.kind))
      throw new ShapeError(
        `train: loss is ${JSON.stringify(options.loss)} but must be one of ${Object.keys(LOSSES).join(", ")}; give it to fit, or to compile as { train: { loss, optimizer } }`,
      );
    if (!options.optimizer?.kind)
      throw new ShapeError(
        `train: optimizer is ${JSON.stringify(options.optimizer)} but must be one such as adam()`,
      );
    for (const [name, limit] of [
      ["clipNorm", options.clipNorm],
      ["clipValue", options.clipValue],
    ] as const)
      if (limit !== undefined && !(Number.isFinite(limit) && limit > 0))
        throw new ShapeError(`train: ${name} is ${limit} but must be a number above 0`);
    if (model.outputs.length !== 1)
      throw new ShapeError(
        `train: the model has ${model.outputs.length} outputs but a loss needs exactly one`,
      );
    const names = new Set(model.layers.map((l) => l.name));
    for (const name of options.freeze ?? [])
      if (!names.has(name))
        throw new ShapeError(`train: freeze names "${name}", which is no layer of the model`);
    this.loss = loss;
    const { kind: _, ...params } = loss;
    this.#params = params;
    this.optimizer = checked(options.optimizer);
    this.frozen = new Set(options.freeze);
    this.seed = options.dropoutSeed ?? 0;
    this.#options = options;
    const size = sizeOf(shapes.output);
    this.classes = shapes.output.at(-1) ?? 1;
    this.labelSizes =
      loss.kind === "softmaxCrossEntropy" ? [...new Set([size / this.classes, size])] : [size];
  }

  /** Whether so many numbers per image are class indices. */
  indices(perImage: number): boolean {
    return this.loss.kind === "softmaxCrossEntropy" && perImage === this.labelSizes[0];
  }

  checkLabels({ y, perImage }: Checked, what: string): void {
    if (!this.indices(perImage)) return;
    const i = wrongClass(y, this.classes);
    if (i >= 0)
      throw new ShapeError(
        `${what}: y[${i}] is ${y[i]} but must be a class from 0 to ${this.classes - 1}: the network's output has shape ${show(this.shapes.output)}`,
      );
  }

  /** The type of y for a batch of answers. */
  labels(scores: Shape, perImage: number): TensorType {
    return this.indices(perImage)
      ? { shape: scores.slice(0, -1), dtype: "int32" }
      : { shape: scores, dtype: "float32" };
  }

  lossOf(graph: Graph, scores: Edge, labels: Edge): Edge {
    return graph.op(LOSSES[this.loss.kind], [scores, labels], this.#params);
  }

  /** Gradients within their limits, and the norm they had if that was asked for. */
  clip(graph: Graph, gradients: readonly Edge[]): readonly Edge[] {
    const { clipNorm, clipValue } = this.#options;
    let limited = gradients;
    if (clipValue !== undefined)
      limited = limited.map((edge) => graph.op(valueLimit, [edge], { limit: clipValue }));
    if (clipNorm !== undefined && limited.length) {
      const [scale] = graph.apply(normLimit, limited, { limit: clipNorm });
      limited = limited.map((edge) => graph.op(binary, [edge, scale], { kind: "mul" }));
    }
    return limited;
  }

  /** Names of what the optimizer keeps for a weight. */
  statesOf(weight: string): string[] {
    return optimizerState(this.optimizer).map((state) => `${weight}:${state}`);
  }

  /** The numbers of a step, which counts from 1, as they are written into memory. */
  hyperAt(step: number, learningRate: number): Float32Array {
    return stepNumbers(this.optimizer, step, learningRate);
  }

  update(graph: Graph, weight: Edge, gradient: Edge, states: readonly Edge[], hyper: Edge): Edge {
    const { learningRate: _, ...formula } = this.optimizer;
    return graph.op(optimize, [weight, gradient, ...states, hyper], formula as Formula);
  }
}
