// Runs what a layer's definition builds on tensors at once, or has a trace record it.
import type { LayerKind } from "../layers/layer.ts";
import type { Runtime } from "../runtime/instance.ts";
import type { Tensor } from "../tensor.ts";
import { type CheckedCall, layerCall } from "./call.ts";
import { programsOf } from "./programs.ts";
import { traceOf } from "./trace.ts";

/** Runs a layer's definition on tensors at once. See `layerCall`. `check` is called once all fits, before anything is computed. */
export function runLayer(
  runtime: Runtime,
  layer: LayerKind,
  args: readonly unknown[],
  check?: () => void,
): Tensor | Tensor[] {
  runtime.alive(layer.kind);
  return runCall(runtime, layer, layerCall(runtime, layer.kind, layer, args), check);
}

/** Runs a call that has been checked, or has the trace of the engine record it where there is one. */
export function runCall(
  runtime: Runtime,
  layer: Pick<LayerKind, "kind">,
  checked: CheckedCall,
  check?: () => void,
): Tensor | Tensor[] {
  const trace = traceOf(runtime);
  if (trace) {
    const recorded = trace.record(layer, checked);
    check?.();
    return recorded;
  }
  const { outs, isList } = programsOf(runtime).run(layer, checked, check);
  return isList ? outs : outs[0];
}
