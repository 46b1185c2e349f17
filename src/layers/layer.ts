// What a layer is: config + parameters + calls to ops. And how calling one writes a node of a model.
import { type Known, ShapeError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import type { Shape } from "../tensor.ts";
import type { Initializer } from "./initializers.ts";

/** A weight of a layer: its name inside the layer, its shape, and how it begins when nobody gives values. */
export interface Parameter {
  name: string;
  shape: Shape;
  init: Initializer;
  /** False for what a layer keeps but gradients do not change: running averages. Default true. */
  trainable?: false;
}

export interface LayerDefinition<C> {
  /** Every name a config may have besides `name`: others are refused, so that none is left out unnoticed. */
  readonly options: Known<Omit<C, "name">>;
  /** How many inputs it takes; one when absent. */
  readonly inputs?: readonly [least: number, most: number];
  /** The weights it needs for inputs of these shapes (batch first). */
  parameters?(config: C, inputs: readonly Shape[], where: string): Parameter[];
  /** Writes its ops. `weights` holds an edge for each parameter. */
  build(
    g: Graph,
    config: C,
    inputs: readonly Edge[],
    weights: Readonly<Record<string, Edge>>,
    where: string,
  ): Edge | readonly Edge[];
}

/** What every config may have. */
export interface Named {
  /** Names the layer in messages, summaries and weight files. Default: its kind and a running number. */
  name?: string;
}

/** A layer ready to be used: in `sequential`, or called on nodes of a graph. Called twice, it shares its weights. */
export interface Layer {
  (...inputs: readonly (Node | readonly Node[])[]): Node;
  readonly kind: string;
  readonly config: Readonly<Named>;
}

/** A value in a model under construction: an input, or one output of a layer's call. */
export interface Node {
  /** Absent for inputs. */
  readonly layer?: Layer;
  readonly inputs: readonly Node[];
  /** Which output of the layer. */
  readonly output: number;
  /** For inputs: shape without batch (null: settled when compiled) and name. */
  readonly shape?: readonly (number | null)[];
  readonly name?: string;
  /** The other outputs of the same call: `split(...)(x).outputs(3)`. */
  outputs(count: number): Node[];
}

export function makeNode(node: Omit<Node, "outputs" | "output">, output = 0, call: object = node): Node {
  const made: Node = {
    ...node,
    output,
    outputs: (count) => Array.from({ length: count }, (_, i) => makeNode(node, i, call)),
  };
  CALLS.set(made, call);
  return made;
}

/** Which call of a layer a node came from: outputs of one call are one node of the model. */
const CALLS = new WeakMap<Node, object>();
export const callOf = (node: Node): object => CALLS.get(node)!;

// biome-ignore lint/suspicious/noExplicitAny: the registry holds layers of every config type
export type LayerFactory<C = any> = ((config: C) => Layer) & {
  readonly kind: string;
  readonly definition: LayerDefinition<C>;
};

/** Declares a kind of layer. What it returns makes layers of that kind, and is how loading finds the definition. */
export function defineLayer<C extends Named>(kind: string, definition: LayerDefinition<C>): LayerFactory<C> {
  const factory = (config: C): Layer => {
    const call = (...args: readonly (Node | readonly Node[])[]): Node =>
      makeNode({ layer, inputs: args.flat() as Node[] });
    const layer: Layer = Object.assign(call, { kind, config: { ...config } });
    return layer;
  };
  return Object.assign(factory, { kind, definition });
}

/** The same for kinds whose config may be left out. */
export function defineSimpleLayer<C extends Named>(
  kind: string,
  definition: LayerDefinition<C>,
): ((config?: C) => Layer) & LayerFactory<C> {
  const factory = defineLayer(kind, definition);
  return Object.assign((config: C = {} as C) => factory(config), { kind, definition });
}

/** The channel count of an input. */
export function channels(shape: Shape): number {
  return shape[shape.length - 1];
}

/** One value per spatial axis; a fallback where the config says nothing. */
export function spread(
  value: number | readonly number[] | undefined,
  axes: number,
  fallback: number,
): readonly number[] {
  const given = value ?? fallback;
  return typeof given === "number" ? new Array<number>(axes).fill(given) : given;
}

/** The same for what a config must say. */
export function required(
  value: number | readonly number[] | undefined,
  axes: number,
  name: string,
  where: string,
): readonly number[] {
  if (value === undefined) throw new ShapeError(`${where}: its config must give ${name}`);
  return spread(value, axes, 1);
}

/** Checks an input's rank before a layer reads its shape. */
export function wantRank(shape: Shape, axes: number, where: string): void {
  if (shape.length !== axes + 2)
    throw new ShapeError(
      `${where}: input has shape [${shape.join(",")}] but must have rank ${axes + 2}: batch, ${axes} spatial, channels`,
    );
}
