// Axes in other orders, and other shapes, without moving values wherever that can be: a transposition is noted, and only written as a layer
// when a later one needs the values in a certain order.

import type { LayerEmitter } from "./emit.ts";
import { asItLies, identityOrder, type Stored, type StoredValue, storedValue } from "./value.ts";

/** Thrown where a model's first axis turns out to be no batch: the graph mixes or moves its images. */
export class NotBatched extends Error {}

/** Axes of a value before and after a reshape that hold the same elements. */
interface AxisGroup {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

export class Arranger {
  readonly #emitter: LayerEmitter;
  /** Whether axis 0 of everything stored is the batch, whose size is open. */
  readonly #batched: boolean;
  /** What has been put in another order, by the name of what it was and the order. */
  readonly #arranged = new Map<string, Stored>();

  constructor(emitter: LayerEmitter, batched: boolean) {
    this.#emitter = emitter;
    this.#batched = batched;
  }

  /** The value with its axes stored in that order. */
  inOrder(value: StoredValue, order: readonly number[]): StoredValue {
    const { stored, type } = value;
    const perm = order.map((axis) => value.order.indexOf(axis));
    if (perm.every((axis, i) => axis === i)) return value;
    if (this.#batched && perm[0] !== 0) throw new NotBatched();
    const key = `${stored.ref}|${perm}`;
    let moved = this.#arranged.get(key);
    if (!moved) {
      // Axes of size 1 hold no order: without them nothing may be left to move.
      const long = perm.filter((axis) => stored.shape[axis] > 1);
      const shape = perm.map((axis) => stored.shape[axis]);
      if (long.every((axis, i) => i === 0 || axis > long[i - 1])) moved = this.#under(stored, shape);
      else [moved] = this.#emitter.layer("transpose", [stored], { perm }, {}, `${stored.ref}/transpose`);
      this.#arranged.set(key, moved);
    }
    return storedValue(moved, type, order);
  }

  /** The value with its axes stored as the file counts them. */
  plain(value: StoredValue): StoredValue {
    return this.inOrder(value, identityOrder(value.shape.length));
  }

  /** Axis i of the result is axis perm[i] of the value. Nothing moves. */
  transposed({ stored, type, order }: StoredValue, perm: readonly number[]): StoredValue {
    if (this.#batched && perm[0] !== 0) throw new NotBatched();
    return storedValue(
      stored,
      type,
      order.map((axis) => perm.indexOf(axis)),
    );
  }

  /** The elements under another shape, counted in the file's order. Moves values only where axes are joined that do not lie side by side. */
  reshaped(value: StoredValue, shape: readonly number[]): StoredValue {
    this.#checkBatch(shape);
    const groups = groupAxes(value.shape, shape);
    let lying = value;
    let long = value.order.filter((axis) => value.shape[axis] > 1);
    const position = (axis: number): number => long.indexOf(axis);
    const adjacent = ({ from }: AxisGroup): boolean =>
      from.every((axis, i) => position(axis) === position(from[0]) + i);
    if (!groups.every(adjacent)) {
      const order = [...groups]
        .sort((a, b) => position(a.from.at(-1)!) - position(b.from.at(-1)!))
        .flatMap(({ from }) => from);
      const rest = value.order.filter((axis) => value.shape[axis] === 1);
      // The batch stays in front, though its size may be 1.
      const first = this.#batched ? [0] : [];
      lying = this.inOrder(value, [...new Set([...first, ...order, ...rest])]);
      long = order;
    }
    const order = long.flatMap((axis) => groups.find(({ from }) => from[0] === axis)?.to ?? []);
    // Axes of size 1 go behind the axis that is before them.
    shape.forEach((size, axis) => {
      if (size === 1) order.splice(axis === 0 ? 0 : order.indexOf(axis - 1) + 1, 0, axis);
    });
    return storedValue(this.#under(lying.stored, asItLies(shape, order)), value.type, order);
  }

  /** [n, ...] under the shape [n, m], in the order in which it lies. */
  flattened({ stored, type, shape }: StoredValue): StoredValue {
    this.#checkBatch(shape);
    const size = stored.shape.reduce((product, d) => product * d, 1);
    return storedValue(this.#under(stored, [shape[0], size / shape[0]]), type);
  }

  /** Another shape of what lies there. */
  #under(stored: Stored, shape: readonly number[]): Stored {
    if (String(shape) === String(stored.shape)) return stored;
    const config = { shape: this.#batched ? [0, ...shape.slice(1)] : shape };
    return this.#emitter.layer("reshape", [stored], config, {}, `${stored.ref}/reshape`)[0];
  }

  #checkBatch(shape: readonly number[]): void {
    if (this.#batched && shape[0] !== 1) throw new NotBatched();
  }
}

/** The smallest groups of axes, all but those of size 1, that hold the same elements before and after. */
function groupAxes(before: readonly number[], after: readonly number[]): AxisGroup[] {
  const long = (shape: readonly number[]): number[] =>
    shape.flatMap((size, axis) => (size === 1 ? [] : [axis]));
  const [ins, outs] = [long(before), long(after)];
  const groups: AxisGroup[] = [];
  for (let [i, j] = [0, 0]; i < ins.length; ) {
    const [firstIn, firstOut] = [i, j];
    let [left, right] = [before[ins[i++]], after[outs[j++]]];
    while (left !== right)
      if (left < right) left *= before[ins[i++]];
      else right *= after[outs[j++]];
    groups.push({ from: ins.slice(firstIn, i), to: outs.slice(firstOut, j) });
  }
  return groups;
}
