// A network with settled weights, ready to run: shapes resolved, algorithms picked, weights packed, every buffer placed.

import { ShapeError } from "../errors.ts";
import { Lowering } from "../graph/lower.ts";
import type { Model, Weights } from "../model/schema.ts";
import { show } from "../ops/check.ts";
import { fuse } from "../passes/fuse.ts";
import type { Runtime } from "../runtime/instance.ts";
import { type Preference, Program } from "../runtime/program.ts";
import type { Shape, Tensor } from "../tensor.ts";
import { Builder } from "./graph-builder.ts";
import { aim, give, type Outputs, Port, Ports, take, type Values } from "./io-binding.ts";
import { Profile } from "./profile.ts";
import type { Row } from "./summary.ts";

export interface InferenceOptions {
  batch: number;
  seed: number;
  prefer: Preference | undefined;
  /** Whether arrays are converted from and to channels first. */
  channelsFirst: boolean;
}

export class Inference {
  readonly weights: Weights;
  readonly weightShapes: Readonly<Record<string, Shape>>;
  readonly inputs: Ports;
  readonly outputs: Ports;
  readonly rows: readonly Row[];
  readonly #runtime: Runtime;
  readonly #program: Program;
  readonly #options: InferenceOptions;

  constructor(runtime: Runtime, model: Model, weights: Weights | undefined, options: InferenceOptions) {
    this.#runtime = runtime;
    this.#options = options;
    const { batch, seed, prefer } = options;
    const build = new Builder(model, batch, weights, seed);
    this.weights = build.weights;
    this.weightShapes = build.weightShapes;
    fuse(build.graph, build.outputs);

    this.#program = new Program(runtime, "compile", prefer);
    const lowering = new Lowering(this.#program);
    const ports = (edges: Builder["inputs"], names: readonly string[]): Ports =>
      new Ports(edges.map((edge, i) => new Port(names[i], edge, lowering.valueOf(edge).base, this.#program)));
    this.inputs = ports(
      build.inputs,
      model.inputs.map((x) => x.name),
    );
    for (const { base } of this.inputs.list) this.#program.input(base);
    this.rows = lower(build, this.#program, lowering);
    build.outputs.forEach(({ shape }, i) => {
      if (shape[0] !== batch)
        throw new ShapeError(
          `compile: output "${model.outputs[i]}" has shape ${show(shape)}, whose first axis is not the batch of ${batch}`,
        );
    });
    this.outputs = ports(build.outputs, model.outputs);
    for (const { base } of this.outputs.list) this.#program.output(base);
    Ports.share(this.inputs, this.outputs);
    this.#program.place();
    for (const row of this.rows) row.bytes = this.#program.keptBytes(row.calls);
  }

  /** Bytes held in linear memory: weights and tables; activations and scratch. */
  get bytes(): { readonly kept: number; readonly run: number } {
    return this.#program.bytes;
  }

  /** Any number of images; all of what is given has been checked. */
  run(from: readonly (Values | Tensor)[], to: readonly (Outputs | Tensor)[], images: number): void {
    const inputs = this.inputs.list;
    const outputs = this.outputs.list;
    const { batch, channelsFirst } = this.#options;
    for (let n = 0; n < images; n += batch) {
      const count = Math.min(batch, images - n);
      for (let i = 0; i < inputs.length; i++)
        give(inputs[i], from[i], n, count, this.#runtime, channelsFirst);
      for (let i = 0; i < outputs.length; i++) aim(outputs[i], to[i], n, count);
      this.#program.run();
      for (let i = 0; i < outputs.length; i++)
        take(outputs[i], to[i], n, count, this.#runtime, channelsFirst);
    }
  }

  /** Times every call over so many runs with the first batch of what is given. */
  profile(from: readonly (Values | Tensor)[], images: number, runs: number): Profile {
    const { batch, channelsFirst } = this.#options;
    this.inputs.list.forEach((port, i) => {
      give(port, from[i], 0, Math.min(images, batch), this.#runtime, channelsFirst);
    });
    for (const port of this.outputs.list) port.bind(0);
    return new Profile(this.rows, this.#program.time(runs), batch);
  }

  dispose(): void {
    this.#program.dispose();
  }
}

/** Writes every op's calls into the program, and one summary row per layer. */
function lower(build: Builder, program: Program, lowering: Lowering): Row[] {
  const left = new Set(build.graph.nodes.map((n) => n.layer));
  const rows = new Map<string, Row>(
    build.layers.map(({ ops, ...l }) => {
      // A layer that wrote ops and has none left was taken up by the one before it.
      const algorithm = ops > 0 && !left.has(l.name) ? "fused" : "";
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
