// Layers of one's own: weights by shape, and a function of tensors that is traced into the graph wherever the layer is built.
import { ArgumentError, ConvolithError, ShapeError, UnsupportedError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import { anInitializer } from "../layers/checks.ts";
import * as registry from "../layers/index.ts";
import type { Initializer } from "../layers/initializers.ts";
import {
  defineLayer as define,
  type Layer,
  type LayerKind,
  type LayerKindOf,
  type Named,
  type Parameter,
} from "../layers/layer.ts";
import { checkShape, show } from "../ops/check.ts";
import type { Shape, Tensor } from "../tensor.ts";
import {
  type AnyCheck,
  aFlag,
  aFunction,
  aList,
  anInteger,
  aText,
  checkOptions,
  describe,
  isPlain,
  needed,
  refuse,
} from "../validate.ts";
import { type EagerOps, opsOf } from "./ops.ts";
import { traceInto } from "./trace.ts";

/** An option of a layer: which values it can have, what messages call them, and its default; without one it must be given. */
export interface CustomOption<T> {
  /** Whether a value is allowed. Numbers, texts, flags, and lists and objects of them can be saved. */
  is(value: unknown): boolean;
  /** What it must be: "a number above 0". */
  what: string;
  default?: T;
}

/** A weight of a layer: its shape, without a batch, and how it begins. */
export interface CustomWeight {
  shape: Shape;
  /** Default "glorotUniform" for two axes and more, "zeros" for one. */
  init?: Initializer;
  /** False for what gradients do not change. Default true. */
  trainable?: boolean;
}

export interface CustomLayerDefinition<C extends object> {
  /** How many inputs it takes, or from how many to how many. Default 1. */
  inputs?: number | readonly [least: number, most: number];
  /** Its options, besides `name`. Default none. */
  options?: { readonly [K in keyof C]-?: CustomOption<C[K]> };
  /** The weights it makes for inputs of these shapes, batch first. Default none. */
  weights?(options: Required<C>, inputs: readonly Shape[]): Readonly<Record<string, CustomWeight>>;
  /**
   * What it computes, with the ops of an engine. It is called when a network is compiled, with tensors whose values are not known yet, and
   * runs as a part of the network's program; its gradients are those of the ops. The result must keep the batch, axis 0.
   */
  call(
    engine: EagerOps,
    inputs: readonly Tensor[],
    weights: Readonly<Record<string, Tensor>>,
    options: Required<C>,
  ): Tensor;
}

/** Makes layers of a kind of one's own, and is that kind where a model is loaded: `compile(model, { kinds: { myLayer } })`. */
export type CustomLayer<C extends object> = ((config?: C & Named) => Layer) & LayerKindOf<C & Named, never>;

const aRange = aList(anInteger(1));
const DEFINITION = {
  inputs: (value: unknown, name: string, where: string): void => {
    (Array.isArray(value) ? aRange : anInteger(1))(value, name, where);
    if (Array.isArray(value) && !(value.length === 2 && value[0] <= value[1]))
      refuse(value, name, where, "a number or [least, most]");
  },
  options: true,
  weights: aFunction,
  call: needed(aFunction, "(engine, [x], weights, options) => ..."),
} as const;

/** The check of an option, and its default. */
function checkOf(spec: CustomOption<unknown>, name: string, where: string): AnyCheck {
  const own = `options.${name}`;
  if (!isPlain(spec)) refuse(spec, own, where, "an object { is, what, default }");
  checkOptions(`${where}: ${own}`, spec, {
    is: needed(aFunction, "(value) => ..."),
    what: needed(aText, '"a number above 0"'),
    default: true,
  });
  const check = (value: unknown, option: string, layer: string): void => {
    if (!spec.is(value)) refuse(value, option, layer, spec.what);
  };
  if (spec.default === undefined) return needed(check, spec.what);
  check(spec.default, `the default of ${name}`, where);
  return check;
}

const WEIGHT = { shape: needed(aList(anInteger(1)), "[16]"), init: anInitializer, trainable: aFlag };

/** The weights that a definition asks for, checked. */
function parametersOf(given: unknown, where: string): Parameter[] {
  if (!isPlain(given)) refuse(given, "what weights gives", where, "an object of weights by name");
  return Object.entries(given).map(([name, weight]): Parameter => {
    if (!/^\w+$/.test(name))
      throw new ArgumentError(
        `${where}: the weight ${describe(name)} must be named by letters, digits and _`,
      );
    checkOptions(`${where}: weight "${name}"`, weight, WEIGHT);
    const { shape, init, trainable = true } = weight as CustomWeight;
    checkShape(shape, `weight "${name}"`, where, 1);
    return {
      name,
      shape,
      init: init ?? (shape.length > 1 ? "glorotUniform" : "zeros"),
      ...(!trainable && { trainable }),
    };
  });
}

/**
 * Declares a kind of layer of one's own, made of the ops of an engine: it works in `sequential` and `model`, is trained, predicts, and is
 * saved by its name.
 *
 * ```ts
 * const scale = defineLayer("scale", {
 *   weights: (_, [shape]) => ({ factor: { shape: shape.slice(-1), init: "ones" } }),
 *   call: (engine, [x], { factor }) => engine.mul(x, factor),
 * });
 * ```
 *
 * Throws ArgumentError for a definition that is none, and for the name of a layer that every engine has.
 */
export function defineLayer<C extends object = Record<never, never>>(
  kind: string,
  definition: CustomLayerDefinition<C>,
): CustomLayer<C> {
  aText(kind, "the first argument, its name,", "defineLayer");
  const where = `defineLayer ${describe(kind)}`;
  if (!/^[A-Za-z]\w*$/.test(kind))
    refuse(kind, "the name", "defineLayer", "a letter, then letters, digits or _");
  if (Object.hasOwn(registry, kind))
    throw new ArgumentError(`${where}: every engine has a layer of that name; give it another`);
  checkOptions(where, definition, DEFINITION);
  const { inputs = 1, options = {}, weights, call } = definition as CustomLayerDefinition<object>;
  if (!isPlain(options)) refuse(options, "options", where, "an object of options by name");
  const specs = Object.entries(options as Record<string, CustomOption<unknown>>);
  const checks = Object.fromEntries(specs.map(([name, spec]) => [name, checkOf(spec, name, where)]));
  if (Object.hasOwn(checks, "name"))
    throw new ArgumentError(`${where}: options hold "name", which every layer has`);
  const whole = (config: object): never =>
    Object.fromEntries(
      specs.map(([name, spec]) => [name, (config as Record<string, unknown>)[name] ?? spec.default]),
    ) as never;

  const factory = define(kind, {
    inputs: typeof inputs === "number" ? [inputs, inputs] : inputs,
    options: checks as never,
    eager: false,
    custom: true,
    ...(weights && {
      parameters: (config: object, shapes: readonly Shape[], layer: string) =>
        parametersOf(weights(whole(config), shapes), layer),
    }),
    checkLayer(_config, x, y, layer) {
      if (y[0] !== x[0])
        throw new ShapeError(
          `${layer}: gives shape ${show(y)} for input ${show(x)}, but must keep the batch, axis 0`,
        );
    },
    build(graph, config, edges, own, layer) {
      const names = Object.keys(own);
      const traced = (engine: EagerOps, tensors: readonly Tensor[]): Tensor => {
        const ofWeights = names.map((name, i) => [name, tensors[edges.length + i]]);
        return call(engine, tensors.slice(0, edges.length), Object.fromEntries(ofWeights), whole(config));
      };
      return trace(graph, [...edges, ...names.map((name) => own[name])], traced, layer);
    },
  });
  // Models that have such a layer bring its kind along.
  const made = (config?: object): Layer =>
    Object.assign(factory(config as never), { custom: custom as unknown as LayerKind });
  const custom = Object.assign(made, { kind, definition: factory.definition });
  return custom as unknown as CustomLayer<C>;
}

/** Appends what a function of tensors calls, as ops of the layer that is being built. Errors name the layer. */
function trace(
  graph: Graph,
  edges: readonly Edge[],
  f: (engine: EagerOps, tensors: readonly Tensor[]) => Tensor,
  where: string,
): Edge {
  const { runtime } = graph;
  if (!runtime)
    throw new UnsupportedError(
      `${where}: is made of ops of an engine, so that only networks which one compiled have it`,
    );
  try {
    return graph.nested(() =>
      traceInto(runtime, graph, edges, (...tensors) => f(opsOf(runtime), tensors), where),
    );
  } catch (error) {
    if (error instanceof ConvolithError && !error.message.startsWith(where))
      error.message = `${where}: ${error.message}`;
    throw error;
  }
}
