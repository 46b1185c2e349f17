// Records: what kernels read by field index, written by name. One table per record gives each name its field; the type of what a
// builder makes is the record's alone, so that no kernel can be given another's.
import type { Records } from "./address.ts";
import * as abi from "./wasm.ts";

/** A field: its index; first index and length of a list; the first index of a list that ends the record; or the index of a float. */
type Field =
  | number
  | readonly [first: number, count: number]
  | { readonly rest: number }
  | { readonly f32: number };

type ValuesOf<Layout> = {
  readonly [K in keyof Layout]: Layout[K] extends readonly [number, number] | { readonly rest: number }
    ? readonly number[]
    : number;
};

/** A record's content, as 4-byte words. */
export interface RecordData<Name extends string> {
  readonly name: Name;
  readonly words: Int32Array;
}

export function define<Name extends keyof Records, const Layout extends Readonly<Record<string, Field>>>(
  name: Name,
  layout: Layout,
): (values: ValuesOf<Layout>) => RecordData<Name> {
  const fields = Object.entries(layout as Readonly<Record<string, Field>>);
  const end = (field: Field, value: number | readonly number[]): number => {
    if (typeof field === "number") return field + 1;
    if ("f32" in field) return field.f32 + 1;
    return "rest" in field ? field.rest + (value as readonly number[]).length : field[0] + field[1];
  };
  return (values) => {
    const read = (key: string) => (values as Readonly<Record<string, number | readonly number[]>>)[key];
    const words = new Int32Array(Math.max(...fields.map(([key, field]) => end(field, read(key)))));
    const floats = new Float32Array(words.buffer);
    for (const [key, field] of fields) {
      const value = read(key);
      if (typeof field === "number") words[field] = value as number;
      else if ("f32" in field) floats[field.f32] = value as number;
      else if ("rest" in field) words.set(value as readonly number[], field.rest);
      else {
        if ((value as readonly number[]).length !== field[1])
          throw new Error(
            `internal: ${name}.${key} takes ${field[1]} numbers, not ${(value as readonly number[]).length}`,
          );
        words.set(value as readonly number[], field[0]);
      }
    }
    return { name, words };
  };
}

/** Spatial lists are [depth, height, width]; strides are bytes from image to image, plane to plane, row to row, pixel to pixel. */
export const convShape = define("convShape", {
  n: abi.CONV_N,
  size: [abi.CONV_D, 3],
  c: abi.CONV_C,
  out: [abi.CONV_OD, 3],
  oc: abi.CONV_OC,
  kernel: [abi.CONV_KD, 3],
  stride: [abi.CONV_SZ, 3],
  dilation: [abi.CONV_DZ, 3],
  before: [abi.CONV_PF, 3],
  xStrides: [abi.CONV_X_N, 4],
  outStrides: [abi.CONV_OUT_N, 4],
});

export const winogradShape = define("winogradShape", {
  n: abi.WINOGRAD_N,
  size: [abi.WINOGRAD_H, 2],
  c: abi.WINOGRAD_C,
  out: [abi.WINOGRAD_OH, 2],
  oc: abi.WINOGRAD_OC,
  dilation: [abi.WINOGRAD_DY, 2],
  before: [abi.WINOGRAD_PT, 2],
  tiles: [abi.WINOGRAD_TILES_Y, 2],
  m: abi.WINOGRAD_TILE,
  xStrides: [abi.WINOGRAD_X_N, 3],
  outStrides: [abi.WINOGRAD_OUT_N, 3],
});

export const gemmShape = define("gemmShape", {
  M: abi.GEMM_M,
  N: abi.GEMM_N,
  K: abi.GEMM_K,
  groups: abi.GEMM_GROUPS,
  groupIn: abi.GEMM_GROUP_IN,
  groupOut: abi.GEMM_GROUP_OUT,
  mc: abi.GEMM_MC,
  nc: abi.GEMM_NC,
  kBlocks: abi.GEMM_K_BLOCKS,
  panels: abi.GEMM_PANELS,
});

export const pixelGrid = define("pixelGrid", {
  counts: [abi.GRID_N, 4],
  input: [abi.GRID_IN_N, 4],
  output: [abi.GRID_OUT_N, 4],
  first: abi.GRID_OUT_FIRST,
});

/** What ends a product, in this order: `accumulate` 1 adds what out holds; an activation, or limits (a clamp) where it is 0. */
export const epilogue = define("epilogue", {
  accumulate: abi.EPILOGUE_ACCUMULATE,
  lo: { f32: abi.EPILOGUE_LO },
  hi: { f32: abi.EPILOGUE_HI },
  activation: abi.EPILOGUE_ACTIVATION,
  p: { f32: abi.EPILOGUE_P },
  q: { f32: abi.EPILOGUE_Q },
});

export const filterGradShape = define("filterGradShape", {
  pixels: abi.FILTER_GRAD_P,
  block: abi.FILTER_GRAD_BLOCK,
  n: abi.FILTER_GRAD_N,
  strips: abi.FILTER_GRAD_STRIPS,
  groups: abi.FILTER_GRAD_GROUPS,
  groupX: abi.FILTER_GRAD_GROUP_X,
  panel: abi.FILTER_GRAD_PANEL,
  add: abi.FILTER_GRAD_ADD,
});

/** Sizes, windows and padding are lists of depth, height, width; `after` is the padding that averages may count. */
export const poolShape = define("poolShape", {
  n: abi.POOL_N,
  size: [abi.POOL_D, 3],
  c: abi.POOL_C,
  out: [abi.POOL_OD, 3],
  kernel: [abi.POOL_KD, 3],
  stride: [abi.POOL_SZ, 3],
  dilation: [abi.POOL_DZ, 3],
  before: [abi.POOL_PF, 3],
  after: [abi.POOL_AFTER_Z, 3],
  countPadding: abi.POOL_COUNT_PADDING,
  xStrides: [abi.POOL_X_N, 4],
  outStrides: [abi.POOL_OUT_N, 4],
});

export const padShape = define("padShape", {
  n: abi.PAD_N,
  size: [abi.PAD_D, 3],
  c: abi.PAD_C,
  out: [abi.PAD_OD, 3],
  before: [abi.PAD_PF, 3],
  mode: abi.PAD_MODE,
  xStrides: [abi.PAD_X_N, 4],
  outStrides: [abi.PAD_OUT_N, 4],
});

/** `size` is that of the interior. */
export const borderShape = define("borderShape", {
  n: abi.BORDER_N,
  size: [abi.BORDER_D, 3],
  c: abi.BORDER_C,
  before: [abi.BORDER_PF, 3],
  after: [abi.BORDER_AFTER_Z, 3],
  strides: [abi.BORDER_OUT_N, 4],
});

export const resizeShape = define("resizeShape", {
  n: abi.RESIZE_N,
  size: [abi.RESIZE_D, 3],
  c: abi.RESIZE_C,
  out: [abi.RESIZE_OD, 3],
  xStrides: [abi.RESIZE_X_N, 4],
  outStrides: [abi.RESIZE_OUT_N, 4],
});

/** A box of COPY_RANK axes, outermost first; strides in bytes. */
export const copyShape = define("copyShape", {
  mode: abi.COPY_MODE,
  size: [abi.COPY_DIMS, abi.COPY_RANK],
  outStrides: [abi.COPY_OUT, abi.COPY_RANK],
  xStrides: [abi.COPY_X, abi.COPY_RANK],
  tile: [abi.COPY_TILE, 3],
});

/** `center` 1: boxes are centres and sizes. */
export const suppression = define("suppression", {
  images: abi.SUPPRESS_IMAGES,
  classes: abi.SUPPRESS_CLASSES,
  boxes: abi.SUPPRESS_BOXES,
  most: abi.SUPPRESS_MOST,
  center: abi.SUPPRESS_CENTER,
  iou: { f32: abi.SUPPRESS_OVERLAP },
  threshold: { f32: abi.SUPPRESS_SCORE },
  scale: { f32: abi.SUPPRESS_SCALE },
});

export const combineShape = define("combineShape", {
  rows: abi.COMBINE_ROWS,
  rowsX: abi.COMBINE_ROWS_X,
  pixels: abi.COMBINE_PIXELS,
  pixelsX: abi.COMBINE_PIXELS_X,
  c: abi.COMBINE_C,
  rowTerms: abi.COMBINE_ROW_TERMS,
});

/** Rows of `run` contiguous floats; `dims` holds size and byte strides in out and in x of each of `axes` axes, innermost first. */
export const stridedRows = define("stridedRows", {
  run: abi.ROWS_RUN,
  axes: abi.ROWS_AXES,
  dims: { rest: abi.ROWS_DIMS },
});

/** Two operands over runs of out, cut into blocks; `dims` holds size and byte strides in out, a and b of each axis. */
export const broadcastRows = define("broadcastRows", {
  run: abi.BROADCAST_RUN,
  block: abi.BROADCAST_BLOCK,
  aStep: abi.BROADCAST_A_STEP,
  bStep: abi.BROADCAST_B_STEP,
  aBlock: abi.BROADCAST_A_BLOCK,
  bBlock: abi.BROADCAST_B_BLOCK,
  axes: abi.BROADCAST_AXES,
  dims: { rest: abi.BROADCAST_DIMS },
});

export const normShape = define("normShape", {
  rows: abi.NORM_ROWS,
  chunk: abi.NORM_CHUNK,
  c: abi.NORM_C,
  groups: abi.NORM_GROUPS,
  copies: abi.NORM_COPIES,
});

/** Sizes are lists of height, width. `value` is the extrapolation of crops, or the scale of rois. */
export const boxShape = define("boxShape", {
  n: abi.BOX_N,
  size: [abi.BOX_H, 2],
  c: abi.BOX_C,
  out: [abi.BOX_OH, 2],
  mode: abi.BOX_MODE,
  samples: abi.BOX_SAMPLES,
  half: abi.BOX_HALF,
  value: { f32: abi.BOX_VALUE },
});

export const unpoolShape = define("unpoolShape", {
  pixels: abi.UNPOOL_PIXELS,
  c: abi.UNPOOL_C,
  out: [abi.UNPOOL_D, 3],
  index: [abi.UNPOOL_INDEX_D, 3],
});
