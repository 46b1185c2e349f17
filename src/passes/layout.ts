// Decides where values lie, so that concatenating, slicing, splitting and padding need no copies: producers write where the reader
// wants it. An edge becomes a part of another (a view), or gets room for a border of zeros that convolutions read.
import type { Edge, Graph, Node } from "../graph/graph.ts";
import type { Layout } from "../graph/lower.ts";
import { type Border, denseStrides, type Op, type PlanOptions, type Shape, sizeOf } from "../graph/op.ts";
import { zeroBorder } from "../ops/border.ts";
import { axisOf } from "../ops/check.ts";
import { concat, slice, split } from "../ops/shape.ts";
import { concatRest, view } from "../ops/views.ts";
import { MAX_BYTES } from "../runtime/plan.ts";

/** Where each edge lies that is not a dense storage of its own. Rewrites the graph: what needs no copy any more loses it. */
export function planLayout(
  graph: Graph,
  inputs: readonly Edge[],
  outputs: readonly Edge[],
  plan: PlanOptions,
): Map<Edge, Layout> {
  const layout = new LayoutPass(graph, inputs, outputs);
  layout.borders(plan);
  for (const node of [...graph.nodes].reverse()) if (node.op === concat) layout.concat(node);
  for (const node of graph.nodes) if (node.op === slice || node.op === split) layout.parts(node);
  return layout.layouts;
}

class LayoutPass {
  readonly layouts = new Map<Edge, Layout>();
  readonly #graph: Graph;
  readonly #readers = new Map<Edge, { node: Node; input: number }[]>();
  /** Edges that ops change in place, and the edge whose memory they are. */
  readonly #roots = new Map<Edge, Edge>();
  /** Every edge that is the same memory. */
  readonly #same = new Map<Edge, Edge[]>();
  /** Edges that must be dense storages of their own. */
  readonly #pinned: Set<Edge>;

  constructor(graph: Graph, inputs: readonly Edge[], outputs: readonly Edge[]) {
    this.#graph = graph;
    this.#pinned = new Set([...inputs, ...outputs]);
    for (const node of graph.nodes) {
      node.inputs.forEach((edge, input) => {
        const readers = this.#readers.get(edge);
        if (readers) readers.push({ node, input });
        else this.#readers.set(edge, [{ node, input }]);
      });
      if (node.op.alias === "update") {
        const root = this.#rootOf(node.inputs[0]);
        this.#roots.set(node.outputs[0], root);
        this.#same.set(root, [...(this.#same.get(root) ?? [root]), node.outputs[0]]);
      } else if (node.op.alias === "reshape") {
        this.#pinned.add(node.inputs[0]);
        this.#pinned.add(node.outputs[0]);
      }
    }
  }

  #rootOf = (edge: Edge): Edge => this.#roots.get(edge) ?? edge;

  #sharing = (edge: Edge): readonly Edge[] => this.#same.get(this.#rootOf(edge)) ?? [edge];

  /** Where an edge lies: as decided, or dense. */
  #layoutOf(edge: Edge): Omit<Layout, "border"> {
    const root = this.#rootOf(edge);
    const dense = {
      owner: root,
      offset: 0,
      strides: denseStrides(root.shape),
      bytes: 4 * sizeOf(root.shape),
    };
    const { owner, offset, strides, bytes } = this.layouts.get(root) ?? dense;
    return { owner, offset, strides, bytes };
  }

  /** Whether an edge may lie anywhere: all that write and read it can, but for one reader that will not need to. */
  #movable(edge: Edge, except?: Node): boolean {
    if (edge.data || this.layouts.has(this.#rootOf(edge))) return false;
    return this.#sharing(edge).every(
      (e) =>
        !this.#pinned.has(e) &&
        (e.node === undefined || writesAnywhere(e.node.op)) &&
        (this.#readers.get(e) ?? []).every(
          ({ node, input }) => node === except || readsAnywhere(node.op, input),
        ),
    );
  }

  /** Inputs of a concatenation are written where its output has them. */
  concat(node: Node): void {
    const [out] = node.outputs;
    const axis = axisOf((node.params as { axis: number }).axis, out.shape.length, node.where);
    if (this.#adjacent(node, axis)) return;
    const whole = this.#layoutOf(out);
    // What changes the output in place would change its parts, which others may still read.
    const changes = this.#same.has(this.#rootOf(out));
    const copied: number[] = [];
    let start = 0;
    node.inputs.forEach((edge, i) => {
      const root = this.#rootOf(edge);
      const offset = whole.offset + start * whole.strides[axis];
      start += edge.shape[axis];
      const once = node.inputs.every((other, j) => j === i || this.#rootOf(other) !== root);
      const alone = !changes || this.#sharing(edge).every((e) => this.#readers.get(e)?.length === 1);
      if (edge.node && once && alone && this.#movable(edge, node))
        this.layouts.set(root, { ...whole, offset });
      else copied.push(i);
    });
    if (copied.length < node.inputs.length)
      replace(node, copied.length ? concatRest : view, copied.length ? { axis, copied } : {});
  }

  /** Whether the inputs lie side by side already, as in a later concatenation: then the output is that part of it. */
  #adjacent(node: Node, axis: number): boolean {
    const [out] = node.outputs;
    const parts = node.inputs.map((edge) => this.layouts.get(this.#rootOf(edge)));
    const [first] = parts;
    if (!first || this.#same.has(this.#rootOf(out)) || !this.#movable(out)) return false;
    let offset = first.offset;
    for (const [i, part] of parts.entries()) {
      if (
        part?.owner !== first.owner ||
        part.offset !== offset ||
        String(part.strides) !== String(first.strides)
      )
        return false;
      offset += node.inputs[i].shape[axis] * first.strides[axis];
    }
    this.layouts.set(out, first);
    replace(node, view, {});
    return true;
  }

  /** Slices and the parts of a split are views of what they are taken from, unless something would change them in place. */
  parts(node: Node): void {
    const [x] = node.inputs;
    if (x.data || this.#same.has(this.#rootOf(x))) return;
    if (!node.outputs.every((edge) => this.#movable(edge) && !this.#same.has(edge))) return;
    const { owner, offset, strides, bytes } = this.#layoutOf(x);
    const { axis = 0, begin } = node.params as { axis?: number; begin?: Shape };
    let start = 0;
    for (const edge of node.outputs) {
      const along = axisOf(axis, x.shape.length, node.where);
      const first = begin
        ? begin.reduce((sum, index, i) => sum + index * strides[i], 0)
        : start * strides[along];
      start += edge.shape[along];
      this.layouts.set(edge, { owner, offset: offset + first, strides, bytes });
    }
    replace(node, view, {});
  }

  /** Edges that convolutions read with a border of zeros get one, as wide as the widest. */
  borders(plan: PlanOptions): void {
    const wanted = new Map<Edge, Border>();
    for (const { op, inputs, params } of this.#graph.nodes)
      op.borders?.(inputs, params, plan).forEach((border, i) => {
        if (!border) return;
        const root = this.#rootOf(inputs[i]);
        const other = wanted.get(root);
        const widest = border.map(
          ([before, after], a) =>
            [Math.max(before, other?.[a][0] ?? 0), Math.max(after, other?.[a][1] ?? 0)] as const,
        );
        wanted.set(root, widest);
      });
    const zeros = new Map<Node, Node[]>();
    for (const [edge, border] of wanted) {
      if (!edge.node || !this.#movable(edge)) continue;
      const whole = edge.shape.map((size, i) => size + (border[i - 1]?.[0] ?? 0) + (border[i - 1]?.[1] ?? 0));
      if (4 * sizeOf(whole) > MAX_BYTES) continue;
      const strides = denseStrides(whole);
      const offset = border.reduce((sum, [before], i) => sum + before * strides[i + 1], 0);
      this.layouts.set(edge, { owner: edge, offset, strides, border, bytes: 4 * sizeOf(whole) });
      const { layer, where } = edge.node;
      const fill: Node = { op: zeroBorder, params: {}, inputs: [edge], outputs: [], layer, where };
      zeros.set(edge.node, [...(zeros.get(edge.node) ?? []), fill]);
    }
    this.#graph.nodes = this.#graph.nodes.flatMap((node) => [node, ...(zeros.get(node) ?? [])]);
  }
}

const writesAnywhere = (op: Op<never>): boolean => op.strided?.outputs === true;

function readsAnywhere({ strided, alias }: Op<never>, input: number): boolean {
  if (alias === "update" && input === 0) return true;
  return strided?.inputs === "all" || (strided?.inputs?.includes(input) ?? false);
}

/** The node computes the same by another op. */
function replace(node: Node, op: Op<never>, params: unknown): void {
  (node as { op: Op<never> }).op = op;
  node.params = params;
}
