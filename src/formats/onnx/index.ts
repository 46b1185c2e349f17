// ONNX files: the package's entry `convolith/onnx`.
export type { LayerKind } from "../../layers/layer.ts";
export { importedKinds } from "../import/emit.ts";
export { fromOnnx } from "./from-onnx.ts";
export type { OnnxLimits, OnnxOptions } from "./limits.ts";
export { toOnnx } from "./write.ts";
