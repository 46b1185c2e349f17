/** Rows (output pixels) of the largest register tile: 6 x 8 floats are 12 of the 15 vector registers x64 has to spare. */
export declare const MR = 6;
/** Columns (output channels) of a packed panel: two vectors of four lanes. */
export declare const NR = 8;
export declare const CONV_N = 0;
export declare const CONV_D = 1;
export declare const CONV_H = 2;
export declare const CONV_W = 3;
export declare const CONV_C = 4;
export declare const CONV_OD = 5;
export declare const CONV_OH = 6;
export declare const CONV_OW = 7;
export declare const CONV_OC = 8;
export declare const CONV_KD = 9;
export declare const CONV_KH = 10;
export declare const CONV_KW = 11;
/** Strides, dilations, and the border before the input. */
export declare const CONV_SZ = 12;
export declare const CONV_SY = 13;
export declare const CONV_SX = 14;
export declare const CONV_DZ = 15;
export declare const CONV_DY = 16;
export declare const CONV_DX = 17;
export declare const CONV_PF = 18;
export declare const CONV_PT = 19;
export declare const CONV_PL = 20;
export declare const GEMM_M = 0;
export declare const GEMM_N = 1;
/** Length of the sum: taps times channels per group. */
export declare const GEMM_K = 2;
export declare const GEMM_GROUPS = 3;
/** Bytes from one group's channels to the next, in the input and in the output. */
export declare const GEMM_GROUP_IN = 4;
export declare const GEMM_GROUP_OUT = 5;
/** A cell, the unit of work: MC pixels by NC panels, over the whole of K in K_BLOCKS blocks. */
export declare const GEMM_MC = 6;
export declare const GEMM_NC = 7;
export declare const GEMM_K_BLOCKS = 8;
export declare const GRID_N = 0;
export declare const GRID_D = 1;
export declare const GRID_H = 2;
export declare const GRID_W = 3;
export declare const GRID_IN_N = 4;
export declare const GRID_IN_D = 5;
export declare const GRID_IN_H = 6;
export declare const GRID_IN_W = 7;
export declare const GRID_OUT_N = 8;
export declare const GRID_OUT_D = 9;
export declare const GRID_OUT_H = 10;
export declare const GRID_OUT_W = 11;
/** Byte offset of the first output pixel. */
export declare const GRID_OUT_FIRST = 12;
export declare const PAD_N = 0;
export declare const PAD_D = 1;
export declare const PAD_H = 2;
export declare const PAD_W = 3;
export declare const PAD_C = 4;
export declare const PAD_OD = 5;
export declare const PAD_OH = 6;
export declare const PAD_OW = 7;
export declare const PAD_FRONT = 8;
export declare const PAD_TOP = 9;
export declare const PAD_LEFT = 10;
export declare const PAD_MODE = 11;
/** Values of PAD_MODE: a constant, the picture mirrored at its edge pixel, the edge pixel repeated. */
export declare const PAD_CONSTANT = 0;
export declare const PAD_REFLECT = 1;
export declare const PAD_REPLICATE = 2;
export declare const RESIZE_N = 0;
export declare const RESIZE_D = 1;
export declare const RESIZE_H = 2;
export declare const RESIZE_W = 3;
export declare const RESIZE_C = 4;
export declare const RESIZE_OD = 5;
export declare const RESIZE_OH = 6;
export declare const RESIZE_OW = 7;
export declare const RESIZE_INDICES = 8;
export declare const COPY_RANK = 6;
/** What is contiguous: the last axis on both sides; the last axis of out and the last but one of x; neither. */
export declare const COPY_MODE = 0;
export declare const COPY_ROWS = 0;
export declare const COPY_TRANSPOSE = 1;
export declare const COPY_SCATTERED = 2;
export declare const COPY_DIMS = 1;
export declare const COPY_OUT = 7;
export declare const COPY_X = 13;
/** Extent of one unit of work along the last three axes; along the others it is 1. */
export declare const COPY_TILE = 19;
export declare const POOL_SIZE = 0;
export declare const POOL_OUT = 3;
export declare const POOL_KERNEL = 6;
export declare const POOL_STRIDE = 9;
export declare const POOL_DILATION = 12;
export declare const POOL_BEFORE = 15;
export declare const POOL_AFTER = 18;
export declare const POOL_C = 21;
/** 1: an average divides by the taps inside input and border; 0: by those inside the input. */
export declare const POOL_COUNT_PADDING = 22;
export declare const NORM_PARTS = 0;
export declare const NORM_PIXELS = 1;
export declare const NORM_C = 2;
export declare const NORM_GROUPS = 3;
export declare const NORM_COPIES = 4;
/** Columns of one unit of a reduction (reduce.ts), and of argmax and softmax where they do not run along the last axis. */
export declare const REDUCE_BLOCK = 64;
export declare const ARGMAX_BLOCK = 16;
export declare const SOFTMAX_BLOCK = 16;
/** Floats in a unit of work of the kernels that map single values (activation.ts). */
export declare const MAP_BLOCK = 64;
/** Floats of a run (the innermost axis of the output), and of the blocks it is cut into. */
export declare const BROADCAST_RUN = 0;
export declare const BROADCAST_BLOCK = 1;
/** 1: the operand moves with the output along a run; 0: it stands still. */
export declare const BROADCAST_A_STEP = 2;
export declare const BROADCAST_B_STEP = 3;
/** How far the operand moves from one block of a run to the next. */
export declare const BROADCAST_A_BLOCK = 4;
export declare const BROADCAST_B_BLOCK = 5;
/** The axes round the run, at least one, innermost first: size, then how far a and b move along it. */
export declare const BROADCAST_AXES = 6;
/** Bits answered by `build_flags`. */
export declare const BUILD_RELAXED = 1;
export declare const BUILD_CHECKED = 2;
