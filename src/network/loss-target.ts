// The loss of a network's first output against labels: which labels fit it, and how both become ops.

import { ArgumentError, ShapeError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import type { LossKind, LossOptions } from "../layers/loss-options.ts";
import { appendLoss, takesClasses } from "../layers/losses.ts";
import { show } from "../ops/check.ts";
import { wrongClass } from "../ops/loss.ts";
import { type Shape, sizeOf, type TensorType } from "../tensor.ts";
import { aLoss, type LossConfig } from "./loss-config.ts";
import type { LabelKind } from "./metrics.ts";
import { type CheckedSamples, checkSamples, type ImageSizes } from "./samples.ts";
import type { Ends, Metric } from "./trainer-interface.ts";

export class LossTarget {
  readonly kind: LossKind;
  /** Accepted numbers of y per image: of class indices first, where the loss takes them, then of values. */
  readonly labelSizes: readonly number[];
  readonly classes: number;
  readonly #options: LossOptions;
  readonly #ignoreIndex: number | undefined;
  readonly #output: Shape;
  /** Whether labels may be class indices. */
  readonly #byClass: boolean;
  readonly #sizes: ImageSizes;

  constructor({ inputs, outputs, output }: Ends, config: LossConfig | undefined, where: string) {
    aLoss(config, "loss", where);
    this.#options = typeof config === "object" ? config : { kind: config as LossKind };
    const { kind, ignoreIndex } = this.#options;
    this.#ignoreIndex = ignoreIndex;
    if (outputs !== 1)
      throw new ArgumentError(`${where}: the model has ${outputs} outputs but a loss needs exactly one`);
    this.kind = kind;
    this.#output = output;
    const size = sizeOf(output);
    this.classes = output.at(-1) ?? 1;
    this.#byClass = takesClasses(kind) && (kind === "softmaxCrossEntropy" || this.classes > 1);
    this.labelSizes = this.#byClass ? [...new Set([size / this.classes, size])] : [size];
    this.#sizes = { inputs, labels: this.labelSizes };
  }

  /** Throws unless these are samples of the network with labels that the loss takes. `what` opens the message. */
  check(samples: unknown, what: string): CheckedSamples {
    const checked = checkSamples(samples, this.#sizes, what);
    if (this.areClasses(checked.perImage)) {
      const { y } = checked;
      const i = wrongClass(y, this.classes, this.#ignoreIndex);
      if (i >= 0)
        throw new ShapeError(
          `${what}: y[${i}] is ${y[i]} but must be a class from 0 to ${this.classes - 1}: the network's output has shape ${show(this.#output)}`,
        );
    }
    return checked;
  }

  /** Whether so many numbers of y per image are class indices. */
  areClasses(perImage: number): boolean {
    return this.#byClass && perImage === this.labelSizes[0];
  }

  /** Whether accuracy is measured: as asked for, by default where y holds class indices. Throws where the loss has none. */
  measuresAccuracy(perImage: number, metrics: readonly Metric[] | undefined): boolean {
    if (metrics === undefined) return this.areClasses(perImage);
    if (!metrics.includes("accuracy")) return false;
    if (this.labelKind(perImage) === undefined)
      throw new ArgumentError(`metrics: "accuracy" is of classes, but the loss "${this.kind}" is of values`);
    return true;
  }

  /** How accuracy reads y. Scores of the binary loss are logits: 0 is a probability of one half. */
  labelKind(perImage: number): LabelKind | undefined {
    if (this.kind === "binaryCrossEntropy") return { threshold: 0 };
    if (this.areClasses(perImage)) return { classes: this.classes, oneHot: false };
    return this.kind === "softmaxCrossEntropy" ? { classes: this.classes, oneHot: true } : undefined;
  }

  /** The type of y for a batch whose scores have this shape. */
  labelType(scores: Shape, perImage: number): TensorType {
    return this.areClasses(perImage)
      ? { shape: scores.slice(0, -1), dtype: "int32" }
      : { shape: scores, dtype: "float32" };
  }

  /** Appends the loss. */
  lossOf(graph: Graph, scores: Edge, labels: Edge): Edge {
    graph.enter("loss", `loss "${this.kind}"`);
    return appendLoss(graph, this.#options, scores, labels, `loss "${this.kind}"`);
  }
}
