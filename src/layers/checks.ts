// Checks of what several kinds of layers take as options. The table of a kind holds one for every option, which the compiler asks for.
import { ShapeError } from "../errors.ts";
import { ACTIVATION_KINDS, type Activation } from "../ops/activation.ts";
import type { Padding } from "../ops/window.ts";
import type { TensorType } from "../tensor.ts";
import {
  type AnyCheck,
  aList,
  aNumber,
  anInteger,
  anObject,
  aWord,
  type Check,
  describe,
  finite,
  isPlain,
  type Needed,
  needed,
  refuse,
} from "../validate.ts";
import type { ActivationConfig } from "./fused.ts";
import type { Initializer } from "./initializers.ts";

/** Marks an option that the eager op does not take: it says which weights to make, or how to train. */
interface LayerOnly {
  readonly layerOnly: true;
}

/**
 * A check for every option of C besides `name`: marked as `layerOnly` where it is one of `Only`, and as `needed` where C cannot go
 * without it.
 */
export type OptionChecks<C, Only extends PropertyKey> = {
  readonly [K in Exclude<keyof C, "name">]: Check<Exclude<C[K], undefined>> &
    (K extends Only ? LayerOnly : { readonly layerOnly?: undefined }) &
    (object extends Pick<C, K> ? { readonly example?: undefined } : Needed);
};

/** The same for a kind whose config has an unknown type. */
export type AnyOptionChecks = Readonly<Record<string, AnyCheck & Partial<LayerOnly>>>;

/** An option that the eager op does not take. */
export const layerOnly = <C extends AnyCheck>(check: C): C & LayerOnly =>
  Object.assign(check.bind(undefined) as C, check, { layerOnly: true } as const);

/** An axis: negative ones count from the back. */
export const anAxis: Check<number> = (value, name, where) => {
  if (!Number.isInteger(value)) refuse(value, name, where, "an integer");
};

/** Any number, infinite ones too: what an element can be. */
export const aValue: Check<number> = (value, name, where) => {
  if (typeof value !== "number") refuse(value, name, where, "a number");
};

/** A number from 0 to 1. */
export const aShare: Check<number> = (value, name, where) => {
  if (!(finite(value, name, where) >= 0 && (value as number) <= 1)) refuse(value, name, where, "from 0 to 1");
};

/** A size, stride or dilation: an integer for all axes, or a list of one per axis. */
export const aPerAxis = (min: number): Check<number | readonly number[]> => {
  const one = anInteger(min);
  const list = aList(one);
  return (value, name, where) => (Array.isArray(value) ? list : one)(value, name, where);
};

const amount = anInteger(0);
const amounts = aList(amount);

/** What is added or cut before and after an axis. */
export const aPair: Check<readonly [before: number, after: number]> = (value, name, where) => {
  if (!Array.isArray(value) || value.length !== 2) refuse(value, name, where, "a pair [before, after]");
  amounts(value, name, where);
};

type Pairs = readonly (readonly [before: number, after: number])[];

/** A pair for every axis of a tensor, from one for each axis or for each spatial one. */
export function pairsOf(pairs: Pairs, { shape }: TensorType, where: string): Pairs {
  const axes = shape.length - 2;
  const every = pairs.length === axes ? [NO_PAIR, ...pairs, NO_PAIR] : pairs;
  if (every.length !== shape.length)
    throw new ShapeError(
      `${where}: got ${describe(pairs)} but the input has ${axes} spatial axes: ` +
        `give ${axes} pairs [before, after], or ${shape.length}, one per axis`,
    );
  return every;
}

const NO_PAIR = [0, 0] as const;

const sides = aList<number | readonly [number, number]>((value, name, where) =>
  (Array.isArray(value) ? aPair : amount)(value, name, where),
);

export const aPadding: Check<Padding> = (value, name, where) => {
  if (typeof value === "number") amount(value, name, where);
  else if (Array.isArray(value)) sides(value, name, where);
  else if (!["valid", "same", "half"].includes(value as string))
    refuse(
      value,
      name,
      where,
      '"valid", "same", "half", a number, or a list of numbers or [before, after] pairs',
    );
};

/** The padding of a convolution, which over one axis can be causal. */
export const aConvPadding: Check<Padding | "causal"> = (value, name, where) => {
  if (value !== "causal") aPadding(value, name, where);
};

const anyActivation = aWord("softmax", "logSoftmax", ...ACTIVATION_KINDS);
const activationOptions = anObject<Activation>({
  kind: needed(aWord(...ACTIVATION_KINDS), '"leakyRelu"'),
  alpha: aNumber,
});

export const anActivation: Check<ActivationConfig> = (value, name, where) =>
  (isPlain(value) ? activationOptions : anyActivation)(value, name, where);

const INITIALIZERS = ["glorotUniform", "glorotNormal", "heUniform", "heNormal", "zeros", "ones"] as const;
const aNamedInitializer = aWord(...INITIALIZERS);
const aConstant = anObject<{ constant: number }>({ constant: needed(aNumber, "0") });

export const anInitializer: Check<Initializer> = (value, name, where) =>
  (isPlain(value) ? aConstant : aNamedInitializer)(value, name, where);

/** A number of channels, features, groups, pixels. */
export const aCount = anInteger(1);
