// The ops as methods of an engine, each run at once: options with their defaults on the outside, an op and its params inside.
import { checkOptions, ShapeError } from "../errors.ts";
import type { Op } from "../graph/op.ts";
import { type ActivationKind, activation, prelu } from "../ops/activation.ts";
import { conv } from "../ops/conv.ts";
import { convTranspose } from "../ops/conv-transpose.ts";
import { dense } from "../ops/dense.ts";
import { affine, type BinaryKind, binary } from "../ops/elementwise.ts";
import { col2im, im2col } from "../ops/im2col.ts";
import { LOSSES, type LossKind } from "../ops/loss.ts";
import { batchNorm, groupNorm, instanceNorm } from "../ops/norm.ts";
import { type PadMode, pad } from "../ops/pad.ts";
import { avgPool, globalAvgPool, globalMaxPool, maxPool } from "../ops/pool.ts";
import { argMax, type ReduceKind, reduce } from "../ops/reduce.ts";
import { type ResizeCoordinates, type ResizeMethod, resize } from "../ops/resize.ts";
import {
  concat,
  depthToSpace,
  flatten,
  reshape,
  slice,
  spaceToDepth,
  split,
  transpose,
} from "../ops/shape.ts";
import { logSoftmax, softmax } from "../ops/softmax.ts";
import { type Shape, Tensor } from "../tensor.ts";
import {
  CONV,
  CONV_TRANSPOSE,
  type ConvGradients,
  type ConvOptions,
  type ConvTransposeOptions,
  checkClasses,
  convParams,
  type Fused,
  kindOf,
  type PatchOptions,
  type PerAxis,
  type PoolOptions,
  perAxis,
  sameRank,
} from "./op-options.ts";

/** Whoever extends this says how an op is run. All tensors are channels last: [n, w, c], [n, h, w, c] or [n, d, h, w, c]. */
export abstract class Methods {
  protected abstract apply<P>(name: string, op: Op<P>, inputs: readonly Tensor[], params: P): Tensor[];
  /** The gradients of sum(dy · op(inputs)) by every input. */
  protected abstract gradientsOf<P>(
    name: string,
    op: Op<P>,
    inputs: readonly Tensor[],
    params: P,
    dy: Tensor,
  ): Tensor[];

  // Convolution

  /** x [n, w, c] with w [k, c / groups, out] gives [n, ow, out]. */
  conv1d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
    return this.#conv("conv1d", 1, x, w, options);
  }
  /** x [n, h, w, c] with w [kh, kw, c / groups, out] gives [n, oh, ow, out]. */
  conv2d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
    return this.#conv("conv2d", 2, x, w, options);
  }
  /** x [n, d, h, w, c] with w [kd, kh, kw, c / groups, out] gives [n, od, oh, ow, out]. */
  conv3d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
    return this.#conv("conv3d", 3, x, w, options);
  }
  /** x [n, w, c] with w [k, c / groups, out]; the adjoint of conv1d. */
  convTranspose1d(x: Tensor, w: Tensor, options: ConvTransposeOptions = {}): Tensor {
    return this.#convTranspose("convTranspose1d", 1, x, w, options);
  }
  /** x [n, h, w, c] with w [kh, kw, c / groups, out]; the adjoint of conv2d. */
  convTranspose2d(x: Tensor, w: Tensor, options: ConvTransposeOptions = {}): Tensor {
    return this.#convTranspose("convTranspose2d", 2, x, w, options);
  }
  /** x [n, d, h, w, c] with w [kd, kh, kw, c / groups, out]; the adjoint of conv3d. */
  convTranspose3d(x: Tensor, w: Tensor, options: ConvTransposeOptions = {}): Tensor {
    return this.#convTranspose("convTranspose3d", 3, x, w, options);
  }
  /** The patch under every window, laid out: [n, h, w, c] to [n, oh, ow, kh * kw * c]. One to three spatial axes. */
  im2col(x: Tensor, { kernel, stride = 1, padding = "valid", dilation = 1 }: PatchOptions): Tensor {
    const s = perAxis(x.shape.length - 2);
    return this.#one("im2col", im2col, [x], {
      kernel: s(kernel),
      stride: s(stride),
      dilation: s(dilation),
      padding,
    });
  }
  /** The adjoint of im2col: adds patches back into an image of the given spatial size. */
  col2im(
    x: Tensor,
    { size, kernel, stride = 1, padding = "valid", dilation = 1 }: PatchOptions & { size: readonly number[] },
  ): Tensor {
    const s = perAxis(x.shape.length - 2);
    return this.#one("col2im", col2im, [x], {
      size,
      kernel: s(kernel),
      stride: s(stride),
      dilation: s(dilation),
      padding,
    });
  }

  // Gradients: dy has the shape of the output.

  /** The gradients of conv1d by x, w and, if options hold one, bias. */
  conv1dGrad(dy: Tensor, x: Tensor, w: Tensor, options: ConvOptions = {}): ConvGradients {
    return this.#convGrad("conv1dGrad", 1, dy, x, w, options);
  }
  /** The gradients of conv2d by x, w and, if options hold one, bias. */
  conv2dGrad(dy: Tensor, x: Tensor, w: Tensor, options: ConvOptions = {}): ConvGradients {
    return this.#convGrad("conv2dGrad", 2, dy, x, w, options);
  }
  /** The gradients of conv3d by x, w and, if options hold one, bias. */
  conv3dGrad(dy: Tensor, x: Tensor, w: Tensor, options: ConvOptions = {}): ConvGradients {
    return this.#convGrad("conv3dGrad", 3, dy, x, w, options);
  }
  /** The gradients of dense by x, w and, if options hold one, bias. */
  denseGrad(dy: Tensor, x: Tensor, w: Tensor, { bias }: { bias?: Tensor } = {}): ConvGradients {
    const [dx, dw, dbias] = this.gradientsOf("denseGrad", dense, bias ? [x, w, bias] : [x, w], {}, dy);
    return { dx, dw, dbias };
  }

  // Pooling. One to three spatial axes, told by the rank of x.

  maxPool(
    x: Tensor,
    {
      size,
      stride = size,
      padding = "valid",
      ceilMode = false,
      dilation = 1,
    }: PoolOptions & { dilation?: PerAxis },
  ): Tensor {
    const s = perAxis(x.shape.length - 2);
    return this.#one("maxPool", maxPool, [x], {
      kernel: s(size),
      stride: s(stride),
      dilation: s(dilation),
      padding,
      ceilMode,
    });
  }
  /** `countIncludePad`: whether the border counts as zeros in the mean (default false). */
  avgPool(
    x: Tensor,
    {
      size,
      stride = size,
      padding = "valid",
      ceilMode = false,
      countIncludePad = false,
    }: PoolOptions & { countIncludePad?: boolean },
  ): Tensor {
    const s = perAxis(x.shape.length - 2);
    return this.#one("avgPool", avgPool, [x], {
      kernel: s(size),
      stride: s(stride),
      padding,
      ceilMode,
      countIncludePad,
    });
  }
  /** [n, ..., c] to [n, c], or [n, 1, ..., c] with keepDims. */
  globalMaxPool(x: Tensor, { keepDims = false } = {}): Tensor {
    return this.#one("globalMaxPool", globalMaxPool, [x], { keepDims });
  }
  /** [n, ..., c] to [n, c], or [n, 1, ..., c] with keepDims. */
  globalAvgPool(x: Tensor, { keepDims = false } = {}): Tensor {
    return this.#one("globalAvgPool", globalAvgPool, [x], { keepDims });
  }

  // Dense, normalisation, activation

  /** x [..., in] times w [in, out] plus bias [out]. */
  dense(x: Tensor, w: Tensor, { bias, activation: a }: { bias?: Tensor; activation?: Fused } = {}): Tensor {
    return this.#one("dense", dense, bias ? [x, w, bias] : [x, w], { activation: kindOf(a) });
  }
  /** (x − mean) / sqrt(variance + epsilon) * gamma + beta; all vectors [c]. epsilon defaults to 1e-5. */
  batchNorm(
    x: Tensor,
    v: { gamma: Tensor; beta: Tensor; mean: Tensor; variance: Tensor; epsilon?: number },
  ): Tensor {
    return this.#one("batchNorm", batchNorm, [x, v.gamma, v.beta, v.mean, v.variance], {
      epsilon: v.epsilon ?? 1e-5,
    });
  }
  /** Normalises groups of channels over all pixels. epsilon defaults to 1e-5. */
  groupNorm(x: Tensor, v: { groups: number; gamma: Tensor; beta: Tensor; epsilon?: number }): Tensor {
    return this.#one("groupNorm", groupNorm, [x, v.gamma, v.beta], {
      groups: v.groups,
      epsilon: v.epsilon ?? 1e-5,
    });
  }
  /** Normalises each channel over its pixels. epsilon defaults to 1e-5. */
  instanceNorm(x: Tensor, v: { gamma: Tensor; beta: Tensor; epsilon?: number }): Tensor {
    return this.#one("instanceNorm", instanceNorm, [x, v.gamma, v.beta], { epsilon: v.epsilon ?? 1e-5 });
  }
  /** Any activation by name: `engine.activation(x, "gelu")`. `alpha` for leakyRelu (0.01) and elu (1). */
  activation(x: Tensor, kind: ActivationKind, { alpha }: { alpha?: number } = {}): Tensor {
    return this.#one("activation", activation, [x], { kind, alpha });
  }
  /** x above 0, alpha * x below; alpha is [c] or [1]. */
  prelu(x: Tensor, alpha: Tensor): Tensor {
    return this.#one("prelu", prelu, [x, alpha], {});
  }
  /** axis defaults to the last. */
  softmax(x: Tensor, { axis = -1 } = {}): Tensor {
    return this.#one("softmax", softmax, [x], { axis });
  }
  /** axis defaults to the last. */
  logSoftmax(x: Tensor, { axis = -1 } = {}): Tensor {
    return this.#one("logSoftmax", logSoftmax, [x], { axis });
  }

  /**
   * The mean loss of predictions, a tensor of shape []. softmaxCrossEntropy takes logits [n, ..., c] and a target of classes, int32
   * [n, ...], or of chances [n, ..., c]; the others take a target of x's shape, binaryCrossEntropy logits and chances. `delta` (of
   * huber) defaults to 1, `labelSmoothing` (of softmaxCrossEntropy) to 0. Throws ShapeError for a class that is none.
   */
  loss(
    x: Tensor,
    target: Tensor,
    kind: LossKind,
    { delta, labelSmoothing }: { delta?: number; labelSmoothing?: number } = {},
  ): Tensor {
    if (!Object.hasOwn(LOSSES, kind))
      throw new ShapeError(`loss: kind is "${kind}" but must be one of ${Object.keys(LOSSES).join(", ")}`);
    if (kind === "softmaxCrossEntropy" && target?.dtype === "int32") checkClasses(target, x);
    return this.#one("loss", LOSSES[kind], [x, target], { delta, labelSmoothing });
  }

  // Arithmetic, with NumPy broadcasting

  add(a: Tensor, b: Tensor): Tensor {
    return this.#binary("add", a, b);
  }
  sub(a: Tensor, b: Tensor): Tensor {
    return this.#binary("sub", a, b);
  }
  mul(a: Tensor, b: Tensor): Tensor {
    return this.#binary("mul", a, b);
  }
  div(a: Tensor, b: Tensor): Tensor {
    return this.#binary("div", a, b);
  }
  min(a: Tensor, b: Tensor): Tensor {
    return this.#binary("min", a, b);
  }
  max(a: Tensor, b: Tensor): Tensor {
    return this.#binary("max", a, b);
  }
  /** x * scale + offset */
  rescale(x: Tensor, { scale = 1, offset = 0 }: { scale?: number; offset?: number }): Tensor {
    return this.#one("rescale", affine, [x], { scale, offset });
  }
  /** Sum, mean, largest or smallest value over some axes (default all). */
  reduce(
    x: Tensor,
    kind: ReduceKind,
    { axes, keepDims = false }: { axes?: readonly number[]; keepDims?: boolean } = {},
  ): Tensor {
    return this.#one("reduce", reduce, [x], { kind, axes: axes ?? x.shape.map((_, i) => i), keepDims });
  }
  /** Where the largest value lies along an axis (default the last): an int32 tensor. */
  argMax(x: Tensor, { axis = -1, keepDims = false } = {}): Tensor {
    return this.#one("argMax", argMax, [x], { axis, keepDims });
  }

  // Shape

  /** A copy under another shape; one −1 takes what is left. */
  reshape(x: Tensor, shape: Shape): Tensor {
    return this.#one("reshape", reshape, [x], { shape });
  }
  /** [n, ...] to [n, m]: a copy. */
  flatten(x: Tensor): Tensor {
    return this.#one("flatten", flatten, [x], {});
  }
  transpose(x: Tensor, perm: readonly number[]): Tensor {
    return this.#one("transpose", transpose, [x], { perm });
  }
  /** axis defaults to the last. */
  concat(xs: readonly Tensor[], { axis = -1 } = {}): Tensor {
    return this.#one("concat", concat, xs, { axis });
  }
  slice(x: Tensor, begin: readonly number[], size: readonly number[]): Tensor {
    return this.#one("slice", slice, [x], { begin, size });
  }
  /** axis defaults to the last. */
  split(x: Tensor, sizes: readonly number[], { axis = -1 } = {}): Tensor[] {
    return this.apply("split", split, [x], { axis, sizes });
  }
  /** `pads`: [before, after] for every axis. */
  pad(
    x: Tensor,
    pads: readonly (readonly [number, number])[],
    { mode = "constant", value = 0 }: { mode?: PadMode; value?: number } = {},
  ): Tensor {
    return this.#one("pad", pad, [x], { pads, mode, value });
  }
  /** `size`: output pixels per spatial axis. method defaults to "nearest", coordinates to "halfPixel". */
  resize(
    x: Tensor,
    size: readonly number[],
    {
      method = "nearest",
      coordinates = "halfPixel",
    }: { method?: ResizeMethod; coordinates?: ResizeCoordinates } = {},
  ): Tensor {
    return this.#one("resize", resize, [x], { size, method, coordinates });
  }
  /** [n, h, w, c] to [n, h * block, w * block, c / block²]. */
  depthToSpace(x: Tensor, block: number, { order = "dcr" }: { order?: "dcr" | "crd" } = {}): Tensor {
    return this.#one("depthToSpace", depthToSpace, [x], { block, order });
  }
  /** [n, h, w, c] to [n, h / block, w / block, c * block²]. */
  spaceToDepth(x: Tensor, block: number, { order = "dcr" }: { order?: "dcr" | "crd" } = {}): Tensor {
    return this.#one("spaceToDepth", spaceToDepth, [x], { block, order });
  }

  #conv(name: string, axes: number, x: Tensor, w: Tensor, o: ConvOptions): Tensor {
    checkOptions(name, o, CONV);
    if (x instanceof Tensor) sameRank(name, axes, x);
    const params = { ...convParams(axes, o), activation: kindOf(o.activation) };
    return this.#one(name, conv, o.bias ? [x, w, o.bias] : [x, w], params);
  }

  #convGrad(
    name: string,
    axes: number,
    dy: Tensor,
    x: Tensor,
    w: Tensor,
    options: ConvOptions,
  ): ConvGradients {
    checkOptions(name, options, CONV);
    const { bias, activation: fused, ...o } = options;
    if (fused)
      throw new ShapeError(
        `${name}: options name an activation, but the gradient is that of the convolution alone`,
      );
    if (x instanceof Tensor) sameRank(name, axes, x);
    const params = convParams(axes, o);
    const [dx, dw, dbias] = this.gradientsOf(name, conv, bias ? [x, w, bias] : [x, w], params, dy);
    return { dx, dw, dbias };
  }

  #convTranspose(name: string, axes: number, x: Tensor, w: Tensor, o: ConvTransposeOptions): Tensor {
    checkOptions(name, o, CONV_TRANSPOSE);
    const s = perAxis(axes);
    if (x instanceof Tensor) sameRank(name, axes, x);
    return this.#one(name, convTranspose, o.bias ? [x, w, o.bias] : [x, w], {
      stride: s(o.stride ?? 1),
      dilation: s(o.dilation ?? 1),
      padding: o.padding ?? "valid",
      outputPadding: s(o.outputPadding ?? 0),
      groups: o.groups ?? 1,
      activation: kindOf(o.activation),
    });
  }

  #binary(kind: BinaryKind, a: Tensor, b: Tensor): Tensor {
    return this.#one(kind, binary, [a, b], { kind });
  }

  #one<P>(name: string, op: Op<P>, inputs: readonly Tensor[], params: P): Tensor {
    return this.apply(name, op, inputs, params)[0];
  }
}
