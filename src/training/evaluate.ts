// Mean loss and metrics of a network over samples it is not trained on.

import { ShapeError } from "../errors.ts";
import { Edge, Graph } from "../graph/graph.ts";
import { Lowering } from "../graph/lower.ts";
import { Builder } from "../model/graph-builder.ts";
import type { Model, Weights } from "../model/schema.ts";
import { Inference } from "../network/inference.ts";
import type { Evaluation, Metric, Numbers } from "../network/trainer-interface.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Program } from "../runtime/program.ts";
import { float32 } from "../tensor.ts";
import type { CheckedSamples } from "./data.ts";
import { accuracy } from "./metrics.ts";
import type { Objective } from "./objective.ts";

/** Images per run: enough to use every kernel well, few enough to stay small. */
const BATCH_SIZE = 64;

/** Throws unless these are metrics. */
export function checkMetrics(metrics: readonly Metric[] = []): void {
  for (const metric of metrics)
    if (metric !== "accuracy")
      throw new ShapeError(
        `metrics: "${metric}" is none; there is "accuracy", and topK and confusionMatrix to be called on scores`,
      );
}

export function evaluate(
  runtime: Runtime,
  model: Model,
  weights: Weights,
  objective: Objective,
  samples: CheckedSamples,
  metrics: readonly Metric[] | undefined,
): Evaluation {
  checkMetrics(metrics);
  const batchSize = Math.min(BATCH_SIZE, samples.images);
  const inference = new Inference(runtime, model, new Builder(model, batchSize, weights, 0));
  let scores: Float32Array;
  try {
    const inputs = samples.inputs.map((x) => (x instanceof Float32Array ? x : Float32Array.from(x)));
    [scores] = inference.predict(inputs, samples.images) as [Float32Array];
  } finally {
    inference.dispose();
  }
  const measured = metrics ?? (objective.areClasses(samples.perImage) ? ["accuracy"] : []);
  const loss = meanLoss(runtime, objective, scores, samples);
  return measured.includes("accuracy") ? { loss, accuracy: accuracy(scores, samples.y) } : { loss };
}

/** The loss over all of the scores, by the op that training uses. */
function meanLoss(
  runtime: Runtime,
  objective: Objective,
  scores: Float32Array,
  { y, images, perImage }: CheckedSamples,
): number {
  const graph = new Graph();
  const shape = [images, ...objective.ends.output];
  const x = new Edge(float32(shape));
  const labels = new Edge(objective.labelType(shape, perImage));
  const loss = objective.lossOf(graph, x, labels);
  const program = new Program(runtime, "evaluate");
  const lowering = new Lowering(program);
  for (const edge of [x, labels]) program.input(lowering.valueOf(edge).base);
  lowering.write(graph);
  program.output(lowering.valueOf(loss).base);
  program.place();
  const { memory } = runtime;
  const write = (edge: Edge, values: Numbers): void => {
    const words = edge.dtype === "int32" ? memory.ints : memory.floats;
    words.set(values, lowering.valueOf(edge).base.value / 4);
  };
  write(x, scores);
  write(labels, y);
  program.run();
  const value = memory.floats[lowering.valueOf(loss).base.value / 4];
  program.dispose();
  return value;
}
