// One generator of random calls for every eager op: tensors, options, and what the oracle says of them.
import * as oracle from "./oracle.ts";
import { type Result, ROUNDOFF } from "./oracle.ts";
import * as training from "./oracle-train.ts";

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface FuzzCall {
  readonly method: string;
  /** Tensors as values, or what is handed in instead of a tensor. */
  readonly inputs: readonly unknown[];
  readonly options: unknown;
  /** The arguments, with tensors for inputs. */
  args(inputs: readonly unknown[]): unknown[];
  /** Elements of the results; 0 where there are none. */
  elements(): number;
  /** The results; undefined where the oracle would take too long. Throws where the options mean nothing. */
  expected(): Result[] | undefined;
  /** How far a result may be from the oracle's, at most or by element; absent where it is rounded once. */
  bound?(): number | ArrayLike<number>;
  /** Whether Winograd's algorithm may have been taken. */
  readonly winograd?: boolean;
  /** Whether it must not be refused. */
  readonly sane: boolean;
}

type Options = Record<string, unknown>;
type Random = () => number;

/** Products and taps the oracle goes through at most. */
const MAX_COST = 2e6;

const LARGE = [
  ...[0, 1, 2, 3, 5, 7, 16, 100, 1000, 4095, 65535, 65536, 2 ** 20, 2 ** 24, 2 ** 28 - 1, 2 ** 28, 2 ** 30],
  ...[2 ** 31 - 2, 2 ** 31 - 1],
];
const WILD: readonly unknown[] = [
  ...[-1, -0, -2, -(2 ** 31), 2 ** 31, 2 ** 31 + 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53, 1e308],
  ...[Number.NaN, Infinity, -Infinity, 0.5, 1.5, 1e-30],
  ...["2", "", "same", "valid", "constructor", "__proto__", null, true, false, 3n, Symbol("s"), () => 1],
  ...[[], [2], [1, 2, 3, 4], [null], [[1, 1]], [[0]], ["1"], {}, { length: 2 }, { kind: "relu" }],
  ...[
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tried
    [1, , 1],
    new Float32Array(2),
    {
      toString() {
        throw new Error("toString");
      },
    },
  ],
];

/** Draws what a call is made of. */
class Draw {
  readonly random: Random;
  /** 0: only what is allowed; 1: integers of any size; 2: anything. */
  readonly level: number;

  constructor(random: Random) {
    this.random = random;
    const u = random();
    this.level = u < 0.4 ? 0 : u < 0.75 ? 1 : 2;
  }

  int = (from: number, to: number): number => from + Math.floor(this.random() * (to - from + 1));
  chance = (p: number): boolean => this.random() < p;
  pick = <T>(list: readonly T[]): T => list[this.int(0, list.length - 1)];

  /** A value of an option: what `sane` gives or, in hostile calls, something else now and then. */
  value(sane: () => unknown): unknown {
    if (this.level === 1 && this.chance(0.4)) return this.pick(LARGE);
    if (this.level === 2 && this.chance(0.25)) return this.pick(this.chance(0.4) ? LARGE : WILD);
    return sane();
  }

  /** The same for an option with a value per axis: one for all of them, or a list. */
  perAxis(axes: number, sane: () => number): unknown {
    if (this.chance(0.5)) return this.value(sane);
    const length = this.level === 2 && this.chance(0.1) ? this.int(0, 5) : axes;
    return Array.from({ length }, () => this.value(sane));
  }

  padding(axes: number, most: number): unknown {
    const u = this.random();
    if (u < 0.5) return this.value(() => this.pick(["valid", "same", "half"]));
    if (u < 0.75) return this.perAxis(axes, () => this.int(0, most));
    const side = () => this.value(() => this.int(0, most));
    return Array.from({ length: axes }, () => [side(), side()]);
  }

  /** Options, each given or not. */
  options(all: Record<string, () => unknown>): Options {
    const options: Options = {};
    for (const [name, value] of Object.entries(all)) if (this.chance(0.6)) options[name] = value();
    if (this.level === 2 && this.chance(0.03)) options[this.pick(["strides", "kernel", "axis", "name"])] = 1;
    return options;
  }

  /** Whole numbers, or noise; never 0 with `positive`. */
  values(shape: readonly number[], positive = false): Values {
    const whole = this.chance(0.5);
    const one = () => (whole ? this.int(-3, 3) : this.random() * 2 - 1);
    const size = shape.reduce((product, d) => product * d, 1);
    return {
      shape,
      data: Float32Array.from({ length: size }, () => (positive ? Math.abs(one()) + 0.5 : one())),
    };
  }

  spatial(axes: number): number[] {
    const most = axes === 1 ? 24 : axes === 2 ? 9 : 5;
    return Array.from({ length: axes }, () => this.int(1, most));
  }

  /** An input [n, ...spatial, c]. */
  image(axes: number, c = this.int(1, 6)): Values {
    return this.values([this.int(1, 2), ...this.spatial(axes), c]);
  }

  /** A tensor of any shape. */
  any(least = 1, most = 5): Values {
    const rank = this.int(least, most);
    return this.values(Array.from({ length: rank }, () => this.int(1, 5)));
  }

  activation(): unknown {
    return this.value(() => this.pick(["relu", "relu6", "linear"]));
  }
}

// Options as the oracle takes them. Each throws where an engine must have refused. null may be refused or count as not given.

const illegal = (what: unknown): never => {
  throw new RangeError(`${typeof what} is not allowed`);
};

function whole(value: unknown, min: number, max = 2 ** 31 - 1): number {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max
    ? value
    : illegal(value);
}

const real = (value: unknown): number =>
  typeof value === "number" && Number.isFinite(value) ? value : illegal(value);

const flag = (value: unknown, byDefault = false): boolean =>
  value == null ? byDefault : typeof value === "boolean" ? value : illegal(value);

const word = <T extends string>(value: unknown, words: readonly T[], byDefault?: T): T =>
  value == null && byDefault !== undefined
    ? byDefault
    : words.includes(value as T)
      ? (value as T)
      : illegal(value);

function perAxis(value: unknown, axes: number, min: number, byDefault?: number | number[]): number[] {
  const given = value ?? byDefault;
  const list = typeof given === "number" ? new Array<number>(axes).fill(given) : given;
  if (!Array.isArray(list) || list.length !== axes) return illegal(value);
  return Array.from(list, (v) => whole(v, min));
}

type Pair = [number, number];
function pairs(value: unknown, axes: number): Pair[] {
  if (!Array.isArray(value) || value.length !== axes) return illegal(value);
  return Array.from(value, (p): Pair => {
    if (!Array.isArray(p) || p.length !== 2) return illegal(p);
    return [whole(p[0], 0), whole(p[1], 0)];
  });
}

function paddingOf(value: unknown, axes: number): "valid" | "same" | "half" | Pair[] {
  if (value == null) return "valid";
  if (typeof value === "string") return word(value, ["valid", "same", "half"] as const);
  if (typeof value === "number") return new Array<Pair>(axes).fill([whole(value, 0), value]);
  if (!Array.isArray(value) || value.length !== axes) return illegal(value);
  return Array.from(value, (p): Pair => (Array.isArray(p) ? pairs([p], 1)[0] : [whole(p, 0), p]));
}

const axisOf = (axis: unknown, rank: number): number => {
  const a = whole(axis, -rank, rank - 1);
  return a < 0 ? a + rank : a;
};

const activationOf = (value: unknown): oracle.ActivationParams | undefined =>
  value == null
    ? undefined
    : typeof value === "object" && value !== null
      ? { kind: word((value as { kind: unknown }).kind, ["relu", "relu6", "linear"]) }
      : { kind: word(value, ["relu", "relu6", "linear"]) };

const product = (list: readonly number[]): number => list.reduce((a, b) => a * b, 1);
const spatialOf = ({ shape }: Values): readonly number[] => shape.slice(1, -1);
const most = (data: ArrayLike<number>): number =>
  Array.from(data).reduce((a, b) => Math.max(a, Math.abs(b)), 0);

/** How a call is put together: `resolve` gives the oracle's answer, its size and its cost; all of it throws where options mean nothing. */
interface Plan {
  shape: readonly number[];
  cost?: number;
  results(): Result[];
  bound?(): number | ArrayLike<number>;
  winograd?: boolean;
}

/** `tensors` are positional arguments, then those among the options by name. */
function makeCall(
  d: Draw,
  method: string,
  positional: readonly Values[],
  given: Options | undefined,
  resolve: () => Plan,
  named: Record<string, Values> = {},
  asList = false,
): FuzzCall {
  const inputs: unknown[] = [...positional, ...Object.values(named)];
  const names = Object.keys(named);
  let options: unknown = given;
  let odd = false;
  if (d.level === 2 && d.chance(0.04)) {
    inputs[d.int(0, inputs.length - 1)] = d.pick(WILD);
    odd = true;
  } else if (d.level === 2 && d.chance(0.03) && given) {
    options = d.pick(WILD.filter((v) => v !== undefined && !isEmpty(v)));
    odd = true;
  }
  const plan = (): Plan => (odd ? illegal(options) : resolve());
  const attempt = <T>(f: () => T, otherwise: T): T => {
    try {
      return f();
    } catch {
      return otherwise;
    }
  };
  const shape = attempt(() => plan().shape, undefined);
  const legal = shape?.every((size) => Number.isInteger(size) && size >= 1) ?? false;
  return {
    method,
    inputs,
    options,
    winograd: attempt(() => plan().winograd ?? false, false),
    sane: d.level === 0 && legal && product(shape!) < 2 ** 20,
    elements: () => (legal ? product(shape!) : 0),
    expected() {
      const { cost = 0, results } = plan();
      return cost > MAX_COST ? undefined : results();
    },
    bound: () => attempt(() => plan().bound?.() ?? 0, 0),
    args(tensors) {
      const own = tensors.slice(0, positional.length);
      const rest = tensors.slice(positional.length);
      const full =
        typeof options === "object" && options !== null && names.length && !Array.isArray(options)
          ? { ...options, ...Object.fromEntries(names.map((name, i) => [name, rest[i]])) }
          : options;
      const first = asList ? [own] : own;
      return full === undefined ? first : [...first, full];
    },
  };
}

const isEmpty = (v: unknown): boolean =>
  typeof v === "object" && v !== null && !Array.isArray(v) && Object.keys(v).length === 0;

function convolution(d: Draw, kind: "conv" | "depthwiseConv" | "convTranspose"): FuzzCall {
  const axes = d.int(1, 3);
  const wide = kind === "conv" && axes === 2 && d.chance(0.15);
  const groups = kind === "depthwiseConv" ? undefined : wide || d.chance(0.7) ? 1 : d.int(1, 3);
  const c = wide ? d.pick([16, 20, 32]) : (groups ?? 1) * d.int(1, 4);
  const x = d.image(axes, c);
  const size = wide ? d.pick([3, 5]) : 0;
  const kernel = Array.from({ length: axes }, () => (wide ? size : d.int(1, axes === 3 ? 3 : 4)));
  const oc = wide ? d.pick([16, 24]) : groups ? groups * d.int(1, 4) : c * d.int(1, 2);
  const w = d.values([...kernel, groups ? c / groups : 1, oc]);
  const named: Record<string, Values> = d.chance(0.4) ? { bias: d.values([oc]) } : {};
  const options = d.options({
    stride: () => d.perAxis(axes, () => (wide ? 1 : d.int(1, 4))),
    dilation: () => d.perAxis(axes, () => (d.chance(0.7) ? 1 : d.int(1, 3))),
    padding: () => d.padding(axes, 3),
    ...(kind === "convTranspose"
      ? { outputPadding: () => d.perAxis(axes, () => 0) }
      : { paddingMode: () => d.value(() => d.pick(["zeros", "zeros", "reflect", "replicate"])) }),
    activation: () => d.activation(),
  });
  if (groups !== undefined && (groups > 1 || d.chance(0.3))) options.groups = d.value(() => groups);
  const resolve = (): Plan => {
    const common = {
      stride: perAxis(options.stride, axes, 1, 1),
      dilation: perAxis(options.dilation, axes, 1, 1),
      padding: paddingOf(options.padding, axes),
      groups: kind === "depthwiseConv" ? c : options.groups == null ? 1 : whole(options.groups, 1),
      activation: activationOf(options.activation),
    };
    if (common.groups !== (groups ?? c)) illegal(common.groups);
    const inputs = [x, w, ...Object.values(named)];
    if (kind === "convTranspose") {
      const p = { ...common, outputPadding: perAxis(options.outputPadding, axes, 0, 0) };
      const spans = spatialOf(x).map((n, i) => oracle.transposedSpan(n, kernel[i], i, p));
      if (
        spans.some((s, i) => p.outputPadding[i] > 0 && p.outputPadding[i] >= Math.max(s.stride, s.dilation))
      )
        illegal(p.outputPadding);
      return {
        shape: [x.shape[0], ...spans.map((s) => s.out), oc],
        cost: x.data.length * w.data.length + product(spans.map((s) => s.out)),
        results: () => oracle.convTranspose(inputs, p),
        bound: () => oracle.productBound(oracle.convTranspose, inputs, p),
      };
    }
    const p = {
      ...common,
      paddingMode: word(options.paddingMode, ["zeros", "reflect", "replicate"], "zeros"),
    };
    const spans = oracle.spansOf(spatialOf(x), kernel, p);
    if (p.paddingMode === "reflect" && spans.some((s) => s.before >= s.size || s.after >= s.size))
      illegal(p.paddingMode);
    const outs = [x.shape[0], ...spans.map((s) => s.out), oc];
    return {
      shape: outs,
      cost: (product(outs) * w.data.length) / oc,
      results: () => oracle.conv(inputs, p),
      bound: () => oracle.productBound(oracle.conv, inputs, p),
      winograd: wide,
    };
  };
  return makeCall(d, `${kind}${axes}d`, [x, w], options, resolve, named);
}

function separable(d: Draw): FuzzCall {
  const axes = d.int(1, 2);
  const c = d.int(1, 4);
  const x = d.image(axes, c);
  const kernel = Array.from({ length: axes }, () => d.int(1, 3));
  const [middle, oc] = [c * d.int(1, 2), d.int(1, 4)];
  const deep = d.values([...kernel, 1, middle]);
  const point = d.values([...kernel.map(() => 1), middle, oc]);
  const options = d.options({
    stride: () => d.perAxis(axes, () => d.int(1, 3)),
    dilation: () => d.perAxis(axes, () => d.int(1, 2)),
    padding: () => d.padding(axes, 3),
  });
  const resolve = (): Plan => {
    const ones = kernel.map(() => 1);
    const p = {
      stride: perAxis(options.stride, axes, 1, 1),
      dilation: perAxis(options.dilation, axes, 1, 1),
      padding: paddingOf(options.padding, axes),
      ...{ paddingMode: "zeros" as const, groups: c },
    };
    const q = { ...p, stride: ones, dilation: ones, padding: "valid" as const, groups: 1 };
    const spans = oracle.spansOf(spatialOf(x), kernel, p);
    const outs = spans.map((s) => s.out);
    const between = () => oracle.conv([x, deep], p);
    const absolute = (t: { shape: readonly number[]; data: ArrayLike<number> }) => ({
      shape: t.shape,
      data: Float64Array.from(t.data, Math.abs),
    });
    return {
      shape: [x.shape[0], ...outs, oc],
      cost: x.shape[0] * product(outs) * (product(kernel) * middle + middle * oc),
      results: () => oracle.conv([...between(), point], q),
      bound() {
        const sums = oracle.conv([...oracle.conv([absolute(x), absolute(deep)], p), absolute(point)], q)[0];
        return sums.data.map((sum) => 4 * Math.sqrt(product(kernel) + middle) * ROUNDOFF * sum);
      },
    };
  };
  return makeCall(d, `separableConv${axes}d`, [x, deep, point], options, resolve);
}

function pool(d: Draw, kind: "max" | "avg"): FuzzCall {
  const axes = d.int(1, 3);
  const x = d.image(axes);
  const options = d.options({
    stride: () => d.perAxis(axes, () => d.int(1, 4)),
    padding: () => d.padding(axes, 1),
    ceilMode: () => d.value(() => d.chance(0.5)),
    ...(kind === "max"
      ? { dilation: () => d.perAxis(axes, () => d.int(1, 2)) }
      : { countIncludePad: () => d.value(() => d.chance(0.5)) }),
  });
  if (d.level < 2 || d.chance(0.95)) options.size = d.perAxis(axes, () => d.int(1, 3));
  const resolve = (): Plan => {
    const kernel = perAxis(options.size, axes, 1);
    const p = {
      kernel,
      stride: perAxis(options.stride, axes, 1, kernel),
      dilation: perAxis(options.dilation, axes, 1, 1),
      padding: paddingOf(options.padding, axes),
      ceilMode: flag(options.ceilMode),
    };
    const spans = oracle.spansOf(spatialOf(x), kernel, p);
    for (const s of spans) {
      const reach = s.dilation * (s.kernel - 1) + 1;
      if (s.before >= reach || s.after >= reach) illegal(options.padding);
      // What is not in the output may be asked for in vain.
      if (s.size + s.before + s.after < reach) illegal(options.size);
    }
    const outs = spans.map((s) => s.out);
    const shape = [x.shape[0], ...outs, x.shape[axes + 1]];
    const cost = product(shape) * product(kernel);
    if (kind === "max") return { shape, cost, results: () => oracle.maxPool([x], p) };
    const count = flag(options.countIncludePad);
    return {
      ...{ shape, cost },
      results: () => oracle.avgPool([x], { ...p, countIncludePad: count }),
      bound: () => 4 * Math.sqrt(Math.min(product(kernel), x.data.length) + 1) * ROUNDOFF * most(x.data),
    };
  };
  return makeCall(d, `${kind}Pool${axes}d`, [x], options, resolve);
}

function patches(d: Draw): FuzzCall {
  const axes = d.int(1, 3);
  const x = d.image(axes, d.int(1, 3));
  const options = d.options({
    stride: () => d.perAxis(axes, () => d.int(1, 3)),
    dilation: () => d.perAxis(axes, () => d.int(1, 2)),
    padding: () => d.padding(axes, 2),
  });
  options.kernel = d.perAxis(axes, () => d.int(1, 3));
  const resolve = (): Plan => {
    const p = {
      kernel: perAxis(options.kernel, axes, 1),
      stride: perAxis(options.stride, axes, 1, 1),
      dilation: perAxis(options.dilation, axes, 1, 1),
      padding: paddingOf(options.padding, axes),
    };
    const spans = oracle.spansOf(spatialOf(x), p.kernel, p);
    if (spans.some((s) => s.size + s.before + s.after < s.dilation * (s.kernel - 1) + 1)) illegal(p.kernel);
    const shape = [x.shape[0], ...spans.map((s) => s.out), product(p.kernel) * x.shape[axes + 1]];
    return { shape, cost: product(shape), results: () => oracle.im2col([x], p) };
  };
  return makeCall(d, "im2col", [x], options, resolve);
}

/** Patches that fit an image, into one that is as large or not. */
function unpatch(d: Draw): FuzzCall {
  const axes = d.int(1, 3);
  const image = d.image(axes, d.int(1, 3));
  const kernel = Array.from({ length: axes }, () => d.int(1, 3));
  const base = { stride: d.int(1, 3), dilation: d.int(1, 2), padding: d.pick(["same", "half"]) };
  const lists = (o: Options) => ({
    kernel: perAxis(o.kernel, axes, 1),
    stride: perAxis(o.stride, axes, 1, 1),
    dilation: perAxis(o.dilation, axes, 1, 1),
    padding: paddingOf(o.padding, axes),
  });
  const outs = oracle
    .spansOf(spatialOf(image), kernel, lists({ ...base, kernel }))
    .map((s) => Math.max(1, s.out));
  const x = d.values([image.shape[0], ...outs, product(kernel) * image.shape[axes + 1]]);
  const options: Options = {
    kernel: d.value(() => kernel),
    outputSize: d.chance(0.7) ? spatialOf(image) : d.perAxis(axes, () => d.int(1, 9)),
  };
  for (const [name, value] of Object.entries(base)) options[name] = d.value(() => value);
  const resolve = (): Plan => {
    const p = { ...lists(options), size: perAxis(options.outputSize, axes, 1) };
    if (typeof options.outputSize === "number") illegal(options.outputSize);
    const spans = oracle.spansOf(p.size, p.kernel, p);
    const c = x.shape[axes + 1] / product(p.kernel);
    if (!Number.isInteger(c) || spans.some((s, i) => s.out !== x.shape[i + 1])) illegal(p.size);
    const shape = [x.shape[0], ...p.size, c];
    return {
      ...{ shape, cost: x.data.length + product(shape) },
      results: () => oracle.col2im([x], p),
      bound: () => 4 * Math.sqrt(product(p.kernel)) * ROUNDOFF * product(p.kernel) * most(x.data),
    };
  };
  return makeCall(d, "col2im", [x], options, resolve);
}

function dense(d: Draw): FuzzCall {
  const [inputs, units] = [d.int(1, 20), d.int(1, 12)];
  const x = d.values([...d.any(0, 3).shape, inputs]);
  const w = d.values([d.level === 2 && d.chance(0.1) ? inputs + 1 : inputs, units]);
  const named: Record<string, Values> = d.chance(0.5) ? { bias: d.values([units]) } : {};
  const options = d.options({ activation: () => d.activation() });
  const resolve = (): Plan => {
    if (w.shape[0] !== inputs) illegal(w);
    const p = { activation: activationOf(options.activation) };
    const all = [x, w, ...Object.values(named)];
    return {
      shape: [...x.shape.slice(0, -1), units],
      results: () => oracle.dense(all, p),
      bound: () => oracle.productBound(oracle.dense, all, p),
    };
  };
  return makeCall(d, "dense", [x, w], options, resolve, named);
}

const KINDS = ["relu", "relu6", "selu", "gelu", "sigmoid", "tanh", "softplus", "silu", "mish"];
const MORE_KINDS = ["hardSwish", "hardSigmoid", "exp", "softsign", "abs", "neg", "sqrt"];

function activation(d: Draw): FuzzCall {
  const x = d.any();
  const method = d.pick([...KINDS, ...MORE_KINDS, "leakyRelu", "elu", "activation"]);
  const all = [...KINDS, ...MORE_KINDS, "linear", "leakyRelu", "elu", "geluTanh", "hardSigmoidKeras"];
  const named = (kind: string): unknown => {
    const alpha = d.value(() => d.random());
    return d.chance(0.5) ? kind : { kind, ...(kind === "elu" || kind === "leakyRelu" ? { alpha } : {}) };
  };
  const options: Options | undefined =
    method === "activation"
      ? { activation: d.value(() => named(d.pick(all))) }
      : method === "leakyRelu" || method === "elu"
        ? d.options({ alpha: () => d.value(() => d.random()) })
        : undefined;
  const resolve = (): Plan => {
    const a = method === "activation" ? options!.activation : { kind: method, alpha: options?.alpha };
    const o = (typeof a === "string" ? { kind: a } : typeof a === "object" && a ? a : illegal(a)) as Options;
    const kind = word(o.kind, all);
    const takes = kind === "elu" || kind === "leakyRelu";
    if (o.alpha != null && !takes) illegal(o.alpha);
    const alpha = o.alpha == null ? undefined : Math.fround(real(o.alpha));
    const y = oracle.activation([x], { kind, alpha });
    return {
      shape: x.shape,
      results: () => y,
      bound: () => y[0].data.map((v) => 64 * ROUNDOFF * (1 + Math.abs(v))),
    };
  };
  return makeCall(d, method, [x], options, resolve);
}

function prelu(d: Draw): FuzzCall {
  const x = d.any();
  const alpha = d.values([d.chance(0.8) ? x.shape.at(-1)! : d.int(1, 5)]);
  const resolve = (): Plan => {
    if (alpha.shape[0] !== 1 && alpha.shape[0] !== x.shape.at(-1)) illegal(alpha);
    return { shape: x.shape, results: () => oracle.prelu([x, alpha]) };
  };
  return makeCall(d, "prelu", [x, alpha], undefined, resolve);
}

function softmax(d: Draw): FuzzCall {
  const x = d.any();
  const method = d.pick(["softmax", "logSoftmax"] as const);
  const options = d.options({ axis: () => d.value(() => d.int(-x.shape.length, x.shape.length - 1)) });
  const resolve = (): Plan => {
    const axis = axisOf(options.axis ?? -1, x.shape.length);
    return {
      shape: x.shape,
      results: () => (method === "softmax" ? oracle.softmax : oracle.logSoftmax)([x], { axis }),
      bound: () => 2e-6,
    };
  };
  return makeCall(d, method, [x], options, resolve);
}

function merge(d: Draw): FuzzCall {
  const kind = d.pick(["add", "sub", "mul", "div", "min", "max"] as const);
  const a = d.any(0, 4);
  const shape = a.shape.slice(d.int(0, a.shape.length)).map((n) => (d.chance(0.3) ? 1 : n));
  const odd = d.level === 2 && d.chance(0.2);
  const tiny = { shape: odd ? [7, 7] : shape };
  const b = d.values(d.chance(0.3) ? [2, ...a.shape] : tiny.shape, kind === "div");
  const swap = kind !== "div" && d.chance(0.5);
  const inputs = swap ? [b, a] : [a, b];
  const resolve = (): Plan => {
    const [y] = oracle.binary(inputs, { kind });
    return { shape: y.shape, results: () => [y] };
  };
  return makeCall(d, kind, inputs, d.chance(0.3) ? d.options({}) : undefined, resolve);
}

/** Shapes that broadcast to something large. */
function broadcast(d: Draw): FuzzCall {
  const [a, b] = [d.values([d.int(1, 2) * 2 ** 15, 1]), d.values([1, d.int(1, 3) * 2 ** 15])];
  return makeCall(d, d.pick(["add", "mul", "max"]), [a, b], undefined, () => ({
    shape: [a.shape[0], b.shape[1]],
    results: () => illegal("size"),
  }));
}

function rescale(d: Draw): FuzzCall {
  const x = d.any();
  const options = d.options({
    scale: () => d.value(() => d.int(-4, 4) / 2),
    offset: () => d.value(() => d.int(-4, 4)),
  });
  const resolve = (): Plan => {
    const p = {
      scale: Math.fround(options.scale == null ? 1 : real(options.scale)),
      offset: Math.fround(options.offset == null ? 0 : real(options.offset)),
    };
    const y = oracle.affine([x], p);
    return {
      shape: x.shape,
      results: () => y,
      bound: () =>
        Float64Array.from(x.data, (v) => 2 * ROUNDOFF * (Math.abs(v * p.scale) + Math.abs(p.offset))),
    };
  };
  return makeCall(d, "rescale", [x], options, resolve);
}

function reduce(d: Draw): FuzzCall {
  const x = d.any();
  const rank = x.shape.length;
  const axes = () => {
    if (d.level > 0 && d.chance(0.3)) return d.value(() => 1);
    const all = Array.from({ length: rank }, (_, i) => i).filter(() => d.chance(0.5));
    return all.map((a) => d.value(() => (d.chance(0.5) ? a : a - rank)));
  };
  const options = d.options({ axes, keepDims: () => d.value(() => d.chance(0.5)) });
  const kinds = ["sum", "mean", "max", "min"] as const;
  options.kind = d.level === 2 && d.chance(0.2) ? d.pick(["prod", "avg", ...WILD]) : d.pick(kinds);
  const resolve = (): Plan => {
    const kind = word(options.kind, kinds);
    const list = options.axes == null ? x.shape.map((_, i) => i) : options.axes;
    if (!Array.isArray(list)) return illegal(list);
    const front = Array.from(list, (a) => axisOf(a, rank));
    if (new Set(front).size !== front.length) illegal(list);
    const keepDims = flag(options.keepDims);
    const [y] = oracle.reduce([x], { kind, axes: front, keepDims });
    const sums = kind === "sum" || kind === "mean";
    return {
      shape: y.shape,
      results: () => [y],
      bound: () => (sums ? 4 * Math.sqrt(x.data.length) * ROUNDOFF * x.data.length * most(x.data) : 0),
    };
  };
  return makeCall(d, "reduce", [x], options, resolve);
}

function argMax(d: Draw): FuzzCall {
  const x = d.any();
  const rank = x.shape.length;
  const options = d.options({
    axis: () => d.value(() => d.int(-rank, rank - 1)),
    keepDims: () => d.value(() => d.chance(0.5)),
  });
  const resolve = (): Plan => {
    const axis = options.axis == null ? rank - 1 : axisOf(options.axis, rank);
    const [y] = oracle.argMax([x], { axis, keepDims: flag(options.keepDims) });
    return { shape: y.shape, results: () => [y] };
  };
  return makeCall(d, "argMax", [x], options, resolve);
}

function globalPool(d: Draw): FuzzCall {
  const x = d.image(d.int(1, 3));
  const method = d.pick(["globalMaxPool", "globalAvgPool"] as const);
  const options = d.options({ keepDims: () => d.value(() => d.chance(0.5)) });
  const resolve = (): Plan => {
    const answer = method === "globalMaxPool" ? oracle.globalMaxPool : oracle.globalAvgPool;
    const [y] = answer([x], { keepDims: flag(options.keepDims) });
    return {
      shape: y.shape,
      results: () => [y],
      bound: () => (method === "globalAvgPool" ? 4 * Math.sqrt(x.data.length) * ROUNDOFF * most(x.data) : 0),
    };
  };
  return makeCall(d, method, [x], options, resolve);
}

function norm(d: Draw): FuzzCall {
  const method = d.pick(["batchNorm", "groupNorm", "instanceNorm"] as const);
  const groups = method === "groupNorm" ? d.int(1, 3) : 1;
  const x = d.image(d.int(1, 3), groups * d.int(1, 4));
  const c = x.shape.at(-1)!;
  const named: Record<string, Values> = { gamma: d.values([c]), beta: d.values([c]) };
  if (method === "batchNorm") Object.assign(named, { mean: d.values([c]), variance: d.values([c], true) });
  const options = d.options({ epsilon: () => d.value(() => 0.01 + d.random()) });
  if (method === "groupNorm") options.groups = d.value(() => groups);
  const resolve = (): Plan => {
    const epsilon = options.epsilon == null ? 1e-5 : real(options.epsilon);
    if (epsilon < 0) illegal(epsilon);
    const inputs = [x, ...Object.values(named)];
    const g = method === "groupNorm" ? whole(options.groups, 1) : 1;
    if (c % g !== 0) illegal(g);
    const run = {
      batchNorm: () => oracle.batchNorm(inputs, { epsilon }),
      groupNorm: () => oracle.groupNorm(inputs, { groups: g, epsilon }),
      instanceNorm: () => oracle.instanceNorm(inputs, { epsilon }),
    };
    const spread = method === "batchNorm" ? 0.5 : epsilon;
    return {
      shape: x.shape,
      cost: spread < 1e-6 ? Infinity : 0,
      results: run[method],
      bound: () =>
        256 * ROUNDOFF * (1 + (most(x.data) + 4) / Math.sqrt(spread)) * (1 + most(named.gamma.data)) +
        256 * ROUNDOFF * most(named.beta.data),
    };
  };
  return makeCall(d, method, [x], options, resolve, named);
}

function reshape(d: Draw): FuzzCall {
  const x = d.any();
  const divisors = [1, 2, 3, 4, 5].filter((n) => x.data.length % n === 0);
  const first = d.pick(divisors);
  const shape = d.value(() =>
    d.pick([[first, -1], [-1], [x.data.length], [0, -1], [first, x.data.length / first]]),
  );
  const list = Array.isArray(shape) ? shape.map((v) => d.value(() => v)) : shape;
  const options = { shape: list };
  const resolve = (): Plan => {
    if (!Array.isArray(list)) return illegal(list);
    const sizes = Array.from(list, (v, i) =>
      v === 0 ? (x.shape[i] ?? illegal(v)) : v === -1 ? -1 : whole(v, 1),
    );
    if (sizes.filter((v) => v === -1).length > 1) illegal(list);
    const known = product(sizes.filter((v) => v !== -1));
    if (sizes.includes(-1) ? x.data.length % known !== 0 : known !== x.data.length) illegal(list);
    return {
      shape: sizes.map((v) => (v === -1 ? x.data.length / known : v)),
      results: () => oracle.reshape([x], { shape: sizes }),
    };
  };
  return makeCall(d, "reshape", [x], options, resolve);
}

const flatten = (d: Draw): FuzzCall => {
  const x = d.any();
  return makeCall(d, "flatten", [x], undefined, () => {
    const [y] = oracle.flatten([x]);
    return { shape: y.shape, results: () => [y] };
  });
};

function transpose(d: Draw): FuzzCall {
  const x = d.any();
  const perm = x.shape.map((_, i) => i).sort(() => d.random() - 0.5);
  const options = {
    perm: d.level > 0 && d.chance(0.2) ? d.value(() => 1) : perm.map((a) => d.value(() => a)),
  };
  const resolve = (): Plan => {
    if (!Array.isArray(options.perm) || options.perm.length !== perm.length) return illegal(options.perm);
    const list = Array.from(options.perm, (a) => whole(a, 0, perm.length - 1));
    if (new Set(list).size !== list.length) illegal(list);
    return { shape: list.map((a) => x.shape[a]), results: () => oracle.transpose([x], { perm: list }) };
  };
  return makeCall(d, "transpose", [x], options, resolve);
}

function concat(d: Draw): FuzzCall {
  const x = d.any();
  const rank = x.shape.length;
  const along = d.int(0, rank - 1);
  const inputs = [
    x,
    ...Array.from({ length: d.int(0, 3) }, () => d.values(x.shape.with(along, d.int(1, 4)))),
  ];
  const options = d.options({ axis: () => d.value(() => d.pick([along, along - rank])) });
  const resolve = (): Plan => {
    const axis = options.axis == null ? rank - 1 : axisOf(options.axis, rank);
    for (const t of inputs) if (t.shape.some((n, i) => i !== axis && n !== x.shape[i])) illegal(t);
    const [y] = oracle.concat(inputs, { axis });
    return { shape: y.shape, results: () => [y] };
  };
  return makeCall(d, "concat", inputs, options, resolve, {}, true);
}

function split(d: Draw): FuzzCall {
  const x = d.any();
  const rank = x.shape.length;
  const along = d.int(0, rank - 1);
  const parts: number[] = [];
  for (let left = x.shape[along]; left > 0; left -= parts.at(-1)!) parts.push(d.int(1, left));
  const options: Options = { axis: d.value(() => d.pick([along, along - rank])) };
  options.sizes = d.level > 0 && d.chance(0.2) ? d.value(() => parts) : parts.map((n) => d.value(() => n));
  const resolve = (): Plan => {
    const axis = axisOf(options.axis, rank);
    if (!Array.isArray(options.sizes)) return illegal(options.sizes);
    const sizes = Array.from(options.sizes, (n) => whole(n, 0));
    if (sizes.length === 0 || sizes.reduce((a, b) => a + b, 0) !== x.shape[axis]) illegal(sizes);
    return { shape: x.shape, results: () => oracle.split([x], { axis, sizes }) };
  };
  return makeCall(d, "split", [x], options, resolve);
}

function slice(d: Draw): FuzzCall {
  const x = d.any();
  const begin = x.shape.map((n) => d.int(0, n - 1));
  const options = {
    begin: begin.map((b) => d.value(() => b)),
    size: x.shape.map((n, i) => d.value(() => (d.chance(0.3) ? -1 : d.int(1, n - begin[i])))),
  };
  const resolve = (): Plan => {
    const from = Array.from(options.begin, (b) => whole(b, 0));
    const size = Array.from(options.size, (n, i) => (n === -1 ? x.shape[i] - from[i] : whole(n, 0)));
    if (size.some((n, i) => n < 0 || from[i] + n > x.shape[i])) illegal(size);
    return { shape: size, results: () => oracle.slice([x], { begin: from, size }) };
  };
  return makeCall(d, "slice", [x], options, resolve);
}

function border(d: Draw): FuzzCall {
  const method = d.pick(["pad", "crop"] as const);
  const axes = d.int(1, 3);
  const x = d.image(axes);
  const all = d.chance(0.3);
  const side = () => d.value(() => d.int(0, method === "pad" ? 3 : 1));
  const list = (): unknown => Array.from({ length: all ? axes + 2 : axes }, () => [side(), side()]);
  const options: Options = {};
  options[method === "pad" ? "padding" : "cropping"] =
    d.level === 2 && d.chance(0.2) ? d.value(list) : list();
  if (method === "pad") {
    const values = [1, -2, Infinity, -Infinity, Number.NaN];
    Object.assign(
      options,
      d.options({
        mode: () => d.value(() => d.pick(["constant", "reflect", "replicate"])),
        value: () => d.value(() => d.pick(values)),
      }),
    );
  }
  const resolve = (): Plan => {
    const given = method === "pad" ? options.padding : options.cropping;
    if (!Array.isArray(given)) return illegal(given);
    const own = pairs(given, given.length === axes ? axes : axes + 2);
    const every: Pair[] = own.length === axes ? [[0, 0], ...own, [0, 0]] : own;
    if (method === "crop") {
      const size = x.shape.map((n, i) => n - every[i][0] - every[i][1]);
      if (size.some((n) => n < 1)) illegal(size);
      return { shape: size, results: () => oracle.slice([x], { begin: every.map((p) => p[0]), size }) };
    }
    const mode = word(options.mode, ["constant", "reflect", "replicate"], "constant");
    const value = options.value ?? 0;
    if (typeof value !== "number") return illegal(value);
    if (mode !== "constant" && [every[0], every.at(-1)!].some(([a, b]) => a + b > 0)) illegal(mode);
    if (mode === "reflect" && every.some(([a, b], i) => Math.max(a, b) > 0 && Math.max(a, b) >= x.shape[i]))
      illegal(mode);
    const shape = x.shape.map((n, i) => n + every[i][0] + every[i][1]);
    return {
      ...{ shape, cost: product(shape) },
      results: () => oracle.pad([x], { pads: every, mode, value }),
    };
  };
  return makeCall(d, method, [x], options, resolve);
}

function blocks(d: Draw): FuzzCall {
  const method = d.pick(["depthToSpace", "spaceToDepth"] as const);
  const b = d.int(1, 3);
  const [h, w, c] = [d.int(1, 3), d.int(1, 3), d.int(1, 3)];
  const x = d.values(
    method === "depthToSpace" ? [d.int(1, 2), h, w, c * b * b] : [d.int(1, 2), h * b, w * b, c],
  );
  const options = d.options({ order: () => d.value(() => d.pick(["dcr", "crd"])) });
  options.block = d.value(() => b);
  const resolve = (): Plan => {
    const p = { block: whole(options.block, 1), order: word(options.order, ["dcr", "crd"], "dcr") };
    const [, xh, xw, xc] = x.shape;
    if (method === "depthToSpace" ? xc % p.block ** 2 !== 0 : xh % p.block !== 0 || xw % p.block !== 0)
      illegal(p.block);
    const [y] = (method === "depthToSpace" ? oracle.depthToSpace : oracle.spaceToDepth)([x], p);
    return { shape: y.shape, results: () => [y] };
  };
  return makeCall(d, method, [x], options, resolve);
}

function resize(d: Draw): FuzzCall {
  const axes = d.int(1, 3);
  const method = d.pick(["resize", "upsample"]);
  const x = d.image(axes, d.int(1, 5));
  const options = d.options({
    method: () => d.value(() => d.pick(["nearest", "linear"])),
    coordinates: () => d.value(() => d.pick(["halfPixel", "alignCorners", "asymmetric"])),
  });
  if (method === "upsample") options.factor = d.perAxis(axes, () => d.int(1, 3));
  else options.size = Array.from({ length: axes }, () => d.value(() => d.int(1, 9)));
  const resolve = (): Plan => {
    const size =
      method === "upsample"
        ? perAxis(options.factor, axes, 1).map((f, i) => f * x.shape[i + 1])
        : perAxis(options.size, axes, 1);
    const p = {
      size,
      method: word(options.method, ["nearest", "linear"], "nearest"),
      coordinates: word(options.coordinates, ["halfPixel", "alignCorners", "asymmetric"], "halfPixel"),
    };
    const shape = [x.shape[0], ...size, x.shape[axes + 1]];
    return {
      ...{ shape, cost: product(shape) * 8 },
      results: () => oracle.resize([x], p),
      bound: () => (p.method === "linear" ? 16 * ROUNDOFF * (1 + most(x.data)) : 0),
    };
  };
  return makeCall(d, method, [x], options, resolve);
}

function loss(d: Draw): FuzzCall {
  const kinds = [
    "softmaxCrossEntropy",
    "binaryCrossEntropy",
    "meanSquaredError",
    "meanAbsoluteError",
    "huber",
  ];
  const kind = d.pick(kinds);
  const x = d.values([...d.any(1, 2).shape, d.int(1, 5)]);
  const target = d.values(d.level === 2 && d.chance(0.1) ? [1, 2, 3] : x.shape, true);
  const options = d.options({
    ...((kind === "huber" || d.level === 2) && { delta: () => d.value(() => 0.5 + d.random()) }),
    ...((kind === "softmaxCrossEntropy" || d.level === 2) && {
      labelSmoothing: () => d.value(() => d.random()),
    }),
  });
  options.kind = d.level === 2 && d.chance(0.2) ? d.pick(WILD) : kind;
  const resolve = (): Plan => {
    const which = word(options.kind, kinds);
    if (String(target.shape) !== String(x.shape)) illegal(target);
    // Options of another loss may be refused or not.
    if (options.delta !== undefined && which !== "huber")
      return { shape: [], cost: Infinity, results: () => [] };
    if (options.labelSmoothing !== undefined && which !== "softmaxCrossEntropy")
      return { shape: [], cost: Infinity, results: () => [] };
    const delta = options.delta == null ? 1 : real(options.delta);
    const labelSmoothing = options.labelSmoothing == null ? 0 : real(options.labelSmoothing);
    if (delta <= 0 || labelSmoothing < 0 || labelSmoothing > 1) illegal(options);
    const inputs = [x, target];
    const [y] =
      which === "softmaxCrossEntropy"
        ? training.softmaxCrossEntropy(inputs, { labelSmoothing })
        : which === "huber"
          ? training.huber(inputs, { delta: Math.fround(delta) })
          : which === "binaryCrossEntropy"
            ? training.binaryCrossEntropyWithLogits(inputs)
            : which === "meanSquaredError"
              ? training.meanSquaredError(inputs)
              : training.meanAbsoluteError(inputs);
    return { shape: [], results: () => [y], bound: () => 256 * ROUNDOFF * (1 + Math.abs(y.data[0])) * 16 };
  };
  return makeCall(d, "loss", [x, target], options, resolve);
}

export const generators: Readonly<Record<string, (random: Random) => FuzzCall>> = Object.fromEntries(
  Object.entries({
    conv: (d: Draw) => convolution(d, "conv"),
    depthwise: (d: Draw) => convolution(d, "depthwiseConv"),
    transposed: (d: Draw) => convolution(d, "convTranspose"),
    separable,
    maxPool: (d: Draw) => pool(d, "max"),
    avgPool: (d: Draw) => pool(d, "avg"),
    ...{ globalPool, im2col: patches, col2im: unpatch, dense, activation, prelu, softmax, merge, broadcast },
    ...{ rescale, reduce, argMax, norm, reshape, flatten, transpose, concat, split, slice, border, blocks },
    ...{ resize, loss },
  }).map(([name, make]) => [name, (random: Random) => make(new Draw(random))]),
);
