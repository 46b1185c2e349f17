// The ops of an engine: one method for every layer, made of its definition, and the ops that are no layers.
import { ShapeError } from "../errors.ts";
import * as layers from "../layers/index.ts";
import type { LayerKind } from "../layers/layer.ts";
import type { LossOptions } from "../layers/loss-options.ts";
import { wrongClass } from "../ops/loss.ts";
import type { Runtime } from "../runtime/instance.ts";
import type { DType, Tensor } from "../tensor.ts";
import type { ActivationOps } from "./activation.ts";
import type { AttentionOps } from "./attention.ts";
import type { ConvOps } from "./conv.ts";
import { CREATORS, type CreationOps } from "./create.ts";
import { col2im, im2col, loss } from "./definitions.ts";
import type { ElementwiseOps } from "./elementwise.ts";
import type { GatherOps } from "./gather.ts";
import type { MathOps } from "./math.ts";
import { mathDefinitions, TAKES_NUMBERS } from "./math-definitions.ts";
import { moveDefinitions } from "./move-definitions.ts";
import { withNumbers } from "./operand.ts";
import type { PoolOps } from "./pool.ts";
import type { ReductionOps } from "./reduction.ts";
import { runLayer } from "./run.ts";
import type { ShapeOps } from "./shape.ts";

/** The ops that run at once. Every layer has one of the same name, with the same options: `engine.conv2d(x, w, { stride: 2 })`. */
export interface EagerOps
  extends ConvOps,
    PoolOps,
    ActivationOps,
    AttentionOps,
    ElementwiseOps,
    MathOps,
    ReductionOps,
    GatherOps,
    ShapeOps,
    CreationOps {}

/** Puts the ops on a prototype; `runtimeOf` tells whose kernels an object runs on. */
export function installOps<T extends object>(prototype: T, runtimeOf: (self: T) => Runtime): void {
  const methods: Record<string, (this: T, ...args: unknown[]) => unknown> = {};
  // Those defined here stand in for layers of the same name: they take more, as any axis or int32.
  const kinds = [...Object.values(layers), im2col, col2im, ...mathDefinitions(), ...moveDefinitions()];
  for (const layer of kinds as LayerKind[]) {
    const { kind, definition } = layer;
    if (definition.eager === false) continue;
    methods[kind] = TAKES_NUMBERS.has(kind)
      ? function (...args) {
          const runtime = runtimeOf(this);
          return withNumbers(runtime, kind, args, (operands) => runLayer(runtime, layer, operands));
        }
      : function (...args) {
          return runLayer(runtimeOf(this), layer, args);
        };
  }
  methods.loss = function (...args) {
    return runLayer(runtimeOf(this), loss, args, () => {
      const [x, target, { ignoreIndex }] = args as [Tensor, Tensor<DType>, LossOptions];
      // Those of a traced loss are checked where it is given samples.
      if (target.dtype === "int32" && target.isReadable)
        checkClasses(target as Tensor<"int32">, x, ignoreIndex);
    });
  };
  for (const [name, create] of Object.entries(CREATORS))
    methods[name] = function (...args) {
      const runtime = runtimeOf(this);
      runtime.alive(name);
      return create(runtime, ...(args as never[]));
    };
  Object.assign(prototype, methods);
}

/** The ops of an engine, for who has no more than its kernels. */
export function opsOf(runtime: Runtime): EagerOps {
  const ops = {};
  installOps(ops, () => runtime);
  return ops as EagerOps;
}

/** Throws unless every label is a class of x's last axis, or to be ignored: kernels do not check. */
function checkClasses(target: Tensor<"int32">, { shape }: Tensor, ignoreIndex?: number): void {
  const classes = shape[shape.length - 1];
  const labels = target.data();
  const i = wrongClass(labels, classes, ignoreIndex);
  if (i >= 0)
    throw new ShapeError(
      `loss: target[${i}] is ${labels[i]} but must be a class from 0 to ${classes - 1}: x has shape [${shape.join(",")}]`,
    );
}
