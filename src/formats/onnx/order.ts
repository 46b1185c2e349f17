// The nodes of a graph that its outputs need, in an order in which every value is made before it is read.
import { FormatError } from "../../errors.ts";
import { describe } from "../../validate.ts";

interface Node {
  readonly where: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/**
 * Sorts nodes, and leaves out those that nothing needs. An order that is right already stays.
 *
 * @param given Names of values that no node makes: inputs and constants.
 * @param outputs Names of the values that are asked for.
 * @throws FormatError for a value that is made twice or nowhere, and for nodes in a circle.
 */
export function sortNodes<N extends Node>(
  nodes: readonly N[],
  given: { has(name: string): boolean },
  outputs: readonly string[],
): N[] {
  const makers = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const name of node.outputs)
      if (name === "") continue;
      else if (given.has(name) || makers.has(name))
        throw new FormatError(
          `${node.where}: its output ${describe(name)} is already ` +
            (given.has(name)
              ? "an input or a constant"
              : `made by ${nodes[makers.get(name)!].where.replace("onnx: ", "")}`),
        );
      else makers.set(name, i);
  });
  const makerOf = (name: string, reader: string): number => {
    if (name === "" || given.has(name)) return -1;
    const maker = makers.get(name);
    if (maker === undefined)
      throw new FormatError(
        `${reader}: reads ${describe(name)}, which is no input, no constant and no node's output`,
      );
    return maker;
  };
  const needed = new Uint8Array(nodes.length);
  const waiting: number[] = [];
  const need = (maker: number): void => {
    if (maker < 0 || needed[maker]) return;
    needed[maker] = 1;
    waiting.push(maker);
  };
  for (const name of outputs) need(makerOf(name, "onnx: the graph's output"));
  /** Of a needed node, who reads it, and how many values that are not made yet it reads. */
  const readers = new Map<number, number[]>();
  const missing = new Int32Array(nodes.length);
  let inOrder = true;
  for (let i = waiting.pop(); i !== undefined; i = waiting.pop())
    for (const name of nodes[i].inputs) {
      const maker = makerOf(name, nodes[i].where);
      if (maker < 0) continue;
      if (maker >= i) inOrder = false;
      missing[i]++;
      const list = readers.get(maker);
      if (list) list.push(i);
      else readers.set(maker, [i]);
      need(maker);
    }
  const used = nodes.filter((_, i) => needed[i]);
  if (inOrder) return used;
  const sorted: N[] = [];
  const ready = nodes.flatMap((_, i) => (needed[i] && !missing[i] ? [i] : []));
  // New ones join at the end, and are reached.
  for (const i of ready) {
    sorted.push(nodes[i]);
    for (const reader of readers.get(i) ?? []) if (--missing[reader] === 0) ready.push(reader);
  }
  if (sorted.length < used.length) {
    const stuck = nodes.find((_, i) => needed[i] && missing[i])!;
    throw new FormatError(
      `${stuck.where}: reads values that are made from its own outputs: nodes form a circle`,
    );
  }
  return sorted;
}
