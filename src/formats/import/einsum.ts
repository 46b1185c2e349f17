// Sums of products by an equation of labels, "bij,bjk->bik", as products of matrices.
import { sizeOf } from "../../tensor.ts";
import { identityOrder, type Value } from "./value.ts";
import type { ModelWriter } from "./writer.ts";

/** Whatever asks for it: how it writes, and how it says that something is wrong. */
export interface Einsum {
  readonly w: ModelWriter;
  fail(what: string): never;
}

/** A value whose axes have labels. */
interface Labelled {
  readonly value: Value;
  readonly labels: readonly string[];
}

/** The sum of products that an equation like "ij,jk->ik" names. */
export function einsum(call: Einsum, given: string, inputs: readonly Value[]): Value {
  const equation = given.replaceAll(" ", "");
  const [left, right] = equation.split("->");
  const terms = left.split(",");
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
    return [...before, ...identityOrder(count).map((i) => `${most - count + i}`), ...after];
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
          ...(left.includes("...") ? identityOrder(most).map(String) : []),
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
function diagonal(call: Einsum, { value, labels }: Labelled): Labelled {
  const { w } = call;
  const first = labels.findIndex((label, i) => labels.indexOf(label) !== i);
  if (first < 0) return { value, labels };
  const other = labels.indexOf(labels[first]);
  const size = value.shape[first];
  if (value.shape[other] !== size) call.fail(`axes ${other} and ${first} of [${value.shape}] differ`);
  const rest = identityOrder(labels.length).filter((axis) => axis !== first && axis !== other);
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
function summed({ w }: Einsum, { value, labels }: Labelled, wanted: (label: string) => boolean): Labelled {
  const axes = identityOrder(labels.length).filter((axis) => !wanted(labels[axis]));
  if (!axes.length) return { value, labels };
  return { value: w.reduction("sum", value, axes, false), labels: labels.filter(wanted) };
}

function ordered(call: Einsum, { value, labels }: Labelled, order: readonly string[]): Value {
  const missing = order.find((label) => !labels.includes(label));
  if (missing !== undefined) call.fail(`the output has a label ${missing}, which no input has`);
  return call.w.transpose(
    value,
    order.map((label) => labels.indexOf(label)),
  );
}

/** The product of two operands: sums over what both have and nobody else wants. */
function pair(call: Einsum, first: Labelled, second: Labelled, wanted: ReadonlySet<string>): Labelled {
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
    sizeOf(size(a, rows)),
    sizeOf(ofInner),
  ]);
  const right = w.reshape(ordered(call, b, [...batch, ...inner, ...columns]), [
    ...size(b, batch),
    sizeOf(ofInner),
    sizeOf(size(b, columns)),
  ]);
  const y = w.matmul(left, right);
  const shape = [...sizes, ...size(a, rows), ...size(b, columns)];
  return { value: w.reshape(y, shape), labels: [...batch, ...rows, ...columns] };
}
