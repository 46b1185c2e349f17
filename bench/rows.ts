// Layers to measure: one convolution per row.

/** A 2-D convolution of a batch of one. Padding is explicit and symmetric, as in PyTorch: [top, left]. */
export interface Row {
  readonly name: string;
  readonly n: 1;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly oc: number;
  readonly kh: number;
  readonly kw: number;
  readonly stride: number;
  readonly dilation: number;
  readonly groups: number;
  readonly padding: readonly [number, number];
}

type Rest = Partial<Pick<Row, "stride" | "dilation">>;

/** A dense layer with an odd square kernel and the padding that keeps the size at stride 1. */
function dense(name: string, size: number, c: number, oc: number, k: number, rest: Rest = {}): Row {
  const { stride = 1, dilation = 1 } = rest;
  const pad = (dilation * (k - 1)) / 2;
  return {
    name,
    n: 1,
    h: size,
    w: size,
    c,
    oc,
    kh: k,
    kw: k,
    stride,
    dilation,
    groups: 1,
    padding: [pad, pad],
  };
}

function depthwise(name: string, size: number, c: number, k: number, rest: Rest = {}): Row {
  return { ...dense(name, size, c, c, k, rest), groups: c };
}

export const rows: readonly Row[] = [
  dense("VGG 3x3 112² 128", 112, 128, 128, 3),
  dense("ResNet stem 7x7/2 224² 3→64", 224, 3, 64, 7, { stride: 2 }),
  dense("3x3 56² 64", 56, 64, 64, 3),
  dense("3x3 28² 128", 28, 128, 128, 3),
  dense("3x3 14² 256", 14, 256, 256, 3),
  dense("3x3 7² 512", 7, 512, 512, 3),
  dense("1x1 56² 64→256", 56, 64, 256, 1),
  dense("1x1 56² 256→64", 56, 256, 64, 1),
  dense("1x1 14² 1024→256", 14, 1024, 256, 1),
  dense("1x1 7² 2048→512", 7, 2048, 512, 1),
  dense("3x3/2 56² 128", 56, 128, 128, 3, { stride: 2 }),
  dense("3x3 dilated 2 28² 256", 28, 256, 256, 3, { dilation: 2 }),
  depthwise("depthwise 3x3 112² 32", 112, 32, 3),
  depthwise("depthwise 3x3/2 112² 96", 112, 96, 3, { stride: 2 }),
  depthwise("depthwise 3x3 14² 384", 14, 384, 3),
  depthwise("depthwise 5x5 28² 240", 28, 240, 5),
  dense("MobileNet 1x1 112² 32→16", 112, 32, 16, 1),
  dense("MobileNet 1x1 14² 384→64", 14, 384, 64, 1),
  dense("RGB 5x5 512² 3→8", 512, 3, 8, 5),
];

/** [oh, ow] = floor((W − D·(K − 1) − 1 + 2P) / S) + 1. */
export function outSize(row: Row): [number, number] {
  const out = (size: number, kernel: number, pad: number): number =>
    Math.floor((size - row.dilation * (kernel - 1) - 1 + 2 * pad) / row.stride) + 1;
  return [out(row.h, row.kh, row.padding[0]), out(row.w, row.kw, row.padding[1])];
}

/** Numbers in [-1, 1), the same in every run (the linear congruential generator of Numerical Recipes). */
export function noise(length: number, seed: number, scale = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return scale * (state / 2 ** 31 - 1);
  });
}

/** `x` is `[1, h, w, c]`, `w` is `[kh, kw, c / groups, oc]`. */
export interface Operands {
  x: Float32Array;
  w: Float32Array;
  bias: Float32Array;
}

/** Input, filter and bias of a row, of a size that keeps outputs near 1. */
export function operandsOf(row: Row): Operands {
  const fan = row.kh * row.kw * (row.c / row.groups);
  return {
    x: noise(row.h * row.w * row.c, 1),
    w: noise(fan * row.oc, 2, 1 / Math.sqrt(fan)),
    bias: noise(row.oc, 3),
  };
}
