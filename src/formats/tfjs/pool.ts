// Keras' pooling: of windows and of whole maps, over one to three axes.
import * as layers from "../../layers/pool.ts";
import { PADDING, spatialInput, type Translation, type Translations } from "./call.ts";

const pooling =
  (axes: number, layer: typeof layers.maxPool2d | typeof layers.avgPool2d): Translation =>
  (call) => {
    const x = spatialInput(call, axes);
    const size = call.config.sizes("pool_size", axes, 1, 2);
    const stride = call.config.sizes("strides", axes, 1, size);
    const padding = call.config.word("padding", PADDING, "valid");
    return call.emit(layer({ size, stride, padding }), [x]);
  };

const globalPooling =
  (axes: number, layer: typeof layers.globalAvgPool): Translation =>
  (call) => {
    const x = spatialInput(call, axes);
    const keepDims = call.config.flag("keepdims", false);
    return call.emit(layer({ keepDims }), [x], { rank: keepDims ? x.rank : 2 });
  };

export const poolTranslations: Translations = {
  MaxPooling1D: pooling(1, layers.maxPool1d),
  MaxPooling2D: pooling(2, layers.maxPool2d),
  MaxPooling3D: pooling(3, layers.maxPool3d),
  AveragePooling1D: pooling(1, layers.avgPool1d),
  AveragePooling2D: pooling(2, layers.avgPool2d),
  AveragePooling3D: pooling(3, layers.avgPool3d),
  GlobalMaxPooling1D: globalPooling(1, layers.globalMaxPool),
  GlobalMaxPooling2D: globalPooling(2, layers.globalMaxPool),
  GlobalMaxPooling3D: globalPooling(3, layers.globalMaxPool),
  GlobalAveragePooling1D: globalPooling(1, layers.globalAvgPool),
  GlobalAveragePooling2D: globalPooling(2, layers.globalAvgPool),
  GlobalAveragePooling3D: globalPooling(3, layers.globalAvgPool),
};
