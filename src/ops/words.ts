// How ops ask for the functions of assembly/words.ts: value by value, of up to three operands that broadcast to the output.

import type { DType, Emitter, Shape, Value } from "../graph/op.ts";
import { float32, sizeOf } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { define } from "../runtime/records.ts";
import {
  WORDS_A_STEP,
  WORDS_AXES,
  WORDS_B_STEP,
  WORDS_BLOCK,
  WORDS_C_STEP,
  WORDS_DIMS,
  WORDS_RUN,
} from "../runtime/wasm.ts";
import { broadcastStrides } from "./elementwise.ts";
import { collapseAxes, countRuns, dimsOf } from "./rows.ts";

/** Up to three operands over runs of out; `dims` holds size and byte strides in out and in each of three operands of each axis. */
const wordRows = /* @__PURE__ */ define("wordRows", {
  run: WORDS_RUN,
  aStep: WORDS_A_STEP,
  bStep: WORDS_B_STEP,
  cStep: WORDS_C_STEP,
  axes: WORDS_AXES,
  dims: { rest: WORDS_DIMS },
});

/** Writes the call of out = f(operands) for f one of WORDS_*; the operands, one to three, broadcast to the shape of out. */
export function emitWords(
  e: Pick<Emitter, "call" | "record">,
  kind: number,
  out: Value,
  operands: readonly Value[],
  p = 0,
  q = 0,
): void {
  const a = operands[0];
  const [, b = a, c = a] = operands;
  const strides = [a, b, c].map((value) => broadcastStrides(value, out.shape.length));
  const { run, outer } = collapseAxes(out.shape, [out.strides, ...strides]);
  const [, aStep, bStep, cStep] = run.strides;
  const rows = wordRows({ run: run.size, aStep, bStep, cStep, ...dimsOf(outer) });
  const units = countRuns(outer) * Math.ceil(run.size / WORDS_BLOCK);
  e.call("map_words", units, [out.base, a.base, b.base, c.base, e.record(rows), kind, p, q]);
}

/** A single integer as an operand. */
export const integerOperand = (e: Pick<Emitter, "table">, value: number): Value =>
  viewAs("int32", [], e.table([value]));

/** A single float as an operand. */
export const floatOperand = (e: Pick<Emitter, "table">, value: number): Value =>
  viewAs("float32", [], e.table(new Int32Array(Float32Array.of(value).buffer)));

/** A dense value of a type, at an address. */
export function viewAs(dtype: DType, shape: Shape, base: Address): Value {
  const strides = shape.map((_, i) => 4 * sizeOf(shape.slice(i + 1)));
  return { ...float32(shape), dtype, base, strides };
}
