// The engine: tensors, ops that run at once, and `compile` for whole networks.
import { type EagerOps, installOps } from "../eager/ops.ts";
import { ArgumentError } from "../errors.ts";
import type { Model, ModelSource, TrainedModel } from "../model/schema.ts";
import { type CompileOptions, Network } from "../network/network.ts";
import { checkShape } from "../ops/check.ts";
import type { Runtime } from "../runtime/instance.ts";
import { checkValues, DTYPES, type DType, type Shape, Tensor } from "../tensor.ts";
import { oneOf } from "../validate.ts";
import { BaseEngine, type EngineInfo } from "./base.ts";

export type { EagerOps, EngineInfo };

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
   * A tensor holding a copy of `data`, a typed array or a list of numbers, row-major; int32 takes integers alone. Throws ShapeError
   * where `data` does not fill the shape, ArgumentError for data, a shape or a type that is none.
   */
  tensor<D extends DType = "float32">(data: ArrayLike<number>, shape: Shape, dtype?: D): Tensor<D>;
  tensor(data: ArrayLike<number>, shape: Shape, dtype: DType = "float32"): Tensor<DType> {
    this.#runtime.alive("tensor");
    if (shape === undefined)
      throw new ArgumentError("tensor: shape is missing: give one, such as engine.tensor(data, [2, 3])");
    checkShape(shape, "the tensor", "tensor");
    oneOf(dtype, DTYPES, "dtype", "tensor");
    checkValues(data, { shape, dtype }, "tensor");
    const tensor = new Tensor(this.#runtime, { shape, dtype }, "tensor");
    tensor.write(data);
    return tensor;
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
