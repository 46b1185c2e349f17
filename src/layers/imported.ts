// Kinds of layers that models read from files bring along, beyond those every engine knows: what ONNX and TensorFlow have operators for.
// They are in no registry, so that bundles without such a file format go without.
export * from "./constant.ts";
export * from "./gather.ts";
export * from "./math.ts";
export * from "./move.ts";
export * from "./pool-index.ts";
export * from "./product.ts";
export * from "./reduction.ts";
export * from "./sample.ts";
export * from "./select.ts";
export * from "./statistics.ts";
