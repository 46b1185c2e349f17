// Pictures as inputs of networks, and what their outputs say.
import { resize, toGray } from "../image/index.ts";
import type { Engine, Network, Shape } from "../index.ts";
import { UsageError } from "./command.ts";
import type { Picture } from "./picture.ts";

/** Bytes of a picture become (byte / 255 - mean) / deviation, by channel. */
const NORMALIZATION = {
  unit: { mean: [0, 0, 0], deviation: [1, 1, 1] },
  symmetric: { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] },
  bytes: { mean: [0, 0, 0], deviation: [1 / 255, 1 / 255, 1 / 255] },
  // What torchvision's nets were trained with: https://pytorch.org/vision/stable/models.html
  imagenet: { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] },
} as const;

export type Range = keyof typeof NORMALIZATION;

interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly channelsFirst: boolean;
}

/** How a shape without batch holds a picture: [h, w, c] or [c, h, w]; undefined where it holds none. */
function imageShape(shape: Shape): ImageShape | undefined {
  const [a, b, c] = shape.length === 4 && shape[0] === 1 ? shape.slice(1) : shape;
  const color = (size: number): boolean => size === 1 || size === 3 || size === 4;
  if (c === undefined) return undefined;
  if (color(c)) return { height: a, width: b, channels: c, channelsFirst: false };
  if (color(a)) return { height: b, width: c, channels: a, channelsFirst: true };
  return undefined;
}

/** A picture as the values of a network's one input, resized to it. Throws UsageError where that takes no picture. */
export function imageInput(engine: Engine, net: Network, picture: Picture, range: Range): Float32Array {
  const inputs = Object.entries(net.inputShapes);
  const [[name, shape]] = inputs;
  if (inputs.length > 1)
    throw new UsageError(
      `the model has ${inputs.length} inputs (${inputs.map(([input]) => input).join(", ")}) but takes one picture`,
    );
  const wanted = imageShape(shape);
  if (!wanted)
    throw new UsageError(`the input "${name}" [${shape.join(", ")}] takes no picture of 1, 3 or 4 channels`);
  const { width, height, channels, channelsFirst } = wanted;
  const gray = channels === 1 && picture.channels > 2 ? toGray(engine, picture) : picture;
  const method = width <= picture.width && height <= picture.height ? "area" : "linear";
  const fitted =
    gray.width === width && gray.height === height ? gray : resize(engine, gray, { width, height, method });
  const { data } = fitted;
  const has = fitted.channels ?? 4;
  const { mean, deviation } = NORMALIZATION[range];
  const values = new Float32Array(width * height * channels);
  for (let p = 0; p < width * height; p++)
    for (let c = 0; c < channels; c++) {
      // Gray stands for all colors, and what has no alpha is opaque.
      const opaque = c === 3 && has !== 4;
      const byte = opaque ? 255 : data[p * has + (has < 3 ? 0 : c)];
      const at = channelsFirst ? c * width * height + p : p * channels + c;
      values[at] = c === 3 ? byte / 255 : (byte / 255 - mean[c]) / deviation[c];
    }
  return values;
}

/** The picture that an output holds; undefined where it holds none. */
export function imageOf(values: ArrayLike<number>, shape: Shape, range: Range): Picture | undefined {
  const held = imageShape(shape);
  if (!held) return undefined;
  const { width, height, channels, channelsFirst } = held;
  const { mean, deviation } = NORMALIZATION[range];
  const data = new Uint8Array(width * height * channels);
  for (let p = 0; p < width * height; p++)
    for (let c = 0; c < channels; c++) {
      const value = values[channelsFirst ? c * width * height + p : p * channels + c];
      const share = c === 3 ? value : value * deviation[c] + mean[c];
      data[p * channels + c] = Math.max(0, Math.min(255, Math.round(share * 255)));
    }
  return { data, width, height, channels: channels as Picture["channels"] };
}

export interface Summary {
  /** Smallest and largest value. */
  range: [number, number];
  /** For a vector of scores: the likeliest first. */
  classes?: { index: number; label?: string; probability: number }[];
}

/** What an output says: its likeliest classes where it is a vector. Scores that are no probabilities yet go through softmax. */
export function topClasses(
  values: ArrayLike<number>,
  shape: Shape,
  top: number,
  labels?: readonly string[],
): Summary {
  let [least, most, sum] = [Infinity, -Infinity, 0];
  for (let i = 0; i < values.length; i++) {
    least = Math.min(least, values[i]);
    most = Math.max(most, values[i]);
    sum += values[i];
  }
  const summary: Summary = { range: [least, most] };
  if (shape.filter((d) => d > 1).length !== 1 || values.length < 2) return summary;
  const probabilities = Math.abs(sum - 1) < 1e-3 && least >= 0;
  const share = (value: number): number => (probabilities ? value : Math.exp(value - most));
  let total = 0;
  for (let i = 0; i < values.length; i++) total += share(values[i]);
  summary.classes = Array.from(values, (value, index) => ({
    index,
    ...(labels?.[index] !== undefined && { label: labels[index] }),
    probability: share(value) / total,
  }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top);
  return summary;
}
