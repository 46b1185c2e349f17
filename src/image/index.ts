// Public names of `convolith/image`.
export { createImageEngine, type ImageEngine } from "./engine.ts";
export type { Drawable } from "./drawable.ts";
export { type GrayOptions, toGray } from "./gray.ts";
export type { Floats, Image, ImageLike, OutputOptions, PixelData, PixelImage, Same } from "./image.ts";
export type { BorderMode } from "./band.ts";
export type { EngineOptions } from "../engine/open.ts";
export { canny, type CannyOptions } from "./canny.ts";
