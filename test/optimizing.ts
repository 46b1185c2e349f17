// Runs steps of an optimizer, whole and cut into pieces.

import { denseValue, float32, type Op, type TensorType, type Value } from "../src/graph/op.ts";
import { optimize } from "../src/ops/optimizer.ts";
import { HYPER_NUMBERS, type Optimizer, optimizerState, stepNumbers } from "../src/ops/optimizer-formulas.ts";
import { Address } from "../src/runtime/address.ts";
import { type Executor, runRange } from "../src/runtime/executor.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { Program } from "../src/runtime/program.ts";

/** The weights after every step; `state` receives what the optimizer keeps. Whole and cut steps must agree in every bit. */
export async function train(
  engine: Runtime | Promise<Runtime>,
  optimizer: Optimizer,
  weights: ArrayLike<number>,
  gradients: readonly ArrayLike<number>[],
  rate: number | ((step: number) => number),
  state: Record<string, Float32Array> = {},
): Promise<Float32Array[]> {
  const runtime = await engine;
  const before = runtime.memory.use.live;
  const rateOf = typeof rate === "number" ? () => rate : rate;
  const whole = once(runtime, optimizer, weights, gradients, rateOf, state, undefined);
  const cut = once(runtime, optimizer, weights, gradients, rateOf, {}, { run: inPieces });
  whole.forEach((w, step) => {
    const at = w.findIndex((v, i) => !Object.is(v, cut[step][i]));
    if (at >= 0) throw new Error(`optimizer: cutting the range changes weight ${at} in step ${step}`);
  });
  if (runtime.memory.use.live !== before) throw new Error("optimizer: left memory behind");
  return whole;
}

function once(
  runtime: Runtime,
  optimizer: Optimizer,
  weights: ArrayLike<number>,
  gradients: readonly ArrayLike<number>[],
  rateOf: (step: number) => number,
  state: Record<string, Float32Array>,
  executor: Pick<Executor, "run"> | undefined,
): Float32Array[] {
  const program = new Program(runtime, "optimizer");
  const type = float32([weights.length]);
  const names = optimizerState(optimizer);
  const types: TensorType[] = [type, type, ...names.map(() => type), float32([HYPER_NUMBERS])];
  const op: Op<Optimizer> = optimize;
  op.infer(types, optimizer, "optimizer");
  const values = types.map(({ shape, dtype }): Value => {
    const base = Address.of(shape[0] * 4, "run");
    program.input(base);
    program.output(base);
    return denseValue({ shape, dtype }, base);
  });
  op.forward(program, values, [values[0]], optimizer);
  program.place();
  const { floats } = runtime.memory;
  const [w, gradient, ...kept] = values.map((v) => v.base.value / 4);
  const hyper = kept.pop()!;
  floats.set(Float32Array.from(weights), w);
  for (const at of kept) floats.fill(0, at, at + weights.length);
  const results = gradients.map((g, i) => {
    floats.set(Float32Array.from(g), gradient);
    floats.set(stepNumbers(optimizer, i + 1, rateOf(i + 1)), hyper);
    program.run(executor);
    return floats.slice(w, w + weights.length);
  });
  names.forEach((name, i) => {
    state[name] = floats.slice(kept[i], kept[i] + weights.length);
  });
  program.dispose();
  return results;
}

const inPieces: Executor["run"] = ({ kernel, args, units }) => {
  for (let at = units; at > 0; at--) runRange(kernel, args, at - 1, at);
};
