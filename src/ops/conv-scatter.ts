// A transposed convolution by its definition: every pixel times every tap, and patches added up. For windows much larger than the input.
import { denseValue, type Emitter, isDense, sizeOf, type Value } from "../graph/op.ts";
import { forEachChunk } from "../runtime/chunks.ts";
import { convShape, epilogue } from "../runtime/records.ts";
import { type Activation, emitActivated, epilogueOf } from "./activation.ts";
import { emitBroadcast } from "./elementwise.ts";
import { multiplyInChunks, packProduct } from "./gemm.ts";
import { copyValue, stridedCopy } from "./strided.ts";
import { type Axis, densePixelStrides, pixelStrides, windowLists } from "./window.ts";

/** Writes y = bias + the patches that x [n, ..., c] spreads by w [k..., c / groups, out]; axes are depth, height, width. */
export function emitScattered(
  e: Emitter,
  [x, w, bias]: readonly Value[],
  y: Value,
  axes: readonly Omit<Axis, "after">[],
  groups: number,
  activation: Activation | undefined,
): void {
  const [c, all] = w.shape.slice(-2);
  // A group's channels are neighbours in x, in w and in y.
  const oc = all / groups;
  const [sizes, outs] = [axes.map((a) => a.size), axes.map((a) => a.out)];
  const taps = sizeOf(axes.map((a) => a.kernel));
  const none = e.record(epilogue({ accumulate: 0, ...epilogueOf(undefined) }));
  const input = pixelStrides(x);
  const output = densePixelStrides(sizes, taps * oc);
  const image = sizeOf(outs) * all * 4;
  const shape = e.record(
    convShape({
      ...{ n: 1, c: oc, oc, ...windowLists(axes), size: outs, out: sizes },
      ...{ xStrides: densePixelStrides(outs, oc), outStrides: output },
    }),
  );
  const to = isDense(y) ? y : denseValue(y, e.scratch(sizeOf(y.shape) * 4));
  for (let g = 0; g < groups; g++) {
    const turned = e.packed([w], taps * c * oc * 4, (packed) =>
      stridedCopy(e, packed, w.base.plus(g * oc * 4), [
        { size: taps, out: oc * 4, x: c * all * 4 },
        { size: c, out: taps * oc * 4, x: all * 4 },
        { size: oc, out: 4, x: 4 },
      ]),
    );
    const packed = packProduct(e, {
      ...{ inputs: c, outputs: taps * oc, groups: 1, bias: undefined, taps: [0] },
      filter: denseValue({ shape: [c, taps * oc], dtype: w.dtype }, turned),
      runs: [{ offset: 0, length: c }],
    });
    forEachChunk(e, x.shape[0], 1, ({ place }) => {
      const products = e.scratch(output[0]);
      const grid = { counts: [1, ...sizes], input, output, first: 0 };
      multiplyInChunks(e, packed, grid, place(x.base.plus(g * c * 4), input[0]), products, none);
      const target = place(to.base.plus(g * oc * 4), image);
      const part = groups === 1 ? target : e.scratch(image / groups);
      e.call("col2im_f32", outs[0] * outs[1], [part, products, shape]);
      if (groups > 1)
        stridedCopy(e, target, part, [
          { size: sizeOf(outs), out: all * 4, x: oc * 4 },
          { size: oc, out: 4, x: 4 },
        ]);
    });
  }
  if (bias) emitBroadcast(e, "add_f32", to, to, bias);
  if (activation) emitActivated(e, to, to, activation);
  if (to !== y) copyValue(e, y, to);
}
