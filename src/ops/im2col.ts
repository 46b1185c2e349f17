// Patches under a sliding window, as rows of a matrix, and back. What other libraries call unfold and fold.

import { ShapeError } from "../errors.ts";
import { fields, float32, type Op, type Shape, sizeOf, type TensorType } from "../graph/op.ts";
import { CONV_DZ, CONV_KD, CONV_N, CONV_OD, CONV_PF, CONV_SZ } from "../runtime/wasm.ts";
import { arity, checkShape, perAxis, requireFloats, show } from "./check.ts";
import { type Axis, type Padding, slide, threeAxes } from "./window.ts";

export interface Im2colParams {
  kernel: readonly number[];
  stride: readonly number[];
  dilation: readonly number[];
  padding: Padding;
}

export interface Col2imParams extends Im2colParams {
  /** Spatial size of the image the patches go back to. */
  size: readonly number[];
}

function checkWindow(input: TensorType, params: Im2colParams, where: string): number {
  requireFloats(input, where);
  const axes = input.shape.length - 2;
  if (axes < 1 || axes > 3)
    throw new ShapeError(
      `${where}: input has rank ${input.shape.length} (shape ${show(input.shape)}) but must have rank 3 to 5 ` +
        "([n, ...spatial, c] with one to three spatial axes)",
    );
  perAxis(params.kernel, axes, "kernel", where, 1);
  perAxis(params.stride, axes, "stride", where, 1);
  perAxis(params.dilation, axes, "dilation", where, 1);
  return axes;
}

/** The ConvShape record of images [n, ...sizes, c]. */
function recordOf(n: number, c: number, axes: readonly Axis[]): number[] {
  const three = (pick: (axis: Axis) => number, missing: number): number[] =>
    threeAxes(axes.map(pick), missing);
  return fields({
    [CONV_N]: [n, ...three((a) => a.size, 1), c],
    [CONV_OD]: three((a) => a.out, 1),
    [CONV_KD]: three((a) => a.kernel, 1),
    [CONV_SZ]: three((a) => a.stride, 1),
    [CONV_DZ]: three((a) => a.dilation, 1),
    [CONV_PF]: three((a) => a.before, 0),
  });
}

const outRows = (n: number, sizes: Shape): number => n * sizeOf(sizes.slice(0, -1));

/** [n, ...spatial, c] to [n, ...out, taps · c], a patch per output pixel: taps row by row, channels innermost. */
export const im2col: Op<Im2colParams> = {
  name: "im2col",
  infer(inputs, params, where) {
    arity(inputs, 1, 1, where);
    const [{ shape }] = inputs;
    checkWindow(inputs[0], params, where);
    const axes = slide(shape.slice(1, -1), params, where);
    const out = [shape[0], ...axes.map((axis) => axis.out), sizeOf(params.kernel) * shape[shape.length - 1]];
    checkShape(out, "output", where);
    return [float32(out)];
  },
  forward(e, [x], [out], params) {
    const n = x.shape[0];
    const axes = slide(x.shape.slice(1, -1), params, "im2col");
    const record = e.table(recordOf(n, x.shape[x.shape.length - 1], axes));
    e.call("im2col_f32", outRows(n, out.shape.slice(1, -1)), [out.base, x.base, record]);
  },
};

/** The adjoint of im2col: values of overlapping patches are summed. */
export const col2im: Op<Col2imParams> = {
  name: "col2im",
  infer(inputs, params, where) {
    arity(inputs, 1, 1, where);
    const [{ shape }] = inputs;
    const rank = checkWindow(inputs[0], params, where);
    if (!Array.isArray(params.size) || params.size.length !== rank)
      throw new ShapeError(
        `${where}: size is ${JSON.stringify(params.size)} but must be a list of ${rank}, ` +
          `one per spatial axis of input ${show(shape)}`,
      );
    perAxis(params.size, rank, "size", where, 1);
    const outs = slide(params.size, params, where).map((axis) => axis.out);
    if (outs.some((out, i) => out !== shape[i + 1]))
      throw new ShapeError(
        `${where}: input ${show(shape)} has ${show(shape.slice(1, -1))} patches but an image of ${show(params.size)} ` +
          `has ${show(outs)} under this window`,
      );
    const taps = sizeOf(params.kernel);
    const depth = shape[shape.length - 1];
    if (depth % taps !== 0)
      throw new ShapeError(
        `${where}: input ${show(shape)} has ${depth} values per patch but kernel ${show(params.kernel)} ` +
          `needs a multiple of ${taps}`,
      );
    const out = [shape[0], ...params.size, depth / taps];
    checkShape(out, "output", where);
    return [float32(out)];
  },
  forward(e, [col], [out], params) {
    const axes = slide(params.size, params, "col2im");
    const record = e.table(recordOf(out.shape[0], out.shape[out.shape.length - 1], axes));
    e.call("col2im_f32", outRows(out.shape[0], params.size), [out.base, col.base, record]);
  },
};
