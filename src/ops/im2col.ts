// Patches under a sliding window, as rows of a matrix, and back. What other libraries call unfold and fold.
import { ShapeError } from "../errors.ts";
import { type Emitter, float32, type Op, sizeOf, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { convShape } from "../runtime/records.ts";
import { arity, checkShape, checkSize, show } from "./check.ts";
import {
  checkWindow,
  type Padding,
  pixelStrides,
  slide,
  threeAxes,
  unchanged,
  windowLists,
} from "./window.ts";

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

/** The record of images [n, ...spatial, c] and their patches; both are dense. */
function emitShape(e: Emitter, image: Value, patches: Value, p: Im2colParams): Address<"convShape"> {
  const axes = threeAxes(slide(image.shape.slice(1, -1), p, "im2col"), unchanged(1));
  return e.record(
    convShape({
      n: image.shape[0],
      c: image.shape[image.shape.length - 1],
      oc: patches.shape[patches.shape.length - 1],
      ...windowLists(axes),
      xStrides: pixelStrides(image),
      outStrides: pixelStrides(patches),
    }),
  );
}

/** Rows of pixels of a value [n, ...spatial, c]. */
const rowsOf = ({ shape }: Value): number => sizeOf(shape.slice(0, -2));

/** [n, ...spatial, c] to [n, ...out, taps · c], a patch per output pixel: taps row by row, channels innermost. */
export const im2col: Op<Im2colParams> = {
  name: "im2col",
  infer(inputs, params, where) {
    arity(inputs, 1, 1, where);
    const [{ shape }] = inputs;
    const axes = slide(checkWindow(inputs[0], params, where), params, where);
    const out = [shape[0], ...axes.map((axis) => axis.out), sizeOf(params.kernel) * shape[shape.length - 1]];
    checkShape(out, "output", where);
    return [float32(out)];
  },
  forward(e, [x], [out], params) {
    e.call("im2col_f32", rowsOf(out), [out.base, x.base, emitShape(e, x, out, params), 0]);
  },
};

/** The adjoint of im2col: values of overlapping patches are summed. */
export const col2im: Op<Col2imParams> = {
  name: "col2im",
  infer(inputs, params, where) {
    arity(inputs, 1, 1, where);
    const [{ shape }] = inputs;
    checkWindow(inputs[0], params, where);
    checkSize(params.size, inputs[0], where);
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
    e.call("col2im_f32", rowsOf(out), [out.base, col.base, emitShape(e, out, col, params)]);
  },
};
