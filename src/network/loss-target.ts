// The loss of a network's outputs against labels: which labels fit it, and how both become ops.

import { ArgumentError, ShapeError } from "../errors.ts";
import { Edge, type Graph } from "../graph/graph.ts";
import type { LossKind } from "../layers/loss-options.ts";
import { appendLoss, takesClasses } from "../layers/losses.ts";
import { show } from "../ops/check.ts";
import { affine, binary } from "../ops/elementwise.ts";
import { wrongClass } from "../ops/loss.ts";
import type { Runtime } from "../runtime/instance.ts";
import { float32, type Shape, sizeOf, type TensorType } from "../tensor.ts";
import { appendCustomLoss, type ModelEdges, readsModel } from "./custom-loss.ts";
import { isByOutput, type LossConfig, type LossPart, lossPart } from "./loss-config.ts";
import { type MeasuredOutput, Measures } from "./measures.ts";
import type { MetricBatch, MetricsOption } from "./metric.ts";
import { type CheckedSamples, checkSamples, type ImageSizes, type Numbers } from "./samples.ts";
import type { Ends } from "./trainer-interface.ts";

/** Kinds whose targets are 0 or 1 (or −1) for every score, where they are no class indices. */
const BINARY: readonly LossKind[] = ["binaryCrossEntropy", "focal", "dice", "iou", "hinge", "squaredHinge"];
/** Kinds whose targets are rows of a value per class, where they are no class indices. */
const ROWS: readonly LossKind[] = ["softmaxCrossEntropy", "nll", "klDivergence", "categoricalHinge"];

/** The loss of one output. */
class OutputLoss {
  readonly name: string;
  /** Which of the network's outputs. */
  readonly index: number;
  /** Of one image. */
  readonly shape: Shape;
  readonly classes: number;
  readonly part: LossPart;
  /** Accepted numbers of y per image: of class indices first, where the loss takes them, then of values. */
  readonly labelSizes: readonly number[];
  readonly #byClass: boolean;

  constructor(name: string, index: number, shape: Shape, part: LossPart) {
    this.name = name;
    this.index = index;
    this.shape = shape;
    this.part = part;
    this.classes = shape.at(-1) ?? 1;
    const { named } = part;
    const several = this.classes > 1 || named?.kind === "softmaxCrossEntropy";
    this.#byClass = several && (!named || takesClasses(named.kind));
    const size = sizeOf(shape);
    this.labelSizes = this.#byClass ? [...new Set([size / this.classes, size])] : [size];
  }

  /** Whether so many numbers of y per image are class indices. */
  areClasses(perImage: number): boolean {
    return this.#byClass && perImage === this.labelSizes[0];
  }

  /** How metrics read so many numbers of y per image, and from where on a score means 1. */
  targetKind = (perImage: number): Pick<MetricBatch, "targets" | "threshold"> => {
    const { kind, activation } = this.part.named ?? {};
    const threshold = activation === "linear" ? 0.5 : 0;
    if (this.areClasses(perImage)) return { targets: "indices", threshold };
    if (kind && BINARY.includes(kind))
      return { targets: activation === "softmax" ? "rows" : "binary", threshold };
    return { targets: kind && ROWS.includes(kind) ? "rows" : "values", threshold };
  };

  /** The type of y for a batch whose scores have this shape. */
  labelType(scores: Shape, perImage: number): TensorType {
    return this.areClasses(perImage)
      ? { shape: scores.slice(0, -1), dtype: "int32" }
      : { shape: scores, dtype: "float32" };
  }

  /** Throws where labels are class indices, and one of them is none. */
  check(y: Numbers, perImage: number, name: string, what: string): void {
    if (!this.areClasses(perImage)) return;
    const { named } = this.part;
    // What indices mean to a function is its own affair.
    const i = named
      ? wrongClass(y, this.classes, named.ignoreIndex)
      : Array.prototype.findIndex.call(y, (label) => !Number.isInteger(label));
    if (i < 0) return;
    const wanted = named
      ? `a class from 0 to ${this.classes - 1}`
      : "an integer, as there are so few of them";
    throw new ShapeError(
      `${what}: ${name}[${i}] is ${y[i]} but must be ${wanted}: the network's output has shape ${show(this.shape)}`,
    );
  }

  append(
    runtime: Runtime,
    graph: Graph,
    scores: Edge,
    labels: Edge,
    weights?: Edge,
    model?: ModelEdges,
  ): Edge {
    const { named, custom } = this.part;
    const where = named ? `loss "${named.kind}"` : "loss";
    graph.enter("loss", where);
    if (named) return appendLoss(graph, named, scores, labels, where, weights);
    if (weights)
      throw new ArgumentError(
        "loss: weights of samples are for losses by name; a function gets no weights: give them as a part of y",
      );
    return appendCustomLoss(runtime, graph, custom!, scores, labels, model);
  }
}

/** The edges of a loss in a graph. */
export interface LossEdges {
  /** Minimised: the weighted sum of the parts. */
  readonly loss: Edge;
  /** The loss of each output, without its factor; one alone is `loss`. */
  readonly parts: readonly Edge[];
}

export class LossTarget {
  readonly parts: readonly OutputLoss[];
  /** Whether a loss is a function that reads the model. */
  readonly readsModel: boolean;
  readonly #runtime: Runtime;
  readonly #byOutput: boolean;
  readonly #sizes: ImageSizes;
  /** Numbers per image of y for each of the parts, as the samples had them that were checked last. */
  #seen: readonly number[] | undefined;

  constructor(runtime: Runtime, { inputs, outputs }: Ends, config: LossConfig | undefined, where: string) {
    this.#runtime = runtime;
    this.#byOutput = isByOutput(config);
    const names = outputs.map(({ name }) => name);
    if (isByOutput(config)) {
      for (const name of Object.keys(config))
        if (!names.includes(name))
          throw new ArgumentError(
            `${where}: loss names "${name}", which is no output; there are ${names.join(", ")}`,
          );
      this.parts = outputs.flatMap(({ name, shape }, i) =>
        Object.hasOwn(config, name)
          ? [new OutputLoss(name, i, shape, lossPart(config[name], `loss.${name}`, where))]
          : [],
      );
    } else {
      const part = lossPart(
        config,
        "loss",
        where,
        "; give it to fit or evaluate, or to compile as { train: { loss, optimizer } }",
      );
      if (outputs.length !== 1)
        throw new ArgumentError(
          `${where}: the model has ${outputs.length} outputs, so that loss must say which for each: { ${names.map((name) => `${name}: ...`).join(", ")} }`,
        );
      this.parts = [new OutputLoss(names[0], 0, outputs[0].shape, part)];
    }
    this.readsModel = this.parts.some(({ part }) => part.custom !== undefined && readsModel(part.custom));
    const labels = this.parts.map(({ name, labelSizes }) => ({ name, sizes: labelSizes }));
    this.#sizes = { inputs, labels, byName: this.#byOutput };
  }

  /** Whether the targets of a function are not known, because no samples have been seen. */
  get isOpen(): boolean {
    return this.#seen === undefined && this.parts.some(({ part }) => part.custom);
  }

  /**
   * Numbers per image of y for each of the parts, as samples had them last; before the first ones those of class indices where a loss by
   * name takes them, else of values.
   */
  get perImage(): readonly number[] {
    const byDefault = this.parts.map(({ part, labelSizes }) => labelSizes.at(part.named ? 0 : -1)!);
    return this.#seen ?? byDefault;
  }

  /** Throws unless these are samples of the network with labels that the loss takes. `what` opens the message. */
  check(samples: unknown, what: string): CheckedSamples {
    const checked = checkSamples(samples, this.#sizes, what);
    this.parts.forEach((part, i) => {
      part.check(checked.labels[i], checked.perImage[i], this.#byOutput ? `y "${part.name}"` : "y", what);
    });
    this.#seen = checked.perImage.slice(0, this.parts.length);
    return checked;
  }

  /** What is measured over batches of such samples. Throws ArgumentError where a metric is none of the loss's targets. */
  measures(perImage: readonly number[], metrics: MetricsOption | undefined): Measures {
    const outputsOf = (sizes: readonly number[]): MeasuredOutput[] =>
      this.parts.map(({ name, index, shape, part, targetKind }, i) => ({
        ...{ name, index, shape, lossKind: part.named?.kind, ignoreIndex: part.named?.ignoreIndex },
        ...targetKind(sizes[i]),
      }));
    return new Measures(outputsOf, perImage, metrics, this.#byOutput);
  }

  /** Losses of the parts by the names of their outputs, where losses are given so. */
  lossesByOutput(losses: readonly number[]): { losses?: Record<string, number> } {
    if (!this.#byOutput) return {};
    return { losses: Object.fromEntries(this.parts.map(({ name }, i) => [name, losses[i]])) };
  }

  /** Labels of a batch as edges: of each part, and of the images' weights where there are some. `outputs`: the network's. */
  labelEdges(outputs: readonly Edge[], perImage: readonly number[]): Edge[] {
    const edges = this.parts.map(
      (part, i) => new Edge(part.labelType(outputs[part.index].shape, perImage[i])),
    );
    const weighted = perImage.length > this.parts.length;
    return weighted ? [...edges, new Edge(float32([outputs[this.parts[0].index].shape[0]]))] : edges;
  }

  /** Appends the loss of the network's outputs against `labelEdges`. */
  append(graph: Graph, outputs: readonly Edge[], labels: readonly Edge[], model?: ModelEdges): LossEdges {
    const weights = labels[this.parts.length] as Edge | undefined;
    graph.runtime = this.#runtime;
    const parts = this.parts.map((part, i) =>
      part.append(this.#runtime, graph, outputs[part.index], labels[i], weights, model),
    );
    graph.enter("loss", "loss");
    const terms = this.parts.map(({ part: { weight } }, i) =>
      weight === 1 ? parts[i] : graph.op(affine, [parts[i]], { scale: weight, offset: 0 }),
    );
    const loss = terms.reduce((sum, term) => graph.op(binary, [sum, term], { kind: "add" }));
    return { loss, parts };
  }
}
