// Normalisations.

import type { Value } from "../import/value.ts";
import { type Call, type Operators, product, toFirst, toLast, upTo } from "./operator.ts";

/** With channels last, where there are axes behind them. */
const onChannels = (call: Call, x: Value, write: (x: Value) => Value): Value =>
  x.shape.length > 2 ? toFirst(call.w, write(toLast(call.w, x))) : write(x);

/** A layer with constant weights, or the layer of the same purpose whose weights are values. */
function normalise(
  call: Call,
  kinds: readonly [constant: string, dynamic: string],
  weights: Readonly<Record<string, Value>>,
  config: Record<string, unknown>,
): Value {
  const values = Object.values(weights);
  const c = call.input(0).shape[1];
  const wrong = values.find(({ shape }) => shape.length !== 1 || shape[0] !== c);
  if (wrong) call.fail(`a weight has shape [${wrong.shape}] but the input has ${c} channels`);
  return onChannels(call, call.input(0), (x) => {
    if (!values.every((value) => value.constant))
      return call.w.layer(kinds[1], [x, ...values], config, { perImage: true })[0];
    const constants = Object.entries(weights).map(([name, value]) => [name, value.constant!] as const);
    return call.w.image(kinds[0], x, config, Object.fromEntries(constants));
  });
}

/** By the statistics of the batch; the running ones move towards these. */
function batchStatistics(call: Call): readonly Value[] {
  const { w, attributes } = call;
  const [x, gamma, beta, mean, variance] = upTo(5).map((i) => call.input(i));
  const momentum = attributes.float("momentum") ?? 0.9;
  const axes = upTo(x.shape.length).filter((axis) => axis !== 1);
  const perChannel = (value: Value): Value =>
    w.reshape(
      value,
      x.shape.map((size, i) => (i === 1 ? size : 1)),
    );
  const own = w.reduction("mean", x, axes, true);
  const centred = w.arithmetic("sub", x, own);
  const spread = w.reduction("mean", w.unary("square", centred), axes, true);
  const deviation = w.unary(
    "sqrt",
    w.arithmetic("add", spread, w.float(attributes.float("epsilon") ?? 1e-5)),
  );
  const scaled = w.arithmetic("mul", w.arithmetic("div", centred, deviation), perChannel(gamma));
  const moved = (running: Value, now: Value): Value =>
    w.arithmetic(
      "add",
      w.arithmetic("mul", running, w.float(momentum)),
      w.arithmetic("mul", w.reshape(now, running.shape), w.float(1 - momentum)),
    );
  return [w.arithmetic("add", scaled, perChannel(beta)), moved(mean, own), moved(variance, spread)];
}

function batchNorm(call: Call): Value | readonly Value[] {
  const { attributes } = call;
  attributes.ignore("is_test");
  if (attributes.flag("training_mode")) return batchStatistics(call);
  attributes.ignore("momentum");
  if ((attributes.int("spatial") ?? 1) === 0) call.refuse("spatial = 0 has no equivalent here");
  const [, gamma, beta, mean, variance] = upTo(5).map((i) => call.input(i));
  const epsilon = attributes.float("epsilon") ?? 1e-5;
  return normalise(call, ["batchNorm", "dynamicBatchNorm"], { gamma, beta, mean, variance }, { epsilon });
}

function instanceNorm(call: Call): Value {
  const epsilon = call.attributes.float("epsilon") ?? 1e-5;
  const weights = { gamma: call.input(1), beta: call.input(2) };
  return normalise(call, ["instanceNorm", "dynamicInstanceNorm"], weights, { epsilon });
}

/** Before opset 21, there is one weight for each group. */
function groupNorm(call: Call): Value {
  const { w, attributes } = call;
  const epsilon = attributes.float("epsilon") ?? 1e-5;
  const groups = attributes.int("num_groups") ?? call.fail("num_groups is missing");
  attributes.ignore("stash_type");
  const c = call.input(0).shape[1];
  const whole = (weight: Value): Value => {
    if (product(weight.shape) !== groups || groups === c) return weight;
    const each = w.expand(w.reshape(weight, [groups, 1]), [groups, c / groups]);
    return w.reshape(each, [c]);
  };
  const weights = { gamma: whole(call.input(1)), beta: whole(call.input(2)) };
  return normalise(call, ["groupNorm", "dynamicGroupNorm"], weights, { groups, epsilon });
}

/** The last axes together, from `axis` on. Outputs: the result, mean and inverse deviation. */
function layerNorm(call: Call): readonly Value[] {
  const { w, attributes } = call;
  attributes.ignore("stash_type");
  const x = call.input(0);
  const rank = x.shape.length;
  const axis = call.axis(attributes.int("axis") ?? -1, rank);
  const epsilon = attributes.float("epsilon") ?? 1e-5;
  const axes = upTo(rank).slice(axis);
  const [y, ...statistics] = w.layer("dynamicLayerNorm", [x], { axes, epsilon }, { perImage: axis > 0 });
  const scaled = w.arithmetic("mul", y, call.input(1));
  const offset = call.optional(2);
  const shape = x.shape.map((size, i) => (i < axis ? size : 1));
  return [
    offset ? w.arithmetic("add", scaled, offset) : scaled,
    ...statistics.map((s) => w.reshape(s, shape)),
  ];
}

/** Over neighbouring channels. */
function lrn(call: Call): Value {
  const { attributes } = call;
  const config = {
    size: attributes.int("size") ?? call.fail("size is missing"),
    alpha: attributes.float("alpha") ?? 1e-4,
    beta: attributes.float("beta") ?? 0.75,
    bias: attributes.float("bias") ?? 1,
  };
  return onChannels(call, call.input(0), (x) => call.w.image("lrn", x, config));
}

/** (x - mean) / deviation over some axes. */
function meanVariance(call: Call): Value {
  const { w, attributes } = call;
  const x = call.input(0);
  const axes = attributes.ints("axes") ?? [0, 2, 3];
  const centred = w.arithmetic("sub", x, w.reduction("mean", x, axes, true));
  const variance = w.reduction("mean", w.unary("square", centred), axes, true);
  return w.arithmetic("div", centred, w.arithmetic("add", w.unary("sqrt", variance), w.float(1e-9)));
}

export const NORMS: Operators = {
  BatchNormalization: batchNorm,
  GroupNormalization: groupNorm,
  InstanceNormalization: instanceNorm,
  LayerNormalization: layerNorm,
  LRN: lrn,
  MeanVarianceNormalization: meanVariance,
};
