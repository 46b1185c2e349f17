// The engine: tensors, ops that run at once (eager-*.ts), and `compile` for whole networks.
import type { Model, TrainedModel } from "../model/schema.ts";
import { type CompileOptions, Network } from "../network/network.ts";
import { checkShape } from "../ops/check.ts";
import type { Runtime } from "../runtime/instance.ts";
import { checkLength, type DType, type Shape, Tensor } from "../tensor.ts";
import { EagerShape } from "./eager-shape.ts";

export interface EngineInfo {
  /** The build that runs: "checked" is the test build, which traps on broken preconditions. */
  readonly build: "simd" | "relaxed" | "checked";
  /** Threads at work, the caller among them. */
  readonly threads: number;
  /** Why there are fewer threads than asked for; absent when there are not. */
  readonly fallback?: string;
}

/**
 * Owns one WebAssembly instance and its memory. Tensors and networks live in it; disposing it frees everything.
 * All tensors are channels last: [n, w, c], [n, h, w, c] or [n, d, h, w, c]. Every layer has an op of the same name and the same
 * options, which runs at once: `engine.conv2d(x, w, { stride: 2 })`.
 */
export class Engine extends EagerShape {
  readonly info: EngineInfo;

  /** Use `createEngine`. */
  constructor(runtime: Runtime, fallback?: string) {
    super(runtime);
    const build = runtime.checked ? "checked" : runtime.relaxed ? "relaxed" : "simd";
    this.info = { build, threads: runtime.executor.threads, ...(fallback === undefined ? {} : { fallback }) };
  }

  /** Bytes: `live` allocated now, `peak` the most ever, `capacity` held from the host. */
  get memory(): { readonly live: number; readonly peak: number; readonly capacity: number } {
    this.runtime.alive("memory");
    return this.runtime.memory.use;
  }

  get disposed(): boolean {
    return this.runtime.disposed;
  }

  /** Frees the engine's memory, with all tensors and networks. */
  dispose(): void {
    this.runtime.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Resolves shapes, picks algorithms, packs weights and places every buffer of a network. */
  compile(model: Model | TrainedModel, options: CompileOptions = {}): Network {
    this.runtime.alive("compile");
    return new Network(this.runtime, model, options);
  }

  /** A tensor holding a copy of `data`, row-major. Throws ShapeError where `data` does not fill the shape. */
  tensor(data: ArrayLike<number>, shape: Shape, dtype: DType = "float32"): Tensor {
    this.runtime.alive("tensor");
    checkShape(shape, "the tensor", "tensor");
    checkLength(data, shape);
    const tensor = new Tensor(this.runtime, { shape: [...shape], dtype }, "tensor");
    tensor.write(data);
    return tensor;
  }
}
