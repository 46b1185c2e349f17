// Tensors that share memory: what reshape, flatten, squeeze and expandDims give lies where their input does.
import { afterEach, beforeEach, expect, it } from "vitest";
import { Engine as EngineOf } from "../src/engine/engine.ts";
import { gaussianBlur } from "../src/image/index.ts";
import {
  createEngine,
  dense,
  type Engine,
  gradients,
  rescale,
  sequential,
  sgd,
  type Tensor,
} from "../src/index.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import { binary } from "./harness.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await createEngine();
});
afterEach(() => {
  expect(engine.memory.live).toBe(0);
  engine.dispose();
});

const list = (x: Tensor): number[] => Array.from(x.data());
const counted = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => i + 1);
const flat = (x: Tensor): Tensor => engine.reshape(x, { shape: [-1] });

const VIEWS: [name: string, make: (x: Tensor) => Tensor, shape: number[]][] = [
  ["reshape", (x) => engine.reshape(x, { shape: [0, -1] }), [2, 3]],
  ["flatten", (x) => engine.flatten(x), [2, 3]],
  ["squeeze", (x) => engine.squeeze(x, { axes: [1] }), [2, 3]],
  ["expandDims", (x) => engine.expandDims(x, { axis: -1 }), [2, 1, 3, 1]],
];

it.each(VIEWS)("%s takes no memory, and what is written to one is seen by the other", (_, make, shape) => {
  const x = engine.tensor(counted(6), [2, 1, 3]);
  const { memory } = engine;
  const view = make(x);
  expect(view.shape).toEqual(shape);
  expect(engine.memory).toEqual(memory);
  view.write([6, 5, 4, 3, 2, 1]);
  expect(list(x)).toEqual([6, 5, 4, 3, 2, 1]);
  x.write(counted(6));
  expect(list(view)).toEqual(list(x));
  // Disposing one leaves the other, and another time is nothing.
  x.dispose();
  x.dispose();
  expect(x.disposed).toBe(true);
  expect(() => x.data()).toThrow(/has been disposed/);
  const again = flat(view);
  expect(engine.memory).toEqual(memory);
  view.dispose();
  expect(list(again)).toEqual([1, 2, 3, 4, 5, 6]);
  again.dispose();
});

it("gives back its memory with the last tensor in it, and not before", () => {
  const x = engine.tensor(counted(4), [2, 2]);
  const view = flat(x);
  x.dispose();
  // Would take the place, were it free.
  using other = engine.tensor([9, 9, 9, 9], [4]);
  expect(list(view)).toEqual([1, 2, 3, 4]);
  expect(list(other)).toEqual([9, 9, 9, 9]);
  const { live } = engine.memory;
  view.dispose();
  expect(engine.memory.live).toBe(live - 64);
  using ints = engine.tensor([1, -2, 3], [3], "int32");
  using column = engine.expandDims(ints, { axis: 1 });
  expect(column.data()).toEqual(Int32Array.of(1, -2, 3));
});

it("refuses what another engine's, a disposed tensor or a wrong shape is, and then holds nothing", async () => {
  using x = engine.tensor(counted(4), [4]);
  const { memory } = engine;
  expect(() => engine.reshape(x, { shape: [3, -1] })).toThrow(/do not fill shape/);
  const other = await createEngine();
  expect(() => other.reshape(x, { shape: [2, 2] })).toThrow(/belongs to another engine/);
  expect(engine.memory).toEqual(memory);
  const last = other.flatten(other.tensor([1], [1, 1, 1]));
  other.dispose();
  expect(last.disposed).toBe(true);
  last.dispose();
  expect(() => other.flatten(last)).toThrow(/engine has been disposed/);
});

it("lives and dies in scopes as a tensor of its own", () => {
  using x = engine.tensor(counted(4), [4]);
  const out = engine.scope(() => {
    flat(x);
    const made = engine.mul(x, 2);
    return engine.reshape(made, { shape: [2, 2] });
  });
  expect(list(out)).toEqual([2, 4, 6, 8]);
  expect(list(x)).toEqual([1, 2, 3, 4]);
  expect(engine.memory.live).toBe(128);
  out.dispose();
});

it("is told of by its own name, and nothing that gradients has given away is", async () => {
  const debugged = new EngineOf(new Runtime(await load(binary("simd")), { track: true }));
  const x = debugged.tensor([1, 2], [2]);
  const view = debugged.reshape(x, { shape: [2, 1] });
  const { value, gradients: made } = gradients(() => debugged.sum(debugged.square(view)), [view]);
  x.dispose();
  expect(debugged.leaks().map(({ madeBy }) => madeBy)).toEqual(["reshape", "sum", "gradients"]);
  for (const tensor of [view, value, ...made]) tensor.dispose();
  expect(debugged.leaks()).toEqual([]);
  expect(debugged.memory.live).toBe(0);
  debugged.dispose();
});

it("has filters packed anew that were written to through a view, also by a network or an image function", () => {
  using x = engine.randomNormal([1, 6, 6, 1], { seed: 1 });
  using w = engine.randomNormal([3, 3, 1], { seed: 2 });
  using filter = engine.reshape(w, { shape: [3, 3, 1, 1] });
  /** By a filter that is kept packed, and what a filter that has never been seen gives. */
  const same = (): void => {
    for (let i = 0; i < 3; i++) {
      using kept = engine.conv2d(x, filter);
      using fresh = engine.tensor(w.data(), [3, 3, 1, 1]);
      using y = engine.conv2d(x, fresh);
      expect(list(kept)).toEqual(list(y));
    }
  };
  same();
  w.write(counted(9));
  same();
  using photo = engine.randomUniform([3, 3, 1], { seed: 3 });
  gaussianBlur(engine, photo, { sigma: 1, out: w });
  same();
  using net = engine.compile(sequential([3, 3, 1], [rescale({ scale: 3, offset: 1 })]));
  using images = engine.expandDims(photo);
  using target = engine.expandDims(w);
  net.run(images, target);
  same();
});

it("is refused where what is read would be written", () => {
  using net = engine.compile(sequential([4], [rescale({ scale: 2, offset: 0 })]));
  using x = engine.tensor(counted(4), [1, 4]);
  using view = flat(x);
  expect(() => net.run(x, view)).toThrow(/output "rescale_1" is given twice, or shares its memory/);
  using photo = engine.tensor(counted(4), [2, 2, 1]);
  using same = engine.reshape(photo, { shape: [2, 2, 1] });
  expect(() => gaussianBlur(engine, photo, { sigma: 1, out: same })).toThrow(
    /out shares memory with the image/,
  );
  using again = flat(view);
  expect(() => sgd({ learningRate: 1 }).apply([view], [again])).toThrow(/is its own gradient, or a view/);
  using dy = engine.ones([4]);
  using row = engine.ones([1, 4]);
  expect(() => sgd({ learningRate: 1 }).apply([view, x], [dy, row])).toThrow(
    /weights\[1\] is weights\[0\] again, a view of it/,
  );
  expect(list(x)).toEqual([1, 2, 3, 4]);
});

it("is updated by an optimizer where it lies: a view of a network's weight changes the network", () => {
  const net = engine.compile(sequential([2], [dense({ units: 2, bias: false })]), { seed: 1 });
  const [kernel] = Object.values(net.variables);
  using view = flat(kernel);
  view.write([1, 0, 0, 1]);
  expect(Array.from(net.predict(Float32Array.of(3, 5)))).toEqual([3, 5]);
  using step = engine.ones([4]);
  sgd({ learningRate: 0.5 }).apply([view], [step]);
  expect(list(kernel)).toEqual([0.5, -0.5, -0.5, 0.5]);
  expect(Array.from(net.predict(Float32Array.of(2, 4)))).toEqual([-1, 1]);
  // It outlives the network, whose weight nobody else can dispose.
  kernel.dispose();
  expect(kernel.disposed).toBe(false);
  net.dispose();
  expect(kernel.disposed).toBe(true);
  expect(list(view)).toEqual([0.5, -0.5, -0.5, 0.5]);
});

it("is an op of the graph where it is recorded: gradients go through it, and results are their own", () => {
  using x = engine.tensor(counted(4), [2, 2]);
  const { value, gradients: made } = gradients(() => engine.reshape(x, { shape: [4] }), [x]);
  expect(made[0].shape).toEqual([2, 2]);
  value.write([0, 0, 0, 0]);
  expect(list(x)).toEqual([1, 2, 3, 4]);
  // Made within the function but read by what is asked afterwards.
  let inner: Tensor | undefined;
  const seen: Tensor[] = [];
  const later = gradients(
    () => {
      inner = engine.mul(x, 3);
      return engine.sum(engine.square(inner));
    },
    () => {
      seen.push(flat(inner!));
      return [inner!];
    },
  );
  expect(list(seen[0])).toEqual([3, 6, 9, 12]);
  expect(list(later.gradients[0])).toEqual([6, 12, 18, 24]);
  for (const tensor of [value, ...made, ...seen, later.value, ...later.gradients]) tensor.dispose();
});
