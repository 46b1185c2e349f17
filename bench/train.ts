// A step of training, one thread: this engine beside PyTorch's CPU build (python3 with torch, such as Debian's python3-torch; left
// out where there is none). Both begin with the same weights and data, and must agree on the losses of the first steps.
//   npm run bench:train
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { load } from "./ours.ts";
import { describeHost } from "./roof.ts";
import { noise } from "./rows.ts";
import { figure, median, table } from "./table.ts";

const RUNS = 40;
/** Turns the two take, so that a slow spell of the machine falls on both. */
const TURNS = 3;
/** Losses compared, and how near they must be: float32 sums in two orders, growing from step to step. */
const COMPARED = 5;
const TOLERANCE = 2e-4;
const PYTHONS = ["python3", "/usr/bin/python3"];

const { createEngine, sequential, conv2d, batchNorm, relu, maxPool2d, globalAvgPool, flatten, dense, sgd } =
  await load();

const block = (filters: number) => ["convNoBias", "norm", "relu"].map((kind) => ({ kind, filters }));
const POOL = { kind: "pool", filters: 0 };
const NETS = {
  "MNIST CNN, batch 64": {
    batch: 64,
    input: [28, 28, 1],
    layers: [
      ...[{ kind: "conv", filters: 16 }, { kind: "relu", filters: 0 }, POOL],
      ...[{ kind: "conv", filters: 32 }, { kind: "relu", filters: 0 }, POOL],
      ...[
        { kind: "flatten", filters: 0 },
        { kind: "dense", filters: 10 },
      ],
    ],
  },
  "CIFAR VGG, batch 32": {
    batch: 32,
    input: [32, 32, 3],
    layers: [
      ...[block(32), block(32), [POOL], block(64), block(64), [POOL], block(128), block(128)].flat(),
      ...[
        { kind: "mean", filters: 0 },
        { kind: "dense", filters: 10 },
      ],
    ],
  },
};

const make = ({ kind, filters }: { kind: string; filters: number }) => {
  if (kind === "conv") return conv2d({ filters, kernel: 3, padding: "same" });
  if (kind === "convNoBias") return conv2d({ filters, kernel: 3, padding: "same", bias: false });
  if (kind === "norm") return batchNorm();
  if (kind === "relu") return relu();
  if (kind === "pool") return maxPool2d({ size: 2 });
  if (kind === "mean") return globalAvgPool();
  if (kind === "flatten") return flatten();
  return dense({ units: filters });
};

/** The Python that has torch. */
function torch(): string | undefined {
  return PYTHONS.find((python) => {
    try {
      execFileSync(python, ["-c", "import torch"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}

const python = torch();
const engine = await createEngine();
const folder = mkdtempSync(join(tmpdir(), "convolith-train-"));
const lines: string[][] = [];
let wrong = "";
for (const [name, { batch, input, layers }] of Object.entries(NETS)) {
  const size = input.reduce((a, b) => a * b, 1);
  const learningRate = 0.01;
  const net = engine.compile(sequential(input, layers.map(make)), {
    seed: 1,
    train: { loss: "softmaxCrossEntropy", optimizer: sgd({ learningRate, momentum: 0.9 }), batch },
  });
  const x = noise(batch * size, 1);
  const y = Float32Array.from({ length: batch }, (_, i) => i % 10);
  const file = layers.length > 10 ? "vgg" : "mnist";
  const save = (ending: string, data: string | Float32Array) =>
    writeFileSync(
      join(folder, `${file}.${ending}`),
      typeof data === "string" ? data : new Uint8Array(data.buffer),
    );
  const weights = Object.entries(net.weights);
  const shapes = weights.map(([key, data]) => [key, shapeOf(key, data.length, weights)]);
  save("json", JSON.stringify({ input, layers: layers.map((l) => l.kind), weights: shapes, learningRate }));
  save("x", x);
  save("y", y);
  save("w", Float32Array.from(weights.flatMap(([, data]) => Array.from(data))));

  const ours: number[] = [];
  const theirs: number[] = [];
  const losses: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    for (let run = 0; run < RUNS; run++) {
      const start = performance.now();
      losses.push(net.trainStep({ x, y }));
      // The first steps run code that is not optimised yet, on both sides.
      if (turn > 0 || run >= COMPARED) ours.push(performance.now() - start);
    }
    if (!python) continue;
    const text = execFileSync(python, [resolve("bench/peers/train.py"), folder, file, String(RUNS)]);
    const answer = JSON.parse(String(text)) as { ms: number[]; losses: number[] };
    theirs.push(...answer.ms.slice(COMPARED));
    for (let i = 0; turn === 0 && i < COMPARED; i++)
      if (!(Math.abs(answer.losses[i] - losses[i]) <= TOLERANCE * Math.abs(answer.losses[i])))
        wrong += `${name}: loss ${i} is ${losses[i]} here and ${answer.losses[i]} in PyTorch\n`;
  }
  const ratio = theirs.length ? `${figure(median(theirs) / median(ours))}x` : "–";
  const best = theirs.length ? `${figure(Math.min(...theirs) / Math.min(...ours))}x` : "–";
  lines.push([
    name,
    ...[median(ours), Math.min(...ours)].map(figure),
    ...(theirs.length ? [median(theirs), Math.min(...theirs)] : [undefined, undefined]).map(figure),
    ...[ratio, best],
  ]);
  net.dispose();
}
rmSync(folder, { recursive: true });
console.log(`${await describeHost()}\n`);
if (!python) console.log("no Python with torch here: PyTorch is left out\n");
console.log(
  table(["a step, ms", "convolith", "best", "PyTorch", "best", "times as fast", "of the best"], lines),
);
if (wrong) {
  console.error(wrong);
  process.exitCode = 1;
} else if (python) console.log(`\nthe losses of the first ${COMPARED} steps agree to ${TOLERANCE}`);

/** A weight's shape from its name and length: kernels know how many channels come in from the vector before or after them. */
function shapeOf(key: string, length: number, all: [string, Float32Array][]): number[] {
  if (!key.endsWith(".kernel")) return [length];
  const at = all.findIndex(([name]) => name === key);
  const out = all[at + 1][1].length;
  return key.startsWith("dense") ? [length / out, out] : [3, 3, length / out / 9, out];
}
