// Standardised filters: (w − mean) / sqrt(variance + epsilon) for each output channel. Qiao et al., "Weight Standardization", 2019.
import { Edge, type Graph, numbersOf } from "../graph/graph.ts";
import { sizeOf } from "../graph/op.ts";
import { instanceNorm } from "../ops/norm.ts";
import { reshape } from "../ops/shape.ts";
import { channels } from "./layer.ts";

/** What is added to the variance. */
const EPSILON = 1e-5;

/** The filter with mean 0 and variance 1 for each channel of its last axis: computed once where weights are constants, else in every run. */
export function standardized(g: Graph, kernel: Edge): Edge {
  const out = channels(kernel.shape);
  if (kernel.data || g.constants.has(kernel)) return new Edge(kernel, valuesOf(kernel, out));
  // What instance normalisation does to an image whose pixels are all taps of all inputs.
  const [gamma, beta] = [1, 0].map((v) => g.constant(new Float32Array(out).fill(v), [out]));
  const image = g.op(reshape, [kernel], { shape: [1, sizeOf(kernel.shape.slice(0, -1)), out] });
  const standard = g.op(instanceNorm, [image, gamma, beta], { epsilon: EPSILON });
  return g.op(reshape, [standard], { shape: kernel.shape });
}

/** Its values, made when they are packed: those of the filter are there then. A function of its own: a closure above would keep the graph. */
const valuesOf = (kernel: Edge, out: number) => (): Float32Array =>
  standardize(numbersOf(kernel.data!) as Float32Array, out);

function standardize(w: Float32Array, out: number): Float32Array {
  const made = new Float32Array(w.length);
  const count = w.length / out;
  for (let k = 0; k < out; k++) {
    let [mean, variance] = [0, 0];
    for (let i = k; i < w.length; i += out) mean += w[i] / count;
    for (let i = k; i < w.length; i += out) variance += (w[i] - mean) ** 2 / count;
    const deviation = Math.sqrt(variance + EPSILON);
    for (let i = k; i < w.length; i += out) made[i] = (w[i] - mean) / deviation;
  }
  return made;
}
