// What a graph model takes and gives: its signature, where it has one, and else the nodes that read nothing or that nobody reads.
import { FormatError, UnsupportedError } from "../../errors.ts";
import { describe, isObject, type Json } from "../../validate.ts";
import type { ValueType } from "../import/constant.ts";
import { readShape } from "./graph-attributes.ts";
import type { GraphNode, NodeOutput } from "./graph-topology.ts";
import type { OpenShape } from "./weight-file.ts";

export interface SignatureInput {
  readonly name: string;
  readonly node: string;
  /** undefined where not even the rank is known. */
  readonly shape: OpenShape | undefined;
  readonly type: ValueType;
}

export interface SignatureOutput extends NodeOutput {
  readonly name: string;
}

export interface Signature {
  readonly inputs: readonly SignatureInput[];
  readonly outputs: readonly SignatureOutput[];
}

const PLACEHOLDERS: readonly string[] = ["Placeholder", "PlaceholderV2", "PlaceholderWithDefault"];
export const isPlaceholder = ({ op }: GraphNode): boolean => PLACEHOLDERS.includes(op);

/** The signature of a file, which old ones keep in their metadata. */
export function readSignature(file: Json, nodes: ReadonlyMap<string, GraphNode>): Signature {
  const metadata = isObject(file.userDefinedMetadata) ? file.userDefinedMetadata : {};
  const signature = file.signature ?? metadata.signature;
  const given = isObject(signature) ? signature : {};
  const inputs = entries(given.inputs, "inputs").map(([key, info]) => {
    const { node } = referenceOf(info, `signature.inputs[${describe(key)}]`);
    const placeholder = nodes.get(node);
    if (!placeholder || !isPlaceholder(placeholder))
      throw new FormatError(`tfjs: the signature's input ${describe(node)} is no placeholder of the graph`);
    return inputOf(placeholder, nameOf(key), info.tensorShape);
  });
  const taken = new Set(inputs.map(({ node }) => node));
  // What the signature leaves out is an input all the same.
  for (const node of nodes.values())
    if (isPlaceholder(node) && node.op !== "PlaceholderWithDefault" && !taken.has(node.name))
      inputs.push(inputOf(node, node.name, undefined));
  const named = entries(given.outputs, "outputs").map(([key, info]) => ({
    name: nameOf(key),
    ...referenceOf(info, `signature.outputs[${describe(key)}]`),
  }));
  const outputs = named.length ? named : ends(nodes);
  if (!outputs.length) throw new FormatError("tfjs: the graph has no outputs");
  distinct(inputs, "inputs");
  distinct(outputs, "outputs");
  return { inputs, outputs };
}

function entries(value: unknown, what: string): [string, Json][] {
  if (value === undefined || value === null) return [];
  if (!isObject(value) || !Object.values(value).every(isObject))
    throw new FormatError(`tfjs: signature.${what} must be an object of objects`);
  return Object.entries(value) as [string, Json][];
}

function referenceOf({ name }: Json, where: string): NodeOutput {
  const match = typeof name === "string" ? /^([^:]{1,2000})(?::(\d{1,6}))?$/.exec(name) : undefined;
  if (!match) throw new FormatError(`tfjs: ${where}: name is ${describe(name)} but must be "node:output"`);
  return { node: match[1], output: Number(match[2] ?? 0) };
}

/** Keys are often names of outputs of nodes: "Identity:0". */
const nameOf = (key: string): string => key.replace(/:0$/, "").replaceAll(":", "_").slice(0, 900) || "_";

function inputOf(node: GraphNode, name: string, given: unknown): SignatureInput {
  const { where, attributes } = node;
  const own = attributes.shape("shape");
  const shown = given === undefined ? undefined : readShape(given, `${where}: tensorShape of the signature`);
  if (own && shown && own.length !== shown.length)
    throw new FormatError(
      `${where}: has ${own.length} axes but the signature says ${shown.length} of them: ${describe(shown)}`,
    );
  // Each may know sizes that the other leaves open.
  const shape = shown?.map((size, i) => size ?? own?.[i] ?? null) ?? own;
  if (shape?.includes(0)) throw new UnsupportedError(`${where}: inputs without values are not supported`);
  return { name, node: node.name, shape, type: attributes.type("dtype", "float") };
}

/** The nodes that nobody reads, not even by waiting for them. */
function ends(nodes: ReadonlyMap<string, GraphNode>): SignatureOutput[] {
  const read = new Set([...nodes.values()].flatMap(({ inputs }) => inputs.map(({ node }) => node)));
  const idle = ["NoOp", "Const", "Assert"];
  return [...nodes.values()]
    .filter((node) => !read.has(node.name) && !idle.includes(node.op) && !isPlaceholder(node))
    .map(({ name }) => ({ name: nameOf(name), node: name, output: 0 }));
}

function distinct(list: readonly { readonly name: string }[], what: string): void {
  const names = new Set(list.map(({ name }) => name));
  if (names.size !== list.length) throw new FormatError(`tfjs: two ${what} of the signature have one name`);
}
