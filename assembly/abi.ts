// Numbers both sides share: plain `export const`, read by asc and by tsc. Nothing else may live here.
// A record is an array of 4-byte fields in linear memory; a constant below is the index of a field in it.

/** Rows (output pixels) that make whole register tiles in every build: tile.ts says how many a tile has. */
export const MR_MULTIPLE = 12;
/** Columns (output channels) of a packed panel: two vectors of four lanes. */
export const NR = 8;

// ConvShape: a convolution over three axes [depth, height, width]; 1-D and 2-D have leading axes of size 1. Read by
// depthwise.ts, direct.ts and im2col.ts.
export const CONV_N = 0;
export const CONV_D = 1;
export const CONV_H = 2;
export const CONV_W = 3;
export const CONV_C = 4;
export const CONV_OD = 5;
export const CONV_OH = 6;
export const CONV_OW = 7;
export const CONV_OC = 8;
export const CONV_KD = 9;
export const CONV_KH = 10;
export const CONV_KW = 11;
/** Strides, dilations, and the border before the input. */
export const CONV_SZ = 12;
export const CONV_SY = 13;
export const CONV_SX = 14;
export const CONV_DZ = 15;
export const CONV_DY = 16;
export const CONV_DX = 17;
export const CONV_PF = 18;
export const CONV_PT = 19;
export const CONV_PL = 20;
/** Bytes from image to image, plane to plane, row to row, pixel to pixel, in x and in out. */

export const CONV_X_N = 21;
export const CONV_X_D = 22;
export const CONV_X_H = 23;
export const CONV_X_W = 24;
export const CONV_OUT_N = 25;
export const CONV_OUT_D = 26;
export const CONV_OUT_H = 27;
export const CONV_OUT_W = 28;

// WinogradShape: read by winograd.ts and winograd-filter.ts.
export const WINOGRAD_N = 0;
export const WINOGRAD_H = 1;
export const WINOGRAD_W = 2;
export const WINOGRAD_C = 3;
export const WINOGRAD_OH = 4;
export const WINOGRAD_OW = 5;
export const WINOGRAD_OC = 6;
export const WINOGRAD_DY = 7;
export const WINOGRAD_DX = 8;
export const WINOGRAD_PT = 9;
export const WINOGRAD_PL = 10;
/** Rows of tiles, and tiles in a row, in one phase of an image; outputs along a side of a tile. */
export const WINOGRAD_TILES_Y = 11;
export const WINOGRAD_TILES_X = 12;
export const WINOGRAD_TILE = 13;
/** Bytes from image to image, row to row, pixel to pixel, in x and in out. */
export const WINOGRAD_X_N = 14;
export const WINOGRAD_X_H = 15;
export const WINOGRAD_X_W = 16;
export const WINOGRAD_OUT_N = 17;
export const WINOGRAD_OUT_H = 18;
export const WINOGRAD_OUT_W = 19;

// Epilogue: what ends a product. Floats, but for the two that are named after what they are.
export const EPILOGUE_ACCUMULATE = 0;
export const EPILOGUE_LO = 1;
export const EPILOGUE_HI = 2;
export const EPILOGUE_ACTIVATION = 3;
export const EPILOGUE_P = 4;
export const EPILOGUE_Q = 5;

// GemmShape: one convolution as a matrix product per group, read by gemm.ts. M pixels by N channels.
export const GEMM_M = 0;
export const GEMM_N = 1;
/** Length of the sum: taps times channels per group. */
export const GEMM_K = 2;
export const GEMM_GROUPS = 3;
/** Bytes from one group's channels to the next, in the input and in the output. */
export const GEMM_GROUP_IN = 4;
export const GEMM_GROUP_OUT = 5;
/** A block, the unit of work: MC pixels by NC panels, over the whole of K in K_BLOCKS parts. */
export const GEMM_MC = 6;
export const GEMM_NC = 7;
export const GEMM_K_BLOCKS = 8;
/** Panels that a tile of pixels meets one after the other, because they fit L1 together. */
export const GEMM_PANELS = 9;

// FilterGrad: the outer product of two sets of pixels, read by grad.ts. Pixels in all, and in a block that is summed up alone;
// channels of dy per group; strips of rows per group; groups.
export const FILTER_GRAD_P = 0;
export const FILTER_GRAD_BLOCK = 1;
export const FILTER_GRAD_N = 2;
export const FILTER_GRAD_STRIPS = 3;
export const FILTER_GRAD_GROUPS = 4;
/** Bytes from one group to the next in x, and from one panel to the next in packed dy. */
export const FILTER_GRAD_GROUP_X = 5;
export const FILTER_GRAD_PANEL = 6;
/** Depthwise: bytes from one tap of a strip to the next in x. */
export const FILTER_GRAD_TAP = 5;
/** 1: added to what out holds. */
export const FILTER_GRAD_ADD = 7;

/** Channels of a unit of a depthwise filter gradient: the whole of a cache line. */
export const DEPTHWISE_GRAD_BLOCK = 16;

// PixelGrid: where the pixels of a regular grid lie in input and output, read by gemm_pixels. Counts, then byte strides.
export const GRID_N = 0;
export const GRID_D = 1;
export const GRID_H = 2;
export const GRID_W = 3;
export const GRID_IN_N = 4;
export const GRID_IN_D = 5;
export const GRID_IN_H = 6;
export const GRID_IN_W = 7;
export const GRID_OUT_N = 8;
export const GRID_OUT_D = 9;
export const GRID_OUT_H = 10;
export const GRID_OUT_W = 11;
/** Byte offset of the first output pixel. */
export const GRID_OUT_FIRST = 12;

// PadShape: sizes of x and out, the padding before x, what the padding holds; read by pad.ts.
export const PAD_N = 0;
export const PAD_D = 1;
export const PAD_H = 2;
export const PAD_W = 3;
export const PAD_C = 4;
export const PAD_OD = 5;
export const PAD_OH = 6;
export const PAD_OW = 7;
export const PAD_PF = 8;
export const PAD_PT = 9;
export const PAD_PL = 10;
export const PAD_MODE = 11;
/** Bytes from image to image, plane to plane, row to row, pixel to pixel, in x and in out. */
export const PAD_X_N = 12;
export const PAD_X_D = 13;
export const PAD_X_H = 14;
export const PAD_X_W = 15;
export const PAD_OUT_N = 16;
export const PAD_OUT_D = 17;
export const PAD_OUT_H = 18;
export const PAD_OUT_W = 19;
/** Values of PAD_MODE: a constant, the image mirrored at its edge pixel, the edge pixel repeated. */
export const PAD_CONSTANT = 0;
export const PAD_REFLECT = 1;
export const PAD_REPLICATE = 2;

// BorderShape: the interior of an image and the border round it; read by border.ts.
export const BORDER_N = 0;
export const BORDER_D = 1;
export const BORDER_H = 2;
export const BORDER_W = 3;
export const BORDER_C = 4;
/** Pixels before the interior, and after it. */
export const BORDER_PF = 5;
export const BORDER_PT = 6;
export const BORDER_PL = 7;
export const BORDER_AFTER_Z = 8;
export const BORDER_AFTER_Y = 9;
export const BORDER_AFTER_X = 10;
/** Bytes from image to image, plane to plane, row to row, pixel to pixel. */
export const BORDER_OUT_N = 11;
export const BORDER_OUT_D = 12;
export const BORDER_OUT_H = 13;
export const BORDER_OUT_W = 14;

// ResizeShape: sizes of x and out; read by resize.ts.
export const RESIZE_N = 0;
export const RESIZE_D = 1;
export const RESIZE_H = 2;
export const RESIZE_W = 3;
export const RESIZE_C = 4;
export const RESIZE_OD = 5;
export const RESIZE_OH = 6;
export const RESIZE_OW = 7;
/** Bytes from image to image, plane to plane, row to row, pixel to pixel, in x and in out. */
export const RESIZE_X_N = 8;
export const RESIZE_X_D = 9;
export const RESIZE_X_H = 10;
export const RESIZE_X_W = 11;
export const RESIZE_OUT_N = 12;
export const RESIZE_OUT_D = 13;
export const RESIZE_OUT_H = 14;
export const RESIZE_OUT_W = 15;

// CopyShape: a box of COPY_RANK axes, outermost first, read by copy.ts. Counts, then the strides in bytes on both sides.
export const COPY_RANK = 6;
/** What is contiguous: the last axis on both sides; the last axis of out and the last but one of x; neither. */
export const COPY_MODE = 0;
export const COPY_ROWS = 0;
export const COPY_TRANSPOSE = 1;
export const COPY_SCATTERED = 2;
export const COPY_DIMS = 1;
export const COPY_OUT = 7;
export const COPY_X = 13;
/** Extent of one unit of work along the last three axes; along the others it is 1. */
export const COPY_TILE = 19;

// How a scattered update meets what is there (gather.ts); for int32 MERGE_INTEGERS more.
export const MERGE_SET = 0;
export const MERGE_ADD = 1;
export const MERGE_MUL = 2;
export const MERGE_MIN = 3;
export const MERGE_MAX = 4;
export const MERGE_INTEGERS = 8;

// Suppression: images, classes and boxes, how many boxes of a class are selected at most, whether boxes are centres and sizes; then
// floats: thresholds of overlap and score, and what a squared overlap is scaled by; read by suppress.ts.
export const SUPPRESS_IMAGES = 0;
export const SUPPRESS_CLASSES = 1;
export const SUPPRESS_BOXES = 2;
export const SUPPRESS_MOST = 3;
export const SUPPRESS_CENTER = 4;
export const SUPPRESS_OVERLAP = 5;
export const SUPPRESS_SCORE = 6;
export const SUPPRESS_SCALE = 7;

// PoolShape: a window over three spatial axes, read by pool.ts and pool-grad.ts.
export const POOL_N = 0;
export const POOL_D = 1;
export const POOL_H = 2;
export const POOL_W = 3;
export const POOL_C = 4;
export const POOL_OD = 5;
export const POOL_OH = 6;
export const POOL_OW = 7;
export const POOL_KD = 8;
export const POOL_KH = 9;
export const POOL_KW = 10;
export const POOL_SZ = 11;
export const POOL_SY = 12;
export const POOL_SX = 13;
export const POOL_DZ = 14;
export const POOL_DY = 15;
export const POOL_DX = 16;
/** Padding before x, and after it as far as averages count it. */
export const POOL_PF = 17;
export const POOL_PT = 18;
export const POOL_PL = 19;
export const POOL_AFTER_Z = 20;
export const POOL_AFTER_Y = 21;
export const POOL_AFTER_X = 22;
/** 1: an average divides by the taps inside x and its padding; 0: by those inside x. */
export const POOL_COUNT_PADDING = 23;
/** Bytes from image to image, plane to plane, row to row, pixel to pixel, in x and in out. */
export const POOL_X_N = 24;
export const POOL_X_D = 25;
export const POOL_X_H = 26;
export const POOL_X_W = 27;
export const POOL_OUT_N = 28;
export const POOL_OUT_D = 29;
export const POOL_OUT_H = 30;
export const POOL_OUT_W = 31;

// CombineShape: rows of an image of out and x, pixels of a row of out and x, channels, terms of all rows; read by combine.ts.
export const COMBINE_ROWS = 0;
export const COMBINE_ROWS_X = 1;
export const COMBINE_PIXELS = 2;
export const COMBINE_PIXELS_X = 3;
export const COMBINE_C = 4;
export const COMBINE_ROW_TERMS = 5;

// NormShape: statistics over groups of channels, read by norm.ts and norm-grad.ts. Rows of a slice and of a chunk, channels,
// groups of channels, and pixels in a row.
export const NORM_ROWS = 0;
export const NORM_CHUNK = 1;
export const NORM_C = 2;
export const NORM_GROUPS = 3;
export const NORM_COPIES = 4;

/** Columns of a unit of work: of reductions, and of argmax and softmax along any axis but the last. */
export const REDUCE_BLOCK = 64;
export const ARGMAX_BLOCK = 16;
export const SOFTMAX_BLOCK = 16;

/** Floats in a unit of work of element-wise kernels. */
export const MAP_BLOCK = 64;

// StridedRows: rows of contiguous floats that lie with any strides in out and in x, read by activation.ts and norm.ts.
/** Floats of a row. */
export const ROWS_RUN = 0;
/** The axes round a row, at least one, innermost first: how many, then size, byte strides in out and in x of each. */
export const ROWS_AXES = 1;
export const ROWS_DIMS = 2;

// Activations f(x) with parameters p and q (activation.ts). Kernels that apply one at the end do nothing for ACTIVATION_NONE.
export const ACTIVATION_NONE = 0;
/** min(max(x, p), q); NaN propagates: relu is (0, Infinity), relu6 (0, 6), a copy (-Infinity, Infinity). */
export const ACTIVATION_CLAMP = 1;
/** x above 0, p · x below. */
export const ACTIVATION_LEAKY_RELU = 2;
/** q · x above 0, p · (e^x - 1) below: elu is (alpha, 1), selu (alpha · scale, scale). */
export const ACTIVATION_ELU = 3;
/** min(max(p · x + q, 0), 1). */
export const ACTIVATION_HARD_SIGMOID = 4;
/** x · min(max(x + 3, 0), 6) / 6. */
export const ACTIVATION_HARD_SWISH = 5;
/** p · x + q. */
export const ACTIVATION_AFFINE = 6;
/** x / (1 + |x|). */
export const ACTIVATION_SOFTSIGN = 7;
/** |x|. */
export const ACTIVATION_ABS = 8;
/** -x. */
export const ACTIVATION_NEG = 9;
/** √x. */
export const ACTIVATION_SQRT = 10;
/** e^x. Error <= 1.04 ulp. */
export const ACTIVATION_EXP = 11;
/** 1 / (1 + e^-x). Error <= 2.6 ulp above 2^-126; a smaller result may be 0. */
export const ACTIVATION_SIGMOID = 12;
/** x / (1 + e^-x). Error <= 2.6 ulp above x = -87. */
export const ACTIVATION_SILU = 13;
/** tanh x. Error <= 2.6 ulp. */
export const ACTIVATION_TANH = 14;
/** ln(1 + e^x). Error <= 1.7 ulp. */
export const ACTIVATION_SOFTPLUS = 15;
/** x · tanh(ln(1 + e^x)). Error <= 4.7 ulp above x = -87. */
export const ACTIVATION_MISH = 16;
/** x · Φ(x), Φ the distribution function of the normal distribution. Error <= 8 ulp above x = -12.9. -Infinity gives 0. */
export const ACTIVATION_GELU = 17;
/** x/2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³))). Error <= 4 ulp above 0, more in the left tail. */
export const ACTIVATION_GELU_TANH = 18;

// BroadcastRows: two operands broadcast to the shape of out, read by elementwise.ts.
/** Floats of a run (contiguous in out), and of the blocks it is cut into. */
export const BROADCAST_RUN = 0;
export const BROADCAST_BLOCK = 1;
/** 1: the operand is contiguous along a run; 0: it is one value there. */
export const BROADCAST_A_STEP = 2;
export const BROADCAST_B_STEP = 3;
/** Bytes from one block of a run to the next in each operand. */
export const BROADCAST_A_BLOCK = 4;
export const BROADCAST_B_BLOCK = 5;
/** The axes round the run, at least one, innermost first: how many, then size, byte strides in out, a and b of each. */
export const BROADCAST_AXES = 6;
export const BROADCAST_DIMS = 7;

// Derivatives of activations (activation-grad.ts has the formulas): first those that cost less than their loads, from
// GRAD_SOFTPLUS on the others.
export const GRAD_CLIP = 0;
export const GRAD_POLYNOMIAL = 1;
export const GRAD_ELU = 2;
export const GRAD_SOFTSIGN = 3;
export const GRAD_ABS = 4;
export const GRAD_HARD_SWISH = 5;
export const GRAD_PRELU = 6;
export const GRAD_SOFTPLUS = 7;
export const GRAD_ELU_X = 8;
export const GRAD_SILU = 9;
export const GRAD_MISH = 10;
export const GRAD_GELU = 11;
export const GRAD_GELU_TANH = 12;

// Terms of losses between x and a target t (loss.ts); LOSS_POWER is x² and takes no target.
export const LOSS_SQUARE = 0;
export const LOSS_ABSOLUTE = 1;
export const LOSS_HUBER = 2;
export const LOSS_LOGITS = 3;
export const LOSS_POWER = 4;

// Hyper-parameters of a step of an optimizer that the host writes before it, four floats: learning rate, bias corrections, Nadam's share.
export const HYPER_RATE = 0;
export const HYPER_STEP = 1;
export const HYPER_ROOT = 2;
export const HYPER_DIRECT = 3;

// Constants of an optimizer, eight floats (optimizer.ts has the formulas).
export const RULE_DECAY = 0;
export const RULE_SHRINK = 1;
export const RULE_MOMENTUM = 2;
export const RULE_EPSILON = 3;
export const RULE_KEEP = 4;
export const RULE_TAKE = 5;
export const RULE_KEEP_SQUARE = 6;
export const RULE_TAKE_SQUARE = 7;

/** Bits answered by `build_flags`. */
export const BUILD_RELAXED = 1;
export const BUILD_CHECKED = 2;

// A table of taps of image filters, see image-filter.ts: fields, then bytes.
export const TAPS_COUNT = 0;
export const TAPS_SHIFT = 1;
export const TAPS_ROUND = 2;
/** Bytes to the vector sums begin with, to the first tap, and from tap to tap. */
export const TAPS_START = 16;
export const TAPS_FIRST = 32;
export const TAPS_SIZE = 32;
