// Gradient descent finds a kernel from a picture and what the kernel makes of it.
import { conv2d, sequential, sgd } from "convolith";
import { toGray } from "convolith/image";
import { engine } from "./engine.ts";

export interface KernelReport {
  readonly step: number;
  readonly loss: number;
  readonly kernel: Float32Array;
  /** [height, width]: what the kernel makes of the picture now. */
  readonly output: Float32Array;
  readonly width: number;
  readonly height: number;
}

interface Lesson {
  readonly next: (steps: number) => KernelReport;
  readonly dispose: () => void;
}
let lesson: Lesson | undefined;

/** A new lesson: the picture, the 3x3 kernel to find, and a seed for the kernel to begin with. */
export async function beginKernel(
  picture: ImageData,
  target: readonly number[],
  { seed, learningRate }: { seed: number; learningRate: number },
): Promise<KernelReport & { gray: Float32Array; answer: Float32Array }> {
  const e = await engine();
  lesson?.dispose();
  const { width, height } = picture;
  const { data } = toGray(e, { data: picture.data, width, height, channels: 4 }, { float: true });
  // RGBA has an alpha that gray keeps; only the brightness is learnt from.
  const channels = data.length / (width * height);
  const gray = Float32Array.from({ length: width * height }, (_, i) => data[i * channels] / 255);
  const shape = [height, width, 1];
  const filter = conv2d({ filters: 1, kernel: 3, bias: false, name: "filter" });
  const teacher = e.compile(sequential(shape, [filter]), {
    weights: { "filter.kernel": Float32Array.from(target) },
  });
  const y = teacher.predict(gray) as Float32Array;
  teacher.dispose();
  const net = e.compile(sequential(shape, [filter]), {
    seed,
    train: { loss: "meanSquaredError", optimizer: sgd({ learningRate, momentum: 0.95 }), batchSize: 1 },
  });
  let step = 0;
  const made: Lesson = {
    next(steps) {
      for (let i = 0; i < steps; i++) net.trainStep({ x: gray, y });
      step += steps;
      return {
        step,
        loss: net.evaluate({ x: gray, y }).loss,
        kernel: net.weights["filter.kernel"],
        output: net.predict(gray) as Float32Array,
        width: width - 2,
        height: height - 2,
      };
    },
    dispose: () => net.dispose(),
  };
  lesson = made;
  return { ...made.next(0), gray, answer: y };
}

/** So many steps of gradient descent. */
export function stepKernel(steps: number): KernelReport | undefined {
  return lesson?.next(steps);
}
