// PyTorch's weights, by name, as those of a description: a layer called "layer1.0.conv1" takes "layer1.0.conv1.weight".
import { ArgumentError, FormatError, UnsupportedError } from "../errors.ts";
import type { Edge } from "../graph/graph.ts";
import { Builder, resolveShapes } from "../model/graph-builder.ts";
import { checkModel, type Model, type ModelLayer, type TrainedModel } from "../model/schema.ts";
import { dense } from "../ops/dense.ts";
import { type Shape, sizeOf } from "../tensor.ts";
import {
  aFlag,
  aFunction,
  asNumbers,
  aText,
  type Checks,
  checkOptions,
  describe,
  isObject,
  refuse,
} from "../validate.ts";
import { asBytes } from "./bytes.ts";
import { FeatureOrders } from "./feature-order.ts";
import { readSafetensors } from "./safetensors.ts";
import { transpose } from "./transpose.ts";

/** A tensor in PyTorch's order of axes: filters [out, in / groups, ...kernel], weights of linear layers [out, in]. */
export interface StateTensor {
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
}

/** Tensors by PyTorch's names. */
export type StateDict = Readonly<Record<string, StateTensor>>;

export interface StateDictOptions {
  /** What every name begins with that is read, such as "module."; it is cut off, and tensors of other names are left alone. */
  prefix?: string;
  /** The name that a tensor has for the model, where the file calls it otherwise; undefined leaves it out. Sees names without prefix. */
  map?: (name: string) => string | undefined;
  /** Whether names that are missing or that no layer takes are an error. Default true. */
  strict?: boolean;
  /** Sizes that the model leaves open, as for `engine.compile`. Default 224: only features flattened from images depend on them. */
  shape?: Shape | Readonly<Record<string, Shape>>;
}

export interface LoadedStateDict<Names extends string[] = string[]> extends TrainedModel<Names> {
  /** PyTorch's names of weights that the state dict does not hold: they are initialised, as `compile` does with seed 0. */
  readonly missing: readonly string[];
  /** Names in the state dict that no layer takes. */
  readonly unexpected: readonly string[];
}

const OPTIONS: Checks<StateDictOptions> = { prefix: aText, map: aFunction, strict: aFlag, shape: true };

const WHERE = "loadStateDict";

/**
 * Gives a description the weights of a PyTorch `state_dict`, for `engine.compile`: found by the names of layers, and turned from PyTorch's
 * order of axes into ours. The rows of a dense layer after `flatten`, and the columns of one before `reshape`, are reordered from channels
 * first to channels last. `num_batches_tracked` is ignored.
 *
 * @param source The bytes of a safetensors file, or tensors by name. What needs no turning stays a view of them.
 * @returns The model, its weights, and what was missing or left over, which is nothing unless `strict` is false.
 * @throws FormatError for a damaged file, for names that are missing or that no layer takes, and for tensors of another shape.
 * @throws UnsupportedError for layers that PyTorch has no equivalent of, and for features whose order in PyTorch cannot be known.
 */
export function loadStateDict<Names extends string[]>(
  model: Model<Names>,
  source: ArrayBufferLike | ArrayBufferView | StateDict,
  options: StateDictOptions = {},
): LoadedStateDict<Names> {
  checkModel(model);
  checkOptions(WHERE, options, OPTIONS);
  const given = new GivenTensors(source, options);
  const places = placesOf(model, options.shape);
  const weights: Record<string, Float32Array> = {};
  const missing: string[] = [];
  for (const place of places) {
    const values = given.take(place);
    if (!values) missing.push(place.source);
    weights[place.name] = values ? transpose(values, place.axes, place.perm) : place.initial();
  }
  const unexpected = given.rest();
  if (options.strict !== false && missing.length + unexpected.length > 0)
    throw new FormatError(`${WHERE}: ${complaint(missing, unexpected)}`);
  return { model, weights, missing, unexpected };
}

function complaint(missing: readonly string[], unexpected: readonly string[]): string {
  const parts = [
    ...(missing.length ? [`the tensors lack ${some(missing)}`] : []),
    ...(unexpected.length ? [`the tensors hold ${some(unexpected)}, which no layer takes`] : []),
  ];
  const before = unexpected.find((name) => missing[0] && name.endsWith(missing[0]));
  const prefix = before?.slice(0, -missing[0].length);
  return (
    parts.join("; ") + (prefix ? `; if their names all begin so, give { prefix: ${describe(prefix)} }` : "")
  );
}

/** The first of some names. */
const some = (names: readonly string[]): string =>
  names
    .slice(0, 5)
    .map((name) => describe(name))
    .join(", ") + (names.length > 5 ? `, … ${names.length} in all` : "");

/** What PyTorch counts beside the running averages. */
const COUNTER = /(^|\.)num_batches_tracked$/;

/** The tensors of a state dict, by the names that the model has for them. */
class GivenTensors {
  readonly #tensors = new Map<string, { readonly name: string; readonly tensor: unknown }>();

  constructor(source: unknown, { prefix = "", map = (name) => name }: StateDictOptions) {
    const bytes = asBytes(source);
    const tensors = bytes ? readSafetensors(bytes).tensors : source;
    if (!isObject(tensors))
      refuse(
        source,
        "the state dict",
        WHERE,
        "the bytes of a safetensors file, or tensors { shape, data } by name",
      );
    for (const name of Object.keys(tensors)) {
      if (!name.startsWith(prefix)) continue;
      const wanted = map(name.slice(prefix.length));
      if (wanted === undefined) continue;
      if (typeof wanted !== "string") refuse(wanted, `map(${describe(name)})`, WHERE, "a text or undefined");
      if (COUNTER.test(wanted)) continue;
      const other = this.#tensors.get(wanted);
      if (other)
        throw new ArgumentError(
          `${WHERE}: ${describe(other.name)} and ${describe(name)} are both mapped to ${describe(wanted)}`,
        );
      this.#tensors.set(wanted, { name, tensor: tensors[name] });
    }
  }

  /** The values of a weight; undefined where they are missing. Throws where the shape is another. */
  take({ source, shapes, where }: Place): Float32Array | undefined {
    const found = this.#tensors.get(source);
    if (!found) return undefined;
    this.#tensors.delete(source);
    const { name, tensor } = found;
    const what = `tensor ${describe(name)}`;
    if (!isObject(tensor) || !Array.isArray(tensor.shape))
      refuse(tensor, what, WHERE, "an object { shape, data }");
    const { shape } = tensor;
    if (!shapes.some((expected) => `${expected}` === `${shape}`))
      throw new FormatError(
        `${WHERE}: ${what} has shape ${describe(shape)} but ${where} takes ${shapes.map((s) => `[${s}]`).join(" or ")}`,
      );
    const values = asNumbers(tensor.data, what, WHERE);
    if (values.length !== sizeOf(shapes[0]))
      throw new FormatError(
        `${WHERE}: ${what} has ${values.length} values but shape ${describe(shape)} holds ${sizeOf(shapes[0])}`,
      );
    return values instanceof Float32Array ? values : Float32Array.from(values);
  }

  /** Names that nobody has taken. */
  rest(): string[] {
    return [...this.#tensors.values()].map(({ name }) => name);
  }
}

/** A weight of a model, and how PyTorch has it. */
interface Place extends Axes {
  /** "conv1.kernel" */
  readonly name: string;
  /** "conv1.weight" */
  readonly source: string;
  /** The layer, for messages. */
  readonly where: string;
  initial(): Float32Array;
}

/** How PyTorch's values become ours: of shape `axes` and transposed by `perm`. `shapes` are those that a file may say. */
interface Axes {
  readonly shapes: readonly Shape[];
  readonly axes: Shape;
  readonly perm: readonly number[];
}

function placesOf(model: Model, shape: StateDictOptions["shape"]): Place[] {
  const layers = new Map(model.layers.map((layer) => [layer.name, layer]));
  const build = buildOf(model, shape);
  const orders = new FeatureOrders(build.graph.nodes);
  const known = (edge: Edge, where: string): Shape | undefined => {
    const order = orders.of(edge);
    if (order !== "mixed") return order;
    throw new UnsupportedError(
      `${WHERE}: ${where}: its features stand for several images, or for parts of one: their order in PyTorch cannot be known`,
    );
  };
  if (orders.fixed) known(orders.fixed.outputs[0], orders.fixed.where);
  // In a layer of several ops, the one that reads the weight.
  const readers = new Map(build.graph.nodes.flatMap((node) => node.inputs.map((edge) => [edge, node])));
  return [...build.variables].map(([name, { edge, layer: owner }]) => {
    const layer = layers.get(owner)!;
    const where = `${layer.kind} "${owner}"`;
    const weight = name.slice(owner.length + 1);
    const { op, inputs, outputs } = readers.get(edge)!;
    const into = op === dense ? known(inputs[0], where) : undefined;
    const axes = axesOf(layer, weight, edge.shape, into, known(outputs[0], where));
    const source = `${owner}.${partOf(layer, weight)}`;
    return { name, source, where, ...axes, initial: () => build.initial(name) };
  });
}

/** The graph of a model with its weights as edges, of which none is made. */
function buildOf(model: Model, given: StateDictOptions["shape"]): Builder {
  const open = model.inputs.map(({ name, shape }) => [name, shape.map((d) => d ?? 224)] as const);
  const resolved = resolveShapes(model, given ?? Object.fromEntries(open));
  const unused = (): never => {
    throw new Error("frozen layers are not trained");
  };
  const frozen = new Set(model.layers.map(({ name }) => name));
  return new Builder(resolved, 1, { training: { frozen, batchNorm: unused, dropout: unused } });
}

/** PyTorch's names of weights. */
const PARTS: Readonly<Record<string, string>> = {
  kernel: "weight",
  depthwise: "depthwise.weight",
  pointwise: "pointwise.weight",
  bias: "bias",
  gamma: "weight",
  beta: "bias",
  mean: "running_mean",
  variance: "running_var",
  alpha: "weight",
};

function partOf({ kind, name }: ModelLayer, weight: string): string {
  if (!Object.hasOwn(PARTS, weight))
    throw new UnsupportedError(
      `${WHERE}: ${kind} "${name}" has a weight ${describe(weight)}, which PyTorch's layers have not`,
    );
  return kind.startsWith("separable") && weight === "bias" ? "pointwise.bias" : PARTS[weight];
}

/** Kinds whose weights of several axes are no filters. */
const NO_FILTER = /^(layerNorm|rmsNorm|locallyConnected2d)$/;

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

const channelsFirst = (shape: Shape): number[] => [shape[shape.length - 1], ...shape.slice(0, -1)];

/** How PyTorch has a weight of that shape. `into` and `out` are what features were flattened from, or will be unflattened to. */
function axesOf(layer: ModelLayer, weight: string, shape: Shape, into?: Shape, out?: Shape): Axes {
  if (NO_FILTER.test(layer.kind) && shape.length > 1)
    throw new UnsupportedError(
      `${WHERE}: ${layer.kind} "${layer.name}": its weight ${describe(weight)} of shape [${shape}] has no order of axes in PyTorch`,
    );
  const spatial = shape.slice(0, -2);
  const n = spatial.length;
  const [inputs, outputs] = shape.slice(-2);
  if (layer.kind === "dense" && weight === "kernel") {
    // [out, ...] x [in, ...], each channels first.
    const [of, from] = [channelsFirst(out ?? [outputs]), channelsFirst(into ?? [inputs])];
    const perm = [...range(of.length + 1, from.length - 1), of.length, ...range(1, of.length - 1), 0];
    // A convolution that sees the whole image says the same.
    const shapes = [[outputs, inputs], ...(into ? [[outputs, ...from]] : [])];
    return { shapes, axes: [...of, ...from], perm };
  }
  if (layer.kind.startsWith("convTranspose") && weight === "kernel") {
    const groups = (layer.config.groups as number | undefined) ?? 1;
    const file = [inputs * groups, outputs / groups, ...spatial];
    const axes = [groups, inputs, outputs / groups, ...spatial];
    return { shapes: [file], axes, perm: [...range(3, n), 1, 0, 2] };
  }
  if (shape.length > 1 && weight !== "alpha") {
    const file = [outputs, inputs, ...spatial];
    return { shapes: [file], axes: file, perm: [...range(2, n), 1, 0] };
  }
  // One value per channel, or per feature.
  const axes = channelsFirst(out ?? shape);
  return { shapes: [out ? shape : axes], axes, perm: [...range(1, axes.length - 1), 0] };
}
