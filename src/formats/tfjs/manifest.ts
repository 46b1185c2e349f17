// The manifest of a TensorFlow.js model: which weights there are, and where they lie in its binary files.
// Format: tensorflow/tfjs, tfjs-core/src/io/types.ts (WeightsManifestConfig).
import { FormatError, UnsupportedError } from "../../errors.ts";
import { describe, isObject, type Json } from "../../validate.ts";
import { bytesOfShape } from "../bytes.ts";

/** Bytes of one stored value. */
const SIZES: Readonly<Record<string, number>> = { float32: 4, int32: 4, bool: 1, uint8: 1 };
const QUANTIZED: Readonly<Record<string, number>> = { uint8: 1, uint16: 2, float16: 2 };
/** Characters of a weight's name. */
const MAX_NAME = 2000;

/** Values are stored as integers; value * scale + min is the weight. float16 has neither. */
interface Quantization {
  readonly dtype: string;
  readonly scale: number;
  readonly min: number;
}

/** One weight. */
export interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly quantization?: Quantization;
  /** First byte, counted over all files. */
  readonly start: number;
  /** Number of bytes. */
  readonly length: number;
}

export interface Manifest {
  /** The binary files, in order. */
  readonly paths: readonly string[];
  /** Without those of the optimizer. */
  readonly entries: readonly Entry[];
  /** Bytes of all weights as they are stored. */
  readonly total: number;
  /** Bytes of all entries as float32. */
  readonly decoded: number;
}

export function readManifest(manifest: unknown): Manifest {
  if (!Array.isArray(manifest)) throw new FormatError("tfjs: weightsManifest must be a list of groups");
  const paths = new Set<string>();
  const entries: Entry[] = [];
  let total = 0;
  let decoded = 0;
  for (const [g, group] of manifest.entries()) {
    const where = `weightsManifest[${g}]`;
    if (!isObject(group) || !Array.isArray(group.paths) || !Array.isArray(group.weights))
      throw new FormatError(`tfjs: ${where} must have paths and weights, both lists`);
    for (const path of group.paths) {
      if (typeof path !== "string")
        throw new FormatError(`tfjs: ${where}: a path is ${describe(path)} but must be a text`);
      if (paths.has(path)) throw new FormatError(`tfjs: the manifest lists file ${describe(path)} twice`);
      paths.add(path);
    }
    for (const weight of group.weights) {
      if (!isObject(weight) || typeof weight.name !== "string")
        throw new FormatError(`tfjs: ${where} lists a weight without a name`);
      const entry = readEntry(weight, weight.name, total);
      total += entry.length;
      if (total > Number.MAX_SAFE_INTEGER)
        throw new FormatError(`tfjs: ${where} lists more bytes of weights than numbers can count`);
      // The state of the optimizer is stored behind the weights, and not read.
      if (weight.group === "optimizer") continue;
      entries.push(entry);
      decoded += bytesOfShape(entry.shape, 4)!;
    }
  }
  return { paths: [...paths], entries, total, decoded };
}

function readEntry(weight: Json, name: string, start: number): Entry {
  const where = `tfjs: weight ${describe(name)}`;
  if (name.length > MAX_NAME)
    throw new FormatError(`${where}: the name has ${name.length} characters, of at most ${MAX_NAME}`);
  const { shape, dtype } = weight;
  if (bytesOfShape(shape, 8) === undefined)
    throw new FormatError(`${where}: shape is ${describe(shape)} but must be a list of integers`);
  if (dtype === "string" || dtype === "complex64")
    throw new UnsupportedError(`${where}: weights of dtype ${dtype} are not supported`);
  if (typeof dtype !== "string" || !Object.hasOwn(SIZES, dtype))
    throw new FormatError(
      `${where}: dtype is ${describe(dtype)} but must be one of ${Object.keys(SIZES).join(", ")}`,
    );
  const quantization = readQuantization(weight.quantization, dtype, where);
  return {
    name: name.replace(/:\d+$/, ""),
    shape: shape as number[],
    dtype,
    quantization,
    start,
    length: bytesOfShape(shape, quantization ? QUANTIZED[quantization.dtype] : SIZES[dtype])!,
  };
}

function readQuantization(given: unknown, dtype: string, where: string): Quantization | undefined {
  if (given === undefined || given === null) return undefined;
  if (!isObject(given))
    throw new FormatError(`${where}: quantization is ${describe(given)} but must be an object`);
  const { dtype: stored, scale, min } = given;
  if (typeof stored !== "string" || !Object.hasOwn(QUANTIZED, stored))
    throw new FormatError(
      `${where}: it is quantized to ${describe(stored)} but must be to one of ${Object.keys(QUANTIZED).join(", ")}`,
    );
  const linear = stored !== "float16";
  if (dtype !== "float32" && (dtype !== "int32" || !linear))
    throw new FormatError(`${where}: dtype ${dtype} cannot be quantized to ${stored}`);
  if (!linear) return { dtype: stored, scale: 1, min: 0 };
  const quantized = `it is quantized to ${stored} with scale ${describe(scale)} and min ${describe(min)} but`;
  if (!isNumber(scale) || !isNumber(min))
    throw new FormatError(`${where}: ${quantized} both must be numbers`);
  const largest = 2 ** (8 * QUANTIZED[stored]) - 1;
  if (!isNumber(Math.fround(min)) || !isNumber(Math.fround(largest * scale + min)))
    throw new FormatError(`${where}: ${quantized} values must be within those of float32`);
  return { dtype: stored, scale, min };
}

const isNumber = (value: unknown): value is number => Number.isFinite(value);
