// A step of a GAN as a loop of one's own: the critic learns to tell images from drawings, then the generator what the critic takes for real.
import type { Engine, Network, Tensor } from "../../src/index.ts";
import type { load } from "../ours.ts";
import { optimizerOf, type TrainTask } from "./train-task.ts";

type Library = Awaited<ReturnType<typeof load>>;

/** A function that takes one step of both nets and gives the sum of their losses, and what frees all that it holds. */
export function ganSteps(
  lib: Library,
  engine: Engine,
  generator: Network,
  critic: Network,
  { batchSize, optimizer, x, y }: TrainTask,
): { step(): number; dispose(): void } {
  const [noise, images] = [generator, critic].map(({ model }, i) =>
    engine.tensor(i ? y : x, [batchSize, ...(model.inputs[0].shape as number[])]),
  );
  const [real, fake] = [1, 0].map((label) => engine.full([batchSize, 1], label));
  const loss = (scores: Tensor, labels: Tensor) =>
    engine.loss(scores, labels, { kind: "binaryCrossEntropy" });
  const [criticStep, generatorStep] = [0, 1].map(() => optimizerOf(lib, optimizer));
  const step = (): number => {
    const drawn = generator(noise, { training: true });
    const asCritic = lib.gradients(
      () => engine.add(loss(critic(images), real), loss(critic(drawn), fake)),
      critic.variables,
    );
    criticStep.apply(critic.variables, asCritic.gradients);
    const asGenerator = lib.gradients(
      () => loss(critic(generator(noise, { training: true })), real),
      generator.variables,
    );
    generatorStep.apply(generator.variables, asGenerator.gradients);
    return asCritic.value.data()[0] + asGenerator.value.data()[0];
  };
  return {
    step: () => engine.scope(step),
    dispose() {
      for (const tensor of [noise, images, real, fake]) tensor.dispose();
    },
  };
}
