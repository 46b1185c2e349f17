// Model files of any format, told apart by their bytes.
import { dirname, join } from "node:path";
import { fromOnnx } from "../formats/onnx/index.ts";
import { fromTfjs } from "../formats/tfjs/index.ts";
import { fromSafetensors, loadModel, type Model, type ModelSource, type TrainedModel } from "../index.ts";
import { FileError, UsageError } from "./command.ts";
import { readBytes, readFile, STREAM } from "./files.ts";
import type { Host } from "./host.ts";

export interface ModelFile {
  readonly format: "ONNX" | "TensorFlow.js" | "safetensors" | "convolith JSON";
  readonly source: Model | TrainedModel | ModelSource;
  /** Inputs as the file has them; null and names for sizes it leaves open. Whether the batch is among the axes depends on the format. */
  readonly inputs: ModelSource["inputs"];
  readonly outputs: readonly string[];
  /** Of the file, and of those that belong to it. */
  readonly bytes: number;
}

export async function readModelFile(path: string | undefined, host: Host): Promise<ModelFile> {
  if (path === undefined) throw new UsageError('name a model file, or "-" for standard input');
  const bytes = await readBytes(path, host);
  try {
    return modelOf(bytes, path);
  } catch (error) {
    // The file is named in front of what is wrong with it; the kind of error decides on the exit code.
    if (error instanceof Error && !(error instanceof FileError)) error.message = `${path}: ${error.message}`;
    throw error;
  }
}

const ONNX_START = 0x08;

function modelOf(bytes: Uint8Array, path: string): ModelFile {
  const head = String.fromCharCode(...bytes.subarray(0, 64));
  if (/^[\s\ufeff]*\{/.test(head)) return fromJson(bytes, path);
  // A header's length in 8 bytes, and the header, an object.
  if (bytes[6] === 0 && bytes[7] === 0 && bytes[8] === 0x7b) {
    const trained = fromSafetensors(bytes);
    return { format: "safetensors", source: trained, ...ends(trained.model), bytes: bytes.length };
  }
  let size = bytes.length;
  const external = (name: string): Uint8Array => {
    const file = readBeside(path, name);
    size += file.length;
    return file;
  };
  // Files begin with the version of the format, field 1.
  if (bytes[0] !== ONNX_START)
    throw new FileError(`${path}: this is no model file that can be read (ONNX, TensorFlow.js, safetensors)`);
  const source = fromOnnx(bytes, { external });
  return { format: "ONNX", source, inputs: source.inputs, outputs: source.outputs, bytes: size };
}

/** A file that a model names. Only those beside the model, or in folders there, are read. */
function readBeside(path: string, name: string): Uint8Array {
  if (path === STREAM)
    throw new UsageError(`standard input has no files beside it, such as ${JSON.stringify(name)}`);
  if (name.split(/[\\/]/).includes("..") || /^([\\/]|\w+:)/.test(name))
    throw new FileError(`it names the file ${JSON.stringify(name)}, which is not beside it`);
  return readFile(join(dirname(path), name));
}

function fromJson(bytes: Uint8Array, path: string): ModelFile {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new FileError(`${path}: this is no JSON: ${(error as Error).message}`);
  }
  if (isObject(json) && json.format === "convolith") {
    const model = loadModel(json);
    return { format: "convolith JSON", source: model, ...ends(model), bytes: bytes.length };
  }
  const files = new Map(weightFiles(json).map((name) => [name, readBeside(path, name)]));
  const source = fromTfjs(json, Object.fromEntries(files));
  const size = [...files.values()].reduce((sum, file) => sum + file.length, bytes.length);
  const described = "resolve" in source ? source : ends(source.model);
  return {
    format: "TensorFlow.js",
    source,
    inputs: described.inputs,
    outputs: described.outputs,
    bytes: size,
  };
}

/** The names of weight files in a manifest; what is wrong with it is told by its reader. */
function weightFiles(json: unknown): string[] {
  const groups = isObject(json) && Array.isArray(json.weightsManifest) ? json.weightsManifest : [];
  const names = groups.flatMap((group) => (isObject(group) && Array.isArray(group.paths) ? group.paths : []));
  return names.filter((name) => typeof name === "string");
}

const ends = ({ inputs, outputs }: Model): Pick<ModelFile, "inputs" | "outputs"> => ({ inputs, outputs });

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
