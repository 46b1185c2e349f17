// What a training minimises and how: the loss, the optimizer, frozen layers, limits of gradients. All options are checked here.

import { ArgumentError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import type { Model } from "../model/schema.ts";
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
import { aNumberFrom, describe } from "../validate.ts";
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
  readonly #options: TrainOptions;

  constructor(
    readonly runtime: Runtime,
    model: Model,
    ends: Ends,
    options: TrainOptions,
  ) {
    this.target = new LossTarget(runtime, ends, options.loss, "train");
    const names = new Set(model.layers.map((l) => l.name));
    for (const name of options.freeze ?? [])
      if (!names.has(name))
        throw new ArgumentError(`train: freeze names ${describe(name)}, which is no layer of the model`);
    this.optimizer = formulaOf(checkedOptimizer(options.optimizer));
    this.learningRate = options.optimizer.learningRate;
    this.frozen = new Set(options.freeze);
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

  /** Appends the update of one weight. */
  update(graph: Graph, weight: Edge, gradient: Edge, states: readonly Edge[], hyper: Edge): Edge {
    return graph.op(optimize, [weight, gradient, ...states, hyper], this.optimizer);
  }
}
