// Public names of `convolith/image`.

export type { EngineOptions } from "../engine/open.ts";
export { canny, type CannyOptions } from "./canny.ts";
export { sobel, type SobelOptions } from "./gradient.ts";
export type { BorderMode } from "./band.ts";
export type { Drawable } from "./drawable.ts";
export { createImageEngine, type ImageEngine } from "./engine.ts";
export { type GrayOptions, toGray } from "./gray.ts";
export type { Floats, ImageLike, OutputOptions, Same } from "./image.ts";
export { type MedianOptions, medianBlur } from "./median.ts";
export type { Image, PixelData, PixelImage } from "./pixels.ts";
