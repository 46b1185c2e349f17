// The weights of a TensorFlow.js model: listed by its manifest, found in its binary shards, read as floats, which are little-endian.
import { ArgumentError, FormatError } from "../../errors.ts";
import { describe } from "../../validate.ts";
import { asBytes, concatBytes, float16ToFloat32 } from "../bytes.ts";
import { type Constant, lazyConstant } from "../import/constant.ts";
import type { Budget } from "./limits.ts";
import { type Entry, readManifest } from "./manifest.ts";

type Bytes = ArrayBuffer | ArrayBufferView;

/** The binary files of a model: one piece, a list in the manifest's order, or files by the manifest's paths. */
export type TfjsWeights = Bytes | readonly Bytes[] | Readonly<Record<string, Bytes>>;

/** A shape; null for sizes that are not known. */
export type OpenShape = readonly (number | null)[];

export const showOpen = (shape: OpenShape): string =>
  describe(shape.map((d) => d ?? "?")).replaceAll('"', "");

/** The layer that reads a weight. Its path holds the names of the models it is nested in, then its own. */
export interface WeightOwner {
  readonly path: readonly string[];
  /** How messages name it. */
  readonly where: string;
}

type Convert = (stored: Float32Array) => Float32Array;

/** The weights of a model, found by the layer they belong to. */
export class WeightFile {
  readonly #bytes: Uint8Array;
  readonly #budget: Budget;
  readonly #entries = new Map<string, Entry>();
  readonly #owners = new Map<Entry, WeightOwner>();
  /** By layer and name: a layer that is called often is looked up and read once. */
  readonly #found = new Map<WeightOwner, Map<string, Entry | undefined>>();
  readonly #data = new Map<Entry, Float32Array>();
  readonly #constants = new Map<WeightOwner, Map<string, Float32Array>>();
  readonly #known = new Map<Entry, Constant>();
  /** Names read from their end, in order: the names that end alike are neighbours. Made when it is needed. */
  #endings: readonly (readonly [reversed: string, entry: Entry])[] | undefined;

  constructor(manifest: unknown, given: unknown, budget: Budget) {
    const { paths, entries, total, decoded } = readManifest(manifest);
    budget.weights(decoded);
    this.#budget = budget;
    this.#bytes = joinShards(given, paths);
    for (const entry of entries) {
      if (this.#entries.has(entry.name))
        throw new FormatError(`tfjs: the manifest lists weight ${describe(entry.name)} twice`);
      this.#entries.set(entry.name, entry);
      const end = entry.start + entry.length;
      if (end > this.#bytes.length)
        throw new FormatError(
          `tfjs: the weights end too soon: ${describe(entry.name)} ${showOpen(entry.shape)} needs bytes ${entry.start} to ` +
            `${end} but there are ${this.#bytes.length} (the manifest lists ${total})`,
        );
    }
    if (this.#bytes.length > total)
      throw new FormatError(
        `tfjs: the weights have ${this.#bytes.length} bytes but the manifest lists ${total}: ${this.#bytes.length - total} too many`,
      );
  }

  /** The values of a layer's weight `name`, converted where a function for it is given. */
  read(owner: WeightOwner, name: string, expected: OpenShape, convert?: Convert): Float32Array {
    const entry = this.#find(owner, name);
    const { path, where } = owner;
    if (!entry)
      throw new FormatError(
        `${where}: the manifest lists no weight ${describe(`${path.at(-1)}/${name}`)} (expected shape ${showOpen(expected)})`,
      );
    const { shape } = entry;
    if (shape.length !== expected.length || expected.some((d, i) => d !== null && d !== shape[i]))
      throw new FormatError(
        `${where}: weight ${describe(entry.name)} has shape ${showOpen(shape)} but the layer takes ${showOpen(expected)}`,
      );
    const other = this.#owners.get(entry) ?? owner;
    if (other !== owner)
      throw new FormatError(
        `${where}: weight ${describe(entry.name)} already belongs to layer ${describe(other.path.join("/"))}`,
      );
    this.#owners.set(entry, owner);
    let data = this.#data.get(entry);
    if (!data) {
      data = decode(entry, this.#bytes);
      if (convert) data = convert(data);
      this.#data.set(entry, data);
    }
    return data;
  }

  /** Values for a weight that a layer is said not to have. */
  constant(owner: WeightOwner, name: string, count: number, value: number): Float32Array {
    return cached(cached(this.#constants, owner, newMap<Float32Array>), name, () => {
      this.#budget.constants(count * 4, owner.where);
      return new Float32Array(count).fill(value);
    });
  }

  /** A weight by its name, decoded when it is read: the same constant at every call. */
  named(name: string): Constant | undefined {
    const entry = this.#entries.get(name);
    if (!entry) return undefined;
    return cached(this.#known, entry, () => {
      const type = entry.dtype === "float32" ? "float" : entry.dtype === "bool" ? "bool" : "int";
      const read = type === "float" ? decode : decodeIntegers;
      return lazyConstant(entry.shape, type, () => read(entry, this.#bytes));
    });
  }

  /** Bytes of all files. */
  get size(): number {
    return this.#bytes.length;
  }

  /** The stored shape of a weight, for layers whose shape only the file knows. */
  shapeOf(owner: WeightOwner, name: string): readonly number[] | undefined {
    return this.#find(owner, name)?.shape;
  }

  /** Throws where no layer has read a weight: the network would not compute what the model was trained to. */
  checkAllRead(): void {
    for (const entry of this.#entries.values())
      if (!this.#owners.has(entry))
        throw new FormatError(
          `tfjs: the manifest lists weight ${describe(entry.name)}, which no layer takes`,
        );
  }

  #find(owner: WeightOwner, name: string): Entry | undefined {
    const names = cached(this.#found, owner, newMap<Entry | undefined>);
    if (!names.has(name)) names.set(name, this.#search(owner, name));
    return names.get(name);
  }

  /** Names are "<layer>/<weight>", prefixed by any part of the layer's path or by a scope that the topology does not have. */
  #search({ path, where }: WeightOwner, name: string): Entry | undefined {
    const tails = path.map((_, i) => [...path.slice(i), name].join("/"));
    for (const tail of tails) {
      const entry = this.#entries.get(tail);
      if (entry) return entry;
    }
    for (const tail of tails) {
      const [entry, other] = this.#endingWith(`/${tail}`);
      if (other)
        throw new FormatError(
          `${where}: ${describe(entry.name)} and ${describe(other.name)} could both be its weight "${name}"`,
        );
      if (entry) return entry;
    }
    return undefined;
  }

  /** Weights whose names end so, two at most. */
  #endingWith(tail: string): Entry[] {
    this.#endings ??= [...this.#entries.values()]
      .map((entry) => [reversed(entry.name), entry] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const wanted = reversed(tail);
    let [low, high] = [0, this.#endings.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#endings[middle][0] < wanted) low = middle + 1;
      else high = middle;
    }
    const next = this.#endings.slice(low, low + 2);
    return next.filter(([name]) => name.startsWith(wanted)).map(([, entry]) => entry);
  }
}

const reversed = (text: string): string => text.split("").reverse().join("");

const newMap = <V>(): Map<string, V> => new Map();

function cached<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

/** All files as one, without a copy where there is one only. */
function joinShards(given: unknown, paths: readonly string[]): Uint8Array {
  const single = asBytes(given);
  if (single) return single;
  if (typeof given !== "object" || given === null) return refuse(given, "weights");
  let shards: Uint8Array[];
  if (Array.isArray(given)) {
    shards = given.map((shard, i) => asBytes(shard) ?? refuse(shard, `weights[${i}]`));
    if (shards.length !== paths.length)
      throw new FormatError(
        `tfjs: the manifest lists ${paths.length} weight files (${some(paths)}) but ${shards.length} are given`,
      );
  } else {
    const files = given as Readonly<Record<string, unknown>>;
    shards = paths.map((path) => {
      if (!Object.hasOwn(files, path))
        throw new FormatError(
          `tfjs: the weight file ${describe(path)} is missing; given are ${some(Object.keys(files)) || "none"}`,
        );
      return asBytes(files[path]) ?? refuse(files[path], `weights[${describe(path)}]`);
    });
  }
  return shards.length === 1 ? shards[0] : concatBytes(shards);
}

/** The first of some names. */
const some = (names: readonly string[]): string =>
  names.slice(0, 8).join(", ") + (names.length > 8 ? `, … ${names.length} in all` : "");

function refuse(value: unknown, what: string): never {
  throw new ArgumentError(`tfjs: ${what} is ${describe(value)} but must be an ArrayBuffer or a Uint8Array`);
}

// A copy of the bytes, as typed arrays must begin at a multiple of their element's size, and weights may begin anywhere.
const bytesOfEntry = ({ start, length }: Entry, file: Uint8Array): ArrayBuffer =>
  file.slice(start, start + length).buffer as ArrayBuffer;

function decode(entry: Entry, file: Uint8Array): Float32Array {
  const { dtype, quantization } = entry;
  if (!quantization && dtype === "float32") return new Float32Array(bytesOfEntry(entry, file));
  if (quantization?.dtype === "float16") return float16ToFloat32(new Uint16Array(bytesOfEntry(entry, file)));
  return decodeNumbers(entry, file, Float32Array);
}

/** Integers, all of whose bits a float32 may not hold. */
const decodeIntegers = (entry: Entry, file: Uint8Array): Float64Array =>
  decodeNumbers(entry, file, Float64Array);

function decodeNumbers<A extends Float32Array | Float64Array>(
  entry: Entry,
  file: Uint8Array,
  kind: { new (length: ArrayLike<number> | number): A },
): A {
  const { dtype, quantization } = entry;
  const buffer = bytesOfEntry(entry, file);
  if (!quantization) return new kind(dtype === "int32" ? new Int32Array(buffer) : new Uint8Array(buffer));
  const { dtype: stored, scale, min } = quantization;
  const values = stored === "uint8" ? new Uint8Array(buffer) : new Uint16Array(buffer);
  const data = new kind(values.length);
  for (let i = 0; i < data.length; i++) {
    const value = values[i] * scale + min;
    data[i] = dtype === "int32" ? Math.round(value) : value;
  }
  return data;
}
