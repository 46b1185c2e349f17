// What an example of a kind of layer that only imported models have is made of, and the model it makes: without a batch, of that one
// layer.

import * as kinds from "../src/layers/imported.ts";
import type { LayerKind } from "../src/layers/layer.ts";
import type { Model, TrainedModel, Weights } from "../src/model/schema.ts";
import { type DType, sizeOf } from "../src/tensor.ts";
import { values } from "./layer-rows.ts";

/** An input: its shape, and numbers of a kind, or these. */
export interface RowInput {
  shape: readonly number[];
  dtype?: DType;
  /** Numbers from `least` to `most`, or a list of them. Default -2 to 2 for floats, -5 to 5 for integers. */
  from?: readonly [least: number, most: number];
  data?: readonly number[];
}

export interface ImportedRow {
  name: string;
  kind: string;
  config: Record<string, unknown>;
  inputs: readonly RowInput[];
  /** How many. Default 1. */
  outputs?: number;
  weights?: Weights;
  /** Why ONNX has nothing like it. */
  refused?: string;
  /** Why onnxruntime does not run it, or otherwise than ONNX defines it. */
  notRun?: string;
  /** Why fromOnnx does not give what was written. */
  notRead?: string;
}

type Rest = Omit<ImportedRow, "name" | "kind" | "config" | "inputs">;

export const row = (
  kind: string,
  config: object,
  inputs: readonly RowInput[],
  rest: Rest = {},
): ImportedRow => ({
  name: `${kind} ${JSON.stringify(config).slice(0, 100)} of ${inputs.map(({ shape, dtype }) => `[${shape}]${dtype ?? ""}`).join(" ")}`,
  kind,
  config: config as Record<string, unknown>,
  inputs,
  ...rest,
});

export const floats = (...shape: number[]): RowInput => ({ shape });
export const ints = (...shape: number[]): RowInput => ({ shape, dtype: "int32" });
export const between = (least: number, most: number, input: RowInput): RowInput => ({
  ...input,
  from: [least, most],
});
export const listed = (shape: readonly number[], ...data: number[]): RowInput => ({
  shape,
  dtype: "int32",
  data,
});

/** A row as a model of that one layer. A model needs an input: one that nothing reads, where the layer has none. */
export function modelOf({ kind, config, inputs, outputs = 1, weights = {} }: ImportedRow): TrainedModel {
  const named = (inputs.length ? inputs : [floats(1)]).map(({ shape, dtype }, i) => ({
    name: `x${i}`,
    shape: [...shape],
    ...(dtype === "int32" && { dtype }),
  }));
  const model: Model = {
    format: "convolith",
    version: 1,
    batch: false,
    inputs: named,
    layers: [{ name: "layer", kind, config, inputs: inputs.map((_, i) => `x${i}`) }],
    outputs: Array.from({ length: outputs }, (_, i) => (i ? `layer:${i}` : "layer")),
  };
  return { model, weights, kinds: kinds as unknown as Record<string, LayerKind> };
}

/** The numbers of an input. */
export function numbersOf({ shape, dtype, from, data }: RowInput, seed: number): Float32Array | Int32Array {
  const integer = dtype === "int32";
  if (data) return integer ? Int32Array.from(data) : Float32Array.from(data);
  // Between -2 and 2.
  const plain = values(shape, seed).data;
  if (!integer) return from ? plain.map((v) => from[0] + ((v + 2.1) / 4.2) * (from[1] - from[0])) : plain;
  const [least, most] = from ?? [-5, 5];
  return Int32Array.from({ length: sizeOf(shape) }, (_, i) => {
    const at = (Math.imul(i * 16 + seed + 1, 0x9e3779b1) >>> 8) / 2 ** 24;
    return least + Math.floor(at * (most - least + 1));
  });
}
