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
import { DROPOUTS, type DropoutOps } from "./dropout.ts";
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
    DropoutOps,
    MathOps,
    ReductionOps,
    GatherOps,
    ShapeOps,
    CreationOps {}

/** What all ops are made of, once: programs are kept by definition. Those defined here stand in for layers of the same name: they take more. */
let kinds: readonly LayerKind[] | undefined;
function allKinds(): readonly LayerKind[] {
  kinds ??= [
    ...(Object.values(layers) as LayerKind[]),
    ...([im2col, col2im] as LayerKind[]),
    ...mathDefinitions(),
    ...moveDefinitions(),
  ];
  return kinds;
}

/** Puts the ops on a prototype; `runtimeOf` tells whose kernels an object runs on. */
export function installOps<T extends object>(prototype: T, runtimeOf: (self: T) => Runtime): void {
  const methods: Record<string, (this: T, ...args: unknown[]) => unknown> = {};
  for (const layer of allKinds()) {
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
  for (const [name, drop] of DROPOUTS)
    methods[name] = function (...args) {
      return drop(runtimeOf(this), args);
    };
  for (const [name, create] of Object.entries(CREATORS))
    methods[name] = function (...args) {
      const runtime = runtimeOf(this);
      runtime.alive(name);
      return create(runtime, ...(args as never[]));
    };
  Object.assign(prototype, methods);
}

/** By the kernels they run on. */
const OPS = /* @__PURE__ */ new WeakMap<Runtime, EagerOps>();

/** The ops of an engine, for who has no more than its kernels. */
export function opsOf(runtime: Runtime): EagerOps {
  let ops = OPS.get(runtime);
  if (!ops) {
    ops = {} as EagerOps;
    installOps(ops, () => runtime);
    OPS.set(runtime, ops);
  }
  return ops;
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
