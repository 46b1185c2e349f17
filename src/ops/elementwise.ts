// Arithmetic on two tensors, element by element with NumPy's broadcasting; and x · scale + offset.

import { ShapeError } from "../errors.ts";
import { type Emitter, float32, isDense, type Op, type Shape, sizeOf, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { BROADCAST } from "../runtime/plan.ts";
import { broadcastRows } from "../runtime/records.ts";
import { ACTIVATION_AFFINE } from "../runtime/wasm.ts";
import { finite, oneOf } from "../validate.ts";
import { arity, checkShape, requireFloats, show } from "./check.ts";
import { collapseAxes, countRuns, dimsOf, emitActivation, type SharedAxis, type Walk } from "./rows.ts";

export type BinaryKind = "add" | "sub" | "mul" | "div" | "min" | "max";

export interface BinaryParams {
  kind: BinaryKind;
}

export interface AffineParams {
  scale: number;
  offset: number;
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

/** Kernels that commute: an operand that is repeated along a run is passed as b, the only place where they take one. */
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

/** The byte strides of an operand along the axes of the output; 0 where it is repeated. */
export function broadcastStrides({ shape, strides }: Value, rank: number): number[] {
  const missing = rank - shape.length;
  return Array.from({ length: rank }, (_, i) =>
    i < missing || shape[i - missing] === 1 ? 0 : strides[i - missing],
  );
}

/** Positions in the strides of a shared axis. */
const OUT = 0;
const A = 1;
const B = 2;

/** Writes the calls of `out = kernel(a, b)`; the shapes have passed `broadcastShape`. */
export function emitBroadcast(e: Emitter, kernel: BroadcastKernel, out: Value, a: Value, b: Value): void {
  const walk = (): Walk => {
    const strides = [out.strides, ...[a, b].map((value) => broadcastStrides(value, out.shape.length))];
    return collapseAxes(out.shape, strides);
  };
  let { run, outer } = walk();
  if (run.strides[A] === 0 && COMMUTE.has(kernel)) {
    [a, b] = [b, a];
    ({ run, outer } = walk());
  }
  const addresses = [out.base, a.base, b.base];
  let size = run.size;
  let block = Math.min(size, BROADCAST.block);
  const blockStrides = run.strides.map((stride) => stride * block);

  // [..., n, c] ∘ [..., c] with a small c: the n rows become one run, whose blocks meet a repeated [..., k · c].
  const repeated = repeatedOperand(run, outer[0]);
  const times = timesOf(run.size);
  if (repeated && isDense(repeated === A ? a : b) && outer[0].size >= 4 * times) {
    addresses[repeated] = emitRepeat(e, repeated === A ? a : b, run.size, times);
    size = outer[0].size * run.size;
    block = times * run.size;
    blockStrides.fill(block * 4);
    blockStrides[repeated] = 0;
    outer = outer.slice(1).map((axis) => ({
      size: axis.size,
      strides: axis.strides.map((stride, i) => (i === repeated ? stride * times : stride)),
    }));
    if (outer.length === 0) outer.push({ size: 1, strides: [0, 0, 0] });
  }

  const record = broadcastRows({
    run: size,
    block,
    aStep: Number(run.strides[A] > 0),
    bStep: Number(run.strides[B] > 0),
    aBlock: blockStrides[A],
    bBlock: blockStrides[B],
    ...dimsOf(outer),
  });
  const [q, p, r] = addresses;
  e.call(kernel, countRuns(outer) * Math.ceil(size / block), [q, p, r, e.record(record)]);
}

/** The operand that is the same in every row, if the rows of the other and of the output are contiguous and short. */
function repeatedOperand(run: SharedAxis, rows: SharedAxis): typeof A | typeof B | undefined {
  const contiguous = (i: number): boolean => rows.strides[i] === run.size * 4;
  if (run.size >= BROADCAST.shortRow || !contiguous(OUT) || !run.strides[A] || !run.strides[B])
    return undefined;
  if (rows.strides[B] === 0 && contiguous(A)) return B;
  if (rows.strides[A] === 0 && contiguous(B)) return A;
  return undefined;
}

/** How often `count` floats are repeated to make whole vectors and a block worth the call. */
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
    oneOf(kind, Object.keys(KERNELS), "kind", where);
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
  strided: { inputs: "all", outputs: true },
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
    emitActivation(e, out, x, ACTIVATION_AFFINE, scale, offset);
  },
  inPlace: true,
  strided: { inputs: "all", outputs: true },
};
