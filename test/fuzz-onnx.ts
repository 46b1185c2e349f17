// Damaged ONNX files: bytes, fields of Protocol Buffers, and graphs.
import { concatBytes } from "../src/formats/bytes.ts";
import { OPERATORS } from "../src/formats/onnx/operators.ts";
import { type Fields, float, int, message, text } from "../src/formats/onnx/protobuf.ts";
import { ONNX_ROWS } from "./fuzz-onnx-rows.ts";
import {
  append,
  emptyGraph,
  HOSTILE,
  type Json,
  mutateGraph,
  type SeedGraph,
  type SeedNode,
  seedOf,
} from "./fuzz-seeds.ts";
import { mutateBytes, mutateJson } from "./mutate.ts";
import type { Random } from "./random.ts";

export interface OnnxMutant {
  readonly file: Uint8Array;
  readonly external: Readonly<Record<string, Uint8Array>>;
}

// What is encoded may be any JSON: what has no place in a file is left out, or becomes something like it.
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value.slice(0, 5000) : []);
const object = (value: unknown): Json =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
const word = (value: unknown): string =>
  typeof value === "string" ? value : typeof value === "number" ? `${value}` : "";
const whole = (value: unknown): number =>
  typeof value === "number" && Number.isFinite(value) ? Math.trunc(value) : 0;
const real = (value: unknown): number => (typeof value === "number" ? value : Number.NaN);

const FLOATS = 1;
const TYPES: Readonly<Record<string, number>> = { float: FLOATS, int: 7, bool: 9 };
const typeOf = (value: unknown): number =>
  Object.hasOwn(TYPES, word(value)) ? TYPES[word(value)] : whole(value);

/** The name of the file next to the model. */
const NEXT = "values.bin";

/** The values of a tensor as raw_data, as a list, or in a file of their own. */
function tensorFields(tensor: Json, external: number[]): Fields[] {
  const type = typeOf(tensor.type);
  const values = list(tensor.values);
  const head = [...list(tensor.dims).map((d) => int(1, whole(d))), int(2, type), text(8, word(tensor.name))];
  if (tensor.storage === "list")
    return [...head, ...values.map((v) => (type === FLOATS ? float(4, real(v)) : int(7, whole(v))))];
  const data =
    type === FLOATS
      ? Float32Array.from(values, real)
      : type === 9
        ? Uint8Array.from(values, whole)
        : BigInt64Array.from(values, (v) => BigInt(whole(v)));
  const bytes = new Uint8Array(data.buffer);
  if (tensor.storage !== "external") return [...head, message(9, [bytes])];
  const entry = (key: string, value: string): Fields => message(13, text(1, key), text(2, value));
  const offset = external.length;
  external.push(...bytes);
  return [
    ...head,
    entry("location", word(tensor.location) || NEXT),
    entry("offset", `${offset}`),
    entry("length", word(tensor.length) || `${bytes.length}`),
    int(14, 1),
  ];
}

/** Numbers are INT, `{ float }` FLOAT, `{ floats }` FLOATS, `{ tensor }` TENSOR, `{ of }` that attribute of the function's call. */
function attributeFields(name: string, value: unknown, external: number[]): Fields[] {
  const head = text(1, name);
  if (typeof value === "number" || typeof value === "boolean")
    return [head, int(3, whole(Number(value))), int(20, 2)];
  if (typeof value === "string") return [head, text(4, value), int(20, 3)];
  if (Array.isArray(value))
    return value.some((v) => typeof v === "string")
      ? [head, ...list(value).map((v) => text(9, word(v))), int(20, 8)]
      : [head, ...list(value).map((v) => int(8, whole(v))), int(20, 7)];
  const { float: single, floats, tensor, of } = object(value);
  if (of !== undefined) return [head, text(21, word(of)), int(20, 2)];
  if (tensor !== undefined) return [head, message(5, ...tensorFields(object(tensor), external)), int(20, 4)];
  if (floats !== undefined) return [head, ...list(floats).map((v) => float(7, real(v))), int(20, 6)];
  return [head, float(2, real(single)), int(20, 1)];
}

const nodeFields = (node: Json, external: number[]): Fields[] => [
  ...list(node.inputs).map((x) => text(1, word(x))),
  ...list(node.outputs).map((x) => text(2, word(x))),
  text(3, word(node.name)),
  text(4, word(node.op)),
  ...Object.entries(object(node.attributes)).map(([name, value]) =>
    message(5, ...attributeFields(name, value, external)),
  ),
  text(7, word(node.domain)),
];

const valueFields = (name: string, type: unknown, dims: unknown): Fields[] => [
  text(1, name),
  message(
    2,
    message(
      1,
      int(1, typeOf(type)),
      ...(Array.isArray(dims)
        ? [
            message(
              2,
              ...list(dims).map((d) =>
                message(1, typeof d === "number" ? int(1, whole(d)) : text(2, word(d))),
              ),
            ),
          ]
        : []),
    ),
  ),
];

function encode(graph: Json): OnnxMutant {
  const external: number[] = [];
  const opset = message(8, text(1, ""), int(2, whole(graph.opset)));
  const functions = list(graph.functions).map(object);
  const fields = [
    int(1, 8),
    message(
      7,
      ...list(graph.nodes).map((node) => message(1, ...nodeFields(object(node), external))),
      text(2, "g"),
      ...list(graph.constants).map((tensor) => message(5, ...tensorFields(object(tensor), external))),
      ...list(graph.inputs)
        .map(object)
        .map((x) => message(11, ...valueFields(word(x.name), x.type, x.dims))),
      ...list(graph.outputs).map((name) => message(12, ...valueFields(word(name), "float", undefined))),
    ),
    opset,
    ...(functions.length ? [message(8, text(1, "own"), int(2, 1))] : []),
    ...functions.map((f) =>
      message(
        25,
        text(1, word(f.name)),
        ...list(f.inputs).map((x) => text(4, word(x))),
        ...list(f.outputs).map((x) => text(5, word(x))),
        ...list(f.attributes).map((x) => text(6, word(x))),
        ...list(f.nodes).map((node) => message(7, ...nodeFields(object(node), external))),
        message(9, text(1, ""), int(2, whole(graph.opset))),
        text(10, "own"),
      ),
    ),
  ];
  return { file: concatBytes(fields.flat()), external: { [NEXT]: Uint8Array.from(external) } };
}

/** Shapes that the graph computes, and a function that calls another one. */
function larger(random: Random): SeedGraph {
  const graph = emptyGraph(random.pick([9, 11, 13, 17, 21]));
  if (random.chance(0.5)) {
    graph.inputs.push({
      name: "x",
      type: "float",
      dims: [random.pick<number | string>([1, 2, "n"]), 2, 4, 4],
    });
    const y = append(graph, ["Conv", "f:_ F:4,2,3,3 F:4", { pads: [1, 1, 1, 1] }], "x");
    const relu = append(graph, ["Relu", "f:_"], y);
    const shape = append(graph, ["Shape", "f:_"], relu);
    const batch = append(graph, ["Gather", "i:_ I0=0", { axis: 0 }], shape);
    const list = append(
      graph,
      ["Unsqueeze", graph.opset < 13 ? "i:_" : "i:_ I=0", graph.opset < 13 ? { axes: [0] } : {}],
      batch,
    );
    const whole = append(graph, ["Concat", "i:_ I=-1", { axis: 0 }], list);
    const flat = append(graph, ["Reshape", "f:_ I=0"], relu);
    graph.nodes.at(-1)!.inputs[1] = whole;
    graph.outputs.push(append(graph, ["Gemm", "f:_ F:3,64 F:3", { transB: 1 }], flat));
    return graph;
  }
  graph.inputs.push({ name: "x", type: "float", dims: [2, 3] });
  const call = (op: string, name: string, attributes: Json = {}): SeedNode => ({
    ...{ op, name, domain: "own", inputs: ["x"], outputs: [`${name}_y`], attributes },
  });
  const inner: SeedNode = {
    ...{ op: "LeakyRelu", name: "l", inputs: ["x"], outputs: ["y"], attributes: { alpha: { float: 0.25 } } },
  };
  const soft: SeedNode = {
    ...{ op: "Softmax", name: "s", inputs: ["f_y"], outputs: ["y"], attributes: { axis: { of: "axis" } } },
  };
  graph.functions = [
    { name: "F", inputs: ["x"], outputs: ["y"], nodes: [inner] },
    { name: "G", attributes: ["axis"], inputs: ["x"], outputs: ["y"], nodes: [call("F", "f"), soft] },
  ];
  graph.nodes.push(call("G", "a", { axis: 1 }), call("F", "b"));
  graph.outputs.push("a_y", "b_y");
  return graph;
}

/** A field of a message: where its key, its value and what is behind it begin. */
interface Field {
  readonly type: number;
  readonly from: number;
  readonly value: number;
  readonly to: number;
  /** The messages around it, the outermost first: where the length of each lies. */
  readonly around: readonly Field[];
}

/** All fields of a file, those of messages in it too: text that looks like a message counts as one. */
function fieldsOf(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  const varint = (at: number, end: number): readonly [value: number, to: number] | undefined => {
    let value = 0;
    for (let i = 0; i < 10 && at + i < end; i++) {
      value += (bytes[at + i] & 127) * 2 ** (7 * i);
      if (bytes[at + i] < 128) return [value, at + i + 1];
    }
    return undefined;
  };
  const walk = (from: number, end: number, around: readonly Field[]): boolean => {
    const here: Field[] = [];
    for (let at = from; at < end; ) {
      const key = varint(at, end);
      if (!key) return false;
      const type = key[0] % 8;
      const value = key[1];
      const read = type === 0 || type === 2 ? varint(value, end) : undefined;
      const to =
        type === 0 ? read?.[1] : type === 2 ? read && read[0] + read[1] : type === 5 ? value + 4 : value + 8;
      if (![0, 1, 2, 5].includes(type) || key[0] < 8 || to === undefined || to > end) return false;
      const field = { type, from: at, value, to, around };
      here.push(field);
      at = to;
    }
    fields.push(...here);
    for (const field of here) {
      if (field.type !== 2 || around.length > 12) continue;
      const [, content] = varint(field.value, field.to)!;
      if (field.to > content) walk(content, field.to, [...around, field]);
    }
    return true;
  };
  walk(0, bytes.length, []);
  return fields;
}

const varintBytes = (value: number): number[] => [...int(1, value)[0].subarray(1)];

/** Changes a field: its number, its length, its type, or leaves it out; the lengths of messages around it mostly follow. */
function mutateFields(bytes: Uint8Array, random: Random): Uint8Array {
  const fields = fieldsOf(bytes);
  if (!fields.length) return bytes;
  const { type, from, value, to, around } = random.pick(fields);
  const whole = [...bytes.subarray(from, to)];
  const key = [...bytes.subarray(from, value)];
  const hostile = random.pick([...HOSTILE, random.below(300)]);
  const other = random.pick(fields);
  const put = ((): number[] => {
    switch (random.below(8)) {
      case 0:
        return [];
      case 1:
        return [...whole, ...whole];
      case 2:
        return [...bytes.subarray(other.from, other.to)];
      case 3:
        // Another wire type, or another field.
        return [(key[0] ^ (1 << random.below(7))) & 255, ...whole.slice(1)];
      case 4:
        return [...new Array<number[]>(random.pick([10, 300])).fill(whole.slice(0, 60)).flat()];
      default:
        if (type === 0) return [...key, ...varintBytes(hostile)];
        if (type === 5 || type === 1)
          return [...key, ...whole.slice(key.length).map(() => random.pick([0, 127, 128, 255]))];
        return random.chance(0.3)
          ? [...key, ...varintBytes(hostile), ...whole.slice(key.length + 1)]
          : [...key, ...varintBytes(other.to - other.value), ...bytes.subarray(other.value, other.to)];
    }
  })();
  let made = concatBytes([bytes.subarray(0, from), Uint8Array.from(put), bytes.subarray(to)]);
  if (random.chance(0.15)) return made;
  // Behind the change, nothing that is around has moved; in front of it, lengths may take more bytes.
  let grown = put.length - (to - from);
  for (const outer of [...around].reverse()) {
    let after = outer.value;
    while (bytes[after] >= 128) after++;
    after++;
    const length = varintBytes(outer.to - after + grown);
    made = concatBytes([made.subarray(0, outer.value), Uint8Array.from(length), made.subarray(after)]);
    grown += length.length - (after - outer.value);
  }
  return made;
}

const NAMES = Object.keys(OPERATORS);

export function onnxMutant(random: Random): OnnxMutant {
  const graph = random.chance(0.15)
    ? larger(random)
    : seedOf(ONNX_ROWS, random.pick([7, 11, 13, 17, 18, 21]), random);
  for (const tensor of graph.constants) tensor.storage = random.pick(["raw", "raw", "list", "external"]);
  const how = random.next();
  if (how < 0.4) for (let n = 1 + random.below(2); n > 0; n--) mutateGraph(graph, ONNX_ROWS, NAMES, random);
  const json = how >= 0.4 && how < 0.6 ? mutateJson(graph, random) : graph;
  const made = encode(object(json));
  if (how < 0.6) return made;
  let { file } = made;
  if (how < 0.85) for (let n = 1 + random.below(3); n > 0; n--) file = mutateFields(file, random);
  else file = mutateBytes(file, random);
  return { ...made, file };
}

/** Every row as it is, and what it is called: all of them can be read and run. */
export const onnxSeeds = (): { name: string; file: OnnxMutant }[] =>
  ONNX_ROWS.map((row) => {
    const graph = emptyGraph(row[3] ?? 18);
    graph.outputs.push(append(graph, row));
    return { name: `${row[0]} ${row[1]}`, file: encode(graph) };
  });
