// Eager arithmetic with NumPy broadcasting, reductions and losses.
import { ShapeError } from "../errors.ts";
import * as layers from "../layers/elementwise.ts";
import type { LayerDefinition, SharedOptions } from "../layers/layer.ts";
import * as reductions from "../layers/reduce.ts";
import { LOSSES, type LossKind, wrongClass } from "../ops/loss.ts";
import { Tensor } from "../tensor.ts";
import { EagerActivation } from "./eager-activation.ts";

/** No activation by default. */
export interface MergeOptions extends SharedOptions<typeof layers.add> {}

/** scale 1, offset 0 by default. */
export interface RescaleOptions extends SharedOptions<typeof layers.rescale> {}

/** keepDims false by default. */
export interface ReduceOptions extends Omit<SharedOptions<typeof reductions.reduce>, "axes"> {
  /** Axes of x, negative from the back. Default: all. */
  axes?: readonly number[];
}

/** axis −1, keepDims false by default. */
export interface ArgMaxOptions extends SharedOptions<typeof reductions.argMax> {}

export interface LossOptions {
  kind: LossKind;
  /** huber: where it turns from squares to distances. Default 1. */
  delta?: number;
  /** softmaxCrossEntropy: the share of each target that is spread evenly over all classes. Default 0. */
  labelSmoothing?: number;
}

/** Errors of all methods: ShapeError for tensors and options that do not fit, DisposedError, MemoryError. */
export abstract class EagerElementwise extends EagerActivation {
  /** a + b */
  add(a: Tensor, b: Tensor, options?: MergeOptions): Tensor {
    return this.one(layers.add, [a, b], options);
  }
  /** a − b */
  sub(a: Tensor, b: Tensor, options?: MergeOptions): Tensor {
    return this.one(layers.sub, [a, b], options);
  }
  /** a * b */
  mul(a: Tensor, b: Tensor, options?: MergeOptions): Tensor {
    return this.one(layers.mul, [a, b], options);
  }
  /** a / b */
  div(a: Tensor, b: Tensor, options?: MergeOptions): Tensor {
    return this.one(layers.div, [a, b], options);
  }
  /** The smaller value. */
  min(a: Tensor, b: Tensor, options?: MergeOptions): Tensor {
    return this.one(layers.min, [a, b], options);
  }
  /** The larger value. */
  max(a: Tensor, b: Tensor, options?: MergeOptions): Tensor {
    return this.one(layers.max, [a, b], options);
  }
  /** x * scale + offset */
  rescale(x: Tensor, options: RescaleOptions): Tensor {
    return this.one(layers.rescale, x, options);
  }

  /** Sum, mean, largest or smallest value over some axes. */
  reduce(x: Tensor, options: ReduceOptions): Tensor {
    const axes = options?.axes ?? x?.shape?.map((_, i) => i);
    return this.one(reductions.reduce, x, { ...options, axes });
  }
  /** The index of the largest value along an axis, the first of equals: an int32 tensor. */
  argMax(x: Tensor, options?: ArgMaxOptions): Tensor {
    return this.one(reductions.argMax, x, options);
  }

  /**
   * The mean loss of predictions, a tensor of shape []. softmaxCrossEntropy takes logits [n, ..., c] and a target of classes, int32
   * [n, ...], or of probabilities [n, ..., c]; the other kinds take a target of x's shape, binaryCrossEntropy logits and
   * probabilities. Throws ShapeError for a class that is not in 0 to c − 1.
   */
  loss(x: Tensor, target: Tensor, options: LossOptions): Tensor {
    if (options?.kind === "softmaxCrossEntropy" && x instanceof Tensor && target?.dtype === "int32")
      checkClasses(target, x);
    return this.one(LOSS, [x, target], options);
  }
}

/** Throws unless every label is a class of x's last axis: kernels do not check. */
function checkClasses(target: Tensor, { shape }: Tensor): void {
  const classes = shape[shape.length - 1];
  const labels = target.data("int32");
  const i = wrongClass(labels, classes);
  if (i >= 0)
    throw new ShapeError(
      `loss: target[${i}] is ${labels[i]} but must be a class from 0 to ${classes - 1}: x has shape [${shape.join(",")}]`,
    );
}

// A loss is no layer, but is defined like one.
const LOSS = {
  kind: "loss",
  definition: {
    inputs: [2, 2],
    options: { kind: true, delta: true, labelSmoothing: true },
    build(g, { kind, ...params }, inputs) {
      if (!Object.hasOwn(LOSSES, kind))
        throw new ShapeError(`loss: kind is "${kind}" but must be one of ${Object.keys(LOSSES).join(", ")}`);
      return g.op(LOSSES[kind], inputs, params);
    },
  } satisfies LayerDefinition<LossOptions>,
};
