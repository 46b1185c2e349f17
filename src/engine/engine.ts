// The engine as people see it: tensors and their gradients, ops that run at once (methods.ts), and `compile` for whole networks.
import { compiler } from "../compiler.ts";
import { ShapeError, UnsupportedError } from "../errors.ts";
import { denseValue, type Op } from "../graph/op.ts";
import type { Model, TrainedModel } from "../model/schema.ts";
import type { CompileOptions, Network } from "../network/network.ts";
import { checkShape } from "../ops/check.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Program } from "../runtime/program.ts";
import { type DType, mustBeTensor, type Shape, Tensor } from "../tensor.ts";
import { Methods } from "./eager-ops.ts";
import { gradientsOfOp, Tape } from "./gradient-tape.ts";

export interface EngineInfo {
  /** The build that runs: "checked" is the test build, which traps on broken preconditions. */
  readonly build: "simd" | "relaxed" | "checked";
  /** Threads at work, the caller among them. */
  readonly threads: number;
  /** Why there are fewer threads than asked for; absent when there are not. */
  readonly fallback?: string;
}

/**
 * Owns one WebAssembly instance and its memory. Tensors and networks live in it; disposing it gives everything back.
 * All tensors are channels last: [n, w, c], [n, h, w, c] or [n, d, h, w, c].
 */
export class Engine extends Methods {
  readonly info: EngineInfo;
  readonly #runtime: Runtime;
  /** Set while `gradients` listens to what is called. */
  #tape: Tape | undefined;

  /** Use `createEngine`. */
  constructor(runtime: Runtime, fallback?: string) {
    super();
    this.#runtime = runtime;
    const build = runtime.checked ? "checked" : runtime.relaxed ? "relaxed" : "simd";
    this.info = { build, threads: runtime.executor.threads, ...(fallback === undefined ? {} : { fallback }) };
  }

  /** Bytes: `live` allocated now, `peak` the most ever, `capacity` held from the host. */
  get memory(): { readonly live: number; readonly peak: number; readonly capacity: number } {
    this.#runtime.alive("memory");
    return this.#runtime.memory.use;
  }

  get disposed(): boolean {
    return this.#runtime.disposed;
  }

  dispose(): void {
    this.#runtime.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Resolves shapes, picks algorithms, packs weights and places every buffer of a network. */
  compile(model: Model | TrainedModel, options: CompileOptions = {}): Network {
    this.#runtime.alive("compile");
    return compiler()(this.#runtime, model, options);
  }

  /** A tensor holding a copy of `data`, row-major. */
  tensor(data: ArrayLike<number>, shape: Shape, dtype: DType = "float32"): Tensor {
    this.#runtime.alive("tensor");
    checkShape(shape, "the tensor", "tensor");
    const size = shape.reduce((a, b) => a * b, 1);
    if (data.length !== size)
      throw new ShapeError(
        `tensor: ${data.length} values for shape [${shape.join(",")}], which holds ${size}`,
      );
    const tensor = new Tensor(this.#runtime, { shape: [...shape], dtype }, "tensor");
    tensor.write(data);
    return tensor;
  }

  /**
   * Runs `of` and gives the gradients of sum(dy · its result) by the tensors `by`, in their order, through every op of this engine
   * that it called; dy defaults to ones. Tensors that ops make in `of` are disposed, all but the result. Throws ShapeError when the
   * result does not depend on a tensor of `by`, UnsupportedError where an op has no gradient (argMax) or calls are nested.
   */
  gradients(
    of: () => Tensor,
    by: readonly Tensor[],
    { dy }: { dy?: Tensor } = {},
  ): { value: Tensor; gradients: Tensor[] } {
    if (this.#tape) throw new UnsupportedError("gradients: gradients of gradients are not offered");
    const tape = new Tape(this.#runtime, "gradients");
    this.#tape = tape;
    try {
      const value = of();
      const gradients = tape.gradients(value, by, dy);
      tape.dispose(value);
      return { value, gradients };
    } catch (error) {
      tape.dispose();
      throw error;
    } finally {
      this.#tape = undefined;
    }
  }

  protected override apply<P>(name: string, op: Op<P>, inputs: readonly Tensor[], params: P): Tensor[] {
    const outs = this.#run(name, op, inputs, params);
    this.#tape?.record(name, op, inputs, params, outs);
    return outs;
  }

  protected override gradientsOf<P>(
    name: string,
    op: Op<P>,
    inputs: readonly Tensor[],
    params: P,
    dy: Tensor,
  ): Tensor[] {
    return gradientsOfOp(this.#runtime, name, op, inputs, params, dy);
  }

  /** A program of one op, placed, run and thrown away. */
  #run<P>(name: string, op: Op<P>, inputs: readonly Tensor[], params: P): Tensor[] {
    const runtime = this.#runtime;
    runtime.alive(name);
    const from = inputs.map((t, i) => {
      mustBeTensor(t, `${name}: input ${i}`);
      return denseValue(t, t.addressFor(runtime, name));
    });
    const types = op.infer(from, params, name);
    const outs: Tensor[] = [];
    try {
      for (const type of types) outs.push(new Tensor(runtime, type, name));
      if (op.alias) {
        const at = inputs[0].address(name) / 4;
        runtime.memory.floats.copyWithin(outs[0].address(name) / 4, at, at + outs[0].size);
        return outs;
      }
      const program = new Program(runtime, name);
      const to = outs.map((t) => denseValue(t, t.addressFor(runtime, name)));
      op.forward(program, from, to, params);
      program.place();
      try {
        program.run();
      } finally {
        program.dispose();
      }
      return outs;
    } catch (error) {
      for (const out of outs) out.dispose();
      throw error;
    }
  }
}
