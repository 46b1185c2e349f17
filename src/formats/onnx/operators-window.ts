// Operators that slide a window over images: convolutions and pooling. ONNX has channels first; layers have them last, so axes are turned
// around each, which the writer does without moving values wherever it can.

import type { Shape } from "../../tensor.ts";
import type { Value } from "../import/value.ts";
import {
  type Call,
  ELEMENTS,
  images,
  type Operators,
  type Translate,
  type Typed,
  toFirst,
  toLast,
  upTo,
} from "./operator.ts";

interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** Before and after each spatial axis. */
  readonly padding: [before: number, after: number][];
}

/** A list with one number for each spatial axis. */
function perAxis(call: Call, name: string, axes: number, initial: number): readonly number[] {
  const list = call.attributes.ints(name) ?? new Array<number>(axes).fill(initial);
  if (list.length !== axes) call.fail(`${name} is [${list}] but there are ${axes} spatial axes`);
  return list;
}

/** The window of a node over images of those sizes. */
function windowOf(call: Call, sizes: Shape, kernel: readonly number[]): Window {
  const axes = sizes.length;
  const { attributes } = call;
  const given = attributes.ints("kernel_shape");
  if (kernel.length !== axes || (given && String(given) !== String(kernel)))
    call.fail(
      `kernel_shape is [${given ?? kernel}] but the filter has [${kernel}] and there are ${axes} spatial axes`,
    );
  const stride = perAxis(call, "strides", axes, 1);
  const dilation = perAxis(call, "dilations", axes, 1);
  const auto = attributes.word("auto_pad", ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]);
  const pads = attributes.ints("pads");
  if (pads && pads.length !== 2 * axes) call.fail(`pads is [${pads}] but there are ${axes} spatial axes`);
  const padding = sizes.map((size, i): [number, number] => {
    if (auto === "NOTSET") return pads ? [pads[i], pads[i + axes]] : [0, 0];
    if (auto === "VALID") return [0, 0];
    const reach = dilation[i] * (kernel[i] - 1) + 1;
    const total = Math.max((Math.ceil(size / stride[i]) - 1) * stride[i] + reach - size, 0);
    const [less, more] = [Math.floor(total / 2), Math.ceil(total / 2)];
    return auto === "SAME_UPPER" ? [less, more] : [more, less];
  });
  return { kernel, stride, dilation, padding };
}

/** [out, in / groups, k...] as [k..., in / groups, out]. */
function filterOf(call: Call, filter: Value): Value {
  const axes = filter.shape.length - 2;
  return call.w.transpose(filter, [...upTo(axes).map((i) => i + 2), 1, 0]);
}

function conv(call: Call): Value {
  const { w, attributes } = call;
  const [x, filter] = [call.input(0), call.input(1)];
  const axes = images(call, x);
  if (filter.shape.length !== axes + 2)
    call.fail(`the filter has shape [${filter.shape}], the input [${x.shape}]`);
  const groups = attributes.int("group") ?? 1;
  const { stride, dilation, padding } = windowOf(call, x.shape.slice(2), filter.shape.slice(2));
  const [outs, ins] = filter.shape;
  if (ins * groups !== x.shape[1] || outs % groups !== 0)
    call.fail(
      `the filter has shape [${filter.shape}] and group is ${groups}, but the input has shape [${x.shape}]`,
    );
  const window = { stride, dilation, padding, groups };
  return toFirst(w, w.conv(toLast(w, x), filterOf(call, filter), call.optional(2), window));
}

/** [in, out / groups, k...] as [k..., in / groups, out]. */
function transposedFilter(call: Call, filter: Value, groups: number): Value {
  const { w } = call;
  const [ins, outs, ...kernel] = filter.shape;
  const split = w.reshape(filter, [groups, ins / groups, outs, ...kernel]);
  const turned = w.transpose(split, [...kernel.map((_, i) => i + 3), 1, 0, 2]);
  return w.reshape(turned, [...kernel, ins / groups, groups * outs]);
}

function convTranspose(call: Call): Value {
  const { w, attributes } = call;
  const [x, filter] = [call.input(0), call.input(1)];
  const axes = images(call, x);
  const groups = attributes.int("group") ?? 1;
  if (filter.shape.length !== axes + 2 || filter.shape[0] !== x.shape[1] || x.shape[1] % groups !== 0)
    call.fail(
      `the filter has shape [${filter.shape}] and group is ${groups}, but the input has shape [${x.shape}]`,
    );
  const sizes = x.shape.slice(2);
  const extra = [...perAxis(call, "output_padding", axes, 0)];
  const wanted = attributes.ints("output_shape")?.slice(-axes);
  const auto = attributes.string("auto_pad") ?? "NOTSET";
  const { kernel, stride, dilation, padding } = windowOf(call, sizes, filter.shape.slice(2));
  const same = auto === "SAME_UPPER" || auto === "SAME_LOWER";
  if (same || wanted)
    sizes.forEach((size, i) => {
      const out = wanted ? wanted[i] : size * stride[i];
      const total = stride[i] * (size - 1) + extra[i] + dilation[i] * (kernel[i] - 1) + 1 - out;
      if (total < 0) extra[i] -= total;
      const half = Math.floor(Math.max(total, 0) / 2);
      const rest = Math.max(total, 0) - half;
      padding[i] = auto === "SAME_UPPER" ? [half, rest] : [rest, half];
    });
  const window = { stride, dilation, padding, groups, outputPadding: extra };
  const turned = transposedFilter(call, filter, groups);
  return toFirst(w, w.convTranspose(toLast(w, x), turned, call.optional(2), window));
}

/** The window of a pool, as layers take it. */
function poolWindow(call: Call, x: Value) {
  images(call, x);
  const kernel = call.attributes.ints("kernel_shape") ?? call.fail("kernel_shape is missing");
  const { stride, dilation, padding } = windowOf(call, x.shape.slice(2), kernel);
  const ceilMode = call.attributes.flag("ceil_mode");
  return { size: kernel, stride, dilation, padding, ceilMode };
}

/** Whether every window sees a pixel of the image, and none lie apart: what the layers of every engine take. */
const isPlain = ({ size, dilation, padding }: ReturnType<typeof poolWindow>): boolean =>
  size.every((taps, i) => {
    const reach = dilation[i] * (taps - 1) + 1;
    return padding[i].every((pad) => pad >= 0 && pad < reach);
  });

function maxPool(call: Call): Value | readonly (Value | Typed)[] {
  const { w, attributes } = call;
  const given = call.input(0);
  // Floats hold integers of 8 and 16 bits exactly.
  if (given.type !== "float" && call.element(0).bytes > 2)
    call.refuse(`pooling of ${call.element(0).name} has no equivalent here`);
  const x = w.cast(given, "float");
  const window = poolWindow(call, x);
  const order = attributes.int("storage_order") ?? 0;
  if (call.outputs > 1) {
    const outs = w.layer("maxPoolIndices", [toLast(w, x)], { ...window, order }, { types: ["float", "int"] });
    const [y, indices] = outs.map((out) => toFirst(w, out));
    return [w.cast(y, given.type), { value: indices, element: ELEMENTS.int64 }];
  }
  const kind = isPlain(window) ? `maxPool${window.size.length}d` : "poolWindows";
  const config = kind === "poolWindows" ? { ...window, op: "max" } : window;
  return w.cast(toFirst(w, w.image(kind, toLast(w, x), config)), given.type);
}

function averagePool(call: Call): Value {
  const { w, attributes } = call;
  const x = call.input(0);
  const { dilation, ...window } = poolWindow(call, x);
  const countIncludePad = attributes.flag("count_include_pad");
  const plain =
    isPlain({ ...window, dilation }) && dilation.every((by, i) => by === 1 || window.size[i] === 1);
  const kind = plain ? `avgPool${window.size.length}d` : "poolWindows";
  const config = { ...window, countIncludePad, ...(!plain && { dilation, op: "average" }) };
  return toFirst(w, w.image(kind, toLast(w, x), config));
}

function lpPool(call: Call): Value {
  const x = call.input(0);
  const p = call.attributes.int("p") ?? 2;
  return toFirst(call.w, call.w.image("lpPool", toLast(call.w, x), { ...poolWindow(call, x), p }));
}

const globalPool =
  (kind: string): Translate =>
  (call) => {
    const { w } = call;
    const x = call.input(0);
    if (x.shape.length < 3) call.fail(`its input has shape [${x.shape}] but must have [n, c, ...spatial]`);
    return toFirst(w, w.image(kind, toLast(w, x), { keepDims: true }));
  };

function globalLpPool(call: Call): Value {
  const { w, attributes } = call;
  const x = call.input(0);
  const p = attributes.int("p") ?? 2;
  const axes = x.shape.slice(2).map((_, i) => i + 2);
  if (p === 1 || p === 2) return w.reduction(`l${p}`, x, axes, true);
  const sum = w.reduction("sum", w.arithmetic("pow", w.unary("abs", x), w.float(p)), axes, true);
  return w.arithmetic("pow", sum, w.float(1 / p));
}

/** Where the indices count, and how large the result is, may differ: a third input says the latter. */
function maxUnpool(call: Call): Value {
  const { w } = call;
  const x = call.input(0);
  const axes = images(call, x);
  const sizes = x.shape.slice(2);
  const kernel = call.attributes.ints("kernel_shape") ?? call.fail("kernel_shape is missing");
  const { stride, padding } = windowOf(call, sizes, kernel);
  const own = sizes.map((size, i) => (size - 1) * stride[i] + kernel[i] - padding[i][0] - padding[i][1]);
  const given = call.ints(2, "output_shape");
  if (given && given.length !== axes + 2) call.fail(`output_shape is [${given}], the input [${x.shape}]`);
  const outputSize = given?.slice(2) ?? own;
  const inputs = [toLast(w, x), toLast(w, call.input(1))];
  return toFirst(w, w.layer("maxUnpool", inputs, { outputSize, indexSize: own })[0]);
}

export const WINDOWS: Operators = {
  AveragePool: averagePool,
  Conv: conv,
  ConvTranspose: convTranspose,
  GlobalAveragePool: globalPool("globalAvgPool"),
  GlobalLpPool: globalLpPool,
  GlobalMaxPool: globalPool("globalMaxPool"),
  LpPool: lpPool,
  MaxPool: maxPool,
  MaxUnpool: maxUnpool,
};
