// Weighted sums over windows, and their tables of taps as assembly/image-filter.ts reads them.
import { TAPS_COUNT, TAPS_FIRST, TAPS_ROUND, TAPS_SHIFT, TAPS_SIZE, TAPS_START } from "../runtime/wasm.ts";
import type { Scratch } from "./band.ts";
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

/** A sum in one pass: a table of taps. */
export interface Sum {
  readonly type: "f32" | "i16" | "pairs";
  /** One weight a tap, or two of pairs; and what they are for alpha. */
  readonly taps: readonly { offset: number; weights: readonly number[]; alpha: readonly number[] }[];
  /** What sums start with, and those of alpha. */
  readonly start?: readonly [number, number];
  readonly shift?: number;
  readonly even?: boolean;
}

/** The address of a table. */
export function upload(
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
export function lineTaps(line: Line, channels: number, step: number, alpha: number): Sum["taps"] {
  return withCentre(line, channels).map(({ at, weight }) => ({
    offset: at * step,
    weights: [weight],
    alpha: [at === 0 ? alpha : 0],
  }));
}

/**
 * A symmetric line of at most five weights as the kernels for five take it: outer, inner, centre, inner, outer; those it has not are 0 and
 * lie at the centre. Undefined where it is none.
 */
export function fiveOf(line: Line): readonly { readonly at: number; readonly weight: number }[] | undefined {
  const weightAt = (x: number): number => line.find(({ at }) => at === x)?.weight ?? 0;
  const sides = line.filter(({ at, weight }) => at > 0 && weightAt(-at) === weight);
  const centre = weightAt(0);
  if (sides.length > 2 || 2 * sides.length + (centre ? 1 : 0) !== line.length) return undefined;
  const [inner, outer] = [...sides, NONE, NONE];
  const mirrored = ({ at, weight }: Line[number]) => ({ at: -at, weight });
  return [mirrored(outer), mirrored(inner), { at: 0, weight: centre }, inner, outer];
}

const NONE: Line[number] = { at: 0, weight: 0 };

/** The taps of such a line. `alpha` is the weight of alpha in the centre. */
export const fiveTaps = (five: Line, step: number, alpha: number): Sum["taps"] =>
  five.map(({ at, weight }, i) => ({
    offset: at * step,
    weights: [weight],
    alpha: [i === 2 ? alpha : 0],
  }));

/** Alpha needs the centre. */
function withCentre(line: Line, channels: number): Line {
  if (!hasAlpha(channels) || line.some(({ at }) => at === 0)) return line;
  return [...line, { at: 0, weight: 0 }].sort((a, b) => a.at - b.at);
}

/** Neighbouring taps by twos; `left` pixels lie before the centre, `step` bytes from pixel to pixel. */
export function pairTaps(
  line: Line,
  channels: number,
  left: number,
  step: number,
  alpha: number,
): Sum["taps"] {
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

/** The same of all products of two lines. */
export function productLimits(down: Line, across: Line): { least: number; most: number } {
  const [a, b] = [limits(down), limits(across)];
  return {
    least: (a.least * b.most + a.most * b.least) / 255,
    most: (a.least * b.least + a.most * b.most) / 255,
  };
}
