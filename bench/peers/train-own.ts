// What a loss of one's own costs beside the one built in, and a loop of eager steps beside the compiled step, on one thread.
import type { CustomLoss, Engine } from "../../src/index.ts";
import type { load } from "../ours.ts";
import { noise } from "../rows.ts";
import { figure, interleave, table } from "../table.ts";
import { trainNets } from "./train-nets.ts";
import { optimizerOf, type TrainNet, targetsOf } from "./train-task.ts";

type Library = Awaited<ReturnType<typeof load>>;

/** Dice of logits over the batch, smoothed by 1, as the one built in. */
const dice: CustomLoss = (output, target, e) => {
  const p = e.sigmoid(output);
  const both = e.add(e.mul(e.sum(e.mul(p, target)), 2), 1);
  return e.sub(1, e.div(both, e.add(e.add(e.sum(p), e.sum(target)), 1)));
};

const TIMES = { rounds: 5, time: 300 };

function dataOf({ model, batchSize, targets }: TrainNet) {
  const size = (model.inputs[0].shape as number[]).reduce((a, b) => a * b, batchSize);
  return { x: noise(size, 1), y: targetsOf(batchSize, targets) };
}

/** A step of the U-Net with Dice built in, and with Dice as a function. */
async function ownLoss(lib: Library, engine: Engine, net: TrainNet): Promise<string[]> {
  const data = dataOf(net);
  const [builtIn, own] = (["dice", dice] as const).map((loss) => {
    const train = { loss, optimizer: optimizerOf(lib, net.optimizer), batchSize: net.batchSize };
    return engine.compile(net.model, { seed: 1, train });
  });
  const steps = (network: typeof own) => () => void network.trainStep(data);
  const times = await interleave({ builtIn: steps(builtIn), own: steps(own) }, TIMES);
  for (const network of [builtIn, own]) network.dispose();
  return line("Dice of one's own, U-Net", times.builtIn.median, times.own.median);
}

/** A step of the classifier by `trainStep`, and by `gradients` and `optimizer.apply`. */
async function ownLoop(lib: Library, engine: Engine, net: TrainNet): Promise<string[]> {
  const { x, y } = dataOf(net);
  const optimizer = optimizerOf(lib, net.optimizer);
  const train = { loss: "softmaxCrossEntropy", optimizer, batchSize: net.batchSize } as const;
  const [compiled, called] = [
    engine.compile(net.model, { seed: 1, train }),
    engine.compile(net.model, { seed: 1 }),
  ];
  const images = engine.tensor(x, [net.batchSize, ...(net.model.inputs[0].shape as number[])]);
  const classes = engine.tensor(Int32Array.from(y), [net.batchSize], "int32");
  const own = optimizerOf(lib, net.optimizer);
  const eager = (): number =>
    engine.scope(() => {
      const { value, gradients } = lib.gradients(
        () => engine.loss(called(images, { training: true }), classes, { kind: "softmaxCrossEntropy" }),
        called.variables,
      );
      own.apply(called.variables, gradients);
      return value.data()[0];
    });
  const tasks = { compiled: () => void compiled.trainStep({ x, y }), eager: () => void eager() };
  const times = await interleave(tasks, TIMES);
  for (const held of [compiled, called, images, classes]) held.dispose();
  return line("a loop of one's own, MNIST CNN", times.compiled.median, times.eager.median);
}

const line = (name: string, builtIn: number, own: number): string[] => [
  name,
  figure(builtIn),
  figure(own),
  `${figure(own / builtIn)}x`,
];

/** The table of both. */
export async function ownTable(lib: Library, engine: Engine): Promise<string> {
  const net = (part: string): TrainNet => trainNets.find(({ name }) => name.startsWith(part))!;
  const lines = [await ownLoss(lib, engine, net("U-Net")), await ownLoop(lib, engine, net("MNIST"))];
  return table(["a step, ms; 1 thread:", "built in", "one's own", "times as long"], lines);
}
