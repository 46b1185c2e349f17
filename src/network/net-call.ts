// A network as a call on tensors, with its weights where they lie: recorded by gradients and losses, or run at once.
import { type CheckedCall, checkTensor } from "../eager/call.ts";
import { runCall } from "../eager/run.ts";
import { afterCalls, traceOf } from "../eager/trace.ts";
import { ShapeError } from "../errors.ts";
import type { Edge } from "../graph/graph.ts";
import { Builder } from "../model/graph-builder.ts";
import type { DescribedModel } from "../model/schema.ts";
import { trainingLayers } from "../model/training-layers.ts";
import type { Runtime } from "../runtime/instance.ts";
import { type DType, type Shape, Tensor } from "../tensor.ts";
import { aFlag, aSeed, type Checks } from "../validate.ts";
import type { WeightTensors } from "./weight-tensors.ts";
import type { WeightStore } from "./weights.ts";

export interface CallOptions {
  /**
   * Whether layers do what they do in training: batch normalisation takes the statistics of the batch and updates its running averages,
   * dropout drops. Default false.
   */
  training?: boolean;
  /** Of what dropout drops in this call, besides the count of calls. Default: that of compile. */
  seed?: number;
}

export const CALL_OPTIONS: Checks<CallOptions> = { training: aFlag, seed: aSeed };

/** An input of the network. */
interface Input {
  readonly name: string;
  /** All axes. */
  readonly shape: Shape;
  readonly integer: boolean;
}

/** The calls of a network on tensors. */
export class NetworkCalls {
  readonly #runtime: Runtime;
  readonly #model: DescribedModel;
  readonly #inputs: readonly Input[];
  readonly #weights: WeightStore;
  readonly #seed: number;
  /** Tells programs that are kept of its calls from those of other networks. */
  readonly #kind = { kind: "net(x)" };
  /** Calls in training: each drops anew. */
  #trained = 0;

  constructor(
    runtime: Runtime,
    model: DescribedModel,
    inputs: readonly Input[],
    weights: WeightStore,
    seed: number,
  ) {
    this.#runtime = runtime;
    this.#model = model;
    this.#inputs = inputs;
    this.#weights = weights;
    this.#seed = seed;
  }

  /** Records or runs the call; undefined where it is one that `predict` answers. */
  run(
    tensors: readonly Tensor[],
    { training, seed = this.#seed }: CallOptions,
  ): Tensor | Tensor[] | undefined {
    const runtime = this.#runtime;
    // The list is the caller's, which reuses it for the next call; what is recorded reads it later.
    const inputs = [...tensors];
    tensors.forEach((tensor, i) => {
      checkTensor(runtime, tensor, `input ${i}`, "net(x)");
    });
    if (!training && !traceOf(runtime)) return undefined;
    this.#check(tensors);
    const counter = training ? new Tensor(runtime, { shape: [4], dtype: "int32" }, "net(x)") : undefined;
    try {
      counter?.write(Int32Array.of(seed, 0, this.#trained, 0));
      const weights = this.#weights.asTensors(runtime);
      const results = runCall(runtime, this.#kind, callOn(this.#model, inputs, weights, counter));
      if (counter) {
        this.#trained++;
        // Running averages have been updated.
        afterCalls(runtime, () => weights.changed());
      }
      return results;
    } finally {
      afterCalls(runtime, () => counter?.dispose());
    }
  }

  /** Throws ShapeError unless every tensor is a whole number of images, the same number. */
  #check(tensors: readonly Tensor<DType>[]): void {
    const batched = this.#model.batch !== false;
    tensors.forEach((tensor, i) => {
      const { name, shape, integer } = this.#inputs[i];
      const dtype = integer ? "int32" : "float32";
      const rest = batched ? shape.slice(1) : shape;
      const images = batched ? [tensors[0].shape[0], ...rest] : rest;
      if (tensor.size && tensor.dtype === dtype && tensor.shape.join() === images.join()) return;
      throw new ShapeError(
        `net(x): input "${name}" is ${tensor.dtype} of shape [${tensor.shape}] but must be ${dtype} of shape [${i ? images : batched ? ["n", ...rest] : rest}]${tensor.size ? "" : ", n above 0"}`,
      );
    });
  }
}

/** The call of the model on tensors. `counter`, [seed, 0, calls, 0], is what dropout draws from in training. */
function callOn(
  model: DescribedModel,
  inputs: readonly Tensor[],
  weights: WeightTensors,
  counter: Tensor<DType> | undefined,
): CheckedCall {
  const tensors = [...new Set([...inputs, ...weights.names.map((name) => weights.tensor(name))])];
  if (counter) tensors.push(counter as unknown as Tensor);
  const types = inputs.map((tensor) => `${tensors.indexOf(tensor)}${tensor.typeKey}`).join("");
  return {
    tensors,
    weights: [],
    key: `${counter ? "training" : ""}${types}`,
    call(graph, edgeOf) {
      const edges = inputs.map(edgeOf);
      const training = counter && trainingLayers(new Set(), edgeOf(counter as unknown as Tensor));
      const weight = (name: string): Edge => edgeOf(weights.tensor(name));
      const { outputs } = new Builder(model, model.batch === false ? 1 : inputs[0].shape[0], {
        ...(training && { training }),
        into: { graph, inputs: edges, weight },
      });
      return outputs.length === 1 ? outputs[0] : outputs;
    },
  };
}
