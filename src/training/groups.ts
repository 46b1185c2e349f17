// Which weights have a learning rate or weight decay of their own: parameter groups, and a decay by depth.
import type { Model } from "../model/schema.ts";
import { selected } from "../network/layer-selection.ts";
import type { TrainOptions } from "../network/trainer-interface.ts";

/** How a weight is trained apart from what the optimizer says. */
export interface WeightRule {
  /** What the learning rate is multiplied by. */
  readonly factor: number;
  readonly weightDecay: number | undefined;
}

/** The block that holds what updates of weights with this rule read besides weights and state, see `stepNumbers`. */
export const hyperOf = ({ factor, weightDecay }: WeightRule): string => ` hyper ${factor} ${weightDecay}`;

/** The rule of each weight, by name. Throws ArgumentError where a group names what the model does not have. */
export function weightRules(
  model: Model,
  weights: readonly string[],
  { groups = [], layerDecay }: TrainOptions,
): ReadonlyMap<string, WeightRule> {
  const layers = model.layers.map(({ name }) => name);
  const known = new Set(layers);
  const members = groups.map((group, i) => {
    const own = group.layers && new Set(selected(group.layers, layers, `groups[${i}].layers`, "layer"));
    const named =
      group.weights && new Set(selected(group.weights, weights, `groups[${i}].weights`, "weight"));
    return (name: string): boolean => (!own || own.has(layerOf(name, known))) && (!named || named.has(name));
  });
  const depths =
    layerDecay === undefined
      ? undefined
      : depthsOf(model, new Set(weights.map((name) => layerOf(name, known))));
  const deepest = depths ? Math.max(...depths.values()) : 0;
  return new Map(
    weights.map((name) => {
      const group = groups[members.findIndex((isMember) => isMember(name))];
      const depth = depths?.get(layerOf(name, known)) ?? 0;
      const factor = (group?.learningRate ?? 1) * (depths ? layerDecay! ** (deepest - depth) : 1);
      return [name, { factor, weightDecay: group?.weightDecay }];
    }),
  );
}

/** The layer that a weight's name begins with; names of both may hold dots. */
function layerOf(weight: string, layers: ReadonlySet<string>): string {
  let layer = weight;
  while (layer && !layers.has(layer)) layer = layer.slice(0, Math.max(0, layer.lastIndexOf(".")));
  return layer;
}

/** Of each layer, the most layers with weights on a way to it, itself included. Normalisation belongs to the layer before it. */
function depthsOf(model: Model, weighted: ReadonlySet<string>): Map<string, number> {
  const depths = new Map<string, number>();
  for (const { name, kind, inputs } of model.layers) {
    const before = inputs.map((ref) => depths.get(ref) ?? depths.get(ref.replace(/:\d+$/, "")) ?? 0);
    const counts = weighted.has(name) && !/norm$|^prelu$/i.test(kind);
    depths.set(name, Math.max(0, ...before) + Number(counts));
  }
  return depths;
}
