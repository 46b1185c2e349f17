// A functional Keras model, read once whatever the number of its calls: its ends, and its layers' calls in order.
import { FormatError } from "../../errors.ts";
import { describe, type Json } from "../../validate.ts";
import { type KerasLayer, MODELS, type Reference, readReferences } from "./topology.ts";

/** An output of a call of a layer. */
export interface Source {
  readonly layer: KerasLayer;
  /** Counted from 0. */
  readonly call: number;
  readonly output: number;
}

/** One call of a layer. */
export interface LayerCall {
  readonly layer: KerasLayer;
  /** Which of its calls, from 0. */
  readonly call: number;
  readonly reads: readonly Source[];
}

/** Either end of a model, as messages name what reads it. */
type Reader = { readonly reference: Reference; readonly where: string };

export class FunctionalModel {
  readonly inputs: readonly KerasLayer[];
  readonly outputs: readonly Source[];
  /** Every call behind those whose values it reads. */
  readonly calls: readonly LayerCall[];
  readonly #layers: ReadonlyMap<string, KerasLayer>;
  /** Layers whose calls are counted from 1. */
  readonly #fromOne: ReadonlySet<KerasLayer>;

  constructor(layers: readonly KerasLayer[], config: Json, where: string) {
    this.#layers = new Map(layers.map((layer) => [layer.name, layer]));
    const inputs = readReferences(config.input_layers, `${where}: input_layers`);
    const outputs = readReferences(config.output_layers, `${where}: output_layers`);
    if (!outputs.length) throw new FormatError(`${where}: output_layers names no output`);
    this.inputs = this.#inputs(inputs, where);
    this.#fromOne = nestedFromOne(layers, outputs);
    const given = new Set(this.inputs);
    const source = ({ reference, where: reader }: Reader): Source => this.#source(reference, given, reader);
    this.calls = inOrder(
      layers.flatMap((layer) =>
        layer.calls.map((references, call) => {
          const reads = references.map((reference) => source({ reference, where: layer.where }));
          return { layer, call, reads };
        }),
      ),
    );
    this.outputs = outputs.map((reference) => source({ reference, where: `${where}: output_layers` }));
  }

  #inputs(references: readonly Reference[], where: string): KerasLayer[] {
    const inputs = new Set<KerasLayer>();
    for (const { layer: name } of references) {
      const layer = this.#layers.get(name);
      if (layer?.kind !== "InputLayer")
        throw new FormatError(
          `${where}: input_layers names ${describe(name)}, which is not one of its input layers`,
        );
      if (inputs.has(layer)) throw new FormatError(`${where}: input_layers names ${describe(name)} twice`);
      inputs.add(layer);
    }
    return [...inputs];
  }

  /** What a reference means. Throws where there is no such call. */
  #source({ layer: name, call, output }: Reference, inputs: ReadonlySet<KerasLayer>, where: string): Source {
    const layer = this.#layers.get(name);
    if (!layer) throw new FormatError(`${where}: reads ${describe(name)}, which does not exist`);
    const calls = layer.kind === "InputLayer" ? Number(inputs.has(layer)) : layer.calls.length;
    const first = Number(this.#fromOne.has(layer));
    if (call < first || call >= first + calls)
      throw new FormatError(
        `${where}: reads call ${call} of ${describe(name)}, which has ${calls} calls counted from ${first}`,
      );
    return { layer, call: call - first, output };
  }
}

/**
 * The layers whose calls are counted from 1. TensorFlow.js and most versions of Keras count those of nested models so, as their own
 * inputs and outputs count as a call; some count those of Sequential from 0.
 */
function nestedFromOne(layers: readonly KerasLayer[], outputs: readonly Reference[]): Set<KerasLayer> {
  const zero = new Set<string>();
  const note = ({ layer, call }: Reference): void => {
    if (call === 0) zero.add(layer);
  };
  for (const { calls } of layers) for (const reads of calls) reads.forEach(note);
  outputs.forEach(note);
  return new Set(layers.filter(({ kind, name }) => MODELS.includes(kind) && !zero.has(name)));
}

/**
 * Files list layers in any order. The order is that of passes over the list, each taking what can be computed by then, which leaves files
 * that are in order as they are; found in one go, by counting what each call still waits for.
 */
function inOrder(calls: readonly LayerCall[]): LayerCall[] {
  const indices = new Map<KerasLayer, number>();
  calls.forEach(({ layer, call }, i) => {
    if (call === 0) indices.set(layer, i);
  });
  /** The index of the call that makes a value; undefined for inputs, which are there. */
  const makerOf = ({ layer, call }: Source): number | undefined =>
    layer.kind === "InputLayer" ? undefined : indices.get(layer)! + call;

  const readers: number[][] = calls.map(() => []);
  const waits = calls.map(({ reads }, i) => {
    const makers = reads.map(makerOf).filter((maker) => maker !== undefined);
    for (const maker of makers) readers[maker].push(i);
    return makers.length;
  });
  const passes = calls.map(() => 0);
  const order: number[] = [];
  waits.forEach((count, i) => {
    if (count === 0) order.push(i);
  });
  // It grows while it is gone through.
  for (const i of order)
    for (const reader of readers[i]) {
      // What comes later in the list is made a pass before its reader.
      passes[reader] = Math.max(passes[reader], passes[i] + Number(i > reader));
      if (--waits[reader] === 0) order.push(reader);
    }
  if (order.length < calls.length) {
    const { layer, reads } = calls[waits.findIndex((count) => count > 0)];
    const missing = reads.find((read) => waits[makerOf(read) ?? -1] > 0)!;
    throw new FormatError(
      `${layer.where}: reads ${describe(missing.layer.name)}, which cannot be computed before it`,
    );
  }
  return order.sort((a, b) => passes[a] - passes[b] || a - b).map((i) => calls[i]);
}
