// Operators that work value by value: activations, arithmetic, comparisons.

import { sizeOf } from "../../tensor.ts";
import { type Constant, constant, lazyConstant, type ValueType } from "./constant.ts";
import { type Config, dtypeOf, LayerWriter } from "./layer-writer.ts";
import { storedValue, type Value } from "./value.ts";

/** Kinds that every engine knows, which can be fused and trained: activations by name, and the config for their one parameter. */
const none = (): Config => ({});
const alpha = (p: number | undefined): Config => (p === undefined ? {} : { alpha: p });
const ACTIVATIONS: Readonly<Record<string, (p: number | undefined) => Config>> = {
  ...{
    relu: none,
    relu6: none,
    leakyRelu: alpha,
    elu: alpha,
    selu: none,
    gelu: none,
    sigmoid: none,
    tanh: none,
  },
  ...{
    softplus: none,
    softsign: none,
    silu: none,
    mish: none,
    hardSwish: none,
    exp: none,
    abs: none,
    neg: none,
  },
  sqrt: none,
};

/** The same for two values. */
const COMBINATIONS: ReadonlySet<string> = new Set(["add", "sub", "mul", "div", "min", "max"]);

export class ElementwiseWriter extends LayerWriter {
  /** Activations by the name of what they give: which, and of what. */
  readonly #activated = new Map<string, { op: string; of: Value; p?: number; q?: number }>();

  unary(op: string, x: Value, params: { p?: number; q?: number } = {}): Value {
    const predicate = op.startsWith("is") || op === "not";
    const own = x.type === "float" && !x.constant && ACTIVATIONS[op];
    const y = own
      ? this.kept(op, x, own(params.p))
      : this.each("unary", { op, ...params }, [x], predicate ? "bool" : x.type);
    if (y.stored) this.#activated.set(y.stored.ref, { op, of: x, ...params });
    return y;
  }

  /** Both of one type; shapes broadcast as NumPy's do. */
  arithmetic(op: string, a: Value, b: Value): Value {
    const type = a.type === "bool" && b.type !== "bool" ? b.type : a.type;
    if (type === "float" && !(a.constant && b.constant)) {
      const simple = this.#bySelf(op, a, b) ?? this.#withConstant(op, a, b);
      if (simple) return simple;
    }
    const own = type === "float" && COMBINATIONS.has(op) && !(a.constant && b.constant);
    return own ? this.each(op, {}, [a, b], type) : this.each("arithmetic", { op }, [a, b], type);
  }

  compare(op: string, a: Value, b: Value): Value {
    return this.each("compare", { op }, [a, b], "bool");
  }

  where(condition: Value, a: Value, b: Value): Value {
    return this.each("where", {}, [condition, a, b], a.type);
  }

  cast(x: Value, type: ValueType): Value {
    if (x.type === type) return x;
    if (x.stored && dtypeOf(x.type) === dtypeOf(type) && type !== "bool") return { ...x, type };
    const config = { dtype: dtypeOf(type), ...(type === "bool" && { bool: true }) };
    return this.each("cast", config, [x], type);
  }

  clip(x: Value, min: number | undefined, max: number | undefined): Value {
    if (x.type === "float" && min === 0 && (max === undefined || max === Infinity))
      return this.unary("relu", x);
    if (x.type === "float" && min === 0 && max === 6) return this.unary("relu6", x);
    const config = { ...(min !== undefined && { min }), ...(max !== undefined && { max }) };
    return this.each("clip", config, [x], x.type);
  }

  /** x · sigmoid(x), which has a kernel of its own. */
  #bySelf(op: string, a: Value, b: Value): Value | undefined {
    if (op !== "mul") return undefined;
    for (const [x, gate] of [
      [a, b],
      [b, a],
    ]) {
      const made = gate.stored && this.#activated.get(gate.stored.ref);
      if (made?.of !== x) continue;
      if (made.op === "sigmoid") return this.unary("silu", x);
      if (made.op === "hardSigmoid" && isSixth(made.p) && made.q === 0.5) return this.unary("hardSwish", x);
    }
    return undefined;
  }

  /** With a number, or with one for each channel: forms that are folded into what is before them. */
  #withConstant(op: string, a: Value, b: Value): Value | undefined {
    const [x, { constant: known }, first] = b.constant ? [a, b, true] : [b, a, false];
    if (!known || !x.stored || x.flattened || (!first && op !== "add" && op !== "mul")) return undefined;
    if (known.shape.length > x.shape.length) return undefined;
    const size = sizeOf(known.shape);
    const offset = x.shape.length - known.shape.length;
    const channel = x.order[x.order.length - 1];
    if (size === 1) return this.#byNumber(op, x, known.data[0]);
    // The axis that lies last, if the constant has no other.
    if (x.shape.length < 2 || size !== x.shape[channel] || known.shape[channel - offset] !== size)
      return undefined;
    return this.#byChannel(op, x, known, size);
  }

  /** A factor or a summand for all values: that of a product or of a normalisation before it, or a layer of its own. */
  #byNumber(op: string, x: Value, value: number): Value | undefined {
    const { normalised, products, rescaled } = this.emitter;
    const { ref, shape } = x.stored!;
    if (!Number.isFinite(value)) return undefined;
    const channels = shape[shape.length - 1];
    if (shape.length > 1 && (normalised.has(ref) || products.has(ref)) && (op !== "div" || value !== 0)) {
      const all = constant(
        [channels],
        "float",
        new Float32Array(channels).fill(op === "div" ? 1 / value : value),
      );
      return this.#byChannel(op === "div" ? "mul" : op, x, all, channels);
    }
    if (op === "div" && !isPowerOfTwo(value)) return undefined;
    const by: Record<string, { scale?: number; offset?: number }> = {
      add: { offset: value },
      sub: { offset: -value },
      mul: { scale: value },
      div: { scale: 1 / value },
    };
    if (!by[op]) return undefined;
    const { scale = 1, offset = 0 } = by[op];
    const before = rescaled.get(ref);
    if (!before) return this.kept("rescale", x, by[op]);
    const joined = { scale: before.scale * scale, offset: before.offset * scale + offset };
    const finite = Number.isFinite(joined.scale) && Number.isFinite(joined.offset);
    if (!finite) return this.kept("rescale", x, by[op]);
    const [out] = this.emitter.layer("rescale", [before.of], joined);
    return storedValue(out, x.type, x.order);
  }

  /** A factor or a summand for each channel, which is last: a batch normalisation, the one before if there is one. */
  #byChannel(op: string, x: Value, known: Constant, size: number): Value | undefined {
    const c = (value: number): Constant => constant([size], "float", new Float32Array(size).fill(value));
    const before = size <= MOST_JOINED ? this.emitter.normalised.get(x.stored!.ref) : undefined;
    const { of, config, weights } = before ?? {
      of: x.stored!,
      config: { epsilon: 0 },
      weights: { gamma: c(1), beta: c(0), mean: c(0), variance: c(1) },
    };
    const apply: Readonly<Record<string, (value: number, by: number) => number>> = {
      add: (value, by) => value + by,
      sub: (value, by) => value - by,
      mul: (value, by) => value * by,
    };
    if (!apply[op]) return undefined;
    const joined = (weight: Constant): Float32Array => {
      const [values, by] = [weight.data, known.data];
      return Float32Array.from(values, (value, i) => apply[op](value, by[i]));
    };
    // At once where there is one before, which may be the last of many.
    const combined = (weight: Constant): Constant =>
      before
        ? constant([size], "float", joined(weight))
        : lazyConstant([size], "float", () => joined(weight));
    const { gamma, beta } = weights;
    const changed = { ...weights, ...(op === "mul" && { gamma: combined(gamma) }), beta: combined(beta) };
    const [out] = this.emitter.layer("batchNorm", [of], config, changed);
    return storedValue(out, x.type, x.order);
  }
}

/** Channels of normalisations that are joined. */
const MOST_JOINED = 4096;

/** 1 / 6, as a file may have rounded it. */
const isSixth = (value: number | undefined): boolean => Math.abs((value ?? 0) * 6 - 1) < 1e-6;

const isPowerOfTwo = (value: number): boolean => Number.isInteger(Math.log2(Math.abs(value)));
