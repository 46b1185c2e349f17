// A step of training: this engine beside PyTorch's CPU build (left out where there is none), on one thread and on several, and beside
// ConvNetJS where it has the layers. All begin with the same weights and data, and must agree on the losses of the first steps.
//   npm run bench -- train [part of a name]
import type { Engine, Network } from "../../src/index.ts";
import { load, MANY_THREADS } from "../ours.ts";
import { describeHost } from "../roof.ts";
import { noise } from "../rows.ts";
import { figure, median, table } from "../table.ts";
import { named } from "../task.ts";
import { convNetJs, same, trains } from "./convnetjs.ts";
import { installPeers } from "./install.ts";
import { PyTorch } from "./pytorch.ts";
import { ganSteps } from "./train-gan.ts";
import { trainNets } from "./train-nets.ts";
import { ownTable } from "./train-own.ts";
import { optimizerOf, type Trainer, type TrainNet, type TrainTask, targetsOf, timed } from "./train-task.ts";

/** Turns that all take, so that a slow spell of the machine falls on all; milliseconds of a turn, which holds one step at least. */
const [TURNS, TURN] = [5, 400];
/**
 * Steps that are not timed, as code is not optimised yet. Their losses are compared, to this part of the first: sums in float32 in two
 * orders (or in float64).
 */
const [FIRST, TOLERANCE] = [3, 2e-4];
/** Multiply-adds of a batch above which ConvNetJS, at about 0.1 G a second, is timed on PART of its images. */
const [LONG, PART] = [1e9, 4];

type Library = Awaited<ReturnType<typeof load>>;

/** What is timed, and what must hold of the losses. */
interface Measured {
  readonly name: string;
  /** Milliseconds of a step: this engine and PyTorch, on one thread and on several. */
  readonly ms: Readonly<Partial<Record<"ours" | "oursMany" | "torch" | "torchMany" | "convNetJs", number>>>;
  readonly note: string;
  readonly wrong: readonly string[];
}

/** Milliseconds of a step of each, from turns in which all take part, and the losses of its first steps. */
async function takeTurns<Name extends string>(trainers: Readonly<Record<Name, Trainer>>) {
  const names = Object.keys(trainers) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  const losses = {} as Record<Name, readonly number[]>;
  const count = {} as Record<Name, number>;
  for (const name of names) {
    const first = await trainers[name](FIRST);
    losses[name] = first.losses;
    count[name] = Math.min(50, Math.max(1, Math.round(TURN / Math.min(...first.ms))));
  }
  for (let turn = 0; turn < TURNS; turn++)
    for (const name of names) times[name].push(...(await trainers[name](count[name])).ms);
  return { losses, ms: Object.fromEntries(names.map((name) => [name, median(times[name])])) };
}

/** A step of the task on an engine. */
interface Contestant {
  readonly network: Network;
  readonly critic: Network | undefined;
  step(): number;
  dispose(): void;
}

/** The net, compiled to be trained on what the task says. */
function contestant(
  lib: Library,
  engine: Engine,
  net: TrainNet,
  data: Pick<TrainTask, "x" | "y">,
): Contestant {
  const { loss, batchSize } = net;
  if (loss !== "gan") {
    const train = { loss, optimizer: optimizerOf(lib, net.optimizer), batchSize };
    const network = engine.compile(net.model, { seed: 1, train });
    return {
      ...{ network, critic: undefined },
      step: () => network.trainStep(data),
      dispose: () => network.dispose(),
    };
  }
  const [network, critic] = [net.model, net.critic!].map((model) => engine.compile(model, { seed: 1 }));
  const steps = ganSteps(lib, engine, network, critic, { ...net, ...data, weights: network.weights });
  return {
    ...{ network, critic, step: steps.step },
    dispose() {
      for (const held of [steps, network, critic]) held.dispose();
    },
  };
}

async function measure(
  net: TrainNet,
  lib: Library,
  engines: readonly Engine[],
  torch: PyTorch | undefined,
): Promise<Measured> {
  const { name, batchSize, model, targets } = net;
  const size = (model.inputs[0].shape as number[]).reduce((a, b) => a * b, batchSize);
  const data = { x: noise(size, 1), y: targetsOf(batchSize, targets) };
  const [single, many] = engines.map((engine) => contestant(lib, engine, net, data));
  const criticWeights = single.critic?.weights;
  const task: TrainTask = {
    ...{ ...net, ...data, weights: single.network.weights },
    ...(criticWeights && { criticWeights }),
  };
  await torch?.load(task);
  const { losses, ms } = await takeTurns({
    ours: (steps) => timed(steps, single.step),
    ...(torch && { torch: (steps: number) => torch.steps(steps, 1) }),
    oursMany: (steps) => timed(steps, many.step),
    ...(torch && { torchMany: (steps: number) => torch.steps(steps, engines[1].info.threads) }),
  } as Record<string, Trainer>);
  const wrong: string[] = [];
  const compare = (peer: string, theirs: readonly number[] = []) =>
    theirs.forEach((value, i) => {
      if (!(Math.abs(value - losses.ours[i]) <= TOLERANCE * losses.ours[0]))
        wrong.push(`${name}: loss ${i} is ${losses.ours[i]} here and ${value} in ${peer}`);
    });
  compare("PyTorch", losses.torch);
  let note = "";
  if (trains(net)) {
    const long = single.network.multiplyAdds * batchSize > LONG;
    const plain = await (long ? convNetJs(task, 1, PART) : convNetJs(task, FIRST));
    if (same(model) && !long) compare("ConvNetJS", plain.losses);
    if (!same(model)) note = " *";
    ms.convNetJs = median(plain.ms);
  }
  for (const held of [single, many]) held.dispose();
  return { name, ms, note, wrong };
}

const times = (theirs: number | undefined, ours: number | undefined): string =>
  theirs !== undefined && ours !== undefined ? `${figure(theirs / ours)}x` : "–";

function lineOf({ name, ms, note }: Measured): string[] {
  const { ours, oursMany, torch, torchMany } = ms;
  return [
    name,
    ...[figure(ours), figure(torch), times(torch, ours)],
    ...[figure(oursMany), figure(torchMany), times(torchMany, oursMany)],
    ...[figure(ms.convNetJs) + note, times(ms.convNetJs, ours)],
  ];
}

/** The geometric mean of PyTorch's time over ours, on one thread and on several. */
function meanLine(measured: readonly Measured[]): string[] {
  const mean = (ratios: readonly number[]) =>
    `${figure(Math.exp(ratios.reduce((sum, r) => sum + Math.log(r), 0) / ratios.length))}x`;
  const one = measured.map(({ ms }) => ms.torch! / ms.ours!);
  const many = measured.map(({ ms }) => ms.torchMany! / ms.oursMany!);
  return ["geometric mean", "", "", mean(one), "", "", mean(many), "", ""];
}

export async function run(args: readonly string[]): Promise<void> {
  const chosen = named(trainNets, args.join(" "));
  installPeers();
  const lib = await load();
  const engines = [await lib.createEngine(), await lib.createEngine({ threads: MANY_THREADS })];
  const torch = PyTorch.start();
  const measured: Measured[] = [];
  try {
    for (const net of chosen) measured.push(await measure(net, lib, engines, torch));
  } finally {
    torch?.dispose();
  }
  const own = args.length ? undefined : await ownTable(lib, engines[0]);
  const { threads } = engines[1].info;
  for (const engine of engines) engine.dispose();
  console.log(`${await describeHost()}\n`);
  if (!torch) console.log("no Python with torch here: PyTorch is left out\n");
  const head = [
    ...["a step, ms; 1 thread:", "convolith", "PyTorch", "times as fast"],
    ...[`${threads} threads: convolith`, "PyTorch", "times as fast", "ConvNetJS", "times as fast"],
  ];
  const lines = measured.map(lineOf);
  console.log(table(head, torch ? [...lines, meanLine(measured)] : lines));
  console.log("\n* without batch norm, and with a maximum for the mean: it has neither");
  if (own) console.log(`\n${own}\n`);
  const wrong = measured.flatMap((m) => m.wrong);
  if (wrong.length) {
    console.error(wrong.join("\n"));
    process.exitCode = 1;
  } else
    console.log(
      `the losses of the first ${FIRST} steps agree to ${TOLERANCE} of the first wherever the nets are the same`,
    );
}
