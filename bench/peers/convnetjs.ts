// ConvNetJS: plain JavaScript in float64, one image at a time, chains of layers only. It has no batch norm and no mean over a map: nets that
// need them are trained without the one, and with a maximum for the other, which is less work; their losses are then its own.
import type { Model, ModelLayer } from "../../src/index.ts";
import type { Steps, TrainTask } from "./train-task.ts";

/** Kinds of layers it has, or that can be left out. */
const KINDS = new Set(["conv2d", "batchNorm", "relu", "maxPool2d", "globalAvgPool", "flatten", "dense"]);

/** Whether it can train the model: a classifier in which each layer reads the one before. */
export const trains = ({ model, loss }: Pick<TrainTask, "model" | "loss">): boolean =>
  loss === "softmaxCrossEntropy" &&
  model.layers.every(({ kind, inputs }, i) => {
    const before = i > 0 ? model.layers[i - 1].name : model.inputs[0].name;
    return KINDS.has(kind) && inputs.length === 1 && inputs[0] === before;
  });

/** Whether its losses are to be those of the others. */
export const same = ({ layers }: Model): boolean =>
  layers.every(({ kind }) => kind !== "batchNorm" && kind !== "globalAvgPool");

interface Config {
  filters: number;
  units: number;
  kernel: number;
  padding: number;
}

function definitionsOf(layers: readonly ModelLayer[], height: number): object[] {
  let side = height;
  return layers.flatMap(({ kind, config }): object[] => {
    const { filters, units, kernel, padding } = config as unknown as Config;
    if (kind === "conv2d")
      return [{ type: "conv", sx: kernel, filters, stride: 1, pad: padding, bias_pref: 0 }];
    if (kind === "relu") return [{ type: "relu" }];
    if (kind === "maxPool2d") {
      side /= 2;
      return [{ type: "pool", sx: 2, stride: 2 }];
    }
    if (kind === "globalAvgPool") return [{ type: "pool", sx: side, stride: side }];
    // Its softmax layer brings the dense layer before it along.
    return kind === "dense" ? [{ type: "softmax", num_classes: units }] : [];
  });
}

/**
 * Steps from the first weights. With `images`, one step on so many of them takes the place of a whole batch, whose milliseconds are then
 * reckoned: images are worked on one by one.
 */
export async function convNetJs(task: TrainTask, steps: number, images = task.batchSize): Promise<Steps> {
  const { default: lib } = await import("convnetjs");
  const { model, weights, optimizer } = task;
  const [height, width, channels] = model.inputs[0].shape as number[];
  const net = new lib.Net();
  net.makeLayers([
    { type: "input", out_sx: width, out_sy: height, out_depth: channels },
    ...definitionsOf(model.layers, height),
  ]);
  const learning = net.layers.filter((l) => l.layer_type === "conv" || l.layer_type === "fc");
  const kernels = Object.keys(weights).filter((name) => name.endsWith(".kernel"));
  learning.forEach(({ filters }, i) => {
    const kernel = weights[kernels[i]];
    filters.forEach(({ w }, o) => {
      for (let j = 0; j < w.length; j++) w[j] = kernel[j * filters.length + o];
    });
  });
  if (optimizer.kind !== "sgd") throw new Error(`ConvNetJS has no ${optimizer.kind} of PyTorch's formula`);
  const trainer = new lib.Trainer(net, {
    method: "sgd",
    learning_rate: optimizer.learningRate,
    momentum: optimizer.momentum,
    batch_size: images,
    l2_decay: 0,
  });
  const size = height * width * channels;
  const volumes = Array.from({ length: images }, (_, n) => {
    const image = new lib.Vol(width, height, channels, 0);
    image.w.set(task.x.subarray(n * size, (n + 1) * size));
    return image;
  });
  const [ms, losses]: [number[], number[]] = [[], []];
  for (let step = 0; step < steps; step++) {
    const start = performance.now();
    let sum = 0;
    for (let n = 0; n < images; n++) sum += trainer.train(volumes[n], task.y[n]).loss;
    ms.push(((performance.now() - start) * task.batchSize) / images);
    losses.push(sum / images);
  }
  return { ms, losses };
}
