// Activations, arithmetic and batch norm on parts of wider tensors and on images with a border: the same bits as on dense
// values, and nothing else touched.
import { beforeAll, describe, expect, it } from "vitest";
import { type Op, sizeOf } from "../src/graph/op.ts";
import { type Activation, activation, prelu } from "../src/ops/activation.ts";
import { affine, binary } from "../src/ops/elementwise.ts";
import { batchNorm } from "../src/ops/norm.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import { evaluateViews, ROOMS, roomFor } from "./views.ts";

const SHAPES = [
  ...[1, 2, 3, 4, 5, 16, 17, 64, 67].map((c) => [2, 3, 5, c]),
  [300, 7],
  [3, 130],
  [2, 3, 2, 5, 6],
  [1, 1, 1, 9],
  [2, 2, 3, 2, 2, 3, 5],
];

const noise = (shape: readonly number[], seed = 0): Plain => ({
  shape,
  data: Float32Array.from(
    { length: sizeOf(shape) },
    (_, i) => (Math.imul(i + 1 + 1000 * seed, 0x9e3779b1) >>> 8) / 2 ** 22 - 2,
  ),
});
const positive = ({ shape, data }: Plain): Plain => ({ shape, data: Array.from(data, (v) => v + 2.5) });

interface Case {
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: ops of every parameter type
  op: Op<any>;
  inputs: Plain[];
  params: object;
}

const KINDS: Activation[] = [
  { kind: "linear" },
  { kind: "relu6" },
  { kind: "leakyRelu", alpha: 0.3 },
  { kind: "elu" },
  { kind: "hardSwish" },
  { kind: "abs" },
  { kind: "sigmoid" },
  { kind: "mish" },
];

/** Shapes that broadcast to `shape`: itself, one value, one per channel, per image and channel, and per pixel. */
const operands = (shape: readonly number[]): number[][] => {
  const channels = shape.length - 1;
  return [
    [...shape],
    [1],
    [shape[channels]],
    shape.map((d, i) => (i === 0 || i === channels ? d : 1)),
    shape.map((d, i) => (i === channels ? 1 : d)),
  ];
};

const CASES: Case[] = SHAPES.flatMap((shape): Case[] => {
  const x = noise(shape);
  const c = shape[shape.length - 1];
  const vectors = [noise([c], 1), noise([c], 2), noise([c], 3), positive(noise([c], 4))];
  const of = (op: Case["op"], inputs: Plain[], params: object, what = ""): Case => ({
    ...{ op, inputs, params, name: `${op.name} ${what} ${inputs.map((i) => `[${i.shape}]`).join(" ")}` },
  });
  return [
    ...KINDS.map((kind) => of(activation, [x], kind, kind.kind)),
    of(affine, [x], { scale: 1.5, offset: -0.25 }),
    ...operands(shape).flatMap((other, i) => {
      const b = positive(noise(other, 1));
      return [
        of(binary, [x, b], { kind: i % 2 ? "sub" : "add" }),
        of(binary, [b, x], { kind: i % 2 ? "div" : "max" }),
        of(prelu, [x, b], {}),
      ];
    }),
    of(batchNorm, [x, ...vectors], { epsilon: 1e-3 }),
    of(batchNorm, [x, ...vectors], { epsilon: 1e-3, activation: { kind: "relu" } }, "relu"),
    of(batchNorm, [x, ...vectors], { epsilon: 1e-3, activation: { kind: "silu" } }, "silu"),
  ];
});

const BUILDS = builds();
// Workers must have started before the first test: these tests block the event loop for longer than workers may take to start.
beforeAll(() => Promise.all(BUILDS.map(({ engine }) => engine)));

for (const { name: build, engine } of BUILDS)
  describe(`views (${build})`, () => {
    for (const kind of ["activation", "affine", "binary", "prelu", "batchNorm"])
      for (const room of ROOMS)
        it(`${kind}: ${room}`, async () => {
          for (const { name, op, inputs, params } of CASES.filter((c) => c.op.name === kind)) {
            const [{ data: dense }] = await evaluate(engine, op, inputs, params);
            for (const [x, y] of [
              [room, undefined],
              [undefined, room],
              [room, room],
            ] as const) {
              const [{ data }] = await evaluateViews(
                engine,
                op,
                inputs,
                params,
                (rank) => roomFor(x, rank),
                (rank) => roomFor(y, rank),
              );
              const wrong = data.findIndex((v, i) => !Object.is(v, dense[i]));
              expect(wrong, `${name}, element ${wrong}`).toBe(-1);
            }
          }
        });
  });
