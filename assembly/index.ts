// The door: this export list is the ABI. asc writes build/*.d.ts from it, and src/engine/wasm.ts reads that.
import { BUILD_CHECKED, BUILD_RELAXED } from "./abi";

/** The first byte of linear memory that no static data uses: the arena of src/engine/memory.ts begins here. */
export function heap_base(): usize {
  return __heap_base;
}

/** Which build this is: BUILD_RELAXED and BUILD_CHECKED, or-ed. */
export function build_flags(): i32 {
  let flags = 0;
  if (ASC_FEATURE_RELAXED_SIMD) flags |= BUILD_RELAXED;
  if (!ASC_NO_ASSERT) flags |= BUILD_CHECKED;
  return flags;
}

export { depthwise_f32, depthwise_transpose_f32, pack_depthwise_f32 } from "./depthwise";
export { direct_f32 } from "./direct";
export { gemm_f32, gemm_pixels } from "./gemm";
export { depthwise_filter_grad_f32, filter_grad_f32, pack_pixels_f32 } from "./filter-grad";
export { pack_filter_f32 } from "./pack";
export { fill_border_f32 } from "./border";
export { fill_f32, strided_copy_f32 } from "./copy";
export { col2im_f32, im2col_f32 } from "./im2col";
export { pad_f32 } from "./pad";
export { resize_linear_f32, resize_nearest_f32 } from "./resize";
export { batch_norm_scale_f32, channel_affine_f32, norm_moments_f32, norm_scale_f32 } from "./norm";
export { pool_average_f32, pool_max_f32 } from "./pool";
export { pool_max_grad_f32, pool_pairs_grad_f32 } from "./pool-grad";
export { combine_f32 } from "./combine";
export { argmax_f32 } from "./argmax";
export { reduce_max_f32, reduce_min_f32, reduce_sum_f32 } from "./reduce";
export { log_softmax_f32, softmax_f32 } from "./softmax";
export { activation_f32 } from "./activation";
export { add_f32, div_f32, equal_f32, max_f32, max_share_f32, min_f32, mul_f32 } from "./elementwise";
export { prelu_f32, repeat_f32, sub_f32 } from "./elementwise";
export { winograd_input_f2_f32, winograd_output_f2_f32 } from "./winograd";
export { winograd_output_f2k5_f32 } from "./winograd";
export { winograd_input_f4_f32, winograd_output_f4_f32 } from "./winograd";
export { winograd_pack_f2_f32, winograd_pack_f2k5_f32, winograd_pack_f4_f32 } from "./winograd-filter";
export { winograd_filter_grad_f4_f32, winograd_grad_f4_f32 } from "./winograd-filter";
export { activation_grad_f32, select_f32 } from "./activation-grad";
export { softmax_grad_f32 } from "./softmax-grad";
export { norm_grad_channels_f32, norm_grad_f32, norm_grad_sums_f32, norm_grad_tables_f32 } from "./norm-grad";
export { norm_statistics_f32, running_average_f32 } from "./norm-grad";
export { cross_entropy_f32, cross_entropy_grad_f32, loss_f32, loss_grad_f32 } from "./loss";
export { dropout_f32 } from "./dropout";
export {
  adadelta_f32, adam_f32, lion_f32, norm_limit_f32, rmsprop_f32, sgd_f32, trust_rate_f32,
} from "./optimizer";
export { pack_matrix_f32 } from "./matmul";
export { layer_norm_f32 } from "./layer-norm";
export { lrn_f32 } from "./lrn";
export { interpolate_f32 } from "./interpolate";
export { crop_resize_f32, grid_sample_f32, roi_align_f32 } from "./sample";
export { max_unpool_f32, pool_max_index_f32 } from "./pool-index";

// What only models from files ask for

export { gather_elements_f32, gather_rows_f32, one_hot_f32, scatter_elements_f32, scatter_rows_f32 } from "./gather";
export { non_zero_f32, reverse_sequence_f32, triangle_f32 } from "./move";
export { non_max_suppression_f32 } from "./suppress";
export { top_k_f32 } from "./top-k";

// Pictures

export { image_alpha, image_border, image_narrow, image_spread, image_widen } from "./image";
export { image_gray_f32, image_gray_u8 } from "./image-gray";
export { image_filter_f32, image_filter_f32_u8, image_filter_u8 } from "./image-filter";
export { image_dot_i16_u8, image_filter_i16_u8, image_filter_u8_i16, image_pairs_i16 } from "./image-filter";
export { image_five_u8_i16, image_window_dot_u8, image_window_u8 } from "./image-five";
export { image_triples_u8, image_unsharp_f32 } from "./image-filter";
export { image_box_columns_f32, image_box_columns_u8, image_box_rows_f32, image_box_rows_u8 } from "./image-box";
export { image_magnitude_i16, image_sobel_u8, image_taps_column_i16, image_taps_row_u8 } from "./image-gradient";
export { image_histogram, image_polar_f32, image_separable3_u8 } from "./image-gradient";
export { image_canny_edges, image_canny_thin, image_canny_thin_squares, image_canny_trace } from "./image-canny";
export { image_median_small } from "./image-median";
export { image_median_f32, image_median_u8 } from "./image-median-large";
export { image_half_u8, image_linear_pixels_u8, image_linear_rows_u8 } from "./image-resize";
export { image_mix_pixels_f32, image_mix_rows_f32, image_mix_rows_u8, image_pick_pixels } from "./image-resize";

// What models read from files need besides

export { map_words } from "./words";
export { extreme_words, fold_words } from "./fold";
