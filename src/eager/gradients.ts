// Gradients of what eager ops compute: `gradients` of any function of tensors, `conv2dGrad` and its like of one op.
import { ArgumentError, DisposedError, ShapeError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import { conv1d, conv2d, conv3d } from "../layers/conv.ts";
import { dense } from "../layers/dense.ts";
import type { LayerKind } from "../layers/layer.ts";
import { show } from "../ops/check.ts";
import { reshape } from "../ops/shape.ts";
import { differentiate } from "../passes/differentiate.ts";
import { sinkActivationGradient } from "../passes/fuse-gradients.ts";
import type { Runtime } from "../runtime/instance.ts";
import { mustBeTensor, sizeOf, type Tensor } from "../tensor.ts";
import { aFlag, aFunction, aWord, checkOptions, describe, isPlain, oneOf, refuse } from "../validate.ts";
import { type CheckedCall, checkTensor, layerCall } from "./call.ts";
import type { ConvOptions, DenseOptions } from "./conv.ts";
import { programsOf } from "./programs.ts";
import { runCall } from "./run.ts";
import { Trace, traceOf } from "./trace.ts";

export interface GradientOptions<V extends boolean = boolean> {
  /** The gradient with respect to the value, of its shape. Default: ones. */
  dy?: Tensor;
  /** What the gradient is with respect to a tensor that the result does not depend on: an error, or zeros. Default "error". */
  unused?: "error" | "zero";
  /** Whether the value is wanted, too. Without it only that part of the forward pass runs which the gradients need. Default true. */
  value?: V;
}

/** Tensors in a list, or by name. */
type Tensors = readonly Tensor[] | Readonly<Record<string, Tensor>>;

export interface GradientResult<W extends Tensors = Tensor[], V extends boolean = true> {
  /** What the function returned; undefined where it was not wanted. */
  value: V extends true ? Tensor : undefined;
  /** One per tensor of `wrt`, of its shape: a list, or by name. */
  gradients: W extends readonly Tensor[] ? Tensor[] : Record<keyof W & string, Tensor>;
}

/** An operand of a product. */
export type ProductOperand = "x" | "w" | "bias";
const OPERANDS: readonly ProductOperand[] = ["x", "w", "bias"];

/** The gradients with respect to a product's operands; undefined for those that were not asked for. */
export interface ProductGradients<W extends ProductOperand = ProductOperand> {
  dx: "x" extends W ? Tensor : undefined;
  dw: "w" extends W ? Tensor : undefined;
  /** Undefined unless the options hold a bias. */
  dbias: "bias" extends W ? Tensor | undefined : undefined;
}

interface WantedOperands<W extends ProductOperand> {
  /** The operands whose gradients are computed, and no others. Default: all that there are. */
  wrt?: readonly W[];
}

/** The options of the op, whose result must not be activated: differentiate that with `gradients`. */
export interface ConvGradOptions<W extends ProductOperand = ProductOperand>
  extends Omit<ConvOptions, "activation">,
    WantedOperands<W> {}
export interface DenseGradOptions<W extends ProductOperand = ProductOperand>
  extends Omit<DenseOptions, "activation">,
    WantedOperands<W> {}

/**
 * Gives what `f` returns and the gradients of sum(dy · that) with respect to the tensors `wrt`, a list of them or an object such as `net.variables`, through every eager op
 * that `f` calls on their engine, and through networks, `net(x)`. `wrt` may be a function that is asked once `f` has run: for tensors that
 * `f` makes. The ops of `f` are recorded and run together with the gradients, as one program that is kept for calls that record the same
 * again; values that `f` reads are computed when it does. Tensors that ops make in `f` are disposed, all but the result, and all of them
 * where anything throws. Within `f`, `gradients` may be called again: the outer ones then are gradients of gradients.
 * Throws ArgumentError for what is no function or tensor of that engine, ShapeError when the result does not depend on a tensor of
 * `wrt`, UnsupportedError where an op has no gradient.
 */
export function gradients<W extends Tensors, V extends boolean = true>(
  f: () => Tensor,
  wrt: W | (() => W),
  options: GradientOptions<V> = {},
): GradientResult<W, V> {
  aFunction(f, "the function", "gradients");
  checkOptions("gradients", options, { dy: true, unused: aWord("error", "zero"), value: aFlag });
  let names: string[] | undefined;
  /** The list that is asked for; what is no tensors stays as it is. */
  const listOf = (given: unknown): readonly Tensor[] => {
    if (isPlain(given)) names = Object.keys(given);
    return (isPlain(given) ? Object.values(given) : given) as readonly Tensor[];
  };
  const list = typeof wrt === "function" ? () => listOf(wrt()) : listOf(wrt);
  const { value, gradients: made } = gradientsOf(f, list, options);
  const named = names ? Object.fromEntries(names.map((name, i) => [name, made[i]])) : made;
  return { value, gradients: named } as GradientResult<W, V>;
}

function gradientsOf(
  f: () => Tensor,
  wrt: readonly Tensor[] | (() => readonly Tensor[]),
  options: GradientOptions,
): GradientResult<Tensor[], boolean> {
  const wanted = options.value ?? true;
  if (typeof wrt !== "function") checkWrt(wrt);
  const runtime = typeof wrt === "function" ? undefined : wrt[0].runtime;
  const outer = runtime && traceOf(runtime);
  if (outer) {
    const value = f();
    const list = typeof wrt === "function" ? wrt() : wrt;
    const made = recordGradients(outer, runtime, value, list, options);
    return { value: wanted ? value : undefined, gradients: made };
  }
  const trace = new Trace(runtime);
  try {
    const value = trace.during(f);
    const list = typeof wrt === "function" ? wrt() : wrt;
    if (typeof wrt === "function") checkWrt(list);
    const made = runTrace(trace, value, list, options);
    trace.dispose(wanted ? value : undefined);
    return { value: wanted ? value : undefined, gradients: made };
  } catch (error) {
    trace.dispose();
    throw error;
  }
}

function checkWrt(wrt: unknown): asserts wrt is readonly Tensor[] {
  if (!Array.isArray(wrt) || !wrt.length)
    return refuse(wrt, "wrt", "gradients", "a list of tensors, of one at least, or an object of them");
  mustBeTensor(wrt[0], "gradients: wrt[0]");
  const { runtime } = wrt[0];
  for (let i = 0; i < wrt.length; i++) checkTensor(runtime, wrt[i], `wrt[${i}]`, "gradients");
}

/** Runs what was recorded, and the gradients of `value`, which has its values then where they are wanted. */
function runTrace(
  trace: Trace,
  value: Tensor,
  wrt: readonly Tensor[],
  { dy, unused, value: wanted = true }: GradientOptions,
): Tensor[] {
  const name = "gradients";
  const { runtime } = wrt[0];
  checkTensor(runtime, value, "what the function returns", name);
  if (dy) checkUpstream(runtime, dy, value, name);
  const isMade = wanted && trace.made(value);
  const checked = trace.asCall(
    [value, ...wrt, ...(dy ? [dy] : [])].filter((tensor) => !trace.made(tensor)),
    (number) =>
      `${isMade ? "value and " : ""}gradients of ${number(value)} by ${wrt.map(number)}${unused}${dy ? ` from ${number(dy)}` : ""}`,
    (graph, edgeOf) => {
      const y = edgeOf(value);
      return [
        ...(isMade ? [y] : []),
        ...gradientEdges(graph, y, wrt.map(edgeOf), dy && edgeOf(dy), name, unused),
      ];
    },
  );
  const lost = checked.tensors.find((tensor) => tensor.disposed);
  if (lost)
    throw new DisposedError(
      `${name}: a tensor that was read (shape ${show(lost.shape)}) has been disposed; keep it until the gradients are made`,
    );
  const { outs } = programsOf(runtime).run(GRADIENTS, { ...checked, simplify });
  if (isMade) value.take(outs.shift()!);
  return outs;
}

/** Records the gradients of `value` in the trace that records it. */
function recordGradients(
  trace: Trace,
  runtime: Runtime,
  value: Tensor,
  wrt: readonly Tensor[],
  { dy, unused }: GradientOptions,
): Tensor[] {
  const name = "gradients";
  checkWrt(wrt);
  checkTensor(runtime, value, "what the function returns", name);
  if (dy) checkUpstream(runtime, dy, value, name);
  const call: CheckedCall = {
    call: (graph, edgeOf) =>
      gradientEdges(graph, edgeOf(value), wrt.map(edgeOf), dy && edgeOf(dy), name, unused),
    tensors: [value, ...wrt, ...(dy ? [dy] : [])],
    weights: [],
    key: `${unused}${dy ? "from dy" : ""}`,
  };
  // Its graph is that of the record, so that shapes cannot be inferred from the call alone.
  return trace.record(GRADIENTS, call, { types: wrt, isList: true }) as Tensor[];
}

/** What is kept of calls of `gradients`. */
const GRADIENTS = { kind: "gradients" };

const simplify = (graph: Graph, outputs: readonly Edge[]): void => {
  graph.prune(outputs);
  sinkActivationGradient(graph, outputs);
};

/** Appends the gradients; throws where there is none. `dy` defaults to ones. */
function gradientEdges(
  graph: Graph,
  y: Edge,
  wrt: readonly Edge[],
  dy: Edge | undefined,
  name: string,
  unused?: "error" | "zero",
): Edge[] {
  return differentiate(graph, y, wrt, dy).map((edge, i) => {
    if (edge) return edge;
    const { shape, dtype } = wrt[i];
    if (unused === "zero") return graph.constant(new Float32Array(sizeOf(shape)), shape);
    const why =
      dtype === "int32"
        ? "int32 has no gradients: cast it to float32 before"
        : "argMax, comparisons, casts to int32, stopGradient and values that were read pass no gradient on";
    throw new ShapeError(
      `${name}: the value does not depend on wrt[${i}] (shape ${show(shape)}) through ops of this engine; ${why}`,
    );
  });
}

function checkUpstream(
  runtime: Runtime,
  dy: Tensor,
  { shape }: { shape: Tensor["shape"] },
  name: string,
): void {
  checkTensor(runtime, dy, "dy", name);
  if (show(shape) !== show(dy.shape))
    throw new ShapeError(`${name}: dy has shape ${show(dy.shape)} but the output has shape ${show(shape)}`);
}

/** The gradients of conv1d: `dy` has the shape of its result, [n, ow, out]. */
export function conv1dGrad<W extends ProductOperand = ProductOperand>(
  dy: Tensor,
  x: Tensor,
  w: Tensor,
  options?: ConvGradOptions<W>,
): ProductGradients<W> {
  return productGradients("conv1dGrad", conv1d, dy, x, w, options);
}
/** The gradients of conv2d: `dy` has the shape of its result, [n, oh, ow, out]. */
export function conv2dGrad<W extends ProductOperand = ProductOperand>(
  dy: Tensor,
  x: Tensor,
  w: Tensor,
  options?: ConvGradOptions<W>,
): ProductGradients<W> {
  return productGradients("conv2dGrad", conv2d, dy, x, w, options);
}
/** The gradients of conv3d: `dy` has the shape of its result, [n, od, oh, ow, out]. */
export function conv3dGrad<W extends ProductOperand = ProductOperand>(
  dy: Tensor,
  x: Tensor,
  w: Tensor,
  options?: ConvGradOptions<W>,
): ProductGradients<W> {
  return productGradients("conv3dGrad", conv3d, dy, x, w, options);
}
/** The gradients of dense: `dy` has the shape of its result, [..., out]. */
export function denseGrad<W extends ProductOperand = ProductOperand>(
  dy: Tensor,
  x: Tensor,
  w: Tensor,
  options?: DenseGradOptions<W>,
): ProductGradients<W> {
  return productGradients("denseGrad", dense, dy, x, w, options);
}

function productGradients<W extends ProductOperand>(
  name: string,
  layer: LayerKind,
  dy: Tensor,
  x: Tensor,
  w: Tensor,
  options: (ConvOptions | DenseOptions) & WantedOperands<W> = {},
): ProductGradients<W> {
  if (options?.activation)
    throw new ArgumentError(
      `${name}: options name the activation ${describe(options.activation)}, but the gradient is that of the product alone`,
    );
  mustBeTensor(x, `${name}: input 0`);
  const { runtime } = x;
  runtime.alive(name);
  const { wrt, ...rest } = isPlain(options) ? options : {};
  const product = layerCall(runtime, name, layer, [x, w, isPlain(options) ? rest : options]);
  checkTensor(runtime, dy, "dy", name);
  const operands: Readonly<Partial<Record<ProductOperand, Tensor>>> = {
    x,
    w,
    bias: (rest as ConvOptions).bias,
  };
  const wanted = wantedOperands(wrt, operands, name);
  const tensors = [...new Set([...product.tensors, dy])];
  const places = wanted.map((operand) => `${operand}${tensors.indexOf(operands[operand]!)}`);
  const checked: CheckedCall = {
    call(graph, edgeOf) {
      // An edge for every operand, even where one tensor is given twice: these are derivatives with respect to operands.
      const seen: Edge[] = [];
      const y = product.call(graph, (tensor) => {
        const edge = graph.op(reshape, [edgeOf(tensor)], { shape: tensor.shape });
        seen.push(edge);
        return edge;
      }) as Edge;
      const upstream = edgeOf(dy);
      if (show(y.shape) !== show(upstream.shape))
        throw new ShapeError(
          `${name}: dy has shape ${show(upstream.shape)} but the output has shape ${show(y.shape)}`,
        );
      const edges = wanted.map((operand) => seen[OPERANDS.indexOf(operand)]);
      return gradientEdges(graph, y, edges, upstream, name);
    },
    tensors,
    weights: [],
    key: product.key && `${product.key}${dy.typeKey}${places}@${tensors.indexOf(dy)}`,
    simplify,
  };
  const made = runCall(runtime, kindOf(name), checked) as Tensor[];
  const [dx, dw, dbias] = OPERANDS.map((operand) => made[wanted.indexOf(operand)]);
  return { dx, dw, dbias } as ProductGradients<W>;
}

/** The operands that gradients are asked for: all that there are, unless a list says which. Throws ArgumentError for what is no such list. */
function wantedOperands(
  wrt: unknown,
  operands: Readonly<Partial<Record<ProductOperand, Tensor>>>,
  name: string,
): readonly ProductOperand[] {
  const given = OPERANDS.filter((operand) => operands[operand] !== undefined);
  if (wrt === undefined) return given;
  if (!Array.isArray(wrt) || !wrt.length || new Set(wrt).size < wrt.length)
    return refuse(wrt, "wrt", name, 'a list of operands, each once, such as ["x"]');
  wrt.forEach((operand, i) => {
    oneOf(operand, given, `wrt[${i}]`, name);
  });
  return wrt;
}

/** What is kept of calls of each of the products' gradients. */
const KINDS: Record<string, { kind: string }> = {};
function kindOf(kind: string): { kind: string } {
  KINDS[kind] ??= { kind };
  return KINDS[kind];
}
