// Keras' activations that are layers of their own.
import { FormatError, UnsupportedError } from "../../errors.ts";
import * as layers from "../../layers/activation.ts";
import { rescale } from "../../layers/elementwise.ts";
import { onlyInput, type Translation, type Translations } from "./call.ts";
import { type Config, eluOf, leakyReluOf } from "./config.ts";
import { showOpen } from "./weight-file.ts";

const activationBy =
  (read: (config: Config) => layers.ActivationConfig): Translation =>
  (call) =>
    call.emit(layers.activation({ activation: read(call.config) }), [onlyInput(call)]);

/** max_value where x >= max_value, x where x > 0, negative_slope * x below. */
const relu: Translation = (call) => {
  const { config, where } = call;
  const x = onlyInput(call);
  const slope = config.number("negative_slope", 0);
  const ceiling = config.has("max_value") ? config.number("max_value") : Infinity;
  if (config.number("threshold", 0) !== 0)
    throw new UnsupportedError(`${where}: a threshold is not supported`);
  if (slope !== 0 && ceiling !== Infinity)
    throw new UnsupportedError(`${where}: negative_slope and max_value together are not supported`);
  if (ceiling <= 0)
    throw new UnsupportedError(`${where}: max_value is ${ceiling} but only values above 0 are supported`);
  if (slope !== 0) return call.emit(layers.leakyRelu({ alpha: slope }), [x]);
  if (ceiling === Infinity) return call.emit(layers.relu(), [x]);
  if (ceiling === 6) return call.emit(layers.relu6(), [x]);
  const scaled = call.emit(rescale({ scale: 6 / ceiling }), [x], { part: "scale" });
  const clamped = call.emit(layers.relu6(), [scaled], { part: "relu6" });
  return call.emit(rescale({ scale: ceiling / 6 }), [clamped]);
};

const prelu: Translation = (call) => {
  const x = onlyInput(call);
  const stored = call.shapeOf("alpha");
  if (stored && stored.length !== x.rank - 1)
    throw new FormatError(
      `${call.where}: weight "alpha" has shape ${showOpen(stored)} but must have ${x.rank - 1} axes, all of the input's but the batch`,
    );
  // A missing weight is refused here: behind this line there is a stored shape.
  const alpha = call.weight("alpha", stored ?? new Array<null>(x.rank - 1).fill(null));
  const shape = stored!;
  const weights = { alpha };
  // Axes that share an alpha have size 1: one alpha in all, one per channel, or one per place.
  if (alpha.length === 1) return call.emit(layers.prelu({ shared: true }), [x], { weights });
  if (alpha.length === shape.at(-1)) return call.emit(layers.prelu(), [x], { weights });
  return call.emit(layers.prelu({ shape }), [x], { weights });
};

const softmax: Translation = (call) => {
  const x = onlyInput(call);
  const axis = call.config.axis("axis", -1);
  if ((axis < 0 ? axis + x.rank : axis) === 0)
    throw new UnsupportedError(`${call.where}: axis ${axis} is the batch`);
  return call.emit(layers.softmax({ axis }), [x]);
};

export const activationTranslations: Translations = {
  Activation: activationBy((c) => c.activation()),
  ReLU: relu,
  LeakyReLU: activationBy(leakyReluOf),
  PReLU: prelu,
  ELU: activationBy(eluOf),
  Softmax: softmax,
};
