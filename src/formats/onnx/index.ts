// ONNX files: the package's entry `convolith/onnx`.
export { toOnnx } from "./write.ts";
