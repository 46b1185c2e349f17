// The gradients of one op on tensors, at once: what `engine.conv2dGrad` and its like run.
import { Program } from "./engine/program.ts";
import type { Runtime } from "./engine/runtime.ts";
import { ShapeError } from "./errors.ts";
import { show } from "./ops/check.ts";
import { Edge, Graph } from "./ops/graph.ts";
import { Lowering } from "./ops/lower.ts";
import type { Op } from "./ops/op.ts";
import { Tensor } from "./tensor.ts";

/** The gradients of sum(dy · op(inputs)) by every input, in their order. Throws ShapeError where dy does not fit. */
export function backward<P>(
  runtime: Runtime,
  name: string,
  op: Op<P>,
  inputs: readonly Tensor[],
  params: P,
  dy: Tensor,
): Tensor[] {
  runtime.alive(name);
  const program = new Program(runtime, name);
  const lowering = new Lowering(program);
  const graph = new Graph();
  const given = [...inputs, dy].map((tensor, i) => {
    if (!(tensor instanceof Tensor))
      throw new ShapeError(
        `${name}: ${i < inputs.length ? `input ${i}` : "dy"} is ${String(tensor)} but must be a Tensor`,
      );
    const edge = new Edge({ shape: tensor.shape, dtype: tensor.dtype });
    lowering.place(edge, tensor.bufferFor(runtime, name));
    return edge;
  });
  const up = given.pop()!;
  graph.enter(name, name);
  const [y] = graph.apply(op, given, params);
  if (show(y.shape) !== show(up.shape))
    throw new ShapeError(`${name}: dy has shape ${show(up.shape)} but the output has shape ${show(y.shape)}`);
  const wanted = given.map(() => true);
  const gradients = op.gradient!(graph, y.node!, [up], wanted) as Edge[];
  graph.prune(gradients);
  const outs: Tensor[] = [];
  try {
    for (const edge of gradients) {
      const out = new Tensor(runtime, { shape: edge.shape, dtype: "float32" }, name);
      outs.push(out);
    }
    lowering.write(graph);
    for (const edge of gradients) program.output(lowering.bufferOf(edge));
    program.place();
    program.run();
    const { floats } = runtime.memory;
    gradients.forEach((edge, i) => {
      const from = lowering.bufferOf(edge).place / 4;
      floats.copyWithin(outs[i].address(name) / 4, from, from + outs[i].size);
    });
    return outs;
  } catch (error) {
    for (const out of outs) out.dispose();
    throw error;
  } finally {
    program.dispose();
  }
}
