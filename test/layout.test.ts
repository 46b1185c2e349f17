// Where values lie: concatenations, slices and borders without copies compute the same bits as dense storages do.
import { describe, expect, it } from "vitest";
import { Edge, Graph } from "../src/graph/graph.ts";
import { Lowering } from "../src/graph/lower.ts";
import { float32, sizeOf } from "../src/graph/op.ts";
import { activation } from "../src/ops/activation.ts";
import { conv } from "../src/ops/conv.ts";
import { convTranspose } from "../src/ops/conv-transpose.ts";
import { binary } from "../src/ops/elementwise.ts";
import { batchNorm } from "../src/ops/norm.ts";
import { pad } from "../src/ops/pad.ts";
import { avgPool, globalAvgPool, maxPool } from "../src/ops/pool.ts";
import { resize } from "../src/ops/resize.ts";
import { concat, reshape, slice, split, transpose } from "../src/ops/shape.ts";
import { fuse } from "../src/passes/fuse.ts";
import { planLayout } from "../src/passes/layout.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { Program } from "../src/runtime/program.ts";
import { builds } from "./harness.ts";

/** A generator of numbers that depends on a seed alone (mulberry32). */
function random(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Case {
  graph: Graph;
  inputs: Edge[];
  outputs: Edge[];
}

class Builder {
  readonly graph = new Graph();
  readonly next: () => number;

  constructor(seed: number) {
    this.next = random(seed);
    this.graph.enter("layer", "layer");
  }

  integer = (n: number): number => Math.floor(this.next() * n);
  pick = <T>(list: readonly T[]): T => list[this.integer(list.length)];

  constant(shape: readonly number[]): Edge {
    return this.graph.constant(
      Float32Array.from({ length: sizeOf(shape) }, () => this.next() - 0.5),
      shape,
    );
  }

  conv(
    x: Edge,
    filters: number,
    kernel: number,
    options: Partial<Record<"stride" | "dilation" | "groups", number>> = {},
  ): Edge {
    const { stride = 1, dilation = 1, groups = 1 } = options;
    const c = x.shape[3];
    const w = this.constant([kernel, kernel, c / groups, filters]);
    const params = {
      stride: [stride, stride],
      dilation: [dilation, dilation],
      padding: this.pick(["same", "half", (kernel - 1) >> 1] as const),
      paddingMode: this.pick(["zeros", "zeros", "zeros", "replicate"] as const),
      groups,
    };
    return this.graph.op(conv, this.next() < 0.5 ? [x, w] : [x, w, this.constant([filters])], params);
  }

  /** One more op on some of the values there are. */
  step(values: Edge[]): Edge[] {
    const { graph: g } = this;
    const x = this.pick(values);
    const [n, h, w, c] = x.shape;
    const like = values.filter((v) => v !== x && String(v.shape) === String(x.shape));
    const beside = values.filter((v) => String(v.shape.slice(0, 3)) === String(x.shape.slice(0, 3)));
    switch (this.integer(16)) {
      case 0:
        return [this.conv(x, this.pick([1, 3, 5, 8, 16]), 1)];
      case 1:
        return [this.conv(x, this.pick([4, 7, 16]), 3, { dilation: this.pick([1, 1, 2]) })];
      case 2:
        return [this.conv(x, 8, this.pick([3, 5]), { stride: h > 3 ? 2 : 1 })];
      case 3:
        return [this.conv(x, c, 3, { groups: c, stride: this.pick([1, 1, 2]) })];
      case 4:
        return [this.conv(x, 16, 3)];
      case 5: {
        const size = {
          kernel: [2, 2],
          stride: [this.pick([1, 2]), 1],
          padding: "same" as const,
          ceilMode: false,
        };
        return [
          this.next() < 0.5
            ? g.op(maxPool, [x], { ...size, dilation: [1, 1] })
            : g.op(avgPool, [x], { ...size, countIncludePad: false }),
        ];
      }
      case 6:
      case 7: {
        const parts = [x, ...beside.filter((v) => v !== x).slice(-2)];
        if (this.next() < 0.3) parts.reverse();
        return [g.op(concat, parts, { axis: this.pick([-1, -1, 3]) })];
      }
      case 8: {
        if (c < 2) return [];
        const first = 1 + this.integer(c - 1);
        return g.apply(split, [x], { axis: -1, sizes: [first, c - first] });
      }
      case 9: {
        if (h < 3 || w < 3) return [];
        return [g.op(slice, [x], { begin: [0, 1, 1, 0], size: [n, h - 2, w - 1, Math.ceil(c / 2)] })];
      }
      case 10:
        return [
          g.op(activation, [x], { kind: this.pick(["relu", "silu", "sigmoid", "relu6", "tanh"] as const) }),
        ];
      case 11:
        return like.length
          ? [g.op(binary, [x, this.pick(like)], { kind: this.pick(["add", "add", "mul"] as const) })]
          : [];
      case 12: {
        const vectors = [0, 1, 2].map(() => this.constant([c]));
        const variance = g.constant(new Float32Array(c).fill(0.7), [c]);
        return [g.op(batchNorm, [x, ...vectors, variance], { epsilon: 1e-3 })];
      }
      case 13:
        return [
          g.op(resize, [x], {
            size: [h + 1, 2 * w],
            method: this.pick(["nearest", "linear"] as const),
            coordinates: "halfPixel",
          }),
        ];
      case 14:
        return this.next() < 0.5
          ? [
              g.op(pad, [x], {
                pads: [
                  [0, 0],
                  [1, 0],
                  [1, 2],
                  [0, 0],
                ],
                mode: "constant",
                value: 0,
              }),
            ]
          : [g.op(reshape, [g.op(transpose, [x], { perm: [0, 2, 1, 3] })], { shape: [n, w, h, c] })];
      default: {
        const filter = this.constant([2, 2, c, 6]);
        const params = {
          stride: [2, 2],
          dilation: [1, 1],
          padding: "valid" as const,
          outputPadding: [0, 0],
          groups: 1,
        };
        return h * w > 200 ? [] : [g.op(convTranspose, [x, filter], params)];
      }
    }
  }
}

/** A graph of `steps` random ops on a picture. */
function randomCase(seed: number, steps: number): Case {
  const builder = new Builder(seed);
  const input = new Edge(
    float32([
      builder.pick([1, 2]),
      4 + builder.integer(7),
      3 + builder.integer(8),
      builder.pick([1, 3, 4, 8]),
    ]),
  );
  const values = [input];
  for (let i = 0; i < steps; i++) {
    const made = builder.step(values.slice(-6)).filter((edge) => sizeOf(edge.shape) < 20_000);
    values.push(...made);
  }
  const unread = values.filter(
    (edge) => edge !== input && !builder.graph.nodes.some((node) => node.inputs.includes(edge)),
  );
  const { graph } = builder;
  // Some outputs of the graph are values that others read, too.
  const outputs = [...new Set([...unread, ...values.slice(1).filter(() => builder.next() < 0.1)])];
  const means = outputs.slice(0, 1).map((edge) => graph.op(globalAvgPool, [edge], { keepDims: false }));
  return { graph, inputs: [input], outputs: [...outputs, ...means] };
}

function run(
  runtime: Runtime,
  { graph, inputs, outputs }: Case,
  planned: boolean,
): { data: Float32Array[]; run: number } {
  const ends = [...outputs];
  fuse(graph, ends);
  const program = new Program(runtime, "layout");
  const lowering = new Lowering(program, planned ? planLayout(graph, inputs, ends, program) : undefined);
  for (const edge of inputs) program.input(lowering.valueOf(edge).base);
  lowering.write(graph);
  for (const edge of ends) program.output(lowering.valueOf(edge).base);
  program.place();
  // Twice: nothing may depend on what a run before has left behind.
  for (let again = 0; again < 2; again++) {
    for (const edge of inputs) {
      const values = Float32Array.from({ length: sizeOf(edge.shape) }, (_, i) => Math.sin(i * 1.7));
      runtime.memory.floats.set(values, lowering.valueOf(edge).base.value / 4);
    }
    program.run();
  }
  const data = ends.map((edge) => {
    const first = lowering.valueOf(edge).base.value / 4;
    return runtime.memory.floats.slice(first, first + sizeOf(edge.shape));
  });
  program.dispose();
  return { data, run: program.bytes.run };
}

for (const { name, engine } of builds().filter(({ name }) => !name.includes("2 threads")))
  describe(`layout (${name})`, () => {
    it("changes no bit of random graphs", async () => {
      const runtime = await engine;
      let views = 0;
      for (let seed = 1; seed <= 150; seed++) {
        const dense = run(runtime, randomCase(seed, 14), false);
        const planned = randomCase(seed, 14);
        const result = run(runtime, planned, true);
        views += planned.graph.nodes.filter(
          ({ op }) => op.name === "view" || op.name === "zeroBorder",
        ).length;
        result.data.forEach((data, i) => {
          const wrong = data.findIndex((v, j) => !Object.is(v, dense.data[i][j]));
          expect(
            wrong,
            `seed ${seed}, output ${i}, value ${wrong}: ${data[wrong]} and ${dense.data[i][wrong]}`,
          ).toBe(-1);
        });
      }
      expect(views).toBeGreaterThan(150);
    });
  });
