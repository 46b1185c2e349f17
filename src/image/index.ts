// Public names of `convolith/image`.

export type { EngineOptions } from "../engine/open.ts";
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
export type { BorderMode } from "./band.ts";
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
export { type ColorMapName, type ColorMapOptions, colorMap, type DisplayRange } from "./colormap.ts";
export type { Drawable } from "./drawable.ts";
export { createImageEngine, type ImageEngine } from "./engine.ts";
export { gaussian1d } from "./gaussian.ts";
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
export { type GrayOptions, toGray } from "./gray.ts";
export type { Floats, Image, ImageLike, OutputOptions, PixelData, PixelImage, Same } from "./image.ts";
export { KERNELS, type KernelEntry, type TextbookKernel } from "./kernel-list.ts";
export * from "./kernels.ts";
export { type Color, type MontageOptions, montage } from "./montage.ts";
export type { Random } from "./random.ts";
export { type ResizeOptions, resize } from "./resize.ts";
export type { ResizeMethod } from "./resize-tables.ts";
