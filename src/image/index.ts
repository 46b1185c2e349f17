// Public names of `convolith/image`.

// The engine, and images

export type { EngineOptions } from "../engine/open.ts";
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
export {
  type FilterOptions,
  type FiltersOptions,
  filter2d,
  type SeparableOptions,
  separableFilter,
} from "./filter.ts";
export { type GrayOptions, toGray } from "./gray.ts";
export type { FilterBorder } from "./rows.ts";
export type { Pair } from "./window.ts";

// Size and place

export { type ResizeOptions, resize } from "./resize.ts";
export type { ResizeMethod } from "./resize-tables.ts";
