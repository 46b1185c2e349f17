// The engine: tensors, ops that run at once, and `compile` for whole networks.
import { type EagerOps, installOps } from "../eager/ops.ts";
import { scoped } from "../eager/scope.ts";
import { ArgumentError } from "../errors.ts";
import type { Model, ModelSource, TrainedModel } from "../model/schema.ts";
import { type CompileOptions, Network } from "../network/network.ts";
import { checkShape } from "../ops/check.ts";
import type { Runtime } from "../runtime/instance.ts";
import {
  checkValues,
  DTYPES,
  type DType,
  type NestedNumbers,
  type Shape,
  Tensor,
  unnested,
} from "../tensor.ts";
import { oneOf } from "../validate.ts";
import { BaseEngine, type EngineInfo } from "./base.ts";

export type { EagerOps, EngineInfo };

/** A tensor that is alive. */
export interface LiveTensor {
  /** The op or method that made it. */
  readonly madeBy: string;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly bytes: number;
}

class EngineClass extends BaseEngine {
  readonly #runtime: Runtime;

  /** @internal Use `createEngine`. */
  constructor(runtime: Runtime, fallback?: string) {
    super(runtime, fallback);
    this.#runtime = runtime;
  }

  /** Resolves shapes, picks algorithms, packs weights and places every buffer of a network. */
  compile<Names extends string[]>(
    model: Model<Names> | TrainedModel<Names> | ModelSource,
    options: CompileOptions = {},
  ): Network<Names> {
    this.#runtime.alive("compile");
    return new Network<Names>(this.#runtime, model, options);
  }

  /**
   * A tensor holding a copy of `data`: a typed array or a list of numbers, row-major, to fill a shape; or, without one, a number, or numbers in
   * lists in lists, a list for each axis. int32 takes integers alone. An axis may be of size 0: `engine.tensor([], [0, 3])`. Throws ShapeError
   * where `data` does not fill the shape, or its lists differ in length, ArgumentError for data, a shape or a type that is none.
   */
  tensor<D extends DType = "float32">(
    data: ArrayLike<number> | NestedNumbers,
    shape?: Shape,
    dtype?: D,
  ): Tensor<D>;
  tensor(data: ArrayLike<number> | NestedNumbers, shape?: Shape, dtype: DType = "float32"): Tensor<DType> {
    this.#runtime.alive("tensor");
    const given =
      shape === undefined ? unnested(data, "tensor") : { values: data as ArrayLike<number>, shape };
    checkShape(given.shape, "the tensor", "tensor");
    oneOf(dtype, DTYPES, "dtype", "tensor");
    checkValues(given.values, { shape: given.shape, dtype }, "tensor");
    const tensor = new Tensor(this.#runtime, { shape: given.shape, dtype }, "tensor");
    tensor.write(given.values);
    return tensor;
  }

  /**
   * Runs `f` and disposes the tensors that it made, but for those that it returns, also within lists and objects, those it called `keep`
   * on, and weights of networks. Scopes may lie within scopes. Throws ArgumentError for a function that gives a promise.
   */
  scope<T>(f: () => T): T {
    return scoped(this.#runtime, f);
  }

  /**
   * The tensors that are alive, weights of networks left out, with the op or method that made each: what nobody has disposed. Throws
   * ArgumentError unless the engine was made with `createEngine({ debug: true })`.
   */
  leaks(): readonly LiveTensor[] {
    this.#runtime.alive("leaks");
    const { tracked } = this.#runtime;
    if (!tracked)
      throw new ArgumentError("leaks: tensors are told of only after createEngine({ debug: true })");
    return [...(tracked as Map<Tensor, string>)].flatMap(([tensor, madeBy]) =>
      tensor.isHeld ? [] : [{ madeBy, shape: tensor.shape, dtype: tensor.dtype, bytes: tensor.size * 4 }],
    );
  }

  static {
    installOps(EngineClass.prototype, (engine) => engine.#runtime);
  }
}

/**
 * Owns one WebAssembly instance and its memory. Tensors and networks live in it; disposing it frees everything.
 * All tensors are channels last: [n, w, c], [n, h, w, c] or [n, d, h, w, c].
 */
export type Engine = EngineClass & EagerOps;
export const Engine = EngineClass as new (...args: ConstructorParameters<typeof EngineClass>) => Engine;
