// Numbers both sides share, as in abi.ts, of the kernels that only imported models call.

// How pixels are taken between pixels, and what lies outside an image (sample.ts).
export const SAMPLE_NEAREST = 0;
export const SAMPLE_LINEAR = 1;
export const SAMPLE_CUBIC = 2;
export const SAMPLE_ZEROS = 0;
export const SAMPLE_BORDER = 1;
export const SAMPLE_REFLECTION = 2;

// BoxShape: boxes of images and what is made of each, read by sample.ts. Images, their size, and that of a box in out.
export const BOX_N = 0;
export const BOX_H = 1;
export const BOX_W = 2;
export const BOX_C = 3;
export const BOX_OH = 4;
export const BOX_OW = 5;
/** Crops: one of SAMPLE_*. Rois: 1 takes the maximum of the samples of a bin, 0 their mean. */
export const BOX_MODE = 6;
/** Rois: samples along each axis of a bin, 0 for one per pixel; and whether pixel centres lie at halves. */
export const BOX_SAMPLES = 7;
export const BOX_HALF = 8;
/** A float. Crops: what lies outside of the image. Rois: pixels of x per unit. */
export const BOX_VALUE = 9;

// UnpoolShape: pixels of an image of x, channels, size of out, and of the tensor that indices count in; read by pool-index.ts.
export const UNPOOL_PIXELS = 0;
export const UNPOOL_C = 1;
export const UNPOOL_D = 2;
export const UNPOOL_H = 3;
export const UNPOOL_W = 4;
export const UNPOOL_INDEX_D = 5;
export const UNPOOL_INDEX_H = 6;
export const UNPOOL_INDEX_W = 7;
