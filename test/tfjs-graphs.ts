// Small TensorFlow.js graph models for tests, as JSON and bytes.

/** An attribute of a node. */
export const attr = {
  i: (value: number) => ({ i: `${value}` }),
  f: (value: number) => ({ f: value }),
  b: (value: boolean) => ({ b: value }),
  s: (value: string) => ({ s: btoa(value) }),
  type: (value: string) => ({ type: value }),
  ints: (...values: number[]) => ({ list: { i: values.map(String) } }),
  texts: (...values: string[]) => ({ list: { s: values.map((value) => btoa(value)) } }),
  func: (name: string) => ({ func: { name } }),
  shape: (...sizes: number[]) => ({ shape: { dim: sizes.map((size) => ({ size: `${size}` })) } }),
};

export type Attr = Record<string, object>;
/** Name, operator, inputs, attributes. */
export type Node = readonly [name: string, op: string, inputs?: readonly string[], attr?: Attr];

export interface Weight {
  readonly shape: readonly number[];
  readonly data: readonly number[];
  /** Default "float32". */
  readonly dtype?: "float32" | "int32" | "bool";
}

export const floats = (shape: readonly number[], ...data: number[]): Weight => ({ shape, data });
export const ints = (shape: readonly number[], ...data: number[]): Weight => ({
  shape,
  data,
  dtype: "int32",
});
export const list = (...data: number[]): Weight => ints([data.length], ...data);
export const scalar = (value: number): Weight => ints([], value);

const writeNode = ([name, op, input = [], attributes = {}]: Node): object => ({
  name,
  op,
  input,
  attr: attributes,
});

export interface Graph {
  readonly json: {
    format: string;
    modelTopology: { node: object[]; library?: object };
    signature?: object;
    weightsManifest: { paths: string[]; weights: object[] }[];
  };
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A graph with an input "x" of that shape; weights become constants of their names. */
export function graphModel(
  nodes: readonly Node[],
  weights: Readonly<Record<string, Weight>> = {},
  shape: readonly number[] = [1, 4],
  dtype = "DT_FLOAT",
): Graph {
  const input: Node = ["x", "Placeholder", [], { shape: attr.shape(...shape), dtype: attr.type(dtype) }];
  const constants = Object.keys(weights).map((name): Node => [name, "Const"]);
  const bytes: number[] = [];
  const specs = Object.entries(weights).map(([name, { shape, data, dtype = "float32" }]) => {
    const values =
      dtype === "float32"
        ? Float32Array.from(data)
        : dtype === "bool"
          ? Uint8Array.from(data)
          : Int32Array.from(data);
    bytes.push(...new Uint8Array(values.buffer));
    return { name, shape, dtype };
  });
  return {
    json: {
      format: "graph-model",
      modelTopology: { node: [input, ...constants, ...nodes].map(writeNode) },
      weightsManifest: [{ paths: ["weights.bin"], weights: specs }],
    },
    bytes: Uint8Array.from(bytes),
  };
}

/** A function of the library: its results are outputs of nodes, as "node:name:0". */
export const graphFunction = (
  name: string,
  args: readonly string[],
  nodes: readonly Node[],
  results: readonly string[],
): object => ({
  signature: {
    name,
    inputArg: args.map((arg) => ({ name: arg, type: "DT_FLOAT" })),
    outputArg: results.map((_, i) => ({ name: `out${i}`, type: "DT_FLOAT" })),
  },
  nodeDef: nodes.map(writeNode),
  ret: Object.fromEntries(results.map((result, i) => [`out${i}`, result])),
});
