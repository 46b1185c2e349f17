// Samples: images and their labels in arrays, checked against a network's inputs and output.
import { ArgumentError, ShapeError } from "../errors.ts";
import { asNumbers, describe, isObject, isPlain, refuse } from "../validate.ts";

/** Values in a typed array or a list: of all images, one after the other. */
export type Numbers = ArrayLike<number>;

/** How many numbers make one image, at every input and among the labels. */
export interface ImageSizes {
  readonly inputs: readonly { readonly name: string; readonly size: number }[];
  /** Of each output with a loss: the numbers of y per image that are accepted, one class index, or as many values as the output has. */
  readonly labels: readonly { readonly name: string; readonly sizes: readonly number[] }[];
  /** Whether y is an object by the names of outputs. */
  readonly byName: boolean;
}

/** Samples whose lengths have been checked: inputs in the network's order, labels in that of outputs with a loss. */
export interface CheckedSamples {
  readonly inputs: readonly Numbers[];
  /** Of each output with a loss; then the images' weights, where they are given. */
  readonly labels: readonly Numbers[];
  readonly images: number;
  /** Numbers per image of each of the labels. */
  readonly perImage: readonly number[];
}

/** Throws ArgumentError unless all are arrays of numbers, ShapeError unless they hold the same number of whole images. */
export function checkSamples(samples: unknown, sizes: ImageSizes, what: string): CheckedSamples {
  if (typeof samples !== "object" || samples === null || !("x" in samples))
    return refuse(samples, "the data", what, "{ x, y }: images and their labels");
  // `weights`, say, would not count.
  const other = isPlain(samples) && Object.keys(samples).find((key) => !["x", "y", "weight"].includes(key));
  if (other)
    throw new ArgumentError(`${what}: the data hold ${describe(other)}, but there are x, y and weight`);
  const { x, y, weight } = samples as { x: unknown; y?: unknown; weight?: unknown };
  const inputs = inputsOf(x, sizes.inputs, what);
  let images = 0;
  inputs.forEach((values, i) => {
    const { name, size } = sizes.inputs[i];
    if (values.length === 0 || values.length % size !== 0)
      throw new ShapeError(
        `${what}: x "${name}" has ${values.length} values, which is not a whole number of images of ${size}`,
      );
    if (i > 0 && values.length / size !== images)
      throw new ShapeError(
        `${what}: x "${name}" has ${values.length / size} images but "${sizes.inputs[0].name}" has ${images}`,
      );
    images = values.length / size;
  });
  if (y === undefined) throw new ArgumentError(`${what}: y is missing`);
  const labels = sizes.labels.map(({ name, sizes: accepted }) => {
    const own = sizes.byName ? `y "${name}"` : "y";
    const values = numbersOf(sizes.byName ? namedLabels(y, name, what) : y, own, what);
    if (!accepted.includes(values.length / images))
      throw new ShapeError(
        `${what}: ${own} has ${values.length} values for ${images} images but must have ${accepted.map((n) => n * images).join(" or ")}: ${accepted.join(" or ")} per image`,
      );
    return values;
  });
  if (weight !== undefined) labels.push(weightsOf(weight, images, what));
  return { inputs, labels, images, perImage: labels.map(({ length }) => length / images) };
}

/** The labels of one output. */
function namedLabels(y: unknown, name: string, what: string): unknown {
  if (!isObject(y) || ArrayBuffer.isView(y) || !Object.hasOwn(y, name))
    throw new ArgumentError(
      `${what}: y holds no array "${name}", as losses are given by output; it is ${describe(y)}`,
    );
  return y[name];
}

/** A factor for each image. */
function weightsOf(weight: unknown, images: number, what: string): Numbers {
  const weights = numbersOf(weight, "weight", what);
  if (weights.length !== images)
    throw new ShapeError(
      `${what}: weight has ${weights.length} values but must have one for each of ${images} images`,
    );
  for (let i = 0; i < images; i++)
    if (!(weights[i] >= 0 && weights[i] < Infinity))
      refuse(weights[i], `weight[${i}]`, what, "a number of at least 0");
  return weights;
}

/** One array of numbers for each input. */
function inputsOf(x: unknown, inputs: ImageSizes["inputs"], what: string): Numbers[] {
  const single = ArrayBuffer.isView(x) || Array.isArray(x);
  if (single && inputs.length > 1)
    throw new ArgumentError(
      `${what}: x is one array but the network has ${inputs.length} inputs: ${inputs.map((i) => `"${i.name}"`).join(", ")}; give an object by name`,
    );
  if (single) return [numbersOf(x, "x", what)];
  if (typeof x !== "object" || x === null || "dtype" in x) return [numbersOf(x, "x", what)];
  return inputs.map(({ name }) => {
    if (!Object.hasOwn(x, name))
      throw new ArgumentError(`${what}: x holds no array "${name}"; it is ${describe(x)}`);
    return numbersOf((x as Readonly<Record<string, unknown>>)[name], `x "${name}"`, what);
  });
}

function numbersOf(value: unknown, name: string, what: string): Numbers {
  if (typeof value === "object" && value !== null && "dtype" in value)
    refuse(value, name, what, "an array: give tensor.data()");
  return asNumbers(value, name, what);
}
