// Convolutions, matrix products, and what is fused to their ends.
import { FormatError } from "../../errors.ts";
import { describe } from "../../validate.ts";
import { einsum } from "../import/einsum.ts";
import { identityOrder, type Value } from "../import/value.ts";
import type { ModelWriter } from "../import/writer.ts";
import { type Call, channelsFirst, type Operator, type Operators, withChannelsLast } from "./graph-call.ts";
import { addBias, leakyRelu, prelu } from "./graph-operators-elementwise.ts";

type Pairs = readonly (readonly [number, number])[];

/** Strides, or sizes of windows: one for each spatial axis of a list that has all axes. */
export function spatial(call: Call, name: string, axes: number): number[] {
  const list = call.attributes.integers(name, new Array<number>(axes + 2).fill(1));
  const first = channelsFirst(call);
  const [batch, channels] = [list[0], first ? list[1] : list[list.length - 1]];
  if (list.length !== axes + 2 || list.some((d) => d < 1))
    throw new FormatError(`${call.where}: ${name} is ${describe(list)} but must have ${axes + 2} sizes`);
  if (batch !== 1 || channels !== 1)
    call.unsupported(`${name} ${describe(list)} along the batch or the channels is not supported`);
  return first ? list.slice(2) : list.slice(1, -1);
}

/** "same", "valid", or amounts before and after each spatial axis. */
export function paddingOf(call: Call, axes: number): "same" | "valid" | Pairs {
  const word = call.attributes.word("padding", ["SAME", "VALID", "EXPLICIT"], "VALID");
  if (word !== "EXPLICIT") return word === "SAME" ? "same" : "valid";
  const list = call.attributes.integers("explicit_paddings");
  const begin = channelsFirst(call) ? 2 : 1;
  if (list.length !== 2 * (axes + 2) || list.some((amount) => amount < 0))
    throw new FormatError(
      `${call.where}: explicit_paddings is ${describe(list)} but must have ${2 * (axes + 2)} amounts`,
    );
  return Array.from({ length: axes }, (_, i) => [list[2 * (begin + i)], list[2 * (begin + i) + 1]] as const);
}

interface Fused {
  readonly bias: Value | undefined;
  /** Applies what follows. */
  end(y: Value): Value;
}

/** What is fused to a product: its arguments begin with input 2. */
function fusedOf(call: Call, writer: ModelWriter): Fused {
  const words = call.node.op.includes("Fused") ? call.attributes.texts("fused_ops") : [];
  const ends: ((y: Value) => Value)[] = [];
  let bias: Value | undefined;
  let next = 2;
  for (const [i, word] of words.entries()) {
    // Ends are applied with channels last; TensorFlow.js has no such arguments with channels first either.
    if (channelsFirst(call) && (word === "Prelu" || (word === "BiasAdd" && i > 0)))
      call.unsupported(`${describe(word)} fused to it with channels first is not supported`);
    if (word === "BiasAdd") {
      const argument = call.input(next++);
      if (i === 0) bias = argument;
      else ends.push((y) => addBias(call, writer, y, argument));
    } else if (word === "Prelu") {
      const alpha = call.input(next++);
      ends.push((y) => prelu(call, writer, y, alpha));
    } else if (word === "LeakyRelu") {
      const alpha = call.attributes.float("leakyrelu_alpha", 0.2);
      ends.push((y) => leakyRelu(writer, y, alpha));
    } else if (Object.hasOwn(ACTIVATIONS, word)) ends.push((y) => writer.unary(ACTIVATIONS[word], y));
    else call.unsupported(`${describe(word)} fused to it is not supported`);
  }
  return { bias, end: (y) => ends.reduce((value, apply) => apply(value), y) };
}

const ACTIVATIONS: Readonly<Record<string, string>> = {
  Relu: "relu",
  Relu6: "relu6",
  Elu: "elu",
  Sigmoid: "sigmoid",
  Tanh: "tanh",
  GeluExact: "gelu",
  GeluApproximate: "geluTanh",
  HardSwish: "hardSwish",
};

const convolution =
  (axes: number, depthwise: boolean): Operator =>
  (call, writer) => {
    const [x, given] = [call.input(0), call.input(1)];
    call.rank(x, axes + 2);
    call.rank(given, axes + 2, "the filter");
    const [inputs, outputs] = given.shape.slice(-2);
    const filter = depthwise
      ? writer.reshape(given, [...given.shape.slice(0, -2), 1, inputs * outputs])
      : given;
    const channels = x.shape[channelsFirst(call) ? 1 : axes + 1];
    const groups = channels / inputs;
    if (depthwise ? groups !== 1 : !Number.isInteger(groups) || outputs % groups)
      throw new FormatError(
        `${call.where}: ${describe(x.shape)} has ${channels} channels but the filter is ${describe(given.shape)}`,
      );
    const { bias, end } = fusedOf(call, writer);
    const stride = spatial(call, "strides", axes);
    const dilated = call.around.dilated.get(x);
    const window = {
      stride,
      dilation: dilated?.block ?? spatial(call, "dilations", axes),
      padding: dilated?.padding ?? paddingOf(call, axes),
      groups: depthwise ? channels : groups,
    };
    const y = withChannelsLast(call, writer, x, (image) => end(writer.conv(image, filter, bias, window)));
    if (dilated) call.around.dilated.set(y, dilated);
    return y;
  };

/** What a convolution makes its input of: inputs are the size of that, the filter, and the output. */
const transposed =
  (axes: number): Operator =>
  (call, writer) => {
    const [filter, y] = [call.input(1), call.input(2)];
    call.rank(y, axes + 2, "input 2");
    call.rank(filter, axes + 2, "the filter");
    const shape = call.integers(0, "the shape of the result");
    const first = channelsFirst(call);
    const sizes = shape.length === axes ? shape : first ? shape.slice(2) : shape.slice(1, axes + 1);
    const stride = spatial(call, "strides", axes);
    const dilation = spatial(call, "dilations", axes);
    const padding = paddingOf(call, axes);
    const given = first ? y.shape.slice(2) : y.shape.slice(1, -1);
    const cuts = given.map((size, i) => {
      const extent = dilation[i] * (filter.shape[i] - 1) + 1;
      const total = (size - 1) * stride[i] + extent - sizes[i];
      const before =
        padding === "same" ? Math.floor(Math.max(total, 0) / 2) : padding === "valid" ? 0 : padding[i][0];
      // A convolution of the result must have the size of this input: less than a stride may be left over at the end.
      if (!(total - before > -stride[i] && before <= Math.max(total, 0)))
        throw new FormatError(
          `${call.where}: a result of ${describe(sizes)} does not go with ${describe(given)}, strides ${describe(stride)}`,
        );
      return { padding: [before, Math.max(total - before, 0)] as const, extra: Math.max(before - total, 0) };
    });
    const order = [...identityOrder(axes), axes + 1, axes];
    const window = {
      stride,
      dilation,
      padding: cuts.map((cut) => cut.padding),
      outputPadding: cuts.map(({ extra }) => extra),
    };
    const turned = writer.transpose(filter, order);
    return withChannelsLast(call, writer, y, (image) =>
      writer.convTranspose(image, turned, undefined, window),
    );
  };

/** The last two axes the other way round. */
function turned(writer: ModelWriter, x: Value, turn: boolean): Value {
  if (!turn) return x;
  const order = identityOrder(x.shape.length);
  const [row, column] = order.splice(-2);
  return writer.transpose(x, [...order, column, row]);
}

/** Of integers, which float32 could not hold: products [..., m, k, n], summed over k. */
function integerProduct(writer: ModelWriter, a: Value, b: Value): Value {
  const left = writer.reshape(a, [...a.shape, 1]);
  const right = writer.reshape(b, b.shape.toSpliced(b.shape.length - 2, 0, 1));
  const products = writer.arithmetic("mul", left, right);
  return writer.reduction("sum", products, [-2], false);
}

const product =
  (first: string, second: string): Operator =>
  (call, writer) => {
    const { attributes } = call;
    const a = turned(writer, call.input(0), attributes.flag(first));
    const b = turned(writer, call.input(1), attributes.flag(second));
    const inner = [a.shape.at(-1), b.shape.at(-2)];
    if (a.shape.length < 2 || b.shape.length < 2 || inner[0] !== inner[1])
      throw new FormatError(
        `${call.where}: matrices ${describe(a.shape)} and ${describe(b.shape)} cannot be multiplied`,
      );
    if (a.type !== "float") return integerProduct(writer, a, b);
    const { bias, end } = fusedOf(call, writer);
    const known = bias?.shape.length === 1 ? bias.constant : undefined;
    const y = writer.matmul(a, b, known);
    return end(bias && !known ? writer.arithmetic("add", y, bias) : y);
  };

const einstein: Operator = (call, writer) =>
  einsum({ w: writer, fail: (what) => call.fail(what) }, call.attributes.text("equation"), call.inputs);

export const convOperators: Operators = {
  Conv2D: convolution(2, false),
  _FusedConv2D: convolution(2, false),
  FusedConv2D: convolution(2, false),
  Conv3D: convolution(3, false),
  DepthwiseConv2dNative: convolution(2, true),
  DepthwiseConv2d: convolution(2, true),
  FusedDepthwiseConv2dNative: convolution(2, true),
  Conv2DBackpropInput: transposed(2),
  Conv2dTranspose: transposed(2),
  Conv3DBackpropInputV2: transposed(3),
  Einsum: einstein,
  MatMul: product("transpose_a", "transpose_b"),
  _FusedMatMul: product("transpose_a", "transpose_b"),
  BatchMatMul: product("adj_x", "adj_y"),
  BatchMatMulV2: product("adj_x", "adj_y"),
  BatchMatMulV3: product("adj_x", "adj_y"),
};
