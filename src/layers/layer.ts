// What a layer is: a config, parameters and calls to ops. Calling a layer on symbolic tensors writes a call into a model.
import { ArgumentError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import { arity, rank } from "../ops/check.ts";
import type { Shape, TensorType } from "../tensor.ts";
import { type AnyChecks, aText, type Check, checkOptions, integer, refuse } from "../validate.ts";
import type { AnyOptionChecks, OptionChecks } from "./checks.ts";
import type { Initializer } from "./initializers.ts";

/** A weight of a layer: its name inside the layer, its shape, and how it is initialised where no values are given. */
export interface Parameter {
  name: string;
  shape: Shape;
  init: Initializer;
  /** The shape [...taps, in, out] by which it is initialised, where its own is no filter's. Default: its own. */
  fan?: Shape;
  /** False for what a layer keeps but gradients do not change: running averages. Default true. */
  trainable?: false;
}

interface DefinitionParts<C> {
  /** How many inputs it takes; one where absent. */
  readonly inputs?: readonly [least: number, most: number];
  /** Spatial axes of the input, between batch and channels; absent where any rank will do. */
  readonly axes?: number;
  /** Names of its weights. Its eager op takes them as tensors; only biases may be left out. */
  readonly weights?: readonly string[];
  /** How many of the weights the eager op takes in front of its options, rather than among them. Default 0. */
  readonly operands?: number;
  /** Options that the layer needs but the eager op has a default for. */
  readonly eagerDefaults?: readonly string[];
  /** False where there is no eager op. */
  readonly eager?: false;
  /** True where it gives its input another shape, and nothing else: the eager op's result shares its memory. */
  readonly isView?: true;
  /** True for a kind of a caller's own. */
  readonly custom?: true;
  /** Throws where a layer, of x to y, must not do what its eager op may: images of a batch are independent of each other. */
  checkLayer?(config: C, x: Shape, y: Shape, where: string): void;
  /** The weights it makes for inputs of these shapes (batch first). */
  parameters?(config: C, inputs: readonly Shape[], where: string): Parameter[];
  /** @internal Appends its ops. `weights` holds an edge for each parameter. */
  build(
    g: Graph,
    config: C,
    inputs: readonly Edge[],
    weights: Readonly<Record<string, Edge>>,
    where: string,
  ): Edge | readonly Edge[];
}

/**
 * The one definition of a kind of layer and of the eager op of the same name. `LayerOnly` are the options that say which weights to
 * make, or how to train: an eager op is given its weights as tensors and does not take them.
 */
export interface LayerDefinition<C, LayerOnly extends PropertyKey = never> extends DefinitionParts<C> {
  /** A check of every option besides `name`. */
  readonly options: OptionChecks<C, LayerOnly>;
}

/** A kind of layer whose config has an unknown type, as it is looked up by name. */
export interface LayerKind {
  readonly kind: string;
  // biome-ignore lint/suspicious/noExplicitAny: configs of every type
  readonly definition: DefinitionParts<any> & { readonly options: AnyOptionChecks };
}

export interface LayerKindOf<C, LayerOnly extends PropertyKey> {
  readonly kind: string;
  readonly definition: LayerDefinition<C, LayerOnly>;
}

/** What every config may have. */
export interface Named {
  /** Names the layer in messages, summaries and weight files. Default: its kind and a running number. */
  name?: string;
}

/** A layer ready to be used: in `sequential`, or called on symbolic tensors. Called twice, it shares its weights. */
export interface Layer {
  (...inputs: readonly (SymbolicTensor | readonly SymbolicTensor[])[]): SymbolicTensor;
  readonly kind: string;
  readonly config: Readonly<Named>;
  /** Its kind, where that is one which engines do not know by name. */
  readonly custom?: LayerKind;
}

/** A value of a model that is being described: an input, or one output of a call of a layer. It has no data. */
export interface SymbolicTensor {
  /** Absent for inputs. */
  readonly layer?: Layer;
  readonly inputs: readonly SymbolicTensor[];
  /** Which output of the layer. */
  readonly output: number;
  /** For inputs: the shape without batch (null: resolved when compiled), and what they hold where that is not float32. */
  readonly shape?: readonly (number | null)[];
  readonly dtype?: "int32";
  /** The name of an input, or of a call that is to have another name than its layer. */
  readonly name?: string;
  /** The outputs of the same call: `split(...)(x).outputs(3)`. */
  outputs(count: number): SymbolicTensor[];
}

/** More outputs than any layer has; an error in a count must not fill the memory. */
const MAX_OUTPUTS = 2 ** 16;

export function symbolicTensor(
  call: Omit<SymbolicTensor, "outputs" | "output">,
  output = 0,
  identity: object = call,
): SymbolicTensor {
  const made: SymbolicTensor = {
    ...call,
    output,
    outputs: (count) =>
      Array.from({ length: integer(count, "count", "outputs", 1, MAX_OUTPUTS) }, (_, i) =>
        symbolicTensor(call, i, identity),
      ),
  };
  CALLS.set(made, identity);
  return made;
}

/** Which call made a symbolic tensor: the outputs of one call are one layer of the model. */
const CALLS = new WeakMap<SymbolicTensor, object>();
export const callOf = (tensor: SymbolicTensor): object => CALLS.get(tensor)!;

/** What `input` and layers give. */
export const checkSymbolic: Check<SymbolicTensor> = (value, name, where) => {
  if (!CALLS.has(value as SymbolicTensor))
    refuse(value, name, where, "a symbolic tensor: what input(shape) gives, or a layer called on one");
};

// biome-ignore lint/suspicious/noExplicitAny: layers of every config type
export type LayerFactory<C = any, LayerOnly extends PropertyKey = any> = ((config: C) => Layer) &
  LayerKindOf<C, LayerOnly>;

/** The options a kind of layer shares with the eager op of the same name. */
export type SharedOptions<Kind> =
  Kind extends LayerKindOf<infer C, infer LayerOnly> ? Omit<C, "name" | LayerOnly> : never;

/** A layer, ready to be called. */
export const checkLayer: Check<Layer> = (value, name, where) => {
  if (typeof value === "function" && "config" in value && "kind" in value) return;
  if (typeof value !== "function" || !("definition" in value))
    refuse(value, name, where, "a layer, such as dense({ units: 10 })");
  const { kind } = value as LayerFactory;
  throw new ArgumentError(`${where}: ${name} is ${kind} itself; call it to make a layer: ${kind}(...)`);
};

/** Declares a kind of layer. What it returns makes layers of that kind, and is how loading finds the definition. */
export function defineLayer<C extends Named, LayerOnly extends keyof C = never>(
  kind: string,
  definition: LayerDefinition<C, LayerOnly>,
): LayerFactory<C, LayerOnly> {
  const factory = (config: C): Layer => {
    const name = (config as Named | null | undefined)?.name;
    const where = typeof name === "string" ? `${kind} "${name}"` : kind;
    checkConfig(definition, config === undefined ? {} : config, where);
    const call = (...args: readonly (SymbolicTensor | readonly SymbolicTensor[])[]): SymbolicTensor => {
      const inputs = args.flat() as SymbolicTensor[];
      inputs.forEach((node, i) => {
        checkSymbolic(node, `input ${i}`, where);
      });
      checkCount(definition, inputs, where);
      return symbolicTensor({ layer, inputs });
    };
    const layer: Layer = Object.assign(call, { kind, config: { ...config } });
    return layer;
  };
  return Object.assign(factory, { kind, definition });
}

/** The same for kinds whose config may be left out. */
export const defineSimpleLayer = defineLayer as <C extends Named, LayerOnly extends keyof C = never>(
  kind: string,
  definition: LayerDefinition<C, LayerOnly>,
) => ((config?: C) => Layer) & LayerKindOf<C, LayerOnly>;

/** Throws unless a config holds options of its kind alone, each with a value it can have, and all that the kind needs. */
export function checkConfig({ options }: LayerKind["definition"], config: unknown, where: string): void {
  const checks = CONFIG_CHECKS.get(options) ?? { name: aText, ...options };
  CONFIG_CHECKS.set(options, checks);
  checkOptions(where, config, checks);
}

/** The checks of the configs of each kind, by those of its options. */
const CONFIG_CHECKS = new WeakMap<object, AnyChecks>();

function checkCount(
  { inputs: [least, most] = [1, 1] }: LayerKind["definition"],
  inputs: readonly unknown[],
  where: string,
): void {
  arity(inputs, least, most, where);
}

/** Throws unless the inputs are as many, and have the rank, that a layer takes. */
export function checkInputs(
  definition: LayerKind["definition"],
  inputs: readonly TensorType[],
  where: string,
): void {
  checkCount(definition, inputs, where);
  const { axes } = definition;
  if (axes !== undefined)
    rank(inputs[0], axes + 2, `[n, ${"d, h, w, ".slice(9 - 3 * axes)}c]`, "input", where);
}

/** Throws unless a layer keeps axis 0 as it is. */
export function checkBatch(kept: boolean, where: string): void {
  if (!kept) throw new ArgumentError(`${where}: a layer must keep the batch, axis 0, in place and whole`);
}

/** The channel count of an input. */
export const channels = (shape: Shape): number => shape[shape.length - 1];

/** How many axes lie between batch and channels. */
export const spatialAxes = ({ shape }: TensorType): number => Math.max(shape.length - 2, 0);

/** A sliding window's size, stride or dilation: one integer of at least 1 for all axes, or one per axis. */
export type PerAxis = number | readonly number[];
