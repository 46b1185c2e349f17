// How well a network does on samples it does not learn from.

import { ShapeError } from "../errors.ts";
import { Edge, Graph } from "../graph/graph.ts";
import { Lowering } from "../graph/lower.ts";
import type { Model, Weights } from "../model/schema.ts";
import { Inference } from "../network/inference.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Program } from "../runtime/program.ts";
import { float32, sizeOf } from "../tensor.ts";
import type { Checked, Numbers } from "./data.ts";
import { accuracy } from "./metrics.ts";
import type { Rule } from "./objective.ts";

export type Metric = "accuracy";

export interface Evaluation {
  readonly loss: number;
  readonly accuracy?: number;
}

/** Images per run: many enough to use every kernel well, few enough to stay small. */
const BATCH = 64;

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
  rule: Rule,
  samples: Checked,
  metrics: readonly Metric[] | undefined,
): Evaluation {
  checkMetrics(metrics);
  const batch = Math.min(BATCH, samples.images);
  const inference = new Inference(runtime, model, weights, {
    batch,
    seed: 0,
    prefer: undefined,
    channelsFirst: false,
  });
  const scores = new Float32Array(samples.images * sizeOf(rule.shapes.output));
  try {
    const inputs = samples.inputs.map((x) => (x instanceof Float32Array ? x : Float32Array.from(x)));
    inference.run(inputs, [scores], samples.images);
  } finally {
    inference.dispose();
  }
  const wanted = metrics ?? (rule.indices(samples.perImage) ? ["accuracy"] : []);
  const loss = lossOf(runtime, rule, scores, samples);
  return wanted.includes("accuracy") ? { loss, accuracy: accuracy(scores, samples.y) } : { loss };
}

/** The loss over all of the scores, by the op that training uses. */
function lossOf(
  runtime: Runtime,
  rule: Rule,
  scores: Float32Array,
  { y, images, perImage }: Checked,
): number {
  const graph = new Graph();
  const shape = [images, ...rule.shapes.output];
  const x = new Edge(float32(shape));
  const labels = new Edge(rule.labels(shape, perImage));
  graph.enter("loss", `loss "${rule.loss.kind}"`);
  const loss = rule.lossOf(graph, x, labels);
  const program = new Program(runtime, "evaluate");
  const lowering = new Lowering(program);
  for (const edge of [x, labels]) program.input(lowering.valueOf(edge).base);
  lowering.write(graph);
  program.output(lowering.valueOf(loss).base);
  program.place();
  const { memory } = runtime;
  const put = (edge: Edge, values: Numbers) =>
    (edge.dtype === "int32" ? memory.ints : memory.floats).set(values, lowering.valueOf(edge).base.value / 4);
  put(x, scores);
  put(labels, y);
  program.run();
  const value = memory.floats[lowering.valueOf(loss).base.value / 4];
  program.dispose();
  return value;
}
