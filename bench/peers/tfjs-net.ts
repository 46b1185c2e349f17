// A network as calls of TensorFlow.js, written as its converter writes one: batch normalisation folded into filters, and
// activations fused where the library's ops can.

import type { Library, Tensor } from "@tensorflow/tfjs-core";
import { type Edge, floatsOf, type Node } from "../../src/graph/graph.ts";
import { Builder } from "../../src/model/graph-builder.ts";
import type { TrainedModel } from "../../src/model/schema.ts";
import { type Activation, activation } from "../../src/ops/activation.ts";
import { conv } from "../../src/ops/conv.ts";
import type { ConvParams } from "../../src/ops/conv-geometry.ts";
import { dense } from "../../src/ops/dense.ts";
import { type BinaryParams, binary } from "../../src/ops/elementwise.ts";
import { type BatchNormParams, batchNorm } from "../../src/ops/norm.ts";
import {
  type AvgPoolParams,
  avgPool,
  type GlobalPoolParams,
  globalAvgPool,
  type MaxPoolParams,
  maxPool,
  undilated,
} from "../../src/ops/pool.ts";
import { concat, flatten } from "../../src/ops/shape.ts";
import { slide, type WindowOptions } from "../../src/ops/window.ts";
import { valuesOf } from "../../src/runtime/address.ts";

type Run = (inputs: Tensor[]) => Tensor;

/** A weight, ready to be made a tensor. */
export interface Fixed {
  data: Float32Array;
  shape: readonly number[];
}

export interface Step {
  inputs: readonly Edge[];
  /** Follow the inputs in what `run` is given. */
  constants: readonly Fixed[];
  output: Edge;
  run: Run;
}

/** Undefined if there is an op that the library, or this file, has no way to do. */
export function lower(
  tf: Library,
  { model, weights }: TrainedModel,
): { steps: Step[]; input: Edge; output: Edge } | undefined {
  const { graph, inputs, outputs } = new Builder(model, 1, { weights });
  const uses = graph.uses(outputs);
  const taken = new Set<Node>();
  const steps: Step[] = [];
  for (const node of graph.nodes) {
    if (taken.has(node)) continue;
    /** The only reader of an edge, if it is of that op: it becomes part of this step. */
    const take = (edge: Edge, op: unknown): Node | undefined => {
      const reader = graph.nodes.find((n) => n.op === op && n.inputs[0] === edge);
      if (reader && uses.get(edge) === 1) taken.add(reader);
      return uses.get(edge) === 1 ? reader : undefined;
    };
    const step = node.op === conv || node.op === dense ? product(tf, node, take) : plain(tf, node);
    if (!step) return undefined;
    steps.push(step);
  }
  return { steps, input: inputs[0], output: outputs[0] };
}

/** A convolution or a dense layer, with the batch normalisation and the activation that follow it. */
function product(
  tf: Library,
  node: Node,
  take: (edge: Edge, op: unknown) => Node | undefined,
): Step | undefined {
  const [x, w, b] = node.inputs;
  let output = node.outputs[0];
  let filter = valuesOf(floatsOf(w)!);
  let bias = b?.data ? valuesOf(floatsOf(b)!) : new Float32Array(w.shape.at(-1)!);
  const norm = take(output, batchNorm);
  if (norm) {
    const [gamma, beta, mean, variance] = norm.inputs.slice(1).map((e) => valuesOf(floatsOf(e)!));
    const { epsilon } = norm.params as BatchNormParams;
    const scale = gamma.map((g, i) => g / Math.sqrt(variance[i] + epsilon));
    bias = bias.map((v, i) => (v - mean[i]) * scale[i] + beta[i]);
    filter = filter.map((v, i) => v * scale[i % scale.length]);
    output = norm.outputs[0];
  }
  let after: string | undefined;
  const act = take(output, activation);
  if (act) {
    after = (act.params as Activation).kind;
    output = act.outputs[0];
  }
  const fused = FUSED.find((kind) => kind === after) ?? "linear";
  const then = after === undefined || fused !== "linear" ? (y: Tensor) => y : activate(tf, after);
  if (!then) return undefined;
  const constants = [
    { data: filter, shape: w.shape },
    { data: bias, shape: [bias.length] },
  ];
  if (node.op === dense) {
    const run: Run = ([a, b, bias]) => then(tf.fused.matMul({ a, b, bias, activation: fused }));
    return { inputs: [x], constants, output, run };
  }
  const p = node.params as ConvParams;
  const kernel = w.shape.slice(0, -2);
  const pad = padOf(x, { ...p, kernel });
  const depthwise = p.groups > 1;
  if (pad === undefined || x.shape.length !== 4 || (depthwise && p.groups !== x.shape[3])) return undefined;
  if (depthwise) constants[0].shape = [...kernel, p.groups, w.shape[3] / p.groups];
  const convolve = depthwise ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
  const [strides, dilations] = [p.stride, p.dilation] as [number, number][];
  const run: Run = ([x, filter, bias]) =>
    then(
      convolve({
        x,
        filter,
        bias,
        strides,
        dilations,
        pad,
        activation: fused,
      }),
    );
  return { inputs: [x], constants, output, run };
}

/** What the library's fused ops can do at the end; other activations follow them. */
const FUSED = ["relu", "relu6", "sigmoid"] as const;

function activate(tf: Library, kind: string): ((x: Tensor) => Tensor) | undefined {
  if (kind === "relu") return tf.relu;
  if (kind === "relu6") return tf.relu6;
  if (kind === "sigmoid") return tf.sigmoid;
  if (kind === "silu") return (x) => tf.mul(x, tf.sigmoid(x));
  return undefined;
}

/** The one number for all four sides that is all these ops take; sizes must come out as the library rounds them: down. */
function padOf(x: Edge, window: WindowOptions): number | undefined {
  const sizes = x.shape.slice(1, -1);
  const axes = slide(sizes, window, "tfjs");
  const down = slide(sizes, { ...window, ceilMode: false }, "tfjs");
  const pad = axes[0].before;
  const fits = axes.every((a, i) => a.before === pad && a.after === pad && a.out === down[i].out);
  return fits ? pad : undefined;
}

function plain(tf: Library, { op, params, inputs, outputs: [output] }: Node): Step | undefined {
  const run = runOf(tf, op, params, inputs);
  const read = inputs.filter((edge) => !edge.data);
  const constants = inputs.flatMap((edge): Fixed[] => {
    const data = floatsOf(edge);
    return data ? [{ data: valuesOf(data), shape: edge.shape }] : [];
  });
  return run && { inputs: read, constants, output, run };
}

function runOf(tf: Library, op: unknown, params: unknown, inputs: readonly Edge[]): Run | undefined {
  if (op === maxPool) {
    const p = params as MaxPoolParams;
    const pad = padOf(inputs[0], p);
    if (pad === undefined || p.dilation.some((d) => d > 1)) return undefined;
    const [kernel, stride] = [p.kernel, p.stride] as [number, number][];
    return ([x]) => tf.maxPool(x, kernel, stride, pad);
  }
  if (op === avgPool) {
    const p = params as AvgPoolParams;
    // Whether a border counts is another library's choice to make; without one there is no difference.
    if (padOf(inputs[0], undilated(p)) !== 0) return undefined;
    const [kernel, stride] = [p.kernel, p.stride] as [number, number][];
    return ([x]) => tf.avgPool(x, kernel, stride, 0);
  }
  if (op === batchNorm) {
    const { epsilon } = params as BatchNormParams;
    return ([x, gamma, beta, mean, variance]) => tf.batchNorm(x, mean, variance, beta, gamma, epsilon);
  }
  if (op === globalAvgPool) return ([x]) => tf.mean(x, [1, 2], (params as GlobalPoolParams).keepDims);
  if (op === activation) {
    const then = activate(tf, (params as Activation).kind);
    return then && (([x]) => then(x));
  }
  if (op === binary) {
    const { kind } = params as BinaryParams;
    if (kind === "add") return ([a, b]) => tf.add(a, b);
    if (kind === "mul") return ([a, b]) => tf.mul(a, b);
  }
  if (op === concat) return (parts) => tf.concat(parts, -1);
  if (op === flatten) return ([x]) => tf.reshape(x, [1, -1]);
  return undefined;
}
