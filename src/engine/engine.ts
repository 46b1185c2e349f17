// The engine: tensors, ops that run at once, and `compile` for whole networks.
import { ArgumentError, ShapeError } from "../errors.ts";
import * as layers from "../layers/index.ts";
import type { LayerKind } from "../layers/layer.ts";
import type { Model, ModelSource, TrainedModel } from "../model/schema.ts";
import { type CompileOptions, Network } from "../network/network.ts";
import { checkShape } from "../ops/check.ts";
import { wrongClass } from "../ops/loss.ts";
import type { Runtime } from "../runtime/instance.ts";
import { checkValues, DTYPES, type DType, type Shape, Tensor } from "../tensor.ts";
import { oneOf } from "../validate.ts";
import { BaseEngine, type EngineInfo } from "./base.ts";
import { col2im, im2col, loss } from "./definitions.ts";
import { runLayer } from "./eager.ts";
import type { ActivationOps } from "./eager-activation.ts";
import type { ConvOps } from "./eager-conv.ts";
import type { ElementwiseOps } from "./eager-elementwise.ts";
import type { PoolOps } from "./eager-pool.ts";
import type { ShapeOps } from "./eager-shape.ts";

export type { EngineInfo };

/** The ops that run at once. Every layer has one of the same name, with the same options: `engine.conv2d(x, w, { stride: 2 })`. */
export interface EagerOps extends ConvOps, PoolOps, ActivationOps, ElementwiseOps, ShapeOps {}

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

  loss(...args: Parameters<EagerOps["loss"]>): Tensor {
    const [x, target] = args;
    return runLayer(this.#runtime, loss, args, () => {
      if (target.dtype === "int32") checkClasses(target, x);
    }) as Tensor;
  }

  // The other ops: one for every layer, made of its definition.
  static {
    for (const layer of [...Object.values(layers), im2col, col2im] as LayerKind[])
      if (layer.definition.eager !== false)
        Object.assign(EngineClass.prototype, {
          [layer.kind](this: EngineClass, ...args: unknown[]) {
            return runLayer(this.#runtime, layer, args);
          },
        });
  }
}

/** Throws unless every label is a class of x's last axis: kernels do not check. */
function checkClasses(target: Tensor<DType>, { shape }: Tensor): void {
  const classes = shape[shape.length - 1];
  const labels = target.data();
  const i = wrongClass(labels, classes);
  if (i >= 0)
    throw new ShapeError(
      `loss: target[${i}] is ${labels[i]} but must be a class from 0 to ${classes - 1}: x has shape [${shape.join(",")}]`,
    );
}

/**
 * Owns one WebAssembly instance and its memory. Tensors and networks live in it; disposing it frees everything.
 * All tensors are channels last: [n, w, c], [n, h, w, c] or [n, d, h, w, c].
 */
export type Engine = EngineClass & EagerOps;
export const Engine = EngineClass as new (...args: ConstructorParameters<typeof EngineClass>) => Engine;
