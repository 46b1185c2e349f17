// The result of an image has the same bits whatever batch it is in: no choice of algorithm, and no cut of a sum, looks at the batch.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as l from "../src/layers/index.ts";
import type { Layer } from "../src/layers/layer.ts";
import { sequential } from "../src/model/build-model.ts";
import { Network } from "../src/network/network.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import { BUILDS, binary, threaded } from "./harness.ts";

const BATCHES = [1, 2, 3, 8, 64];

const conv = (filters: number, kernel: number, more: object = {}): Layer =>
  l.conv2d({ filters, kernel, padding: "same", ...more });

/** An input without batch, and layers. */
const NETS: Record<string, [readonly number[], readonly Layer[]]> = {
  // Maps round every size at which Winograd's tiles, or the plain product, are taken.
  ...Object.fromEntries(
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 12].map(
      (size) => [`3x3 on ${size}²`, [[size, size, 32], [conv(32, 3)]]] as const,
    ),
  ),
  ...Object.fromEntries(
    [2, 3, 4, 6].map(
      (size) => [`3x3 on ${size}² of few channels`, [[size, size, 16], [conv(16, 3)]]] as const,
    ),
  ),
  ...Object.fromEntries(
    [2, 3, 4, 5, 8].map((size) => [`5x5 on ${size}²`, [[size, size, 16], [conv(16, 5)]]] as const),
  ),
  "3x3, wide and flat": [[1, 16, 32], [conv(32, 3)]],
  "3x3, dilated": [[7, 5, 32], [conv(32, 3, { dilation: 2 })]],
  "1x1": [[3, 3, 800], [conv(40, 1)]],
  strided: [[7, 7, 20], [conv(24, 3, { stride: 2 })]],
  "a deep sum": [[3, 3, 300], [conv(12, 3)]],
  grouped: [[5, 5, 24], [conv(24, 3, { groups: 3 })]],
  depthwise: [[9, 9, 10], [l.depthwiseConv2d({ kernel: 3, padding: "same" })]],
  "one channel": [[9, 9, 1], [conv(1, 3)]],
  "far windows": [[3, 3, 4], [conv(4, 3, { dilation: 5000 })]],
  transposed: [[4, 4, 12], [l.convTranspose2d({ filters: 10, kernel: 3, stride: 2, padding: "same" })]],
  "transposed, stride over kernel": [[3, 3, 12], [l.convTranspose2d({ filters: 10, kernel: 2, stride: 5 })]],
  dense: [[900], [l.dense({ units: 70, activation: "tanh" }), l.softmax()]],
  "pools, norms and activations": [
    [12, 12, 6],
    [
      ...[l.maxPool2d({ size: 3, stride: 1 }), l.gelu(), l.avgPool2d({ size: 3, stride: 2, padding: 1 })],
      ...[l.batchNorm(), l.groupNorm({ groups: 2 }), l.instanceNorm(), l.softmax({ axis: 1 })],
    ],
  ],
  "global means": [
    [20, 20, 3],
    [l.globalAvgPool(), l.logSoftmax()],
  ],
  reductions: [
    [200, 7, 2],
    [l.reduce({ kind: "sum", axes: [1], keepDims: true }), l.reduce({ kind: "mean", axes: [2] })],
  ],
  "resized and padded": [
    [4, 5, 3],
    [
      l.resize({ size: [9, 7], method: "linear" }),
      l.pad({
        padding: [
          [1, 2],
          [0, 1],
        ],
        mode: "reflect",
      }),
      conv(8, 3),
    ],
  ],
};

const builds = BUILDS.flatMap((build) => [1, 2].map((threads) => ({ build, threads })));

describe.each(builds)("$build build, $threads threads", ({ build, threads }) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = threads === 1 ? new Runtime(await load(binary(build))) : await threaded(build, threads);
  });
  afterAll(() => runtime.dispose());

  it.each(Object.entries(NETS))("%s", (_, [shape, layers]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const images = Float32Array.from({ length: 64 * size }, (_, i) => Math.sin(i * 1.7 + 0.3 * Math.sqrt(i)));
    let alone: Float32Array[] = [];
    for (const batchSize of BATCHES) {
      using net = new Network(runtime, sequential([...shape], layers), { seed: 1, batchSize });
      if (batchSize === 1) {
        alone = Array.from({ length: 64 }, (_, i) => net.predict(images.slice(i * size, (i + 1) * size)));
        expect(alone[1]).not.toEqual(alone[0]);
        continue;
      }
      const y = net.predict(images.slice(0, batchSize * size));
      const each = y.length / batchSize;
      for (let i = 0; i < batchSize; i++)
        if (!y.slice(i * each, (i + 1) * each).every((v, j) => Object.is(v, alone[i][j])))
          throw new Error(`image ${i} of a batch of ${batchSize} has other bits than alone`);
    }
  });
});
