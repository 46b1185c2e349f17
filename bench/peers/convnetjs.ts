// ConvNetJS: plain JavaScript in float64, one image at a time. It has no batch norm and no mean over a map: nets that need them are
// trained without the one, and with a maximum for the other, which is less work; their losses are then its own.
import type { Trainer, TrainTask } from "./train-task.ts";

export function same({ layers }: TrainTask): boolean {
  return layers.every(({ kind }) => kind !== "norm" && kind !== "mean");
}

export async function convNetJs(task: TrainTask): Promise<Trainer> {
  const { default: lib } = await import("convnetjs");
  const [height, width, channels] = task.input;
  let side = height;
  const definitions = task.layers.flatMap(({ kind, filters }): object[] => {
    if (kind === "conv" || kind === "convNoBias")
      return [{ type: "conv", sx: 3, filters, stride: 1, pad: 1, bias_pref: 0 }];
    if (kind === "relu") return [{ type: "relu" }];
    if (kind === "pool") {
      side /= 2;
      return [{ type: "pool", sx: 2, stride: 2 }];
    }
    if (kind === "mean") return [{ type: "pool", sx: side, stride: side }];
    // Its softmax layer brings the dense layer before it along.
    return kind === "dense" ? [{ type: "softmax", num_classes: filters }] : [];
  });
  return (steps) => {
    const net = new lib.Net();
    net.makeLayers([{ type: "input", out_sx: width, out_sy: height, out_depth: channels }, ...definitions]);
    const learning = net.layers.filter((l) => l.layer_type === "conv" || l.layer_type === "fc");
    const kernels = task.weights.filter(([name]) => name.endsWith(".kernel"));
    learning.forEach(({ filters }, i) => {
      const kernel = kernels[i][2];
      filters.forEach(({ w }, o) => {
        for (let j = 0; j < w.length; j++) w[j] = kernel[j * filters.length + o];
      });
    });
    const { learningRate, momentum, batchSize } = task;
    const options = {
      method: "sgd",
      learning_rate: learningRate,
      momentum,
      batch_size: batchSize,
      l2_decay: 0,
    };
    const trainer = new lib.Trainer(net, options);
    const size = height * width * channels;
    const images = Array.from({ length: batchSize }, (_, n) => {
      const image = new lib.Vol(width, height, channels, 0);
      image.w.set(task.x.subarray(n * size, (n + 1) * size));
      return image;
    });
    const [ms, losses]: [number[], number[]] = [[], []];
    for (let step = 0; step < steps; step++) {
      const start = performance.now();
      let sum = 0;
      for (let n = 0; n < batchSize; n++) sum += trainer.train(images[n], task.y[n]).loss;
      ms.push(performance.now() - start);
      losses.push(sum / batchSize);
    }
    return { ms, losses };
  };
}
