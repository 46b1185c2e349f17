// A call of a layer's definition on tensors: arguments and options are checked, and what it is can be told by a key.
import { ArgumentError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import { checkInputs, type LayerKind } from "../layers/layer.ts";
import type { Runtime } from "../runtime/instance.ts";
import { mustBeTensor, Tensor } from "../tensor.ts";
import { type AnyCheck, type AnyChecks, checkOptions, describe, isPlain, type Json } from "../validate.ts";

/** Appends the ops of one call to a graph, in which `edgeOf` gives the edge of a tensor: the edge of the result, or of each. */
export type Call = (graph: Graph, edgeOf: (tensor: Tensor) => Edge) => Edge | readonly Edge[];

/** A call that has been checked, but for the shapes. */
export interface CheckedCall {
  readonly call: Call;
  /** The tensors it reads, each once. */
  readonly tensors: readonly Tensor[];
  /** Those that are weights of the layer, each once. */
  readonly weights: readonly Tensor[];
  /** The same for calls that are the same but for the tensors' values and addresses; undefined where that cannot be told. */
  readonly key: string | undefined;
  /** Simplifies its graph, ahead of what is done to that of every call. */
  readonly simplify?: (graph: Graph, outputs: readonly Edge[]) => void;
}

/** Throws unless it is a tensor that is alive and lives in that engine. */
export function checkTensor(
  runtime: Runtime,
  tensor: unknown,
  argument: string,
  where: string,
): asserts tensor is Tensor {
  if (tensor instanceof Tensor && tensor.livesIn(runtime)) return;
  mustBeTensor(tensor, `${where}: ${argument}`);
  tensor.check(runtime, where);
}

/** What an eager op takes as options: those of its layer that do not make weights or train, and weights that are no operands. */
function checksOf({ weights = [], operands, options, eagerDefaults }: LayerKind["definition"]): AnyChecks {
  const own = Object.entries(options).flatMap(([name, check]): [string, AnyCheck][] => {
    if (check.layerOnly) return [];
    return [[name, eagerDefaults?.includes(name) ? (...args) => check(...args) : check]];
  });
  return Object.fromEntries([...weights.slice(operands ?? 0).map((name) => [name, true] as const), ...own]);
}

/** The weights that may be left out. */
const BIAS = /bias$/i;
const NONE = {};
const NO_TENSORS: readonly Tensor[] = [];

/** The checks of each definition that was called. */
const CHECKS = new WeakMap<LayerKind["definition"], AnyChecks>();

/**
 * A call of a layer's definition on tensors. Arguments are the inputs, or one list of them; the operands; the options, among them the
 * other weights. Throws for options that the layer does not share with its eager op, and for what is no tensor of this engine.
 */
export function layerCall(
  runtime: Runtime,
  name: string,
  { definition }: LayerKind,
  args: readonly unknown[],
): CheckedCall {
  const { inputs: [count] = [1], weights: names = [], operands = 0 } = definition;
  const inputs: Tensor[] = [];
  for (let i = 0; i < count; i++) {
    if (Array.isArray(args[i])) inputs.push(...(args[i] as Tensor[]));
    else if (i < args.length) inputs.push(args[i] as Tensor);
  }
  const last = count + operands;
  const options = args[last] === undefined ? NONE : (args[last] as object);
  let checks = CHECKS.get(definition);
  if (!checks) {
    checks = checksOf(definition);
    CHECKS.set(definition, checks);
  }
  checkOptions(name, options, checks);
  if (args.length > last + 1)
    throw new ArgumentError(
      `${name}: takes ${last} ${last > 1 ? "arguments" : "argument"} and options, but got ${describe(args[last + 1])} besides`,
    );
  for (let i = 0; i < inputs.length; i++)
    if (!(inputs[i] instanceof Tensor && inputs[i].livesIn(runtime)))
      checkTensor(runtime, inputs[i], `input ${i}`, name);
  checkInputs(definition, inputs, name);
  const weights: [string, Tensor][] = [];
  for (let i = 0; i < names.length; i++) {
    const weight = names[i];
    const tensor = i < operands ? args[count + i] : (options as Json)[weight];
    if (tensor === undefined && BIAS.test(weight)) continue;
    checkTensor(runtime, tensor, weight, name);
    weights.push([weight, tensor]);
  }
  const config: Record<string, unknown> = options === NONE ? {} : { ...options };
  // An option may have the name of an operand: a window and a filter are both a kernel.
  for (const weight of names.slice(operands)) if (weight in config) delete config[weight];
  const call: Call = (graph, edgeOf) => {
    graph.enter(name, name);
    const edges = inputs.map(edgeOf);
    const weightEdges = Object.fromEntries(weights.map(([weight, tensor]) => [weight, edgeOf(tensor)]));
    return definition.build(graph, config, edges, weightEdges, name);
  };
  const tensors: Tensor[] = [];
  const operandsKey = keyOfTensors(inputs, weights, tensors);
  const optionsKey = keyOf(config);
  return {
    call,
    tensors,
    // One that is an input, too, is read where it lies.
    weights: weights.length ? tensors.filter((tensor) => !inputs.includes(tensor)) : NO_TENSORS,
    key: optionsKey === undefined ? undefined : operandsKey + optionsKey,
  };
}

/** Which tensor is what, and of which type; each tensor is added to `tensors` once. */
function keyOfTensors(
  inputs: readonly Tensor[],
  weights: readonly (readonly [name: string, Tensor])[],
  tensors: Tensor[],
): string {
  let key = "";
  const add = (tensor: Tensor): void => {
    const before = tensors.indexOf(tensor);
    if (before >= 0) key += `=${before};`;
    else {
      tensors.push(tensor);
      key += tensor.typeKey;
    }
  };
  for (const tensor of inputs) add(tensor);
  for (const [name, tensor] of weights) {
    key += `${name}:`;
    add(tensor);
  }
  return key;
}

/** Options as text, equal for equal options alone; undefined where they hold what has no such text. */
function keyOf(value: unknown): string | undefined {
  switch (typeof value) {
    case "number":
      return Object.is(value, -0) ? "-0" : `${value}`;
    case "boolean":
    case "undefined":
      return `${value}`;
    case "string":
      return JSON.stringify(value);
    case "object": {
      if (value === null) return "null";
      if (Array.isArray(value)) return keyOfList(value);
      if (!isPlain(value)) return undefined;
      let key = "{";
      for (const name in value) {
        const part = keyOf((value as Json)[name]);
        if (part === undefined) return undefined;
        key += `${name}:${part},`;
      }
      return key;
    }
    default:
      return undefined;
  }
}

function keyOfList(list: readonly unknown[]): string | undefined {
  let key = "[";
  for (let i = 0; i < list.length; i++) {
    const part = keyOf(list[i]);
    if (part === undefined) return undefined;
    key += `${part},`;
  }
  return key;
}
