import type { Padding, PaddingMode } from "../src/ops/window.ts";
export interface Tensor {
    readonly shape: readonly number[];
    readonly data: Float64Array | Float32Array;
}
export interface Result {
    shape: number[];
    data: Float64Array;
}
/** Unit roundoff of float32: one rounding moves a number by at most this part of it. */
export declare const ROUNDOFF: number;
export interface ConvParams {
    stride: readonly number[];
    dilation: readonly number[];
    padding: Padding;
    paddingMode: PaddingMode;
    groups: number;
    /** Applied to the sum. */
    activation?: ActivationParams;
}
/** y[n,o,oc] = b[oc] + sum over k, i of x[n, o * S + k * D - before, g * I + i] * w[k,i,oc], oc in group g */
export declare function conv([x, w, bias]: readonly Tensor[], p: ConvParams): Result[];
export interface ConvTransposeParams extends Omit<ConvParams, "paddingMode"> {
    outputPadding: readonly number[];
}
/** y[n, i * S + k * D - before, g * O + o] += x[n, i, g * I + j] * w[k, j, g * O + o]; then + b. */
export declare function convTranspose([x, w, bias]: readonly Tensor[], p: ConvTransposeParams): Result[];
/** y[..., o] = b[o] + sum over i of x[..., i] * w[i, o]. */
export declare function dense([x, w, bias]: readonly Tensor[], p?: {
    activation?: ActivationParams;
}): Result[];
type Summing<P> = (inputs: readonly Tensor[], params: P) => Result[];
/** The sum of |terms| of every output of `conv`, `convTranspose`, `dense` or a mean: sum |x * w| + |b|. */
export declare function sumOfAbsolutes<P extends object>(op: Summing<P>, inputs: readonly Tensor[], params: P): Float64Array;
/** How many terms `conv`, `convTranspose` or `dense` sums for an output: the bias too, border zeros not. */
export declare function termsOf<P extends object>(op: Summing<P>, inputs: readonly Tensor[], params: P): Float64Array;
/** How far a float32 sum of products may be from the exact: 4 * sqrt(K) * eps * sum |x * w|, per output. */
export declare function productBound<P extends object>(op: Summing<P>, inputs: readonly Tensor[], params: P): Float64Array;
export interface Im2colParams {
    kernel: readonly number[];
    stride: readonly number[];
    dilation: readonly number[];
    padding: Padding;
}
/** y[n, o, k * c + i] = x[n, o * S + k * D - before, i], zero outside. */
export declare function im2col([x]: readonly Tensor[], p: Im2colParams): Result[];
export interface Col2imParams extends Im2colParams {
    size: readonly number[];
}
/** The adjoint of im2col: y[n, o * S + k * D - before, i] += x[n, o, k * c + i]. */
export declare function col2im([x]: readonly Tensor[], p: Col2imParams): Result[];
export interface MaxPoolParams {
    kernel: readonly number[];
    stride: readonly number[];
    dilation: readonly number[];
    padding: Padding;
    ceilMode: boolean;
}
/** The largest input under the window; the border never wins. NaN wins always. */
export declare function maxPool([x]: readonly Tensor[], p: MaxPoolParams): Result[];
export interface AvgPoolParams {
    kernel: readonly number[];
    stride: readonly number[];
    padding: Padding;
    ceilMode: boolean;
    countIncludePad: boolean;
}
/** The sum under the window over the pixels counted: all inside input and border, or all inside the input. */
export declare function avgPool([x]: readonly Tensor[], p: AvgPoolParams): Result[];
export interface KeepDimsParams {
    keepDims: boolean;
}
/** The largest value of every channel. */
export declare function globalMaxPool([x]: readonly Tensor[], p: KeepDimsParams): Result[];
/** The mean of every channel. */
export declare function globalAvgPool([x]: readonly Tensor[], p: KeepDimsParams): Result[];
export interface ReduceParams {
    kind: "sum" | "mean" | "max" | "min";
    axes: readonly number[];
    keepDims: boolean;
}
/** Every element is folded into the output whose index has 0 on the reduced axes. */
export declare function reduce([x]: readonly Tensor[], p: ReduceParams): Result[];
export interface ArgMaxParams {
    axis: number;
    keepDims: boolean;
}
/** The place of the largest value along the axis: the first of several; a NaN is larger than any number. */
export declare function argMax([x]: readonly Tensor[], p: ArgMaxParams): Result[];
export interface BatchNormParams {
    epsilon: number;
}
/** y = (x - mean[c]) / sqrt(variance[c] + epsilon) * gamma[c] + beta[c]. */
export declare function batchNorm([x, gamma, beta, mean, variance]: readonly Tensor[], p: BatchNormParams): Result[];
export interface GroupNormParams {
    groups: number;
    epsilon: number;
}
/** Mean and (biased) variance over all pixels and a group's channels, per picture; then as batchNorm. */
export declare function groupNorm([x, gamma, beta]: readonly Tensor[], p: GroupNormParams): Result[];
/** Every channel of every picture by its own mean and variance. */
export declare function instanceNorm(inputs: readonly Tensor[], p: BatchNormParams): Result[];
export interface AxisParams {
    axis: number;
}
/** exp(x) / sum over the axis of exp(x). */
export declare function softmax([x]: readonly Tensor[], p: AxisParams): Result[];
/** x - log(sum over the axis of exp(x)). */
export declare function logSoftmax([x]: readonly Tensor[], p: AxisParams): Result[];
export interface ActivationParams {
    kind: string;
    alpha?: number;
}
export declare function activation([x]: readonly Tensor[], p: ActivationParams): Result[];
/** x where x >= 0, alpha * x elsewhere, with one alpha per channel or one for all. */
export declare function prelu([x, alpha]: readonly Tensor[], _params?: object): Result[];
export interface BinaryParams {
    kind: "add" | "sub" | "mul" | "div" | "min" | "max";
}
/** NumPy broadcasting: shapes are aligned at the end, and a missing axis or one of size 1 is repeated. */
export declare function binary([a, b]: readonly Tensor[], p: BinaryParams): Result[];
export interface AffineParams {
    scale: number;
    offset: number;
}
/** x * scale + offset. */
export declare function affine([x]: readonly Tensor[], p: AffineParams): Result[];
/** The same numbers in the same order; -1 is whatever is left. */
export declare function reshape([x]: readonly Tensor[], p: {
    shape: readonly number[];
}): Result[];
/** [n, ...] to [n, m]. */
export declare function flatten([x]: readonly Tensor[], _params?: object): Result[];
/** Axis i of the output is axis perm[i] of the input. */
export declare function transpose([x]: readonly Tensor[], p: {
    perm: readonly number[];
}): Result[];
/** The inputs one behind the other along the axis. */
export declare function concat(inputs: readonly Tensor[], p: AxisParams): Result[];
export interface SliceParams {
    begin: readonly number[];
    size: readonly number[];
}
/** y[i] = x[begin + i]. */
export declare function slice([x]: readonly Tensor[], p: SliceParams): Result[];
export interface SplitParams {
    axis: number;
    sizes: readonly number[];
}
/** Consecutive slices along the axis. */
export declare function split([x]: readonly Tensor[], p: SplitParams): Result[];
export interface PadParams {
    pads: readonly (readonly [number, number])[];
    mode: "constant" | "reflect" | "replicate";
    value: number;
}
/** A border on every axis: a constant, the mirror image at the edge element, or the edge element. */
export declare function pad([x]: readonly Tensor[], p: PadParams): Result[];
export interface BlockParams {
    block: number;
    order: "dcr" | "crd";
}
/** y[n, h * B + by, w * B + bx, i] = x[n, h, w, channel(i, by, bx)]. */
export declare function depthToSpace([x]: readonly Tensor[], p: BlockParams): Result[];
/** y[n, h, w, channel(i, by, bx)] = x[n, h * B + by, w * B + bx, i]. */
export declare function spaceToDepth([x]: readonly Tensor[], p: BlockParams): Result[];
export interface ResizeParams {
    size: readonly number[];
    method: "nearest" | "linear";
    coordinates: "halfPixel" | "alignCorners" | "asymmetric";
}
/** Every output pixel is the product, over the axes, of weighted neighbours. */
export declare function resize([x]: readonly Tensor[], p: ResizeParams): Result[];
export {};
