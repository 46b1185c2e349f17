// A step of training: this engine, on one thread and on several, beside PyTorch's CPU build (left out where there is none) and ConvNetJS, one thread each.
// All begin with the same weights and data, and must agree on the losses of the first steps.
//   npm run bench:train
import { load, MANY_THREADS } from "../ours.ts";
import { describeHost } from "../roof.ts";
import { noise } from "../rows.ts";
import { figure, median, table } from "../table.ts";
import { convNetJs, same } from "./convnetjs.ts";
import { pyTorch, pythonWithTorch } from "./pytorch.ts";
import type { Trainer, TrainLayer, TrainTask } from "./train-task.ts";

const RUNS = 40;
/** Turns the two fast ones take, so that a slow spell of the machine falls on both. */
const TURNS = 3;
/** Losses compared, and how near they must be: sums in float32 in two orders (or in float64), growing from step to step. */
const COMPARED = 5;
const TOLERANCE = 2e-4;
/** Multiply-adds of a step above which ConvNetJS, at about 0.1 G a second, takes one step instead of COMPARED. */
const LONG = 2e9;

const { createEngine, sequential, conv2d, batchNorm, relu, maxPool2d, globalAvgPool, flatten, dense, sgd } =
  await load();

const block = (filters: number): TrainLayer[] =>
  (["convNoBias", "norm", "relu"] as const).map((kind) => ({ kind, filters }));
const plain = (kind: TrainLayer["kind"]): TrainLayer => ({ kind, filters: 0 });
const NETS: Record<string, Pick<TrainTask, "batch" | "input" | "layers">> = {
  "MNIST CNN, batch 64": {
    batch: 64,
    input: [28, 28, 1],
    layers: [
      ...[16, 32].flatMap((filters) => [{ kind: "conv" as const, filters }, plain("relu"), plain("pool")]),
      ...[plain("flatten"), { kind: "dense" as const, filters: 10 }],
    ],
  },
  "CIFAR VGG, batch 32": {
    batch: 32,
    input: [32, 32, 3],
    layers: [
      ...[block(32), block(32), [plain("pool")], block(64), block(64), [plain("pool")]].flat(),
      ...[block(128), block(128), [plain("mean")], [{ kind: "dense" as const, filters: 10 }]].flat(),
    ],
  },
};

const make = ({ kind, filters }: TrainLayer) => {
  if (kind === "conv") return conv2d({ filters, kernel: 3, padding: "same" });
  if (kind === "convNoBias") return conv2d({ filters, kernel: 3, padding: "same", bias: false });
  if (kind === "norm") return batchNorm();
  if (kind === "relu") return relu();
  if (kind === "pool") return maxPool2d({ size: 2 });
  if (kind === "mean") return globalAvgPool();
  if (kind === "flatten") return flatten();
  return dense({ units: filters });
};

const python = pythonWithTorch();
const engine = await createEngine();
const crew = await createEngine({ threads: MANY_THREADS });
const lines: string[][] = [];
let wrong = "";
for (const [name, { batch, input, layers }] of Object.entries(NETS)) {
  const [learningRate, momentum] = [0.01, 0.9];
  const [net, crewed] = [engine, crew].map((e) =>
    e.compile(sequential(input, layers.map(make)), {
      seed: 1,
      train: { loss: "softmaxCrossEntropy", optimizer: sgd({ learningRate, momentum }), batch },
    }),
  );
  const weights = Object.entries(net.weights);
  const task: TrainTask = {
    ...{ batch, input, layers, learningRate, momentum },
    weights: weights.map(([key, data]) => [key, shapeOf(key, data.length, weights), data]),
    x: noise(
      input.reduce((a, b) => a * b, batch),
      1,
    ),
    y: Float32Array.from({ length: batch }, (_, i) => i % 10),
  };
  const { x, y } = task;
  const compare = (peer: string, theirs: readonly number[]) => {
    for (let i = 0; i < Math.min(COMPARED, theirs.length); i++)
      if (!(Math.abs(theirs[i] - losses[i]) <= TOLERANCE * Math.abs(theirs[i])))
        wrong += `${name}: loss ${i} is ${losses[i]} here and ${theirs[i]} in ${peer}\n`;
  };

  /** Milliseconds of RUNS steps; the first of all run code that is not optimised yet, on every side. */
  const steps = (of: typeof net, turn: number, losses: number[] = []): number[] => {
    const ms: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const start = performance.now();
      losses.push(of.trainStep({ x, y }));
      if (turn > 0 || run >= COMPARED) ms.push(performance.now() - start);
    }
    return ms;
  };
  const ours: number[] = [];
  const many: number[] = [];
  const losses: number[] = [];
  const torch: number[] = [];
  const runTorch: Trainer | undefined = python ? pyTorch(python, task) : undefined;
  for (let turn = 0; turn < TURNS; turn++) {
    ours.push(...steps(net, turn, losses));
    many.push(...steps(crewed, turn));
    const theirs = runTorch?.(RUNS);
    torch.push(...(theirs?.ms.slice(COMPARED) ?? []));
    if (turn === 0) compare("PyTorch", theirs?.losses ?? []);
  }
  const plainJs = (await convNetJs(task))(3 * net.multiplyAdds * batch > LONG ? 1 : COMPARED);
  if (same(task)) compare("ConvNetJS", plainJs.losses);
  const mine = median(ours);
  const times = (ms: readonly number[]) => (ms.length ? `${figure(median(ms) / mine)}x` : "–");
  lines.push([
    name,
    ...[mine, Math.min(...ours), median(many)].map(figure),
    ...(torch.length ? [median(torch), Math.min(...torch)] : [undefined, undefined]).map(figure),
    times(torch),
    figure(median(plainJs.ms)) + (same(task) ? "" : " *"),
    times(plainJs.ms),
  ]);
  for (const each of [net, crewed]) each.dispose();
}
for (const each of [engine, crew]) each.dispose();
console.log(`${await describeHost()}\n`);
if (!python) console.log("no Python with torch here: PyTorch is left out\n");
const head = [
  "a step, ms",
  "convolith",
  "best",
  `${crew.info.threads} threads`,
  "PyTorch",
  "best",
  "times as fast",
  "ConvNetJS",
  "times as fast",
];
console.log(table(head, lines));
console.log("\n* without batch norm, and with a maximum for the mean: it has neither");
if (wrong) {
  console.error(wrong);
  process.exitCode = 1;
} else
  console.log(
    `the losses of the first ${COMPARED} steps agree to ${TOLERANCE} wherever the nets are the same`,
  );

/** A weight's shape from its name and length: kernels know how many channels come in from the vector before or after them. */
function shapeOf(key: string, length: number, all: [string, Float32Array][]): number[] {
  if (!key.endsWith(".kernel")) return [length];
  const at = all.findIndex(([name]) => name === key);
  const out = all[at + 1][1].length;
  return key.startsWith("dense") ? [length / out, out] : [3, 3, length / out / 9, out];
}
