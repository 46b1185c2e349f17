// Losses of one's own: functions of tensors, traced into the graph of a training or an evaluation.
import { type EagerOps, opsOf } from "../eager/ops.ts";
import { traceInto } from "../eager/trace.ts";
import { ShapeError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import { show } from "../ops/check.ts";
import { reshape } from "../ops/shape.ts";
import type { Runtime } from "../runtime/instance.ts";
import { sizeOf, type Tensor } from "../tensor.ts";
import type { CustomLoss, LossModel } from "./loss-config.ts";

/** The edges of a model that losses may read, by name. */
export type ModelEdges = { readonly [K in keyof LossModel]: Readonly<Record<string, Edge>> };

/** The model of which nothing is known: a loss that reads it is written with `ModelEdges`. */
const NONE: ModelEdges = { inputs: {}, layers: {}, weights: {} };

/** Whether a function reads the model, its fourth argument. */
export const readsModel = (f: CustomLoss): boolean => f.length > 3;

/** Appends what `f` calls; its result as a scalar. Throws ShapeError unless it is one value. */
export function appendCustomLoss(
  runtime: Runtime,
  graph: Graph,
  f: CustomLoss,
  output: Edge,
  target: Edge,
  model: ModelEdges = NONE,
): Edge {
  const groups = Object.entries(readsModel(f) ? model : NONE) as [keyof LossModel, Record<string, Edge>][];
  const edges = groups.flatMap(([, named]) => Object.values(named));
  const call = (x: Tensor, t: Tensor, ...tensors: Tensor[]): Tensor => {
    let next = 0;
    const named = groups.map(([group, names]) => [
      group,
      Object.fromEntries(Object.keys(names).map((name) => [name, tensors[next++]])),
    ]);
    return f(x, t, opsOf(runtime) as EagerOps, Object.fromEntries(named) as LossModel);
  };
  const loss = traceInto(runtime, graph, [output, target, ...edges], call, "loss");
  if (sizeOf(loss.shape) !== 1 || loss.dtype !== "float32")
    throw new ShapeError(
      `loss: the function returns ${loss.dtype} ${show(loss.shape)} but must return one float32 value; reduce it, such as engine.reduce(terms, { kind: "mean" })`,
    );
  graph.enter("loss", "loss");
  return loss.shape.length ? graph.op(reshape, [loss], { shape: [] }) : loss;
}
