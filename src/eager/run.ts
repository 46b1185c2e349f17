// Runs what a layer's definition builds on tensors at once, or has a trace record it.
import type { LayerKind } from "../layers/layer.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Tensor } from "../tensor.ts";
import { type CheckedCall, layerCall } from "./call.ts";
import { programsOf } from "./programs.ts";
import { traceOf, typesOf } from "./trace.ts";

/**
 * Runs a layer's definition on tensors at once. See `layerCall`. What only has another shape shares the memory of its input. `check` is
 * called once all fits, before anything is computed.
 */
export function runLayer(
  runtime: Runtime,
  layer: LayerKind,
  args: readonly unknown[],
  check?: () => void,
): Tensor | Tensor[] {
  runtime.alive(layer.kind);
  const checked = layerCall(runtime, layer.kind, layer, args);
  if (layer.definition.isView && !traceOf(runtime)) {
    const [type] = typesOf(runtime, layer, checked).types;
    return new Tensor(runtime, type, layer.kind, checked.tensors[0]);
  }
  return runCall(runtime, layer, checked, check);
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
