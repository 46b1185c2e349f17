// Random calls of every kind of layer that imported models have: inputs and options that fit each other.
import { sizeOf } from "../src/tensor.ts";
import type { Random } from "./random.ts";

export interface KindInput {
  readonly shape: readonly number[];
  readonly dtype: "float32" | "int32";
}

export interface KindCall {
  readonly inputs: readonly KindInput[];
  readonly config: Record<string, unknown>;
}

type Generator = (r: Random) => KindCall;
type Shape = readonly number[];

const UNARY = [
  ...[
    "abs",
    "neg",
    "exp",
    "expm1",
    "log",
    "log2",
    "log1p",
    "floor",
    "ceil",
    "trunc",
    "round",
    "sign",
    "sqrt",
  ],
  ...[
    "rsqrt",
    "reciprocal",
    "square",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
  ],
  ...[
    "acosh",
    "atanh",
    "erf",
    "isNaN",
    "isInf",
    "isFinite",
    "relu",
    "relu6",
    "leakyRelu",
    "elu",
    "celu",
    "scaledElu",
  ],
  ...[
    "sigmoid",
    "softplus",
    "softsign",
    "silu",
    "swish",
    "gelu",
    "mish",
    "hardSigmoid",
    "hardSwish",
    "shrink",
  ],
  ...["thresholdedRelu", "linear"],
];
const REDUCTIONS = [
  "sum",
  "mean",
  "max",
  "min",
  "prod",
  "l1",
  "l2",
  "sumSquare",
  "logSum",
  "logSumExp",
  "any",
  "all",
];
const ARITHMETIC = [
  ...["add", "sub", "mul", "div", "min", "max", "pow", "mod", "fmod", "floorDiv", "squaredDifference"],
];
const MERGES = ["none", "add", "mul", "min", "max"];

const floats = (shape: Shape): KindInput => ({ shape, dtype: "float32" });
const ints = (shape: Shape): KindInput => ({ shape, dtype: "int32" });
const some = (r: Random, shape: Shape): KindInput => (r.chance(0.5) ? floats(shape) : ints(shape));

/** A shape of so many axes. */
const shapeOf = (r: Random, least = 0, most = 6): number[] => {
  const rank = least + r.below(most - least + 1);
  return Array.from({ length: rank }, () => 1 + r.below(rank > 4 ? 3 : 5));
};
/** An axis, from either end. */
const axisOf = (r: Random, rank: number): number => r.below(2 * rank) - rank;
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const axesOf = (r: Random, rank: number): number[] => upTo(rank).filter(() => r.chance(0.5));
/** A shape that broadcasts with another one. */
const likeOf = (r: Random, shape: Shape): number[] =>
  shape.slice(r.chance(0.3) ? r.below(shape.length + 1) : 0).map((d) => (r.chance(0.3) ? 1 : d));
const maybe = (r: Random, config: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(config).filter(() => r.chance(0.6)));
const real = (r: Random): number => 2 * r.next() - 0.5;

const images = (r: Random, axes = 1 + r.below(3)): number[] => [
  1 + r.below(2),
  ...Array.from({ length: axes }, () => 3 + r.below(4)),
  1 + r.below(5),
];

const windowOf = (r: Random, axes: number): Record<string, unknown> => {
  const each = (least: number, most: number): number[] =>
    upTo(axes).map(() => least + r.below(most - least + 1));
  const size = r.chance(0.5) ? 2 : each(1, 3);
  // Not as wide as the window.
  const pairs = upTo(axes).map((i) =>
    [0, 1].map(() => (typeof size === "number" || size[i] > 1 ? r.below(2) : 0)),
  );
  return { size, ...maybe(r, { stride: each(1, 3), padding: r.pick<unknown>(["same", "valid", pairs]) }) };
};

const reduce =
  (ops: readonly string[]): Generator =>
  (r) => {
    const shape = shapeOf(r, 1);
    return {
      inputs: [some(r, shape)],
      config: { op: r.pick(ops), ...maybe(r, { axes: axesOf(r, shape.length), keepDims: r.chance(0.5) }) },
    };
  };

const dynamicNorm =
  (weights: number, groups = false): Generator =>
  (r) => {
    const shape = images(r);
    const c = shape[shape.length - 1];
    const config = { ...maybe(r, { epsilon: 0.01 }), ...(groups && { groups: r.chance(0.5) ? 1 : c }) };
    return { inputs: [floats(shape), ...upTo(weights).map(() => floats([c]))], config };
  };

const dynamicConv =
  (transposed: boolean): Generator =>
  (r) => {
    const x = images(r);
    const axes = x.length - 2;
    const out = 1 + r.below(3);
    const filter = [...upTo(axes).map(() => 1 + r.below(3)), x[x.length - 1], out];
    const config = maybe(r, {
      stride: 1 + r.below(2),
      padding: r.pick(["same", "valid"]),
      ...(transposed ? {} : { dilation: 1 }),
    });
    return { inputs: [floats(x), floats(filter), ...(r.chance(0.5) ? [floats([out])] : [])], config };
  };

export const KIND_CALLS: Readonly<Record<string, Generator>> = {
  unary: (r) => {
    const shape = shapeOf(r);
    return r.chance(0.8)
      ? { inputs: [floats(shape)], config: { op: r.pick(UNARY) } }
      : {
          inputs: [ints(shape)],
          config: { op: r.pick(["not", "abs", "neg", "sign", "square", "relu", "bitNot"]) },
        };
  },
  arithmetic: (r) => {
    const shape = shapeOf(r);
    const other = likeOf(r, shape);
    const [a, b] = r.chance(0.5) ? [shape, other] : [other, shape];
    return r.chance(0.5)
      ? { inputs: [floats(a), floats(b)], config: { op: r.pick([...ARITHMETIC, "atan2"]) } }
      : { inputs: [ints(a), ints(b)], config: { op: r.pick([...ARITHMETIC, "and", "or", "xor"]) } };
  },
  compare: (r) => {
    const shape = shapeOf(r);
    const { dtype } = some(r, shape);
    const op = r.pick(["equal", "notEqual", "less", "lessOrEqual", "greater", "greaterOrEqual"]);
    return { inputs: [shape, likeOf(r, shape)].map((s) => ({ shape: s, dtype })), config: { op } };
  },
  where: (r) => {
    const shape = shapeOf(r);
    const { dtype } = some(r, shape);
    return {
      inputs: [ints(likeOf(r, shape)), { shape, dtype }, { shape: likeOf(r, shape), dtype }],
      config: {},
    };
  },
  cast: (r) => ({
    inputs: [some(r, shapeOf(r))],
    config: { dtype: r.pick(["float32", "int32"]), ...maybe(r, { bool: r.chance(0.5) }) },
  }),
  clip: (r) => ({
    inputs: [some(r, shapeOf(r))],
    config: maybe(r, { min: r.pick([-1, 0]), max: r.pick([1, 6]) }),
  }),
  reduction: reduce(REDUCTIONS),
  argExtreme: (r) => {
    const shape = shapeOf(r, 1);
    return {
      inputs: [some(r, shape)],
      config: {
        op: r.pick(["min", "max"]),
        ...maybe(r, { axis: axisOf(r, shape.length), keepDims: true, last: r.chance(0.5) }),
      },
    };
  },
  hardmax: (r) => {
    const shape = shapeOf(r, 1);
    return { inputs: [floats(shape)], config: maybe(r, { axis: axisOf(r, shape.length) }) };
  },
  cumulate: (r) => {
    const shape = shapeOf(r, 1);
    const flags = maybe(r, { exclusive: r.chance(0.5), reverse: r.chance(0.5) });
    return {
      inputs: [some(r, shape)],
      config: { op: r.pick(["sum", "prod"]), axis: axisOf(r, shape.length), ...flags },
    };
  },
  gather: (r) => {
    const shape = shapeOf(r, 1, 5);
    const axis = axisOf(r, shape.length);
    const size = shape.at(axis)!;
    if (r.chance(0.5)) return { inputs: [some(r, shape), ints(shapeOf(r, 0, 2))], config: { axis } };
    const known = shapeOf(r, 1, 2);
    const indices = Array.from({ length: sizeOf(known) }, () => r.below(2 * size) - size);
    return { inputs: [some(r, shape)], config: { axis, indices, indicesShape: known } };
  },
  gatherElements: (r) => {
    const shape = shapeOf(r, 1);
    const axis = r.below(shape.length);
    return {
      inputs: [some(r, shape), ints(shape.map((d, i) => (i === axis ? 1 + r.below(6) : 1 + r.below(d))))],
      config: { axis },
    };
  },
  gatherND: (r) => {
    const shape = shapeOf(r, 1, 5);
    const depth = 1 + r.below(shape.length);
    return { inputs: [some(r, shape), ints([...shapeOf(r, 0, 2), depth])], config: {} };
  },
  scatterND: (r) => {
    const shape = shapeOf(r, 1, 4);
    const depth = 1 + r.below(shape.length);
    const places = shapeOf(r, 0, 2);
    const { dtype } = some(r, shape);
    const updates = [...places, ...shape.slice(depth)];
    return {
      inputs: [{ shape, dtype }, ints([...places, depth]), { shape: updates, dtype }],
      config: maybe(r, { op: r.pick(MERGES) }),
    };
  },
  scatterElements: (r) => {
    const shape = shapeOf(r, 1, 4);
    const { dtype } = some(r, shape);
    const axis = r.below(shape.length);
    const part = shape.map((d, i) => (i === axis ? 1 + r.below(5) : 1 + r.below(d)));
    return {
      inputs: [{ shape, dtype }, ints(part), { shape: part, dtype }],
      config: { axis, ...maybe(r, { op: r.pick(MERGES) }) },
    };
  },
  oneHot: (r) => {
    const shape = shapeOf(r, 0, 4);
    const config = maybe(r, {
      axis: axisOf(r, shape.length + 1),
      on: 3,
      off: -1,
      dtype: r.pick(["float32", "int32"]),
    });
    return { inputs: [ints(shape)], config: { depth: 1 + r.below(6), ...config } };
  },
  stridedSlice: (r) => {
    const shape = shapeOf(r, 1);
    const step = shape.map(() => r.pick([1, 1, 2, -1, -2]));
    const begin = shape.map((d) => r.below(d));
    const size = shape.map((d, i) => {
      const room = step[i] > 0 ? d - 1 - begin[i] : begin[i];
      return 1 + r.below(Math.floor(room / Math.abs(step[i])) + 1);
    });
    return { inputs: [some(r, shape)], config: { begin, size, step } };
  },
  tile: (r) => {
    const shape = shapeOf(r, 1);
    return { inputs: [some(r, shape)], config: { repeats: shape.map(() => 1 + r.below(3)) } };
  },
  expand: (r) => {
    const shape = shapeOf(r, 1);
    return { inputs: [some(r, likeOf(r, shape))], config: { shape } };
  },
  padAxes: (r) => {
    const shape = shapeOf(r, 1);
    const mode = r.pick(["constant", "reflect", "symmetric", "replicate", "wrap"]);
    const pads = shape.map((d) =>
      [0, 1].map(() => (r.chance(0.5) ? 0 : r.below(mode === "reflect" ? d : d + 1))),
    );
    return { inputs: [some(r, shape)], config: { pads, mode, ...maybe(r, { value: 3 }) } };
  },
  trilu: (r) => ({
    inputs: [some(r, shapeOf(r, 2))],
    config: maybe(r, { upper: r.chance(0.5), k: r.below(7) - 3 }),
  }),
  reverse: (r) => {
    const shape = shapeOf(r, 1);
    return { inputs: [some(r, shape)], config: { axes: axesOf(r, shape.length) } };
  },
  reverseSequence: (r) => {
    const shape = shapeOf(r, 2, 5);
    const [batchAxis, timeAxis] = r.chance(0.5) ? [0, 1] : [1, 0];
    return { inputs: [some(r, shape), ints([shape[batchAxis]])], config: { batchAxis, timeAxis } };
  },
  nonZero: (r) => ({ inputs: [some(r, shapeOf(r, 1))], config: {} }),
  topK: (r) => {
    const shape = shapeOf(r, 1);
    const axis = axisOf(r, shape.length);
    const k = 1 + r.below(shape.at(axis)!);
    return { inputs: [some(r, shape)], config: { k, axis, ...maybe(r, { largest: r.chance(0.5) }) } };
  },
  nonMaxSuppression: (r) => {
    const [n, count, classes] = [1 + r.below(2), 1 + r.below(6), 1 + r.below(3)];
    return {
      inputs: [floats([n, count, 4]), floats([n, classes, count])],
      config: {
        maxOutput: 1 + r.below(6),
        ...maybe(r, { iouThreshold: 0.5, scoreThreshold: real(r), center: true }),
      },
    };
  },
  nonMaxSuppressionTf: (r) => {
    const count = 1 + r.below(6);
    return {
      inputs: [floats([count, 4]), floats([count])],
      config: {
        maxOutput: 1 + r.below(8),
        ...maybe(r, { iouThreshold: 0.5, scoreThreshold: 0, softSigma: 0.5 }),
      },
    };
  },
  matmul: (r) => {
    const [m, k, n] = [1 + r.below(5), 1 + r.below(5), 1 + r.below(5)];
    const lead = shapeOf(r, 0, 3);
    const [transposeA, transposeB] = [r.chance(0.3), r.chance(0.3)];
    const a = transposeA ? [k, m] : [m, k];
    const b = transposeB ? [n, k] : [k, n];
    const others = lead.map((d) => (r.chance(0.3) ? 1 : d));
    return {
      inputs: [floats([...lead, ...a]), floats([...(r.chance(0.3) ? [] : others), ...b])],
      config: { transposeA, transposeB },
    };
  },
  dynamicConv: dynamicConv(false),
  dynamicConvTranspose: dynamicConv(true),
  dynamicBatchNorm: dynamicNorm(4),
  dynamicInstanceNorm: dynamicNorm(2),
  dynamicGroupNorm: dynamicNorm(2, true),
  dynamicPRelu: (r) => {
    const shape = shapeOf(r, 1, 5);
    return { inputs: [floats(shape), floats(shape.slice(r.below(shape.length + 1)))], config: {} };
  },
  dynamicLayerNorm: (r) => {
    const shape = shapeOf(r, 1, 5);
    const k = 1 + r.below(shape.length);
    return {
      inputs: [floats(shape)],
      config: { axes: upTo(shape.length).slice(-k), ...maybe(r, { epsilon: 0.01 }) },
    };
  },
  lrn: (r) => ({
    inputs: [floats(shapeOf(r, 2, 5))],
    config: { size: 1 + r.below(6), ...maybe(r, { alpha: 0.1, beta: 0.5, bias: 1 }) },
  }),
  maxPoolIndices: (r) => {
    const shape = images(r);
    const config = {
      ...windowOf(r, shape.length - 2),
      ...maybe(r, { order: r.below(2), ceilMode: r.chance(0.5) }),
    };
    return { inputs: [floats(shape)], config };
  },
  maxUnpool: (r) => {
    const shape = images(r);
    return {
      inputs: [floats(shape), ints(shape)],
      config: { outputSize: shape.slice(1, -1).map((d) => 2 * d) },
    };
  },
  poolWindows: (r) => {
    const shape = images(r);
    const op = r.pick(["max", "average"]);
    const more = maybe(r, { ceilMode: r.chance(0.5), countIncludePad: r.chance(0.5) });
    return { inputs: [floats(shape)], config: { op, ...windowOf(r, shape.length - 2), ...more } };
  },
  lpPool: (r) => {
    const shape = images(r);
    return {
      inputs: [floats(shape)],
      config: { ...windowOf(r, shape.length - 2), ...maybe(r, { p: 1 + r.below(4) }) },
    };
  },
  interpolate: (r) => {
    const shape = shapeOf(r, 1, 5);
    const axes = axesOf(r, shape.length);
    return {
      inputs: [floats(shape)],
      config: {
        axes,
        sizes: axes.map(() => 1 + r.below(7)),
        ...maybe(r, {
          mode: r.pick(["nearest", "linear", "cubic"]),
          coordinates: r.pick([
            "halfPixel",
            "halfPixelSymmetric",
            "pytorchHalfPixel",
            "asymmetric",
            "alignCorners",
          ]),
          nearest: r.pick(["roundPreferFloor", "roundPreferCeil", "floor", "ceil"]),
          antialias: r.chance(0.3),
          excludeOutside: r.chance(0.3),
        }),
      },
    };
  },
  gridSample: (r) => {
    const shape = images(r, 2);
    return {
      inputs: [floats(shape), floats([shape[0], 1 + r.below(4), 1 + r.below(4), 2])],
      config: maybe(r, {
        mode: r.pick(["nearest", "bilinear", "bicubic"]),
        padding: r.pick(["zeros", "border", "reflection"]),
        alignCorners: r.chance(0.5),
      }),
    };
  },
  roiAlign: (r) => {
    const rois = 1 + r.below(4);
    return {
      inputs: [floats(images(r, 2)), floats([rois, 4]), ints([rois])],
      config: maybe(r, {
        mode: r.pick(["avg", "max"]),
        outputHeight: 1 + r.below(3),
        outputWidth: 1 + r.below(3),
        samplingRatio: r.below(3),
        spatialScale: 0.5,
        halfPixel: r.chance(0.5),
      }),
    };
  },
  cropAndResize: (r) => {
    const boxes = 1 + r.below(4);
    return {
      inputs: [floats(images(r, 2)), floats([boxes, 4]), ints([boxes])],
      config: {
        height: 1 + r.below(4),
        width: 1 + r.below(4),
        ...maybe(r, { method: r.pick(["bilinear", "nearest"]), extrapolation: 7 }),
      },
    };
  },
  constant: (r) => {
    const shape = shapeOf(r);
    const values = Array.from({ length: sizeOf(shape) }, () => r.below(100) - 50);
    return { inputs: [], config: { shape, values } };
  },
};
