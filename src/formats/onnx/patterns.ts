// Nodes that together are one operator: exporters write out activations and normalisations that ONNX had no operator for. The last node of
// such a group becomes the operator; what nobody reads then is left out.

import type { Value } from "../import/value.ts";
import type { ModelWriter } from "../import/writer.ts";
import type { Typed } from "./operator.ts";
import type { OnnxNode } from "./read.ts";

/** The values made so far, and which node made each. */
export interface Made {
  readonly values: ReadonlyMap<string, Typed>;
  readonly makers: ReadonlyMap<string, OnnxNode>;
}

/** What a group that ends with this node computes; undefined where it ends none. */
export function recognise(w: ModelWriter, node: OnnxNode, made: Made): Value | undefined {
  if (node.domain || node.outputs.length !== 1) return undefined;
  const find = new Finder(made);
  switch (node.op) {
    case "Div":
      return hardSwish(w, node, find) ?? layerNorm(w, node, find);
    case "Mul":
      return hardSwish(w, node, find) ?? gelu(w, node, find);
    default:
      return undefined;
  }
}

class Finder {
  readonly #made: Made;

  constructor(made: Made) {
    this.#made = made;
  }

  value(name: string): Value | undefined {
    return this.#made.values.get(name)?.value;
  }

  /** The node of that operator that makes a value which is not known. */
  maker(name: string, op: string): OnnxNode | undefined {
    const node = this.#made.makers.get(name);
    return node?.op === op && !node.domain && !this.value(name)?.constant ? node : undefined;
  }

  /** The number that a constant is all of. */
  number(name: string): number | undefined {
    const known = this.value(name)?.constant;
    return known && known.shape.length <= 1 && known.data.length === 1 ? known.data[0] : undefined;
  }

  /** The axes that a reduction keeps with size 1, in order. */
  axes({ inputs, attributes }: OnnxNode, rank: number): number[] | undefined {
    const known = inputs.length > 1 ? this.value(inputs[1])?.constant?.data : undefined;
    const list = attributes.ints("axes") ?? (known && Array.from(known));
    if ((attributes.int("keepdims") ?? 1) === 0) return undefined;
    return list?.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
  }

  /** The other input of a node that combines a value and a number near that one. */
  besides(node: OnnxNode | undefined, wanted: number, ordered = false): string | undefined {
    if (node?.inputs.length !== 2) return undefined;
    const [a, b] = node.inputs;
    if (near(this.number(b), wanted)) return a;
    return !ordered && near(this.number(a), wanted) ? b : undefined;
  }
}

const near = (value: number | undefined, wanted: number): boolean =>
  value !== undefined && Math.abs(value - wanted) <= 1e-6 * Math.abs(wanted);

/** A value divided by a number, or multiplied with its inverse. */
const divided = (node: OnnxNode | undefined, by: number, find: Finder): string | undefined =>
  node?.op === "Div"
    ? find.besides(node, by, true)
    : node?.op === "Mul"
      ? find.besides(node, 1 / by)
      : undefined;

/** x · relu6(x + 3) / 6, divided at the end or before the product. */
function hardSwish(w: ModelWriter, node: OnnxNode, find: Finder): Value | undefined {
  const whole = divided(node, 6, find);
  const product = whole === undefined ? node : find.maker(whole, "Mul");
  if (product?.op !== "Mul") return undefined;
  const [a, b] = product.inputs;
  for (const [x, gate] of [
    [a, b],
    [b, a],
  ]) {
    const inner = whole === undefined ? (find.maker(gate, "Div") ?? find.maker(gate, "Mul")) : undefined;
    const clipped = whole === undefined ? divided(inner, 6, find) : gate;
    const clip = clipped === undefined ? undefined : find.maker(clipped, "Clip");
    if (!clip || !isRelu6(clip, find)) continue;
    if (find.besides(find.maker(clip.inputs[0], "Add"), 3) !== x) continue;
    const value = find.value(x);
    if (value?.type === "float" && !value.constant) return w.unary("hardSwish", value);
  }
  return undefined;
}

function isRelu6({ inputs, attributes, opset }: OnnxNode, find: Finder): boolean {
  if (opset < 11) return attributes.float("min") === 0 && attributes.float("max") === 6;
  return find.number(inputs[1]) === 0 && find.number(inputs[2]) === 6;
}

/** (x − mean) / sqrt(mean of squares + epsilon) over the last axes. */
function layerNorm(w: ModelWriter, { inputs: [top, bottom] }: OnnxNode, find: Finder): Value | undefined {
  const sum = find.maker(find.maker(bottom, "Sqrt")?.inputs[0] ?? "", "Add");
  const epsilon = sum?.inputs.map((name) => find.number(name)).find((value) => value !== undefined);
  const spread = sum?.inputs.map((name) => find.maker(name, "ReduceMean")).find((made) => made);
  const centred = find.maker(top, "Sub");
  if (epsilon === undefined || !spread || !centred) return undefined;
  const [x, average] = centred.inputs;
  const square = find.maker(spread.inputs[0], "Pow") ?? find.maker(spread.inputs[0], "Mul");
  const squared =
    square?.op === "Pow"
      ? find.besides(square, 2, true)
      : square?.inputs.find((_, i, [a, b]) => i === 0 && a === b);
  const mean = find.maker(average, "ReduceMean");
  const value = find.value(x);
  // Some exporters subtract twice.
  const again = squared === undefined ? undefined : find.maker(squared, "Sub");
  if (!again || String(again.inputs) !== String(centred.inputs) || mean?.inputs[0] !== x) return undefined;
  if (value?.type !== "float" || value.constant) return undefined;
  const rank = value.shape.length;
  const [axes, others] = [find.axes(mean, rank), find.axes(spread, rank)];
  const last = axes?.every((axis, i) => axis === rank - axes.length + i);
  if (!axes?.length || !last || String(axes) !== String(others)) return undefined;
  return w.layer("dynamicLayerNorm", [value], { axes, epsilon }, { perImage: axes[0] > 0 })[0];
}

/** x · (1 + erf(x / sqrt(2))) / 2, halved anywhere. */
function gelu(w: ModelWriter, node: OnnxNode, find: Finder): Value | undefined {
  const factors = (name: string): string[] => {
    const product = find.maker(name, "Mul");
    return product ? [...product.inputs] : [name];
  };
  const [left, right] = node.inputs;
  // Three factors, two of which may have been multiplied before.
  for (const all of [
    [left, ...factors(right)],
    [...factors(left), right],
  ]) {
    if (all.length !== 3) continue;
    const half = all.find((name) => near(find.number(name), 0.5));
    const sum = all.find((name) => find.maker(name, "Add"));
    const x = all.find((name) => name !== half && name !== sum);
    if (half === undefined || sum === undefined || x === undefined) continue;
    const erf = find.besides(find.maker(sum, "Add"), 1);
    const inner = erf === undefined ? undefined : find.maker(erf, "Erf")?.inputs[0];
    if (inner === undefined) continue;
    const scaled = find.maker(inner, "Div") ?? find.maker(inner, "Mul");
    if (divided(scaled, Math.SQRT2, find) !== x) continue;
    const value = find.value(x);
    if (value?.type === "float" && !value.constant) return w.unary("gelu", value);
  }
  return undefined;
}
