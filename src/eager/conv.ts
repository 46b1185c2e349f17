// Types of eager convolutions, dense layers and patches. All tensors are channels last, filters [k..., in / groups, out].
import type * as layers from "../layers/conv.ts";
import type { dense } from "../layers/dense.ts";
import type { PerAxis, SharedOptions } from "../layers/layer.ts";
import type { locallyConnected2d } from "../layers/local.ts";
import type { Padding } from "../ops/window.ts";
import type { Tensor } from "../tensor.ts";

interface BiasOption {
  /** [out]. Default: none is added. */
  bias?: Tensor;
}

/** stride 1, padding "valid", paddingMode "zeros", dilation 1, groups 1, no bias and no activation by default. */
export interface ConvOptions extends SharedOptions<typeof layers.conv2d>, BiasOption {}

/** stride 1, padding "valid", paddingMode "zeros", dilation 1, no bias and no activation by default. */
export interface DepthwiseConvOptions extends SharedOptions<typeof layers.depthwiseConv2d>, BiasOption {}

/** The window's options are those of the depthwise part, bias and activation those of the pointwise one. */
export interface SeparableConvOptions extends SharedOptions<typeof layers.separableConv2d>, BiasOption {}

/** stride 1, padding "valid", outputPadding 0, dilation 1, groups 1, no bias and no activation by default. */
export interface ConvTransposeOptions extends SharedOptions<typeof layers.convTranspose2d>, BiasOption {}

/** stride 1, padding "valid", no bias and no activation by default. */
export interface LocallyConnectedOptions extends SharedOptions<typeof locallyConnected2d> {
  /** [oh, ow, out]. Default: none is added. */
  bias?: Tensor;
}

/** No bias and no activation by default. */
export interface DenseOptions extends SharedOptions<typeof dense>, BiasOption {}

export interface PatchOptions {
  /** Window size: one number for all axes, or one per axis. */
  kernel: PerAxis;
  /** Default 1. */
  stride?: PerAxis;
  /** Default "valid". */
  padding?: Padding;
  /** Distance between the taps. Default 1. */
  dilation?: PerAxis;
}

export interface ImageOptions extends PatchOptions {
  /** Spatial size of the image the patches are added into. */
  outputSize: readonly number[];
}

/** Errors of all methods: ArgumentError for what is no tensor or option, ShapeError for what does not fit, DisposedError, MemoryError. */
export interface ConvOps {
  /** x [n, w, c] with w [k, c / groups, out] gives [n, ow, out]. */
  conv1d(x: Tensor, w: Tensor, options?: ConvOptions): Tensor;
  /** x [n, h, w, c] with w [kh, kw, c / groups, out] gives [n, oh, ow, out]. */
  conv2d(x: Tensor, w: Tensor, options?: ConvOptions): Tensor;
  /** x [n, d, h, w, c] with w [kd, kh, kw, c / groups, out] gives [n, od, oh, ow, out]. */
  conv3d(x: Tensor, w: Tensor, options?: ConvOptions): Tensor;

  /** Each channel on its own: x [n, w, c] with w [k, 1, c * multiplier] gives [n, ow, c * multiplier]. */
  depthwiseConv1d(x: Tensor, w: Tensor, options?: DepthwiseConvOptions): Tensor;
  /** Each channel on its own: x [n, h, w, c] with w [kh, kw, 1, c * multiplier] gives [n, oh, ow, c * multiplier]. */
  depthwiseConv2d(x: Tensor, w: Tensor, options?: DepthwiseConvOptions): Tensor;
  /** Each channel on its own: x [n, d, h, w, c] with w [kd, kh, kw, 1, c * multiplier]. */
  depthwiseConv3d(x: Tensor, w: Tensor, options?: DepthwiseConvOptions): Tensor;

  /** Depthwise, then 1x1: x [n, w, c] with depthwise [k, 1, m] and pointwise [1, m, out] gives [n, ow, out]. */
  separableConv1d(x: Tensor, depthwise: Tensor, pointwise: Tensor, options?: SeparableConvOptions): Tensor;
  /** Depthwise, then 1x1: x [n, h, w, c] with depthwise [kh, kw, 1, m] and pointwise [1, 1, m, out] gives [n, oh, ow, out]. */
  separableConv2d(x: Tensor, depthwise: Tensor, pointwise: Tensor, options?: SeparableConvOptions): Tensor;

  /** The adjoint of conv1d: x [n, w, c] with w [k, c / groups, out]. */
  convTranspose1d(x: Tensor, w: Tensor, options?: ConvTransposeOptions): Tensor;
  /** The adjoint of conv2d: x [n, h, w, c] with w [kh, kw, c / groups, out]. */
  convTranspose2d(x: Tensor, w: Tensor, options?: ConvTransposeOptions): Tensor;
  /** The adjoint of conv3d: x [n, d, h, w, c] with w [kd, kh, kw, c / groups, out]. */
  convTranspose3d(x: Tensor, w: Tensor, options?: ConvTransposeOptions): Tensor;

  /** A filter of its own for every pixel: x [n, h, w, c] with w [oh, ow, kh * kw * c, out] gives [n, oh, ow, out]. */
  locallyConnected2d(x: Tensor, w: Tensor, options: LocallyConnectedOptions): Tensor;

  /** x [..., in] with w [in, out] gives [..., out]. */
  dense(x: Tensor, w: Tensor, options?: DenseOptions): Tensor;

  /** The patch under every window: x [n, h, w, c] gives [n, oh, ow, kh * kw * c]. One to three spatial axes. */
  im2col(x: Tensor, options: PatchOptions): Tensor;
  /** The adjoint of im2col: adds patches [n, oh, ow, kh * kw * c] into images [n, ...outputSize, c]. */
  col2im(x: Tensor, options: ImageOptions): Tensor;
}
