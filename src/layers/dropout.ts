// Dropout of whole channels and whole images.
import type { Edge, Graph } from "../graph/graph.ts";
import { binary } from "../ops/elementwise.ts";
import { type Shape, sizeOf } from "../tensor.ts";
import { needed } from "../validate.ts";
import { aShare } from "./checks.ts";
import type { DropoutConfig } from "./elementwise.ts";
import { defineLayer } from "./layer.ts";

/** A layer that in training multiplies x by a random mask of 0 and 1 / (1 − rate), whose shape broadcasts to x's. */
const masking = (kind: string, maskShape: (x: Shape) => Shape) =>
  defineLayer<DropoutConfig>(kind, {
    options: { rate: needed(aShare, "0.1") },
    build(g: Graph, { rate }, [x]): Edge {
      const training = g.activeTraining;
      if (!training || rate === 0) return x;
      const shape = maskShape(x.shape);
      const ones = g.constant(new Float32Array(sizeOf(shape)).fill(1), shape);
      return g.op(binary, [x, training.dropout(g, ones, rate)], { kind: "mul" });
    },
  });

/** In training, sets whole channels of an image to 0 at random and scales the others by 1 / (1 − rate): PyTorch's Dropout2d. */
export const spatialDropout = masking("spatialDropout", (x) =>
  x.map((d, i) => (i === 0 || i === x.length - 1 ? d : 1)),
);

/** In training, sets whole images to 0 at random and scales the others by 1 / (1 − rate): stochastic depth, before the sum of a residual block. */
export const dropPath = masking("dropPath", (x) => x.map((d, i) => (i === 0 ? d : 1)));
