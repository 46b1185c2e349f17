// Padding: a constant on any axis, the image mirrored or its edge repeated on the spatial ones.
import { ShapeError } from "../errors.ts";
import { type Emitter, float32, isDense, type Op, sizeOf, type Value } from "../graph/op.ts";
import { padShape } from "../runtime/records.ts";
import { PAD_CONSTANT, PAD_REFLECT, PAD_REPLICATE } from "../runtime/wasm.ts";
import { describe, integer, oneOf, refuse } from "../validate.ts";
import { arity, axisList, checkShape, requireFloats, show } from "./check.ts";
import { copyValue, partOf, stridedCopy } from "./strided.ts";
import { type Axis, type Images, imagesOf, type PaddingMode, threeAxes } from "./window.ts";

export type PadMode = "constant" | "reflect" | "replicate";

export interface PadParams {
  /** [before, after] for every axis of the tensor. */
  pads: readonly (readonly [number, number])[];
  mode: PadMode;
  /** What mode "constant" adds: any number, also an infinity or NaN. */
  value: number;
}

/** Whether only the axes between the first and the last grow, and there are one to three of them. */
export function isSpatial(pads: PadParams["pads"]): boolean {
  const fixed = (pair: readonly [number, number] | undefined): boolean => pair?.[0] === 0 && pair[1] === 0;
  return pads.length >= 3 && pads.length <= 5 && fixed(pads[0]) && fixed(pads.at(-1));
}

export const pad: Op<PadParams> = {
  name: "pad",
  strided: { inputs: [0], outputs: true },
  infer(inputs, { pads, mode, value }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    requireFloats(x, where);
    axisList(pads, x.shape.length, "pads", where).forEach((pair, i) => {
      if (!Array.isArray(pair) || pair.length !== 2)
        refuse(pair, `pads[${i}]`, where, "a pair [before, after]");
      const [before, after] = pair as readonly unknown[];
      integer(before, `pads[${i}][0]`, where, 0);
      integer(after, `pads[${i}][1]`, where, 0);
    });
    oneOf(mode, ["constant", "reflect", "replicate"], "mode", where);
    if (typeof value !== "number") refuse(value, "value", where, "a number");
    if (mode !== "constant" && !isSpatial(pads))
      throw new ShapeError(
        `${where}: pads are ${describe(pads)} on input ${show(x.shape)}, but mode "${mode}" pads only the one ` +
          'to three spatial axes between batch and channels; mode "constant" pads any axis',
      );
    if (mode === "reflect")
      pads.forEach((pair, i) => {
        const longer = Math.max(...pair);
        if (longer > 0 && longer >= x.shape[i])
          throw new ShapeError(
            `${where}: pads[${i}] is ${show(pair)} but axis ${i} of the input ${show(x.shape)} has ${x.shape[i]}; ` +
              `mode "reflect" can add at most ${x.shape[i] - 1} on a side`,
          );
      });
    const shape = x.shape.map((d, i) => d + pads[i][0] + pads[i][1]);
    checkShape(shape, "output", where);
    return [float32(shape)];
  },
  forward(e, [x], [out], { pads, mode, value }) {
    const grows = pads.some(([before, after]) => before + after > 0);
    if (grows && isSpatial(pads)) {
      const sizes = threeAxes(x.shape.slice(1, -1), 1);
      const pairs = threeAxes(pads.slice(1, -1), [0, 0]);
      const axes = sizes.map((size, i) => ({ size, before: pairs[i][0], after: pairs[i][1] }));
      const c = x.shape[x.shape.length - 1];
      emitPad(e, imagesOf(out), imagesOf(x), x.shape[0], axes, c, mode, value);
      return;
    }
    if (grows) emitFill(e, out, value);
    const before = pads.map((pair) => pair[0]);
    copyValue(e, partOf(out, before, x.shape), x);
  },
};

/** Writes the call that makes every element of a value the same number. */
export function emitFill(e: Emitter, out: Value, value: number): void {
  if (isDense(out)) {
    const count = sizeOf(out.shape);
    e.call("fill_f32", Math.ceil(count / 4), [out.base, value, count]);
  } else {
    const axes = out.shape.map((size, i) => ({ size, out: out.strides[i], x: 0 }));
    stridedCopy(e, out.base, e.constant(Float32Array.of(value)), axes);
  }
}

const PAD_MODES: Record<PadMode | PaddingMode, number> = {
  constant: PAD_CONSTANT,
  zeros: PAD_CONSTANT,
  reflect: PAD_REFLECT,
  replicate: PAD_REPLICATE,
};

/** Writes the call that copies `n` images of `x` with padding round their three spatial axes to `out`. */
export function emitPad(
  e: Emitter,
  out: Images,
  x: Images,
  n: number,
  axes: readonly Pick<Axis, "size" | "before" | "after">[],
  c: number,
  mode: PadMode | PaddingMode,
  value = 0,
): void {
  const size = axes.map((a) => a.size);
  const outSize = axes.map((a) => a.before + a.size + a.after);
  const shape = padShape({
    ...{ n, size, c, out: outSize, before: axes.map((a) => a.before) },
    ...{ mode: PAD_MODES[mode], xStrides: x.strides, outStrides: out.strides },
  });
  e.call("pad_f32", n * outSize[0] * outSize[1], [out.base, x.base, e.record(shape), value]);
}
