// Eager ops that are no layers, defined as layers are: patches and losses.
import { aCount, aPadding, aPerAxis } from "../layers/checks.ts";
import { type LayerDefinition, spatialAxes } from "../layers/layer.ts";
import { checkLossOptions, LOSS_KINDS, LOSS_NUMBERS, type LossOptions } from "../layers/loss-options.ts";
import { appendLoss } from "../layers/losses.ts";
import { perAxis } from "../ops/check.ts";
import { col2im as col2imOp, im2col as im2colOp } from "../ops/im2col.ts";
import type { TensorType } from "../tensor.ts";
import { aList, aWord, needed } from "../validate.ts";
import type { ImageOptions, PatchOptions } from "./conv.ts";

const define = <C>(kind: string, definition: LayerDefinition<C>) => ({ kind, definition });

const WINDOW = {
  kernel: needed(aPerAxis(1), "3"),
  stride: aPerAxis(1),
  padding: aPadding,
  dilation: aPerAxis(1),
};

function windowOf(c: PatchOptions, x: TensorType, where: string) {
  const axes = spatialAxes(x);
  return {
    kernel: perAxis(c.kernel, axes, "kernel", where, 1),
    stride: perAxis(c.stride ?? 1, axes, "stride", where, 1),
    dilation: perAxis(c.dilation ?? 1, axes, "dilation", where, 1),
    padding: c.padding ?? "valid",
  };
}

export const im2col = define<PatchOptions>("im2col", {
  options: WINDOW,
  build: (g, c, [x], _, where) => g.op(im2colOp, [x], windowOf(c, x, where)),
});

export const col2im = define<ImageOptions>("col2im", {
  options: { ...WINDOW, outputSize: needed(aList(aCount), "[28, 28]") },
  build: (g, c, [x], _, where) => g.op(col2imOp, [x], { ...windowOf(c, x, where), size: c.outputSize }),
});

export const loss = define<LossOptions>("loss", {
  inputs: [2, 2],
  options: {
    kind: needed(aWord(...LOSS_KINDS), '"meanSquaredError"'),
    ...LOSS_NUMBERS,
  },
  build(g, options, [x, target], _, where) {
    checkLossOptions(options, where);
    return appendLoss(g, options, x, target, where);
  },
});
