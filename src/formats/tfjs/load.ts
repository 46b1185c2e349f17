// The files of a model from where they are: by URL, picked by hand, or from whatever a handler of TensorFlow.js loads.
import { ArgumentError, FormatError } from "../../errors.ts";
import { describe, isObject, type Json } from "../../validate.ts";
import { readManifest } from "./manifest.ts";
import type { TfjsWeights } from "./weight-file.ts";

/** A file with a name, as browsers have them. */
export interface TfjsFile {
  readonly name: string;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** What `tf.io` has: the artifacts of a model, weights as one buffer or several. */
export interface TfjsHandler {
  load(): Promise<unknown>;
}

interface Loaded {
  readonly modelJson: unknown;
  readonly weights: TfjsWeights;
}

export async function fetched(from: unknown, parse: (json: unknown) => Json): Promise<Loaded> {
  if (typeof from === "string" || from instanceof URL) return byUrl(from, parse);
  if (Array.isArray(from)) return ofFiles(from);
  const load = (from as Partial<TfjsHandler> | null | undefined)?.load;
  if (typeof load === "function") return ofArtifacts(await load.call(from));
  throw new ArgumentError(
    `loadTfjs: the model is ${describe(from)} but must be a URL, a list of files, or an object with a method load`,
  );
}

async function byUrl(from: string | URL, parse: (json: unknown) => Json): Promise<Loaded> {
  const response = await fetchFile(from);
  const modelJson = parse(new Uint8Array(await response.arrayBuffer()));
  const { paths } = readManifest(modelJson.weightsManifest ?? []);
  // Where the answer came from: a redirection leads the weight files along, too.
  const base = response.url || String(from);
  const shards = paths.map(async (path) => {
    const shard = await fetchFile(nextTo(base, path));
    return [path, await shard.arrayBuffer()] as const;
  });
  return { modelJson, weights: Object.fromEntries(await Promise.all(shards)) };
}

/** A file in the folder of another; what that was asked with ("?token=...") is asked with, too. */
function nextTo(base: string, path: string): string {
  const [address, query] = base.split("?", 2);
  const folder = address.slice(0, address.lastIndexOf("/") + 1);
  return folder + path + (query ? `?${query}` : "");
}

async function fetchFile(url: string | URL): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (cause) {
    throw new ArgumentError(
      `loadTfjs: ${describe(String(url))} cannot be fetched: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
  if (!response.ok)
    throw new ArgumentError(`loadTfjs: ${describe(String(url))} answers ${response.status}, not with a file`);
  return response;
}

async function ofFiles(files: readonly unknown[]): Promise<Loaded> {
  const read = files.map(async (file, i) => {
    const { name, arrayBuffer } = (file ?? {}) as Partial<TfjsFile>;
    if (typeof name !== "string" || typeof arrayBuffer !== "function")
      throw new ArgumentError(`loadTfjs: files[${i}] is ${describe(file)} but must be a File`);
    return [name, await arrayBuffer.call(file)] as const;
  });
  const all = await Promise.all(read);
  const texts = all.filter(([name]) => name.endsWith(".json"));
  if (texts.length !== 1)
    throw new ArgumentError(
      `loadTfjs: of ${all.length} files, ${texts.length} end in .json; one must, model.json, beside its weight files`,
    );
  return { modelJson: texts[0][1], weights: Object.fromEntries(all) };
}

/** Format: tensorflow/tfjs, tfjs-core/src/io/types.ts (ModelArtifacts). */
function ofArtifacts(artifacts: unknown): Loaded {
  if (!isObject(artifacts))
    throw new FormatError(`tfjs: load gave ${describe(artifacts)} but must give the artifacts of a model`);
  const { weightSpecs = [], weightData, ...rest } = artifacts;
  const pieces = Array.isArray(weightData) ? weightData : [weightData ?? new ArrayBuffer(0)];
  const paths = pieces.map((_, i) => `${i}`);
  return { modelJson: { ...rest, weightsManifest: [{ paths, weights: weightSpecs }] }, weights: pieces };
}
