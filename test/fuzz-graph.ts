// Damaged graph models of TensorFlow.js: what model.json says, and the bytes of its weights.
import { GRAPH_ROWS } from "./fuzz-graph-rows.ts";
import {
  append,
  emptyGraph,
  type Json,
  mutateGraph,
  type SeedGraph,
  type SeedNode,
  seedOf,
} from "./fuzz-seeds.ts";
import { mutateBytes, mutateJson, mutateText, stringify } from "./mutate.ts";
import type { Random } from "./random.ts";

export interface GraphMutant {
  readonly text: string;
  readonly weights: Uint8Array<ArrayBuffer>;
}

const TYPES: Readonly<Record<string, string>> = { float: "DT_FLOAT", int: "DT_INT32", bool: "DT_BOOL" };
const DTYPES: Readonly<Record<string, string>> = { float: "float32", int: "int32", bool: "bool" };

const shapeOf = (dims: readonly unknown[]) => ({
  shape: { dim: dims.map((d) => ({ size: typeof d === "number" ? `${d}` : "-1" })) },
});

/** Numbers are integers, `{ float }` floats, names that begin with DT_ types, `{ call }` functions. */
function attributeOf(value: unknown): Json {
  if (typeof value === "number") return { i: `${value}` };
  if (typeof value === "boolean") return { b: value };
  if (typeof value === "string") return value.startsWith("DT_") ? { type: value } : { s: btoa(value) };
  if (Array.isArray(value))
    return value.some((v) => typeof v === "string")
      ? { list: { s: value.map((v) => btoa(`${v}`)) } }
      : { list: { i: value.map(String) } };
  const { float, call } = value as Json;
  return call === undefined ? { f: float } : { func: { name: call } };
}

/** Outputs of nodes are named "y0" for the first and "z0" for the second. */
const reference = (name: string): string => name.replace(/^y(\d+)$/, "n$1").replace(/^z(\d+)$/, "n$1:1");

const nodeOf = ({ op, name, inputs, attributes }: SeedNode): Json => ({
  ...{ name, op, input: inputs.filter((x) => x !== "").map(reference) },
  attr: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, attributeOf(value)])),
});

interface GraphFile {
  readonly json: Json;
  readonly weights: Uint8Array<ArrayBuffer>;
}

function encode({ inputs, constants, nodes, functions, outputs }: SeedGraph): GraphFile {
  const bytes: number[] = [];
  const weights = constants.map(({ name, type, dims, values }) => {
    const numbers = type === "float" ? Float32Array.from(values) : Int32Array.from(values);
    bytes.push(...(type === "bool" ? Uint8Array.from(values) : new Uint8Array(numbers.buffer)));
    return { name, shape: dims, dtype: DTYPES[type] };
  });
  const placeholders = inputs.map(({ name, type, dims }) => ({
    ...{ name, op: "Placeholder", attr: { dtype: { type: TYPES[type] }, shape: shapeOf(dims) } },
  }));
  const known = constants.map(({ name, type }) => ({
    name,
    op: "Const",
    attr: { dtype: { type: TYPES[type] } },
  }));
  const library = {
    function: functions.map((f) => ({
      signature: { name: f.name, inputArg: f.inputs.map((name) => ({ name })), outputArg: [{ name: "out" }] },
      nodeDef: f.nodes.map(nodeOf),
      ret: { out: `${reference(f.outputs[0])}:output:0` },
    })),
  };
  return {
    json: {
      format: "graph-model",
      modelTopology: {
        node: [...placeholders, ...known, ...nodes.map(nodeOf)],
        ...(functions.length && { library }),
      },
      signature: {
        inputs: Object.fromEntries(inputs.map(({ name }) => [name, { name: `${name}:0` }])),
        outputs: Object.fromEntries(outputs.map((name, i) => [`o${i}`, { name: `${reference(name)}` }])),
      },
      weightsManifest: [{ paths: ["w.bin"], weights }],
    },
    weights: Uint8Array.from(bytes),
  };
}

/** Functions that are called and chosen between, shapes that are computed, and a dilated convolution. */
function larger(random: Random): SeedGraph {
  const graph = emptyGraph(1);
  graph.inputs.push({ name: "x", type: "float", dims: [random.pick<number | string>([1, 2, "?"]), 4, 4, 2] });
  if (random.chance(0.3)) {
    const grids = append(graph, ["SpaceToBatchND", "f:_ I=2,2 I=2,2,2,2"], "x");
    const plain = { strides: [1, 1, 1, 1], padding: "VALID" };
    const y = append(graph, ["Conv2D", "f:_ F:3,3,2,2", plain], grids);
    graph.outputs.push(append(graph, ["BatchToSpaceND", "f:_ I=2,2 I=0,0,0,0"], y));
    return graph;
  }
  const node = (op: string, attributes: Json = {}): SeedNode => ({
    ...{ op, name: "n0", inputs: ["a"], outputs: ["y0"], attributes },
  });
  graph.functions = [
    { name: "F", inputs: ["a"], outputs: ["y0"], nodes: [node("Relu")] },
    { name: "G", inputs: ["a"], outputs: ["y0"], nodes: [node("PartitionedCall", { f: { call: "F" } })] },
  ];
  const called = append(graph, ["StatefulPartitionedCall", "f:_", { f: { call: "G" } }], "x");
  const shape = append(graph, ["Shape", "f:_"], called);
  const first = append(graph, ["StridedSlice", "i:_ I=0 I=1 I=1", { shrink_axis_mask: 1 }], shape);
  const small = append(graph, ["Less", "i:_ I0=9"], first);
  const chosen = append(
    graph,
    ["If", "b:_ f:_", { then_branch: { call: "F" }, else_branch: { call: "G" } }],
    small,
  );
  graph.nodes.at(-1)!.inputs[1] = called;
  const list = append(graph, ["Pack", "i:_ I0=-1", { axis: 0 }], first);
  const flat = append(graph, ["Reshape", "f:_ I=0"], chosen);
  graph.nodes.at(-1)!.inputs[1] = list;
  graph.outputs.push(append(graph, ["MatMul", "f:_ F:32,3"], flat));
  return graph;
}

const NAMES = [...new Set(GRAPH_ROWS.map(([op]) => op)), "Switch", "Merge", "If", "Const", "Placeholder"];

export function graphMutant(random: Random): GraphMutant {
  const graph = random.chance(0.15) ? larger(random) : seedOf(GRAPH_ROWS, 1, random);
  const how = random.next();
  if (how < 0.5) for (let n = 1 + random.below(2); n > 0; n--) mutateGraph(graph, GRAPH_ROWS, NAMES, random);
  const { json, weights } = encode(graph);
  const changed = how >= 0.5 && how < 0.9 ? mutateJson(json, random) : json;
  const text = stringify(changed);
  return {
    text: random.chance(how < 0.9 ? 0.02 : 0.5) ? mutateText(text, random) : text,
    weights: random.chance(how < 0.9 ? 0.1 : 0.7)
      ? (mutateBytes(weights, random) as Uint8Array<ArrayBuffer>)
      : weights,
  };
}

/** Every row as it is, and what it is called: all of them can be read and run. */
export const graphSeeds = (): { name: string; file: GraphFile }[] =>
  GRAPH_ROWS.map((row) => {
    const graph = emptyGraph(1);
    graph.outputs.push(append(graph, row));
    return { name: `${row[0]} ${row[1]}`, file: encode(graph) };
  });
