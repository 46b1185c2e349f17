// Filters over rows in linear memory: which kernels run, with which tables.
import { Band, bandPitch, run, type Scratch } from "./band.ts";
import { hasAlpha } from "./image.ts";
import {
  type Filter,
  fiveOf,
  fiveTaps,
  type Line,
  limits,
  lineTaps,
  pairTaps,
  productLimits,
  type Sum,
  type Tap,
  upload,
} from "./taps.ts";

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
  const triples = triplesFor(filter, channels, float);
  const size = integers || triples ? 1 : 4;
  const table = upload(scratch, channels, {
    type: integers ? "i16" : "f32",
    taps: (triples ?? withCentre(weights, channels)).map(({ y, x, weight }) => ({
      offset: y * pitch + x * channels * size,
      weights: [weight],
      alpha: [y === 0 && x === 0 ? 2 ** (integers?.shift ?? 0) : 0],
    })),
    start: [bias, 0],
    ...integers,
  });
  const floats = triples ? "image_triples_u8" : float ? "image_filter_f32" : "image_filter_f32_u8";
  const name = integers ? "image_filter_u8" : floats;
  return {
    run(out, outPitch, input, inPitch, count) {
      run(scratch.runtime, name, count, out, input, table, outPitch, inPitch, width * channels);
    },
  };
}

/** Alpha needs the centre. */
const withCentre = (taps: readonly Tap[], channels: number): readonly Tap[] =>
  hasAlpha(channels) && !taps.some(({ y, x }) => y === 0 && x === 0)
    ? [...taps, { y: 0, x: 0, weight: 0 }]
    : taps;

/** The taps for image_triples_u8, where it is the kernel to use: for four channels, bytes out of bytes. */
const triplesFor = (
  { weights, integers }: Filter,
  channels: number,
  float: boolean,
): readonly Tap[] | undefined =>
  channels === 4 && !integers && !float && !("down" in weights) ? triplesOf(weights) : undefined;

/** Whether the stage of a filter takes rows of bytes rather than floats. */
export const takesBytes = (filter: Filter, channels: number, float: boolean): boolean =>
  filter.integers !== undefined || triplesFor(filter, channels, float) !== undefined;

/** All three taps of every row of a window of three columns, the centre's among them; undefined where that is a detour. */
function triplesOf(taps: readonly Tap[]): readonly Tap[] | undefined {
  if (taps.some(({ x }) => Math.abs(x) > 1)) return undefined;
  const rows = [...new Set([0, ...taps.map(({ y }) => y)])];
  const all = rows.flatMap((y) =>
    [-1, 0, 1].map((x) => ({ y, x, weight: taps.find((tap) => tap.y === y && tap.x === x)?.weight ?? 0 })),
  );
  return all.length <= taps.length * MOST_EMPTY ? all : undefined;
}

/** Three taps side by side cost what two others do. */
const MOST_EMPTY = 1.4;

/** Bytes of the rows between two passes: they are made and read again while they are in cache. */
const GROUP_BYTES = 96 * 1024;

/** Rows of so many bytes that pass through all passes together: a few, and one for every thread. */
const groupOf = (scratch: Scratch, rows: number, rowBytes: number): number =>
  Math.min(rows, Math.max(scratch.runtime.executor.threads, Math.floor(GROUP_BYTES / rowBytes)));

/** A stage that makes rows in groups. */
const inGroups = (group: number, stage: Stage): Stage => ({
  run(out, outPitch, input, inPitch, count) {
    for (let y = 0; y < count; y += group)
      stage.run(out + y * outPitch, outPitch, input + y * inPitch, inPitch, Math.min(group, count - y));
  },
});

type Separable = Filter & { readonly weights: { readonly down: Line; readonly across: Line } };

function separableFloats(
  scratch: Scratch,
  filter: Separable,
  { width, channels, pitch, rows, float }: Rows,
): Stage {
  const { before, after, bias, weights } = filter;
  const left = before[1] * channels;
  const wide = (before[1] + width + after[1]) * channels;
  const group = groupOf(scratch, rows, bandPitch(wide, 4));
  const band = new Band(scratch, group, wide, 4);
  const down = upload(scratch, channels, { type: "f32", taps: lineTaps(weights.down, channels, pitch, 1) });
  const across = upload(scratch, channels, {
    type: "f32",
    taps: lineTaps(weights.across, channels, channels * 4, 1),
    start: [bias, 0],
  });
  const name = float ? "image_filter_f32" : "image_filter_f32_u8";
  return inGroups(group, {
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
  });
}

/** How many bits all weights end with zeros, and the weights without them. */
function withoutZeros(line: Line): { line: Line; bits: number } {
  let bits = 0;
  const all = line.reduce((sum, { weight }) => sum | weight, 0);
  if (all !== 0) while (((all >> bits) & 1) === 0) bits++;
  return { line: line.map(({ at, weight }) => ({ at, weight: weight / 2 ** bits })), bits };
}

function separableBytes(scratch: Scratch, filter: Separable, rows: Rows): Stage {
  const { weights, bias, integers } = filter;
  const { even, shift } = integers!;
  // Zeros that both weights and the divisor end with make no difference.
  const small = { down: withoutZeros(weights.down), across: withoutZeros(weights.across) };
  const zeros = small.down.bits + small.across.bits;
  const { least, most } = productLimits(small.down.line, small.across.line);
  const short = shift - zeros;
  const inWords =
    bias === 0 && short > 0
      ? short <= ALPHA_BITS.u16 && least >= 0 && most + 2 ** short / 2 <= 65535
      : shift === 0 && zeros === 0 && fits16(least + bias, most + bias);
  if (!inWords) return separableDots(scratch, filter, rows);
  const lines = { down: small.down.line, across: small.across.line };
  return separableWords(scratch, { ...filter, weights: lines, integers: { shift: short, even } }, rows);
}

/** Whether the kernels for windows of 5 x 5 and four channels can make it: they round a half up. */
const isWindow = ({ before, integers }: Separable, across: Line | undefined, channels: number): boolean =>
  channels === 4 && before[1] === 2 && across?.[0].at === -2 && across[1].at === -1 && !integers!.even;

/** All sums in 16 bits. */
function separableWords(scratch: Scratch, filter: Separable, rows: Rows): Stage {
  const { before, after, bias, weights, integers } = filter;
  const { width, channels, pitch } = rows;
  const { shift } = integers!;
  const { runtime } = scratch;
  const left = before[1] * channels;
  const n = width * channels;
  const five = { down: fiveOf(weights.down), across: fiveOf(weights.across) };
  // For alpha the centre weighs what the sum is divided by.
  const tall = five.down
    ? fiveTaps(five.down, pitch, 2 ** shift)
    : lineTaps(weights.down, channels, pitch, 2 ** shift);
  const down = upload(scratch, channels, { type: "i16", taps: tall });
  if (five.down && isWindow(filter, five.across, channels)) {
    const half = (2 ** shift) >> 1;
    const sum: Sum = { type: "i16", taps: fiveTaps(five.across!, 8, 1), start: [bias + half, half], shift };
    const across = upload(scratch, channels, sum);
    return {
      run(out, outPitch, input, inPitch, count) {
        run(runtime, "image_window_u8", count, out, input, down, across, outPitch, inPitch, n);
      },
    };
  }
  const across = upload(scratch, channels, {
    ...{ type: "i16", taps: lineTaps(weights.across, channels, channels * 2, 1) },
    ...{ start: [bias, 0], ...integers },
  });
  const wide = left + n + after[1] * channels;
  const group = groupOf(scratch, rows.rows, bandPitch(wide, 2));
  const band = new Band(scratch, group, wide, 2);
  const columns = five.down ? "image_five_u8_i16" : "image_filter_u8_i16";
  return inGroups(group, {
    run(out, outPitch, input, inPitch, count) {
      const row = band.address + left * 2;
      run(runtime, columns, count, band.address, input - left, down, band.pitch, inPitch, wide);
      run(runtime, "image_filter_i16_u8", count, out, row, across, outPitch, band.pitch, n);
    },
  });
}

/** Sums along rows in 32 bits. */
function separableDots(scratch: Scratch, filter: Separable, rows: Rows): Stage {
  const { before, after, bias, weights, integers } = filter;
  const { width, channels, pitch } = rows;
  const { even, shift } = integers!;
  const { runtime } = scratch;
  const left = before[1] * channels;
  const n = width * channels;
  // Sums of columns of up to 2^16 are made signed by starting with -2^15; what that takes away from the whole is added again.
  const { least, most } = limits(weights.down);
  const offset = fits16(least, most) ? 0 : 32768;
  const alphaDown = 2 ** Math.min(shift, ALPHA_BITS.i16);
  const alphaAcross = 2 ** shift / alphaDown;
  const added = weights.across.reduce((sum, { weight }) => sum + weight, 0) * offset + bias;
  const five = { down: fiveOf(weights.down), across: fiveOf(weights.across) };
  const down = upload(scratch, channels, {
    type: "i16",
    taps: five.down
      ? fiveTaps(five.down, pitch, alphaDown)
      : lineTaps(weights.down, channels, pitch, alphaDown),
    start: [-offset, -offset],
  });
  if (five.down && isWindow(filter, five.across, channels)) {
    const half = Math.floor(2 ** shift / 2);
    // Of the outer and the inner weight each twice: for the pixels on both sides.
    const taps = fiveTaps(five.across!, 8, alphaAcross).map((tap, i) =>
      i === 2 ? tap : { ...tap, weights: [tap.weights[0], tap.weights[0]], alpha: [0, 0] },
    );
    const start = [added + half, offset * alphaAcross + half] as const;
    const across = upload(scratch, channels, { type: "pairs", taps, start, shift });
    return {
      run(out, outPitch, input, inPitch, count) {
        run(runtime, "image_window_dot_u8", count, out, input, down, across, outPitch, inPitch, n);
      },
    };
  }
  const across = upload(scratch, channels, {
    type: "pairs",
    taps: pairTaps(weights.across, channels, before[1], channels * 4, alphaAcross),
    ...{ start: [added, offset * alphaAcross], shift, even },
  });
  const wide = left + n + after[1] * channels;
  const group = groupOf(scratch, rows.rows, bandPitch(wide, 2) + bandPitch(wide, 4));
  const band = new Band(scratch, group, wide, 2);
  const pairs = new Band(scratch, group, wide, 4);
  const columns = five.down ? "image_five_u8_i16" : "image_filter_u8_i16";
  return inGroups(group, {
    run(out, outPitch, input, inPitch, count) {
      const paired = [pairs.address, band.address, pairs.pitch, band.pitch, channels, wide] as const;
      run(runtime, columns, count, band.address, input - left, down, band.pitch, inPitch, wide);
      run(runtime, "image_pairs_i16", count, ...paired);
      run(runtime, "image_dot_i16_u8", count, out, pairs.address, across, outPitch, pairs.pitch, n);
    },
  });
}
