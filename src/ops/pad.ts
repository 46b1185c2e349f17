// A border round a tensor: constant on any axis, mirrored or repeated on the spatial ones.

import { ShapeError } from "../errors.ts";
import { type Emitter, fields, float32, type Op, sizeOf } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import {
  PAD_CONSTANT,
  PAD_FRONT,
  PAD_MODE,
  PAD_N,
  PAD_OD,
  PAD_REFLECT,
  PAD_REPLICATE,
} from "../runtime/wasm.ts";
import { arity, checkShape, finite, integer, requireFloats, show } from "./check.ts";
import { copyBox, list } from "./shape.ts";
import { type PaddingMode, threeAxes } from "./window.ts";

export type PadMode = "constant" | "reflect" | "replicate";

export interface PadParams {
  /** [before, after] for every axis of the tensor. */
  pads: readonly (readonly [number, number])[];
  mode: PadMode;
  value: number;
}

/** Whether only the axes between the first and the last grow, and there are one to three of them. */
function isSpatial(pads: PadParams["pads"]): boolean {
  const fixed = (pair: readonly [number, number] | undefined): boolean => pair?.[0] === 0 && pair[1] === 0;
  return pads.length >= 3 && pads.length <= 5 && fixed(pads[0]) && fixed(pads.at(-1));
}

export const pad: Op<PadParams> = {
  name: "pad",
  infer(inputs, { pads, mode, value }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    requireFloats(x, where);
    list(pads, x.shape.length, "pads", where).forEach((pair, i) => {
      if (!Array.isArray(pair) || pair.length !== 2)
        throw new ShapeError(
          `${where}: pads[${i}] is ${JSON.stringify(pair)} but must be a pair [before, after]`,
        );
      integer(pair[0], `pads[${i}][0]`, where, 0);
      integer(pair[1], `pads[${i}][1]`, where, 0);
    });
    if (mode === "constant") finite(value, "value", where);
    else if (mode !== "reflect" && mode !== "replicate")
      throw new ShapeError(
        `${where}: mode is ${JSON.stringify(mode)} but must be "constant", "reflect" or "replicate"`,
      );
    else if (!isSpatial(pads))
      throw new ShapeError(
        `${where}: pads are ${JSON.stringify(pads)} on input ${show(x.shape)}, but mode "${mode}" pads only the one ` +
          'to three spatial axes between batch and channels; mode "constant" pads any axis',
      );
    if (mode === "reflect")
      pads.forEach((pair, i) => {
        const most = Math.max(...pair);
        if (most > 0 && most >= x.shape[i])
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
    const none = pads.every(([before, after]) => before + after === 0);
    if (isSpatial(pads) && !none) {
      const sizes = x.shape.slice(1, -1);
      const axes = sizes.map((size, i) => ({ size, before: pads[i + 1][0], after: pads[i + 1][1] }));
      emitPad(e, out.base, x.base, x.shape[0], axes, x.shape[x.shape.length - 1], mode, value);
      return;
    }
    if (!none) {
      const count = sizeOf(out.shape);
      e.call("fill_f32", Math.ceil(count / 4), [out.base, value, count]);
    }
    copyBox(
      e,
      out,
      pads.map(([before]) => before),
      x,
      pads.map(() => 0),
      x.shape,
    );
  },
};

const PAD_MODES: Record<PadMode | PaddingMode, number> = {
  constant: PAD_CONSTANT,
  zeros: PAD_CONSTANT,
  reflect: PAD_REFLECT,
  replicate: PAD_REPLICATE,
};

/** Writes `x` [n, ...spatial, c] with a border round its one to three spatial axes to `out`. */
export function emitPad(
  e: Emitter,
  out: Address,
  x: Address,
  n: number,
  axes: readonly { readonly size: number; readonly before: number; readonly after: number }[],
  c: number,
  mode: PadMode | PaddingMode,
  value = 0,
): void {
  const sizes = axes.map((a) => a.size);
  const before = axes.map((a) => a.before);
  const outs = threeAxes(
    axes.map((a) => a.before + a.size + a.after),
    1,
  );
  const record = fields({
    [PAD_N]: [n, ...threeAxes(sizes, 1), c],
    [PAD_OD]: outs,
    [PAD_FRONT]: threeAxes(before, 0),
    [PAD_MODE]: [PAD_MODES[mode]],
  });
  e.call("pad_f32", n * outs[0] * outs[1], [out, x, e.table(record), value]);
}
