// The eager ops that are no layers, by the files of their types. test/ops.test.ts and test/ops-torch.test.ts test them.
import type { CreationOps } from "../src/eager/create.ts";
import type { GatherOps } from "../src/eager/gather.ts";
import type { MathOps } from "../src/eager/math.ts";
import type { ReductionOps } from "../src/eager/reduction.ts";

const MATH: (keyof MathOps)[] = [
  ...(["exp2", "expm1", "log", "log2", "log1p", "rsqrt", "square", "reciprocal", "sign", "erf"] as const),
  ...(["floor", "ceil", "round", "trunc", "isNaN", "isInf", "isFinite"] as const),
  ...(["sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh"] as const),
  ...([
    "pow",
    "mod",
    "floorDiv",
    "squaredDifference",
    "atan2",
    "where",
    "clip",
    "cast",
    "stopGradient",
    "matmul",
  ] as const),
  ...(["equal", "notEqual", "greater", "greaterEqual", "less", "lessEqual"] as const),
  ...(["logicalAnd", "logicalOr", "logicalXor", "logicalNot"] as const),
];

const REDUCTIONS: (keyof ReductionOps)[] = [
  ...([
    "sum",
    "mean",
    "prod",
    "amax",
    "amin",
    "logSumExp",
    "norm",
    "variance",
    "std",
    "any",
    "all",
    "cumsum",
    "topK",
  ] as const),
];

const GATHER: (keyof GatherOps)[] = [
  ...(["gather", "gatherElements", "gatherND", "scatterND", "scatterElements", "oneHot"] as const),
  ...(["gridSample"] as const),
];

const CREATION: (keyof CreationOps)[] = [
  ...(["zeros", "ones", "full", "range", "eye", "randomNormal", "randomUniform", "randomInt"] as const),
];

export const EAGER_ONLY = [
  ...(["loss", "im2col", "col2im", "argMin", "maxPoolWithIndices", "maxUnpool"] as const),
  ...([
    "stack",
    "unstack",
    "squeeze",
    "expandDims",
    "broadcastTo",
    "tile",
    "reverse",
    "stridedSlice",
  ] as const),
  ...MATH,
  ...REDUCTIONS,
  ...GATHER,
  ...CREATION,
];
