// Public names of `convolith/image`.

// The engine, and images

export type { BaseEngine, EngineInfo } from "../engine/base.ts";
export type { EngineOptions, WasmSource } from "../engine/create.ts";
export type { BorderMode } from "./band.ts";
export type { Drawable } from "./drawable.ts";
export { createImageEngine, type ImageEngine } from "./engine.ts";
export type { Floats, ImageLike, OutputOptions, Same } from "./image.ts";
export type { Image, PixelData, PixelImage } from "./pixels.ts";

// Kernels of the textbook, as plain arrays

export { gaussian1d } from "./gaussian.ts";
export { KERNELS, type KernelEntry, type TextbookKernel } from "./kernel-list.ts";
export * from "./kernels.ts";

// Filters

export { type GaussianOptions, gaussianBlur, type UnsharpOptions, unsharpMask } from "./blur.ts";
export { type BoxOptions, boxBlur } from "./box.ts";
export { type CannyOptions, canny } from "./canny.ts";
export { type CannyStages, type CannyStagesOptions, cannyStages } from "./canny-stages.ts";
export {
  type DerivativeOptions,
  type LaplacianOptions,
  laplacian,
  type ScharrOptions,
  type SobelOptions,
  scharr,
  sobel,
} from "./derivative.ts";
export {
  type FilterOptions,
  type FiltersOptions,
  filter2d,
  type SeparableOptions,
  separableFilter,
} from "./filter.ts";
export { type Gradient, type GradientOptions, gradient } from "./gradient.ts";
export { type GrayOptions, toGray } from "./gray.ts";
export { type MedianOptions, medianBlur } from "./median.ts";
export type { FilterBorder } from "./rows.ts";
export type { Pair } from "./window.ts";

// Size and place

export {
  type CropOptions,
  crop,
  type FlipAxis,
  type FlipOptions,
  flip,
  type PadOptions,
  type PlainImage,
  pad,
  type Rotate90Options,
  rotate90,
} from "./geometry.ts";
export { type ResizeOptions, resize } from "./resize.ts";
export type { ResizeMethod } from "./resize-tables.ts";

// For networks

export {
  type Augmentation,
  type Augmenter,
  type AugmentOptions,
  augment,
  type CutoutOptions,
  cutout,
  type RandomAmountOptions,
  type RandomCropOptions,
  type RandomFlipOptions,
  type RandomRotationOptions,
  randomBrightness,
  randomContrast,
  randomCrop,
  randomFlip,
  randomRotation,
} from "./augment.ts";
export {
  type BatchLayout,
  type BatchOptions,
  type FromTensorOptions,
  fromTensor,
  imagesFromTensor,
  type NormalizeOptions,
  normalize,
  type TensorLike,
  type TensorOptions,
  toArray,
  toTensor,
  type ValueRange,
} from "./batch.ts";
export type { Random } from "./random.ts";

// To look at

export { type ColorMapName, type ColorMapOptions, colorMap, type DisplayRange } from "./colormap.ts";
export { type Color, type MontageOptions, montage } from "./montage.ts";
