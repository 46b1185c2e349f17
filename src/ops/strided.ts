// Moving a box of floats whose axes step differently on both sides. Transpose, concat, slice, split, pad and the
// two depth/space exchanges differ only in the axes they hand over.

import { type Emitter, fields, type Shape } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { COPY } from "../runtime/plan.ts";
import {
  COPY_DIMS,
  COPY_MODE,
  COPY_OUT,
  COPY_RANK,
  COPY_ROWS,
  COPY_SCATTERED,
  COPY_TILE,
  COPY_TRANSPOSE,
  COPY_X,
} from "../runtime/wasm.ts";

/** One axis of the box: its length, and how many floats one step along it is in the output and in the input. */
export interface StridedAxis {
  size: number;
  out: number;
  x: number;
}

/** Steps in floats of a dense row-major tensor. */
export function denseSteps(shape: Shape): number[] {
  const steps = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) steps[i] = steps[i + 1] * shape[i + 1];
  return steps;
}

/** Drops axes of length 1, orders the rest by their step in the output, and joins those that are one on both sides. */
export function collapse(axes: readonly StridedAxis[]): StridedAxis[] {
  const ordered = axes.filter((a) => a.size > 1).sort((a, b) => b.out - a.out);
  const joined: StridedAxis[] = [];
  for (const axis of ordered) {
    const outer = joined.at(-1);
    if (outer && outer.out === axis.size * axis.out && outer.x === axis.size * axis.x)
      joined[joined.length - 1] = { ...axis, size: outer.size * axis.size };
    else joined.push(axis);
  }
  return joined.length > 0 ? joined : [{ size: 1, out: 1, x: 1 }];
}

/** Writes the calls that copy the box from `x` to `out`; both begin at index 0 of every axis. */
export function stridedCopy(e: Emitter, out: Address, x: Address, axes: readonly StridedAxis[]): void {
  copyBox(e, out, x, collapse(axes));
}

function copyBox(e: Emitter, out: Address, x: Address, box: StridedAxis[]): void {
  if (box.length > COPY_RANK) {
    // One call per step along the shortest axis.
    const axis = box.reduce((a, b) => (b.size < a.size ? b : a));
    const rest = box.filter((a) => a !== axis);
    for (let i = 0; i < axis.size; i++) copyBox(e, out.plus(i * axis.out * 4), x.plus(i * axis.x * 4), rest);
    return;
  }
  const { mode, axes, tile } = arrange(box);
  const record = fields({
    [COPY_MODE]: [mode],
    [COPY_DIMS]: axes.map((a) => a.size),
    [COPY_OUT]: axes.map((a) => a.out),
    [COPY_X]: axes.map((a) => a.x),
    [COPY_TILE]: tile,
  });
  const units = axes.reduce((n, axis, i) => n * Math.ceil(axis.size / (i < 3 ? 1 : tile[i - 3])), 1);
  e.call("strided_copy_f32", units, [out, x, e.table(record)]);
}

/** Picks the way to copy, the order of the six axes, and the extent of a unit along the last three. */
function arrange(box: StridedAxis[]): { mode: number; axes: StridedAxis[]; tile: number[] } {
  const large = box.reduce((n, a) => n * a.size, 1) > COPY.large;
  const inOut = box.find((a) => a.out === 1);
  const inX = box.find((a) => a.x === 1);
  let mode = COPY_SCATTERED;
  // Inner loops want length first, then short steps: axes come with falling steps.
  let last = [box.findLast((a) => a.size >= COPY.long) ?? box.reduce((a, b) => (b.size >= a.size ? b : a))];
  let unit = COPY.unit;
  let reach = COPY.scatter;
  if (inOut && inOut === inX) {
    mode = COPY_ROWS;
    last = [inOut];
    reach = COPY.unit;
  } else if (inOut && inX && inOut.size * inX.size > COPY.tiny) {
    mode = COPY_TRANSPOSE;
    last = [inX, inOut];
    reach = large ? COPY.turnLarge : COPY.turn;
    unit = reach * reach;
  }
  const outer = box.filter((a) => !last.includes(a));
  // Past the caches, short axes run inside long ones: few streams side by side, each of them without gaps.
  if (large) outer.sort((a, b) => Number(a.size <= COPY.short) - Number(b.size <= COPY.short));
  const axes = [...outer, ...last];
  while (axes.length < COPY_RANK) axes.unshift({ size: 1, out: 0, x: 0 });
  // A short axis leaves its share of the unit to the others.
  const [, , , size3, size4, size5] = axes.map((a) => a.size);
  const part = (size: number, share: number): number => Math.min(size, Math.max(1, Math.floor(share)));
  const tile5 = part(size5, mode === COPY_TRANSPOSE ? Math.max(reach, unit / size4) : reach);
  const tile4 = part(size4, unit / tile5);
  const tile3 = part(size3, unit / (tile4 * tile5));
  return { mode, axes, tile: [tile3, tile4, tile5] };
}
