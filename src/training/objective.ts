// What a training minimises and how: the loss, the optimizer, frozen layers, limits of gradients. All options are checked here.

import type { Edge, Graph } from "../graph/graph.ts";
import type { Model } from "../model/schema.ts";
import { regularizersOf, selected } from "../network/layer-selection.ts";
import { LossTarget } from "../network/loss-target.ts";
import { createTrainer, type Ends, type Optimizer, type TrainOptions } from "../network/trainer-interface.ts";
import {
  checkOptimizer,
  type Optimizer as OptimizerFormula,
  optimizerState,
  stepNumbers,
  withMomentum,
} from "../ops/optimizer-formulas.ts";
import type { Runtime } from "../runtime/instance.ts";
import { aNumberFrom } from "../validate.ts";
import { hyperOf, type WeightRule, weightRules } from "./groups.ts";
import { limited } from "./limits.ts";

/** What may change from step to step; the momentum is the optimizer's where none is given. */
export interface StepRates {
  readonly learningRate: number;
  readonly momentum?: number | undefined;
}

/** The optimizer without its learning rate and its code. */
export function formulaOf(optimizer: Optimizer): OptimizerFormula {
  const { learningRate: _, [createTrainer]: __, apply: ___, ...formula } = optimizer;
  return formula as OptimizerFormula;
}

/** Throws unless every number is one the formula can take. */
export function checkedOptimizer(o: Optimizer): Optimizer {
  checkOptimizer(formulaOf(o), o.kind);
  aNumberFrom(0)(o.learningRate, "learningRate", o.kind);
  return o;
}

export class Objective {
  readonly target: LossTarget;
  readonly learningRate: number;
  readonly optimizer: OptimizerFormula;
  readonly frozen: ReadonlySet<string>;
  readonly regularizers: ReturnType<typeof regularizersOf>;
  /** How weights are trained: each rule that there is, once. */
  readonly rules: readonly WeightRule[];
  readonly #rules: ReadonlyMap<string, WeightRule>;
  readonly #options: TrainOptions;

  /** `weights`: the names of the model's. */
  constructor(
    readonly runtime: Runtime,
    model: Model,
    weights: readonly string[],
    ends: Ends,
    options: TrainOptions,
  ) {
    this.target = new LossTarget(runtime, ends, options.loss, "train");
    const { freeze = [] } = options;
    const layers = model.layers.map(({ name }) => name);
    this.optimizer = formulaOf(checkedOptimizer(options.optimizer));
    this.learningRate = options.optimizer.learningRate;
    this.frozen = new Set(selected(freeze, layers, "freeze", "layer"));
    this.#rules = weightRules(model, weights, options);
    this.rules = [...new Map([...this.#rules.values()].map((rule) => [hyperOf(rule), rule])).values()];
    this.regularizers = regularizersOf(options, layers);
    this.#options = options;
  }

  /** Appends what keeps gradients within their limits. */
  clip(graph: Graph, gradients: readonly Edge[]): readonly Edge[] {
    return limited(graph, gradients, this.#options);
  }

  /** Names of the tensors that the optimizer keeps for a weight. */
  statesOf(weight: string): string[] {
    return optimizerState(this.optimizer).map((state) => `${weight}:${state}`);
  }

  /** The numbers of a step, which counts from 1, as the update of weights with this rule reads them. */
  hyperAt(
    { factor, weightDecay }: WeightRule,
    step: number,
    { learningRate, momentum }: StepRates,
  ): Float32Array {
    const own = weightDecay === undefined ? this.optimizer : { ...this.optimizer, weightDecay };
    const formula = momentum === undefined ? own : withMomentum(own, momentum, "train");
    return stepNumbers(formula, step, learningRate * factor);
  }

  /** Throws ArgumentError unless the momentum can change from step to step. */
  needMomentum(where: string): void {
    withMomentum(this.optimizer, 0, where);
  }

  /** How a weight is trained: one of `rules`. */
  ruleOf(weight: string): WeightRule {
    return this.#rules.get(weight)!;
  }
}
