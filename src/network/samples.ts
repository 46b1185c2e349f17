// Samples: images and their labels in arrays, checked against a network's inputs and output.
import { ArgumentError, ShapeError } from "../errors.ts";
import { asNumbers, describe, refuse } from "../validate.ts";
import type { Numbers } from "./trainer-interface.ts";

/** How many numbers make one image, at every input and among the labels. */
export interface ImageSizes {
  readonly inputs: readonly { readonly name: string; readonly size: number }[];
  /** Numbers of y per image that are accepted: one class index, or as many values as the output has. */
  readonly labels: readonly number[];
}

/** Samples whose lengths have been checked: inputs in the network's order, and how many images there are. */
export interface CheckedSamples {
  readonly inputs: readonly Numbers[];
  readonly y: Numbers;
  readonly images: number;
  /** Numbers of y per image. */
  readonly perImage: number;
}

/** Throws ArgumentError unless all are arrays of numbers, ShapeError unless they hold the same number of whole images. */
export function checkSamples(samples: unknown, sizes: ImageSizes, what: string): CheckedSamples {
  if (typeof samples !== "object" || samples === null || !("x" in samples))
    return refuse(samples, "the data", what, "{ x, y }: images and their labels");
  const { x, y } = samples as { x: unknown; y?: unknown };
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
  const labels = numbersOf(y, "y", what);
  const perImage = labels.length / images;
  if (!sizes.labels.includes(perImage))
    throw new ShapeError(
      `${what}: y has ${labels.length} values for ${images} images but must have ${sizes.labels.map((n) => n * images).join(" or ")}: ${sizes.labels.join(" or ")} per image`,
    );
  return { inputs, y: labels, images, perImage };
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
