// Networks as ONNX files: https://onnx.ai/onnx/operators, opset 17.

import { ShapeError, UnsupportedError } from "../../errors.ts";
import type { Edge } from "../../graph/graph.ts";
import type { Model, TrainedModel } from "../../model/schema.ts";
import { Builder } from "../../network/graph-builder.ts";
import { OnnxGraph } from "./graph.ts";
import { encodeModel } from "./proto.ts";
import { MAX_BYTES } from "./protobuf.ts";
import { ruleOf } from "./rules.ts";

/**
 * Writes a network as an ONNX file (opset 17, IR version 8, float32), to be read by any other runtime: it answers as
 * `net.predict` does. Inputs and outputs keep their names; those of rank 3 and more are channels first, as ONNX wants
 * them: [n, c, h, w] where the network has [n, h, w, c]. The batch is left open ("N"), unless a layer works across images
 * or the network knows its size by other means: then it is the one compiled for.
 *
 * @param net A compiled network, or a model with its weights and every size settled.
 * @throws UnsupportedError for a layer that ONNX cannot say, named, and for files beyond 2 GiB.
 */
export function toOnnx(net: TrainedModel & { readonly batch?: number }): Uint8Array<ArrayBuffer> {
  const { model, weights, batch = 1 } = net;
  checkSizes(model);
  const build = new Builder(model, batch, weights, 0);
  const names = new Map(Object.entries(build.weights).map(([name, data]) => [data, name]));
  const graph = new OnnxGraph(model, build, names, isOpen(net, build) ? "N" : batch);
  for (const node of build.graph.nodes) {
    const write = ruleOf(node.op);
    if (!write)
      throw new UnsupportedError(`toOnnx: ${node.where} cannot be said in ONNX (its op "${node.op.name}")`);
    write(graph.at(node.layer), node);
  }
  const bytes = encodeModel(graph.finish());
  if (!bytes)
    throw new UnsupportedError(
      `toOnnx: the file would be longer than ${MAX_BYTES} bytes, the most that ONNX readers take`,
    );
  return bytes;
}

function checkSizes(model: Model): void {
  for (const { name, shape } of model.inputs) {
    const open = shape.indexOf(null);
    if (open >= 0)
      throw new ShapeError(
        `toOnnx: input "${name}" leaves dimension ${open} open (shape [${shape.map((d) => d ?? "?").join(",")}]); ` +
          "compile the model with a shape and give toOnnx the network",
      );
  }
}

/** Whether the first axis of every value, and nothing else, follows the batch: seen by building for one image more. */
function isOpen({ model, weights, batch = 1 }: TrainedModel & { batch?: number }, build: Builder): boolean {
  let more: Builder;
  try {
    more = new Builder(model, batch + 1, weights, 0);
  } catch {
    return false; // A layer that only fits this batch.
  }
  const values = (b: Builder): Edge[] => [...b.inputs, ...b.graph.nodes.flatMap((node) => node.outputs)];
  const others = values(more);
  return values(build).every(({ shape }, i) => {
    const other = others[i].shape;
    return (
      shape[0] === batch &&
      other[0] === batch + 1 &&
      shape.length === other.length &&
      shape.every((d, axis) => axis === 0 || d === other[axis])
    );
  });
}
