// Steps of optimizers, which update weights in place, with the formulas of optimizer-formulas.ts; averages; and limits for gradients.

import { ShapeError } from "../errors.ts";
import { type Emitter, float32, type Op, sizeOf, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { ACTIVATION_CLAMP, LOSS_POWER, MAP_BLOCK } from "../runtime/wasm.ts";
import { finite, refuse } from "../validate.ts";
import { arity, requireFloats, show } from "./check.ts";
import {
  checkOptimizer,
  HYPER_NUMBERS,
  type Optimizer,
  optimizerState,
  RULE_START,
  ruleOf,
} from "./optimizer-formulas.ts";
import { reduceAxis } from "./reduce.ts";
import { emitActivation } from "./rows.ts";

/**
 * One step over one tensor of weights: [w, gradient, ...state, hyper], with the tensors named by `optimizerState` and the
 * numbers of `stepNumbers`. Weights and state are updated in place.
 */
export const optimize: Op<Optimizer> = {
  name: "optimize",
  alias: "update",
  infer(inputs, params, where) {
    checkOptimizer(params, where);
    const state = optimizerState(params);
    arity(inputs, state.length + 3, state.length + 3, where);
    const [w, ...others] = inputs;
    const hyper = others.pop()!;
    for (const input of inputs) requireFloats(input, where);
    others.forEach(({ shape }, i) => {
      if (String(shape) !== String(w.shape))
        throw new ShapeError(
          `${where}: ${i === 0 ? "gradient" : state[i - 1]} has shape ${show(shape)} but must have the weight's ${show(w.shape)}`,
        );
    });
    if (show(hyper.shape) !== `[${HYPER_NUMBERS}]`)
      throw new ShapeError(`${where}: hyper has shape ${show(hyper.shape)} but must be [${HYPER_NUMBERS}]`);
    return [float32(w.shape)];
  },
  forward(e, inputs, _, params) {
    const [w, gradient, ...rest] = inputs.map((input) => input.base);
    const hyper = rest.pop()!;
    const count = sizeOf(inputs[0].shape);
    const units = Math.ceil(count / MAP_BLOCK);
    const names = optimizerState(params);
    const state = (name: string) => rest[names.indexOf(name)] ?? 0;
    const rule = inputs.at(-1)!.base.plus(RULE_START * 4);
    const [square, mean, velocity, largest, delta] = ["square", "mean", "velocity", "largest", "delta"].map(
      state,
    );
    switch (params.kind) {
      case "sgd": {
        const nesterov = Number(params.nesterov ?? false);
        e.call("sgd_f32", units, [w, gradient, velocity, hyper, rule, nesterov, count]);
        break;
      }
      case "rmsprop":
      case "adagrad":
        e.call("rmsprop_f32", units, [w, gradient, square, mean, velocity, hyper, rule, count]);
        break;
      case "adadelta":
        e.call("adadelta_f32", units, [w, gradient, square, delta, hyper, rule, count]);
        break;
      case "lion":
        e.call("lion_f32", units, [w, gradient, mean, hyper, rule, count]);
        break;
      case "lamb": {
        const change = e.scratch(count * 4);
        e.call("adam_f32", units, [change, w, gradient, mean, square, largest, hyper, rule, count]);
        const sums = [w, change].map((base) => {
          const sum = e.scratch(4);
          sumOfSquares(e, sum, [{ base, shape: [count] }]);
          return sum;
        });
        const rate = e.scratch(4);
        e.call("trust_rate_f32", 1, [rate, sums[0], sums[1], hyper]);
        e.call("sgd_f32", units, [w, change, 0, rate, e.constant(ruleOf({ kind: "sgd" })), 0, count]);
        break;
      }
      default:
        e.call("adam_f32", units, [w, w, gradient, mean, square, largest, hyper, rule, count]);
    }
  },
};

/** [average, x, rate], with rate float32 [1], which is -share: average += share · (x - average), in place. */
export const blend: Op<object> = {
  name: "blend",
  alias: "update",
  infer(inputs, _, where) {
    arity(inputs, 3, 3, where);
    for (const input of inputs) requireFloats(input, where);
    return [float32(inputs[0].shape)];
  },
  forward(e, [average, x, rate]) {
    const count = sizeOf(average.shape);
    // A step of gradient descent whose weight decay is -1: average -= -share · (x - average).
    const rule = e.constant(ruleOf({ kind: "sgd", weightDecay: -1 }));
    const units = Math.ceil(count / MAP_BLOCK);
    e.call("sgd_f32", units, [average.base, x.base, 0, rate.base, rule, 0, count]);
  },
};

export interface LimitParams {
  limit: number;
}

function checkLimit(limit: number, where: string): void {
  if (!(finite(limit, "limit", where) > 0)) refuse(limit, "limit", where, "above 0");
}

/**
 * The factor by which all gradients are multiplied so that their joint L2 norm is at most `limit`, and their norm before that.
 * As PyTorch's clip_grad_norm_.
 */
export const normLimit: Op<LimitParams> = {
  name: "normLimit",
  infer(inputs, { limit }, where) {
    arity(inputs, 1, Infinity, where);
    for (const input of inputs) requireFloats(input, where);
    checkLimit(limit, where);
    return [float32([]), float32([])];
  },
  forward(e, inputs, [scale, norm], { limit }) {
    const sum = e.scratch(4);
    sumOfSquares(e, sum, inputs);
    e.call("norm_limit_f32", 1, [scale.base, norm.base, sum, limit]);
  },
};

/** The sum of the squares of all values. */
function sumOfSquares(e: Emitter, sum: Address, values: readonly Pick<Value, "base" | "shape">[]): void {
  const counts = values.map(({ shape }) => sizeOf(shape));
  const blocks = counts.map((count) => Math.ceil(count / MAP_BLOCK));
  const reduce = blocks.reduce((count, n) => count + n, 0);
  const sums = e.scratch(reduce * 4);
  let first = 0;
  values.forEach(({ base }, i) => {
    e.call("loss_f32", blocks[i], [sums.plus(first * 4), base, base, counts[i], LOSS_POWER, 0]);
    first += blocks[i];
  });
  reduceAxis(e, "sum", sum, sums, { outer: 1, reduce, inner: 1 });
}

/** Every value limited to [-limit, limit]. */
export const valueLimit: Op<LimitParams> = {
  name: "valueLimit",
  inPlace: true,
  infer(inputs, { limit }, where) {
    arity(inputs, 1, 1, where);
    requireFloats(inputs[0], where);
    checkLimit(limit, where);
    return [float32(inputs[0].shape)];
  },
  forward(e, [x], [out], { limit }) {
    emitActivation(e, out, x, ACTIVATION_CLAMP, -limit, limit);
  },
};
