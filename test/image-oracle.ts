// What image functions mean: naive loops in float64, and in integers where OpenCV's bytes are exact. Nothing here is shared with src/image.
export interface Picture {
  readonly data: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

export interface Made extends Picture {
  readonly data: Float64Array;
}

export type Border = "reflect101" | "reflect" | "replicate" | "zeros";
export type Rows = readonly (readonly number[])[];

/** The index that stands in for `i`, found by walking; -1 for zeros. */
export function outside(i: number, n: number, border: Border): number {
  if (border === "zeros") return i < 0 || i >= n ? -1 : i;
  if (border === "replicate" || n === 1) return Math.min(Math.max(i, 0), n - 1);
  const skip = border === "reflect101" ? 1 : 0;
  while (i < 0 || i >= n) i = i < 0 ? -i - 1 + skip : 2 * n - i - 1 - skip;
  return i;
}

const hasAlpha = (c: number): boolean => c === 2 || c === 4;

/** A picture by a function of place and channel. Alpha is the source's. */
function make(
  x: Picture,
  value: (x: number, y: number, c: number) => number,
  { width = x.width, height = x.height, channels = x.channels, alpha = hasAlpha(channels) } = {},
  from: (x: number, y: number) => readonly [x: number, y: number] = (ix, iy) => [ix, iy],
): Made {
  const data = new Float64Array(width * height * channels);
  for (let oy = 0; oy < height; oy++)
    for (let ox = 0; ox < width; ox++)
      for (let c = 0; c < channels; c++) {
        const [ax, ay] = from(ox, oy);
        data[(oy * width + ox) * channels + c] =
          alpha && c === channels - 1 ? x.data[(ay * x.width + ax) * channels + c] : value(ox, oy, c);
      }
  return { data, width, height, channels };
}

/** The value at a place, which may lie outside. */
function at(p: Picture, x: number, y: number, c: number, border: Border): number {
  const [ix, iy] = [outside(x, p.width, border), outside(y, p.height, border)];
  return ix < 0 || iy < 0 ? 0 : p.data[(iy * p.width + ix) * p.channels + c];
}

/** scale * correlation + bias, the anchor at floor(size / 2). */
export function filter2d(
  x: Picture,
  kernel: Rows,
  {
    border = "reflect101",
    stride: [sy, sx] = [1, 1],
    dilation: [dy, dx] = [1, 1],
    bias = 0,
    scale = 1,
  }: {
    border?: Border | "valid";
    stride?: readonly [number, number];
    dilation?: readonly [number, number];
    bias?: number;
    scale?: number;
  } = {},
): Made {
  const [kh, kw] = [kernel.length, kernel[0].length];
  const [ay, ax] = [Math.floor(kh / 2) * dy, Math.floor(kw / 2) * dx];
  const valid = border === "valid";
  const rows = valid ? x.height - (kh - 1) * dy : x.height;
  const columns = valid ? x.width - (kw - 1) * dx : x.width;
  const size = { width: Math.ceil(columns / sx), height: Math.ceil(rows / sy) };
  const place = (ox: number, oy: number) => [ox * sx + (valid ? ax : 0), oy * sy + (valid ? ay : 0)] as const;
  return make(
    x,
    (ox, oy, c) => {
      const [px, py] = place(ox, oy);
      let sum = 0;
      for (const [i, row] of kernel.entries())
        for (const [j, w] of row.entries())
          sum += w * at(x, px + j * dx - ax, py + i * dy - ay, c, valid ? "zeros" : border);
      return scale * sum + bias;
    },
    size,
    place,
  );
}

const outer = (rows: readonly number[], columns: readonly number[]): number[][] =>
  rows.map((a) => columns.map((b) => a * b));

const FIXED: Readonly<Record<number, readonly number[]>> = {
  1: [1],
  3: [0.25, 0.5, 0.25],
  5: [0.0625, 0.25, 0.375, 0.25, 0.0625],
  7: [0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125],
  9: [4, 13, 30, 51, 60, 51, 30, 13, 4].map((w) => w / 256),
};

export function gaussian1d(size: number, sigma: number): number[] {
  if (sigma <= 0 && FIXED[size]) return [...FIXED[size]];
  const s = sigma > 0 ? sigma : 0.3 * ((size - 1) / 2 - 1) + 0.8;
  const w = Array.from({ length: size }, (_, i) => Math.exp(-((i - (size - 1) / 2) ** 2) / (2 * s * s)));
  const sum = w.reduce((a, b) => a + b);
  return w.map((v) => v / sum);
}

export const gaussianBlur = (x: Picture, size: number, sigma: number, border: Border): Made => {
  const w = gaussian1d(size, sigma);
  return filter2d(x, outer(w, w), { border });
};

/** The weights in 256ths, errors carried from the ends to the middle. */
export function fixedGaussian(size: number, sigma: number): number[] {
  const w = gaussian1d(size, sigma);
  const made = new Array<number>(size).fill(0);
  let [error, sum] = [0, 0];
  for (let i = 0; i < (size - 1) / 2; i++) {
    const v = w[i] * 256 + error;
    // To the nearest, ties to even.
    const r = Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v);
    error = v - r;
    made[i] = made[size - 1 - i] = r;
    sum += 2 * r;
  }
  made[(size - 1) / 2] = 256 - sum;
  return made;
}

/** Of bytes, in OpenCV's fixed point. */
export function gaussianBlurBytes(x: Picture, size: number, sigma: number, border: Border | "valid"): Made {
  const w = fixedGaussian(size, sigma);
  const made = filter2d(x, outer(w, w), { border });
  const isAlpha = (i: number): boolean => hasAlpha(x.channels) && i % x.channels === x.channels - 1;
  return { ...made, data: made.data.map((v, i) => (isAlpha(i) ? v : Math.floor((v + 32768) / 65536))) };
}

export const boxBlur = (x: Picture, [h, w]: readonly [number, number], border: Border): Made =>
  filter2d(
    x,
    Array.from({ length: h }, () => new Array<number>(w).fill(1 / (w * h))),
    { border },
  );

export const medianBlur = (x: Picture, size: number): Made =>
  make(x, (ox, oy, c) => {
    const values: number[] = [];
    const r = (size - 1) / 2;
    for (let i = -r; i <= r; i++)
      for (let j = -r; j <= r; j++) values.push(at(x, ox + j, oy + i, c, "replicate"));
    return values.sort((a, b) => a - b)[(size * size - 1) / 2];
  });

export function unsharpMask(x: Picture, sigma: number, amount: number, threshold = 0): Made {
  const radius = Math.floor(4 * sigma + 0.5);
  const blurred = gaussianBlur(x, 2 * radius + 1, sigma, "reflect");
  return make(x, (ox, oy, c) => {
    const i = (oy * x.width + ox) * x.channels + c;
    const d = x.data[i] - blurred.data[i];
    return Math.abs(d) < threshold ? x.data[i] : x.data[i] + amount * d;
  });
}

const convolve = (a: readonly number[], b: readonly number[]): number[] => {
  const made = new Array<number>(a.length + b.length - 1).fill(0);
  for (const [i, v] of a.entries()) for (const [j, w] of b.entries()) made[i + j] += v * w;
  return made;
};

/** (1 + z)^(size - 1 - order) (z - 1)^order: what Sobel's operator is made of. */
export function sobel1d(order: number, size: number): number[] {
  let w = [1];
  for (let i = 0; i < size - 1 - order; i++) w = convolve(w, [1, 1]);
  for (let i = 0; i < order; i++) w = convolve(w, [-1, 1]);
  return w;
}

/** For size 1, OpenCV takes 3 along the derivative. */
export const sobelKernel = (dx: number, dy: number, size: number): number[][] =>
  outer(sobel1d(dy, size === 1 && dy > 0 ? 3 : size), sobel1d(dx, size === 1 && dx > 0 ? 3 : size));

export const scharrKernel = (dx: number): number[][] =>
  dx ? outer([3, 10, 3], [-1, 0, 1]) : outer([-1, 0, 1], [3, 10, 3]);

export function laplacianKernel(size: number): number[][] {
  if (size === 1)
    return [
      [0, 1, 0],
      [1, -4, 1],
      [0, 1, 0],
    ];
  const [a, b] = [sobelKernel(2, 0, size), sobelKernel(0, 2, size)];
  return a.map((row, i) => row.map((v, j) => v + b[i][j]));
}

export const grayBytes = (x: Picture): Made =>
  make(
    x,
    (ox, oy) => {
      const i = (oy * x.width + ox) * x.channels;
      if (x.channels < 3) return x.data[i];
      return Math.floor((x.data[i] * 9798 + x.data[i + 1] * 19235 + x.data[i + 2] * 3735 + 16384) / 32768);
    },
    { channels: 1, alpha: false },
  );

/** Canny on gray bytes: Sobel, suppression in four directions, hysteresis by repeated passes. Thresholds as given, low at most high. */
export function canny(x: Picture, low: number, high: number, aperture: number, l2: boolean): Made {
  const { width, height } = x;
  const scale = aperture === 7 ? 1 / 16 : 1;
  const [gx, gy] = [
    filter2d(x, sobelKernel(1, 0, aperture), { border: "replicate", scale }),
    filter2d(x, sobelKernel(0, 1, aperture), { border: "replicate", scale }),
  ].map(({ data }) => Array.from(data, (v) => Math.max(-32768, Math.min(32767, nearest(v)))));
  // OpenCV divides the thresholds as it does the derivatives.
  if (low > high) [low, high] = [high, low];
  [low, high] = [low * scale, high * scale];
  if (l2) {
    [low, high] = [Math.min(32767, low), Math.min(32767, high)];
    if (low > 0) low *= low;
    if (high > 0) high *= high;
  }
  [low, high] = [Math.floor(low), Math.floor(high)];
  const magnitude = gx.map((v, i) => (l2 ? v * v + gy[i] * gy[i] : Math.abs(v) + Math.abs(gy[i])));
  const m = (px: number, py: number): number =>
    px < 0 || px >= width || py < 0 || py >= height ? 0 : magnitude[py * width + px];
  const kind = new Uint8Array(width * height);
  const TG22 = Math.round(Math.tan(Math.PI / 8) * 32768);
  for (let y = 0; y < height; y++)
    for (let px = 0; px < width; px++) {
      const i = y * width + px;
      if (magnitude[i] <= low) continue;
      const [ax, ay] = [Math.abs(gx[i]), Math.abs(gy[i]) * 32768];
      let keep: boolean;
      if (ay < ax * TG22) keep = m(px, y) > m(px - 1, y) && m(px, y) >= m(px + 1, y);
      else if (ay > ax * TG22 + ax * 65536) keep = m(px, y) > m(px, y - 1) && m(px, y) >= m(px, y + 1);
      else {
        const s = (gx[i] ^ gy[i]) < 0 ? -1 : 1;
        keep = m(px, y) > m(px - s, y - 1) && m(px, y) > m(px + s, y + 1);
      }
      if (keep) kind[i] = magnitude[i] > high ? 2 : 1;
    }
  for (let changed = true; changed; ) {
    changed = false;
    for (let y = 0; y < height; y++)
      for (let px = 0; px < width; px++)
        if (kind[y * width + px] === 1)
          for (let dy = -1; dy <= 1; dy++)
            for (let dx = -1; dx <= 1; dx++) {
              const [qx, qy] = [px + dx, y + dy];
              if (qx < 0 || qx >= width || qy < 0 || qy >= height || kind[qy * width + qx] !== 2) continue;
              kind[y * width + px] = 2;
              changed = true;
            }
  }
  return { width, height, channels: 1, data: Float64Array.from(kind, (k) => (k === 2 ? 255 : 0)) };
}

export type ResizeMethod = "nearest" | "linear" | "cubic" | "area";

/**
 * Which pixels along an axis make pixel `i`, and their weights, as OpenCV takes them. "enlarged" is what it takes for areas unless both
 * sides shrink.
 */
function samples(i: number, from: number, to: number, method: ResizeMethod | "enlarged"): [number, number][] {
  // As OpenCV rounds it: nearest falls on whole numbers.
  const scale = 1 / (to / from);
  const clamp = (j: number): number => Math.min(Math.max(j, 0), from - 1);
  if (method === "nearest") return [[clamp(Math.floor(i * scale)), 1]];
  if (method === "enlarged") {
    const j = Math.floor(i * scale);
    const f = i + 1 - (j + 1) * (to / from);
    const w = f <= 0 ? 0 : f % 1;
    return [
      [clamp(j), 1 - w],
      [clamp(j + 1), w],
    ];
  }
  if (method === "area") {
    const [start, end] = [i * scale, Math.min((i + 1) * scale, from)];
    const made: [number, number][] = [];
    for (let j = Math.floor(start); j < end; j++) {
      const w = Math.min(j + 1, end) - Math.max(j, start);
      if (w > 1e-9) made.push([clamp(j), w / (end - start)]);
    }
    return made;
  }
  const x = (i + 0.5) * scale - 0.5;
  const j = Math.floor(x);
  const f = x - j;
  if (method === "cubic") {
    const a = -0.75;
    const near = (t: number): number => (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1;
    const far = (t: number): number => a * t ** 3 - 5 * a * t ** 2 + 8 * a * t - 4 * a;
    const w = [far(f + 1), near(f), near(1 - f), far(2 - f)];
    return w.map((v, k) => [clamp(j - 1 + k), v]);
  }
  return [
    [clamp(j), 1 - f],
    [clamp(j + 1), f],
  ];
}

export function resize(x: Picture, width: number, height: number, method: ResizeMethod): Made {
  const kind = method === "area" && (width > x.width || height > x.height) ? "enlarged" : method;
  const columns = Array.from({ length: width }, (_, i) => samples(i, x.width, width, kind));
  const rows = Array.from({ length: height }, (_, i) => samples(i, x.height, height, kind));
  return make(
    x,
    (ox, oy, c) => {
      let sum = 0;
      for (const [iy, wy] of rows[oy])
        for (const [ix, wx] of columns[ox]) sum += wy * wx * x.data[(iy * x.width + ix) * x.channels + c];
      return sum;
    },
    { width, height, alpha: false },
  );
}

/** To the nearest integer, ties to even. */
export const nearest = (v: number): number =>
  Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v);

/** As bytes: rounded and saturated. */
export const bytes = ({ data, ...rest }: Made): Made => ({
  ...rest,
  data: data.map((v) => Math.min(255, Math.max(0, nearest(v)))),
});
