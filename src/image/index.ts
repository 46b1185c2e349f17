// Public names of `convolith/image`.

export type { EngineOptions } from "../engine/open.ts";
export type { BorderMode } from "./band.ts";
export type { Drawable } from "./drawable.ts";
export { createImageEngine, type ImageEngine } from "./engine.ts";
export { gaussian1d } from "./gaussian.ts";
export { type GrayOptions, toGray } from "./gray.ts";
export type { Floats, Image, ImageLike, OutputOptions, PixelData, PixelImage, Same } from "./image.ts";
export { KERNELS, type KernelEntry, type TextbookKernel } from "./kernel-list.ts";
export * from "./kernels.ts";
export { type ResizeOptions, resize } from "./resize.ts";
export type { ResizeMethod } from "./resize-tables.ts";
