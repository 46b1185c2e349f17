// The PyTorch cases under fixtures/ (float64 computed, float32 stored, channels first) in this library's
// terms: channels last, filters [k..., in / groups, out], one op name and one params object each.
import { readFileSync } from "node:fs";

export interface GoldenTensor {
  shape: number[];
  data: Float32Array;
}

/** The ops the forward cases exercise, by the name of the op object. */
export type GoldenOp =
  | "conv"
  | "convTranspose"
  | "maxPool"
  | "avgPool"
  | "globalMaxPool"
  | "globalAvgPool"
  | "batchNorm"
  | "groupNorm"
  | "dense"
  | "activation"
  | "prelu"
  | "softmax"
  | "logSoftmax"
  | "pad"
  | "resize"
  | "depthToSpace";

export interface GoldenCase {
  name: string;
  /** PyTorch's name of the op, as the fixture has it. */
  source: string;
  op: GoldenOp;
  params: object;
  inputs: GoldenTensor[];
  expected: GoldenTensor;
  /** The gradient that came in at the output, and what PyTorch made of it: one per input, undefined for statistics. */
  dy: GoldenTensor;
  grads: (GoldenTensor | undefined)[];
  /** The op only picks among its inputs (and 0 and 6): nothing is rounded, so the bits must be the same. */
  exact: boolean;
}

const ACTIVATIONS = [
  ...["relu", "relu6", "leakyRelu", "elu", "selu", "gelu", "sigmoid", "tanh", "softplus", "silu", "mish"],
  ...["hardSwish", "hardSigmoid"],
];

const PICKING = [
  ...["maxPool1d", "maxPool2d", "maxPool3d", "globalMaxPool2d", "relu", "relu6", "pad2d", "depthToSpace"],
];

/** Cases per op, so that none can vanish unnoticed. */
export const FORWARD_COUNTS: Readonly<Record<string, number>> = {
  conv1d: 14,
  conv2d: 44,
  conv3d: 12,
  convTranspose1d: 6,
  convTranspose2d: 16,
  convTranspose3d: 5,
  maxPool1d: 6,
  maxPool2d: 16,
  maxPool3d: 5,
  avgPool1d: 6,
  avgPool2d: 16,
  avgPool3d: 5,
  globalAvgPool2d: 3,
  globalMaxPool2d: 3,
  batchNorm2dEval: 3,
  groupNorm: 4,
  dense: 3,
  ...Object.fromEntries(ACTIVATIONS.map((kind) => [kind, 1])),
  prelu: 1,
  softmax: 1,
  logSoftmax: 1,
  pad2d: 3,
  resize2d: 3,
  depthToSpace: 1,
};

/** A case of training: a loss, steps of an optimizer, batch statistics. Tensors by the fixture's names, channels last. */
export interface TrainingCase {
  name: string;
  source: string;
  params: Record<string, unknown>;
  tensor(name: string): GoldenTensor;
}

/** The cases of training, which golden-train.test.ts runs. */
export const TRAINING_COUNTS: Readonly<Record<string, number>> = {
  batchNorm2dTrain: 3,
  softmaxCrossEntropy: 1,
  meanSquaredError: 1,
  huber: 1,
  binaryCrossEntropyWithLogits: 1,
  l1: 1,
  "optimizer.sgd": 1,
  "optimizer.sgdMomentum": 1,
  "optimizer.sgdNesterov": 1,
  "optimizer.adam": 1,
  "optimizer.adamW": 1,
  "optimizer.rmsprop": 1,
  "optimizer.adagrad": 1,
};

/** One case as golden.json has it. */
interface Entry {
  id: number;
  op: string;
  params: {
    stride: number[];
    padding: number[];
    outputPadding: number[];
    dilation: number[];
    groups: number;
    kernel: number[];
    ceilMode: boolean;
    countIncludePad: boolean;
    eps: number;
    alpha?: number;
    /** pad2d: top, bottom, left, right (not the order of torch.nn.functional.pad). */
    pad: [number, number, number, number];
    mode: string;
    alignCorners: boolean | null;
    size: number[];
    block: number;
  };
  inputs: string[];
  grads: string[];
}

/** The tensors of a safetensors file: u64 length of the header, JSON header, data. */
function readSafetensors(bytes: Uint8Array): Map<string, GoldenTensor> {
  const headerLength = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const start = 8 + headerLength;
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> =
    JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  const tensors = new Map<string, GoldenTensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (dtype !== "F32") throw new Error(`${name} is ${dtype}, not F32`);
    const [from, to] = data_offsets.map((offset) => start + offset);
    // A copy of its own: aligned, whatever the length of the header.
    const data = new Float32Array(new Uint8Array(bytes.subarray(from, to)).buffer);
    if (data.length !== shape.reduce((product, d) => product * d, 1))
      throw new Error(`${name} has ${data.length} elements but shape [${shape}]`);
    tensors.set(name, { shape, data });
  }
  return tensors;
}

/** Axis i of the result is axis perm[i] of `t`. */
function permute({ shape, data }: GoldenTensor, perm: readonly number[]): GoldenTensor {
  const strides = shape.map((_, a) => shape.slice(a + 1).reduce((product, d) => product * d, 1));
  const out = new Float32Array(data.length);
  const to = perm.map((a) => shape[a]);
  const index = to.map(() => 0);
  for (let p = 0; p < out.length; p++) {
    out[p] = data[index.reduce((sum, i, a) => sum + i * strides[perm[a]], 0)];
    for (let a = to.length - 1; a >= 0 && ++index[a] === to[a]; a--) index[a] = 0;
  }
  return { shape: to, data: out };
}

/** [n, c, ...] to [n, ..., c]; [n, c] and [c] stay. */
function channelsLast(t: GoldenTensor): GoldenTensor {
  if (t.shape.length < 3) return t;
  return permute(t, [0, ...t.shape.slice(2).map((_, a) => a + 2), 1]);
}

/** [out, in / groups, k...] to [k..., in / groups, out]. */
function convFilter(t: GoldenTensor): GoldenTensor {
  return permute(t, [...t.shape.slice(2).map((_, a) => a + 2), 1, 0]);
}

/** [in, out / groups, k...] to [k..., in / groups, out]: the groups move from input to output channels. */
function convTransposeFilter(t: GoldenTensor, groups: number): GoldenTensor {
  const [channels, groupOut, ...kernel] = t.shape;
  const groupIn = channels / groups;
  const split = { shape: [groups, groupIn, groupOut, ...kernel], data: t.data };
  const moved = permute(split, [...kernel.map((_, a) => a + 3), 1, 0, 2]);
  return { shape: [...kernel, groupIn, groups * groupOut], data: moved.data };
}

/** Op, params and inputs of an entry. `input` gives a stored input, or its gradient, as PyTorch has it. */
function translate(
  e: Entry,
  input: (name: string) => GoldenTensor,
): Pick<GoldenCase, "op" | "params" | "inputs"> {
  const p = e.params;
  const x = channelsLast(input("x"));
  /** Inputs that are vectors of channels need no translation. */
  const plain = (...names: string[]): GoldenTensor[] => names.filter((n) => e.inputs.includes(n)).map(input);
  const window = { kernel: p.kernel, stride: p.stride, padding: p.padding };
  const convolution = {
    stride: p.stride,
    dilation: p.dilation,
    padding: p.padding,
    groups: p.groups,
  };
  const family = e.op.replace(/[123]d(Eval)?$/, "");
  if (ACTIVATIONS.includes(family)) return { op: "activation", params: { kind: family, ...p }, inputs: [x] };
  switch (family) {
    case "conv":
      return {
        op: family,
        params: { ...convolution, paddingMode: "zeros" },
        inputs: [x, convFilter(input("w")), ...plain("b")],
      };
    case "convTranspose":
      return {
        op: family,
        params: { ...convolution, outputPadding: p.outputPadding },
        inputs: [x, convTransposeFilter(input("w"), p.groups), ...plain("b")],
      };
    case "maxPool":
      return { op: family, params: { ...window, dilation: p.dilation, ceilMode: p.ceilMode }, inputs: [x] };
    case "avgPool": {
      const { ceilMode, countIncludePad } = p;
      return { op: family, params: { ...window, ceilMode, countIncludePad }, inputs: [x] };
    }
    case "globalMaxPool":
    case "globalAvgPool":
      return { op: family, params: { keepDims: false }, inputs: [x] };
    case "batchNorm":
      return {
        op: family,
        params: { epsilon: p.eps },
        inputs: [x, ...plain("gamma", "beta", "mean", "var")],
      };
    case "groupNorm":
      return {
        op: family,
        params: { groups: p.groups, epsilon: p.eps },
        inputs: [x, ...plain("gamma", "beta")],
      };
    case "dense":
      return { op: family, params: {}, inputs: [x, permute(input("w"), [1, 0]), ...plain("b")] };
    case "prelu":
      return { op: family, params: {}, inputs: [x, ...plain("a")] };
    case "softmax":
    case "logSoftmax":
      return { op: family, params: { axis: x.shape.length - 1 }, inputs: [x] };
    case "pad": {
      const [top, bottom, left, right] = p.pad;
      const pads = [
        [0, 0],
        [top, bottom],
        [left, right],
        [0, 0],
      ];
      return { op: family, params: { pads, mode: p.mode, value: 0 }, inputs: [x] };
    }
    case "resize": {
      const nearest = p.mode === "nearest";
      const coordinates = nearest ? "asymmetric" : p.alignCorners ? "alignCorners" : "halfPixel";
      return {
        op: family,
        params: { size: p.size, method: nearest ? "nearest" : "linear", coordinates },
        inputs: [x],
      };
    }
    case "depthToSpace":
      return { op: family, params: { block: p.block, order: p.mode.toLowerCase() }, inputs: [x] };
    default:
      throw new Error(`golden case ${e.id}: no translation for "${e.op}"`);
  }
}

/** All cases: those of forward ops, with gradients, and those of training. */
export function loadGolden(): { cases: GoldenCase[]; training: TrainingCase[] } {
  const file = (name: string): Buffer => readFileSync(new URL(`./fixtures/${name}`, import.meta.url));
  const tensors = readSafetensors(file("golden.safetensors"));
  const entries: Entry[] = JSON.parse(file("golden.json").toString()).cases;
  const cases: GoldenCase[] = [];
  const training: TrainingCase[] = [];
  for (const e of entries) {
    const stored = (name: string): GoldenTensor => {
      const t = tensors.get(`${e.id}.${name}`);
      if (!t) throw new Error(`golden case ${e.id}: no tensor "${name}"`);
      return t;
    };
    const name = `${e.id} ${e.op} ${JSON.stringify(e.params)}`;
    if (e.op in TRAINING_COUNTS) {
      const tensor = (name: string): GoldenTensor => channelsLast(stored(name));
      training.push({ name, source: e.op, params: { ...e.params }, tensor });
      continue;
    }
    const translated = translate(e, (name) => stored(`in.${name}`));
    if (translated.inputs.length !== e.inputs.length)
      throw new Error(`golden case ${e.id}: an input was left over`);
    const none: GoldenTensor = { shape: [0], data: new Float32Array() };
    const gradients = translate(e, (name) => (e.grads.includes(name) ? stored(`grad.${name}`) : none)).inputs;
    const exact = PICKING.includes(e.op) || e.params.mode === "nearest";
    cases.push({
      name,
      source: e.op,
      ...translated,
      expected: channelsLast(stored("out")),
      dy: channelsLast(stored("dout")),
      grads: gradients.map((t) => (t === none ? undefined : t)),
      exact,
    });
  }
  return { cases, training };
}
