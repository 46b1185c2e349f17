// Well-known nets as descriptions, and PyTorch's weights for them: the package's entry `convolith/nets`.
export { readSafetensors, type SafeTensors, type StoredTensor } from "../formats/safetensors.ts";
export {
  type LoadedStateDict,
  loadStateDict,
  type StateDict,
  type StateDictOptions,
  type StateTensor,
} from "../formats/state-dict.ts";
export { denseNet121 } from "./densenet.ts";
export { efficientNetB0 } from "./efficientnet.ts";
export { type MobileNetOptions, mobileNetV2 } from "./mobilenet.ts";
export type { NetOptions } from "./parts.ts";
export { resnet18, resnet34, resnet50 } from "./resnet.ts";
export { squeezeNet } from "./squeezenet.ts";
export { type UNetOptions, unet } from "./unet.ts";
export { vgg16 } from "./vgg.ts";
