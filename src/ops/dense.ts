// A dense layer: y = x · w + b over the last axis.
import { ShapeError } from "../errors.ts";
import { float32, type Op, sizeOf } from "../graph/op.ts";
import { epilogue } from "../runtime/records.ts";
import { type Activation, checkActivation, epilogueOf } from "./activation.ts";
import { arity, checkShape, requireFloats, show } from "./check.ts";
import { multiplyInChunks, packProduct } from "./gemm.ts";

export interface DenseParams {
  activation?: Activation;
}

/** x [..., in] times w [in, out] plus bias [out]. */
export const dense: Op<DenseParams> = {
  name: "dense",
  infer(inputs, { activation }, where) {
    arity(inputs, 2, 3, where);
    if (activation) checkActivation(activation, where);
    const [x, w, bias] = inputs;
    if (x.shape.length < 1) throw new ShapeError(`${where}: input is a scalar but must have shape [..., in]`);
    if (w.shape.length !== 2)
      throw new ShapeError(`${where}: weights have shape ${show(w.shape)} but must have rank 2 ([in, out])`);
    checkShape(x.shape, "input", where);
    checkShape(w.shape, "weights", where);
    for (const input of inputs) requireFloats(input, where);
    const [features, units] = w.shape;
    if (x.shape.at(-1) !== features)
      throw new ShapeError(
        `${where}: input ${show(x.shape)} has ${x.shape.at(-1)} features but the weights expect ${features} (weights ${show(w.shape)})`,
      );
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== units))
      throw new ShapeError(`${where}: bias has shape ${show(bias.shape)} but must have shape [${units}]`);
    const shape = [...x.shape.slice(0, -1), units];
    checkShape(shape, "output", where);
    return [float32(shape)];
  },
  forward(e, [x, w, bias], [y], { activation }) {
    const [inputs, outputs] = w.shape;
    const rows = sizeOf(x.shape) / inputs;
    const product = {
      inputs,
      outputs,
      groups: 1,
      filter: w,
      bias,
      taps: [0],
      runs: [{ offset: 0, length: inputs }],
    };
    e.algorithm("gemm");
    const grid = {
      counts: [1, 1, 1, rows],
      input: [0, 0, 0, inputs * 4],
      output: [0, 0, 0, outputs * 4],
      first: 0,
    };
    const end = e.record(epilogue({ accumulate: 0, ...epilogueOf(activation) }));
    multiplyInChunks(e, packProduct(e, product), grid, x.base, y.base, end);
  },
  multiplyAdds([x, w]) {
    return sizeOf(x.shape) * w.shape[1];
  },
};
