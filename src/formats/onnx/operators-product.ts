// Products of matrices: Gemm, MatMul, and Einsum where it is one.

import { einsum } from "../import/einsum.ts";
import type { Value } from "../import/value.ts";
import type { ModelWriter } from "../import/writer.ts";
import { type Call, type Operators, product } from "./operator.ts";

/** alpha A B + beta C, A and B transposed where attributes say so. */
function gemm(call: Call): Value {
  const { w, attributes } = call;
  attributes.ignore("broadcast");
  const matrix = (i: number, name: string): Value => {
    const x = call.input(i);
    if (x.shape.length !== 2) call.fail(`input ${i} has shape [${x.shape}] but must be a matrix`);
    return attributes.flag(name) ? w.transpose(x, [1, 0]) : x;
  };
  const scaled = (x: Value, by: number): Value =>
    by === 1 ? x : w.arithmetic("mul", x, x.type === "float" ? w.float(by) : w.ints(by));
  const [alpha, beta] = [attributes.float("alpha") ?? 1, attributes.float("beta") ?? 1];
  const [a, b] = [matrix(0, "transA"), matrix(1, "transB")];
  if (a.shape[1] !== b.shape[0]) call.fail(`[${a.shape}] and [${b.shape}] cannot be multiplied`);
  const left = b.constant ? a : scaled(a, alpha);
  const right = b.constant ? scaled(b, alpha) : b;
  const c = call.optional(2);
  if (!c) return w.matmul(left, right);
  const offset = scaled(c, beta);
  const units = b.shape[1];
  const perColumn = product(c.shape) === units && (c.shape.at(-1) === units || units === 1);
  if (offset.constant && perColumn && b.constant && b.type === "float")
    return w.matmul(left, right, w.reshape(offset, [units]).constant);
  return w.arithmetic("add", w.matmul(left, right), offset);
}

/** As NumPy multiplies: vectors are rows on the left and columns on the right. */
function matmul(call: Call): Value {
  const [a, b] = [call.input(0), call.input(1)];
  if (!a.shape.length || !b.shape.length) call.fail("its inputs must have axes");
  return multiply(call.w, a, b);
}

function multiply(w: ModelWriter, a: Value, b: Value): Value {
  const row = a.shape.length === 1;
  const column = b.shape.length === 1;
  const y = w.matmul(row ? w.reshape(a, [1, ...a.shape]) : a, column ? w.reshape(b, [...b.shape, 1]) : b);
  const { shape } = y;
  const gone = [...(row ? [shape.length - 2] : []), ...(column ? [shape.length - 1] : [])];
  return w.reshape(
    y,
    shape.filter((_, axis) => !gone.includes(axis)),
  );
}

const einstein = (call: Call): Value =>
  einsum(call, call.attributes.string("equation") ?? call.fail("equation is missing"), call.inputs);

export const PRODUCTS: Operators = { Einsum: einstein, Gemm: gemm, MatMul: matmul };
