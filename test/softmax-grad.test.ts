// Gradients of softmax and its logarithm against central differences, along every axis.
import { describe, expect, it } from "vitest";
import { Edge, Graph } from "../src/graph/graph.ts";
import { float32 } from "../src/graph/op.ts";
import { logSoftmax, softmax } from "../src/ops/softmax.ts";
import { GRADIENTS } from "../src/passes/gradients/index.ts";
import { gradientsOf, numericGradient } from "./gradients.ts";
import { builds, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

function noise(shape: readonly number[], seed: number, scale = 1): Plain & { data: Float32Array } {
  const size = shape.reduce((a, b) => a * b, 1);
  const at = (i: number): number => (Math.imul(i + seed * 7919 + 1, 0x9e3779b1) >>> 8) / 2 ** 23 - 1;
  return { shape, data: Float32Array.from({ length: size }, (_, i) => at(i) * scale) };
}

const SHAPES: number[][] = [[1], [7], [2, 1], [3, 4], [2, 5, 3], [1, 3, 17], [2, 4, 33], [2, 2, 3, 5]];
for (const n of [1, 2, 3, 5, 8, 9, 10, 16, 21]) SHAPES.push([3, n]);

for (const { name, engine } of builds())
  describe(`gradients of softmax (${name})`, () => {
    it.each([
      { op: softmax, f: oracle.softmax },
      { op: logSoftmax, f: oracle.logSoftmax },
    ])("$op.name over every axis", async ({ op, f }) => {
      for (const shape of SHAPES)
        for (let axis = -1; axis < shape.length; axis++) {
          const x = noise(shape, 1, 3);
          const dy = noise(shape, 2);
          const [dx] = await gradientsOf(engine, op, [x], { axis }, [dy]);
          if (shape.at(axis) === 1) {
            expectEqual(dx!, new Float32Array(x.data.length));
            continue;
          }
          const want = numericGradient(f, [x], { axis }, [dy], 0);
          // Sums of as many products, none above 1; differences are right to 1e-7 of that.
          expectWithin(dx!, want, (16 * oracle.ROUNDOFF + 1e-7) * Math.sqrt(shape.at(axis)!));
        }
    });

    it("adds up long rows in sections", async () => {
      const n = 100_003;
      const x = noise([1, n], 3);
      const dy = { shape: [1, n], data: new Float32Array(n).fill(1) };
      const [y] = oracle.softmax([x], { axis: 1 });
      // Equal gradients cancel in softmax, and add up to n in its logarithm.
      const [dx] = await gradientsOf(engine, softmax, [x], { axis: 1 }, [dy]);
      const largest = y.data.reduce((most, v) => Math.max(most, v), 0);
      expect(dx!.every((v) => Math.abs(v) <= 32 * oracle.ROUNDOFF * largest)).toBe(true);
      const [dlog] = await gradientsOf(engine, logSoftmax, [x], { axis: 1 }, [dy]);
      const want = y.data.map((v) => 1 - n * v);
      expectWithin(
        dlog!,
        want,
        y.data.map((v) => 32 * oracle.ROUNDOFF * (1 + n * v)),
      );
    });
  });

describe("gradients of softmax", () => {
  it("are not made when not wanted, and read the output alone", () => {
    const g = new Graph();
    const [x, dy] = [1, 2].map(() => new Edge(float32([2, 3])));
    g.op(softmax, [x], { axis: 1 });
    const [node] = g.nodes;
    expect(GRADIENTS.get(softmax)!(g, node, [dy], [false])).toEqual([undefined]);
    expect(GRADIENTS.get(softmax)!(g, node, [undefined], [true])).toEqual([undefined]);
    expect(g.nodes.length).toBe(1);
    GRADIENTS.get(softmax)!(g, node, [dy], [true]);
    expect(g.nodes[1].inputs).not.toContain(x);
  });
});
