// ONNX files read: what the graph computes as nodes in order, constants by name, inputs and outputs. Nothing is translated here.
import { ArgumentError, FormatError, UnsupportedError } from "../../errors.ts";
import { describe, isPlain } from "../../validate.ts";
import { asBytes, otherFormat } from "../bytes.ts";
import { Attributes } from "./attributes.ts";
import { Functions, opsetsOf, type PlainNode, plainDomain } from "./functions.ts";
import { Budget, type OnnxOptions } from "./limits.ts";
import { type GraphMessage, MODEL, type ValueMessage } from "./messages.ts";
import { sortNodes } from "./order.ts";
import { decode } from "./schema.ts";
import {
  type ElementType,
  type ExternalFiles,
  elementType,
  readTensor,
  type StoredTensor,
} from "./tensor.ts";
import { Wire } from "./wire.ts";

/** A node of the graph. */
export interface OnnxNode {
  readonly op: string;
  /** Empty for the operators of ONNX itself. */
  readonly domain: string;
  /** Its name, or where it has none that of its first output. */
  readonly name: string;
  /** How messages name it. */
  readonly where: string;
  /** Names of values; "" for an optional one that is not given. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
  /** The version of its domain's operators. */
  readonly opset: number;
}

/** An input or output of the graph. */
export interface OnnxValue {
  readonly name: string;
  readonly element: ElementType;
  /** A size, a name that stands for one, or null where nothing is known of it; undefined where the file tells no shape. */
  readonly shape: readonly (number | string | null)[] | undefined;
}

export interface OnnxModel {
  /** In an order in which values are made before they are read; only what the outputs need. */
  readonly nodes: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, StoredTensor>;
  /** Those that have no constant. */
  readonly inputs: readonly OnnxValue[];
  /** Names of the outputs; each is an input, a constant or an output of a node. */
  readonly outputs: readonly string[];
  /** Version of ONNX's own operators. */
  readonly opset: number;
  /** Text by name, about the whole model. */
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Reads a model file. Tensors are not copied: `file` must stay as it is while what is returned is in use.
 *
 * @param file The whole file: an ArrayBuffer, a SharedArrayBuffer, or a view of one.
 * @throws ArgumentError for what is no file, or no option.
 * @throws FormatError for a file that is damaged, incomplete or of another format, naming the node or field and the byte.
 * @throws UnsupportedError for values that are no tensors, types that cannot be read, and models beyond the limits.
 */
export function readModel(file: unknown, options: OnnxOptions = {}): OnnxModel {
  const budget = new Budget(options);
  const bytes = asBytes(file);
  if (!bytes)
    throw new ArgumentError(`onnx: the file is ${describe(file)} but must be an ArrayBuffer or a Uint8Array`);
  const model = decodeModel(bytes, budget);
  const graph = model.graph ?? refuseFile(bytes, "it has no graph");
  if (!model.opsets.length)
    refuseFile(bytes, "it does not say which version of the operators it uses (opset_import)");
  const opsets = opsetsOf(model.opsets, "the model");
  const external = externalFiles(options.external);
  const constants = readConstants(graph, budget, external);
  const plain = new Functions(model.functions, budget).writeOut(graph.nodes, opsets);
  const nodes = plain.map((node, i) => openNode(node, i, budget, external));
  const inputs = readInputs(graph, constants);
  if (!graph.outputs.length) throw new FormatError("onnx: the graph has no outputs");
  const outputs = graph.outputs.map((value) => {
    const what = notTensor(value);
    if (what) throw new UnsupportedError(`onnx: output ${describe(value.name)} is ${what}, not a tensor`);
    return value.name;
  });
  const given = new Set([...constants.keys(), ...inputs.map(({ name }) => name)]);
  return {
    nodes: sortNodes(nodes, given, outputs),
    constants,
    inputs,
    outputs,
    opset: opsets.get("") ?? 0,
    metadata: new Map(model.metadata.map(({ key, value }) => [key, value])),
  };
}

function decodeModel(bytes: Uint8Array, budget: Budget) {
  try {
    return decode(new Wire(bytes), MODEL, budget, { name: "model" });
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return refuseFile(bytes, error.message.replace("onnx: ", ""), error);
  }
}

/** Throws the FormatError of a file that is none, saying what else it looks like. */
function refuseFile(bytes: Uint8Array, why: string, cause?: unknown): never {
  const other = otherFormat(bytes, "ONNX");
  throw new FormatError(`onnx: ${bytes.length ? why : "the file is empty"}${other ? `; ${other}` : ""}`, {
    cause,
  });
}

function externalFiles(files: unknown = {}): ExternalFiles {
  if (typeof files !== "function" && !isPlain(files))
    throw new ArgumentError(
      `fromOnnx: external is ${describe(files)} but must be an object of files by name, or a function that gives them`,
    );
  const read = new Map<string, Uint8Array | undefined>();
  const fileOf = (name: string): unknown => {
    if (typeof files === "function") return files(name);
    return Object.hasOwn(files, name) ? (files as Record<string, unknown>)[name] : undefined;
  };
  return (name) => {
    if (read.has(name)) return read.get(name);
    const given = fileOf(name) ?? fileOf(name.replace(/^\.\//, ""));
    const bytes = given === undefined ? undefined : asBytes(given);
    if (given !== undefined && !bytes)
      throw new ArgumentError(
        `fromOnnx: the external file ${describe(name)} is ${describe(given)} but must be an ArrayBuffer or a Uint8Array`,
      );
    read.set(name, bytes);
    return bytes;
  };
}

function readConstants(
  graph: GraphMessage,
  budget: Budget,
  external: ExternalFiles,
): Map<string, StoredTensor> {
  if (graph.sparseInitializers.length)
    throw new UnsupportedError(
      "onnx: the graph has sparse tensors (sparse_initializer), which cannot be read",
    );
  const constants = new Map<string, StoredTensor>();
  graph.initializers.forEach((stored, index) => {
    const tensor = readTensor(stored, budget, { name: "graph.initializer", index }, external);
    if (!tensor.name) throw new FormatError(`onnx: graph.initializer[${index}] has no name`);
    if (constants.has(tensor.name))
      throw new FormatError(`onnx: graph.initializer[${index}]: ${describe(tensor.name)} is there twice`);
    constants.set(tensor.name, tensor);
  });
  return constants;
}

function openNode(node: PlainNode, i: number, budget: Budget, external: ExternalFiles): OnnxNode {
  const { op, domain, inputs, outputs, opset } = node;
  const name = node.name || outputs.find((output) => output !== "") || `node ${i}`;
  if (!op) throw new FormatError(`onnx: graph.node[${i}] ${describe(name)} names no operator (op_type)`);
  const where = `onnx: ${plainDomain(domain) ? `${domain}.` : ""}${op} ${describe(name)}`;
  const attributes = new Attributes(node.attributes, where, (stored, attribute) =>
    readTensor(stored, budget, { parent: { name: where.replace("onnx: ", "") }, name: attribute }, external),
  );
  return { op, domain, name, where, inputs, outputs, attributes, opset };
}

/** The inputs that are given at run time: an input of the name of a constant is a default of old files. */
function readInputs(graph: GraphMessage, constants: ReadonlyMap<string, StoredTensor>): OnnxValue[] {
  const names = new Set<string>();
  return graph.inputs
    .filter((value, i) => {
      if (!value.name) throw new FormatError(`onnx: graph.input[${i}] has no name`);
      if (names.has(value.name))
        throw new FormatError(`onnx: graph.input[${i}]: ${describe(value.name)} is there twice`);
      names.add(value.name);
      return !constants.has(value.name);
    })
    .map((value) => {
      const where = `onnx: input ${describe(value.name)}`;
      const what = notTensor(value);
      if (what) throw new UnsupportedError(`${where} is ${what}, not a tensor`);
      const tensor = value.type?.tensor;
      if (!tensor) throw new FormatError(`${where} has no type`);
      const shape = tensor.shape?.dims.map(({ value: size, name }, axis) => {
        if (size === undefined) return name || null;
        // Some writers say -1 for a size they do not know.
        if (size < -1) throw new FormatError(`${where}: dimension ${axis} has size ${size}`);
        return size === -1 ? null : size;
      });
      return { name: value.name, element: elementType(tensor.type, where), shape };
    });
}

function notTensor({ type }: ValueMessage): string | undefined {
  if (!type || type.tensor) return undefined;
  const { sequence, map, sparse, optional, opaque } = type;
  if (sequence) return "a sequence";
  if (map) return "a map";
  if (sparse) return "a sparse tensor";
  if (optional) return "an optional value";
  return opaque ? "an opaque value" : undefined;
}
