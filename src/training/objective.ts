// What a training minimises and how: the loss, the optimizer, frozen layers, limits of gradients. All options are checked here.

import type { Edge, Graph } from "../graph/graph.ts";
import type { Model } from "../model/schema.ts";
import { selected } from "../network/layer-selection.ts";
import { LossTarget } from "../network/loss-target.ts";
import {
  createTrainer,
  type Ends,
  type Optimizer,
  type Regularizer,
  type TrainOptions,
} from "../network/trainer-interface.ts";
import { optimize } from "../ops/optimizer.ts";
import {
  checkOptimizer,
  type Optimizer as OptimizerFormula,
  optimizerState,
  stepNumbers,
} from "../ops/optimizer-formulas.ts";
import type { Runtime } from "../runtime/instance.ts";
import { aNumberFrom } from "../validate.ts";
import { type WeightRule, weightRules } from "./groups.ts";
import { limited } from "./limits.ts";
import { regularizersOf } from "./regularize.ts";

/** The optimizer without its learning rate and its trainer. */
export function formulaOf({ learningRate: _, [createTrainer]: __, ...formula }: Optimizer): OptimizerFormula {
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
  readonly regularizers: readonly Regularizer[];
  /** What learning rates of weights are multiplied by: each factor that there is, once. */
  readonly factors: readonly number[];
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
    this.factors = [...new Set([...this.#rules.values()].map(({ factor }) => factor))];
    this.regularizers = regularizersOf(model, options);
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

  /** The numbers of a step, which counts from 1, as the update reads them. */
  hyperAt(step: number, learningRate: number): Float32Array {
    return stepNumbers(this.optimizer, step, learningRate);
  }

  /** What the learning rate of a weight is multiplied by: one of `factors`. */
  factorOf(weight: string): number {
    return this.#rules.get(weight)!.factor;
  }

  /** Appends the update of one weight, named `name`. `hyper` has the numbers of its factor. */
  update(
    graph: Graph,
    name: string,
    [weight, gradient, ...states]: readonly [weight: Edge, gradient: Edge, ...states: Edge[]],
    hyper: Edge,
  ): Edge {
    const { weightDecay } = this.#rules.get(name)!;
    const formula = weightDecay === undefined ? this.optimizer : { ...this.optimizer, weightDecay };
    return graph.op(optimize, [weight, gradient, ...states, hyper], formula);
  }
}
