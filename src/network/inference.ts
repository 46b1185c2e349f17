// A network with fixed weights, ready to run: shapes resolved, algorithms picked, weights packed, every buffer placed.

import { ShapeError } from "../errors.ts";
import { Lowering } from "../graph/lower.ts";
import type { Builder } from "../model/graph-builder.ts";
import type { Model } from "../model/schema.ts";
import { show } from "../ops/check.ts";
import { fuse } from "../passes/fuse.ts";
import { planLayout } from "../passes/layout.ts";
import type { Runtime } from "../runtime/instance.ts";
import { type Preference, Program } from "../runtime/program.ts";
import { Tensor } from "../tensor.ts";
import { Binding, Bindings, type Outputs, type Values } from "./io-binding.ts";
import { Profile } from "./profile.ts";
import type { Row } from "./summary.ts";

export interface InferenceOptions {
  readonly prefer?: Preference;
  /** Whether arrays are converted from and to channels first. */
  readonly channelsFirst?: boolean;
}

export class Inference {
  readonly batchSize: number;
  readonly inputs: Bindings;
  readonly outputs: Bindings;
  readonly rows: readonly Row[];
  readonly #runtime: Runtime;
  readonly #program: Program;
  readonly #channelsFirst: boolean;

  /** Keeps nothing of the graph, and of the weights only what reads them: they are in linear memory afterwards. */
  constructor(
    runtime: Runtime,
    model: Model,
    build: Builder,
    { prefer, channelsFirst = false }: InferenceOptions = {},
  ) {
    this.#runtime = runtime;
    this.batchSize = build.batchSize;
    this.#channelsFirst = channelsFirst;
    fuse(build.graph, build.outputs);

    const program = new Program(runtime, "compile", prefer);
    this.#program = program;
    const layouts = planLayout(build.graph, build.inputs, build.outputs, program);
    const lowering = new Lowering(program, layouts);
    const bindings = (edges: Builder["inputs"], names: readonly string[]): Bindings =>
      new Bindings(
        edges.map(
          (edge, i) =>
            new Binding(names[i], edge, build.batched, lowering.valueOf(edge).base, program, runtime),
        ),
      );
    const names = model.inputs.map(({ name }) => name);
    this.inputs = bindings(build.inputs, names);
    for (const edge of build.inputs) program.input(lowering.valueOf(edge).base);
    this.rows = lower(build, program, lowering);
    build.outputs.forEach(({ shape }, i) => {
      if (build.batched && shape[0] !== this.batchSize)
        throw new ShapeError(
          `compile: output "${model.outputs[i]}" has shape ${show(shape)}, whose first axis is not the batch of ${this.batchSize}`,
        );
    });
    this.outputs = bindings(build.outputs, model.outputs);
    for (const edge of build.outputs) program.output(lowering.valueOf(edge).base);
    Binding.findShared(...this.inputs.list, ...this.outputs.list);
    program.place();
    for (const row of this.rows) row.bytes = program.keptBytes(row.calls);
  }

  /** Bytes held in linear memory: weights and tables; activations and scratch. */
  get bytes(): { readonly kept: number; readonly run: number } {
    return this.#program.bytes;
  }

  /** Any number of images; everything given has been checked. */
  run(from: readonly (Values | Tensor)[], to: readonly (Outputs | Tensor)[], images: number): void {
    for (let n = 0; n < images; n += this.batchSize) {
      const count = Math.min(this.batchSize, images - n);
      this.runBatch(from, to, n, count, n);
    }
  }

  /** `count` images from the n-th on, at most a batch, into what is given from the m-th image on. */
  runBatch(
    from: readonly (Values | Tensor)[],
    to: readonly (Outputs | Tensor)[],
    n: number,
    count: number,
    m: number,
  ): void {
    const outputs = this.outputs.list;
    this.#copyIn(from, n, count);
    for (let i = 0; i < outputs.length; i++) outputs[i].bindOutput(to[i], m, count);
    this.#program.run();
    for (let i = 0; i < outputs.length; i++) outputs[i].copyOut(to[i], m, count, this.#channelsFirst);
  }

  /** Takes over the weights as they are now, in place. Throws MemoryError, before anything has changed. */
  refresh(): void {
    this.#program.refresh();
  }

  /** Takes the memory that `refresh` needs, which it then always has. */
  holdRefresh(): void {
    this.#program.holdPacking();
  }

  /** The same into new arrays. */
  predict(from: readonly (Values | Tensor)[], images: number): Outputs[] {
    const { list } = this.outputs;
    if (images > this.batchSize || this.#channelsFirst) {
      const outs = list.map(({ size, integer }) => new (integer ? Int32Array : Float32Array)(images * size));
      this.run(from, outs, images);
      return outs;
    }
    this.#copyIn(from, 0, images);
    for (const output of list) output.unbind();
    this.#program.run();
    return list.map(({ values, size }) => values.slice(0, images * size));
  }

  /** The same into new tensors. */
  predictTensors(from: readonly (Values | Tensor)[], images: number): Tensor[] {
    const outs: Tensor[] = [];
    try {
      for (const { shape, imageShape, integer } of this.outputs.list) {
        const all = shape === imageShape ? shape : [images, ...imageShape];
        const type = { shape: all, dtype: integer ? "int32" : "float32" } as const;
        outs.push(new Tensor(this.#runtime, type, "predict"));
      }
      this.run(from, outs, images);
      return outs;
    } catch (error) {
      for (const out of outs) out.dispose();
      throw error;
    }
  }

  /** Times every call over so many runs with the first batch of what is given. */
  profile(from: readonly (Values | Tensor)[], images: number, runs: number): Profile {
    this.#copyIn(from, 0, Math.min(images, this.batchSize));
    for (const output of this.outputs.list) output.unbind();
    return new Profile(this.rows, this.#program.time(runs), this.batchSize);
  }

  dispose(): void {
    this.#program.dispose();
  }

  #copyIn(from: readonly (Values | Tensor)[], n: number, count: number): void {
    const inputs = this.inputs.list;
    for (let i = 0; i < inputs.length; i++) inputs[i].copyIn(from[i], n, count, this.#channelsFirst);
  }
}

/** Writes every op's calls into the program, and one summary row per layer. */
function lower(build: Builder, program: Program, lowering: Lowering): Row[] {
  const remaining = new Set(build.graph.nodes.map((n) => n.layer));
  const rows = new Map<string, Row>(
    build.layers.map(({ ops, ...l }) => {
      // A layer whose ops are all gone was fused into the one before it.
      const algorithm = ops > 0 && !remaining.has(l.name) ? "fused" : "";
      return [l.name, { ...l, multiplyAdds: 0, algorithm, bytes: 0, calls: [] }];
    }),
  );
  lowering.write(build.graph, ({ op, inputs, outputs, params, layer }, from, to) => {
    const row = rows.get(layer)!;
    row.multiplyAdds += op.multiplyAdds?.(inputs, outputs, params) ?? 0;
    row.algorithm ||= program.lastAlgorithm;
    for (let call = from; call < to; call++) row.calls.push(call);
  });
  return [...rows.values()];
}
