// A transposed convolution by its definition: every pixel times every tap, and patches added up. For windows much larger than the input.
import { denseValue, type Emitter, isDense, sizeOf, type Value } from "../graph/op.ts";
import { forEachChunk } from "../runtime/chunks.ts";
import { convShape, epilogue } from "../runtime/records.ts";
import { type Activation, emitActivated, epilogueOf } from "./activation.ts";
import { emitBroadcast } from "./elementwise.ts";
import { multiplyInChunks, packProduct } from "./gemm.ts";
import { copyValue, stridedCopy } from "./strided.ts";
import { type Axis, densePixelStrides, pixelStrides, windowLists } from "./window.ts";

/** Writes y = bias + the patches that x [n, ..., c] spreads by w [k..., c, out]; axes are depth, height, width. */
export function emitScattered(
  e: Emitter,
  [x, w, bias]: readonly Value[],
  y: Value,
  axes: readonly Omit<Axis, "after">[],
  activation: Activation | undefined,
): void {
  const [c, oc] = w.shape.slice(-2);
  const [sizes, outs] = [axes.map((a) => a.size), axes.map((a) => a.out)];
  const taps = sizeOf(axes.map((a) => a.kernel));
  const turned = e.packed([w], sizeOf(w.shape) * 4, (to) =>
    stridedCopy(e, to, w.base, [
      { size: taps, out: oc * 4, x: c * oc * 4 },
      { size: c, out: taps * oc * 4, x: oc * 4 },
      { size: oc, out: 4, x: 4 },
    ]),
  );
  const packed = packProduct(e, {
    ...{ inputs: c, outputs: taps * oc, groups: 1, bias: undefined, taps: [0] },
    filter: denseValue({ shape: [c, taps * oc], dtype: w.dtype }, turned),
    runs: [{ offset: 0, length: c }],
  });
  const none = e.record(epilogue({ accumulate: 0, ...epilogueOf(undefined) }));
  const input = pixelStrides(x);
  const output = densePixelStrides(sizes, taps * oc);
  const [image, ...rest] = densePixelStrides(outs, oc);
  const shape = e.record(
    convShape({
      ...{ n: 1, c: oc, oc, ...windowLists(axes), size: outs, out: sizes },
      ...{ xStrides: [image, ...rest], outStrides: output },
    }),
  );
  const to = isDense(y) ? y : denseValue(y, e.scratch(sizeOf(y.shape) * 4));
  forEachChunk(e, x.shape[0], 1, ({ place }) => {
    const products = e.scratch(output[0]);
    const grid = { counts: [1, ...sizes], input, output, first: 0 };
    multiplyInChunks(e, packed, grid, place(x.base, input[0]), products, none);
    e.call("col2im_f32", outs[0] * outs[1], [place(to.base, image), products, shape]);
  });
  if (bias) emitBroadcast(e, "add_f32", to, to, bias);
  if (activation) emitActivated(e, to, to, activation);
  if (to !== y) copyValue(e, y, to);
}
