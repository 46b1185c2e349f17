// Kernels that do little with every value: `npm run bench:memory -- [part of a row's name]`. A row's bytes are its inputs, read
// once, and its output, written once; GB/s are of the best run, because noise on a shared machine only ever adds. Beside them
// stands what part that is of a plain copy's speed, by a vector loop and by memory.copy, of as many bytes in the same run.
import { cpus } from "node:os";
import type { Layer } from "../src/index.ts";
import { copyOf } from "./copy.ts";
import { load } from "./ours.ts";
import { noise } from "./rows.ts";
import { figure, interleave, table } from "./table.ts";

const l = await load();

/** A layer of its own. */
interface Row {
  readonly name: string;
  /** Shapes of the inputs, without batch. */
  readonly inputs: readonly (readonly number[])[];
  readonly layer: Layer;
  readonly batch: number;
}

const row = (name: string, inputs: readonly number[][], layer: Layer, batch = 1): Row => ({
  name,
  inputs,
  layer,
  batch,
});

const same = { stride: 1, padding: "same" } as const;
const map = [56, 56, 64];
const channel = [1, 1, 64];

const rows: readonly Row[] = [
  row("max pool 3x3/2 112² 64", [[112, 112, 64]], l.maxPool2d({ size: 3, stride: 2, padding: [1, 1] })),
  row("max pool 2x2/2 112² 128", [[112, 112, 128]], l.maxPool2d({ size: 2 })),
  row("max pool 2x2/2 256² 3", [[256, 256, 3]], l.maxPool2d({ size: 2 })),
  row("max pool 3x3/1 28² 192", [[28, 28, 192]], l.maxPool2d({ size: 3, ...same })),
  row("max pool 5x5/1 13² 512", [[13, 13, 512]], l.maxPool2d({ size: 5, ...same })),
  row("max pool 13x13/1 13² 512", [[13, 13, 512]], l.maxPool2d({ size: 13, ...same })),
  row("max pool 5x5/1 512² 1", [[512, 512, 1]], l.maxPool2d({ size: 5, ...same })),
  row("average pool 3x3/1 28² 192", [[28, 28, 192]], l.avgPool2d({ size: 3, ...same })),
  row("average pool 2x2/2 56² 128", [[56, 56, 128]], l.avgPool2d({ size: 2 })),
  row("global average 7² 2048", [[7, 7, 2048]], l.globalAvgPool()),
  row("global average 56² 256", [[56, 56, 256]], l.globalAvgPool()),
  row("global max 56² 256", [[56, 56, 256]], l.globalMaxPool()),
  row("softmax 1000", [[1000]], l.softmax()),
  row("softmax 32 x 1000", [[1000]], l.softmax(), 32),
  row("softmax 512² 21", [[512, 512, 21]], l.softmax()),
  row("softmax 512² 2", [[512, 512, 2]], l.softmax()),
  row("log softmax 512² 21", [[512, 512, 21]], l.logSoftmax()),
  row("softmax 197 x 197", [[12, 197, 197]], l.softmax()),
  row("batch norm 56² 64", [map], l.batchNorm()),
  row("group norm 56² 64 by 32", [map], l.groupNorm({ groups: 32 })),
  row("group norm 28² 512 by 32", [[28, 28, 512]], l.groupNorm({ groups: 32 })),
  row("instance norm 256² 32", [[256, 256, 32]], l.instanceNorm()),
  row("resize linear 2x 64² 64", [[64, 64, 64]], l.upsample({ factor: 2, method: "linear" })),
  row("resize linear 4x 129² 21", [[129, 129, 21]], l.upsample({ factor: 4, method: "linear" })),
  row("resize linear 0.5x 512² 3", [[512, 512, 3]], l.resize({ size: [224, 224], method: "linear" })),
  row("resize nearest 2x 64² 64", [[64, 64, 64]], l.upsample({ factor: 2 })),
  row("resize nearest 2x 256² 3", [[256, 256, 3]], l.upsample({ factor: 2 })),
  row("concat 56² 64 + 64", [map, map], l.concat()),
  row(
    "concat 28² 64 + 128 + 32 + 32",
    [64, 128, 32, 32].map((c) => [28, 28, c]),
    l.concat(),
  ),
  row("split 28² 256", [[28, 28, 256]], l.slice({ begin: [0, 0, 128], size: [28, 28, 128] })),
  row(
    "pad 1 56² 64",
    [map],
    l.pad({
      padding: [
        [1, 1],
        [1, 1],
      ],
    }),
  ),
  row(
    "pad 3 224² 3",
    [[224, 224, 3]],
    l.pad({
      padding: [
        [3, 3],
        [3, 3],
      ],
    }),
  ),
  row(
    "reflect 1 256² 32",
    [[256, 256, 32]],
    l.pad({
      padding: [
        [1, 1],
        [1, 1],
      ],
      mode: "reflect",
    }),
  ),
  row(
    "add 56² 256",
    [
      [56, 56, 256],
      [56, 56, 256],
    ],
    l.add(),
  ),
  row("mul 56² 64 by channel", [map, channel], l.mul()),
  row(
    "mul 112² 24 by channel",
    [
      [112, 112, 24],
      [1, 1, 24],
    ],
    l.mul(),
  ),
  row(
    "add 256² 3 by channel",
    [
      [256, 256, 3],
      [1, 1, 3],
    ],
    l.add(),
  ),
  row("mul 56² 64 by pixel", [map, [56, 56, 1]], l.mul()),
  row("relu 56² 256", [[56, 56, 256]], l.relu()),
  row("leaky relu 56² 256", [[56, 56, 256]], l.leakyRelu()),
  row("hard swish 56² 64", [map], l.hardSwish()),
  row("silu 56² 64", [map], l.silu()),
  row("sigmoid 56² 64", [map], l.sigmoid()),
  row("tanh 56² 64", [map], l.tanh()),
  row("gelu 56² 64", [map], l.gelu()),
  row("elu 56² 64", [map], l.elu()),
  row("mish 56² 64", [map], l.mish()),
  row("NHWC to NCHW 56² 64", [map], l.permute({ order: [3, 1, 2] })),
  row("NCHW to NHWC 56² 64", [[64, 56, 56]], l.permute({ order: [2, 3, 1] })),
  row("NHWC to NCHW 512² 3", [[512, 512, 3]], l.permute({ order: [3, 1, 2] })),
  row("NCHW to NHWC 512² 3", [[3, 512, 512]], l.permute({ order: [2, 3, 1] })),
  row("depth to space 2x 128² 12", [[128, 128, 12]], l.depthToSpace({ block: 2 })),
  row("argmax 512² 21", [[512, 512, 21]], l.argMax()),
  row("argmax 32 x 1000", [[1000]], l.argMax(), 32),
  row("sum over channels 56² 256", [[56, 56, 256]], l.reduce({ kind: "sum", axes: [3] })),
  row("mean over rows 56² 256", [[56, 56, 256]], l.reduce({ kind: "mean", axes: [1] })),
  row("max over channels 56² 64", [map], l.reduce({ kind: "max", axes: [3] })),
];

const wanted = (process.argv[2] ?? "").toLowerCase();
const chosen = rows.filter((r) => r.name.toLowerCase().includes(wanted));
if (!chosen.length) throw new Error(`no row's name contains "${wanted}"`);

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const engine = await l.createEngine();
const lines: string[][] = [];
for (const { name, inputs, layer, batch } of chosen) {
  const nodes = inputs.map((shape) => l.input(shape));
  const net = engine.compile(l.model({ inputs: nodes, outputs: layer(nodes) }), { batch });
  const tensors = inputs.map((shape, i) =>
    engine.tensor(noise(batch * sizeOf(shape), i + 1), [batch, ...shape]),
  );
  const from = tensors.length === 1 ? tensors[0] : tensors;
  const to = net.predict(from) as ReturnType<typeof engine.tensor>;
  const bytes = 4 * [...tensors, to].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const copy = await copyOf(bytes / 2);
  const times = await interleave(
    { run: () => net.run(from, to), loop: () => copy.loop(), bulk: () => copy.bulk() },
    { rounds: 8, time: 25, warmup: 60 },
  );
  const { run, loop, bulk } = times;
  lines.push([
    name,
    figure(bytes / 1e6),
    figure(1e3 * run.median),
    figure(1e3 * run.best),
    figure(bytes / 1e6 / run.best),
    `${Math.round((100 * loop.best) / run.best)} %`,
    `${Math.round((100 * bulk.best) / run.best)} %`,
  ]);
  for (const held of [net, ...tensors, to]) held.dispose();
}
console.log(`Node ${process.versions.node}, V8 ${process.versions.v8}, ${cpus()[0].model}, one thread\n`);
console.log(table(["layer", "MB", "median µs", "best µs", "GB/s", "of a loop", "of memory.copy"], lines));
