// One of the processes that train as one; train.mjs starts them.
import { createEngine } from "convolith";
import { joinGroup } from "./all-reduce.mjs";
import { model, parts, training } from "./digits-net.mjs";

const options = JSON.parse(process.argv[2]);
const { rank, processes, port, batchSize, early } = options;
/** @param {object} message */
const tell = (message) => process.send?.(message);

const group = await joinGroup({ rank, processes, port, listening: (port) => tell({ port }) });
const engine = await createEngine();
// The same seed everywhere: all begin with the same weights.
const net = engine.compile(model, { seed: 1, train: training(batchSize / processes) });
let step = 0;
for (const batch of parts(options)) {
  const { gradients, loss } = net.gradients(batch, { seed: rank });
  net.apply(await group.mean(gradients));
  tell({ step: ++step, loss });
  if (step === early) tell({ early: { ...net.weights } });
}
tell({ weights: { ...net.weights } });
group.leave();
engine.dispose();
process.disconnect();
