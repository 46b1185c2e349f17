// An optimizer's step on tensors, for loops of one's own: weights and what the optimizer keeps for them are updated where they lie.
import { type CheckedCall, checkTensor } from "../eager/call.ts";
import { runCall } from "../eager/run.ts";
import { traceOf } from "../eager/trace.ts";
import { ArgumentError, ShapeError, UnsupportedError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import { aPart } from "../network/fit-options.ts";
import type { AppliedWeights, ApplyStepOptions, Optimizer } from "../network/trainer-interface.ts";
import { show } from "../ops/check.ts";
import { optimize } from "../ops/optimizer.ts";
import {
  HYPER_NUMBERS,
  type Optimizer as OptimizerFormula,
  optimizerState,
  stepNumbers,
  withMomentum,
} from "../ops/optimizer-formulas.ts";
import type { Runtime } from "../runtime/instance.ts";
import { float32, mustBeTensor, Tensor } from "../tensor.ts";
import { aNumberAbove, aNumberFrom, type Checks, checkOptions, isPlain, refuse } from "../validate.ts";
import { limited } from "./limits.ts";
import { formulaOf } from "./objective.ts";

const OPTIONS: Checks<ApplyStepOptions> = {
  learningRate: aNumberFrom(0),
  momentum: aPart(false),
  clipNorm: aNumberAbove(0),
  clipValue: aNumberAbove(0),
};

/** What an optimizer keeps for a weight, and how many steps it has taken on it. */
interface Kept {
  readonly states: readonly Tensor[];
  steps: number;
}

/** The steps of one optimizer on tensors. */
export class Applier {
  readonly #optimizer: Optimizer;
  readonly #formula: OptimizerFormula;
  readonly #kept = new WeakMap<Tensor, Kept>();
  /** Tells programs that are kept of its steps from others. */
  readonly #kind: { readonly kind: string };

  constructor(optimizer: Optimizer) {
    this.#optimizer = optimizer;
    this.#formula = formulaOf(optimizer);
    this.#kind = { kind: `${optimizer.kind}.apply` };
  }

  /** One step: all of it, or an error and nothing. */
  apply(given: AppliedWeights, by: AppliedWeights, options: ApplyStepOptions = {}): void {
    const name = this.#kind.kind;
    checkOptions(name, options, OPTIONS);
    const weights = listOf(given, "weights", name);
    const runtime = checkAll(weights, "weights", name);
    const gradients = gradientsOf(given, by, name);
    checkFit(runtime, weights, gradients, name);
    if (traceOf(runtime))
      throw new UnsupportedError(`${name}: cannot be recorded; call it when gradients has returned`);
    const { learningRate: rate = this.#optimizer.learningRate, momentum } = options;
    const formula = momentum === undefined ? this.#formula : withMomentum(this.#formula, momentum, name);
    const { kept, made } = this.#keptFor(runtime, weights);
    // Weights that have been trained for different numbers of steps are corrected by their own.
    const counts = [...new Set(kept.map(({ steps }) => steps))];
    const hypers: Tensor[] = [];
    try {
      for (const steps of counts) {
        const hyper = new Tensor(runtime, float32([HYPER_NUMBERS]), name);
        hypers.push(hyper);
        hyper.write(stepNumbers(formula, steps + 1, rate));
      }
      const hyperOf = kept.map(({ steps }) => counts.indexOf(steps));
      runCall(runtime, this.#kind, this.#call(weights, gradients, kept, hypers, hyperOf, options));
    } catch (error) {
      for (const { states } of made.values()) for (const state of states) state.dispose();
      throw error;
    } finally {
      for (const hyper of hypers) hyper.dispose();
    }
    for (const [weight, own] of made) this.#keep(weight, own);
    for (const weight of weights) weight.changed();
    for (const own of kept) own.steps++;
  }

  #call(
    weights: readonly Tensor[],
    gradients: readonly Tensor[],
    kept: readonly Kept[],
    hypers: readonly Tensor[],
    hyperOf: readonly number[],
    { clipNorm, clipValue }: ApplyStepOptions,
  ): CheckedCall {
    const tensors = [
      ...new Set([...weights, ...gradients, ...kept.flatMap(({ states }) => states), ...hypers]),
    ];
    const places = gradients.map((gradient) => tensors.indexOf(gradient));
    return {
      tensors,
      weights: [],
      key: `${weights.map((weight) => weight.typeKey).join("")}${places}/${hyperOf}/${clipNorm}/${clipValue}`,
      call: (graph: Graph, edgeOf: (tensor: Tensor) => Edge) => {
        graph.enter("optimizer", `optimizer "${this.#formula.kind}"`);
        const clipped = limited(graph, gradients.map(edgeOf), { clipNorm, clipValue });
        weights.forEach((weight, i) => {
          const inputs = [weight, ...kept[i].states, hypers[hyperOf[i]]].map(edgeOf);
          graph.effects.push(graph.op(optimize, [inputs[0], clipped[i], ...inputs.slice(1)], this.#formula));
        });
        return [];
      },
    };
  }

  /** What is kept for each weight, and what of that was made now, because it was missing: for all or none. */
  #keptFor(runtime: Runtime, weights: readonly Tensor[]): { kept: Kept[]; made: ReadonlyMap<Tensor, Kept> } {
    const names = optimizerState(this.#formula);
    const made = new Map<Tensor, Kept>();
    const tensors: Tensor[] = [];
    try {
      for (const weight of weights) {
        if (this.#kept.has(weight)) continue;
        const states = names.map(() => {
          const state = new Tensor(runtime, weight, this.#kind.kind).keep();
          tensors.push(state);
          state.write(new Float32Array(state.size));
          return state;
        });
        made.set(weight, { states, steps: 0 });
      }
    } catch (error) {
      for (const tensor of tensors) tensor.dispose();
      throw error;
    }
    return { kept: weights.map((weight) => this.#kept.get(weight) ?? made.get(weight)!), made };
  }

  /** Keeps it until the weight is disposed. */
  #keep(weight: Tensor, kept: Kept): void {
    this.#kept.set(weight, kept);
    for (const state of kept.states) state.hold(true);
    weight.attach(() => {
      for (const state of kept.states) {
        state.hold(false);
        state.dispose();
      }
    });
  }
}

/** The tensors of a list or an object. */
function listOf(given: unknown, what: string, name: string): readonly Tensor[] {
  const list = isPlain(given) ? Object.values(given) : given;
  if (!Array.isArray(list) || !list.length)
    refuse(given, what, name, "a list of tensors, or an object of them such as net.variables");
  return list as readonly Tensor[];
}

/** The gradients in the order of the weights. */
function gradientsOf(weights: AppliedWeights, by: unknown, name: string): readonly Tensor[] {
  if (!isPlain(by) || !isPlain(weights)) return listOf(by, "gradients", name);
  const missing = Object.keys(weights).find((key) => !Object.hasOwn(by, key));
  if (missing !== undefined) throw new ArgumentError(`${name}: gradients hold no "${missing}"`);
  return Object.keys(weights).map((key) => (by as Readonly<Record<string, Tensor>>)[key]);
}

/** Throws unless all are tensors of one engine, alive; the engine's runtime. */
function checkAll(tensors: readonly Tensor[], what: string, name: string): Runtime {
  mustBeTensor(tensors[0], `${name}: ${what}[0]`);
  const { runtime } = tensors[0];
  for (let i = 0; i < tensors.length; i++) checkTensor(runtime, tensors[i], `${what}[${i}]`, name);
  return runtime;
}

/** Throws unless there is a gradient of its shape for each weight, and no weight comes twice. */
function checkFit(
  runtime: Runtime,
  weights: readonly Tensor[],
  gradients: readonly Tensor[],
  name: string,
): void {
  if (gradients.length !== weights.length)
    throw new ArgumentError(`${name}: ${gradients.length} gradients for ${weights.length} weights`);
  const blocks = weights.map(({ block }) => block);
  weights.forEach((weight, i) => {
    const gradient = gradients[i];
    checkTensor(runtime, gradient, `gradients[${i}]`, name);
    for (const [tensor, what] of [
      [weight, "weights"],
      [gradient, "gradients"],
    ] as const)
      if ((tensor.dtype as string) !== "float32")
        throw new ArgumentError(`${name}: ${what}[${i}] is ${tensor.dtype} but must be float32`);
    if (show(gradient.shape) !== show(weight.shape))
      throw new ShapeError(
        `${name}: gradients[${i}] has shape ${show(gradient.shape)} but must have the weight's ${show(weight.shape)}`,
      );
    const first = blocks.indexOf(weight.block);
    if (first < i)
      throw new ArgumentError(
        `${name}: weights[${i}] is weights[${first}] again${weights[first] === weight ? "" : ", a view of it"}`,
      );
  });
  const read = new Set(gradients.map(({ block }) => block));
  const used = weights.find(({ block }) => read.has(block));
  if (used)
    throw new ArgumentError(
      `${name}: a weight (shape ${show(used.shape)}) is its own gradient, or a view of it`,
    );
}
