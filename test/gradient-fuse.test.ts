// Rewriting what gradients became: an activation's gradient moves before max pooling's.
import { describe, expect, it } from "vitest";
import { Edge, Graph } from "../src/graph/graph.ts";
import { Lowering } from "../src/graph/lower.ts";
import { float32, sizeOf } from "../src/graph/op.ts";
import { type ActivationKind, activation } from "../src/ops/activation.ts";
import { affine, binary } from "../src/ops/elementwise.ts";
import { maxPool } from "../src/ops/pool.ts";
import { differentiate } from "../src/passes/differentiate.ts";
import { sinkActivationGradient } from "../src/passes/fuse-gradients.ts";
import { Program } from "../src/runtime/program.ts";
import { builds } from "./harness.ts";

describe("sinkActivationGradient", () => {
  const POOL = {
    kernel: [2, 2],
    stride: [2, 2],
    dilation: [1, 1],
    padding: "valid",
    ceilMode: false,
  } as const;
  /** dx of sum(dy · maxPool(act(2 x))), with or without the rewrite, and the ops that make it. */
  const gradient = async (kind: ActivationKind, stride: number, sink: boolean, again = false) => {
    const runtime = await builds()[0].engine;
    const g = new Graph();
    const [x, dy] = [
      new Edge(float32([1, 4, 6, 3])),
      new Edge(float32([1, stride === 1 ? 3 : 2, stride === 1 ? 5 : 3, 3])),
    ];
    const active = g.op(activation, [g.op(affine, [x], { scale: 2, offset: 0 })], { kind });
    const pooled = g.op(maxPool, [active], { ...POOL, stride: [stride, stride] });
    let [dx] = differentiate(g, pooled, [x], dy) as [Edge];
    // Somebody else reads what comes out of the pool's gradient.
    const between = g.nodes.find((n) => /^maxPool.*Grad$/.test(n.op.name))!.outputs[0];
    if (again) dx = g.op(binary, [dx, between], { kind: "add" });
    // What is pooled is read by others, as in a network.
    g.prune([dx, pooled]);
    if (sink) sinkActivationGradient(g, [dx, pooled]);
    const program = new Program(runtime, "test");
    const lowering = new Lowering(program);
    for (const edge of [x, dy]) program.input(lowering.valueOf(edge).base);
    lowering.write(g);
    program.output(lowering.valueOf(dx).base);
    program.place();
    const { floats } = runtime.memory;
    for (const edge of [x, dy])
      for (let i = 0, at = lowering.valueOf(edge).base.value / 4; i < sizeOf(edge.shape); i++)
        floats[at + i] = ((i * 29) % 73) / 36 - 1;
    program.run();
    const at = lowering.valueOf(dx).base.value / 4;
    const values = floats.slice(at, at + sizeOf(x.shape));
    program.dispose();
    return { values, ops: g.nodes.map((node) => node.op.name) };
  };

  it.each([
    ["relu", 2],
    ["sigmoid", 2],
    ["relu", 1],
  ] as const)(
    "has %s's gradient made before the pool's of stride %i, and the same values",
    async (kind, stride) => {
      const [plain, sunk] = [await gradient(kind, stride, false), await gradient(kind, stride, true)];
      expect(sunk.values).toEqual(plain.values);
      const order = (ops: string[]) => ops.filter((name) => name.endsWith("Grad"));
      expect(order(sunk.ops)).toEqual(order(plain.ops).reverse());
      expect(order(sunk.ops)[0]).toBe("activationGrad");
    },
  );

  it("stays away where the derivative is made from another edge, or the gradient is read twice", async () => {
    for (const [kind, again] of [
      ["silu", false],
      ["relu", true],
    ] as const) {
      const [plain, sunk] = [await gradient(kind, 2, false, again), await gradient(kind, 2, true, again)];
      expect(sunk).toEqual(plain);
    }
  });
});
