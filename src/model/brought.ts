// Weights and kinds of layers that a model brings along beside its description: those of trained models that it is built on.
import { ArgumentError } from "../errors.ts";
import type { Layer, LayerKind } from "../layers/layer.ts";
import { describe } from "../validate.ts";
import type { Model, WeightReader } from "./schema.ts";

/** Weights by name, and kinds beyond those every engine knows. */
export interface Brought {
  readonly weights: Readonly<Record<string, ArrayLike<number> | WeightReader>>;
  readonly kinds?: Readonly<Record<string, LayerKind>>;
}

/** The key of a model under which it has them. No JSON holds it, so that a description without it is the same model, untrained. */
const BROUGHT = Symbol("weights");

type Bringing = Model & { [BROUGHT]?: Brought };

/** What a model brings along; undefined where it is a description alone. */
export const broughtBy = (model: Model): Brought | undefined => (model as Bringing)[BROUGHT];

/** The description alone. */
export function descriptionOf<M extends Model>(model: M): M {
  const { [BROUGHT]: _, ...description } = model as M & Bringing;
  return description as unknown as M;
}

/** What layers of trained models bring along; the weights by their names in the layer. */
const LAYERS = new WeakMap<Layer, Brought>();

export function bring(layer: Layer, brought: Brought): void {
  LAYERS.set(layer, brought);
}

/** Gives a model what its layers bring along. Throws ArgumentError where they mean different kinds by one name. */
export function collect(model: Model, layers: ReadonlyMap<Layer, string>): void {
  const weights: Record<string, ArrayLike<number> | WeightReader> = {};
  const kinds: Record<string, LayerKind> = {};
  let any = false;
  for (const [layer, name] of layers) {
    const { custom } = layer;
    const own = custom && { weights: {}, kinds: { [custom.kind]: custom } };
    const brought: Brought | undefined = LAYERS.get(layer) ?? own;
    if (!brought) continue;
    any = true;
    for (const [weight, values] of Object.entries(brought.weights)) weights[`${name}.${weight}`] = values;
    for (const [kind, definition] of Object.entries(brought.kinds ?? {})) {
      if (Object.hasOwn(kinds, kind) && kinds[kind] !== definition)
        throw new ArgumentError(`model: two kinds of layers are named ${describe(kind)}`);
      kinds[kind] = definition;
    }
  }
  if (any) (model as Bringing)[BROUGHT] = { weights, kinds };
}
