// The graph of a training: forward pass, loss, and the gradients with respect to all weights that are not frozen.

import { Edge, type Graph } from "../graph/graph.ts";
import { Builder } from "../model/graph-builder.ts";
import type { DescribedModel } from "../model/schema.ts";
import { trainingLayers } from "../model/training-layers.ts";
import { differentiate } from "../passes/differentiate.ts";
import { fuseActivation } from "../passes/fuse.ts";
import { sinkActivationGradient } from "../passes/fuse-gradients.ts";
import type { Objective } from "./objective.ts";

/** The block that holds the seed and the step, as dropout reads them: int32. */
export const COUNTER = " counter";
export const COUNTER_NUMBERS = 4;

/** An edge that lies in a named block of the variables. */
export type Block = readonly [edge: Edge, name: string];

export interface LossGraph {
  readonly graph: Graph;
  readonly batchSize: number;
  readonly inputs: readonly Edge[];
  readonly labels: Edge;
  readonly loss: Edge;
  readonly scores: Edge;
  /** The weights that are trained, as far as the loss depends on them, and its gradients with respect to them. */
  readonly trained: readonly { readonly name: string; readonly edge: Edge; readonly gradient: Edge }[];
  /** The running averages that batches change, which the graph does not read otherwise. */
  readonly statistics: readonly { readonly name: string; readonly edge: Edge }[];
  /** The updates of those averages, in place: they must be outputs of the graph. */
  readonly statisticsUpdates: readonly Edge[];
  /** Weights, running averages and the counter. */
  readonly blocks: readonly Block[];
}

/**
 * `perImage`: numbers of y per image, which tells class indices from values. Throws ShapeError, FormatError or UnsupportedError (an op
 * without gradient).
 */
export function lossGraph(
  model: DescribedModel,
  batchSize: number,
  perImage: number,
  { frozen, target }: Objective,
): LossGraph {
  const counter = new Edge({ shape: [COUNTER_NUMBERS], dtype: "int32" });
  const statisticsUpdates: Edge[] = [];
  const layers = trainingLayers(frozen, counter, statisticsUpdates);
  const build = new Builder(model, batchSize, { training: layers });
  const { graph, inputs } = build;
  const [scores] = build.outputs;
  const labels = new Edge(target.labelType(scores.shape, perImage));
  const loss = target.lossOf(graph, scores, labels);

  const variables = [...build.variables].map(([name, variable]) => ({ name, ...variable }));
  const wanted = variables.filter(({ trainable, layer }) => trainable && !frozen.has(layer));
  const gradients = differentiate(
    graph,
    loss,
    wanted.map(({ edge }) => edge),
  );
  const trained = wanted.flatMap(({ name, edge }, i) => {
    const gradient = gradients[i];
    return gradient ? [{ name, edge, gradient }] : [];
  });
  const running = new Set(statisticsUpdates.map((update) => update.node!.inputs[0]));
  return {
    ...{ graph, batchSize, inputs, labels, loss, scores, trained, statisticsUpdates },
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
