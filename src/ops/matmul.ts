// The matrix product of two values: NumPy's matmul, with leading axes that broadcast.
import { ShapeError } from "../errors.ts";
import {
  denseValue,
  type Emitter,
  float32,
  type Op,
  type Shape,
  sizeOf,
  type TensorType,
  type Value,
} from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { MAX_BYTES, panelsOf, planGemm } from "../runtime/plan.ts";
import { epilogue } from "../runtime/records.ts";
import { aFlag } from "../validate.ts";
import { epilogueOf } from "./activation.ts";
import { arity, checkShape, requireFloats, show } from "./check.ts";
import { broadcastShape } from "./elementwise.ts";
import { multiplyInChunks, withPanels } from "./gemm.ts";
import { copyValue } from "./strided.ts";

export interface MatMulParams {
  /** Whether the last two axes of a, or of b, are exchanged first. A vector is what it is. */
  transposeA: boolean;
  transposeB: boolean;
}

/** One product: [..., m, k] times [..., k, n]. */
interface Sizes {
  m: number;
  k: number;
  n: number;
  /** The leading axes of a, b and the result. */
  a: Shape;
  b: Shape;
  out: Shape;
}

/** Leading axes that are walked together: bytes from one to the next in a and in the result, and matrices in b. */
interface Batch {
  size: number;
  a: number;
  b: number;
  out: number;
}

/**
 * [..., m, k] times [..., k, n]. A vector a is a row, a vector b a column, whose axis the result does not have. All matrices of b are
 * packed first: in every run, unless they are constant.
 */
export const matmul: Op<MatMulParams> = {
  name: "matmul",
  infer(inputs, p, where) {
    arity(inputs, 2, 2, where);
    aFlag(p.transposeA, "transposeA", where);
    aFlag(p.transposeB, "transposeB", where);
    const [a, b] = inputs;
    for (const [x, name] of [
      [a, "a"],
      [b, "b"],
    ] as const) {
      requireFloats(x, where);
      if (x.shape.length === 0)
        throw new ShapeError(`${where}: ${name} is a scalar but must have rank 1 at least`);
    }
    const { m, n, out, k } = sizesOf(a, b, p, where);
    const shape = [...out, ...(a.shape.length > 1 ? [m] : []), ...(b.shape.length > 1 ? [n] : [])];
    checkShape(shape, "output", where);
    const packed = (sizeOf(b.shape) / (n * k)) * planGemm(n, k, 1).packedBytes;
    if (packed > MAX_BYTES)
      throw new ShapeError(
        `${where}: b of shape ${show(b.shape)} would take ${packed} bytes packed but may take at most ${MAX_BYTES}`,
      );
    return [float32(shape)];
  },
  forward(e, [a, b], [y], p) {
    const sizes = sizesOf(a, b, p, "matmul");
    const { m, k, n } = sizes;
    e.algorithm("gemm");
    const x = p.transposeA && a.shape.length > 1 ? transposed(e, a) : a.base;
    const { packedBytes } = planGemm(n, k, 1);
    const matrices = sizeOf(sizes.b);
    const transposeB = p.transposeB && b.shape.length > 1;
    const panels = e.packed([b], matrices * packedBytes, (to) =>
      e.call("pack_matrix_f32", matrices * panelsOf(n), [to, b.base, k, n, Number(transposeB)]),
    );
    const end = e.record(epilogue({ accumulate: 0, ...epilogueOf(undefined) }));

    const batches = batchesOf(sizes);
    let rows = m;
    // The same matrix for a run of neighbours in a: they are one matrix of more rows.
    if (batches[0]?.b === 0 && batches[0].a === m * k * 4) rows *= batches.shift()!.size;
    const groups = batches[0]?.b === 1 ? batches.shift() : undefined;
    const product = {
      ...{ inputs: k, outputs: n, groups: groups?.size ?? 1, filter: b, bias: undefined },
      ...{ taps: [0], runs: [{ offset: 0, length: k }] },
    };
    const grid = {
      ...{ counts: [1, 1, 1, rows], input: [0, 0, 0, k * 4], output: [0, 0, 0, n * 4], first: 0 },
      groups: [groups?.a ?? 0, groups?.out ?? 0] as const,
    };
    const write = (left: readonly Batch[], from: Address, packed: Address, to: Address): void => {
      const axis = left.at(-1);
      if (!axis) {
        multiplyInChunks(e, withPanels(e, product, packed), grid, from, to, end);
        return;
      }
      e.loop(axis.size, (loop) =>
        write(
          left.slice(0, -1),
          from.stepping(loop, axis.a),
          packed.stepping(loop, axis.b * packedBytes),
          to.stepping(loop, axis.out),
        ),
      );
    };
    write(batches, x, panels, y.base);
  },
  multiplyAdds: ([a], [y], p) =>
    sizeOf(y.shape) * (a.shape.at(p.transposeA && a.shape.length > 1 ? -2 : -1) ?? 1),
};

/** The sizes of a product. Throws ShapeError where they do not fit. */
function sizesOf(a: TensorType, b: TensorType, p: MatMulParams, where: string): Sizes {
  const [m, k] = matrixOf(a.shape, p.transposeA, false);
  const [rows, n] = matrixOf(b.shape, p.transposeB, true);
  if (k !== rows)
    throw new ShapeError(
      `${where}: a ${show(a.shape)}${p.transposeA ? " transposed" : ""} has rows of ${k} but ` +
        `b ${show(b.shape)}${p.transposeB ? " transposed" : ""} has columns of ${rows}; both must be the same`,
    );
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  return { m, k, n, a: batchA, b: batchB, out: broadcastShape(batchA, batchB, where) };
}

/** Rows and columns of the last two axes; a vector is a row, or a column. */
function matrixOf(shape: Shape, transpose: boolean, column: boolean): [rows: number, columns: number] {
  if (shape.length === 1) return column ? [shape[0], 1] : [1, shape[0]];
  const [rows, columns] = shape.slice(-2);
  return transpose ? [columns, rows] : [rows, columns];
}

/** The leading axes, innermost first; neighbours are joined where all three values are walked as along one axis. */
function batchesOf({ m, k, n, a, b, out }: Sizes): Batch[] {
  const batches: Batch[] = [];
  let [stepA, stepB, stepOut] = [m * k * 4, 1, m * n * 4];
  for (let i = 1; i <= out.length; i++) {
    const [da, db, size] = [a.at(-i) ?? 1, b.at(-i) ?? 1, out.at(-i)!];
    const axis = { size, a: da > 1 ? stepA : 0, b: db > 1 ? stepB : 0, out: stepOut };
    stepA *= da;
    stepB *= db;
    stepOut *= size;
    if (size === 1) continue;
    const inner = batches.at(-1);
    const joins = (["a", "b", "out"] as const).every((v) => inner && axis[v] === inner[v] * inner.size);
    if (inner && joins) inner.size *= size;
    else batches.push(axis);
  }
  return batches;
}

/** A copy of a with its last two axes exchanged. */
function transposed(e: Emitter, a: Value): Address {
  const base = e.scratch(sizeOf(a.shape) * 4);
  const [rows, columns] = a.shape.slice(-2);
  const shape = [...a.shape.slice(0, -2), columns, rows];
  const swap = (list: readonly number[]): number[] => [...list.slice(0, -2), list.at(-1)!, list.at(-2)!];
  copyValue(e, denseValue({ shape, dtype: a.dtype }, base), { ...a, shape, strides: swap(a.strides) });
  return base;
}
