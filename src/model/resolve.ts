// What `compile` is given, as a description, its weights, and what is still open.

import type { Shape } from "../tensor.ts";
import { isModelLike } from "../validate.ts";
import { broughtBy, descriptionOf } from "./brought.ts";
import type { SomeWeights } from "./graph-builder.ts";
import type { DescribedModel, Model, ModelSource, ResolveOptions, TrainedModel } from "./schema.ts";

export interface Resolved {
  readonly model: Model;
  readonly weights: SomeWeights | undefined;
  readonly kinds: DescribedModel["kinds"];
  /** Whether layers may lack weights. */
  readonly partial: boolean;
  readonly batchSize: number;
  /** Sizes for inputs of the description that leave some open. */
  readonly shape: Shape | Readonly<Record<string, Shape>> | undefined;
}

/** A graph of another library's operators is described for the sizes it is compiled for; a model is taken as it is. */
export function resolved(
  source: Model | TrainedModel | ModelSource,
  { kinds, ...options }: ResolveOptions & { kinds?: DescribedModel["kinds"] },
): Resolved {
  const given = describedBy(source, options);
  return kinds ? { ...given, kinds: { ...given.kinds, ...kinds } } : given;
}

function describedBy(source: Model | TrainedModel | ModelSource, options: ResolveOptions): Resolved {
  const { shape, batchSize = 1 } = options;
  if (isModelLike(source)) {
    if ("resolve" in source) {
      const given = source.resolve({ shape, batchSize });
      // Without a batch, the images of a run are an axis of the description's own.
      return {
        ...given,
        partial: given.partial === true,
        batchSize: given.model.batch === false ? 1 : batchSize,
        shape: undefined,
      };
    }
    if ("model" in source) {
      const { model, weights, kinds, partial = false } = source;
      return { model, weights, kinds, partial, batchSize, shape };
    }
    const brought = broughtBy(source);
    if (brought) {
      const { kinds } = brought;
      const weights = Object.keys(brought.weights).length ? brought.weights : undefined;
      return { model: descriptionOf(source), weights, kinds, partial: true, batchSize, shape };
    }
  }
  return { model: source as Model, weights: undefined, kinds: undefined, partial: false, batchSize, shape };
}
