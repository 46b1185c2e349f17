// A step of training: this engine, on one thread and on several, beside PyTorch's CPU build (left out where there is none) and ConvNetJS, one thread each.
// All begin with the same weights and data, and must agree on the losses of the first steps.
//   npm run bench -- train [part of a name]
import type { Network } from "../../src/index.ts";
import { batchNorm, conv2d, dense, flatten, globalAvgPool, maxPool2d, relu } from "../../src/layers/index.ts";
import { sequential } from "../../src/model/build-model.ts";
import { load, MANY_THREADS } from "../ours.ts";
import { describeHost } from "../roof.ts";
import { noise } from "../rows.ts";
import { figure, median, table } from "../table.ts";
import { named } from "../task.ts";
import { convNetJs, same } from "./convnetjs.ts";
import { installPeers } from "./install.ts";
import { pyTorch, pythonWithTorch } from "./pytorch.ts";
import type { Trainer, TrainLayer, TrainTask } from "./train-task.ts";

const RUNS = 40;
/** Turns the fast ones take, so that a slow spell of the machine falls on both. */
const TURNS = 3;
/** Losses compared, and how near they must be: sums in float32 in two orders (or in float64), growing from step to step. */
const COMPARED = 5;
const TOLERANCE = 2e-4;
/** Multiply-adds of a step above which ConvNetJS, at about 0.1 G a second, takes one step instead of COMPARED. */
const LONG = 2e9;
const [LEARNING_RATE, MOMENTUM] = [0.01, 0.9];

const block = (filters: number): TrainLayer[] =>
  (["convNoBias", "norm", "relu"] as const).map((kind) => ({ kind, filters }));
const plain = (kind: TrainLayer["kind"]): TrainLayer => ({ kind, filters: 0 });
const NETS: readonly (Pick<TrainTask, "batchSize" | "input" | "layers"> & { name: string })[] = [
  {
    name: "MNIST CNN, batch 64",
    batchSize: 64,
    input: [28, 28, 1],
    layers: [
      ...[16, 32].flatMap((filters) => [{ kind: "conv" as const, filters }, plain("relu"), plain("pool")]),
      ...[plain("flatten"), { kind: "dense" as const, filters: 10 }],
    ],
  },
  {
    name: "CIFAR VGG, batch 32",
    batchSize: 32,
    input: [32, 32, 3],
    layers: [
      ...[block(32), block(32), [plain("pool")], block(64), block(64), [plain("pool")]].flat(),
      ...[block(128), block(128), [plain("mean")], [{ kind: "dense" as const, filters: 10 }]].flat(),
    ],
  },
];

const layerOf = ({ kind, filters }: TrainLayer) => {
  if (kind === "conv") return conv2d({ filters, kernel: 3, padding: "same" });
  if (kind === "convNoBias") return conv2d({ filters, kernel: 3, padding: "same", bias: false });
  if (kind === "norm") return batchNorm();
  if (kind === "relu") return relu();
  if (kind === "pool") return maxPool2d({ size: 2 });
  if (kind === "mean") return globalAvgPool();
  if (kind === "flatten") return flatten();
  return dense({ units: filters });
};

/** What is timed, and what must hold of the losses. */
interface Measured {
  readonly line: string[];
  readonly wrong: readonly string[];
}

async function measure(
  { name, batchSize, input, layers }: (typeof NETS)[number],
  networks: readonly Network[],
  python: string | undefined,
): Promise<Measured> {
  const [single, threaded] = networks;
  const weights = Object.entries(single.weights);
  const task: TrainTask = {
    ...{ batchSize, input, layers, learningRate: LEARNING_RATE, momentum: MOMENTUM },
    weights: weights.map(([key, data]) => [key, shapeOf(key, data.length, weights), data]),
    x: noise(
      input.reduce((a, b) => a * b, batchSize),
      1,
    ),
    y: Float32Array.from({ length: batchSize }, (_, i) => i % 10),
  };
  const { x, y } = task;
  const losses: number[] = [];
  const wrong: string[] = [];
  const compare = (peer: string, theirs: readonly number[]) => {
    for (let i = 0; i < Math.min(COMPARED, theirs.length); i++)
      if (!(Math.abs(theirs[i] - losses[i]) <= TOLERANCE * Math.abs(theirs[i])))
        wrong.push(`${name}: loss ${i} is ${losses[i]} here and ${theirs[i]} in ${peer}`);
  };

  /** Milliseconds of RUNS steps; the first of all run code that is not optimised yet, on every side. */
  const steps = (net: Network, turn: number, losses: number[] = []): number[] => {
    const ms: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const start = performance.now();
      losses.push(net.trainStep({ x, y }));
      if (turn > 0 || run >= COMPARED) ms.push(performance.now() - start);
    }
    return ms;
  };
  const ours: number[] = [];
  const many: number[] = [];
  const torch: number[] = [];
  const runTorch: Trainer | undefined = python ? pyTorch(python, task) : undefined;
  for (let turn = 0; turn < TURNS; turn++) {
    ours.push(...steps(single, turn, losses));
    many.push(...steps(threaded, turn));
    const theirs = runTorch?.(RUNS);
    torch.push(...(theirs?.ms.slice(COMPARED) ?? []));
    if (turn === 0) compare("PyTorch", theirs?.losses ?? []);
  }
  const plainJs = (await convNetJs(task))(3 * single.multiplyAdds * batchSize > LONG ? 1 : COMPARED);
  if (same(task)) compare("ConvNetJS", plainJs.losses);
  const mine = median(ours);
  const times = (ms: readonly number[]) => (ms.length ? `${figure(median(ms) / mine)}x` : "–");
  const line = [
    name,
    ...[mine, Math.min(...ours), median(many)].map(figure),
    ...(torch.length ? [median(torch), Math.min(...torch)] : [undefined, undefined]).map(figure),
    times(torch),
    figure(median(plainJs.ms)) + (same(task) ? "" : " *"),
    times(plainJs.ms),
  ];
  return { line, wrong };
}

export async function run(args: readonly string[]): Promise<void> {
  const chosen = named(NETS, args.join(" "));
  installPeers();
  const { createEngine, sgd } = await load();
  const engines = [await createEngine(), await createEngine({ threads: MANY_THREADS })];
  const python = pythonWithTorch();
  const lines: string[][] = [];
  const wrong: string[] = [];
  for (const net of chosen) {
    const optimizer = sgd({ learningRate: LEARNING_RATE, momentum: MOMENTUM });
    const train = { loss: "softmaxCrossEntropy", optimizer, batchSize: net.batchSize } as const;
    const model = sequential(net.input, net.layers.map(layerOf));
    const networks = engines.map((engine) => engine.compile(model, { seed: 1, train }));
    const measured = await measure(net, networks, python);
    lines.push(measured.line);
    wrong.push(...measured.wrong);
    for (const network of networks) network.dispose();
  }
  const { threads } = engines[1].info;
  for (const engine of engines) engine.dispose();
  console.log(`${await describeHost()}\n`);
  if (!python) console.log("no Python with torch here: PyTorch is left out\n");
  const head = [
    ...["a step, ms", "convolith", "best", `${threads} threads`],
    ...["PyTorch", "best", "times as fast", "ConvNetJS", "times as fast"],
  ];
  console.log(table(head, lines));
  console.log("\n* without batch norm, and with a maximum for the mean: it has neither");
  if (wrong.length) {
    console.error(wrong.join("\n"));
    process.exitCode = 1;
  } else
    console.log(
      `the losses of the first ${COMPARED} steps agree to ${TOLERANCE} wherever the nets are the same`,
    );
}

/** A weight's shape from its name and length: kernels know how many channels come in from the vector before or after them. */
function shapeOf(key: string, length: number, all: [string, Float32Array][]): number[] {
  if (!key.endsWith(".kernel")) return [length];
  const at = all.findIndex(([name]) => name === key);
  const out = all[at + 1][1].length;
  return key.startsWith("dense") ? [length / out, out] : [3, 3, length / out / 9, out];
}
