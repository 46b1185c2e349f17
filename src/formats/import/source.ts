// From a file's graph to a description for certain sizes.

import { ShapeError } from "../../errors.ts";
import type { Model, ModelLayer, ModelSource, ResolvedModel, ResolveOptions } from "../../model/schema.ts";
import type { Shape } from "../../tensor.ts";
import { describe, isPlain, refuse } from "../../validate.ts";
import { NotBatched } from "./arrange.ts";
import type { ValueType } from "./constant.ts";
import { importedKinds } from "./emit.ts";
import { FoldBudget } from "./fold.ts";
import type { Value } from "./value.ts";
import { ModelWriter } from "./writer.ts";

export interface GraphInput {
  readonly name: string;
  /** All axes; a name or null where the size is open. */
  readonly shape: readonly (number | string | null)[];
  readonly type: ValueType;
}

/** A graph read from a file, checked, whose operators are all known. */
export interface FileGraph {
  /** How messages begin: "onnx". */
  readonly format: string;
  readonly inputs: readonly GraphInput[];
  readonly outputs: readonly string[];
  /** Bytes of the file, to which the work done at import is kept in proportion. */
  readonly bytes: number;
  /** Translates all operators; the values of the outputs, in order. */
  write(writer: ModelWriter, inputs: readonly Value[]): readonly Value[];
}

/** Bytes that constants computed at import may take: enough for the shapes of small files, and a few copies of all weights. */
const FOLDED = { least: 2 ** 24, perByte: 16 };

/** A graph as something `engine.compile` takes. */
export class GraphSource implements ModelSource {
  readonly #graph: FileGraph;

  constructor(graph: FileGraph) {
    this.#graph = graph;
  }

  get inputs(): readonly GraphInput[] {
    return this.#graph.inputs;
  }

  get outputs(): readonly string[] {
    return this.#graph.outputs;
  }

  resolve(options: ResolveOptions = {}): ResolvedModel {
    const { batchSize = 1 } = options;
    const shapes = shapesOf(this.#graph, options);
    // One image stands for all: whatever keeps the images of a batch apart works for any number of them.
    const single = shapes.every(([first, ...rest]) => rest.length > 0 && (first === null || first === 1));
    if (single) {
      try {
        return this.#write(shapes.map((shape) => [1, ...shape.slice(1)]) as Shape[], true);
      } catch (error) {
        if (!(error instanceof NotBatched)) throw error;
      }
    }
    return this.#write(
      shapes.map((shape) => shape.map((size) => size ?? batchSize)),
      false,
    );
  }

  #write(shapes: readonly Shape[], batched: boolean): ResolvedModel {
    const { inputs, outputs, bytes } = this.#graph;
    const writer = new ModelWriter({
      batched,
      budget: new FoldBudget(FOLDED.least + FOLDED.perByte * bytes),
    });
    const values = inputs.map(({ name, type }, i) => writer.input(name, shapes[i], type));
    writer.emitter.keep(outputs);
    const results = this.#graph.write(writer, values);
    const refs = results.map((value, i) => writer.output(value, outputs[i]).ref);
    const { emitter } = writer;
    const { layers, weights } = needed(emitter.layers, emitter.weights, refs);
    const model: Model = { format: "convolith", version: 1, inputs: emitter.inputs, layers, outputs: refs };
    if (!batched) model.batch = false;
    return { model, weights, kinds: importedKinds };
  }
}

/** All axes of every input; null for a batch that is open. */
function shapesOf({ format, inputs }: FileGraph, { batchSize, shape }: ResolveOptions): (number | null)[][] {
  const byName = isPlain(shape) ? (shape as Readonly<Record<string, Shape>>) : undefined;
  if (shape !== undefined && !byName && !Array.isArray(shape))
    refuse(shape, "shape", "compile", "a list of sizes, or such lists by the names of inputs");
  for (const name of Object.keys(byName ?? {}))
    if (!inputs.some((input) => input.name === name))
      throw new ShapeError(
        `compile: shape names ${describe(name)}, which is no input; there are ${inputs.map((input) => input.name).join(", ")}`,
      );
  return inputs.map(({ name, shape: declared }) => {
    const where = `${format}: input ${describe(name)} of shape [${declared.map((d) => d ?? "?")}]`;
    const given: unknown = byName ? (Object.hasOwn(byName, name) ? byName[name] : undefined) : shape;
    if (given !== undefined && !Array.isArray(given))
      refuse(given, `shape of ${describe(name)}`, "compile", "a list of sizes");
    const list = given as readonly unknown[] | undefined;
    const rank = declared.length;
    if (list && list.length !== rank && list.length !== rank - 1)
      throw new ShapeError(
        `${where} has ${rank} axes, so shape must list ${rank} sizes, or ${rank - 1} without the batch, but is ${describe(list)}`,
      );
    const whole = list && list.length === rank - 1 ? [declared[0], ...list] : list;
    return declared.map((size, axis): number | null => {
      const open = typeof size !== "number";
      const wanted = whole?.[axis];
      if (
        typeof wanted === "number" &&
        !(Number.isInteger(wanted) && wanted >= 1 && (open || wanted === size))
      )
        throw new ShapeError(
          `${where}: shape ${describe(list)} does not fit: axis ${axis} is ${describe(wanted)}`,
        );
      if (
        axis === 0 &&
        open &&
        typeof wanted === "number" &&
        wanted !== 1 &&
        wanted !== (batchSize ?? 1) &&
        rank > 1
      )
        throw new ShapeError(
          `${where}: axis 0 of shape ${describe(list)} is the batch; give { batchSize: ${wanted} }`,
        );
      if (typeof wanted === "number" && open && (axis > 0 || rank === 1)) return wanted;
      if (!open) return size;
      if (axis === 0 && rank > 1) return null;
      throw new ShapeError(`${where} leaves axis ${axis} open; give compile { shape: ... }`);
    });
  });
}

/** The layers that outputs need, and their weights. */
function needed(
  layers: readonly ModelLayer[],
  weights: ResolvedModel["weights"],
  outputs: readonly string[],
): { layers: ModelLayer[]; weights: ResolvedModel["weights"] } {
  const read = new Set(outputs.map(layerOf));
  const kept: ModelLayer[] = [];
  for (const layer of [...layers].reverse()) {
    if (!read.has(layer.name)) continue;
    kept.push(layer);
    for (const ref of layer.inputs) read.add(layerOf(ref));
  }
  const names = new Set(kept.map(({ name }) => name));
  const left = Object.entries(weights).filter(([key]) => names.has(key.slice(0, key.lastIndexOf("."))));
  return { layers: kept.reverse(), weights: Object.fromEntries(left) };
}

const layerOf = (ref: string): string => ref.split(":")[0];
