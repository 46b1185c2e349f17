// The weights of a TensorFlow.js model: listed by its manifest, found in its binary shards, read as floats.
// Format: tensorflow/tfjs, tfjs-core/src/io/types.ts (WeightsManifestConfig); all numbers are little-endian.
import { FormatError, UnsupportedError } from "../../errors.ts";
import { asBytes, concatBytes, float16ToFloat32 } from "../bytes.ts";

type Bytes = ArrayBuffer | ArrayBufferView;

/** The binary files of a model: one piece, a list in the manifest's order, or files by the manifest's paths. */
export type TfjsWeights = Bytes | readonly Bytes[] | Readonly<Record<string, Bytes>>;

/** A shape; null for sizes that are not known. */
export type OpenShape = readonly (number | null)[];

export const showOpen = (shape: OpenShape): string => `[${shape.map((d) => d ?? "?").join(",")}]`;

/** Bytes of one stored value. */
const SIZES: Readonly<Record<string, number>> = { float32: 4, int32: 4, bool: 1, uint8: 1 };
const QUANTIZED: Readonly<Record<string, number>> = { uint8: 1, uint16: 2, float16: 2 };

interface Entry {
  name: string;
  shape: number[];
  dtype: string;
  quantization?: { dtype: string; scale: number; min: number };
  /** First byte, counted over all files. */
  start: number;
  /** Number of bytes. */
  length: number;
  /** Path of the layer that reads it. */
  owner?: string;
}

/** The weights of a model, found by the layer they belong to. */
export class WeightFile {
  readonly #bytes: Uint8Array;
  readonly #entries = new Map<string, Entry>();
  readonly #data = new Map<Entry, Float32Array>();

  constructor(manifest: unknown, given: TfjsWeights) {
    const { paths, entries, total } = readManifest(manifest);
    this.#bytes = joinShards(given, paths);
    for (const entry of entries) {
      if (this.#entries.has(entry.name))
        throw new FormatError(`tfjs: the manifest lists weight "${entry.name}" twice`);
      this.#entries.set(entry.name, entry);
      const end = entry.start + entry.length;
      if (end > this.#bytes.length)
        throw new FormatError(
          `tfjs: the weights end too soon: "${entry.name}" ${showOpen(entry.shape)} needs bytes ${entry.start} to ` +
            `${end} but there are ${this.#bytes.length} (the manifest lists ${total})`,
        );
    }
    if (this.#bytes.length > total)
      throw new FormatError(
        `tfjs: the weights have ${this.#bytes.length} bytes but the manifest lists ${total}: ${this.#bytes.length - total} too many`,
      );
  }

  /** The values of weight `name` of the layer at `path` (models it is nested in, then its own name). */
  read(path: readonly string[], name: string, expected: OpenShape, where: string): Float32Array {
    const entry = this.#find(path, name, where);
    if (!entry)
      throw new FormatError(
        `${where}: the manifest lists no weight "${path.at(-1)}/${name}" (expected shape ${showOpen(expected)})`,
      );
    const { shape } = entry;
    if (shape.length !== expected.length || expected.some((d, i) => d !== null && d !== shape[i]))
      throw new FormatError(
        `${where}: weight "${entry.name}" has shape ${showOpen(shape)} but the layer takes ${showOpen(expected)}`,
      );
    const owner = path.join("/");
    entry.owner ??= owner;
    if (entry.owner !== owner)
      throw new FormatError(`${where}: weight "${entry.name}" already belongs to layer "${entry.owner}"`);
    let data = this.#data.get(entry);
    if (!data) {
      data = decode(entry, this.#bytes);
      this.#data.set(entry, data);
    }
    return data;
  }

  /** The stored shape of a weight, for layers whose shape only the file knows. */
  shapeOf(path: readonly string[], name: string, where: string): readonly number[] | undefined {
    return this.#find(path, name, where)?.shape;
  }

  /** Throws where no layer has read a weight: the network would not compute what the model was trained to. */
  checkAllRead(): void {
    for (const { name, owner } of this.#entries.values())
      if (owner === undefined)
        throw new FormatError(`tfjs: the manifest lists weight "${name}", which no layer takes`);
  }

  /** Names are "<layer>/<weight>", prefixed by any part of the layer's path or by a scope that the topology does not have. */
  #find(path: readonly string[], name: string, where: string): Entry | undefined {
    for (let i = 0; i < path.length; i++) {
      const entry = this.#entries.get([...path.slice(i), name].join("/"));
      if (entry) return entry;
    }
    for (let i = 0; i < path.length; i++) {
      const tail = `/${[...path.slice(i), name].join("/")}`;
      const found = [...this.#entries.values()].filter((e) => e.name.endsWith(tail));
      if (found.length > 1)
        throw new FormatError(
          `${where}: "${found[0].name}" and "${found[1].name}" could both be its weight "${name}"`,
        );
      if (found.length) return found[0];
    }
    return undefined;
  }
}

function readManifest(manifest: unknown): { paths: string[]; entries: Entry[]; total: number } {
  if (!Array.isArray(manifest)) throw new FormatError("tfjs: weightsManifest must be a list of groups");
  const paths: string[] = [];
  const entries: Entry[] = [];
  let total = 0;
  manifest.forEach((group, g) => {
    if (!Array.isArray(group?.paths) || !Array.isArray(group.weights))
      throw new FormatError(`tfjs: weightsManifest[${g}] must have paths and weights, both lists`);
    paths.push(...group.paths.map(String));
    for (const weight of group.weights) {
      const entry = readEntry(weight, total, `weightsManifest[${g}]`);
      total += entry.length;
      // The state of the optimizer is stored behind the weights, and not read.
      if (weight.group !== "optimizer") entries.push(entry);
    }
  });
  return { paths, entries, total };
}

function readEntry(weight: Record<string, unknown>, start: number, group: string): Entry {
  if (typeof weight?.name !== "string") throw new FormatError(`tfjs: ${group} lists a weight without a name`);
  const { shape, dtype, quantization } = weight as Record<string, unknown> & {
    quantization?: Record<string, unknown>;
  };
  const where = `tfjs: weight "${weight.name}"`;
  const valid = Array.isArray(shape) && shape.every((d) => Number.isInteger(d) && d >= 0);
  if (!valid)
    throw new FormatError(`${where}: shape is ${JSON.stringify(shape)} but must be a list of integers`);
  if (dtype === "string" || dtype === "complex64")
    throw new UnsupportedError(`${where}: weights of dtype ${dtype} are not supported`);
  if (typeof dtype !== "string" || !Object.hasOwn(SIZES, dtype))
    throw new FormatError(
      `${where}: dtype is ${JSON.stringify(dtype)} but must be one of ${Object.keys(SIZES).join(", ")}`,
    );
  const entry: Entry = { name: weight.name.replace(/:\d+$/, ""), shape, dtype, start, length: 0 };
  let size = SIZES[dtype];
  if (quantization) {
    const { dtype: stored, scale, min } = quantization;
    if (typeof stored !== "string" || !Object.hasOwn(QUANTIZED, stored))
      throw new FormatError(
        `${where}: it is quantized to ${JSON.stringify(stored)} but must be to one of ${Object.keys(QUANTIZED).join(", ")}`,
      );
    const linear = stored !== "float16";
    if (linear && !(Number.isFinite(scale) && Number.isFinite(min)))
      throw new FormatError(
        `${where}: it is quantized to ${stored} with scale ${JSON.stringify(scale)} and min ${JSON.stringify(min)} but both must be numbers`,
      );
    if (dtype !== "float32" && (dtype !== "int32" || !linear))
      throw new FormatError(`${where}: dtype ${dtype} cannot be quantized to ${stored}`);
    entry.quantization = { dtype: stored, scale: Number(scale), min: Number(min) };
    size = QUANTIZED[stored];
  }
  entry.length = shape.reduce((product: number, d: number) => product * d, size);
  return entry;
}

/** All files as one, without a copy where there is one only. */
function joinShards(given: TfjsWeights, paths: readonly string[]): Uint8Array {
  const single = asBytes(given);
  if (single) return single;
  let shards: Uint8Array[];
  if (Array.isArray(given)) {
    shards = given.map((shard, i) => asBytes(shard) ?? refuse(`weights[${i}]`));
    if (shards.length !== paths.length)
      throw new FormatError(
        `tfjs: the manifest lists ${paths.length} weight files (${paths.join(", ")}) but ${shards.length} are given`,
      );
  } else if (typeof given === "object" && given !== null) {
    const files = given as Readonly<Record<string, Bytes>>;
    shards = paths.map((path) => {
      if (!Object.hasOwn(files, path))
        throw new FormatError(
          `tfjs: the weight file "${path}" is missing; given are ${Object.keys(files).join(", ") || "none"}`,
        );
      return asBytes(files[path]) ?? refuse(`weights["${path}"]`);
    });
  } else return refuse("weights");
  return shards.length === 1 ? shards[0] : concatBytes(shards);
}

function refuse(what: string): never {
  throw new FormatError(`tfjs: ${what} must be an ArrayBuffer or a Uint8Array`);
}

function decode({ dtype, quantization, start, length }: Entry, file: Uint8Array): Float32Array {
  // A copy, as typed arrays must begin at a multiple of their element's size, and weights may begin anywhere.
  const { buffer } = file.slice(start, start + length);
  if (!quantization) {
    if (dtype === "float32") return new Float32Array(buffer);
    return new Float32Array(dtype === "int32" ? new Int32Array(buffer) : new Uint8Array(buffer));
  }
  const { dtype: stored, scale, min } = quantization;
  if (stored === "float16") return float16ToFloat32(new Uint16Array(buffer));
  const values = stored === "uint8" ? new Uint8Array(buffer) : new Uint16Array(buffer);
  const data = new Float32Array(values.length);
  for (let i = 0; i < data.length; i++) {
    const value = values[i] * scale + min;
    data[i] = dtype === "int32" ? Math.round(value) : value;
  }
  return data;
}
