// Kinds of layers that models read from files bring along, beyond those every engine knows: what ONNX and TensorFlow have operators for.
export * from "./constant.ts";
