// What the benchmarks use of the libraries they compare with, so that types are checked where those are not installed.

declare module "onnxruntime-web" {
  export interface Tensor {
    readonly data: Float32Array | Int32Array;
    readonly dims: readonly number[];
  }
  export interface SessionOptions {
    executionProviders?: readonly string[];
    intraOpNumThreads?: number;
    interOpNumThreads?: number;
    graphOptimizationLevel?: "disabled";
  }
  export interface InferenceSession {
    readonly inputNames: readonly string[];
    readonly outputNames: readonly string[];
    run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>;
    release(): Promise<void>;
  }
  export const InferenceSession: {
    create(model: Uint8Array, options?: SessionOptions): Promise<InferenceSession>;
  };
  export const Tensor: new (
    type: "float32" | "int32",
    data: Float32Array | Int32Array,
    dims: readonly number[],
  ) => Tensor;
  export const env: { readonly wasm: { numThreads?: number }; logLevel?: string };
}

declare module "onnxruntime-node" {
  const ort: Pick<typeof import("onnxruntime-web"), "InferenceSession" | "Tensor">;
  export default ort;
}

declare module "@tensorflow/tfjs-core" {
  export interface Tensor {
    dataSync(): Float32Array | Int32Array | Uint8Array;
    dispose(): void;
  }
  type Pair = [number, number];
  interface Convolution {
    x: Tensor;
    filter: Tensor;
    bias: Tensor;
    strides: Pair;
    dilations: Pair;
    pad: number;
    activation: "linear" | "relu" | "relu6" | "sigmoid";
  }
  interface Product {
    a: Tensor;
    b: Tensor;
    bias: Tensor;
    activation: Convolution["activation"];
  }
  export interface Library {
    setBackend(name: string): Promise<boolean>;
    env(): { getBool(flag: string): boolean };
    tensor(data: Float32Array | Int32Array, shape: number[], dtype?: "float32" | "int32"): Tensor;
    tidy<T>(f: () => T): T;
    dispose(tensors: readonly Tensor[]): void;
    readonly fused: {
      conv2d(options: Convolution): Tensor;
      depthwiseConv2d(options: Convolution): Tensor;
      matMul(options: Product): Tensor;
    };
    relu(x: Tensor): Tensor;
    relu6(x: Tensor): Tensor;
    sigmoid(x: Tensor): Tensor;
    add(a: Tensor, b: Tensor): Tensor;
    mul(a: Tensor, b: Tensor): Tensor;
    maxPool(x: Tensor, size: Pair, strides: Pair, pad: number): Tensor;
    avgPool(x: Tensor, size: Pair, strides: Pair, pad: number): Tensor;
    batchNorm(
      ...[x, mean, variance, offset, scale, epsilon]: [Tensor, Tensor, Tensor, Tensor, Tensor, number]
    ): Tensor;
    mean(x: Tensor, axes: number[], keepDims: boolean): Tensor;
    concat(tensors: Tensor[], axis: number): Tensor;
    reshape(x: Tensor, shape: number[]): Tensor;
  }
  const tf: Library;
  export default tf;
}

declare module "@tensorflow/tfjs-backend-wasm" {}

declare module "@tensorflow/tfjs-converter" {
  import type { Tensor } from "@tensorflow/tfjs-core";
  export interface GraphModel {
    readonly inputs: readonly { readonly name: string; readonly dtype: string }[];
    readonly outputNodes: readonly string[];
    execute(inputs: Readonly<Record<string, Tensor>>, outputs: readonly string[]): Tensor | Tensor[];
    executeAsync(
      inputs: Readonly<Record<string, Tensor>>,
      outputs: readonly string[],
    ): Promise<Tensor | Tensor[]>;
    dispose(): void;
  }
  export function loadGraphModel(handler: { load(): Promise<object> }): Promise<GraphModel>;
}

declare module "convnetjs" {
  export interface Vol {
    w: Float64Array;
  }
  interface Layer {
    layer_type: string;
    filters: Vol[];
    biases: Vol;
  }
  const convnetjs: {
    Vol: new (sx: number, sy: number, depth: number, c: number) => Vol;
    Net: new () => { makeLayers(definitions: object[]): void; layers: Layer[] };
    Trainer: new (net: object, options: object) => { train(x: Vol, y: number): { loss: number } };
  };
  export default convnetjs;
}

declare module "@opencvjs/web" {
  export interface Mat {
    readonly data: Uint8Array;
    readonly data32F: Float32Array;
    delete(): void;
  }
  interface Size {
    readonly width: number;
    readonly height: number;
  }
  export interface OpenCv {
    readonly Mat: new (rows?: number, columns?: number, type?: number) => Mat;
    readonly Size: new (width: number, height: number) => Size;
    matFromArray(rows: number, columns: number, type: number, values: readonly number[]): Mat;
    cvtColor(from: Mat, to: Mat, code: number): void;
    Sobel(from: Mat, to: Mat, depth: number, dx: number, dy: number, size: number): void;
    GaussianBlur(from: Mat, to: Mat, size: Size, sigmaX: number, sigmaY: number): void;
    blur(from: Mat, to: Mat, size: Size): void;
    filter2D(from: Mat, to: Mat, depth: number, kernel: Mat): void;
    Canny(from: Mat, to: Mat, low: number, high: number): void;
    medianBlur(from: Mat, to: Mat, size: number): void;
    resize(from: Mat, to: Mat, size: Size, fx: number, fy: number, method: number): void;
    readonly CV_8UC1: number;
    readonly CV_8UC4: number;
    readonly CV_32F: number;
    readonly COLOR_RGBA2GRAY: number;
    readonly INTER_AREA: number;
  }
  export function loadOpenCV(): Promise<OpenCv>;
}

declare module "sharp" {
  export interface Sharp {
    blur(options: { sigma: number; minAmplitude?: number }): Sharp;
    convolve(kernel: { width: number; height: number; kernel: readonly number[] }): Sharp;
    median(size: number): Sharp;
    toColourspace(name: string): Sharp;
    raw(): Sharp;
    toBuffer(): Promise<Uint8Array>;
  }
  const sharp: {
    (data: Uint8Array, options: { raw: { width: number; height: number; channels: number } }): Sharp;
    concurrency(threads: number): void;
    cache(keep: boolean): void;
  };
  export default sharp;
}
