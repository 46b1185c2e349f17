// Operators on images: pooling, normalisation, resizing, boxes, and pixels dealt out to grids.
import { FormatError } from "../../errors.ts";
import { describe } from "../../validate.ts";
import type { Value } from "../import/value.ts";
import type { ModelWriter } from "../import/writer.ts";
import { type Call, channelsFirst, type Operator, type Operators, withChannelsLast } from "./graph-call.ts";
import { paddingOf, spatial } from "./graph-operators-conv.ts";
import type { GraphNode } from "./graph-topology.ts";

const pool =
  (kind: string, axes: number): Operator =>
  (call, writer) => {
    const x = call.input(0);
    call.rank(x, axes + 2);
    const config = {
      size: spatial(call, "ksize", axes),
      stride: spatial(call, "strides", axes),
      padding: paddingOf(call, axes),
    };
    return withChannelsLast(call, writer, x, (image) => writer.image(`${kind}${axes}d`, image, config));
  };

/** The inputs are x, gamma, beta, mean and variance, the last four one number per channel. */
const batchNorm: Operator = (call, writer) => {
  if (call.attributes.flag("is_training", false))
    call.unsupported("the statistics of the batch (is_training) are not supported");
  const epsilon = call.attributes.float("epsilon", 0.001);
  const [x, ...rest] = [0, 1, 2, 3, 4].map((i) => call.input(i));
  const channels = x.shape[channelsFirst(call) ? 1 : x.shape.length - 1];
  const names = ["gamma", "beta", "mean", "variance"] as const;
  rest.forEach(({ shape }, i) => {
    if (shape.length !== 1 || shape[0] !== channels)
      throw new FormatError(
        `${call.where}: ${names[i]} has shape ${describe(shape)} but must have ${channels} values`,
      );
  });
  const [gamma, beta, mean, variance] = rest.map((value) => value.constant);
  const y = withChannelsLast(call, writer, x, (image) =>
    gamma && beta && mean && variance
      ? writer.image("batchNorm", image, { epsilon }, { gamma, beta, mean, variance })
      : writer.layer("dynamicBatchNorm", [image, ...rest], { epsilon })[0],
  );
  return [y, rest[2], rest[3]];
};

const lrn: Operator = (call, writer) => {
  const { attributes } = call;
  const size = 2 * attributes.integer("depth_radius", 5) + 1;
  const config = {
    size,
    // TensorFlow sums squares where the kind takes their mean.
    alpha: attributes.float("alpha", 1) * size,
    beta: attributes.float("beta", 0.5),
    bias: attributes.float("bias", 1),
  };
  return writer.image("lrn", call.input(0), config);
};

function sizeOfResult(call: Call, x: Value): number[] {
  call.rank(x, 4);
  const size = call.integers(1, "the size");
  if (size.length !== 2 || size.some((d) => d < 1))
    throw new FormatError(`${call.where}: size is ${describe(size)} but must be [height, width]`);
  return size;
}

function coordinatesOf({ attributes }: Call): "alignCorners" | "halfPixel" | "asymmetric" {
  if (attributes.flag("align_corners")) return "alignCorners";
  return attributes.flag("half_pixel_centers") ? "halfPixel" : "asymmetric";
}

const resize =
  (method: "linear" | "nearest"): Operator =>
  (call, writer) => {
    const x = call.input(0);
    const size = sizeOfResult(call, x);
    // What is resized bilinearly becomes floats.
    const image = method === "linear" ? writer.cast(x, "float") : x;
    if (size[0] === x.shape[1] && size[1] === x.shape[2]) return image;
    const config = { size, method, coordinates: coordinatesOf(call) };
    return writer.image("resize", image, config);
  };

const cropAndResize: Operator = (call, writer) => {
  const size = call.integers(3, "the size of crops");
  const [x, boxes, index] = [writer.cast(call.input(0), "float"), call.input(1), call.input(2)];
  if (size.length !== 2 || size.some((d) => d < 1))
    throw new FormatError(`${call.where}: crop_size is ${describe(size)} but must be [height, width]`);
  const config = {
    height: size[0],
    width: size[1],
    method: call.attributes.word("method", ["bilinear", "nearest"], "bilinear"),
    extrapolation: call.attributes.float("extrapolation_value", 0),
  };
  return writer.layer("cropAndResize", [x, boxes, index], config)[0];
};

/** Boxes that remain after those are left out which overlap a better one. The size of the result must not depend on values. */
const suppression =
  (version: 3 | 4 | 5): Operator =>
  (call, writer) => {
    const [boxes, scores] = [call.input(0), call.input(1)];
    const maxOutput = call.integer(2, "the most boxes");
    const limits = { iouThreshold: call.number(3, "the threshold of overlaps") };
    const least = call.number(4, "the threshold of scores");
    const config = {
      maxOutput,
      ...limits,
      ...(least > -Infinity && { scoreThreshold: least }),
      softSigma: version === 5 ? call.number(5, "sigma") : 0,
    };
    const [selected, kept, count] = writer.layer("nonMaxSuppressionTf", [boxes, scores], config);
    const valid = writer.reshape(count, []);
    return version === 5 ? [selected, kept, valid] : [selected, valid];
  };

/** Why the size of a result would depend on values, for nodes where it would. */
export function dynamicSize({ op, attributes }: GraphNode): boolean {
  if (op === "NonMaxSuppressionV2" || op === "NonMaxSuppressionV3") return true;
  return /^NonMaxSuppressionV[45]$/.test(op) && !attributes.flag("pad_to_max_output_size");
}

const CONVOLUTIONS: readonly string[] = [
  "Conv2D",
  "_FusedConv2D",
  "DepthwiseConv2dNative",
  "FusedDepthwiseConv2dNative",
];

/** Whether grids of pixels are only read by convolutions that step from one to the next, and put together again. */
function isDilation({ around }: Call): boolean {
  const plain = ({ op, attributes }: GraphNode): boolean =>
    CONVOLUTIONS.includes(op) &&
    attributes.text("padding", "") === "VALID" &&
    attributes.text("data_format", "NHWC") === "NHWC" &&
    [...attributes.integers("strides"), ...attributes.integers("dilations")].every((d) => d === 1);
  return around.readers.every(
    (reader) =>
      reader && plain(reader) && around.readersOf(reader).every((after) => after?.op === "BatchToSpaceND"),
  );
}

/** Blocks and amounts of a node that deals pixels out, by spatial axis. */
function blocksOf(call: Call, names: string): { block: number[]; amounts: [number, number][] } {
  const block = call.integers(1, "the block");
  const list = call.integers(2, names);
  const axes = block.length;
  if (
    axes + 1 > call.input(0).shape.length ||
    list.length !== 2 * axes ||
    block.some((d) => d < 1) ||
    list.some((d) => d < 0)
  )
    throw new FormatError(
      `${call.where}: ${names} ${describe(list)} do not go with a block ${describe(block)}`,
    );
  return { block, amounts: block.map((_, i) => [list[2 * i], list[2 * i + 1]]) };
}

/** Every block-th pixel as an image of its own, in front of the batch. */
const spaceToBatch: Operator = (call, writer) => {
  const { block, amounts } = blocksOf(call, "paddings");
  const x = call.input(0);
  const axes = block.length;
  if (axes === 2 && x.shape.length === 4 && isDilation(call)) {
    const same = { ...x };
    call.around.dilated.set(same, { block, padding: amounts });
    return same;
  }
  const rest = x.shape.slice(axes + 1);
  const none = [0, 0] as const;
  const padded = writer.pad(x, [none, ...amounts, ...rest.map(() => none)], "constant", 0);
  const [n, ...sizes] = padded.shape.slice(0, axes + 1);
  if (sizes.some((d, i) => d % block[i] !== 0))
    throw new FormatError(
      `${call.where}: ${describe(sizes)} cannot be divided into blocks of ${describe(block)}`,
    );
  const apart = writer.reshape(padded, [n, ...sizes.flatMap((d, i) => [d / block[i], block[i]]), ...rest]);
  const inner = block.map((_, i) => 2 * i + 2);
  const outer = block.map((_, i) => 2 * i + 1);
  const behind = rest.map((_, i) => 2 * axes + 1 + i);
  const moved = writer.transpose(apart, [...inner, 0, ...outer, ...behind]);
  const images = block.reduce((product, d) => product * d, n);
  return writer.reshape(moved, [images, ...sizes.map((d, i) => d / block[i]), ...rest]);
};

const batchToSpace: Operator = (call, writer) => {
  const { block, amounts } = blocksOf(call, "crops");
  const x = call.input(0);
  const dilated = call.around.dilated.get(x);
  if (dilated) {
    if (block.some((d, i) => d !== dilated.block[i]))
      call.unsupported(`puts blocks of ${describe(block)} together that were ${describe(dilated.block)}`);
    return cropped(call, writer, x, amounts);
  }
  const axes = block.length;
  const rest = x.shape.slice(axes + 1);
  const sizes = x.shape.slice(1, axes + 1);
  const images = x.shape[0] / block.reduce((product, d) => product * d, 1);
  if (!Number.isInteger(images))
    throw new FormatError(`${call.where}: ${x.shape[0]} images cannot be put together by ${describe(block)}`);
  const apart = writer.reshape(x, [...block, images, ...sizes, ...rest]);
  const order = [
    axes,
    ...block.flatMap((_, i) => [axes + 1 + i, i]),
    ...rest.map((_, i) => 2 * axes + 1 + i),
  ];
  const moved = writer.transpose(apart, order);
  const whole = writer.reshape(moved, [images, ...sizes.map((d, i) => d * block[i]), ...rest]);
  return cropped(call, writer, whole, amounts);
};

function cropped(call: Call, writer: ModelWriter, x: Value, amounts: readonly [number, number][]): Value {
  const cut = (i: number): readonly [number, number] => amounts[i - 1] ?? [0, 0];
  const size = x.shape.map((d, i) => d - cut(i)[0] - cut(i)[1]);
  if (size.some((d) => d < 1))
    call.unsupported(`crops ${describe(amounts)} leave nothing of ${describe(x.shape)}`);
  return writer.slice(
    x,
    size.map((_, i) => cut(i)[0]),
    size,
  );
}

/** The largest values; where they were is not told. */
const maxPoolAlone: Operator = (call, writer) => {
  const [y] = [pool("maxPool", 2)(call, writer)].flat();
  return [y];
};

export const imageOperators: Operators = {
  MaxPool: pool("maxPool", 2),
  AvgPool: pool("avgPool", 2),
  MaxPool3D: pool("maxPool", 3),
  AvgPool3D: pool("avgPool", 3),
  MaxPoolWithArgmax: maxPoolAlone,
  FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
  LRN: lrn,
  ResizeBilinear: resize("linear"),
  ResizeNearestNeighbor: resize("nearest"),
  CropAndResize: cropAndResize,
  NonMaxSuppressionV4: suppression(4),
  NonMaxSuppressionV5: suppression(5),
  SpaceToBatchND: spaceToBatch,
  BatchToSpaceND: batchToSpace,
};
