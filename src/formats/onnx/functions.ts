// Functions of a model: nodes that stand for other nodes, which are written out in their place.
import { FormatError } from "../../errors.ts";
import { describe } from "../../validate.ts";
import type { Budget } from "./limits.ts";
import type { AttributeMessage, FunctionMessage, NodeMessage, OpsetMessage } from "./messages.ts";

/** A node as it is in the file, or as a function puts it. */
export interface PlainNode {
  readonly op: string;
  /** Empty for the operators of ONNX itself. */
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly AttributeMessage[];
  /** The version of its domain's operators. */
  readonly opset: number;
}

/** The longest name that a node of a function has. */
const MAX_NAME = 200;

/** ONNX's own operators have two names for their domain. */
export const plainDomain = (domain: string): string => (domain === "ai.onnx" ? "" : domain);

/** Versions of operators by domain. Throws FormatError for a domain that comes twice. */
export function opsetsOf(opsets: readonly OpsetMessage[], where: string): ReadonlyMap<string, number> {
  const versions = new Map<string, number>();
  for (const { domain, version } of opsets) {
    const name = plainDomain(domain);
    if (versions.has(name))
      throw new FormatError(`onnx: ${where} imports the operators of ${describe(domain)} twice`);
    versions.set(name, version);
  }
  return versions;
}

/** Writes out functions. */
export class Functions {
  readonly #budget: Budget;
  readonly #functions = new Map<
    string,
    { readonly message: FunctionMessage; readonly opsets: ReadonlyMap<string, number> }
  >();
  #made = 0;

  /** @throws FormatError for a function that is there twice. */
  constructor(messages: readonly FunctionMessage[], budget: Budget) {
    this.#budget = budget;
    for (const message of messages) {
      const key = keyOf(message.domain, message.name);
      if (this.#functions.has(key))
        throw new FormatError(`onnx: function ${describe(message.name)} is there twice`);
      this.#functions.set(key, {
        message,
        opsets: opsetsOf(message.opsets, `function ${describe(message.name)}`),
      });
    }
  }

  /**
   * The nodes with those of functions in place of their calls.
   *
   * @param opsets Versions of operators by domain.
   * @throws UnsupportedError for more nodes than the limits allow, as those of functions that call themselves are.
   */
  writeOut(nodes: readonly NodeMessage[], opsets: ReadonlyMap<string, number>): PlainNode[] {
    const plain: PlainNode[] = [];
    for (const node of nodes) this.#add(node, opsets, plain, 0);
    return plain;
  }

  #add(node: NodeMessage, opsets: ReadonlyMap<string, number>, plain: PlainNode[], depth: number): void {
    const domain = plainDomain(node.domain);
    const where = `${node.op} ${describe(node.name)}`;
    this.#budget.node(node.inputs.length + node.outputs.length + node.attributes.length, where);
    const called = this.#functions.get(keyOf(domain, node.op));
    if (!called) {
      plain.push({ ...node, domain, opset: opsets.get(domain) ?? 0 });
      return;
    }
    this.#budget.nesting(depth + 1, where);
    const { message } = called;
    if (node.inputs.length > message.inputs.length || node.outputs.length > message.outputs.length)
      throw new FormatError(
        `onnx: ${where} has ${node.inputs.length} inputs and ${node.outputs.length} outputs, but the function of that name ` +
          `has ${message.inputs.length} and ${message.outputs.length}`,
      );
    const names = new Map<string, string>([["", ""]]);
    message.inputs.forEach((name, i) => {
      names.set(name, node.inputs[i] ?? "");
    });
    message.outputs.forEach((name, i) => {
      if (node.outputs[i] && !names.has(name)) names.set(name, node.outputs[i]);
    });
    const inside = (name: string): string => {
      let outside = names.get(name);
      if (outside === undefined) {
        outside = `function value ${++this.#made}`;
        names.set(name, outside);
      }
      return outside;
    };
    const given = new Map([...message.defaults, ...node.attributes].map((a) => [a.name, a]));
    for (const inner of message.nodes)
      this.#add(
        {
          ...inner,
          name: `${node.name}/${inner.name}`.slice(-MAX_NAME),
          inputs: inner.inputs.map(inside),
          outputs: inner.outputs.map(inside),
          attributes: inner.attributes.flatMap((a) => {
            if (!a.reference) return [a];
            const value = given.get(a.reference);
            return value ? [{ ...value, name: a.name }] : [];
          }),
        },
        called.opsets,
        plain,
        depth + 1,
      );
  }
}

const keyOf = (domain: string, name: string): string => JSON.stringify([plainDomain(domain), name]);
