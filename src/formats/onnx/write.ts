// Networks as ONNX files: https://onnx.ai/onnx/operators.

import { ShapeError, UnsupportedError } from "../../errors.ts";
import type { Edge, Graph } from "../../graph/graph.ts";
import { Builder } from "../../model/graph-builder.ts";
import type { DescribedModel, Model, TrainedModel } from "../../model/schema.ts";
import type { FileBytes } from "../bytes.ts";
import { refuse } from "./call.ts";
import { OnnxGraph } from "./graph.ts";
import { opsetOf } from "./opset.ts";
import { encodeModel } from "./proto.ts";
import { MAX_BYTES } from "./protobuf.ts";
import { translationOf } from "./translations.ts";

/**
 * Writes a network as an ONNX file (opset 17, or as new a one as an operator needs) that computes what `net.predict` does.
 *
 * Inputs and outputs keep their names. Those of rank 3 and more are channels first, as ONNX takes them: [n, c, h, w] where the
 * network has [n, h, w, c]; but where a model was read from an ONNX file or a graph of TensorFlow.js, they are as that file has them.
 * Weights keep their names and are written in ONNX's layouts. The batch is left open, as dimension "N", unless a layer works across
 * the images of a batch: then it is the batch size that the network was compiled for. Layers are written as they are described: batch
 * normalisation is not folded, activations are nodes of their own. Truth values, such as what a comparison gives, are int32 at inputs
 * and outputs, as the network has them.
 *
 * @param net A compiled network, or a model with all of its weights and without open sizes.
 * @returns The bytes of the file, which share no memory with the network.
 * @throws ShapeError for a model that leaves sizes open, and for weights that do not fit it.
 * @throws UnsupportedError for a layer that ONNX has no equivalent for, which is named, and for files of more than 2 GiB.
 */
export function toOnnx(net: TrainedModel & { readonly batchSize?: number }): FileBytes {
  const { weights, kinds, batchSize = 1 } = net;
  // Of a compiled network: layers of one's own are traced for it.
  const { engine: runtime } = net as { readonly engine?: Graph["runtime"] };
  checkSizes(net.model);
  const model: DescribedModel = { ...net.model, kinds };
  const source = new Builder(model, batchSize, { weights, runtime });
  const { nodes } = source.graph;
  const opset = opsetOf(nodes);
  const graph = new OnnxGraph(model, source, {
    weightNames: new Map(Object.entries(source.weights).map(([name, data]) => [data, name])),
    batch: onlyBatchFollows(source, model, weights, runtime) ? "N" : undefined,
    ends: areImported(kinds) || !source.batched ? "last" : "first",
    opset,
  });
  for (const node of nodes) {
    const translate = translationOf(node.op);
    if (!translate) refuse(node.where, `its op "${node.op.name}"`);
    translate(graph.enter(node.layer), node);
  }
  const bytes = encodeModel(graph.finish(), opset);
  if (!bytes)
    throw new UnsupportedError(
      `toOnnx: the file would be longer than ${MAX_BYTES} bytes, the most that ONNX readers take`,
    );
  return bytes;
}

/** Whether kinds of layers are those of models that were read from files. */
const areImported = (kinds: DescribedModel["kinds"]): boolean =>
  kinds !== undefined && Object.values(kinds).some(({ definition }) => !definition.custom);

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

/**
 * Whether the first axis of every value, and no other axis, has the size of the batch: found by building the graph for one image
 * more and comparing shapes.
 */
function onlyBatchFollows(
  source: Builder,
  model: DescribedModel,
  weights: TrainedModel["weights"],
  runtime: Graph["runtime"],
): boolean {
  if (!source.batched) return false;
  let larger: Builder;
  try {
    larger = new Builder(model, source.batchSize + 1, { weights, runtime, read: () => new Float32Array() });
  } catch {
    return false; // A layer fits this batch only.
  }
  const values = (b: Builder): Edge[] => [...b.inputs, ...b.graph.nodes.flatMap((node) => node.outputs)];
  const others = values(larger);
  return values(source).every(({ shape }, i) => {
    const other = others[i].shape;
    return (
      shape[0] === source.batchSize &&
      other[0] === larger.batchSize &&
      shape.length === other.length &&
      shape.every((d, axis) => axis === 0 || d === other[axis])
    );
  });
}
