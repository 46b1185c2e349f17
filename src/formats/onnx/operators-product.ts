// Products of matrices: Gemm, MatMul, and Einsum where it is one.

import type { Value } from "../import/value.ts";
import type { ModelWriter } from "../import/writer.ts";
import { type Call, type Operators, product, upTo } from "./operator.ts";

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

/** A value whose axes have labels. */
interface Labelled {
  readonly value: Value;
  readonly labels: readonly string[];
}

function einsum(call: Call): Value {
  const equation = (call.attributes.string("equation") ?? call.fail("equation is missing")).replaceAll(
    " ",
    "",
  );
  const [left, right] = equation.split("->");
  const terms = left.split(",");
  const { inputs } = call;
  if (terms.length !== inputs.length)
    call.fail(`equation ${equation} has ${terms.length} terms, but there are ${inputs.length} inputs`);
  const open = (term: string, rank: number): number => rank - term.replace("...", "").length;
  const most = Math.max(
    ...terms.map((term, i) => (term.includes("...") ? open(term, inputs[i].shape.length) : 0)),
  );
  /** Axes that "..." stands for are labelled with digits, from the back. */
  const labelsOf = (term: string, count: number): string[] => {
    const [before, after] = term.split("...");
    if (!/^[A-Za-z]*$/.test(before + (after ?? ""))) call.fail(`equation ${equation} is none`);
    if (after === undefined) return [...before];
    return [...before, ...upTo(count).map((i) => `${most - count + i}`), ...after];
  };
  let operands = inputs.map((value, i): Labelled => {
    const count = terms[i].includes("...") ? open(terms[i], value.shape.length) : 0;
    const labels = labelsOf(terms[i], Math.max(count, 0));
    if (labels.length !== value.shape.length)
      call.fail(`term ${terms[i]} of equation ${equation} does not fit the input [${value.shape}]`);
    return diagonal(call, { value, labels });
  });
  const all = operands.flatMap(({ labels }) => labels);
  const alone = [...new Set(all)]
    .filter((label) => all.filter((other) => other === label).length === 1)
    .sort();
  const output =
    right === undefined
      ? [
          ...(left.includes("...") ? upTo(most).map(String) : []),
          ...alone.filter((label) => /[A-Za-z]/.test(label)),
        ]
      : labelsOf(right, most);
  while (operands.length > 1) {
    const [a, b, ...others] = operands;
    operands = [pair(call, a, b, new Set([...output, ...others.flatMap(({ labels }) => labels)])), ...others];
  }
  const [last] = operands;
  return ordered(
    call,
    summed(call, last, (label) => output.includes(label)),
    output,
  );
}

/** Axes of one label become one: the diagonal. */
function diagonal(call: Call, { value, labels }: Labelled): Labelled {
  const { w } = call;
  const first = labels.findIndex((label, i) => labels.indexOf(label) !== i);
  if (first < 0) return { value, labels };
  const other = labels.indexOf(labels[first]);
  const size = value.shape[first];
  if (value.shape[other] !== size) call.fail(`axes ${other} and ${first} of [${value.shape}] differ`);
  const rest = upTo(labels.length).filter((axis) => axis !== first && axis !== other);
  const front = w.transpose(value, [...rest, other, first]);
  const sizes = rest.map((axis) => value.shape[axis]);
  const flat = w.reshape(front, [...sizes, size * size]);
  const step = [...sizes.map(() => 1), size + 1];
  const picked = w.slice(
    flat,
    step.map(() => 0),
    [...sizes, size],
    step,
  );
  return diagonal(call, { value: picked, labels: [...rest.map((axis) => labels[axis]), labels[first]] });
}

/** Without the axes that nobody asks for. */
function summed({ w }: Call, { value, labels }: Labelled, wanted: (label: string) => boolean): Labelled {
  const axes = upTo(labels.length).filter((axis) => !wanted(labels[axis]));
  if (!axes.length) return { value, labels };
  return { value: w.reduction("sum", value, axes, false), labels: labels.filter(wanted) };
}

function ordered(call: Call, { value, labels }: Labelled, order: readonly string[]): Value {
  const missing = order.find((label) => !labels.includes(label));
  if (missing !== undefined) call.fail(`the output has a label ${missing}, which no input has`);
  return call.w.transpose(
    value,
    order.map((label) => labels.indexOf(label)),
  );
}

/** The product of two operands: sums over what both have and nobody else wants. */
function pair(call: Call, first: Labelled, second: Labelled, wanted: ReadonlySet<string>): Labelled {
  const { w } = call;
  const a = summed(call, first, (label) => wanted.has(label) || second.labels.includes(label));
  const b = summed(call, second, (label) => wanted.has(label) || first.labels.includes(label));
  const both = a.labels.filter((label) => b.labels.includes(label));
  const batch = both.filter((label) => wanted.has(label));
  const inner = both.filter((label) => !wanted.has(label));
  const rows = a.labels.filter((label) => !both.includes(label));
  const columns = b.labels.filter((label) => !both.includes(label));
  const size = ({ value, labels }: Labelled, list: readonly string[]): number[] =>
    list.map((label) => value.shape[labels.indexOf(label)]);
  const sizes = batch.map((label) => Math.max(...size(a, [label]), ...size(b, [label])));
  const ofInner = inner.map((label) => Math.max(...size(a, [label]), ...size(b, [label])));
  for (const [operand, labels, full] of [
    [a, batch, sizes],
    [a, inner, ofInner],
    [b, batch, sizes],
    [b, inner, ofInner],
  ] as const)
    size(operand, labels).forEach((own, i) => {
      if (own !== full[i] && (own !== 1 || labels === inner))
        call.fail(`label ${labels[i]} is ${own} in one input and ${full[i]} in another`);
    });
  const left = w.reshape(ordered(call, a, [...batch, ...rows, ...inner]), [
    ...size(a, batch),
    product(size(a, rows)),
    product(ofInner),
  ]);
  const right = w.reshape(ordered(call, b, [...batch, ...inner, ...columns]), [
    ...size(b, batch),
    product(ofInner),
    product(size(b, columns)),
  ]);
  const y = w.matmul(left, right);
  const shape = [...sizes, ...size(a, rows), ...size(b, columns)];
  return { value: w.reshape(y, shape), labels: [...batch, ...rows, ...columns] };
}

export const PRODUCTS: Operators = { Einsum: einsum, Gemm: gemm, MatMul: matmul };
