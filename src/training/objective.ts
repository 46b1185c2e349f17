// What a training minimises and how: the loss, the optimizer, frozen layers, limits of gradients. All options are checked here.

import { ShapeError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import type { Model } from "../model/schema.ts";
import { createTrainer, type Ends, type Optimizer, type TrainOptions } from "../network/trainer-interface.ts";
import { show } from "../ops/check.ts";
import { binary } from "../ops/elementwise.ts";
import { LOSSES, type LossKind, wrongClass } from "../ops/loss.ts";
import {
  checkOptimizer,
  normLimit,
  type Optimizer as OptimizerFormula,
  optimize,
  optimizerState,
  stepNumbers,
  valueLimit,
} from "../ops/optimizer.ts";
import { type Shape, sizeOf, type TensorType } from "../tensor.ts";
import type { CheckedSamples } from "./data.ts";

/** The optimizer without its learning rate and its trainer. */
function formulaOf({ learningRate: _, [createTrainer]: __, ...formula }: Optimizer): OptimizerFormula {
  return formula as OptimizerFormula;
}

/** Throws unless every number is one the formula can take. */
export function checkedOptimizer(o: Optimizer): Optimizer {
  checkOptimizer(formulaOf(o), o.kind);
  if (!(Number.isFinite(o.learningRate) && o.learningRate >= 0))
    throw new ShapeError(`${o.kind}: learningRate is ${o.learningRate} but must be a number of at least 0`);
  return o;
}

export class Objective {
  readonly loss: { readonly kind: LossKind; readonly delta?: number; readonly labelSmoothing?: number };
  readonly learningRate: number;
  readonly optimizer: OptimizerFormula;
  readonly frozen: ReadonlySet<string>;
  readonly seed: number;
  /** Accepted numbers of y per image: of class indices first, where the loss takes them, then of values. */
  readonly labelSizes: readonly number[];
  readonly classes: number;
  readonly #options: TrainOptions;
  readonly #lossParams: object;

  constructor(
    model: Model,
    readonly ends: Ends,
    options: TrainOptions,
  ) {
    const loss = typeof options.loss === "string" ? { kind: options.loss } : options.loss;
    if (!loss || !Object.hasOwn(LOSSES, loss.kind))
      throw new ShapeError(
        `train: loss is ${JSON.stringify(options.loss)} but must be one of ${Object.keys(LOSSES).join(", ")}; give it to fit, or to compile as { train: { loss, optimizer } }`,
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
    const { kind: _, ...lossParams } = loss;
    this.#lossParams = lossParams;
    this.optimizer = formulaOf(checkedOptimizer(options.optimizer));
    this.learningRate = options.optimizer.learningRate;
    this.frozen = new Set(options.freeze);
    this.seed = options.dropoutSeed ?? 0;
    this.#options = options;
    const size = sizeOf(ends.output);
    this.classes = ends.output.at(-1) ?? 1;
    this.labelSizes =
      loss.kind === "softmaxCrossEntropy" ? [...new Set([size / this.classes, size])] : [size];
  }

  /** Whether so many numbers of y per image are class indices. */
  areClasses(perImage: number): boolean {
    return this.loss.kind === "softmaxCrossEntropy" && perImage === this.labelSizes[0];
  }

  checkLabels({ y, perImage }: CheckedSamples, what: string): void {
    if (!this.areClasses(perImage)) return;
    const i = wrongClass(y, this.classes);
    if (i >= 0)
      throw new ShapeError(
        `${what}: y[${i}] is ${y[i]} but must be a class from 0 to ${this.classes - 1}: the network's output has shape ${show(this.ends.output)}`,
      );
  }

  /** The type of y for a batch whose scores have this shape. */
  labelType(scores: Shape, perImage: number): TensorType {
    return this.areClasses(perImage)
      ? { shape: scores.slice(0, -1), dtype: "int32" }
      : { shape: scores, dtype: "float32" };
  }

  /** Appends the loss. */
  lossOf(graph: Graph, scores: Edge, labels: Edge): Edge {
    graph.enter("loss", `loss "${this.loss.kind}"`);
    return graph.op(LOSSES[this.loss.kind], [scores, labels], this.#lossParams);
  }

  /** Appends what keeps gradients within their limits. */
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

  /** Names of the tensors that the optimizer keeps for a weight. */
  statesOf(weight: string): string[] {
    return optimizerState(this.optimizer).map((state) => `${weight}:${state}`);
  }

  /** The numbers of a step, which counts from 1, as the update reads them. */
  hyperAt(step: number, learningRate: number): Float32Array {
    return stepNumbers(this.optimizer, step, learningRate);
  }

  /** Appends the update of one weight. */
  update(graph: Graph, weight: Edge, gradient: Edge, states: readonly Edge[], hyper: Edge): Edge {
    return graph.op(optimize, [weight, gradient, ...states, hyper], this.optimizer);
  }
}
