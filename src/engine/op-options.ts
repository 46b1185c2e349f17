// What people may say to an op of the engine, and how it becomes the op's params: one number stands for all axes.
import { type Known, ShapeError } from "../errors.ts";
import type { ActivationKind } from "../ops/activation.ts";
import { wrongClass } from "../ops/loss.ts";
import type { Padding, PaddingMode } from "../ops/window.ts";
import type { Tensor } from "../tensor.ts";

/** One number for all spatial axes, or one per axis, outermost first. */
export type PerAxis = number | readonly number[];
export type Fused = ActivationKind | { readonly kind: ActivationKind; readonly alpha?: number };

export interface ConvOptions {
  /** [out] */
  bias?: Tensor;
  /** Default 1. */
  stride?: PerAxis;
  /** Default "valid". */
  padding?: Padding;
  /** Default "zeros". */
  paddingMode?: PaddingMode;
  /** Default 1. */
  dilation?: PerAxis;
  /** Default 1. */
  groups?: number;
  /** Applied to the result where it is made. */
  activation?: Fused;
}

export interface ConvTransposeOptions extends Omit<ConvOptions, "paddingMode"> {
  /** Extra size at the end of each axis. Default 0. */
  outputPadding?: PerAxis;
}

export interface ConvGradients {
  dx: Tensor;
  dw: Tensor;
  /** Undefined unless the options hold a bias. */
  dbias: Tensor | undefined;
}

export interface PatchOptions {
  kernel: PerAxis;
  stride?: PerAxis;
  padding?: Padding;
  dilation?: PerAxis;
}

export interface PoolOptions {
  size: PerAxis;
  /** Default: the window size. */
  stride?: PerAxis;
  /** Default "valid". */
  padding?: Padding;
  ceilMode?: boolean;
}

/** Names of options of convolutions. */
export const CONV: Known<ConvOptions> = {
  bias: true,
  stride: true,
  padding: true,
  paddingMode: true,
  dilation: true,
  groups: true,
  activation: true,
};
export const CONV_TRANSPOSE: Known<ConvTransposeOptions> = {
  bias: true,
  stride: true,
  padding: true,
  dilation: true,
  groups: true,
  activation: true,
  outputPadding: true,
};

/** Spreads one number over all axes; lists pass, for the op to check. */
export function perAxis(axes: number): (value: PerAxis) => readonly number[] {
  return (value) => (typeof value === "number" ? new Array<number>(Math.max(axes, 0)).fill(value) : value);
}

/** What a convolution's options say, spread over its axes. */
export function convParams(axes: number, o: ConvOptions) {
  const s = perAxis(axes);
  return {
    stride: s(o.stride ?? 1),
    dilation: s(o.dilation ?? 1),
    padding: o.padding ?? "valid",
    paddingMode: o.paddingMode ?? "zeros",
    groups: o.groups ?? 1,
  };
}

/** Throws unless every label is a class of x's last axis. */
export function checkClasses(target: Tensor, x: Tensor): void {
  const classes = x.shape[x.shape.length - 1];
  const labels = target.data("int32");
  const i = wrongClass(labels, classes);
  if (i >= 0)
    throw new ShapeError(
      `loss: target[${i}] is ${labels[i]} but must be a class from 0 to ${classes - 1}: x has shape [${x.shape.join(",")}]`,
    );
}

/** An activation given by name alone, or with its number. */
export function kindOf(a: Fused | undefined): { kind: ActivationKind; alpha?: number } | undefined {
  return typeof a === "string" ? { kind: a } : a;
}

/** Throws unless x has so many spatial axes. */
export function sameRank(name: string, axes: number, x: Tensor): void {
  if (x.shape.length !== axes + 2)
    throw new ShapeError(
      `${name}: input has rank ${x.shape.length} (shape [${x.shape.join(",")}]) but must have rank ${axes + 2}`,
    );
}
