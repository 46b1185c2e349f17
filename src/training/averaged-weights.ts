// The exponential moving average of a network's weights and running averages, beside them in linear memory.
import { Edge, Graph } from "../graph/graph.ts";
import { Lowering } from "../graph/lower.ts";
import type { WeightAverage } from "../network/fit-options.ts";
import { blend } from "../ops/optimizer.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Program } from "../runtime/program.ts";
import { float32 } from "../tensor.ts";
import type { Variables } from "./variables.ts";

/** The block that holds the new weights' share of the average, as `blend` reads it. */
const SHARE = " average";
/** The block of a weight's average, which checkpoints store under this name. */
export const averageOf = (weight: string): string => `${weight}:ema`;

export class AveragedWeights {
  readonly #variables: Variables;
  readonly #names: readonly string[];
  readonly #blocks: readonly string[];
  readonly #program: Program;
  /** How it averages; undefined where it was read from a checkpoint and no fit has said yet. */
  options: WeightAverage | undefined;

  /** Begins with the weights as they are. Throws MemoryError, and holds nothing then. */
  constructor(runtime: Runtime, names: readonly string[], variables: Variables) {
    this.#variables = variables;
    this.#names = names;
    this.#blocks = variables.addAll([
      ...names.map((name): [string, Float32Array] => [averageOf(name), variables.read(name)]),
      [SHARE, new Float32Array(1)],
    ]);
    this.#program = new Program(runtime, "average");
    try {
      const graph = new Graph();
      graph.enter("average", "average of weights");
      const lowering = new Lowering(this.#program);
      const placed = (name: string, numbers: number): Edge => {
        const edge = new Edge(float32([numbers]));
        lowering.place(edge, variables.address(name));
        return edge;
      };
      const share = placed(SHARE, 1);
      for (const name of names) {
        const count = variables.bytes(name) / 4;
        graph.op(blend, [placed(averageOf(name), count), placed(name, count), share], {});
      }
      lowering.write(graph);
      this.#program.place();
    } catch (error) {
      variables.remove(this.#blocks);
      throw error;
    }
  }

  /** Takes in the weights after a step, which counts from 1. */
  step(step: number): void {
    if (!this.options) return;
    const { decay, warmup } = this.options;
    const kept = warmup ? Math.min(decay, (1 + step) / (10 + step)) : decay;
    this.#variables.write(SHARE, [kept - 1]);
    this.#program.run();
  }

  /** A copy of a weight's average. */
  read(name: string): Float32Array {
    return this.#variables.read(averageOf(name));
  }

  all(): Record<string, Float32Array> {
    return Object.fromEntries(this.#names.map((name) => [name, this.read(name)]));
  }

  dispose(): void {
    this.#program.dispose();
    this.#variables.remove(this.#blocks);
  }
}
