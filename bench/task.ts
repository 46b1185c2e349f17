// What is measured: a network of one layer or of many, with its weights and its input; and what a library must offer for it.

import { conv2d, depthwiseConv2d } from "../src/layers/index.ts";
import { sequential } from "../src/model/build-model.ts";
import { Builder } from "../src/model/graph-builder.ts";
import type { TrainedModel } from "../src/model/schema.ts";
import { sizeOf } from "../src/tensor.ts";
import type { Net } from "./nets.ts";
import { noise, operandsOf, type Row } from "./rows.ts";

export interface Task {
  readonly name: string;
  readonly net: TrainedModel;
  /** One image, channels last. */
  readonly x: Float32Array;
  /** Floating-point operations of the direct sums, borders counted as full: a multiply-add is two. */
  readonly flops: number;
}

/** A network, ready to run. */
export interface Runner {
  run(): void | Promise<void>;
  /** The answer of the last run, channels last. */
  output(): Float32Array;
  dispose(): void | Promise<void>;
}

/** A library under measurement. */
export interface Engine {
  readonly name: string;
  /** Undefined if it has no way to run this network. */
  create(task: Task): Promise<Runner | undefined>;
}

export function layerTask(row: Row, { x, w, bias } = operandsOf(row)): Task {
  const { name, kh, kw, stride, dilation, padding, groups } = row;
  const window = { name: "conv", kernel: [kh, kw], stride, dilation, padding };
  const layer = groups === row.c ? depthwiseConv2d(window) : conv2d({ ...window, filters: row.oc, groups });
  const model = sequential([row.h, row.w, row.c], [layer]);
  const net = { model, weights: { "conv.kernel": w, "conv.bias": bias } };
  return { name, net, x, flops: flopsOf(new Builder(model, 1, { weights: net.weights })) };
}

export function netTask({ name, model }: Pick<Net, "name" | "model">): Task {
  const build = new Builder(model, 1, { seed: 1 });
  const x = noise(sizeOf(build.inputs[0].shape), 1);
  return { name, net: { model, weights: build.weights }, x, flops: flopsOf(build) };
}

const flopsOf = ({ graph }: Builder): number =>
  graph.nodes.reduce(
    (sum, { op, inputs, outputs, params }) => sum + 2 * (op.multiplyAdds?.(inputs, outputs, params) ?? 0),
    0,
  );

/** Those whose name contains the part; all of them when it is empty. Throws where there are none. */
export function named<T extends { readonly name: string }>(all: readonly T[], part: string): readonly T[] {
  const chosen = all.filter(({ name }) => name.toLowerCase().includes(part.toLowerCase()));
  if (!chosen.length)
    throw new Error(`no name contains "${part}"; there are ${all.map(({ name }) => name).join("; ")}`);
  return chosen;
}
