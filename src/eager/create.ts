// Tensors made of a rule rather than of data: constants, ranges, the identity, and random numbers by a seed.
import { anAxis, aValue } from "../layers/checks.ts";
import { keyOf, normal, uniform } from "../layers/initializers.ts";
import { checkWord } from "../ops/boxes.ts";
import { checkShape } from "../ops/check.ts";
import type { Runtime } from "../runtime/instance.ts";
import { DTYPES, type DType, type Shape, Tensor } from "../tensor.ts";
import {
  type AnyChecks,
  aNumber,
  aNumberFrom,
  aSeed,
  checkOptions,
  finite,
  integer,
  needed,
  oneOf,
  refuse,
} from "../validate.ts";

export interface SeedOption {
  /**
   * Any integer: the same seed makes the same numbers on every machine. Default: another one in each call, the same in every run of a
   * program.
   */
  seed?: number;
}

export interface RandomNormalOptions extends SeedOption {
  /** Default 0. */
  mean?: number;
  /** The standard deviation, of at least 0. Default 1. */
  std?: number;
}

export interface RandomUniformOptions extends SeedOption {
  /** Default 0. */
  min?: number;
  /** Default 1. */
  max?: number;
}

export interface RandomIntOptions extends SeedOption {
  /** Default 0. */
  min?: number;
  max: number;
}

/** Errors of all methods: ArgumentError for what is no option, ShapeError for a shape that is none, MemoryError. */
export interface CreationOps {
  /** Zeros in a shape. dtype "float32" by default. */
  zeros<D extends DType = "float32">(shape: Shape, dtype?: D): Tensor<D>;
  /** Ones in a shape. dtype "float32" by default. */
  ones<D extends DType = "float32">(shape: Shape, dtype?: D): Tensor<D>;
  /** The same value everywhere in a shape. dtype "float32" by default. */
  full<D extends DType = "float32">(shape: Shape, value: number, dtype?: D): Tensor<D>;
  /** [start, start + step, ...], up to stop, which is left out; empty where that is start. step 1, dtype "float32" by default. */
  range<D extends DType = "float32">(start: number, stop: number, step?: number, dtype?: D): Tensor<D>;
  /** Ones on the main diagonal of [rows, columns], zeros elsewhere. As many columns as rows by default, dtype "float32". */
  eye<D extends DType = "float32">(rows: number, columns?: number, dtype?: D): Tensor<D>;
  /** Random numbers of a normal distribution. */
  randomNormal(shape: Shape, options?: RandomNormalOptions): Tensor;
  /** Random numbers from min to max, max left out, each as likely as the others. */
  randomUniform(shape: Shape, options?: RandomUniformOptions): Tensor;
  /** Random integers from min to max, max left out, each as likely as the others. */
  randomInt(shape: Shape, options: RandomIntOptions): Tensor<"int32">;
}

type Creators = {
  readonly [K in keyof CreationOps]: (runtime: Runtime, ...args: never[]) => Tensor<DType>;
};

/** A tensor whose values `fill` writes. */
function create(
  runtime: Runtime,
  name: string,
  shape: unknown,
  dtype: DType,
  fill: (values: Float32Array | Int32Array) => void,
): Tensor<DType> {
  checkShape(shape as Shape, "the tensor", name);
  oneOf(dtype, DTYPES, "dtype", name);
  const tensor = new Tensor<DType>(runtime, { shape: shape as Shape, dtype }, name);
  const from = tensor.address(name) / 4;
  const { memory } = runtime;
  fill((dtype === "int32" ? memory.ints : memory.floats).subarray(from, from + tensor.size));
  return tensor;
}

function full(runtime: Runtime, name: string, shape: unknown, value: unknown, dtype: DType = "float32") {
  oneOf(dtype, DTYPES, "dtype", name);
  checkWord(value, dtype, "value", name);
  return create(runtime, name, shape, dtype, (values) => values.fill(value as number));
}

/** How many calls without a seed an engine has had. */
const CALLS = /* @__PURE__ */ new WeakMap<Runtime, number>();

/** The number of a call without a seed. */
export function nextCall(runtime: Runtime): number {
  const call = CALLS.get(runtime) ?? 0;
  CALLS.set(runtime, call + 1);
  return call;
}

/** Random values, the i-th of which is `draw(key, i)`; numbers of calls with and without a seed are not the same. */
function random<O extends SeedOption>(
  runtime: Runtime,
  name: string,
  shape: unknown,
  options: O,
  checks: AnyChecks,
  dtype: DType,
  drawOf: (options: O) => (key: number, i: number) => number,
): Tensor<DType> {
  checkOptions(name, options, { ...checks, seed: aSeed });
  const draw = drawOf(options);
  const { seed } = options;
  return create(runtime, name, shape, dtype, (values) => {
    const key = seed === undefined ? keyOf(nextCall(runtime), "random call") : keyOf(seed, "random seed");
    for (let i = 0; i < values.length; i++) values[i] = draw(key, i);
  });
}

/** Throws unless max is above min. */
function checkLimits(min: number, max: number, name: string): void {
  if (!(max > min)) refuse(max, "max", name, `above min, ${min}`);
}

/** What makes each of them, by the names of their methods. */
export const CREATORS: Creators = {
  zeros: (runtime, shape: Shape, dtype?: DType) => full(runtime, "zeros", shape, 0, dtype),
  ones: (runtime, shape: Shape, dtype?: DType) => full(runtime, "ones", shape, 1, dtype),
  full: (runtime, shape: Shape, value: number, dtype?: DType) => full(runtime, "full", shape, value, dtype),
  range(runtime, start: number, stop: number, step = 1, dtype: DType = "float32") {
    finite(start, "start", "range");
    finite(stop, "stop", "range");
    finite(step, "step", "range");
    const count = start === stop ? 0 : Math.ceil((stop - start) / step);
    if (step === 0 || !(count >= 1 || start === stop) || !Number.isFinite(count))
      refuse(step, "step", "range", `a number that leads from ${start} to ${stop}`);
    oneOf(dtype, DTYPES, "dtype", "range");
    if (dtype === "int32")
      for (const [value, name] of [
        [start, "start"],
        [step, "step"],
      ] as const)
        checkWord(value, dtype, name, "range");
    return create(runtime, "range", [count], dtype, (values) => {
      for (let i = 0; i < count; i++) values[i] = start + i * step;
    });
  },
  eye(runtime, rows: number, columns = rows, dtype: DType = "float32") {
    integer(rows, "rows", "eye", 0);
    integer(columns, "columns", "eye", 0);
    return create(runtime, "eye", [rows, columns], dtype, (values) => {
      values.fill(0);
      for (let i = 0; i < Math.min(rows, columns); i++) values[i * columns + i] = 1;
    });
  },
  randomNormal: (runtime, shape: Shape, options: RandomNormalOptions = {}) =>
    random(
      ...([
        runtime,
        "randomNormal",
        shape,
        options,
        { mean: aNumber, std: aNumberFrom(0) },
        "float32",
      ] as const),
      ({ mean = 0, std = 1 }) =>
        (key, i) =>
          mean + std * normal(key, i),
    ),
  randomUniform: (runtime, shape: Shape, options: RandomUniformOptions = {}) =>
    random(
      ...([runtime, "randomUniform", shape, options, { min: aNumber, max: aNumber }, "float32"] as const),
      ({ min = 0, max = 1 }) => {
        checkLimits(min, max, "randomUniform");
        return (key, i) => {
          const value = Math.fround(min + (max - min) * uniform(key, i));
          // Rounding may reach max.
          return value < max ? value : min;
        };
      },
    ),
  randomInt: (runtime, shape: Shape, options: RandomIntOptions = {} as RandomIntOptions) =>
    random(
      ...([
        runtime,
        "randomInt",
        shape,
        options,
        { min: anAxis, max: needed(aValue, "10") },
        "int32",
      ] as const),
      ({ min = 0, max }) => {
        checkWord(min, "int32", "min", "randomInt");
        // One more than the largest integer there is may be left out.
        if (max !== 2 ** 31) checkWord(max, "int32", "max", "randomInt");
        checkLimits(min, max, "randomInt");
        return (key, i) => min + Math.floor((max - min) * uniform(key, i));
      },
    ),
};
