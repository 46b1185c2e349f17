// The config of a Keras layer, read with every value checked. A missing value and null mean the default.
import { FormatError, UnsupportedError } from "../../errors.ts";
import type { ActivationConfig } from "../../layers/activation.ts";
import { describe, isObject, type Json, MAX_INTEGER } from "../../validate.ts";

export class Config {
  constructor(
    readonly values: Json,
    readonly where: string,
  ) {}

  #refuse(key: string, value: unknown, wanted: string): never {
    throw new FormatError(`${this.where}: ${key} is ${describe(value)} but must be ${wanted}`);
  }

  has(key: string): boolean {
    return this.values[key] !== undefined && this.values[key] !== null;
  }

  number(key: string, fallback?: number): number {
    const value = this.values[key] ?? fallback;
    return typeof value === "number" && Number.isFinite(value) ? value : this.#refuse(key, value, "a number");
  }

  integer(key: string, minimum: number, fallback?: number): number {
    const value = this.values[key] ?? fallback;
    return isInteger(value, minimum) ? value : this.#refuse(key, value, `an integer of at least ${minimum}`);
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.values[key] ?? fallback;
    return typeof value === "boolean" ? value : this.#refuse(key, value, "true or false");
  }

  /** One of some words. Another word may be valid in Keras, so it is unsupported, not a format error. */
  word<W extends string>(key: string, known: readonly W[], fallback: W): W {
    const value = this.values[key] ?? fallback;
    if (known.includes(value as W)) return value as W;
    if (typeof value !== "string") this.#refuse(key, value, `one of ${known.join(", ")}`);
    throw new UnsupportedError(
      `${this.where}: ${key} ${describe(value)} is not supported, only ${known.join(", ")}`,
    );
  }

  /** One integer per spatial axis, or one for all. */
  sizes(key: string, axes: number, minimum: number, fallback?: number | readonly number[]): number[] {
    const value = this.values[key] ?? fallback;
    if (isInteger(value, minimum)) return new Array<number>(axes).fill(value);
    if (Array.isArray(value) && value.length === axes && value.every((v) => isInteger(v, minimum)))
      return [...value];
    return this.#refuse(key, value, `${axes} integer${axes > 1 ? "s" : ""} of at least ${minimum}`);
  }

  /** [before, after] for each spatial axis: one number for all, numbers, or pairs; in 1-D one pair alone. */
  pairs(key: string, axes: number, fallback: number): [number, number][] {
    const value = this.values[key] ?? fallback;
    const list = axes === 1 && Array.isArray(value) && value.length === 2 ? [value] : value;
    const each = Array.isArray(list) ? list : new Array<unknown>(axes).fill(list);
    if (each.length !== axes) this.#refuse(key, value, `a number or a list of ${axes}`);
    return each.map((v) => {
      const pair = Array.isArray(v) ? v : [v, v];
      if (pair.length !== 2 || !pair.every((p) => isInteger(p, 0)))
        this.#refuse(key, value, "made of integers of at least 0, or of pairs [before, after] of them");
      return [pair[0], pair[1]];
    });
  }

  /** A single axis, which Keras also writes as a list of one. */
  axis(key: string, fallback: number): number {
    const value = this.values[key] ?? fallback;
    if (Array.isArray(value) && value.length > 1)
      throw new UnsupportedError(
        `${this.where}: ${key} is ${describe(value)} but only one axis is supported`,
      );
    const axis: unknown = Array.isArray(value) ? value[0] : value;
    return Number.isInteger(axis) ? (axis as number) : this.#refuse(key, value, "an integer");
  }

  activation(key = "activation"): ActivationConfig {
    return readActivation(this.values[key] ?? "linear", this.where);
  }
}

/** Sizes are computed with as integers of 32 bits. */
function isInteger(value: unknown, minimum: number): value is number {
  return Number.isInteger(value) && (value as number) >= minimum && (value as number) <= MAX_INTEGER;
}

/** By name without underscores, in lower case: Keras writes snake_case, TensorFlow.js camelCase. */
const ACTIVATIONS: Readonly<Record<string, ActivationConfig>> = {
  linear: "linear",
  relu: "relu",
  relu6: "relu6",
  elu: "elu",
  selu: "selu",
  sigmoid: "sigmoid",
  // Keras 2: 0.2 x + 0.5.
  hardsigmoid: "hardSigmoidKeras",
  tanh: "tanh",
  softmax: "softmax",
  logsoftmax: "logSoftmax",
  softplus: "softplus",
  softsign: "softsign",
  swish: "silu",
  silu: "silu",
  mish: "mish",
  gelu: "gelu",
  gelunew: "geluTanh",
  exponential: "exp",
};

/** An activation by name, or the activation layer that Keras writes in its place: { class_name, config }. */
function readActivation(value: unknown, where: string): ActivationConfig {
  const { class_name: kind, config = null } = isObject(value) ? value : { class_name: value };
  if (typeof kind !== "string" || !(config === null || isObject(config)))
    throw new FormatError(`${where}: activation is ${describe(value)} but must be a name`);
  const inner = new Config(config ?? {}, `${where}: activation ${describe(kind)}`);
  if (kind === "LeakyReLU") return leakyReluOf(inner);
  if (kind === "ELU") return eluOf(inner);
  // One layer that only names another activation is enough: Keras writes no deeper ones.
  if (kind === "Activation" && !isObject(inner.values.activation)) return inner.activation();
  const name = kind.replaceAll("_", "").toLowerCase();
  // The layers ReLU and Softmax have configs of their own, which the plain names would ignore.
  const plain = kind !== "ReLU" && kind !== "Softmax";
  if (plain && Object.hasOwn(ACTIVATIONS, name)) return ACTIVATIONS[name];
  throw new UnsupportedError(`${where}: activation ${describe(kind)} is not supported`);
}

/** The slope is named alpha in Keras 2, negative_slope from 2.16 on. */
export const leakyReluOf = (config: Config): ActivationConfig => ({
  kind: "leakyRelu",
  alpha: config.number("alpha", config.number("negative_slope", 0.3)),
});

export const eluOf = (config: Config): ActivationConfig => ({
  kind: "elu",
  alpha: config.number("alpha", 1),
});
