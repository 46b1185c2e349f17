// The graph of a training: forward pass, loss, and the gradients with respect to all weights that are not frozen.

import { ArgumentError } from "../errors.ts";
import { Edge, type Graph } from "../graph/graph.ts";
import { Builder } from "../model/graph-builder.ts";
import type { DescribedModel } from "../model/schema.ts";
import { trainingLayers } from "../model/training-layers.ts";
import { modelEdges } from "../network/loss-program.ts";
import { differentiate } from "../passes/differentiate.ts";
import { fuseActivation } from "../passes/fuse.ts";
import { sinkActivationGradient } from "../passes/fuse-gradients.ts";
import type { Objective } from "./objective.ts";
import { regularized } from "./regularize.ts";

/** The block that holds the seed and the step, as dropout reads them: int32. */
export const COUNTER = " counter";
export const COUNTER_NUMBERS = 4;

/** An edge that lies in a named block of the variables. */
export type Block = readonly [edge: Edge, name: string];

export interface LossGraph {
  readonly graph: Graph;
  readonly batchSize: number;
  readonly inputs: readonly Edge[];
  /** Of each output with a loss; then the images' weights, where samples have them. */
  readonly labels: readonly Edge[];
  /** What is minimised. */
  readonly loss: Edge;
  /** The loss of each output that has one. */
  readonly parts: readonly Edge[];
  /** The network's outputs. */
  readonly scores: readonly Edge[];
  /** The weights that are trained, as far as the loss depends on them, and its gradients with respect to them. */
  readonly trained: readonly { readonly name: string; readonly edge: Edge; readonly gradient: Edge }[];
  /** The running averages that batches change, which the graph does not read otherwise. */
  readonly statistics: readonly { readonly name: string; readonly edge: Edge }[];
  /** Weights, running averages and the counter. */
  readonly blocks: readonly Block[];
}

/**
 * `perImage`: numbers of each of the labels per image, which tell class indices from values. Throws ShapeError, FormatError,
 * UnsupportedError (an op without gradient), or ArgumentError (a loss that depends on no weight).
 */
export function lossGraph(
  model: DescribedModel,
  batchSize: number,
  perImage: readonly number[],
  objective: Objective,
): LossGraph {
  const { runtime, frozen, target, regularizers } = objective;
  const counter = new Edge({ shape: [COUNTER_NUMBERS], dtype: "int32" });
  const build = new Builder(model, batchSize, { training: trainingLayers(frozen, counter), runtime });
  const { graph, inputs, outputs: scores } = build;
  const labels = target.labelEdges(scores, perImage);
  const { loss: ofOutputs, parts } = target.append(graph, scores, labels, modelEdges(build, model));

  const variables = [...build.variables].map(([name, variable]) => ({ name, ...variable }));
  const wanted = variables.filter(({ trainable, layer }) => trainable && !frozen.has(layer));
  const loss = regularized(graph, ofOutputs, wanted, regularizers);
  const gradients = differentiate(
    graph,
    loss,
    wanted.map(({ edge }) => edge),
  );
  const trained = wanted.flatMap(({ name, edge }, i) => {
    const gradient = gradients[i];
    return gradient ? [{ name, edge, gradient }] : [];
  });
  if (!wanted.length && frozen.size)
    throw new ArgumentError("train: freeze leaves no weight that could be trained");
  if (wanted.length && !trained.length)
    throw new ArgumentError("train: the loss does not depend on any weight that is trained");
  const running = new Set(graph.effects.map((update) => update.node!.inputs[0]));
  return {
    ...{ graph, batchSize, inputs, labels, loss, parts, scores, trained },
    statistics: variables.filter(({ edge }) => running.has(edge)),
    blocks: [...variables.map(({ name, edge }): Block => [edge, name]), [counter, COUNTER]],
  };
}

/** Leaves what the outputs need, and fuses activations and their gradients into the ops beside them. */
export function simplify(graph: Graph, outputs: readonly Edge[]): void {
  graph.prune(outputs);
  sinkActivationGradient(graph, outputs);
  fuseActivation(graph, outputs);
  graph.prune(outputs);
}
