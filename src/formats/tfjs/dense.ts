// Keras' fully connected layer.
import * as layers from "../../layers/dense.ts";
import { biasOf, epilogueOf, onlyInput, type Translations } from "./call.ts";

export const denseTranslations: Translations = {
  Dense(call) {
    const x = onlyInput(call);
    const units = call.config.integer("units", 1);
    const weights = { kernel: call.weight("kernel", [x.channels, units]), ...biasOf(call, units) };
    const config = { units, ...epilogueOf(call, weights) };
    return call.emit(layers.dense(config), [x], { channels: units, weights });
  },
};
