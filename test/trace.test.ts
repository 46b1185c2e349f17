// Ops recorded rather than run: values read on the way, programs kept, gradients of gradients, functions written into a graph.
import { beforeAll, describe, expect, it } from "vitest";
import { gradients } from "../src/eager/gradients.ts";
import { traceInto } from "../src/eager/trace.ts";
import { Engine } from "../src/engine/engine.ts";
import { ArgumentError, DisposedError, UnsupportedError } from "../src/errors.ts";
import { Edge, Graph } from "../src/graph/graph.ts";
import { Lowering } from "../src/graph/lower.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { Program } from "../src/runtime/program.ts";
import { float32, type Tensor } from "../src/tensor.ts";
import { builds } from "./harness.ts";

let runtime: Runtime;
let engine: Engine;
beforeAll(async () => {
  runtime = await builds()[0].engine;
  engine = new Engine(runtime);
});

describe("values", () => {
  it("are computed when they are read, and are those of ops that run at once", () => {
    const x = engine.tensor([1, 2, 3], [3]);
    const live = engine.memory.live;
    const seen: number[][] = [];
    const { value, gradients: made } = gradients(() => {
      const y = engine.mul(x, x);
      seen.push([...y.data()]);
      const z = engine.mul(y, x);
      seen.push([...y.data()], [...z.data()]);
      return engine.reduce(z, { kind: "sum" });
    }, [x]);
    expect(seen).toEqual([
      [1, 4, 9],
      [1, 4, 9],
      [1, 8, 27],
    ]);
    expect([...value.data()]).toEqual([36]);
    expect([...made[0].data()]).toEqual([3, 12, 27]);
    for (const tensor of [value, ...made]) tensor.dispose();
    expect(engine.memory.live).toBe(live);
  });

  it("of tensors that were made on the way are gone afterwards, but for the result", () => {
    const x = engine.tensor([2], [1]);
    let inner!: Tensor;
    const { value } = gradients(() => {
      inner = engine.mul(x, x);
      return engine.mul(inner, x);
    }, [x]);
    expect(inner.disposed).toBe(true);
    expect(() => inner.data()).toThrow(DisposedError);
    expect([...value.data()]).toEqual([8]);
  });

  it("stay what they were computed as where the same tensor is given back", () => {
    const x = engine.tensor([3], [1]);
    let read = 0;
    const { value } = gradients(() => {
      const y = engine.mul(x, x);
      read = y.data()[0];
      return y;
    }, [x]);
    expect([read, value.data()[0]]).toEqual([9, 9]);
  });
});

describe("what cannot be recorded", () => {
  it("is refused: writing, values that are integers, a function that waits", () => {
    const x = engine.tensor([1, 2], [2]);
    const refuse = (f: () => Tensor, message: RegExp): void =>
      expect(() => gradients(f, [x])).toThrow(message);
    refuse(() => {
      const y = engine.mul(x, x);
      y.write([1, 1]);
      return y;
    }, /write: the tensor is what a recorded op gives/);
    refuse(() => engine.greater(x, 0) as never, /"compare" has no gradient|int32/);
    refuse((async () => x) as never, /what the function returns is a Promise/);
    expect([...engine.mul(x, x).data()]).toEqual([1, 4]);
  });
});

describe("programs", () => {
  it("are kept: a second call holds nothing more and sees new values", () => {
    const x = engine.tensor([1, 2], [2]);
    const w = engine.tensor([3, 4], [2]);
    const call = () => gradients(() => engine.reduce(engine.mul(x, w), { kind: "sum" }), [w]);
    for (const tensor of [call()].flatMap(({ value, gradients: made }) => [value, ...made])) tensor.dispose();
    const { cached, live } = engine.memory;
    x.write([5, 6]);
    const { value, gradients: made } = call();
    expect([...made[0].data()]).toEqual([5, 6]);
    expect(value.data()[0]).toBe(39);
    for (const tensor of [value, ...made]) tensor.dispose();
    expect(engine.memory.cached).toBe(cached);
    expect(engine.memory.live).toBe(live);
  });

  it("tell calls apart that differ in what is connected with what, in order, or in wrt", () => {
    const [a, b] = [engine.tensor([2], [1]), engine.tensor([5], [1])];
    const of = (f: () => Tensor, wrt: Tensor[]) =>
      gradients(f, wrt).gradients.map((gradient) => gradient.data()[0]);
    expect(of(() => engine.mul(a, engine.sub(a, b)), [a, b])).toEqual([-1, -2]);
    expect(of(() => engine.mul(b, engine.sub(a, b)), [a, b])).toEqual([5, -8]);
    expect(of(() => engine.mul(b, engine.sub(a, b)), [b, a])).toEqual([-8, 5]);
    expect(of(() => engine.mul(b, engine.sub(b, a)), [b, a])).toEqual([8, -5]);
    expect(of(() => engine.mul(a, a), [a])).toEqual([4]);
    expect(of(() => engine.mul(a, b), [a])).toEqual([5]);
  });
});

describe("tensors that are made while ops are recorded", () => {
  it("are disposed, with values or without, but for the result and what is kept", () => {
    const x = engine.tensor([2, 3], [2]);
    const live = engine.memory.live;
    let [kept, lost] = [x, x];
    for (const wrt of [[x], () => [x]])
      engine.scope(() => {
        const { value } = gradients(() => {
          const product = engine.mul(x, x);
          lost = engine.full([2], 5);
          kept = engine.tensor([1, 2], [2]).keep();
          return engine.add(engine.mul(product, lost), kept);
        }, wrt);
        expect([[...value.data()], lost.disposed, [...kept.data()]]).toEqual([[21, 47], true, [1, 2]]);
        kept.dispose();
      });
    expect(engine.memory.live).toBe(live);
    const failing = (): Tensor => {
      engine.ones([7]);
      throw new RangeError("mine");
    };
    expect(() => gradients(failing, [x])).toThrow(RangeError);
    expect(() => traceInto(runtime, new Graph(), [], failing, "the loss")).toThrow(RangeError);
    expect(() => gradients((async () => engine.ones([7])) as never, [x])).toThrow(/is a Promise/);
    const graph = new Graph();
    const edge = traceInto(runtime, graph, [], () => engine.full([2], 5), "the loss");
    expect([...(edge.data as Float32Array)]).toEqual([5, 5]);
    expect(engine.memory.live).toBe(live);
    // A result that is no op's is the caller's, or the scope's round it.
    const own = gradients(() => engine.full([2], 5), [x], { unused: "zero" });
    expect([...own.value.data()]).toEqual([5, 5]);
    for (const tensor of [own.value, ...own.gradients]) tensor.dispose();
    expect(engine.memory.live).toBe(live);
  });
});

describe("gradients of gradients", () => {
  it("are derivatives of derivatives", () => {
    const x = engine.tensor([2, -3], [2]);
    const { gradients: second } = gradients(() => {
      const cube = () => engine.reduce(engine.mul(engine.mul(x, x), x), { kind: "sum" });
      const [first] = gradients(cube, [x]).gradients;
      expect([...first.data()]).toEqual([12, 27]);
      return engine.reduce(first, { kind: "sum" });
    }, [x]);
    expect([...second[0].data()]).toEqual([12, -18]);
  });
});

describe("tensors that the result does not depend on", () => {
  it("have a gradient of zeros where that is asked for", () => {
    const [x, w] = [engine.tensor([2], [1]), engine.tensor([1, 2], [2])];
    expect(() => gradients(() => engine.mul(x, x), [x, w])).toThrow(/does not depend on wrt\[1\]/);
    const { gradients: made } = gradients(() => engine.mul(x, x), { x, w }, { unused: "zero" });
    expect([[...made.x.data()], [...made.w.data()]]).toEqual([[4], [0, 0]]);
    expect(() => gradients(() => engine.mul(x, x), [x, w])).toThrow(/does not depend on wrt\[1\]/);
    expect(() => gradients(() => x, [x], { unused: "ones" as never })).toThrow(/unused is "ones"/);
  });
});

describe("products", () => {
  it("have gradients of gradients", () => {
    // d/dw of |d/dx (x·w)|² = 2w.
    const x = engine.tensor([1, 2], [1, 2]);
    const w = engine.tensor([3, 4], [2, 1]);
    const { gradients: made } = gradients(() => {
      const [dx] = gradients(() => engine.dense(x, w), [x]).gradients;
      return engine.reduce(engine.mul(dx, dx), { kind: "sum" });
    }, [w]);
    expect([...made[0].data()]).toEqual([6, 8]);
  });
});

describe("wrt as a function", () => {
  it("names tensors that the function makes", () => {
    const x = engine.tensor([1, 2], [2]);
    let inner!: Tensor;
    const { gradients: made } = gradients(
      () => {
        inner = engine.mul(x, x);
        return engine.reduce(engine.mul(inner, inner), { kind: "sum" });
      },
      () => [inner],
    );
    expect([...made[0].data()]).toEqual([2, 8]);
  });

  it("is refused where it gives no tensors", () => {
    const x = engine.tensor([1], [1]);
    expect(() => gradients(() => engine.mul(x, x), (() => []) as never)).toThrow(ArgumentError);
    expect(() => gradients(() => engine.mul(x, x), (() => undefined) as never)).toThrow(/list of tensors/);
  });
});

describe("traceInto", () => {
  it("writes a function into a graph, other tensors as constants", () => {
    const graph = new Graph();
    const input = new Edge(float32([2]));
    const scale = engine.tensor([10, 20], [2]);
    const out = traceInto(runtime, graph, [input], (x) => engine.add(engine.mul(x, scale), x), "the loss");
    scale.dispose();
    const program = new Program(runtime, "test");
    const lowering = new Lowering(program);
    const from = lowering.valueOf(input).base;
    program.input(from);
    lowering.write(graph);
    const to = lowering.valueOf(out).base;
    program.output(to);
    program.place();
    runtime.memory.floats.set([1, 2], from.value / 4);
    program.run();
    expect([...runtime.memory.floats.subarray(to.value / 4, to.value / 4 + 2)]).toEqual([11, 42]);
    program.dispose();
  });

  it("refuses to read values, and what is no tensor", () => {
    const input = () => [new Edge(float32([2]))];
    expect(() =>
      traceInto(runtime, new Graph(), input(), (x) => engine.tensor(x.data(), [2]), "the loss"),
    ).toThrow(UnsupportedError);
    expect(() => traceInto(runtime, new Graph(), input(), () => 3 as never, "the loss")).toThrow(
      /the loss: what the function returns is 3/,
    );
    const live = engine.memory.live;
    expect(() =>
      traceInto(
        runtime,
        new Graph(),
        input(),
        () => {
          throw new RangeError("mine");
        },
        "the loss",
      ),
    ).toThrow(RangeError);
    expect(engine.memory.live).toBe(live);
    // Ops run at once again.
    const x = engine.tensor([4], [1]);
    expect([...engine.mul(x, x).data()]).toEqual([16]);
  });
});
