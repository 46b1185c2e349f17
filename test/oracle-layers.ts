// Layers made of several ops, as naive loops in float64 from their formulas.
import type { Result, Tensor } from "./oracle.ts";

const product = (list: readonly number[]): number => list.reduce((a, b) => a * b, 1);
const last = (shape: readonly number[]): number => shape[shape.length - 1];

/** Normalised parts, their means and inverse deviations, over the last axes; gamma and beta may be left out. */
export function layerNorm(
  [x, gamma, beta]: readonly Tensor[],
  { axes, epsilon }: { axes: readonly number[]; epsilon: number },
): Result[] {
  const kept = x.shape.length - axes.length;
  const count = product(x.shape.slice(kept));
  const [mean, inverse]: number[][] = [[], []];
  const y = Float64Array.from(x.data, (v, i) => {
    const at = Math.floor(i / count);
    if (mean.length === at) {
      const part = Array.from({ length: count }, (_, k) => x.data[at * count + k]);
      mean.push(part.reduce((a, b) => a + b) / count);
      inverse.push(1 / Math.sqrt(part.reduce((sum, p) => sum + (p - mean[at]) ** 2, 0) / count + epsilon));
    }
    return (v - mean[at]) * inverse[at] * (gamma?.data[i % count] ?? 1) + (beta?.data[i % count] ?? 0);
  });
  const shape = x.shape.map((d, i) => (i < kept ? d : 1));
  return [
    { shape: [...x.shape], data: y },
    { shape, data: Float64Array.from(mean) },
    { shape, data: Float64Array.from(inverse) },
  ];
}

export function rmsNorm(
  [x, gamma]: readonly Tensor[],
  { axes, epsilon }: { axes: readonly number[]; epsilon: number },
): Result[] {
  const count = product(x.shape.slice(x.shape.length - axes.length));
  const data = Float64Array.from(x.data, (v, i) => {
    const from = i - (i % count);
    const squares = Array.from({ length: count }, (_, k) => x.data[from + k] ** 2);
    return (v / Math.sqrt(squares.reduce((a, b) => a + b) / count + epsilon)) * gamma.data[i % count];
  });
  return [{ shape: [...x.shape], data }];
}

/** Pixels floor(i · size / out) to ceil((i + 1) · size / out) of two spatial axes. */
export function adaptivePool(
  [x]: readonly Tensor[],
  { size: [oh, ow], max }: { size: readonly [number, number]; max: boolean },
): Result[] {
  const [n, h, w, c] = x.shape;
  const data = new Float64Array(n * oh * ow * c);
  const bin = (i: number, size: number, out: number): [number, number] => [
    Math.floor((i * size) / out),
    Math.ceil(((i + 1) * size) / out),
  ];
  for (let i = 0; i < data.length; i++) {
    const [k, q, p, image] = [
      i % c,
      Math.floor(i / c) % ow,
      Math.floor(i / (c * ow)) % oh,
      Math.floor(i / (c * ow * oh)),
    ];
    const values: number[] = [];
    for (let y = bin(p, h, oh)[0]; y < bin(p, h, oh)[1]; y++)
      for (let z = bin(q, w, ow)[0]; z < bin(q, w, ow)[1]; z++)
        values.push(x.data[((image * h + y) * w + z) * c + k]);
    data[i] = max ? Math.max(...values) : values.reduce((a, b) => a + b) / values.length;
  }
  return [{ shape: [n, oh, ow, c], data }];
}

/** The filter with mean 0 and variance 1 for each channel of its last axis. */
export function standardized({ shape, data }: Tensor): Tensor {
  const out = last(shape);
  const count = data.length / out;
  const column = (k: number): number[] => Array.from({ length: count }, (_, i) => data[i * out + k]);
  const means = Array.from({ length: out }, (_, k) => column(k).reduce((a, b) => a + b) / count);
  const variances = means.map((mean, k) => column(k).reduce((sum, v) => sum + (v - mean) ** 2, 0) / count);
  const standard = Float64Array.from(
    data,
    (v, i) => (v - means[i % out]) / Math.sqrt(variances[i % out] + 1e-5),
  );
  return { shape, data: standard };
}

/** A filter [kh · kw · c, filters] for each pixel of the output. `before` is the padding on all sides. */
export function locallyConnected2d(
  [x, kernel, bias]: readonly (Tensor | undefined)[],
  { size: [kh, kw], stride, before }: { size: readonly [number, number]; stride: number; before: number },
): Result[] {
  const [n, h, w, c] = x!.shape;
  const [oh, ow, depth, filters] = kernel!.shape;
  const data = new Float64Array(n * oh * ow * filters);
  for (let i = 0; i < data.length; i++) {
    const f = i % filters;
    const pixel = Math.floor(i / filters) % (oh * ow);
    const image = Math.floor(i / (filters * oh * ow));
    let sum = bias ? bias.data[pixel * filters + f] : 0;
    for (let d = 0; d < depth; d++) {
      const y = Math.floor(pixel / ow) * stride - before + Math.floor(d / (kw * c));
      const z = (pixel % ow) * stride - before + (Math.floor(d / c) % kw);
      if (y < 0 || z < 0 || y >= h || z >= w) continue;
      sum +=
        x!.data[((image * h + y) * w + z) * c + (d % c)] * kernel!.data[(pixel * depth + d) * filters + f];
    }
    data[i] = sum;
  }
  if (depth !== kh * kw * c) throw new Error("a kernel of another window");
  return [{ shape: [n, oh, ow, filters], data }];
}

type Weights = Readonly<Record<string, Tensor | undefined>>;

/** x · w + b over the last axis. */
function dense(x: Tensor, w: Tensor, b: Tensor | undefined): Tensor {
  const [from, to] = w.shape;
  const data = Float64Array.from({ length: (x.data.length / from) * to }, (_, i) => {
    const row = Math.floor(i / to) * from;
    let sum = b?.data[i % to] ?? 0;
    for (let k = 0; k < from; k++) sum += x.data[row + k] * w.data[k * to + (i % to)];
    return sum;
  });
  return { shape: [...x.shape.slice(0, -1), to], data };
}

export function multiHeadAttention(inputs: readonly Tensor[], w: Weights, heads: number): Result[] {
  const [query, key = query, value = key] = inputs;
  const [n] = query.shape;
  const [q, k, v] = Object.entries({ query, key, value }).map(([name, x]) =>
    dense(x, w[name]!, w[`${name}Bias`]),
  );
  const [d, dv] = [last(q.shape) / heads, last(v.shape) / heads];
  const [rows, columns] = [q, k].map((x) => x.data.length / (n * heads * d));
  const read = new Float64Array(n * rows * heads * dv);
  const at = (
    x: Tensor,
    image: number,
    pixel: number,
    pixels: number,
    head: number,
    size: number,
    i: number,
  ): number => x.data[(image * pixels + pixel) * heads * size + head * size + i];
  for (let image = 0; image < n; image++)
    for (let head = 0; head < heads; head++)
      for (let row = 0; row < rows; row++) {
        const scores = Array.from({ length: columns }, (_, column) => {
          let sum = 0;
          for (let i = 0; i < d; i++)
            sum += at(q, image, row, rows, head, d, i) * at(k, image, column, columns, head, d, i);
          return Math.exp(sum / Math.sqrt(d));
        });
        const total = scores.reduce((a, b) => a + b);
        for (let i = 0; i < dv; i++)
          read[(image * rows + row) * heads * dv + head * dv + i] = scores.reduce(
            (sum, score, column) => sum + (score / total) * at(v, image, column, columns, head, dv, i),
            0,
          );
      }
  const joined = { shape: [...query.shape.slice(0, -1), heads * dv], data: read };
  const { shape, data } = dense(joined, w.output!, w.outputBias);
  return [{ shape: [...shape], data: data as Float64Array }];
}

export function squeezeExcite([x]: readonly Tensor[], w: Weights): Result[] {
  const [n, c] = [x.shape[0], last(x.shape)];
  const pixels = x.data.length / (n * c);
  const means = new Float64Array(n * c);
  for (let i = 0; i < x.data.length; i++)
    means[Math.floor(i / (pixels * c)) * c + (i % c)] += x.data[i] / pixels;
  const squeezed = dense({ shape: [n, c], data: means }, w.reduce!, w.reduceBias);
  const active = { ...squeezed, data: Float64Array.from(squeezed.data, (v) => Math.max(v, 0)) };
  const gates = dense(active, w.expand!, w.expandBias);
  const data = Float64Array.from(
    x.data,
    (v, i) => v / (1 + Math.exp(-gates.data[Math.floor(i / (pixels * c)) * c + (i % c)])),
  );
  return [{ shape: [...x.shape], data }];
}
