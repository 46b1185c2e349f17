// Tables of taps, as assembly/image-filter.ts reads them, and the stages that run over rows with them.
import { TAPS_COUNT, TAPS_FIRST, TAPS_ROUND, TAPS_SHIFT, TAPS_SIZE, TAPS_START } from "../runtime/wasm.ts";
import { Band, run, type Scratch } from "./band.ts";
import { hasAlpha } from "./image.ts";

/** A weight and where its pixel lies, seen from the centre. */
export interface Tap {
  readonly y: number;
  readonly x: number;
  readonly weight: number;
}

/** The weights of one axis: pixels are `at` away from the centre, in increasing order. */
export type Line = readonly { readonly at: number; readonly weight: number }[];

/** A weighted sum over a window. */
export interface Filter {
  /** Rows and columns before and after the centre that the window reaches to. */
  readonly before: readonly [y: number, x: number];
  readonly after: readonly [y: number, x: number];
  /** Its weights, or those of both axes, whose products they are. */
  readonly weights: readonly Tap[] | { readonly down: Line; readonly across: Line };
  /** Added to the sum. */
  readonly bias: number;
  /** Weights and bias are integers, of bytes; the sum is divided by 2^shift and rounded: at a half up, or to even. */
  readonly integers?: { readonly shift: number; readonly even: boolean };
}

/** The rows a stage works on. */
export interface Rows {
  /** Pixels of a row to make. */
  readonly width: number;
  readonly channels: number;
  /** Bytes from row to row of the input. */
  readonly pitch: number;
  /** The most rows at once. */
  readonly rows: number;
  /** Whether floats come out of a filter without integers. */
  readonly float: boolean;
}

/** A filter over rows in linear memory. What it needs was allocated when it was made. */
export interface Stage {
  /** Makes `count` rows from `input`, the centre of the first window; the centre moves by `inPitch` from row to row. */
  run(out: number, outPitch: number, input: number, inPitch: number, count: number): void;
}

/** A sum in one pass: a table of taps. */
interface Sum {
  readonly type: "f32" | "i16" | "pairs";
  /** One weight a tap, or two of pairs; and what they are for alpha. */
  readonly taps: readonly { offset: number; weights: readonly number[]; alpha: readonly number[] }[];
  /** What sums start with, and those of alpha. */
  readonly start?: readonly [number, number];
  readonly shift?: number;
  readonly even?: boolean;
}

/** The address of a table. */
function upload(
  scratch: Scratch,
  channels: number,
  { type, taps, start = [0, 0], shift = 0, even = false }: Sum,
): number {
  const words = new Int32Array((TAPS_FIRST + TAPS_SIZE * taps.length) / 4);
  words[TAPS_COUNT] = taps.length;
  words[TAPS_SHIFT] = shift;
  words[TAPS_ROUND] = even ? 1 : 0;
  const isAlpha = (lane: number): boolean => hasAlpha(channels) && lane % channels === channels - 1;
  const vector = (
    at: number,
    as: "f32" | "i16" | "i32",
    color: readonly number[],
    alpha: readonly number[],
  ): void => {
    const make = { f32: Float32Array, i16: Int16Array, i32: Int32Array }[as];
    const lanes = new make(words.buffer, at, 16 / make.BYTES_PER_ELEMENT);
    const each = color.length;
    lanes.forEach((_, i) => {
      lanes[i] = (isAlpha(Math.floor(i / each)) ? alpha : color)[i % each];
    });
  };
  vector(TAPS_START, type === "pairs" ? "i32" : type, [start[0]], [start[1]]);
  taps.forEach(({ offset, weights, alpha }, i) => {
    const at = TAPS_FIRST + TAPS_SIZE * i;
    vector(at, type === "pairs" ? "i16" : type, weights, alpha);
    words[at / 4 + 4] = offset;
  });
  return scratch.upload(words);
}

/** Taps of a row: `step` bytes from pixel to pixel; for alpha the centre weighs `alpha`. */
function lineTaps(line: Line, channels: number, step: number, alpha: number): Sum["taps"] {
  return withCentre(line, channels).map(({ at, weight }) => ({
    offset: at * step,
    weights: [weight],
    alpha: [at === 0 ? alpha : 0],
  }));
}

/** Alpha needs the centre. */
function withCentre(line: Line, channels: number): Line {
  if (!hasAlpha(channels) || line.some(({ at }) => at === 0)) return line;
  return [...line, { at: 0, weight: 0 }].sort((a, b) => a.at - b.at);
}

/** Neighbouring taps by twos; `left` pixels lie before the centre, `step` bytes from pixel to pixel. */
function pairTaps(line: Line, channels: number, left: number, step: number, alpha: number): Sum["taps"] {
  const all = withCentre(line, channels);
  const taps: { offset: number; weights: number[]; alpha: number[] }[] = [];
  for (let i = 0; i < all.length; i++) {
    const { at, weight } = all[i];
    const tap = { offset: (left + at) * step, weights: [weight, 0], alpha: [at === 0 ? alpha : 0, 0] };
    if (all[i + 1]?.at === at + 1) {
      tap.weights[1] = all[++i].weight;
      tap.alpha[1] = at === -1 ? alpha : 0;
    }
    taps.push(tap);
  }
  return taps;
}

/** The most and the least that a weighted sum of bytes can be. */
export function limits(weights: readonly { readonly weight: number }[]): { least: number; most: number } {
  let [least, most] = [0, 0];
  for (const { weight } of weights) {
    if (weight > 0) most += 255 * weight;
    else least += 255 * weight;
  }
  return { least, most };
}

const fits16 = (least: number, most: number): boolean => least >= -32768 && most <= 32767;

/** The most bits a sum of alpha may be shifted by: 255 << 7 is a positive i16, 255 << 8 a u16. */
const ALPHA_BITS = { i16: 7, u16: 8 };

/** Whether the sums of a filter of integers fit the integer kernels. */
export function fitsIntegers({ weights, bias, integers }: Filter): boolean {
  const { shift } = integers!;
  if ("down" in weights) {
    const down = limits(weights.down);
    const across = weights.across.reduce((sum, { weight }) => sum + Math.abs(weight), 0);
    return (
      shift <= 16 &&
      weights.across.every(({ weight }) => Math.abs(weight) <= 32767) &&
      (fits16(down.least, down.most) || (down.least === 0 && down.most <= 65535)) &&
      across * 65536 + Math.abs(bias) + 2 ** shift < 2 ** 31
    );
  }
  const { least, most } = limits(weights);
  return shift <= ALPHA_BITS.i16 && fits16(least + bias, most + bias + 2 ** shift / 2);
}

/** The stage of a filter. */
export function makeStage(scratch: Scratch, filter: Filter, rows: Rows): Stage {
  const { weights } = filter;
  if ("down" in weights) {
    const lines = { ...filter, weights };
    return filter.integers ? separableBytes(scratch, lines, rows) : separableFloats(scratch, lines, rows);
  }
  const { width, channels, pitch, float } = rows;
  const { bias, integers } = filter;
  const alpha = hasAlpha(channels);
  const all =
    alpha && !weights.some(({ y, x }) => y === 0 && x === 0)
      ? [...weights, { y: 0, x: 0, weight: 0 }]
      : weights;
  const size = integers ? 1 : 4;
  const table = upload(scratch, channels, {
    type: integers ? "i16" : "f32",
    taps: all.map(({ y, x, weight }) => ({
      offset: y * pitch + x * channels * size,
      weights: [weight],
      alpha: [y === 0 && x === 0 ? 2 ** (integers?.shift ?? 0) : 0],
    })),
    start: [bias, 0],
    ...integers,
  });
  const name = integers ? "image_filter_u8" : float ? "image_filter_f32" : "image_filter_f32_u8";
  return {
    run(out, outPitch, input, inPitch, count) {
      run(scratch.runtime, name, count, out, input, table, outPitch, inPitch, width * channels);
    },
  };
}

type Separable = Filter & { readonly weights: { readonly down: Line; readonly across: Line } };

function separableFloats(
  scratch: Scratch,
  filter: Separable,
  { width, channels, pitch, rows, float }: Rows,
): Stage {
  const { before, after, bias, weights } = filter;
  const left = before[1] * channels;
  const wide = (before[1] + width + after[1]) * channels;
  const band = new Band(scratch, rows, wide, 4);
  const down = upload(scratch, channels, { type: "f32", taps: lineTaps(weights.down, channels, pitch, 1) });
  const across = upload(scratch, channels, {
    type: "f32",
    taps: lineTaps(weights.across, channels, channels * 4, 1),
    start: [bias, 0],
  });
  const name = float ? "image_filter_f32" : "image_filter_f32_u8";
  return {
    run(out, outPitch, input, inPitch, count) {
      const { runtime } = scratch;
      run(
        runtime,
        "image_filter_f32",
        count,
        band.address,
        input - left * 4,
        down,
        band.pitch,
        inPitch,
        wide,
      );
      run(runtime, name, count, out, band.address + left * 4, across, outPitch, band.pitch, width * channels);
    },
  };
}

/** How many bits all weights end with zeros, and the weights without them. */
function withoutZeros(line: Line): { line: Line; bits: number } {
  let bits = 0;
  const all = line.reduce((sum, { weight }) => sum | weight, 0);
  if (all !== 0) while (((all >> bits) & 1) === 0) bits++;
  return { line: line.map(({ at, weight }) => ({ at, weight: weight / 2 ** bits })), bits };
}

function separableBytes(scratch: Scratch, filter: Separable, rows: Rows): Stage {
  const { before, after, bias, weights, integers } = filter;
  const { width, channels, pitch } = rows;
  const { even, shift } = integers!;
  const left = before[1] * channels;
  const n = width * channels;
  const wide = left + n + after[1] * channels;
  const band = new Band(scratch, rows.rows, wide, 2);
  const { runtime } = scratch;

  // Zeros that both weights and the divisor end with make no difference.
  const small = { down: withoutZeros(weights.down), across: withoutZeros(weights.across) };
  const zeros = small.down.bits + small.across.bits;
  const ends = sumLimits(small.down.line, small.across.line);
  const short = shift - zeros;
  const inWords =
    bias === 0 && short > 0
      ? short <= ALPHA_BITS.u16 && ends.least >= 0 && ends.most + 2 ** short / 2 <= 65535
      : shift === 0 && zeros === 0 && fits16(ends.least + bias, ends.most + bias);
  if (inWords) {
    // For alpha the centre weighs what the sum is divided by.
    const down = upload(scratch, channels, {
      type: "i16",
      taps: lineTaps(small.down.line, channels, pitch, 2 ** short),
    });
    const across = upload(scratch, channels, {
      type: "i16",
      taps: lineTaps(small.across.line, channels, channels * 2, 1),
      start: [bias, 0],
      shift: short,
      even,
    });
    return {
      run(out, outPitch, input, inPitch, count) {
        run(
          runtime,
          "image_filter_u8_i16",
          count,
          band.address,
          input - left,
          down,
          band.pitch,
          inPitch,
          wide,
        );
        run(
          runtime,
          "image_filter_i16_u8",
          count,
          out,
          band.address + left * 2,
          across,
          outPitch,
          band.pitch,
          n,
        );
      },
    };
  }

  // Sums of columns of up to 2^16 are made signed by starting with -2^15; what that takes away from the whole is added again.
  const { least, most } = limits(weights.down);
  const offset = fits16(least, most) ? 0 : 32768;
  const alphaDown = 2 ** Math.min(shift, ALPHA_BITS.i16);
  const alphaAcross = 2 ** shift / alphaDown;
  const sum = weights.across.reduce((a, { weight }) => a + weight, 0);
  const down = upload(scratch, channels, {
    type: "i16",
    taps: lineTaps(weights.down, channels, pitch, alphaDown),
    start: [-offset, -offset],
  });
  const across = upload(scratch, channels, {
    type: "pairs",
    taps: pairTaps(weights.across, channels, before[1], channels * 4, alphaAcross),
    start: [bias + offset * sum, offset * alphaAcross],
    shift,
    even,
  });
  const pairs = new Band(scratch, rows.rows, wide, 4);
  return {
    run(out, outPitch, input, inPitch, count) {
      run(runtime, "image_filter_u8_i16", count, band.address, input - left, down, band.pitch, inPitch, wide);
      run(
        runtime,
        "image_pairs_i16",
        count,
        pairs.address,
        band.address,
        pairs.pitch,
        band.pitch,
        channels,
        wide,
      );
      run(runtime, "image_dot_i16_u8", count, out, pairs.address, across, outPitch, pairs.pitch, n);
    },
  };
}

/** Of all the products of both. */
function sumLimits(down: Line, across: Line): { least: number; most: number } {
  const products = down.flatMap((a) => across.map((b) => ({ weight: a.weight * b.weight })));
  return limits(products);
}
