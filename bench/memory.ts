// Ops that do little with every value: `npm run bench -- memory [part of a name]`. A row's bytes are its inputs, read once, and its
// output, written once; see bandwidth.ts.
import { cpus } from "node:os";
import type { Layer } from "../src/index.ts";
import * as l from "../src/layers/index.ts";
import { input, model } from "../src/model/build-model.ts";
import { sizeOf } from "../src/tensor.ts";
import { BANDWIDTH_HEAD, bandwidth } from "./bandwidth.ts";
import { load } from "./ours.ts";
import { noise } from "./rows.ts";
import { table } from "./table.ts";
import { named } from "./task.ts";

/** A layer of its own. */
interface Row {
  readonly name: string;
  /** Shapes of the inputs, without batch. */
  readonly inputs: readonly (readonly number[])[];
  readonly layer: Layer;
  readonly batchSize: number;
}

const row = (name: string, inputs: readonly number[][], layer: Layer, batchSize = 1): Row => ({
  name,
  inputs,
  layer,
  batchSize,
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
  row("split 28² 256", [[28, 28, 256]], l.slice({ begin: [0, 0, 0, 128], size: [-1, 28, 28, 128] })),
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
  row("NHWC to NCHW 56² 64", [map], l.transpose({ perm: [0, 3, 1, 2] })),
  row("NCHW to NHWC 56² 64", [[64, 56, 56]], l.transpose({ perm: [0, 2, 3, 1] })),
  row("NHWC to NCHW 512² 3", [[512, 512, 3]], l.transpose({ perm: [0, 3, 1, 2] })),
  row("NCHW to NHWC 512² 3", [[3, 512, 512]], l.transpose({ perm: [0, 2, 3, 1] })),
  row("depth to space 2x 128² 12", [[128, 128, 12]], l.depthToSpace({ block: 2 })),
  row("argmax 512² 21", [[512, 512, 21]], l.argMax()),
  row("argmax 32 x 1000", [[1000]], l.argMax(), 32),
  row("sum over channels 56² 256", [[56, 56, 256]], l.reduce({ kind: "sum", axes: [3] })),
  row("mean over rows 56² 256", [[56, 56, 256]], l.reduce({ kind: "mean", axes: [1] })),
  row("max over channels 56² 64", [map], l.reduce({ kind: "max", axes: [3] })),
];

export async function run(args: readonly string[]): Promise<void> {
  const { createEngine } = await load();
  const engine = await createEngine();
  const lines: string[][] = [];
  for (const { name, inputs, layer, batchSize } of named(rows, args.join(" "))) {
    const nodes = inputs.map((shape) => input(shape));
    const net = engine.compile(model({ inputs: nodes, outputs: layer(nodes) }), { batchSize });
    const tensors = inputs.map((shape, i) =>
      engine.tensor(noise(batchSize * sizeOf(shape), i + 1), [batchSize, ...shape]),
    );
    const from = tensors.length === 1 ? tensors[0] : tensors;
    const to = net.predict(from) as ReturnType<typeof engine.tensor>;
    const bytes = 4 * [...tensors, to].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    lines.push([name, ...(await bandwidth(bytes, () => net.run(from, to)))]);
    for (const held of [net, ...tensors, to]) held.dispose();
  }
  engine.dispose();
  console.log(`Node ${process.versions.node}, V8 ${process.versions.v8}, ${cpus()[0].model}, one thread\n`);
  console.log(table(["layer", ...BANDWIDTH_HEAD], lines));
}
