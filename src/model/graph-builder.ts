// From a description to a graph of ops: shapes resolved, weights found or initialised, layers written out as ops.

import { FormatError, ShapeError } from "../errors.ts";
import { Edge, Graph, type Training } from "../graph/graph.ts";
import * as registry from "../layers/index.ts";
import { initialize } from "../layers/initializers.ts";
import { checkInputs, type LayerKind } from "../layers/layer.ts";
import { checkShape, show } from "../ops/check.ts";
import { float32, type Shape, sizeOf } from "../tensor.ts";
import { aText, checkOptions } from "../validate.ts";
import type { Model, ModelLayer, Weights } from "./schema.ts";

/** The model with the open sizes of its inputs filled in. */
export function resolveShapes(
  model: Model,
  shape: Shape | Readonly<Record<string, Shape>> | undefined,
): Model {
  const inputs = model.inputs.map(({ name, shape: declared }) => {
    const given = Array.isArray(shape)
      ? (shape as Shape)
      : (shape as Readonly<Record<string, Shape>> | undefined)?.[name];
    if (given && (given.length !== declared.length || declared.some((d, i) => d !== null && d !== given[i])))
      throw new ShapeError(
        `compile: shape ${show(given)} does not fit input "${name}" of shape [${declared.map((d) => d ?? "?").join(",")}]`,
      );
    const resolved = given ?? declared;
    resolved.forEach((d, i) => {
      if (d === null)
        throw new ShapeError(
          `compile: input "${name}" leaves dimension ${i} open (shape [${declared.map((d) => d ?? "?").join(",")}]); give compile a shape`,
        );
    });
    checkShape(resolved as Shape, `input "${name}"`, "compile");
    return { name, shape: [...(resolved as Shape)] };
  });
  return { ...model, inputs };
}

/** A weight that stays a variable: a network that is trained reads and writes it. */
export interface Variable {
  readonly edge: Edge;
  /** The layer it belongs to. */
  readonly layer: string;
  /** False for running averages. */
  readonly trainable: boolean;
}

/** Turns a description into a graph of ops, and finds or initialises the weights. */
export class Builder {
  readonly batchSize: number;
  readonly graph = new Graph();
  readonly inputs: Edge[];
  readonly outputs: Edge[];
  readonly weights: Record<string, Float32Array> = {};
  readonly weightShapes: Record<string, Shape> = {};
  /** Weights by name, if the network is built to be trained; else they are constants of the graph. */
  readonly variables = new Map<string, Variable>();
  /** Layers in order, with what a summary tells about them. */
  readonly layers: { name: string; kind: string; shape: Shape; parameters: number; ops: number }[] = [];

  /** Reads a weight that may change, where there is one. */
  readonly #read: ((name: string) => Float32Array) | undefined;

  /**
   * With `training`, weights stay variables and layers are built as they are trained. With `read`, constants made of weights are read by it
   * whenever a program packs them. Where weights are neither given nor to be initialised they are all read so.
   */
  constructor(
    model: Model,
    batchSize: number,
    given: Weights | "read" | undefined,
    seed: number,
    training?: Training,
    read?: (name: string) => Float32Array,
  ) {
    this.#read = read;
    this.batchSize = batchSize;
    this.graph.training = training;
    if (!Number.isInteger(seed)) throw new ShapeError(`compile: seed is ${seed} but must be an integer`);
    const made = new Map<string, readonly Edge[]>();
    this.inputs = model.inputs.map(({ name, shape }) => {
      const edge = new Edge(float32([batchSize, ...(shape as number[])]));
      checkShape(edge.shape, `input "${name}" with a batch of ${batchSize}`, "compile");
      made.set(name, [edge]);
      return edge;
    });
    const edges = new Map<string, Record<string, Edge>>();
    for (const layer of model.layers) made.set(layer.name, this.#layer(layer, made, edges, given, seed));
    this.outputs = model.outputs.map((ref) => find(ref, made, "compile"));
    if (given && given !== "read") {
      const unknown = Object.keys(given).filter((key) => !(key in this.weights));
      if (unknown.length)
        throw new ShapeError(
          `compile: weights hold "${unknown[0]}", which no layer takes (${unknown.length} such)`,
        );
    }
  }

  #layer(
    layer: ModelLayer,
    made: ReadonlyMap<string, readonly Edge[]>,
    edges: Map<string, Record<string, Edge>>,
    given: Weights | "read" | undefined,
    seed: number,
  ): readonly Edge[] {
    const where = `${layer.kind} "${layer.name}"`;
    const definition = definitionOf(layer.kind, where);
    const inputs = layer.inputs.map((ref) => find(ref, made, where));
    checkOptions(where, layer.config, {
      name: aText,
      ...Object.fromEntries(Object.keys(definition.options).map((option) => [option, true] as const)),
    });
    checkInputs(definition, inputs, where);
    const owner = layer.shares ?? layer.name;
    this.graph.enter(layer.name, where, owner);
    const shapes = inputs.map((e) => e.shape);
    let own = edges.get(owner);
    let count = 0;
    if (!own) {
      own = {};
      for (const { name, shape, init, trainable = true } of definition.parameters?.(
        layer.config,
        shapes,
        where,
      ) ?? []) {
        checkShape(shape, `weight "${name}"`, where);
        const key = `${owner}.${name}`;
        this.weightShapes[key] = shape;
        count += sizeOf(shape);
        if (given === "read") {
          own[name] = this.#weight(key, owner, undefined, shape, trainable);
          continue;
        }
        const data = given ? given[key] : initialize(init, shape, seed, key);
        if (!data) throw new ShapeError(`${where}: the weights hold no "${key}" (shape ${show(shape)})`);
        if (data.length !== sizeOf(shape))
          throw new ShapeError(
            `${where}: weight "${key}" has ${data.length} values but shape ${show(shape)} holds ${sizeOf(shape)}`,
          );
        this.weights[key] = data;
        own[name] = this.#weight(key, owner, data, shape, trainable);
      }
      edges.set(owner, own);
    }
    const before = this.graph.nodes.length;
    const built = definition.build(this.graph, layer.config, inputs, own, where);
    const ops = this.graph.nodes.length - before;
    const outs = Array.isArray(built) ? (built as readonly Edge[]) : [built as Edge];
    definition.checkLayer?.(layer.config, shapes[0], outs[0].shape, where);
    this.layers.push({ name: layer.name, kind: layer.kind, shape: outs[0].shape, parameters: count, ops });
    return outs;
  }

  #weight(
    key: string,
    layer: string,
    data: Float32Array | undefined,
    shape: Shape,
    trainable: boolean,
  ): Edge {
    const read = this.#read;
    if (!this.graph.training) return this.graph.constant(read ? () => read(key) : data!, shape);
    const edge = new Edge(float32(shape));
    this.variables.set(key, { edge, layer, trainable });
    return edge;
  }
}

/** The definition behind a kind's name. */
function definitionOf(kind: string, where: string): LayerKind["definition"] {
  const factory = Object.hasOwn(registry, kind)
    ? (registry as unknown as Record<string, LayerKind>)[kind]
    : undefined;
  if (!factory?.definition) throw new FormatError(`${where}: there is no layer kind "${kind}"`);
  return factory.definition;
}

function find(ref: string, made: ReadonlyMap<string, readonly Edge[]>, where: string): Edge {
  const [name, index] = String(ref).split(":");
  const edge = made.get(name)?.[index ? Number(index) : 0];
  if (!edge) throw new ShapeError(`${where}: reads "${ref}", which nothing before it makes`);
  return edge;
}
