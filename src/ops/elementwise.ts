// Two tensors value by value, with NumPy broadcasting; and x · scale + offset.

import { ShapeError } from "../errors.ts";
import { type Emitter, fields, float32, type Op, type Shape, sizeOf, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { BROADCAST } from "../runtime/plan.ts";
import {
  BROADCAST_A_BLOCK,
  BROADCAST_A_STEP,
  BROADCAST_AXES,
  BROADCAST_B_BLOCK,
  BROADCAST_B_STEP,
  BROADCAST_BLOCK,
  BROADCAST_RUN,
  MAP_BLOCK,
} from "../runtime/wasm.ts";
import { arity, checkShape, finite, requireFloats, show } from "./check.ts";

export type BinaryKind = "add" | "sub" | "mul" | "div" | "min" | "max";

export interface BinaryParams {
  kind: BinaryKind;
}

export interface AffineParams {
  scale: number;
  offset: number;
}

/** One axis of the output, and how many floats each operand moves along it: 0 where it is repeated. */
interface Axis {
  size: number;
  a: number;
  b: number;
}

const KERNELS = {
  add: "add_f32",
  sub: "sub_f32",
  mul: "mul_f32",
  div: "div_f32",
  min: "min_f32",
  max: "max_f32",
} as const;

type BroadcastKernel = (typeof KERNELS)[BinaryKind] | "equal_f32" | "max_share_f32" | "prelu_f32";

/** Kernels that take a repeated operand only as b: theirs may be swapped. */
const COMMUTE: ReadonlySet<string> = new Set(["add_f32", "mul_f32", "min_f32", "max_f32", "equal_f32"]);

/** The shape two shapes broadcast to, aligned at the end; a missing axis or one of size 1 is repeated. */
export function broadcastShape(a: Shape, b: Shape, where: string): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const da = a[i - rank + a.length] ?? 1;
    const db = b[i - rank + b.length] ?? 1;
    if (da !== db && da !== 1 && db !== 1)
      throw new ShapeError(
        `${where}: inputs of shape ${show(a)} and ${show(b)} do not broadcast: ` +
          `axis ${i - rank} is ${da} in one and ${db} in the other, but must be the same or 1`,
      );
    return da === 1 ? db : da;
  });
}

/** The output's axes, innermost first; neighbours are joined where both operands move as along one axis. */
function collapse(out: Shape, a: Shape, b: Shape): Axis[] {
  const axes: Axis[] = [];
  let stepA = 1;
  let stepB = 1;
  for (let i = 1; i <= out.length; i++) {
    const [size, da, db] = [out, a, b].map((shape) => shape[shape.length - i] ?? 1);
    if (size === 1) continue;
    const axis = { size, a: da === 1 ? 0 : stepA, b: db === 1 ? 0 : stepB };
    stepA *= da;
    stepB *= db;
    const inner = axes.at(-1);
    if (inner && axis.a === inner.a * inner.size && axis.b === inner.b * inner.size) inner.size *= size;
    else axes.push(axis);
  }
  return axes.length > 0 ? axes : [{ size: 1, a: 1, b: 1 }];
}

/** Writes the calls of `out = kernel(a, b)`; the shapes have passed `broadcastShape`. */
export function emitBroadcast(e: Emitter, kernel: BroadcastKernel, out: Value, a: Value, b: Value): void {
  let axes = collapse(out.shape, a.shape, b.shape);
  if (axes[0].a === 0 && COMMUTE.has(kernel)) {
    [a, b] = [b, a];
    axes = axes.map((axis) => ({ ...axis, a: axis.b, b: axis.a }));
  }
  const [row, ...outer] = axes;
  const run = {
    size: row.size,
    block: Math.min(row.size, BROADCAST.block),
    aBlock: row.a * BROADCAST.block,
    bBlock: row.b * BROADCAST.block,
  };
  const buffers = { a: a.base, b: b.base };

  // [..., n, c] ∘ [..., c] with a small c: the n rows become one run, whose blocks meet a repeated [..., k · c].
  const repeated = periodic(row, outer[0]);
  if (repeated) {
    const { size: n } = outer[0];
    const times = timesOf(row.size);
    const block = times * row.size;
    if (n * row.size >= 4 * block) {
      outer.shift();
      buffers[repeated] = emitRepeat(e, repeated === "a" ? a : b, row.size, times);
      for (const axis of outer) axis[repeated] *= times;
      run.size = n * row.size;
      run.block = block;
      run.aBlock = repeated === "a" ? 0 : block;
      run.bBlock = repeated === "b" ? 0 : block;
    }
  }

  if (outer.length === 0) outer.push({ size: 1, a: 0, b: 0 });
  const record = fields({
    [BROADCAST_RUN]: [run.size],
    [BROADCAST_BLOCK]: [run.block],
    [BROADCAST_A_STEP]: [row.a],
    [BROADCAST_B_STEP]: [row.b],
    [BROADCAST_A_BLOCK]: [run.aBlock],
    [BROADCAST_B_BLOCK]: [run.bBlock],
    [BROADCAST_AXES]: outer.flatMap(({ size, a, b }) => [size, a, b]),
  });
  const units = outer.reduce((n, { size }) => n * size, Math.ceil(run.size / run.block));
  e.call(kernel, units, [out.base, buffers.a, buffers.b, e.table(record), outer.length]);
}

/** The operand that is the same in every row, if the other runs on from row to row and the rows are short. */
function periodic(row: Axis, rows: Axis | undefined): "a" | "b" | undefined {
  if (!rows || row.size >= BROADCAST.shortRow || row.a === 0 || row.b === 0) return undefined;
  if (rows.b === 0 && rows.a === row.size) return "b";
  if (rows.a === 0 && rows.b === row.size) return "a";
  return undefined;
}

/** How often `count` floats are to be repeated to make whole vectors and a block worth the call. */
function timesOf(count: number): number {
  let times = Math.ceil(BROADCAST.repeated / count);
  while ((times * count) % 4 !== 0) times++;
  return times;
}

function emitRepeat(e: Emitter, x: Value, count: number, times: number): Address {
  const rows = sizeOf(x.shape) / count;
  return e.packed([x], rows * count * times * 4, (packed) =>
    e.call("repeat_f32", rows, [packed, x.base, count, times]),
  );
}

/** a ∘ b. One rounding per value. */
export const binary: Op<BinaryParams> = {
  name: "binary",
  infer(inputs, { kind }, where) {
    arity(inputs, 2, 2, where);
    const [a, b] = inputs;
    if (!Object.hasOwn(KERNELS, kind))
      throw new ShapeError(
        `${where}: kind is ${JSON.stringify(kind)} but must be one of ${Object.keys(KERNELS).join(", ")}`,
      );
    requireFloats(a, where);
    requireFloats(b, where);
    const shape = broadcastShape(a.shape, b.shape, where);
    checkShape(shape, "output", where);
    return [float32(shape)];
  },
  forward(e, [a, b], [out], { kind }) {
    emitBroadcast(e, KERNELS[kind], out, a, b);
  },
  inPlace: true,
};

/** x · scale + offset. */
export const affine: Op<AffineParams> = {
  name: "affine",
  infer(inputs, { scale, offset }, where) {
    arity(inputs, 1, 1, where);
    requireFloats(inputs[0], where);
    finite(scale, "scale", where);
    finite(offset, "offset", where);
    return [float32(inputs[0].shape)];
  },
  forward(e, [x], [out], { scale, offset }) {
    const count = sizeOf(x.shape);
    e.call("affine_f32", Math.ceil(count / MAP_BLOCK), [out.base, x.base, count, scale, offset]);
  },
  inPlace: true,
};
