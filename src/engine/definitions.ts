// Eager ops that are no layers, defined as layers are: patches and losses.
import { ShapeError } from "../errors.ts";
import { given, type LayerDefinition, required, spatialAxes } from "../layers/layer.ts";
import { perAxis } from "../ops/check.ts";
import { col2im as col2imOp, im2col as im2colOp } from "../ops/im2col.ts";
import { LOSSES } from "../ops/loss.ts";
import type { TensorType } from "../tensor.ts";
import type { ImageOptions, PatchOptions } from "./eager-conv.ts";
import type { LossOptions } from "./eager-elementwise.ts";

const define = <C>(kind: string, definition: LayerDefinition<C>) => ({ kind, definition });

const WINDOW = { kernel: true, stride: true, padding: true, dilation: true } as const;

function windowOf(c: PatchOptions, x: TensorType, where: string) {
  const axes = spatialAxes(x);
  return {
    kernel: required(c.kernel, axes, "kernel", where),
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
  options: { ...WINDOW, outputSize: true },
  build: (g, c, [x], _, where) =>
    g.op(col2imOp, [x], { ...windowOf(c, x, where), size: given(c.outputSize, "outputSize", where) }),
});

export const loss = define<LossOptions>("loss", {
  inputs: [2, 2],
  options: { kind: true, delta: true, labelSmoothing: true },
  build(g, { kind, ...params }, inputs) {
    if (!Object.hasOwn(LOSSES, kind))
      throw new ShapeError(`loss: kind is "${kind}" but must be one of ${Object.keys(LOSSES).join(", ")}`);
    return g.op(LOSSES[kind], inputs, params);
  },
});
