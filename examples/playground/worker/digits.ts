// A CNN that learns to read digits: one training at a time, which reports at a limited rate, so that the page has time to draw.
import {
  adam,
  confusionMatrix,
  conv2d,
  dense,
  flatten,
  type Initializer,
  input,
  maxPool2d,
  model,
  type Network,
  type Optimizer,
  rmsprop,
  sequential,
  sgd,
} from "convolith";
import {
  type DigitsInit,
  type DigitsOptimizer,
  type DigitsOptions,
  type DigitsReport,
  FILTERS,
  FILTERS_2,
  KERNEL,
  type Look,
} from "./digits-shapes.ts";
import { engine } from "./engine.ts";

const PIXELS = 784;

interface Digits {
  readonly x: Float32Array;
  readonly y: Uint8Array;
}

/** Reads what digits.mjs packs. */
async function loadDigits(): Promise<{ train: Digits; test: Digits }> {
  const file = await fetch(new URL("digits.bin", self.location.href));
  if (!file.ok || !file.body) throw new Error(`digits.bin: ${file.status} ${file.statusText}`);
  const unpacked = file.body.pipeThrough(new DecompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(unpacked).arrayBuffer());
  const [train, test] = new Uint32Array(bytes.buffer, 0, 2);
  const pixels = Float32Array.from(bytes.subarray(8 + train + test), (byte) => byte / 255);
  return {
    train: { x: pixels.subarray(0, train * PIXELS), y: bytes.slice(8, 8 + train) },
    test: { x: pixels.subarray(train * PIXELS), y: bytes.slice(8 + train, 8 + train + test) },
  };
}
let digits: ReturnType<typeof loadDigits> | undefined;
const data = () => {
  digits ??= loadDigits();
  return digits;
};

const OPTIMIZERS: Record<DigitsOptimizer, (learningRate: number) => Optimizer> = {
  sgd: (learningRate) => sgd({ learningRate }),
  momentum: (learningRate) => sgd({ learningRate, momentum: 0.9 }),
  adam: (learningRate) => adam({ learningRate }),
  rmsprop: (learningRate) => rmsprop({ learningRate }),
};
const INITIALIZERS: Record<DigitsInit, Initializer> = {
  glorotUniform: "glorotUniform",
  heNormal: "heNormal",
  zeros: "zeros",
  // Larger ones make the first steps so long that every ReLU ends below 0, and stays there.
  constant: { constant: 0.02 },
};

const BATCH = 32;
/** Milliseconds between reports, between counts of all test images, and between batches in slow motion. */
const REPORT_MS = 150;
const CONFUSION_MS = 1500;
const SLOW_MS = 100;
/** Test images measured for a report; all of them are for a confusion matrix. */
const SAMPLE = 500;

interface Session {
  readonly net: Network;
  /** The same weights with the maps in between as outputs. */
  readonly probe: Network;
  readonly test: Digits;
  readonly train: Digits;
  readonly optimizer: Optimizer;
  readonly stop: AbortController;
  learningRate: number;
  slow: boolean;
  step: number;
  epoch: number;
  running: Promise<unknown> | undefined;
  /** While paused: resolves when training goes on. */
  gate: { promise: Promise<void>; open: () => void } | undefined;
}
let session: Session | undefined;
let watched: Float32Array | undefined;

function layers(init: DigitsInit) {
  const kernelInitializer = INITIALIZERS[init];
  return {
    first: conv2d({
      filters: FILTERS,
      kernel: KERNEL,
      padding: "same",
      activation: "relu",
      kernelInitializer,
      name: "first",
    }),
    pool: maxPool2d({ size: 2, name: "pool" }),
    second: conv2d({
      filters: FILTERS_2,
      kernel: 3,
      padding: "same",
      activation: "relu",
      kernelInitializer,
      name: "second",
    }),
    pool2: maxPool2d({ size: 2, name: "pool2" }),
    flat: flatten({ name: "flat" }),
    scores: dense({ units: 10, kernelInitializer, name: "scores" }),
  };
}

/** Ends the training that runs, and makes the network anew. */
export async function resetDigits(options: DigitsOptions): Promise<DigitsReport> {
  const [e, { train, test }] = [await engine(), await data()];
  await endSession();
  const { first, pool, second, pool2, flat, scores } = layers(options.init);
  const seed = 1;
  const optimizer = OPTIMIZERS[options.optimizer](options.learningRate);
  const net = e.compile(sequential([28, 28, 1], [first, pool, second, pool2, flat, scores]), {
    seed,
    batchSize: 50,
    train: { loss: "softmaxCrossEntropy", optimizer, batchSize: BATCH },
  });
  const x = input([28, 28, 1]);
  const maps = first(x);
  const maps2 = second(pool(maps));
  const probe = e.compile(model({ inputs: x, outputs: [maps, maps2, scores(flat(pool2(maps2)))] }), { seed });
  session = {
    net,
    probe,
    test,
    train,
    optimizer,
    learningRate: options.learningRate,
    stop: new AbortController(),
    slow: false,
    step: 0,
    epoch: 0,
    running: undefined,
    gate: undefined,
  };
  const { loss } = net.evaluate(test);
  return report(session, loss, 0, true);
}

async function endSession(): Promise<void> {
  const old = session;
  session = undefined;
  if (!old) return;
  old.stop.abort();
  old.gate?.open();
  await old.running?.catch(() => {});
  old.net.dispose();
  old.probe.dispose();
}

function report(s: Session, loss: number, imagesPerSecond: number, all: boolean): DigitsReport {
  const count = all ? s.test.y.length : SAMPLE;
  const labels = s.test.y.subarray(0, count);
  const matrix = confusionMatrix(s.net.predict(s.test.x.subarray(0, count * PIXELS)), labels);
  const right = matrix.reduce((sum, row, i) => sum + row[i], 0);
  const { "first.kernel": kernels, ...others } = s.net.weights;
  s.probe.weights = { "first.kernel": kernels, ...others };
  return {
    step: s.step,
    epoch: s.epoch,
    loss,
    accuracy: right / count,
    imagesPerSecond,
    kernels,
    look: watched && look(s, watched),
    confusion: all ? matrix : undefined,
  };
}

function look(s: Session, pixels: Float32Array): Look {
  const [maps, maps2, scores] = s.probe.predict(pixels) as unknown as Float32Array[];
  const largest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - largest));
  const sum = powers.reduce((all, power) => all + power, 0);
  return { maps, maps2, probabilities: powers.map((power) => power / sum) };
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Trains for some epochs; resolves at their end, or when the training was reset. `onReport` is called at most some seven times a second. */
export async function trainDigits(
  epochs: number,
  onReport: (report: DigitsReport) => unknown,
): Promise<"done" | "reset"> {
  const s = session;
  if (!s || s.running) return "reset";
  let [losses, batches] = [0, 0];
  let [reported, counted] = [performance.now(), performance.now()];
  // Waits until the page has drawn a report: training and drawing do not fight for a small machine, and a slow page gets fewer.
  const tell = async (imagesPerSecond: number, all: boolean) => {
    await onReport(report(s, losses / Math.max(1, batches), imagesPerSecond, all));
    [losses, batches] = [0, 0];
    reported = performance.now();
    if (all) counted = reported;
  };
  s.running = s.net.fit(s.train, {
    epochs,
    batchSize: BATCH,
    schedule: () => s.learningRate,
    signal: s.stop.signal,
    onBatch: async ({ loss, imagesPerSecond, step, epoch }) => {
      losses += loss;
      batches++;
      [s.step, s.epoch] = [step + 1, epoch];
      const now = performance.now();
      if (s.gate || now - reported >= REPORT_MS)
        await tell(imagesPerSecond, Boolean(s.gate) || now - counted >= CONFUSION_MS);
      if (s.slow) await wait(SLOW_MS);
      await s.gate?.promise;
    },
    onEpoch: ({ epoch }) => {
      s.epoch = epoch + 1;
    },
  });
  try {
    await s.running;
    if (batches > 0) await tell(0, true);
    return "done";
  } catch (error) {
    if (s.stop.signal.aborted) return "reset";
    throw error;
  } finally {
    s.running = undefined;
  }
}

/** Pauses after the current batch, or goes on. */
export function pauseDigits(paused: boolean): void {
  if (!session) return;
  session.gate?.open();
  session.gate = undefined;
  if (!paused) return;
  let open = () => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  session.gate = { promise, open };
}

/** Changes a training that runs: its learning rate, and whether it runs in slow motion. */
export function tuneDigits({ learningRate, slow }: { learningRate: number; slow: boolean }): void {
  if (session) [session.learningRate, session.slow] = [learningRate, slow];
}

/** Chooses the digit (784 values) that reports look at, and looks at it now. */
export function watchDigit(pixels: Float32Array): Look | undefined {
  watched = pixels;
  return session && look(session, pixels);
}

/** A test image, by any whole number. */
export async function testDigit(index: number): Promise<{ pixels: Float32Array; label: number }> {
  const { x, y } = (await data()).test;
  const i = ((index % y.length) + y.length) % y.length;
  return { pixels: x.slice(i * PIXELS, (i + 1) * PIXELS), label: y[i] };
}
