// The answers the kernels are held to: every op as plain float64 loops, straight from its formula.
// Slow and obvious on purpose; shares no code with src/. Activations and filters are channels last.
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
export const ROUNDOFF = 2 ** -24;

// -----------------------------------------------------------------------------------------------------------
// Indices and windows

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, d) => product * d, 1);
}

function empty(shape: readonly number[]): Result {
  return { shape: [...shape], data: new Float64Array(sizeOf(shape)) };
}

/** Row-major position of an index. */
function position(shape: readonly number[], index: readonly number[]): number {
  let p = 0;
  for (let a = 0; a < shape.length; a++) p = p * shape[a] + index[a];
  return p;
}

/** Calls `visit` with every index of a shape, row-major, and its position. The index array is reused. */
function each(shape: readonly number[], visit: (index: number[], p: number) => void): void {
  const index = new Array<number>(shape.length).fill(0);
  const size = sizeOf(shape);
  for (let p = 0; p < size; p++) {
    visit(index, p);
    for (let a = shape.length - 1; a >= 0 && ++index[a] === shape[a]; a--) index[a] = 0;
  }
}

/** A tensor of that shape, every element computed from its index. */
function fill(shape: readonly number[], value: (index: number[]) => number): Result {
  const y = empty(shape);
  each(shape, (index, p) => {
    y.data[p] = value(index);
  });
  return y;
}

function at(t: Tensor, index: readonly number[]): number {
  return t.data[position(t.shape, index)];
}

function map(t: Tensor, f: (x: number) => number): Result {
  return { shape: [...t.shape], data: Float64Array.from(t.data, f) };
}

function fromFront(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** A window on one axis: output pixel `o` reads the input at o * stride + k * dilation - before. */
export interface Span {
  size: number;
  out: number;
  kernel: number;
  stride: number;
  dilation: number;
  before: number;
  after: number;
}

export interface WindowParams {
  stride: readonly number[];
  padding: Padding;
  dilation?: readonly number[];
  ceilMode?: boolean;
}

/** Padding of one axis; "half" = floor(dilation * (k - 1) / 2). Both meanings of "same" are the caller's. */
function fixedPadding(
  padding: Exclude<Padding, "same">,
  axis: number,
  kernel: number,
  dilation: number,
): [number, number] {
  if (padding === "valid") return [0, 0];
  if (padding === "half") {
    const half = Math.floor((dilation * (kernel - 1)) / 2);
    return [half, half];
  }
  const p = typeof padding === "number" ? padding : padding[axis];
  return typeof p === "number" ? [p, p] : [p[0], p[1]];
}

/**
 * out = floor((W + P - F) / S) + 1 with F = D * (K - 1) + 1.
 * "same" (TensorFlow): out = ceil(W / S), P = max((out - 1) * S + F - W, 0), before = floor(P / 2).
 * Ceil mode (PyTorch): ceil for floor, less a last window that would begin past input and border before.
 */
function spanOf(size: number, kernel: number, axis: number, p: WindowParams): Span {
  const stride = p.stride[axis];
  const dilation = p.dilation ? p.dilation[axis] : 1;
  const reach = dilation * (kernel - 1) + 1;
  let before: number;
  let after: number;
  if (p.padding === "same") {
    const total = Math.max((Math.ceil(size / stride) - 1) * stride + reach - size, 0);
    before = Math.floor(total / 2);
    after = total - before;
  } else {
    [before, after] = fixedPadding(p.padding, axis, kernel, dilation);
  }
  const steps = (size + before + after - reach) / stride;
  let out = Math.floor(steps) + 1;
  if (p.ceilMode) {
    out = Math.ceil(steps) + 1;
    if ((out - 1) * stride >= size + before) out -= 1;
  }
  return { size, out, kernel, stride, dilation, before, after };
}

const SINGLE: Span = { size: 1, out: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 };

/** One to three spans as depth, height, width. */
function threeSpans(spans: readonly Span[]): Span[] {
  return [...new Array<Span>(3 - spans.length).fill(SINGLE), ...spans];
}

export function spansOf(sizes: readonly number[], kernel: readonly number[], p: WindowParams): Span[] {
  return sizes.map((size, axis) => spanOf(size, kernel[axis], axis, p));
}

/** Where a bordered axis reads pixel `i`; -1 is a zero (or the constant) of the border. */
function source(i: number, size: number, mode: PaddingMode | "constant"): number {
  if (i >= 0 && i < size) return i;
  if (mode === "zeros" || mode === "constant") return -1;
  if (mode === "replicate") return i < 0 ? 0 : size - 1;
  const mirrored = i < 0 ? -i : 2 * (size - 1) - i;
  if (mirrored < 0 || mirrored >= size)
    throw new RangeError(`pixel ${i} has no mirror image in a row of ${size}`);
  return mirrored;
}

const spatialOf = (t: Tensor): readonly number[] => t.shape.slice(1, -1);
const channelsOf = (t: Tensor): number => t.shape[t.shape.length - 1];

// -----------------------------------------------------------------------------------------------------------
// Convolution

export interface ConvParams {
  stride: readonly number[];
  dilation: readonly number[];
  padding: Padding;
  paddingMode: PaddingMode;
  groups: number;
  /** Applied to the sum. */
  activation?: ActivationParams;
}

function activated(y: Result, p: { activation?: ActivationParams }): Result[] {
  return p.activation ? activation([y], p.activation) : [y];
}

/** The shape of y; and every product of its formula, by place: y[y] is the sum of all its x[x] * w[w]. */
interface Products {
  shape: number[];
  each(visit: (x: number, w: number, y: number) => void): void;
}

function convProducts(x: Tensor, w: Tensor, p: ConvParams): Products {
  const axes = x.shape.length - 2;
  const n = x.shape[0];
  const c = channelsOf(x);
  const groupIn = w.shape[axes];
  const oc = w.shape[axes + 1];
  const groupOut = oc / p.groups;
  const spans = spansOf(spatialOf(x), w.shape, p);
  const [d, h, v] = threeSpans(spans);
  return {
    shape: [n, ...spans.map((s) => s.out), oc],
    each(visit) {
      let out = 0;
      for (let b = 0; b < n; b++)
        for (let oz = 0; oz < d.out; oz++)
          for (let oy = 0; oy < h.out; oy++)
            for (let ox = 0; ox < v.out; ox++)
              for (let o = 0; o < oc; o++, out++) {
                const firstChannel = Math.floor(o / groupOut) * groupIn;
                for (let kz = 0; kz < d.kernel; kz++)
                  for (let ky = 0; ky < h.kernel; ky++)
                    for (let kx = 0; kx < v.kernel; kx++) {
                      const z = source(oz * d.stride + kz * d.dilation - d.before, d.size, p.paddingMode);
                      const r = source(oy * h.stride + ky * h.dilation - h.before, h.size, p.paddingMode);
                      const q = source(ox * v.stride + kx * v.dilation - v.before, v.size, p.paddingMode);
                      if (z < 0 || r < 0 || q < 0) continue;
                      const pixel = (((b * d.size + z) * h.size + r) * v.size + q) * c + firstChannel;
                      const tap = ((kz * h.kernel + ky) * v.kernel + kx) * groupIn;
                      for (let i = 0; i < groupIn; i++) visit(pixel + i, (tap + i) * oc + o, out);
                    }
              }
    },
  };
}

/** y = bias + the sums of products. */
function sumProducts({ shape, each }: Products, [x, w, bias]: readonly Tensor[]): Result {
  const oc = shape[shape.length - 1];
  const y = empty(shape);
  if (bias) for (let i = 0; i < y.data.length; i++) y.data[i] = bias.data[i % oc];
  each((i, j, o) => {
    y.data[o] += x.data[i] * w.data[j];
  });
  return y;
}

/** y[n,o,oc] = b[oc] + sum over k, i of x[n, o * S + k * D - before, g * I + i] * w[k,i,oc], oc in group g */
export function conv(inputs: readonly Tensor[], p: ConvParams): Result[] {
  return activated(sumProducts(convProducts(inputs[0], inputs[1], p), inputs), p);
}

export interface ConvTransposeParams extends Omit<ConvParams, "paddingMode"> {
  outputPadding: readonly number[];
}

/**
 * One axis of a transposed convolution: input pixel `i` lands on i * S + k * D - before.
 * out = (W - 1) * S - P + F + outputPadding with F = D * (K - 1) + 1.
 * "same" (Keras): out = W * S + outputPadding, P = max(F - S, 0), before = floor(P / 2).
 */
export function transposedSpan(size: number, kernel: number, axis: number, p: ConvTransposeParams): Span {
  const stride = p.stride[axis];
  const dilation = p.dilation[axis];
  const reach = dilation * (kernel - 1) + 1;
  if (p.padding === "same") {
    const total = Math.max(reach - stride, 0);
    const before = Math.floor(total / 2);
    const out = size * stride + p.outputPadding[axis];
    return { size, out, kernel, stride, dilation, before, after: total - before };
  }
  const [before, after] = fixedPadding(p.padding, axis, kernel, dilation);
  const out = (size - 1) * stride - before - after + reach + p.outputPadding[axis];
  return { size, out, kernel, stride, dilation, before, after };
}

function convTransposeProducts(x: Tensor, w: Tensor, p: ConvTransposeParams): Products {
  const axes = x.shape.length - 2;
  const n = x.shape[0];
  const c = channelsOf(x);
  const groupIn = w.shape[axes];
  const oc = w.shape[axes + 1];
  const groupOut = oc / p.groups;
  const spans = spatialOf(x).map((size, axis) => transposedSpan(size, w.shape[axis], axis, p));
  const [d, h, v] = threeSpans(spans);
  return {
    shape: [n, ...spans.map((s) => s.out), oc],
    each(visit) {
      for (let b = 0; b < n; b++)
        for (let z = 0; z < d.size; z++)
          for (let r = 0; r < h.size; r++)
            for (let q = 0; q < v.size; q++)
              for (let kz = 0; kz < d.kernel; kz++)
                for (let ky = 0; ky < h.kernel; ky++)
                  for (let kx = 0; kx < v.kernel; kx++) {
                    const oz = z * d.stride + kz * d.dilation - d.before;
                    const oy = r * h.stride + ky * h.dilation - h.before;
                    const ox = q * v.stride + kx * v.dilation - v.before;
                    if (oz < 0 || oz >= d.out || oy < 0 || oy >= h.out || ox < 0 || ox >= v.out) continue;
                    const from = (((b * d.size + z) * h.size + r) * v.size + q) * c;
                    const to = (((b * d.out + oz) * h.out + oy) * v.out + ox) * oc;
                    const tap = ((kz * h.kernel + ky) * v.kernel + kx) * groupIn;
                    for (let g = 0; g < p.groups; g++)
                      for (let i = 0; i < groupIn; i++)
                        for (let o = g * groupOut; o < (g + 1) * groupOut; o++)
                          visit(from + g * groupIn + i, (tap + i) * oc + o, to + o);
                  }
    },
  };
}

/** y[n, i * S + k * D - before, g * O + o] += x[n, i, g * I + j] * w[k, j, g * O + o]; then + b. */
export function convTranspose(inputs: readonly Tensor[], p: ConvTransposeParams): Result[] {
  return activated(sumProducts(convTransposeProducts(inputs[0], inputs[1], p), inputs), p);
}

export interface DenseParams {
  activation?: ActivationParams;
}

function denseProducts(x: Tensor, w: Tensor): Products {
  const [inputs, units] = w.shape;
  const rows = x.data.length / inputs;
  return {
    shape: [...x.shape.slice(0, -1), units],
    each(visit) {
      for (let row = 0; row < rows; row++)
        for (let o = 0; o < units; o++)
          for (let i = 0; i < inputs; i++) visit(row * inputs + i, i * units + o, row * units + o);
    },
  };
}

/** y[..., o] = b[o] + sum over i of x[..., i] * w[i, o]. */
export function dense(inputs: readonly Tensor[], p: DenseParams = {}): Result[] {
  return activated(sumProducts(denseProducts(inputs[0], inputs[1]), inputs), p);
}

/**
 * Gradients by x, w and bias of the ops above, from dy of the output: every product x * w of the formula adds w * dy to one
 * gradient and x * dy to the other.
 */
export function productGradients(
  op: "conv" | "convTranspose" | "dense",
  [x, w, bias]: readonly Tensor[],
  p: object,
  dy: Tensor,
): Result[] {
  const { each } =
    op === "conv"
      ? convProducts(x, w, p as ConvParams)
      : op === "convTranspose"
        ? convTransposeProducts(x, w, p as ConvTransposeParams)
        : denseProducts(x, w);
  const [dx, dw] = [empty(x.shape), empty(w.shape)];
  each((i, j, o) => {
    dx.data[i] += w.data[j] * dy.data[o];
    dw.data[j] += x.data[i] * dy.data[o];
  });
  if (!bias) return [dx, dw];
  const db = empty(bias.shape);
  dy.data.forEach((v, i) => {
    db.data[i % db.data.length] += v;
  });
  return [dx, dw, db];
}

type Summing<P> = (inputs: readonly Tensor[], params: P) => Result[];

/** The sum of |terms| of every output of `conv`, `convTranspose`, `dense` or a mean: sum |x * w| + |b|. */
export function sumOfAbsolutes<P extends object>(
  op: Summing<P>,
  inputs: readonly Tensor[],
  params: P,
): Float64Array {
  return op(
    inputs.map((t) => map(t, Math.abs)),
    { ...params, activation: undefined },
  )[0].data;
}

/** How many terms `conv`, `convTranspose` or `dense` sums for an output: the bias too, border zeros not. */
export function termsOf<P extends object>(
  op: Summing<P>,
  inputs: readonly Tensor[],
  params: P,
): Float64Array {
  return sumOfAbsolutes(
    op,
    inputs.map((t) => map(t, () => 1)),
    params,
  );
}

/** How far a float32 sum of products may be from the exact: 4 * sqrt(K) * eps * sum |x * w|, per output. */
export function productBound<P extends object>(
  op: Summing<P>,
  inputs: readonly Tensor[],
  params: P,
): Float64Array {
  const terms = termsOf(op, inputs, params);
  return sumOfAbsolutes(op, inputs, params).map((sum, i) => 4 * Math.sqrt(terms[i]) * ROUNDOFF * sum);
}

// -----------------------------------------------------------------------------------------------------------
// Patches

export interface Im2colParams {
  kernel: readonly number[];
  stride: readonly number[];
  dilation: readonly number[];
  padding: Padding;
}

/** For every patch element: its place in the image (-1 outside) and among the patches [n, o..., k..., c]. */
function eachPatchElement(
  n: number,
  c: number,
  spans: readonly Span[],
  visit: (image: number, patch: number) => void,
): void {
  const axes = spans.length;
  const outs = spans.map((s) => s.out);
  const kernel = spans.map((s) => s.kernel);
  const sizes = spans.map((s) => s.size);
  each([n, ...outs, ...kernel, c], (index, patch) => {
    const pixel = spans.map((s, a) =>
      source(index[1 + a] * s.stride + index[1 + axes + a] * s.dilation - s.before, s.size, "zeros"),
    );
    visit(
      pixel.includes(-1) ? -1 : position([n, ...sizes, c], [index[0], ...pixel, index[1 + 2 * axes]]),
      patch,
    );
  });
}

/** y[n, o, k * c + i] = x[n, o * S + k * D - before, i], zero outside. */
export function im2col([x]: readonly Tensor[], p: Im2colParams): Result[] {
  const spans = spansOf(spatialOf(x), p.kernel, p);
  const c = channelsOf(x);
  const y = empty([x.shape[0], ...spans.map((s) => s.out), sizeOf(p.kernel) * c]);
  eachPatchElement(x.shape[0], c, spans, (image, patch) => {
    y.data[patch] = image < 0 ? 0 : x.data[image];
  });
  return [y];
}

export interface Col2imParams extends Im2colParams {
  size: readonly number[];
}

/** The adjoint of im2col: y[n, o * S + k * D - before, i] += x[n, o, k * c + i]. */
export function col2im([x]: readonly Tensor[], p: Col2imParams): Result[] {
  const spans = spansOf(p.size, p.kernel, p);
  const c = channelsOf(x) / sizeOf(p.kernel);
  const y = empty([x.shape[0], ...p.size, c]);
  eachPatchElement(x.shape[0], c, spans, (image, patch) => {
    if (image >= 0) y.data[image] += x.data[patch];
  });
  return [y];
}

// -----------------------------------------------------------------------------------------------------------
// Pooling

export interface MaxPoolParams {
  kernel: readonly number[];
  stride: readonly number[];
  dilation: readonly number[];
  padding: Padding;
  ceilMode: boolean;
}

/** The largest input under the window; the border never wins. NaN wins always. */
export function maxPool([x]: readonly Tensor[], p: MaxPoolParams): Result[] {
  const c = channelsOf(x);
  const n = x.shape[0];
  const spans = spansOf(spatialOf(x), p.kernel, p);
  const y = empty([n, ...spans.map((s) => s.out), c]);
  const [d, h, v] = threeSpans(spans);
  let out = 0;
  each([n, d.out, h.out, v.out, c], ([b, oz, oy, ox, i]) => {
    let max = -Infinity;
    each([d.kernel, h.kernel, v.kernel], ([kz, ky, kx]) => {
      const z = oz * d.stride + kz * d.dilation - d.before;
      const r = oy * h.stride + ky * h.dilation - h.before;
      const q = ox * v.stride + kx * v.dilation - v.before;
      if (z < 0 || z >= d.size || r < 0 || r >= h.size || q < 0 || q >= v.size) return;
      max = Math.max(max, x.data[(((b * d.size + z) * h.size + r) * v.size + q) * c + i]);
    });
    y.data[out++] = max;
  });
  return [y];
}

export interface AvgPoolParams {
  kernel: readonly number[];
  stride: readonly number[];
  padding: Padding;
  ceilMode: boolean;
  countIncludePad: boolean;
}

/** The sum under the window over the pixels counted: all inside input and border, or all inside the input. */
export function avgPool([x]: readonly Tensor[], p: AvgPoolParams): Result[] {
  const c = channelsOf(x);
  const n = x.shape[0];
  const spans = spansOf(spatialOf(x), p.kernel, p);
  const y = empty([n, ...spans.map((s) => s.out), c]);
  const [d, h, v] = threeSpans(spans);
  let out = 0;
  each([n, d.out, h.out, v.out, c], ([b, oz, oy, ox, i]) => {
    let sum = 0;
    let inside = 0;
    let bordered = 0;
    each([d.kernel, h.kernel, v.kernel], ([kz, ky, kx]) => {
      const z = oz * d.stride + kz - d.before;
      const r = oy * h.stride + ky - h.before;
      const q = ox * v.stride + kx - v.before;
      // The part of a ceil-mode window that hangs over the border counts in neither.
      if (z >= d.size + d.after || r >= h.size + h.after || q >= v.size + v.after) return;
      bordered++;
      if (z < 0 || z >= d.size || r < 0 || r >= h.size || q < 0 || q >= v.size) return;
      inside++;
      sum += x.data[(((b * d.size + z) * h.size + r) * v.size + q) * c + i];
    });
    // A window that lies wholly in the border averages nothing: zero.
    y.data[out++] = inside === 0 ? 0 : sum / (p.countIncludePad ? bordered : inside);
  });
  return [y];
}

export interface KeepDimsParams {
  keepDims: boolean;
}

/** The largest value of every channel. */
export function globalMaxPool([x]: readonly Tensor[], p: KeepDimsParams): Result[] {
  return reduce([x], { kind: "max", axes: spatialOf(x).map((_, a) => a + 1), keepDims: p.keepDims });
}

/** The mean of every channel. */
export function globalAvgPool([x]: readonly Tensor[], p: KeepDimsParams): Result[] {
  return reduce([x], { kind: "mean", axes: spatialOf(x).map((_, a) => a + 1), keepDims: p.keepDims });
}

// -----------------------------------------------------------------------------------------------------------
// Reductions

export interface ReduceParams {
  kind: "sum" | "mean" | "max" | "min";
  axes: readonly number[];
  keepDims: boolean;
}

/** Every element is folded into the output whose index has 0 on the reduced axes. */
export function reduce([x]: readonly Tensor[], p: ReduceParams): Result[] {
  const axes = p.axes.map((a) => fromFront(a, x.shape.length));
  const kept = x.shape.map((d, a) => (axes.includes(a) ? 1 : d));
  const y = empty(kept);
  y.data.fill(p.kind === "max" ? -Infinity : p.kind === "min" ? Infinity : 0);
  each(x.shape, (index, i) => {
    const o = position(
      kept,
      index.map((v, a) => (axes.includes(a) ? 0 : v)),
    );
    if (p.kind === "max") y.data[o] = Math.max(y.data[o], x.data[i]);
    else if (p.kind === "min") y.data[o] = Math.min(y.data[o], x.data[i]);
    else y.data[o] += x.data[i];
  });
  if (p.kind === "mean") {
    const count = x.data.length / y.data.length;
    for (let o = 0; o < y.data.length; o++) y.data[o] /= count;
  }
  if (!p.keepDims) y.shape = x.shape.filter((_, a) => !axes.includes(a));
  return [y];
}

export interface ArgMaxParams {
  axis: number;
  keepDims: boolean;
}

/** The place of the largest value along the axis: the first of several; a NaN is larger than any number. */
export function argMax([x]: readonly Tensor[], p: ArgMaxParams): Result[] {
  const axis = fromFront(p.axis, x.shape.length);
  const y = fill(
    x.shape.map((d, a) => (a === axis ? 1 : d)),
    (index) => {
      let best = 0;
      for (let i = 0; i < x.shape[axis]; i++) {
        const value = at(x, index.with(axis, i));
        const champion = at(x, index.with(axis, best));
        if (value > champion || (Number.isNaN(value) && !Number.isNaN(champion))) best = i;
      }
      return best;
    },
  );
  if (!p.keepDims) y.shape.splice(axis, 1);
  return [y];
}

// -----------------------------------------------------------------------------------------------------------
// Normalisation

export interface BatchNormParams {
  epsilon: number;
}

/** y = (x - mean[c]) / sqrt(variance[c] + epsilon) * gamma[c] + beta[c]. */
export function batchNorm([x, gamma, beta, mean, variance]: readonly Tensor[], p: BatchNormParams): Result[] {
  const c = channelsOf(x);
  const y = empty(x.shape);
  for (let i = 0; i < y.data.length; i++) {
    const k = i % c;
    y.data[i] =
      ((x.data[i] - mean.data[k]) / Math.sqrt(variance.data[k] + p.epsilon)) * gamma.data[k] + beta.data[k];
  }
  return [y];
}

export interface GroupNormParams {
  groups: number;
  epsilon: number;
}

/** Mean and (biased) variance over all pixels and a group's channels, per picture; then as batchNorm. */
export function groupNorm([x, gamma, beta]: readonly Tensor[], p: GroupNormParams): Result[] {
  const n = x.shape[0];
  const c = channelsOf(x);
  const pixels = x.data.length / (n * c);
  const channels = c / p.groups;
  const y = empty(x.shape);
  for (let b = 0; b < n; b++)
    for (let g = 0; g < p.groups; g++) {
      const positions: number[] = [];
      for (let q = 0; q < pixels; q++)
        for (let k = g * channels; k < (g + 1) * channels; k++) positions.push((b * pixels + q) * c + k);
      let mean = 0;
      for (const i of positions) mean += x.data[i] / positions.length;
      let variance = 0;
      for (const i of positions) variance += (x.data[i] - mean) ** 2 / positions.length;
      for (const i of positions)
        y.data[i] =
          ((x.data[i] - mean) / Math.sqrt(variance + p.epsilon)) * gamma.data[i % c] + beta.data[i % c];
    }
  return [y];
}

/** Every channel of every picture by its own mean and variance. */
export function instanceNorm(inputs: readonly Tensor[], p: BatchNormParams): Result[] {
  return groupNorm(inputs, { groups: channelsOf(inputs[0]), epsilon: p.epsilon });
}

// -----------------------------------------------------------------------------------------------------------
// Softmax

export interface AxisParams {
  axis: number;
}

/** log(sum over the axis of exp(x)), the maximum taken out first so that nothing overflows. */
function logSumExp(x: Tensor, axis: number): Result {
  return fill([...x.shape].with(axis, 1), (index) => {
    let max = -Infinity;
    for (let i = 0; i < x.shape[axis]; i++) max = Math.max(max, at(x, index.with(axis, i)));
    let sum = 0;
    for (let i = 0; i < x.shape[axis]; i++) sum += Math.exp(at(x, index.with(axis, i)) - max);
    return max + Math.log(sum);
  });
}

/** exp(x) / sum over the axis of exp(x). */
export function softmax([x]: readonly Tensor[], p: AxisParams): Result[] {
  return logSoftmax([x], p).map((y) => map(y, Math.exp));
}

/** x - log(sum over the axis of exp(x)). */
export function logSoftmax([x]: readonly Tensor[], p: AxisParams): Result[] {
  const axis = fromFront(p.axis, x.shape.length);
  const total = logSumExp(x, axis);
  return [fill(x.shape, (index) => at(x, index) - at(total, index.with(axis, 0)))];
}

// -----------------------------------------------------------------------------------------------------------
// Activations

export interface ActivationParams {
  kind: string;
  alpha?: number;
}

/** 2 / sqrt(pi) * exp(-z^2) * sum of 2^n z^(2n+1) / (1 * 3 * ... * (2n + 1)), DLMF 7.6.2: no cancellation. */
function erfSeries(z: number): number {
  let term = z;
  let sum = z;
  for (let n = 1; n < 100; n++) {
    term *= (2 * z * z) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
}

/** 1 - erf(z); far out by the continued fraction z + (1/2)/(z + (2/2)/(z + (3/2)/(z + ...))) (DLMF 7.9.3). */
function erfc(z: number): number {
  if (z < 0) return 2 - erfc(-z);
  if (z < 2) return 1 - erfSeries(z);
  let fraction = z;
  for (let k = 200; k > 0; k--) fraction = z + k / 2 / fraction;
  return Math.exp(-z * z) / (Math.sqrt(Math.PI) * fraction);
}

const limit = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

// From "Self-Normalizing Neural Networks" (Klambauer et al., 2017), to double precision.
const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

/**
 * PyTorch's definitions; `alpha` falls back to 0.01 for leakyRelu and 1 for elu.
 * Where a formula multiplies -Infinity by 0 (gelu, silu, mish, hardSwish) the answer is NaN, as PyTorch's is.
 */
const ACTIVATIONS: Readonly<Record<string, (x: number, alpha?: number) => number>> = {
  linear: (x) => x,
  relu: (x) => Math.max(x, 0),
  relu6: (x) => limit(x, 0, 6),
  leakyRelu: (x, alpha = 0.01) => (x >= 0 ? x : alpha * x),
  elu: (x, alpha = 1) => (x >= 0 ? x : alpha * Math.expm1(x)),
  selu: (x) => SELU_SCALE * (x >= 0 ? x : SELU_ALPHA * Math.expm1(x)),
  gelu: (x) => (x / 2) * erfc(-x / Math.SQRT2),
  geluTanh: (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  sigmoid,
  tanh: Math.tanh,
  softplus,
  silu: (x) => x * sigmoid(x),
  mish: (x) => x * Math.tanh(softplus(x)),
  hardSwish: (x) => (x * limit(x + 3, 0, 6)) / 6,
  hardSigmoid: (x) => limit(x / 6 + 1 / 2, 0, 1),
  hardSigmoidKeras: (x) => limit(0.2 * x + 0.5, 0, 1),
  exp: Math.exp,
  softsign: (x) => x / (1 + Math.abs(x)),
  abs: Math.abs,
  neg: (x) => -x,
  sqrt: Math.sqrt,
};

export function activation([x]: readonly Tensor[], p: ActivationParams): Result[] {
  const f = ACTIVATIONS[p.kind];
  if (!f) throw new RangeError(`no activation "${p.kind}"`);
  return [map(x, (v) => f(v, p.alpha))];
}

/** x where x >= 0, alpha * x elsewhere, with one alpha per channel or one for all. */
export function prelu([x, alpha]: readonly Tensor[], _params: object = {}): Result[] {
  const y = empty(x.shape);
  for (let i = 0; i < y.data.length; i++)
    y.data[i] = x.data[i] >= 0 ? x.data[i] : alpha.data[i % alpha.data.length] * x.data[i];
  return [y];
}

// -----------------------------------------------------------------------------------------------------------
// Elementwise

export interface BinaryParams {
  kind: "add" | "sub" | "mul" | "div" | "min" | "max";
}

const BINARY: Readonly<Record<BinaryParams["kind"], (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
};

/** NumPy broadcasting: shapes are aligned at the end, and a missing axis or one of size 1 is repeated. */
export function binary([a, b]: readonly Tensor[], p: BinaryParams): Result[] {
  const rank = Math.max(a.shape.length, b.shape.length);
  const widened = ({ shape, data }: Tensor): Tensor => ({
    shape: [...new Array<number>(rank - shape.length).fill(1), ...shape],
    data,
  });
  const [u, v] = [widened(a), widened(b)];
  const shape = u.shape.map((d, i) => {
    if (d !== v.shape[i] && d !== 1 && v.shape[i] !== 1)
      throw new RangeError(`[${a.shape}] and [${b.shape}] do not broadcast`);
    return d === 1 ? v.shape[i] : d;
  });
  const read = (t: Tensor, index: number[]): number =>
    at(
      t,
      index.map((i, k) => (t.shape[k] === 1 ? 0 : i)),
    );
  return [fill(shape, (index) => BINARY[p.kind](read(u, index), read(v, index)))];
}

export interface AffineParams {
  scale: number;
  offset: number;
}

/** x * scale + offset. */
export function affine([x]: readonly Tensor[], p: AffineParams): Result[] {
  return [map(x, (v) => v * p.scale + p.offset)];
}

// -----------------------------------------------------------------------------------------------------------
// Shape

/** The same numbers in the same order; -1 is whatever is left. */
export function reshape([x]: readonly Tensor[], p: { shape: readonly number[] }): Result[] {
  const known = sizeOf(p.shape.filter((d) => d !== -1));
  return [
    { shape: p.shape.map((d) => (d === -1 ? x.data.length / known : d)), data: Float64Array.from(x.data) },
  ];
}

/** [n, ...] to [n, m]. */
export function flatten([x]: readonly Tensor[], _params: object = {}): Result[] {
  return [{ shape: [x.shape[0], x.data.length / x.shape[0]], data: Float64Array.from(x.data) }];
}

/** Axis i of the output is axis perm[i] of the input. */
export function transpose([x]: readonly Tensor[], p: { perm: readonly number[] }): Result[] {
  return [
    fill(
      p.perm.map((a) => x.shape[a]),
      (index) => {
        const from = new Array<number>(index.length);
        p.perm.forEach((a, i) => {
          from[a] = index[i];
        });
        return at(x, from);
      },
    ),
  ];
}

/** The inputs one behind the other along the axis. */
export function concat(inputs: readonly Tensor[], p: AxisParams): Result[] {
  const axis = fromFront(p.axis, inputs[0].shape.length);
  const total = inputs.reduce((sum, t) => sum + t.shape[axis], 0);
  return [
    fill([...inputs[0].shape].with(axis, total), (index) => {
      let i = index[axis];
      let t = 0;
      while (i >= inputs[t].shape[axis]) i -= inputs[t++].shape[axis];
      return at(inputs[t], index.with(axis, i));
    }),
  ];
}

export interface SliceParams {
  begin: readonly number[];
  size: readonly number[];
}

/** y[i] = x[begin + i]. */
export function slice([x]: readonly Tensor[], p: SliceParams): Result[] {
  return [
    fill(p.size, (index) =>
      at(
        x,
        index.map((i, a) => i + p.begin[a]),
      ),
    ),
  ];
}

export interface SplitParams {
  axis: number;
  sizes: readonly number[];
}

/** Consecutive slices along the axis. */
export function split([x]: readonly Tensor[], p: SplitParams): Result[] {
  const axis = fromFront(p.axis, x.shape.length);
  let first = 0;
  return p.sizes.map((size) => {
    const begin = x.shape.map((_, a) => (a === axis ? first : 0));
    first += size;
    return slice([x], { begin, size: [...x.shape].with(axis, size) })[0];
  });
}

export interface PadParams {
  pads: readonly (readonly [number, number])[];
  mode: "constant" | "reflect" | "replicate";
  value: number;
}

/** A border on every axis: a constant, the mirror image at the edge element, or the edge element. */
export function pad([x]: readonly Tensor[], p: PadParams): Result[] {
  const shape = x.shape.map((d, a) => p.pads[a][0] + d + p.pads[a][1]);
  return [
    fill(shape, (index) => {
      const from = index.map((i, a) => source(i - p.pads[a][0], x.shape[a], p.mode));
      return from.includes(-1) ? p.value : at(x, from);
    }),
  ];
}

export interface BlockParams {
  block: number;
  order: "dcr" | "crd";
}

/** The channel in which depth keeps pixel (by, bx) of a block of channel i out of c. */
function blockChannel(i: number, c: number, by: number, bx: number, p: BlockParams): number {
  if (p.order === "dcr") return (by * p.block + bx) * c + i;
  return (i * p.block + by) * p.block + bx;
}

/** y[n, h * B + by, w * B + bx, i] = x[n, h, w, channel(i, by, bx)]. */
export function depthToSpace([x]: readonly Tensor[], p: BlockParams): Result[] {
  const [n, h, w, depth] = x.shape;
  const c = depth / p.block ** 2;
  return [
    fill([n, h * p.block, w * p.block, c], ([b, r, q, i]) => {
      const channel = blockChannel(i, c, r % p.block, q % p.block, p);
      return at(x, [b, Math.floor(r / p.block), Math.floor(q / p.block), channel]);
    }),
  ];
}

/** y[n, h, w, channel(i, by, bx)] = x[n, h * B + by, w * B + bx, i]. */
export function spaceToDepth([x]: readonly Tensor[], p: BlockParams): Result[] {
  const [n, h, w, c] = x.shape;
  const y = empty([n, h / p.block, w / p.block, c * p.block ** 2]);
  each(x.shape, ([b, r, q, i], from) => {
    const channel = blockChannel(i, c, r % p.block, q % p.block, p);
    y.data[position(y.shape, [b, Math.floor(r / p.block), Math.floor(q / p.block), channel])] = x.data[from];
  });
  return [y];
}

// -----------------------------------------------------------------------------------------------------------
// Resize

export interface ResizeParams {
  size: readonly number[];
  method: "nearest" | "linear";
  coordinates: "halfPixel" | "alignCorners" | "asymmetric";
}

/**
 * The pixels output pixel `o` of an axis is made of, with their weights.
 * The output pixel lies at (o + 1/2) * in / out - 1/2, o * (in - 1) / (out - 1) or o * in / out of the input.
 * nearest: floor(o * in / out), floor((o + 1/2) * in / out), or for alignCorners the nearest, halves up.
 */
function neighbours(
  o: number,
  size: number,
  out: number,
  p: ResizeParams,
): [pixel: number, weight: number][] {
  const last = size - 1;
  if (p.method === "nearest") {
    // Integer arithmetic up to the one division, so that no rounding can move a pixel over the edge.
    if (p.coordinates === "asymmetric") return [[Math.min(Math.floor((o * size) / out), last), 1]];
    if (p.coordinates === "halfPixel")
      return [[Math.min(Math.floor(((2 * o + 1) * size) / (2 * out)), last), 1]];
    return [[out === 1 ? 0 : Math.floor((2 * o * last + out - 1) / (2 * (out - 1))), 1]];
  }
  let place = (o * size) / out;
  if (p.coordinates === "halfPixel") place = ((o + 0.5) * size) / out - 0.5;
  if (p.coordinates === "alignCorners") place = out === 1 ? 0 : (o * last) / (out - 1);
  const low = Math.floor(place);
  const part = place - low;
  return [
    [limit(low, 0, last), 1 - part],
    [limit(low + 1, 0, last), part],
  ];
}

/** Every output pixel is the product, over the axes, of weighted neighbours. */
export function resize([x]: readonly Tensor[], p: ResizeParams): Result[] {
  const sizes = spatialOf(x);
  return [
    fill([x.shape[0], ...p.size, channelsOf(x)], (index) => {
      const perAxis = sizes.map((size, a) => neighbours(index[1 + a], size, p.size[a], p));
      let sum = 0;
      each(
        perAxis.map((list) => list.length),
        (choice) => {
          const picked = choice.map((k, a) => perAxis[a][k]);
          const weight = picked.reduce((product, [, w]) => product * w, 1);
          if (weight !== 0)
            sum += weight * at(x, [index[0], ...picked.map(([pixel]) => pixel), index[index.length - 1]]);
        },
      );
      return sum;
    }),
  ];
}
