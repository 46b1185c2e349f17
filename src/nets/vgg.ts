// "Very Deep Convolutional Networks for Large-Scale Image Recognition", Simonyan and Zisserman 2014; configuration D.
import { ArgumentError } from "../errors.ts";
import { avgPool2d, conv2d, dense, dropout, flatten, maxPool2d } from "../layers/index.ts";
import type { Layer } from "../layers/layer.ts";
import { sequential } from "../model/build-model.ts";
import type { Model } from "../model/schema.ts";
import { describe } from "../validate.ts";
import { checkNet, type NetOptions } from "./parts.ts";

/** Channels and convolutions of each stage. */
const STAGES = [
  [64, 2],
  [128, 2],
  [256, 3],
  [512, 3],
  [512, 3],
] as const;

/** The sides of the image that the stages halve five times, and of what is left for the classifier. */
const SIDE = 224;
const LEFT = SIDE >> STAGES.length;

/**
 * VGG-16 as torchvision has it, with the names of its modules: 138,357,544 parameters for 1000 classes. Height and width must be
 * multiples of 224: larger maps are averaged to 7 x 7, as torchvision does.
 */
export function vgg16(options: NetOptions = {}): Model<[string]> {
  checkNet("vgg16", options, {});
  const { inputShape = [SIDE, SIDE, 3], classes = 1000 } = options;
  const sides = inputShape.slice(0, 2).map((side) => {
    if (typeof side !== "number" || side < SIDE || side % SIDE !== 0)
      throw new ArgumentError(
        `vgg16: inputShape is ${describe(inputShape)} but height and width must be multiples of ${SIDE}, which leave ` +
          `${LEFT} x ${LEFT} pixels or a multiple for the classifier`,
      );
    return side / SIDE;
  });
  const common = { activation: "relu", kernelInitializer: "heUniform" } as const;
  const layers: Layer[] = [];
  let place = 0;
  for (const [filters, count] of STAGES) {
    for (
      let i = 0;
      i < count;
      i++, place += 2 // its activation counts
    )
      layers.push(conv2d({ ...common, name: `features.${place}`, filters, kernel: 3, padding: 1 }));
    layers.push(maxPool2d({ name: `features.${place++}`, size: 2 }));
  }
  if (sides.some((times) => times > 1)) layers.push(avgPool2d({ name: "avgpool", size: sides }));
  layers.push(flatten({ name: "flatten" }));
  for (const first of [0, 3])
    layers.push(
      dense({ ...common, name: `classifier.${first}`, units: 4096 }),
      dropout({ name: `classifier.${first + 2}`, rate: 0.5 }),
    );
  layers.push(dense({ name: "classifier.6", units: classes }));
  return sequential(inputShape, layers, { inputName: "image" });
}
