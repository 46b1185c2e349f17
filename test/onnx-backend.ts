// The ONNX project's own cases, as Debian's libonnx-testdata has them: a model, inputs and the outputs that every backend must give.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Engine } from "../src/engine/engine.ts";
import { ConvolithError, UnsupportedError } from "../src/errors.ts";
import { bfloat16ToFloat32 } from "../src/formats/bytes.ts";
import { fromOnnx } from "../src/formats/onnx/from-onnx.ts";
import { Budget } from "../src/formats/onnx/limits.ts";
import { type OnnxValue, readModel } from "../src/formats/onnx/read.ts";
import { readTensor, type StoredTensor } from "../src/formats/onnx/tensor.ts";
import { sizeOf } from "../src/tensor.ts";

/** Where the cases are: ONNX_TEST_DATA, or where Debian puts them. */
export const DATA = process.env.ONNX_TEST_DATA ?? "/usr/share/libonnx-testdata/data";
const SUITES = ["node", "simple", "pytorch-converted", "pytorch-operator"];

export const available = (): boolean => existsSync(`${DATA}/node`);

export interface BackendCase {
  readonly name: string;
  readonly folder: string;
  /** Names of the operators in its graph, each once; empty where the graph cannot be read. */
  readonly operators: readonly string[];
}

/** All cases of the suite. */
export function cases(): BackendCase[] {
  return SUITES.flatMap((suite) =>
    readdirSync(`${DATA}/${suite}`)
      .sort()
      .map((name) => {
        const folder = `${DATA}/${suite}/${name}`;
        return { name, folder, operators: operatorsOf(folder) };
      }),
  );
}

function operatorsOf(folder: string): string[] {
  try {
    const { nodes } = readModel(readFileSync(`${folder}/model.onnx`));
    return [...new Set(nodes.map(({ op, domain }) => (domain ? `${domain}.${op}` : op)))];
  } catch {
    return [];
  }
}

export interface Outcome {
  /** "unsupported" is an UnsupportedError, when the model is loaded or compiled. */
  readonly kind: "passed" | "unsupported" | "failed";
  readonly reason?: string;
}

type Failure = Outcome & { kind: "failed" };
const failed = (reason: string): Failure => ({ kind: "failed", reason });

/** The suite's own tolerance. */
const TOLERANCE = { relative: 1e-3, absolute: 1e-7 };

function tensors(folder: string, kind: "input" | "output"): StoredTensor[] {
  const files = readdirSync(folder).filter((file) => file.startsWith(`${kind}_`));
  return files.map((_, i) => {
    const bytes = readFileSync(`${folder}/${kind}_${i}.pb`);
    return readTensor({ bytes, start: 0 }, new Budget({}), { name: `${kind}_${i}` }, () => undefined);
  });
}

/** Loads, compiles and runs a case, and compares all outputs. */
export function run(engine: Engine, { folder, name }: BackendCase): Outcome {
  try {
    const bytes = readFileSync(`${folder}/model.onnx`);
    for (const set of readdirSync(folder).filter((entry) => entry.startsWith("test_data_set_"))) {
      const outcome = runSet(engine, bytes, `${folder}/${set}`, name);
      if (outcome) return outcome;
    }
    return { kind: "passed" };
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof UnsupportedError) return { kind: "unsupported", reason: message };
    return failed(
      error instanceof ConvolithError
        ? `${(error as Error).name}: ${message}`
        : ((error as Error).stack ?? message),
    );
  }
}

/** What is wrong with one set of data, if something is. */
function runSet(engine: Engine, bytes: Uint8Array, folder: string, name: string): Failure | undefined {
  // Refused before the data is read, which may be no tensors either.
  const model = readModel(bytes);
  fromOnnx(bytes);
  const inputs = tensors(folder, "input");
  const byName = new Map(model.inputs.map((value, i) => [value.name, declared(value, inputs[i])]));
  const wanted = tensors(folder, "output");
  // There are no tensors without elements at run time.
  let fixed: ReadonlySet<string> = new Set(
    [...byName].flatMap(([key, { shape }]) => (sizeOf(shape) ? [] : [key])),
  );
  for (;;)
    try {
      return compare(engine, bytes, byName, fixed, wanted, name);
    } catch (error) {
      // Sizes and axes that the case leaves open are inputs that must be known when it is compiled.
      const more = requiredConstants(error, byName, fixed);
      if (!more) throw error;
      fixed = more;
    }
}

/**
 * The data as the model declares it: some cases of CastLike give the tensor whose type alone counts another shape, and bfloat16 is given
 * as the integers that have its bits.
 */
function declared({ shape, element }: OnnxValue, tensor: StoredTensor): StoredTensor {
  if (
    element.name === "bfloat16" &&
    tensor.element.name === "uint16" &&
    sizeOf(shape as number[]) === sizeOf(tensor.shape)
  )
    return { ...tensor, element, type: "float", data: bfloat16ToFloat32(Uint16Array.from(tensor.data)) };
  const sizes = (shape ?? tensor.shape).map((size, i) => (typeof size === "number" ? size : tensor.shape[i]));
  if (sizeOf(sizes) === sizeOf(tensor.shape)) return tensor;
  return { ...tensor, element, type: element.kind, shape: sizes, data: new Float32Array(sizeOf(sizes)) };
}

/** After all else, all inputs are constants. */
function requiredConstants(
  error: unknown,
  inputs: ReadonlyMap<string, StoredTensor>,
  fixed: ReadonlySet<string>,
): Set<string> | undefined {
  if (!(error instanceof UnsupportedError) || !error.message.includes("must be known when")) return undefined;
  const small = [...inputs].filter(
    ([, tensor], i) => i > 0 && (tensor.shape.length < 2 || tensor.type !== "float"),
  );
  const next = fixed.size || !small.length ? [...inputs.keys()] : small.map(([key]) => key);
  return next.length > fixed.size ? new Set(next) : undefined;
}

function compare(
  engine: Engine,
  bytes: Uint8Array,
  inputs: ReadonlyMap<string, StoredTensor>,
  fixed: ReadonlySet<string>,
  wanted: readonly StoredTensor[],
  name: string,
): Failure | undefined {
  const given = [...inputs].filter(([key]) => !fixed.has(key));
  const source = fromOnnx(bytes, {
    constants: Object.fromEntries(
      [...inputs].filter(([key]) => fixed.has(key)).map(([key, { shape, data }]) => [key, { shape, data }]),
    ),
  });
  const shape = Object.fromEntries(given.map(([key, tensor]) => [key, tensor.shape]));
  const net = engine.compile(source, { shape });
  try {
    const outputs = [
      net.predict(given.map(([, { data, type }]) => (type === "float" ? data : Int32Array.from(data)))),
    ].flat();
    // By name: an object puts names that are numbers in an order of its own.
    const shapes = net.model.outputs.map((output: string) => net.outputShapes[output]);
    for (let i = 0; i < wanted.length; i++) {
      const batched = net.model.batch !== false;
      const own = batched ? [net.batchSize, ...shapes[i]] : shapes[i];
      const wrong = difference(outputs[i] as Float32Array, own, wanted[i], name);
      if (wrong) return failed(`output ${i}: ${wrong}`);
    }
    return undefined;
  } finally {
    net.dispose();
  }
}

function difference(
  values: ArrayLike<number>,
  shape: readonly number[],
  { shape: wantedShape, data, type }: StoredTensor,
  name: string,
): string | undefined {
  let own = shape;
  // As many rows as boxes could be selected; those behind the last are -1.
  if (name.startsWith("test_nonmaxsuppression") && shape.length === 2) {
    const rest = Array.from(values).slice(data.length);
    if (rest.every((value) => value === -1)) own = wantedShape;
  }
  if (String(own) !== String(wantedShape)) return `shape [${own}] instead of [${wantedShape}]`;
  for (let i = 0; i < data.length; i++) {
    const [a, b] = [values[i], data[i]];
    const near = Math.abs(a - b) <= TOLERANCE.absolute + TOLERANCE.relative * Math.abs(b);
    if (!(Object.is(a, b) || a === b || (type === "float" && near)))
      return `value ${i} is ${a} instead of ${b}`;
  }
  return undefined;
}
