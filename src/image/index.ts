// Public names of `convolith/image`.

export type { EngineOptions } from "../engine/open.ts";
export { canny, type CannyOptions } from "./canny.ts";
export type { BorderMode } from "./band.ts";
export { type GaussianOptions, gaussianBlur, type UnsharpOptions, unsharpMask } from "./blur.ts";
export { type BoxOptions, boxBlur } from "./box.ts";
export type { Drawable } from "./drawable.ts";
export { createImageEngine, type ImageEngine } from "./engine.ts";
export {
  type FilterOptions,
  type FiltersOptions,
  filter2d,
  type SeparableOptions,
  separableFilter,
} from "./filter.ts";
export { gaussian1d } from "./gaussian.ts";
export { type GrayOptions, toGray } from "./gray.ts";
export type { Floats, ImageLike, OutputOptions, Same } from "./image.ts";
export type { Image, PixelData, PixelImage } from "./pixels.ts";
export type { FilterBorder } from "./rows.ts";
export type { Kernel, Pair } from "./window.ts";
