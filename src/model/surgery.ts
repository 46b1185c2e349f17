// Models made of other models: cut, with more outputs, with another head, or as a layer of a larger one. Weights come along.
import { ArgumentError, UnsupportedError } from "../errors.ts";
import { aCount } from "../layers/checks.ts";
import {
  callOf,
  checkLayer,
  checkSymbolic,
  type Layer,
  type SymbolicTensor,
  symbolicTensor,
} from "../layers/layer.ts";
import { arity } from "../ops/check.ts";
import { aList, aText, checkOptions, describe, integer, isModelLike, refuse } from "../validate.ts";
import { type Brought, bring, broughtBy, descriptionOf } from "./brought.ts";
import { modelWithout } from "./build-model.ts";
import { definitionOf } from "./graph-builder.ts";
import { resolved } from "./resolve.ts";
import {
  checkModel,
  type DescribedModel,
  type Model,
  type ModelLayer,
  type ModelSource,
  type ResolvedModel,
  type ResolveOptions,
  type TrainedModel,
} from "./schema.ts";

/** What surgery takes, and gives in the same form: a description, a trained model or a compiled network, or what `fromOnnx` gives. */
export type AnyModel = Model | TrainedModel | ModelSource;

/** The form of what surgery makes of a model. */
export type Remade<M extends AnyModel> = M extends ModelSource
  ? ModelSource
  : M extends TrainedModel
    ? TrainedModel
    : Model;

/** A model taken apart: its tensors, on which other layers can be called. */
export interface OpenModel {
  /** Its first input, or its only one. */
  readonly input: SymbolicTensor;
  readonly inputs: readonly SymbolicTensor[];
  /** Its first output, or its only one. */
  readonly output: SymbolicTensor;
  readonly outputs: readonly SymbolicTensor[];
  /** What a layer or an input of that name gives; `"name:1"` is the second output of a layer. Throws ArgumentError where there is none. */
  node(name: string): SymbolicTensor;
}

/** A description whose layers are given again on some inputs. */
class Replay {
  readonly description: Model;
  readonly #brought: Brought | undefined;
  readonly #kinds: DescribedModel["kinds"];
  readonly #prefix: string;
  /** The layers that have weights of their own, by the names they have in the description. */
  readonly #layers = new Map<string, Layer>();
  readonly #where: string;

  constructor(source: AnyModel, options: ResolveOptions, where: string, prefix = "") {
    if (!isModelLike(source))
      refuse(source, "model", where, "a model: what sequential, model or a reader gives");
    const { model, weights, kinds } = resolved(source as AnyModel, options);
    checkModel(model);
    this.description = model;
    this.#kinds = kinds;
    this.#brought = weights || kinds ? { weights: weights ?? {}, kinds } : undefined;
    this.#prefix = prefix;
    this.#where = where;
  }

  /** Whether layers of a kind have weights. */
  hasWeights(kind: string): boolean {
    return definitionOf(kind, this.#kinds, this.#where).parameters !== undefined;
  }

  /** Its inputs, as new ones. */
  inputs(): SymbolicTensor[] {
    return this.description.inputs.map(({ name, shape, dtype }) =>
      symbolicTensor({ inputs: [], shape, name, dtype }),
    );
  }

  /** Calls every layer; gives what finds a tensor by its name. Called again, the layers share their weights. */
  on(inputs: readonly SymbolicTensor[]): (name: string) => SymbolicTensor {
    const again = this.#layers.size > 0;
    const made = new Map(this.description.inputs.map(({ name }, i) => [name, inputs[i]]));
    const find = (ref: string, where: string): SymbolicTensor => {
      const [, name, index = "0"] = /^([^:]+)(?::(\d{1,5}))?$/.exec(ref) ?? [];
      const tensor = made.get(name);
      if (!tensor || (Number(index) > 0 && !tensor.layer))
        throw new ArgumentError(`${where}: there is no layer or input ${describe(ref)}; ${this.#names()}`);
      return Number(index) > 0 ? tensor.outputs(Number(index) + 1)[Number(index)] : tensor;
    };
    for (const entry of this.description.layers) {
      const layer = this.#layerOf(entry);
      const from = entry.inputs.map((ref) => find(ref, this.#where));
      // One that shares weights has a name of its own.
      const name = entry.shares !== undefined && !again ? this.#prefix + entry.name : undefined;
      made.set(entry.name, symbolicTensor({ layer, inputs: from, name }));
    }
    return (name) => find(name, this.#where);
  }

  #names(): string {
    const names = this.description.layers.map(({ name }) => name);
    return `the last layers are ${names.slice(-8).join(", ") || "none"}`;
  }

  #layerOf({ name, kind, config, shares }: ModelLayer): Layer {
    const owner = shares ?? name;
    const known = this.#layers.get(owner);
    if (known) return known;
    const call = (...args: readonly (SymbolicTensor | readonly SymbolicTensor[])[]): SymbolicTensor =>
      symbolicTensor({ layer, inputs: args.flat() as SymbolicTensor[] });
    const layer: Layer = Object.assign(call, { kind, config: { ...config, name: this.#prefix + owner } });
    this.#layers.set(owner, layer);
    if (this.#brought) bring(layer, { weights: this.#weightsOf(owner), kinds: this.#kindOf(kind) });
    return layer;
  }

  #kindOf(kind: string): Brought["kinds"] {
    const kinds = this.#kinds;
    return kinds && Object.hasOwn(kinds, kind) ? { [kind]: kinds[kind] } : undefined;
  }

  /** The weights of each layer by their names in it. Names of layers may hold dots, those of weights do not. */
  #weightsOf(owner: string): Brought["weights"] {
    this.#byLayer ??= groupByLayer(this.#brought!.weights);
    return this.#byLayer.get(owner) ?? {};
  }
  #byLayer: Map<string, Record<string, Brought["weights"][string]>> | undefined;
}

function groupByLayer(weights: Brought["weights"]): Map<string, Record<string, Brought["weights"][string]>> {
  const groups = new Map<string, Record<string, Brought["weights"][string]>>();
  for (const key of Object.keys(weights)) {
    const dot = key.lastIndexOf(".");
    const layer = key.slice(0, dot);
    const group = groups.get(layer) ?? {};
    groups.set(layer, group);
    // A getter stays one: weights of a network are copied when they are read.
    Object.defineProperty(group, key.slice(dot + 1), { get: () => weights[key], enumerable: true });
  }
  return groups;
}

const RESOLVE_OPTIONS = { batchSize: aCount, shape: true } as const;

/**
 * Takes a model apart, to build on: `const { input, node } = openModel(trained); const y = dense({ units: 5 })(node("flatten_1"));
 * model({ inputs: input, outputs: y })`. Trained weights come along with the layers. What `fromOnnx` gives is described for `options`, its
 * sizes. Throws ArgumentError for what is no model, UnsupportedError for one without a batch.
 */
export function openModel(source: AnyModel, options: ResolveOptions = {}): OpenModel {
  checkOptions("openModel", options, RESOLVE_OPTIONS);
  const replay = new Replay(source, options, "openModel");
  requireBatch(replay.description, "openModel");
  return opened(replay);
}

function opened(replay: Replay): OpenModel {
  const inputs = replay.inputs();
  const node = replay.on(inputs);
  const outputs = replay.description.outputs.map(node);
  return { input: inputs[0], inputs, output: outputs[0], outputs, node };
}

function requireBatch({ batch }: Model, where: string): void {
  if (batch === false)
    throw new UnsupportedError(
      `${where}: this model has no batch of images, so it is no part of one that has`,
    );
}

/** A change of a description, which gives the new ends. */
type Change = (open: OpenModel, replay: Replay) => Parameters<typeof modelWithout>[1];

/** Makes a model of another in the same form: a description, a trained model, or what is described when its sizes are known. */
function remade<M extends AnyModel>(
  source: M,
  where: string,
  change: Change,
  partial: boolean,
  outputs: readonly string[],
): Remade<M> {
  const make = (from: AnyModel): Model => {
    const replay = new Replay(from, {}, where);
    const reserved = replay.description.layers.map(({ name }) => name);
    const made = modelWithout(reserved, change(opened(replay), replay)) as Model;
    return replay.description.batch === false ? { ...made, batch: false } : made;
  };
  if (!isModelLike(source)) return make(source) as Remade<M>;
  const trained = (from: TrainedModel | ResolvedModel): TrainedModel => {
    const made = make(from as TrainedModel);
    const { weights = {}, kinds: own } = broughtBy(made) ?? {};
    const kinds = { ...from.kinds, ...own };
    return {
      model: descriptionOf(made),
      weights: weights as TrainedModel["weights"],
      ...(Object.keys(kinds).length > 0 && { kinds }),
      ...((partial || from.partial) && { partial: true }),
    };
  };
  if ("resolve" in source) {
    const graph = source as unknown as ModelSource;
    return {
      inputs: graph.inputs,
      outputs: outputs.length ? outputs : graph.outputs,
      resolve: (options?: ResolveOptions) => trained(graph.resolve(options)) as unknown as ResolvedModel,
    } as unknown as Remade<M>;
  }
  return ("model" in source ? trained(source as unknown as TrainedModel) : make(source)) as Remade<M>;
}

const names = aList(aText);

/** Names of layers, one or several. */
function someNames(given: string | readonly string[], where: string): readonly string[] {
  const list = typeof given === "string" ? [given] : given;
  names(list, "names", where);
  if (!list.length) throw new ArgumentError(`${where}: no names given`);
  return list;
}

/** The inputs that some tensors are made of; all where they are made of none. */
function inputsOf(inputs: readonly SymbolicTensor[], outputs: readonly SymbolicTensor[]): SymbolicTensor[] {
  const seen = new Set<object>();
  const stack = [...outputs];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (seen.has(callOf(node))) continue;
    seen.add(callOf(node));
    stack.push(...node.inputs);
  }
  const read = inputs.filter((node) => seen.has(callOf(node)));
  return read.length ? read : [...inputs];
}

/**
 * The model up to a layer, or to several, which become its outputs; layers and inputs that they do not need are left out. Give a trained
 * model, a network or what `fromOnnx` gives, and their weights come along: `upTo(fromSafetensors(bytes), "flatten_1")`. Throws ArgumentError
 * where there is no such layer.
 */
export function upTo<M extends AnyModel>(source: M, names: string | readonly string[]): Remade<M> {
  const list = someNames(names, "upTo");
  const change: Change = ({ inputs, node }) => {
    const outputs = list.map(node);
    return { inputs: inputsOf(inputs, outputs), outputs };
  };
  return remade(source, "upTo", change, false, list);
}

/** The model with what some of its layers give as further outputs, behind its own. Throws ArgumentError where there is no such layer. */
export function withOutputs<M extends AnyModel>(source: M, names: string | readonly string[]): Remade<M> {
  const list = someNames(names, "withOutputs");
  const change: Change = ({ inputs, outputs, node }) => {
    const more = list.map(node).filter((a) => !outputs.some((b) => same(a, b)));
    return { inputs, outputs: [...outputs, ...more] };
  };
  const own = isModelLike(source) && "resolve" in source ? (source as unknown as ModelSource).outputs : [];
  return remade(source, "withOutputs", change, false, [
    ...own,
    ...list.filter((name) => !own.includes(name)),
  ]);
}

const same = (a: SymbolicTensor, b: SymbolicTensor): boolean =>
  callOf(a) === callOf(b) && a.output === b.output;

const layerList = aList(checkLayer);

/**
 * The model with other layers at its end, for transfer learning: `replaceHead(trained, [dense({ units: 5 })])`. They replace the last layer
 * that has weights, and all behind it; or all behind the layer `after`. What is kept keeps its names and weights; the new layers get names
 * that the model did not have, and are initialised by `compile`. Throws ArgumentError where there is no such layer, and for a model with
 * several outputs where none is named.
 */
export function replaceHead<M extends AnyModel>(
  source: M,
  layers: Layer | readonly Layer[],
  options: { after?: string } = {},
): Remade<M> {
  const list = typeof layers === "function" ? [layers] : layers;
  layerList(list, "layers", "replaceHead");
  if (!list.length) throw new ArgumentError("replaceHead: no layers given");
  checkOptions("replaceHead", options, { after: aText });
  const change: Change = ({ inputs, outputs, node }, replay) => {
    const { after } = options;
    const base = after === undefined ? beforeHead(outputs, replay) : node(after);
    const output = list.reduce((x, layer) => layer(x), base);
    return { inputs: inputsOf(inputs, [output]), outputs: output };
  };
  return remade(source, "replaceHead", change, true, []);
}

/** What the last layer with weights reads. */
function beforeHead(outputs: readonly SymbolicTensor[], replay: Replay): SymbolicTensor {
  if (outputs.length > 1)
    throw new ArgumentError(
      `replaceHead: the model has ${outputs.length} outputs; name the layer before the head: { after: "..." }`,
    );
  for (let node = outputs[0]; node.layer && node.inputs.length === 1; [node] = node.inputs)
    if (replay.hasWeights(node.layer.kind)) return node.inputs[0];
  throw new ArgumentError(
    'replaceHead: no last layer with weights is found before layers meet; name the layer before the head: { after: "..." }',
  );
}

/**
 * A model as a layer of another one: `sequential([96, 96, 3], [asLayer(upTo(trained, "flatten_1")), dense({ units: 5 })])`. Its layers
 * become layers of the larger model, named `name` + "." + their own names, and bring their trained weights along. Called several times it
 * shares them. Of several outputs it gives the first, and all by `.outputs(count)`. What `fromOnnx` gives is described for `batchSize` and
 * `shape`. Throws ArgumentError for what is no model, UnsupportedError for one without a batch.
 */
export function asLayer(source: AnyModel, options: { name?: string } & ResolveOptions = {}): Layer {
  checkOptions("asLayer", options, { ...RESOLVE_OPTIONS, name: aText });
  const { name = "model", ...sizes } = options;
  const where = `asLayer "${name}"`;
  const replay = new Replay(source, sizes, where, `${name}.`);
  const { description } = replay;
  requireBatch(description, where);
  const call = (...args: readonly (SymbolicTensor | readonly SymbolicTensor[])[]): SymbolicTensor => {
    const inputs = args.flat() as SymbolicTensor[];
    inputs.forEach((node, i) => {
      checkSymbolic(node, `input ${i}`, where);
    });
    arity(inputs, description.inputs.length, description.inputs.length, where);
    return firstOf(description.outputs.map(replay.on(inputs)), where);
  };
  return Object.assign(call, { kind: "model", config: { name } });
}

/** The first of some tensors, which gives all of them as its outputs. */
function firstOf(tensors: readonly SymbolicTensor[], where: string): SymbolicTensor {
  if (tensors.length === 1) return tensors[0];
  const [{ outputs: _, output, ...call }] = tensors;
  const first = symbolicTensor(call, output, callOf(tensors[0]));
  return Object.assign(first, {
    outputs(count: number): SymbolicTensor[] {
      integer(count, "count", where, 1, tensors.length);
      return tensors.slice(0, count);
    },
  });
}
