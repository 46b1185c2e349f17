// What convolutions of both directions share: their parameters checked, their axes resolved, and where a window's values lie.
import { ShapeError } from "../errors.ts";
import { type Border, sizeOf, type TensorType } from "../graph/op.ts";
import { integer, oneOf } from "../validate.ts";
import { type Activation, checkActivation } from "./activation.ts";
import { arity, checkShape, perAxis, requireFloats, show } from "./check.ts";
import { type Axis, type Padding, type PaddingMode, slide } from "./window.ts";

export interface ConvParams {
  stride: readonly number[];
  dilation: readonly number[];
  padding: Padding;
  paddingMode: PaddingMode;
  groups: number;
  /** Applied to the result where it is made. */
  activation?: Activation;
}

const LAYOUTS = ["", "[n, w, c]", "[n, h, w, c]", "[n, d, h, w, c]"];

/** Checks ranks, channels, groups and bias of [x, filter, bias?]; gives the number of spatial axes, channels in and out. */
export function convOperands(
  inputs: readonly TensorType[],
  { groups, activation }: Pick<ConvParams, "groups" | "activation">,
  where: string,
): { axes: number; c: number; oc: number } {
  arity(inputs, 2, 3, where);
  if (activation) checkActivation(activation, where);
  const [x, w, bias] = inputs;
  const axes = w.shape.length - 2;
  if (axes < 1 || axes > 3)
    throw new ShapeError(
      `${where}: the filter has rank ${w.shape.length} (shape ${show(w.shape)}) but must have rank 3, 4 or 5 ([k..., in / groups, out])`,
    );
  if (x.shape.length !== axes + 2)
    throw new ShapeError(
      `${where}: input has rank ${x.shape.length} (shape ${show(x.shape)}) but the filter ${show(w.shape)} expects rank ${axes + 2} (${LAYOUTS[axes]})`,
    );
  checkShape(x.shape, "input", where);
  checkShape(w.shape, "filter", where);
  for (const input of inputs) requireFloats(input, where);
  integer(groups, "groups", where, 1);
  const c = x.shape[axes + 1];
  const oc = w.shape[axes + 1];
  if (w.shape[axes] * groups !== c)
    throw new ShapeError(
      `${where}: input has ${c} channels but the filter expects ${w.shape[axes] * groups} (filter ${show(w.shape)}, groups ${groups})`,
    );
  if (oc % groups !== 0)
    throw new ShapeError(
      `${where}: ${oc} filters cannot be divided into ${groups} groups (filter ${show(w.shape)})`,
    );
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== oc))
    throw new ShapeError(
      `${where}: bias has shape ${show(bias.shape)} but must have shape [${oc}], one per filter`,
    );
  return { axes, c, oc };
}

/** The axes of a convolution of [x, filter, bias?], resolved; channels in and out. Throws ShapeError. */
export function convGeometry(
  inputs: readonly TensorType[],
  p: ConvParams,
  where: string,
): { axes: Axis[]; c: number; oc: number } {
  const { axes, c, oc } = convOperands(inputs, p, where);
  const window = {
    kernel: inputs[1].shape.slice(0, axes),
    stride: perAxis(p.stride, axes, "stride", where, 1),
    dilation: perAxis(p.dilation, axes, "dilation", where, 1),
    padding: p.padding,
  };
  const slid = slide(inputs[0].shape.slice(1, 1 + axes), window, where);
  oneOf(p.paddingMode, ["zeros", "reflect", "replicate"], "paddingMode", where);
  if (p.paddingMode === "reflect")
    for (const a of slid)
      if (a.before >= a.size || a.after >= a.size)
        throw new ShapeError(
          `${where}: reflect padding of ${a.before} + ${a.after} needs an input longer than each side, but it has ${a.size}`,
        );
  return { axes: slid, c, oc };
}

/** Multiply-adds of a convolution with the filter w that gives y. */
export const convMultiplyAdds = (w: TensorType, y: TensorType): number =>
  (sizeOf(w.shape) / w.shape.at(-1)!) * sizeOf(y.shape);

/** A run of neighbouring input values that every pixel sums over: bytes from the pixel's own place, and floats. */
export interface Run {
  offset: number;
  length: number;
}

/** The runs of input a pixel sums over, one per tap; the strides are those of planes, rows and pixels. */
export function windowRuns(
  axes: readonly Pick<Axis, "kernel" | "dilation">[],
  strides: readonly number[],
  length: number,
): Run[] {
  const [z, y, x] = axes;
  const runs: Run[] = [];
  for (let kz = 0; kz < z.kernel; kz++)
    for (let ky = 0; ky < y.kernel; ky++)
      for (let kx = 0; kx < x.kernel; kx++) {
        const offset =
          kz * z.dilation * strides[0] + ky * y.dilation * strides[1] + kx * x.dilation * strides[2];
        runs.push({ offset, length });
      }
  return runs;
}

/** Whether zeros lie round a value as far as the windows of these axes reach. */
export function coversBorder(
  border: Border | undefined,
  axes: readonly Pick<Axis, "before" | "after">[],
): boolean {
  return axes.every((a, i) => a.before <= (border?.[i][0] ?? 0) && a.after <= (border?.[i][1] ?? 0));
}
