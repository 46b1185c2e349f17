// Gradients of ops that do little with every value, for grad.ts. A row's bytes are what it reads (dy, and those inputs and outputs of
// the op that its gradient is made from) and the gradient it writes, once each; see bandwidth.ts.
import type { Op, Shape } from "../src/graph/op.ts";
import { binary } from "../src/ops/elementwise.ts";
import { pad } from "../src/ops/pad.ts";
import { avgPool, globalAvgPool, globalMaxPool, maxPool } from "../src/ops/pool.ts";
import { reduce } from "../src/ops/reduce.ts";
import { resize } from "../src/ops/resize.ts";
import { concat, depthToSpace, slice, split, transpose } from "../src/ops/shape.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { BANDWIDTH_HEAD, bandwidth } from "./bandwidth.ts";
import { type GradientRow, gradientProgram } from "./gradient.ts";
import { table } from "./table.ts";

const row = <P extends object>(
  name: string,
  op: Op<P>,
  inputs: readonly Shape[],
  params: P,
  wrt = 0,
): GradientRow => ({ name, op, inputs, params, wrt });

const window = (size: number, stride: number, padding = 0) => ({
  ...{ kernel: [size, size], stride: [stride, stride], dilation: [1, 1], padding, ceilMode: false },
});
const max = (name: string, x: Shape, size: number, stride: number, padding = 0): GradientRow =>
  row(`max pool ${size}x${size}/${stride} ${name}`, maxPool, [x], window(size, stride, padding));
const average = (name: string, x: Shape, size: number, stride: number, padding = 0): GradientRow =>
  row(`average pool ${size}x${size}/${stride} ${name}`, avgPool, [x], {
    ...window(size, stride, padding),
    countIncludePad: false,
  });
const map = [8, 56, 56, 64];

export const memoryRows: readonly GradientRow[] = [
  max("32 x 28² 16", [32, 28, 28, 16], 2, 2),
  max("8 x 32² 64", [8, 32, 32, 64], 2, 2),
  max("112² 128", [1, 112, 112, 128], 2, 2),
  max("32 x 28² 6", [32, 28, 28, 6], 2, 2),
  max("256² 3", [1, 256, 256, 3], 2, 2),
  max("32 x 28² 1", [32, 28, 28, 1], 2, 2),
  max("4 x 112² 64", [4, 112, 112, 64], 3, 2, 1),
  max("28² 192", [4, 28, 28, 192], 3, 1, 1),
  max("13² 512", [1, 13, 13, 512], 5, 1, 2),
  max("13² 512", [1, 13, 13, 512], 13, 1, 6),
  row("max pool 2/2 8 x 1024 64", maxPool, [[8, 1024, 64]], {
    ...{ kernel: [2], stride: [2], dilation: [1], padding: 0, ceilMode: false },
  }),
  average("56² 128", [2, 56, 56, 128], 2, 2),
  average("32 x 28² 6", [32, 28, 28, 6], 2, 2),
  average("4 x 28² 192", [4, 28, 28, 192], 3, 1, 1),
  average("4 x 56² 64", [4, 56, 56, 64], 3, 2, 1),
  average("512² 1", [1, 512, 512, 1], 5, 1, 2),
  row("global average 8 x 7² 2048", globalAvgPool, [[8, 7, 7, 2048]], { keepDims: false }),
  row("global average 8 x 56² 64", globalAvgPool, [map], { keepDims: false }),
  row("global average 32 x 28² 10", globalAvgPool, [[32, 28, 28, 10]], { keepDims: false }),
  row("global max 56² 256", globalMaxPool, [[2, 56, 56, 256]], { keepDims: false }),
  ...(["linear", "nearest"] as const).flatMap((method) => {
    const p = (size: number) => ({ size: [size, size], method, coordinates: "halfPixel" as const });
    return [
      row(`resize ${method} 2x 64² 64`, resize, [[1, 64, 64, 64]], p(128)),
      row(`resize ${method} 4x 129² 21`, resize, [[1, 129, 129, 21]], p(516)),
      row(`resize ${method} 0.5x 512² 3`, resize, [[1, 512, 512, 3]], p(224)),
      row(`resize ${method} 2x 256² 1`, resize, [[1, 256, 256, 1]], p(512)),
    ];
  }),
  ...(["constant", "reflect", "replicate"] as const).map((mode) =>
    row(`pad 1, ${mode}, 256² 32`, pad, [[1, 256, 256, 32]], {
      pads: [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ],
      ...{ mode, value: 0 },
    }),
  ),
  row("concat 56² 64 + 64", concat, [map, map], { axis: 3 }),
  row("slice 28² 256", slice, [[8, 28, 28, 256]], { begin: [0, 0, 0, 128], size: [8, 28, 28, 128] }),
  row("split 28² 256", split, [[8, 28, 28, 256]], { axis: 3, sizes: [128, 128] }),
  row("transpose NHWC to NCHW 56² 64", transpose, [map], { perm: [0, 3, 1, 2] }),
  row("depth to space 2x 128² 12", depthToSpace, [[1, 128, 128, 12]], { block: 2, order: "dcr" }),
  row("add of a bias, wrt it, 56² 64", binary, [map, [64]], { kind: "add" }, 1),
  row("add of a bias, wrt it, 112² 5", binary, [[8, 112, 112, 5], [5]], { kind: "add" }, 1),
  row("add of a bias, wrt it, 256² 3", binary, [[1, 256, 256, 3], [3]], { kind: "add" }, 1),
  row("mul by channels, wrt x", binary, [map, [8, 1, 1, 64]], { kind: "mul" }),
  row("mul by channels, wrt them", binary, [map, [8, 1, 1, 64]], { kind: "mul" }, 1),
  row("mul by a vector, wrt it", binary, [map, [64]], { kind: "mul" }, 1),
  row("mul by a number, wrt it", binary, [map, [1]], { kind: "mul" }, 1),
  row("mul by pixels, wrt them", binary, [map, [8, 56, 56, 1]], { kind: "mul" }, 1),
  row("div by a vector, wrt it", binary, [map, [64]], { kind: "div" }, 1),
  row("max of two", binary, [map, map], { kind: "max" }),
  row("sum over pixels", reduce, [map], { kind: "sum", axes: [1, 2], keepDims: false }),
  row("mean over channels", reduce, [map], { kind: "mean", axes: [3], keepDims: false }),
  row("mean of all", reduce, [map], { kind: "mean", axes: [0, 1, 2, 3], keepDims: false }),
  row("max over channels", reduce, [map], { kind: "max", axes: [3], keepDims: false }),
  row("max over pixels", reduce, [map], { kind: "max", axes: [1, 2], keepDims: false }),
];

export async function memoryGradTable(runtime: Runtime, rows: readonly GradientRow[]): Promise<string> {
  const lines: string[][] = [];
  for (const row of rows) {
    const { program, bytes } = gradientProgram(runtime, row);
    lines.push([row.name, ...(await bandwidth(bytes, () => program.run()))]);
    program.dispose();
  }
  return table(["gradient of", ...BANDWIDTH_HEAD], lines);
}
