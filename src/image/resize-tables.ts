// Which pixels of an axis make each pixel of another size, and with which weights: OpenCV's conventions. With s = size / out, the centre of
// pixel i lies at (i + 1/2) · s − 1/2. Positions are rounded to float32 where OpenCV does, so that the bytes of fixed-point arithmetic agree.

export type ResizeMethod = "nearest" | "linear" | "cubic" | "area";

/** Pixel i is the sum of `count[i]` pixels from `first[i]` on, times weights from index i · taps on. All lie inside the axis. */
export interface AxisTable {
  readonly taps: number;
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Float32Array;
}

const scaleOf = (size: number, out: number): number => 1 / (out / size);

/** min(floor(i · s), size − 1). */
export function nearestPixels(size: number, out: number): Int32Array {
  const scale = scaleOf(size, out);
  return Int32Array.from({ length: out }, (_, i) => Math.min(Math.floor(i * scale), size - 1));
}

/** Between which pixels each position lies, `at` and at + 1, and the weight of the second: at is −1 or size − 1 beyond the outer centres. */
export interface Positions {
  readonly at: Int32Array;
  readonly t: Float32Array;
}

export function positions(size: number, out: number): Positions {
  const scale = scaleOf(size, out);
  return positionsOf(out, (i) => {
    const place = Math.fround((i + 0.5) * scale - 0.5);
    const at = Math.floor(place);
    return [at, place - at];
  });
}

/**
 * Where OpenCV's "area" mixes two pixels because it enlarges: as if pixels were squares, pixel i mixes those that the square from i · s to
 * (i + 1) · s meets, by how much of it lies in the second.
 */
export function areaPositions(size: number, out: number): Positions {
  const scale = scaleOf(size, out);
  return positionsOf(out, (i) => {
    const at = Math.floor(i * scale);
    const t = Math.fround(i + 1 - (at + 1) * (out / size));
    return [at, t <= 0 ? 0 : t - Math.floor(t)];
  });
}

function positionsOf(out: number, position: (i: number) => readonly [at: number, t: number]): Positions {
  const at = new Int32Array(out);
  const t = new Float32Array(out);
  for (let i = 0; i < out; i++) [at[i], t[i]] = position(i);
  return { at, t };
}

/** The table of two neighbours. */
export const linearTable = (size: number, { at, t }: Positions): AxisTable =>
  folded(size, at, 2, (i) => [1 - t[i], t[i]]);

/** Of the cubic convolution kernel (Keys 1981); OpenCV's and PyTorch's. */
const A = -0.75;

/** The table of four neighbours: |d| ≤ 1: (A + 2)|d|³ − (A + 3)|d|² + 1; |d| < 2: A|d|³ − 5A|d|² + 8A|d| − 4A, of distances d. */
export function cubicTable(size: number, { at, t }: Positions): AxisTable {
  const near = (d: number): number => ((A + 2) * d - (A + 3)) * d * d + 1;
  const far = (d: number): number => ((A * d - 5 * A) * d + 8 * A) * d - 4 * A;
  const first = at.map((i) => i - 1);
  return folded(size, first, 4, (i) => [far(1 + t[i]), near(t[i]), near(1 - t[i]), far(2 - t[i])]);
}

/** A table of `taps` neighbours from `first` on; those beyond an edge count as the pixel at the edge. */
function folded(
  size: number,
  first: Int32Array,
  taps: number,
  weightsOf: (i: number) => readonly number[],
): AxisTable {
  const kept = Math.min(taps, size);
  const table = emptyTable(first.length, kept);
  for (let i = 0; i < first.length; i++) {
    const from = Math.max(0, Math.min(first[i], size - kept));
    table.first[i] = from;
    table.count[i] = kept;
    weightsOf(i).forEach((weight, k) => {
      const pixel = Math.max(0, Math.min(first[i] + k, size - 1));
      table.weights[i * kept + pixel - from] += weight;
    });
  }
  return table;
}

/** Parts of a pixel that OpenCV leaves out. */
const SLIVER = 1e-3;

/**
 * The table of exact means over i · s to (i + 1) · s, s ≥ 1, each pixel by its part inside. With `sums` the weights are not divided by s: for
 * integer factors they are 1 then, and sums of bytes exact.
 */
export function areaTable(size: number, out: number, sums: boolean): AxisTable {
  const scale = size / out;
  const table = emptyTable(out, Math.ceil(scale) + (Number.isInteger(scale) ? 0 : 1));
  for (let i = 0; i < out; i++) {
    const from = i * scale;
    const to = from + scale;
    const cell = Math.min(scale, size - from);
    const last = Math.min(Math.floor(to), size - 1);
    const whole = Math.min(Math.ceil(from), last);
    const before = whole - from > SLIVER;
    const after = to - last > SLIVER;
    const first = before ? whole - 1 : whole;
    const end = after ? last + 1 : last;
    table.first[i] = first;
    table.count[i] = end - first;
    for (let p = first; p < end; p++) {
      const part = p < whole ? whole - from : p < last ? 1 : Math.min(to - last, 1, cell);
      table.weights[i * table.taps + p - first] = sums ? part : part / cell;
    }
  }
  return table;
}

const emptyTable = (out: number, taps: number): AxisTable => ({
  taps,
  first: new Int32Array(out),
  count: new Int32Array(out),
  weights: new Float32Array(out * taps),
});
