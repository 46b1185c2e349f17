// PyTorch's layers as naive loops over channels first, with weights in PyTorch's order: what a state dict means.

/** One image, [c, h, w], or features, [m]. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const tensor = (...shape: number[]): Tensor => ({
  shape,
  data: new Float64Array(shape.reduce((a, b) => a * b)),
});

/** nn.Conv2d with weight [out, in / groups, kh, kw]. */
export function conv2d(
  x: Tensor,
  w: Weight,
  bias: Weight | undefined,
  stride = 1,
  padding = 0,
  groups = 1,
): Tensor {
  const [, h, width] = x.shape;
  const [outs, ins, kh, kw] = w.shape;
  const y = tensor(
    outs,
    Math.floor((h + 2 * padding - kh) / stride) + 1,
    Math.floor((width + 2 * padding - kw) / stride) + 1,
  );
  let at = 0;
  for (let o = 0; o < outs; o++)
    for (let i = 0; i < y.shape[1]; i++)
      for (let j = 0; j < y.shape[2]; j++) {
        let sum = bias?.data[o] ?? 0;
        for (let c = 0; c < ins; c++)
          for (let a = 0; a < kh; a++)
            for (let b = 0; b < kw; b++) {
              const [row, column] = [i * stride + a - padding, j * stride + b - padding];
              if (row < 0 || column < 0 || row >= h || column >= width) continue;
              const channel = Math.floor(o / (outs / groups)) * ins + c;
              sum += x.data[(channel * h + row) * width + column] * w.data[((o * ins + c) * kh + a) * kw + b];
            }
        y.data[at++] = sum;
      }
  return y;
}

/** nn.ConvTranspose2d with weight [in, out / groups, kh, kw]: every pixel adds its filter times its value. */
export function convTranspose2d(x: Tensor, w: Weight, bias: Weight, stride: number, groups: number): Tensor {
  const [ins, h, width] = x.shape;
  const [, outs, kh, kw] = w.shape;
  const y = tensor(outs * groups, (h - 1) * stride + kh, (width - 1) * stride + kw);
  const [, high, wide] = y.shape;
  y.data.forEach((_, i) => {
    y.data[i] = bias.data[Math.floor(i / (high * wide))];
  });
  for (let c = 0; c < ins; c++)
    for (let i = 0; i < h; i++)
      for (let j = 0; j < width; j++)
        for (let o = 0; o < outs; o++)
          for (let a = 0; a < kh; a++)
            for (let b = 0; b < kw; b++) {
              const channel = Math.floor(c / (ins / groups)) * outs + o;
              y.data[(channel * high + i * stride + a) * wide + j * stride + b] +=
                x.data[(c * h + i) * width + j] * w.data[((c * outs + o) * kh + a) * kw + b];
            }
  return y;
}

/** nn.Linear with weight [out, in]. */
export function linear({ data }: Tensor, w: Weight, bias: Weight): Tensor {
  const y = tensor(w.shape[0]);
  for (let o = 0; o < y.data.length; o++) {
    y.data[o] = bias.data[o];
    for (let i = 0; i < data.length; i++) y.data[o] += data[i] * w.data[o * data.length + i];
  }
  return y;
}

/** What one channel's value becomes. */
function perChannel(x: Tensor, f: (value: number, channel: number) => number): Tensor {
  const pixels = x.shape.slice(1).reduce((a, b) => a * b, 1);
  return { shape: x.shape, data: x.data.map((value, i) => f(value, Math.floor(i / pixels))) };
}

/** nn.BatchNorm1d and nn.BatchNorm2d, evaluating. */
export const batchNorm = (x: Tensor, gamma: Weight, beta: Weight, mean: Weight, variance: Weight): Tensor =>
  perChannel(
    x,
    (v, c) => ((v - mean.data[c]) / Math.sqrt(variance.data[c] + 1e-5)) * gamma.data[c] + beta.data[c],
  );

/** nn.PReLU with an alpha for every channel. */
export const prelu = (x: Tensor, alpha: Weight): Tensor =>
  perChannel(x, (v, c) => (v > 0 ? v : alpha.data[c] * v));

/** nn.Flatten and nn.Unflatten. */
export const view = (x: Tensor, ...shape: number[]): Tensor => ({ shape, data: x.data });
