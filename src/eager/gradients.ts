// Gradients of what eager ops compute: `gradients` of any function of tensors, `conv2dGrad` and its like of one op.
import { ArgumentError, DisposedError, ShapeError, UnsupportedError } from "../errors.ts";
import { Edge, Graph } from "../graph/graph.ts";
import { conv1d, conv2d, conv3d } from "../layers/conv.ts";
import { dense } from "../layers/dense.ts";
import type { LayerKind } from "../layers/layer.ts";
import { show } from "../ops/check.ts";
import { differentiate } from "../passes/differentiate.ts";
import type { Runtime } from "../runtime/instance.ts";
import { mustBeTensor, type Tensor } from "../tensor.ts";
import { aFunction, checkOptions, describe, refuse } from "../validate.ts";
import { type Call, checkTensor, layerCall } from "./call.ts";
import type { ConvOptions, DenseOptions } from "./conv.ts";
import { edgesIn, placesOf, type Recorder, recorders, runGraph } from "./run.ts";

export interface GradientOptions {
  /** The gradient with respect to the value, of its shape. Default: ones. */
  dy?: Tensor;
}

export interface GradientResult {
  /** What the function returned. */
  value: Tensor;
  /** One per tensor of `wrt`, of its shape. */
  gradients: Tensor[];
}

/** The gradients with respect to a product's operands. */
export interface ProductGradients {
  dx: Tensor;
  dw: Tensor;
  /** Undefined unless the options hold a bias. */
  dbias: Tensor | undefined;
}

/** The options of the op, whose result must not be activated: differentiate that with `gradients`. */
export type ConvGradOptions = Omit<ConvOptions, "activation">;
export type DenseGradOptions = Omit<DenseOptions, "activation">;

/**
 * Runs `f` and gives the gradients of sum(dy · its result) with respect to the tensors `wrt`, in their order, through every eager op
 * that `f` calls on their engine. Tensors that ops make in `f` are disposed, all but the result, and all of them where anything throws.
 * Throws ArgumentError for what is no function or tensor of that engine, ShapeError when the result does not depend on a tensor of
 * `wrt`, UnsupportedError where an op has no gradient (argMax) or calls are nested.
 */
export function gradients(
  f: () => Tensor,
  wrt: readonly Tensor[],
  options: GradientOptions = {},
): GradientResult {
  const name = "gradients";
  aFunction(f, "the function", name);
  checkOptions(name, options, { dy: true });
  if (!Array.isArray(wrt) || !wrt.length) refuse(wrt, "wrt", name, "a list of tensors, of one at least");
  mustBeTensor(wrt[0], `${name}: wrt[0]`);
  const { runtime } = wrt[0];
  for (let i = 0; i < wrt.length; i++) checkTensor(runtime, wrt[i], `wrt[${i}]`, name);
  if (recorders.has(runtime)) throw new UnsupportedError(`${name}: gradients of gradients are not offered`);
  const tape = new Tape();
  recorders.set(runtime, tape);
  try {
    const value = f();
    checkTensor(runtime, value, "what the function returns", name);
    const result = tape.gradients(name, value, wrt, options.dy);
    tape.dispose(value);
    return { value, gradients: result };
  } catch (error) {
    tape.dispose();
    throw error;
  } finally {
    recorders.delete(runtime);
  }
}

/** The gradients of conv1d: `dy` has the shape of its result, [n, ow, out]. */
export function conv1dGrad(dy: Tensor, x: Tensor, w: Tensor, options?: ConvGradOptions): ProductGradients {
  return productGradients("conv1dGrad", conv1d, dy, x, w, options);
}
/** The gradients of conv2d: `dy` has the shape of its result, [n, oh, ow, out]. */
export function conv2dGrad(dy: Tensor, x: Tensor, w: Tensor, options?: ConvGradOptions): ProductGradients {
  return productGradients("conv2dGrad", conv2d, dy, x, w, options);
}
/** The gradients of conv3d: `dy` has the shape of its result, [n, od, oh, ow, out]. */
export function conv3dGrad(dy: Tensor, x: Tensor, w: Tensor, options?: ConvGradOptions): ProductGradients {
  return productGradients("conv3dGrad", conv3d, dy, x, w, options);
}
/** The gradients of dense: `dy` has the shape of its result, [..., out]. */
export function denseGrad(dy: Tensor, x: Tensor, w: Tensor, options?: DenseGradOptions): ProductGradients {
  return productGradients("denseGrad", dense, dy, x, w, options);
}

function productGradients(
  name: string,
  layer: LayerKind,
  dy: Tensor,
  x: Tensor,
  w: Tensor,
  options: ConvOptions | DenseOptions = {},
): ProductGradients {
  if (options?.activation)
    throw new ArgumentError(
      `${name}: options name the activation ${describe(options.activation)}, but the gradient is that of the product alone`,
    );
  mustBeTensor(x, `${name}: input 0`);
  const { runtime } = x;
  runtime.alive(name);
  const { call } = layerCall(runtime, name, layer, [x, w, options]);
  mustBeTensor(dy, `${name}: dy`);
  // An edge for every operand, even where one tensor is given twice: these are derivatives with respect to operands.
  const places = new Map<Edge, Tensor>();
  const graph = new Graph();
  const y = call(graph, (tensor) => {
    const edge = new Edge(tensor);
    places.set(edge, tensor);
    return edge;
  }) as Edge;
  const [dx, dw, dbias] = backward(runtime, name, graph, y, [...places.keys()], dy, places);
  return { dx, dw, dbias };
}

/** Ops that ran on tensors, in the order in which they ran. It owns their results until it is disposed. */
class Tape implements Recorder {
  readonly #graph = new Graph();
  readonly #edges = new Map<Tensor, Edge>();
  readonly #edgeOf = edgesIn(this.#edges);
  readonly #made = new Set<Tensor>();

  record(call: Call, outputs: readonly Tensor[]): void {
    const edges = [call(this.#graph, this.#edgeOf)].flat();
    outputs.forEach((tensor, i) => {
      this.#edges.set(tensor, edges[i]);
      this.#made.add(tensor);
    });
  }

  gradients(name: string, value: Tensor, wrt: readonly Tensor[], dy: Tensor | undefined): Tensor[] {
    const [y, ...edges] = [value, ...wrt].map(this.#edgeOf);
    return backward(value.runtime, name, this.#graph, y, edges, dy, placesOf(this.#edges));
  }

  /** Disposes what the ops made, all but one. */
  dispose(but?: Tensor): void {
    for (const tensor of this.#made) if (tensor !== but) tensor.dispose();
  }
}

/**
 * Differentiates, and runs what the gradients need: edges that have a tensor are read from there, others are computed again.
 * `dy` defaults to ones.
 */
function backward(
  runtime: Runtime,
  name: string,
  graph: Graph,
  y: Edge,
  wrt: readonly Edge[],
  dy: Tensor | undefined,
  places: Map<Edge, Tensor>,
): Tensor[] {
  let upstream: Edge | undefined;
  if (dy) {
    checkTensor(runtime, dy, "dy", name);
    if (show(y.shape) !== show(dy.shape))
      throw new ShapeError(
        `${name}: dy has shape ${show(dy.shape)} but the output has shape ${show(y.shape)}`,
      );
    upstream = new Edge(dy);
    places.set(upstream, dy);
  }
  const gradients = differentiate(graph, y, wrt, upstream).map((edge, i) => {
    if (edge) return edge;
    throw new ShapeError(
      `${name}: the value does not depend on wrt[${i}] (shape ${show(wrt[i].shape)}) through ops of this engine`,
    );
  });
  graph.prune(gradients, new Set(places.keys()));
  for (const edge of graph.nodes.flatMap((node) => node.inputs))
    if (!edge.node && !edge.data && !places.has(edge))
      throw new DisposedError(
        `${name}: a tensor that was read (shape ${show(edge.shape)}) has been disposed; keep it until the gradients are made`,
      );
  return runGraph(runtime, name, graph, places, gradients);
}
