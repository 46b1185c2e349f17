// Eager dropout: what its layers do in training, by numbers that every call draws anew.
import type { Edge } from "../graph/graph.ts";
import { dropout, dropPath, spatialDropout } from "../layers/index.ts";
import type { LayerKind, SharedOptions } from "../layers/layer.ts";
import { dropout as drop } from "../ops/dropout.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Tensor } from "../tensor.ts";
import { aSeed, checkOptions } from "../validate.ts";
import { nextCall, type SeedOption } from "./create.ts";
import { runLayer } from "./run.ts";
import { afterCalls, traceOf } from "./trace.ts";

export interface DropoutOptions extends SharedOptions<typeof dropout>, SeedOption {}

/**
 * They drop in every call. Within a layer or a loss of one's own, which are traced into a network, they drop in its training alone, other
 * values in every step, and `seed` has no effect. Errors of all methods: ArgumentError for what is no tensor or option, DisposedError, MemoryError.
 */
export interface DropoutOps {
  /** Sets values to 0 with the probability `rate` and scales the others by 1 / (1 − rate). */
  dropout(x: Tensor, options: DropoutOptions): Tensor;
  /** Sets whole channels of images [n, ..., c] to 0 and scales the others: PyTorch's dropout2d. */
  spatialDropout(x: Tensor, options: DropoutOptions): Tensor;
  /** Sets whole images of a batch to 0 and scales the others: stochastic depth. */
  dropPath(x: Tensor, options: DropoutOptions): Tensor;
}

const NONE: ReadonlySet<string> = new Set();

/** A layer as it is in training, which draws from a second input: int32 [4], a seed of two words and a count of two. */
const drawing = ({ kind, definition }: LayerKind): LayerKind => ({
  kind,
  definition: {
    inputs: [2, 2],
    options: definition.options,
    build(g, config, [x, state], weights, where): Edge | readonly Edge[] {
      const { training } = g;
      g.training = { frozen: NONE, dropout: (_, x, rate) => g.op(drop, [x, state], { rate, stream: 0 }) };
      try {
        return definition.build(g, config, [x], weights, where);
      } finally {
        g.training = training;
      }
    },
  },
});

/** The layers, by the names of their methods, and what runs them. */
export const DROPOUTS: ReadonlyMap<string, (runtime: Runtime, args: readonly unknown[]) => unknown> =
  /* @__PURE__ */ new Map(
    [dropout, spatialDropout, dropPath].map((layer) => {
      const drawn = drawing(layer);
      const checks = { ...layer.definition.options, seed: aSeed };
      return [
        layer.kind,
        (runtime: Runtime, args: readonly unknown[]): unknown => {
          runtime.alive(layer.kind);
          const [x, options = {}, ...more] = args;
          checkOptions(layer.kind, options, checks);
          const { seed, ...config } = options as DropoutOptions;
          // The training that it is traced into, if there is one, draws the numbers.
          if (traceOf(runtime)?.isReadable === false) return runLayer(runtime, layer, [x, config, ...more]);
          const state = new Tensor<"int32">(runtime, { shape: [4], dtype: "int32" }, layer.kind);
          try {
            state.write(seed === undefined ? [0, 0, nextCall(runtime), 0] : [seed, 1, 0, 0]);
            return runLayer(runtime, drawn, [x, state, config, ...more]);
          } finally {
            afterCalls(runtime, () => state.dispose());
          }
        },
      ] as const;
    }),
  );
