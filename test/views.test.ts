// Ops on parts of wider tensors and on images with a border round them: the same bits as on dense values, and nothing else touched.
import { describe, expect, it } from "vitest";
import { type Border, denseValue, type Op, sizeOf } from "../src/graph/op.ts";
import { emitBorder, zeroBorder } from "../src/ops/border.ts";
import { copy } from "../src/ops/copy.ts";
import { type PadMode, pad } from "../src/ops/pad.ts";
import { avgPool, maxPool } from "../src/ops/pool.ts";
import { resize } from "../src/ops/resize.ts";
import { concat, depthToSpace, slice, spaceToDepth, split, transpose } from "../src/ops/shape.ts";
import { partOf } from "../src/ops/strided.ts";
import { Address } from "../src/runtime/address.ts";
import { Program } from "../src/runtime/program.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import { evaluateViews, ROOMS, roomFor } from "./views.ts";

const CHANNELS = [1, 2, 3, 4, 5, 8, 17, 64];

const noise = (shape: readonly number[], seed = 0): Plain => ({
  shape,
  data: Float32Array.from(
    { length: sizeOf(shape) },
    (_, i) => (Math.imul(i + 1 + seed, 0x9e3779b1) >>> 8) / 2 ** 23 - 1,
  ),
});

interface Case {
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: ops of every parameter type
  op: Op<any>;
  shapes: number[][];
  params: object;
}

const window = (kernel: number[], stride: number[], padding: unknown, more: object = {}) => ({
  ...{ kernel, stride, padding, ceilMode: false, ...more },
});

const max = (name: string, size: number[], params: { kernel: number[]; dilation?: number[] }): Case[] =>
  CHANNELS.map((c) => ({
    ...{ name: `maxPool, ${name}, ${c}`, op: maxPool, shapes: [[...size, c]] },
    params: { ...params, dilation: params.dilation ?? params.kernel.map(() => 1) },
  }));

const average = (name: string, size: number[], params: object): Case[] =>
  CHANNELS.map((c) => ({
    ...{ name: `avgPool, ${name}, ${c}`, op: avgPool, shapes: [[...size, c]], params },
  }));

const pads = (mode: PadMode, pairs: [number, number][], c: number): Case => ({
  ...{ name: `pad, ${mode}, ${JSON.stringify(pairs)}, ${c}`, op: pad },
  shapes: [[2, ...[4, 3, 5].slice(0, pairs.length - 2), c]],
  params: { pads: pairs, mode, value: 1.5 },
});

const CASES: Case[] = [
  ...max("3 by 1", [2, 9], window([3], [1], "valid")),
  ...max("3x3 by 1", [2, 6, 7], window([3, 3], [1, 1], [1, 1])),
  ...max("3x3 by 2", [2, 7, 12], window([3, 3], [2, 2], [1, 1])),
  ...max("2x2 by 2", [2, 6, 13], window([2, 2], [2, 2], "valid", { ceilMode: true })),
  ...max("5x5 by 1 in two steps, dilated", [1, 11, 12], window([5, 5], [1, 1], "half", { dilation: [2, 1] })),
  ...max("3-D", [2, 4, 5, 6], window([2, 3, 2], [1, 2, 1], "same")),
  ...average("3x3 by 1", [2, 6, 7], window([3, 3], [1, 1], [1, 1], { countIncludePad: false })),
  ...average("2x2 by 2", [2, 6, 12], window([2, 2], [2, 2], "valid", { countIncludePad: true })),
  ...average("3x4 by 2", [1, 5, 14], window([3, 4], [2, 2], "same", { countIncludePad: true })),
  ...average("3-D", [2, 4, 5, 6], window([2, 3, 2], [1, 2, 1], "same", { countIncludePad: false })),
  ...CHANNELS.flatMap((c) =>
    (["nearest", "linear"] as const).flatMap((method) => [
      {
        ...{ name: `resize up, ${method}, ${c}`, op: resize, shapes: [[2, 3, 5, c]] },
        params: { size: [7, 13], method, coordinates: "halfPixel" },
      },
      {
        ...{ name: `resize 3-D, ${method}, ${c}`, op: resize, shapes: [[2, 3, 2, 5, c]] },
        params: { size: [4, 5, 9], method, coordinates: "alignCorners" },
      },
    ]),
  ),
  ...CHANNELS.flatMap((c) =>
    (["constant", "reflect", "replicate"] as const).flatMap((mode) => [
      pads(mode, [[0, 0], [2, 1], [0, 0]], c), // biome-ignore format: pairs in a row
      pads(mode, [[0, 0], [2, 1], [1, 2], [0, 0]], c), // biome-ignore format: pairs in a row
      pads(mode, [[0, 0], [1, 0], [0, 1], [3, 2], [0, 0]], c), // biome-ignore format: pairs in a row
    ]),
  ),
  pads("constant", [[0, 1], [1, 0], [2, 1], [2, 3]], 3), // biome-ignore format: pairs in a row
  pads("constant", [[0, 0], [0, 0], [0, 0], [2, 3]], 5), // biome-ignore format: pairs in a row
  pads("constant", [[0, 0], [0, 0], [0, 0], [0, 0]], 5), // biome-ignore format: pairs in a row
  ...CHANNELS.flatMap((c): Case[] => [
    { name: `copy, ${c}`, op: copy, shapes: [[2, 3, 5, c]], params: {} },
    {
      name: `slice, ${c}`,
      op: slice,
      shapes: [[2, 4, 5, c]],
      params: { begin: [0, 1, 2, 0], size: [-1, 2, 3, -1] },
    },
    { name: `transpose, ${c}`, op: transpose, shapes: [[2, 3, 70, c]], params: { perm: [0, 3, 2, 1] } },
    {
      name: `transpose of pixels, ${c}`,
      op: transpose,
      shapes: [[2, 3, 5, c]],
      params: { perm: [0, 2, 1, 3] },
    },
    {
      name: `concat of channels, ${c}`,
      op: concat,
      shapes: [
        [2, 3, 5, c],
        [2, 3, 5, 3],
      ],
      params: { axis: -1 },
    },
    {
      name: `concat of rows, ${c}`,
      op: concat,
      shapes: [
        [2, 3, 5, c],
        [2, 1, 5, c],
      ],
      params: { axis: 1 },
    },
    { name: `split, ${c}`, op: split, shapes: [[2, 3, 5, c + 2]], params: { sizes: [c, 2], axis: 3 } },
    ...(["dcr", "crd"] as const).flatMap((order): Case[] => [
      {
        name: `depthToSpace, ${order}, ${c}`,
        op: depthToSpace,
        shapes: [[2, 3, 5, 4 * c]],
        params: { block: 2, order },
      },
      {
        name: `spaceToDepth, ${order}, ${c}`,
        op: spaceToDepth,
        shapes: [[2, 6, 9, c]],
        params: { block: 3, order },
      },
    ]),
  ]),
  {
    name: "transpose of eight axes",
    op: transpose,
    shapes: [[2, 3, 2, 2, 2, 3, 2, 2]],
    params: { perm: [7, 5, 3, 1, 6, 4, 2, 0] },
  },
];

for (const { name: build, engine } of builds())
  describe(`views (${build})`, () => {
    for (const kind of [
      "maxPool",
      "avgPool",
      "resize",
      "pad",
      "copy",
      "slice",
      "transpose",
      "concat",
      "split",
      "depthToSpace",
      "spaceToDepth",
    ])
      for (const room of ROOMS)
        it(`${kind}: ${room}`, async () => {
          for (const { name, op, shapes, params } of CASES.filter((c) => c.op.name === kind)) {
            const inputs = shapes.map((shape, i) => noise(shape, 1000 * i));
            const dense = await evaluate(engine, op, inputs, params);
            for (const [x, y] of [
              [room, undefined],
              [undefined, room],
              [room, room],
            ] as const) {
              const views = await evaluateViews(
                engine,
                op,
                inputs,
                params,
                (rank) => roomFor(x, rank),
                (rank) => roomFor(y, rank),
              );
              views.forEach(({ shape, data }, i) => {
                expect(shape).toEqual(dense[i].shape);
                const wrong = data.findIndex((v, j) => !Object.is(v, dense[i].data[j]));
                expect(wrong, `${name}, element ${wrong}`).toBe(-1);
              });
            }
          }
        });

    it("fills a border and touches nothing else", async () => {
      const runtime = await engine;
      const borders: { shape: number[]; border: Border }[] = [
        { shape: [2, 5, 3], border: [[2, 1]] },
        { shape: [2, 3, 4, 1], border: [[1, 1], [1, 1]] }, // biome-ignore format: pairs in a row
        { shape: [2, 3, 4, 5], border: [[0, 2], [3, 0]] }, // biome-ignore format: pairs in a row
        { shape: [1, 2, 3, 64], border: [[1, 0], [0, 1]] }, // biome-ignore format: pairs in a row
        { shape: [2, 2, 3, 4, 7], border: [[1, 2], [0, 1], [2, 2]] }, // biome-ignore format: pairs in a row
        { shape: [2, 3, 4, 5], border: [[0, 0], [0, 0]] }, // biome-ignore format: pairs in a row
      ];
      for (const { shape, border } of borders)
        for (const channels of [0, 2]) {
          // One more pixel on every side of the border, and more channels, which are not its own.
          const around = shape.map((_, i) => (i > 0 && i < shape.length - 1 ? border[i - 1] : [0, 0]));
          const outer = shape.map((d, i) => {
            if (i === 0) return d;
            return i < shape.length - 1 ? around[i][0] + d + around[i][1] + 2 : d + 2 * channels;
          });
          const whole = denseValue({ shape: outer, dtype: "float32" }, Address.of(sizeOf(outer) * 4, "run"));
          const begin = around.map(([before], i) => {
            if (i === 0) return 0;
            return i < shape.length - 1 ? before + 1 : channels;
          });
          const program = new Program(runtime, "border");
          program.input(whole.base);
          emitBorder(program, { ...partOf(whole, begin, shape), border });
          program.output(whole.base);
          program.place();
          const first = whole.base.value / 4;
          const floats = runtime.memory.floats.subarray(first, first + sizeOf(outer)).fill(7);
          program.run();
          floats.forEach((v, i) => {
            let rest = i;
            let inside = true;
            let bordered = true;
            for (let axis = outer.length - 1; axis >= 0; axis--) {
              const index = (rest % outer[axis]) - begin[axis];
              rest = Math.floor(rest / outer[axis]);
              inside &&= index >= 0 && index < shape[axis];
              bordered &&= index >= -around[axis][0] && index < shape[axis] + around[axis][1];
            }
            if (v !== (bordered && !inside ? 0 : 7))
              expect.fail(`[${shape}], border ${JSON.stringify(border)}: element ${i} is ${v}`);
          });
          program.dispose();
        }
      expect(zeroBorder.infer([{ shape: [1, 2, 3], dtype: "float32" }], {}, "zeroBorder")).toEqual([]);
    });
  });
