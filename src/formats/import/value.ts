// Values of a file's graph, as its operators see them, and where the model under construction has them.

import type { DType, Shape } from "../../tensor.ts";
import type { Constant, ValueType } from "./constant.ts";

/** A tensor that an input or a layer of the model makes: the name by which layers read it, and its axes as they lie. */
export interface Stored {
  readonly ref: string;
  readonly shape: Shape;
  readonly dtype: DType;
}

/**
 * A tensor of the file's graph. It is known, or an input or a layer makes it. Then its axes may lie in another order than the file's operators
 * count them in: transposing is a change of `order` alone, until a layer needs the values in a certain order.
 */
export interface Value {
  /** As the file's operators see it. */
  readonly shape: Shape;
  readonly type: ValueType;
  /** Its numbers, where they are known. */
  readonly constant?: Constant;
  /** What makes it, where they are not. */
  readonly stored?: Stored;
  /** Axis i of what is stored is axis order[i] of the value. */
  readonly order: readonly number[];
  /** The value it was flattened from, if axes of that lie in another order than the file flattens them in: [n, ...] made [n, m]. */
  readonly flattened?: Value;
}

/** A value that a layer makes. */
export interface StoredValue extends Value {
  readonly stored: Stored;
}

export const identityOrder = (rank: number): number[] => Array.from({ length: rank }, (_, i) => i);

export const knownValue = (constant: Constant): Value => ({
  shape: constant.shape,
  type: constant.type,
  constant,
  order: identityOrder(constant.shape.length),
});

/** A value that lies as `order` says. */
export function storedValue(
  stored: Stored,
  type: ValueType,
  order: readonly number[] = identityOrder(stored.shape.length),
): StoredValue {
  const shape = new Array<number>(order.length);
  order.forEach((axis, i) => {
    shape[axis] = stored.shape[i];
  });
  return { shape, type, stored, order };
}

/** One thing per axis of a value, in the order in which its axes lie. */
export const asItLies = <T>(perAxis: readonly T[], order: readonly number[]): T[] =>
  order.map((axis) => perAxis[axis]);

export function storedOf(value: Value): StoredValue {
  if (!value.stored) throw new Error("internal: a constant is no stored value");
  return value as StoredValue;
}
