// Copies of boxes whose axes have other strides on both sides. Transpose, concat, slice, split, pad and the exchanges of depth
// and space differ only in the axes they hand over.
import { type Emitter, isEmpty, type Shape, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { COPY } from "../runtime/plan.ts";
import { copyShape } from "../runtime/records.ts";
import { COPY_RANK, COPY_ROWS, COPY_SCATTERED, COPY_TRANSPOSE } from "../runtime/wasm.ts";

/** One axis of a box: its length, and the bytes from one index to the next in the output and in the input. */
export interface StridedAxis {
  size: number;
  out: number;
  x: number;
}

/** The part of a value from index `begin` on. */
export function partOf(value: Value, begin: Shape, shape: Shape): Value {
  const { dtype, base, strides } = value;
  return { shape, dtype, base: base.plus(strides.reduce((sum, s, i) => sum + s * begin[i], 0)), strides };
}

/** Writes the calls that copy `x` to `out`, which have the same shape and any strides; none where there is nothing to copy. */
export function copyValue(e: Emitter, out: Value, x: Value): void {
  if (isEmpty(x)) return;
  const axes = x.shape.map((size, i) => ({ size, out: out.strides[i], x: x.strides[i] }));
  stridedCopy(e, out.base, x.base, axes);
}

/** Writes the calls that copy the box from `x` to `out`; both begin at index 0 of every axis. */
export function stridedCopy(e: Emitter, out: Address, x: Address, axes: readonly StridedAxis[]): void {
  copyBox(e, out, x, collapse(axes));
}

/** Drops axes of length 1, orders the rest by their stride in the output, and joins those that are one on both sides. */
export function collapse(axes: readonly StridedAxis[]): StridedAxis[] {
  const ordered = axes.filter((a) => a.size > 1).sort((a, b) => b.out - a.out);
  const joined: StridedAxis[] = [];
  for (const axis of ordered) {
    const outer = joined.at(-1);
    if (outer && outer.out === axis.size * axis.out && outer.x === axis.size * axis.x)
      joined[joined.length - 1] = { ...axis, size: outer.size * axis.size };
    else joined.push(axis);
  }
  return joined.length > 0 ? joined : [{ size: 1, out: 4, x: 4 }];
}

function copyBox(e: Emitter, out: Address, x: Address, box: readonly StridedAxis[]): void {
  if (box.length > COPY_RANK) {
    // More axes than the kernel has: a loop along the shortest one.
    const axis = box.reduce((a, b) => (b.size < a.size ? b : a));
    const rest = box.filter((a) => a !== axis);
    e.loop(axis.size, (loop) => copyBox(e, out.stepping(loop, axis.out), x.stepping(loop, axis.x), rest));
    return;
  }
  const { mode, axes, tile } = arrange(box);
  const shape = copyShape({
    mode,
    size: axes.map((a) => a.size),
    outStrides: axes.map((a) => a.out),
    xStrides: axes.map((a) => a.x),
    tile,
  });
  const units = axes.reduce((n, axis, i) => n * Math.ceil(axis.size / (i < 3 ? 1 : tile[i - 3])), 1);
  e.call("strided_copy_f32", units, [out, x, e.record(shape)]);
}

/** Picks how to copy, the order of the six axes, and the extent of a unit along the last three. */
function arrange(box: readonly StridedAxis[]): { mode: number; axes: StridedAxis[]; tile: number[] } {
  const large = box.reduce((n, a) => n * a.size, 1) > COPY.large;
  const inOut = box.find((a) => a.out === 4);
  const inX = box.find((a) => a.x === 4);
  let mode = COPY_SCATTERED;
  // Inner loops want length first, then short strides: axes come with falling strides.
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
    reach = large ? COPY.transposeLarge : COPY.transpose;
    unit = reach * reach;
  }
  const outer = box.filter((a) => !last.includes(a));
  // Past the caches, short axes run inside long ones: few streams side by side, each of them without gaps.
  if (large) outer.sort((a, b) => Number(a.size <= COPY.short) - Number(b.size <= COPY.short));
  const axes = [...outer, ...last];
  while (axes.length < COPY_RANK) axes.unshift({ size: 1, out: 0, x: 0 });
  // A short axis leaves its share of the unit to the others.
  const [size3, size4, size5] = axes.slice(3).map((a) => a.size);
  const part = (size: number, share: number): number => Math.min(size, Math.max(1, Math.floor(share)));
  const tile5 = part(size5, mode === COPY_TRANSPOSE ? Math.max(reach, unit / size4) : reach);
  const tile4 = part(size4, unit / tile5);
  const tile3 = part(size3, unit / (tile4 * tile5));
  return { mode, axes, tile: [tile3, tile4, tile5] };
}
