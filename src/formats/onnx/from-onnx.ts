// Reads ONNX files for `engine.compile`: all operators are known before anything is translated.

import { ArgumentError, ConvolithError, FormatError, ShapeError, UnsupportedError } from "../../errors.ts";
import { type Shape, sizeOf } from "../../tensor.ts";
import { describe, isPlain } from "../../validate.ts";
import { asBytes } from "../bytes.ts";
import { type Constant, constant } from "../import/constant.ts";
import { GraphSource } from "../import/source.ts";
import type { ModelWriter } from "../import/writer.ts";
import type { GivenConstant, OnnxOptions } from "./limits.ts";
import { Call, type Result, type Typed } from "./operator.ts";
import { OPERATORS } from "./operators.ts";
import { recognise } from "./patterns.ts";
import { type OnnxModel, type OnnxNode, type OnnxValue, readModel } from "./read.ts";
import type { ElementType } from "./tensor.ts";

/** The newest version of ONNX's operators that these translations know. */
const NEWEST_OPSET = 24;

/**
 * Reads an ONNX file; what it gives is for `engine.compile`, with `batchSize` and `shape` for the sizes that the file leaves open. Channels
 * stay first at inputs and outputs, as the file has them; inside they are last. Opsets up to 24 are read.
 *
 * Floats of every width are computed as float32, integers and bools as int32. Shapes that the graph computes are computed when it is
 * compiled. Tensors are not copied: `file` must stay as it is until the model has been compiled for the last time.
 *
 * @param file The whole file: an ArrayBuffer, a SharedArrayBuffer, or a view of one.
 * @param options `external`: files next to the model that hold its tensors, by the names it gives them. `constants`: values of inputs that
 * are always the same, such as shapes or axes, by name; they are no inputs then.
 * @throws FormatError for a file that is damaged, naming the node or field and the byte.
 * @throws UnsupportedError for operators and types that have no equivalent here: all of the operators, each with the name of a node.
 */
export function fromOnnx(file: unknown, options: OnnxOptions = {}): GraphSource {
  const model = readModel(file, options);
  checkOperators(model);
  const { constants, inputs } = withConstants(model, options.constants);
  return new GraphSource({
    format: "onnx",
    inputs: inputs.map(({ name, element, shape }) => {
      if (!shape)
        throw new UnsupportedError(
          `onnx: input ${describe(name)} says nothing of its shape, not even how many axes it has`,
        );
      if (element.name === "uint32" || element.name === "uint64")
        throw new UnsupportedError(
          `onnx: input ${describe(name)} is ${element.name}, but integers have 32 bits, with sign`,
        );
      return { name, shape, type: element.kind };
    }),
    outputs: model.outputs,
    bytes: asBytes(file)!.length,
    write: (writer, values) => {
      const made = new Map<string, Typed>();
      for (const [name, known] of constants)
        made.set(name, { value: writer.known(known), element: known.element });
      inputs.forEach(({ name, element }, i) => {
        made.set(name, { value: values[i], element });
      });
      const makers = new Map<string, OnnxNode>();
      for (const node of model.nodes) {
        translate(writer, node, made, makers);
        for (const output of node.outputs) makers.set(output, node);
      }
      return model.outputs.map((name) => find(name, made, "onnx: the graph").value);
    },
  });
}

/** Throws the UnsupportedError of all operators that cannot be translated. */
function checkOperators({ nodes, opset }: OnnxModel): void {
  const missing = new Map<string, string>();
  for (const { op, domain, name } of nodes) {
    const full = domain ? `${domain}.${op}` : op;
    if ((domain || !Object.hasOwn(OPERATORS, op)) && !missing.has(full)) missing.set(full, name);
  }
  if (missing.size) {
    const list = [...missing].map(([op, name]) => `${op} (node ${describe(name)})`).join(", ");
    throw new UnsupportedError(
      `onnx: ${missing.size === 1 ? "an operator has" : `${missing.size} operators have`} no equivalent here: ${list}`,
    );
  }
  if (opset > NEWEST_OPSET)
    throw new UnsupportedError(
      `onnx: the file uses opset ${opset}, but opsets up to ${NEWEST_OPSET} are read`,
    );
}

type KnownConstant = Constant & { readonly element: ElementType };

/** The constants of the file and those that are given, and the inputs that are left. */
function withConstants(
  { constants, inputs }: OnnxModel,
  given: OnnxOptions["constants"] = {},
): { constants: Map<string, KnownConstant>; inputs: readonly OnnxValue[] } {
  if (!isPlain(given))
    throw new ArgumentError(
      `fromOnnx: constants are ${describe(given)} but must be an object of values by name`,
    );
  const all = new Map<string, KnownConstant>(constants);
  for (const [name, values] of Object.entries(given)) {
    const input = inputs.find((value) => value.name === name);
    if (!input)
      throw new ArgumentError(
        `fromOnnx: constants name ${describe(name)}, which is no input; there are ${inputs.map((value) => value.name).join(", ") || "none"}`,
      );
    all.set(name, givenConstant(input, values));
  }
  return { constants: all, inputs: inputs.filter(({ name }) => !all.has(name)) };
}

function givenConstant({ name, element, shape: declared }: OnnxValue, given: GivenConstant): KnownConstant {
  const where = `fromOnnx: constants[${describe(name)}]`;
  const whole = isPlain(given) && "data" in given;
  const data = whole ? given.data : given;
  if (!ArrayBuffer.isView(data) && !Array.isArray(data))
    throw new ArgumentError(
      `${where} is ${describe(given)} but must be a list of numbers, or { shape, data }`,
    );
  const list = data as ArrayLike<number | bigint>;
  const open = declared?.filter((size) => typeof size !== "number").length;
  const known = product(declared ?? []);
  const shape: Shape =
    (whole ? given.shape : undefined) ??
    (declared && open! <= 1
      ? declared.map((size) => (typeof size === "number" ? size : list.length / known))
      : [list.length]);
  if (sizeOf(shape) !== list.length)
    throw new ShapeError(`${where} has ${list.length} values, but shape [${shape}] holds ${sizeOf(shape)}`);
  const numbers = Float64Array.from(list, (value, i) => {
    const number = Number(value);
    if (element.kind !== "float" && !Number.isInteger(number))
      throw new ArgumentError(`${where}[${i}] is ${describe(value)} but must be an integer`);
    return number;
  });
  const values = element.kind === "float" ? Float32Array.from(numbers) : numbers;
  return { ...constant(shape, element.kind, values), element };
}

const product = (sizes: readonly (number | string | null)[]): number =>
  sizes.reduce<number>((all, size) => all * (typeof size === "number" ? size : 1), 1);

function find(name: string, made: ReadonlyMap<string, Typed>, where: string): Typed {
  const found = made.get(name);
  if (!found)
    throw new UnsupportedError(`${where}: reads ${describe(name)}, an output that has no equivalent here`);
  return found;
}

function translate(
  writer: ModelWriter,
  node: OnnxNode,
  made: Map<string, Typed>,
  makers: ReadonlyMap<string, OnnxNode>,
): void {
  const { where, name, op, inputs, outputs, attributes } = node;
  writer.enter(name);
  const operands = inputs.map((input) => (input === "" ? undefined : find(input, made, where)));
  const call = new Call(writer, node, operands);
  let results: readonly Result[];
  try {
    const result = recognise(writer, node, { values: made, makers }) ?? OPERATORS[op](call);
    results = Array.isArray(result) ? (result as readonly Result[]) : [result as Result];
  } catch (cause) {
    throw located(cause, where);
  }
  attributes.checkAllRead();
  outputs.forEach((output, i) => {
    const result = results[i];
    if (output !== "" && result) made.set(output, call.typed(result));
  });
}

/** The same error, beginning with the node: a layer names itself only. */
function located(cause: unknown, where: string): unknown {
  if (!(cause instanceof ConvolithError) || cause.message.startsWith("onnx: ")) return cause;
  const message = `${where}: ${cause.message}`;
  if (cause instanceof ShapeError) return new ShapeError(message, { cause });
  // What a layer does not take is right in the file.
  if (cause instanceof ArgumentError || cause instanceof UnsupportedError)
    return new UnsupportedError(message, { cause });
  return cause instanceof FormatError ? new FormatError(message, { cause }) : cause;
}
