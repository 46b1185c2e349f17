// Types of eager attention: layers that weight pixels and channels by the whole map.
import type * as layers from "../layers/attention.ts";
import type { SharedOptions } from "../layers/layer.ts";
import type { Tensor } from "../tensor.ts";

/** The weights of the layer; biases may be left out. With d = heads * keyDim and v = heads * valueDim. */
export interface MultiHeadAttentionOptions extends SharedOptions<typeof layers.multiHeadAttention> {
  /** [c, d] and [d] */
  query: Tensor;
  queryBias?: Tensor;
  /** [ck, d] and [d] */
  key: Tensor;
  keyBias?: Tensor;
  /** [cv, v] and [v] */
  value: Tensor;
  valueBias?: Tensor;
  /** [v, c] and [c] */
  output: Tensor;
  outputBias?: Tensor;
}

/** activation "relu", gate "sigmoid" by default; biases may be left out. */
export interface SqueezeExciteOptions extends SharedOptions<typeof layers.squeezeExcite> {
  /** [c, s] and [s] */
  reduce: Tensor;
  reduceBias?: Tensor;
  /** [s, c] and [c] */
  expand: Tensor;
  expandBias?: Tensor;
}

/** Errors of all methods: ArgumentError for what is no tensor or option, ShapeError for what does not fit, DisposedError, MemoryError. */
export interface AttentionOps {
  /** softmax(q · kᵀ / sqrt(keyDim)) · v in several heads, of x [n, ..., c], or of a list: query, key and value. */
  multiHeadAttention(x: Tensor | readonly Tensor[], options: MultiHeadAttentionOptions): Tensor;
  /** Scales each channel of x [n, ..., c] by a factor made of the means of all channels. */
  squeezeExcite(x: Tensor, options: SqueezeExciteOptions): Tensor;
}
