// Memory fails at every allocation, and at every growth, of every public call, on one thread and on two: the call throws a MemoryError,
// and the engine, its networks and tensors are what they were, to the byte. See docs/guarantees.md.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { gradients } from "../src/eager/gradients.ts";
import { Engine } from "../src/engine/engine.ts";
import { MemoryError } from "../src/errors.ts";
import {
  adam,
  batchNorm,
  conv2d,
  dense,
  flatten,
  fromSafetensors,
  groupNorm,
  maxPool2d,
  type Network,
  relu,
  resume,
  sequential,
  sgd,
  type Tensor,
} from "../src/index.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { Memory } from "../src/runtime/memory.ts";
import { load } from "../src/runtime/wasm.ts";
import { binary, threaded } from "./harness.ts";

const model = sequential(
  [8, 8, 2],
  [
    conv2d({ filters: 12, kernel: 3, padding: "same", name: "a" }),
    batchNorm({ name: "norm" }),
    relu(),
    conv2d({ filters: 16, kernel: 3, padding: "same", activation: "relu", name: "b" }),
    // Its weights are read where they lie, those of the others are packed.
    groupNorm({ groups: 2, name: "groups" }),
    maxPool2d({ size: 2 }),
    flatten(),
    dense({ units: 4, name: "c" }),
  ],
);
const SIZE = 8 * 8 * 2;
const wave = (n: number, phase = 0): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(i + phase));
const samples = (n: number) => ({
  x: wave(n * SIZE),
  y: Uint8Array.from({ length: n }, (_, i) => (i * 7) % 4),
});
const loss = "softmaxCrossEntropy";
const image = wave(SIZE, 3);
const kernel = wave(3 * 3 * 2 * 12, 5);

/** What a call may disturb: a network that only predicts, one that is trained, and a tensor. */
interface World {
  readonly engine: Engine;
  readonly plain: Network;
  readonly trained: Network;
  readonly x: Tensor;
  readonly w: Tensor;
  /** Files of other weights: weights alone, and with an optimizer's state. */
  readonly file: Uint8Array;
  readonly checkpoint: Uint8Array;
}

function worldIn(engine: Engine): World {
  const plain = engine.compile(model, { seed: 1, batchSize: 2 });
  const train = { loss, optimizer: adam(), batchSize: 4 } as const;
  const trained = engine.compile(model, { seed: 2, train });
  trained.trainStep(samples(4));
  trained.predict(image);
  using other = engine.compile(model, { seed: 3, train });
  other.trainStep(samples(4));
  const [x, w] = [engine.tensor(wave(2 * SIZE), [2, 8, 8, 2]), engine.tensor(kernel, [3, 3, 2, 12])];
  return { engine, plain, trained, x, w, file: other.save(), checkpoint: other.save({ optimizer: true }) };
}

/** FNV-1a over the bits. */
function checksum(...values: readonly ArrayBufferView[]): string {
  let h = 0x811c9dc5;
  for (const { buffer, byteOffset, byteLength } of values)
    for (const byte of new Uint8Array(buffer, byteOffset, byteLength)) h = Math.imul(h ^ byte, 0x01000193);
  return (h >>> 0).toString(16);
}

/** Everything that can be asked, and how much is allocated. */
const answers = ({ engine, plain, trained, x, w }: World) => ({
  plain: checksum(plain.predict(image)),
  trained: checksum(trained.predict(image)),
  saved: checksum(plain.save()),
  checkpoint: checksum(trained.save({ optimizer: true })),
  history: trained.history.length,
  tensors: checksum(x.data(), w.data()),
  live: engine.memory.live,
});

/** What calls leave behind on purpose is given back by `undo`. */
type Undo = (() => void) | undefined;
type CallRow = readonly [name: string, call: (world: World) => unknown];

const gone =
  (...things: { dispose(): void }[]): (() => void) =>
  () => {
    for (const thing of things) thing.dispose();
  };
const CALLS: readonly CallRow[] = [
  ["compile", ({ engine }) => gone(engine.compile(model, { seed: 4, batchSize: 3 }))],
  [
    "compile with training",
    ({ engine }) => gone(engine.compile(model, { train: { loss, optimizer: adam() } })),
  ],
  ["compile a file", ({ engine, file }) => gone(engine.compile(fromSafetensors(file)))],
  ["tensor", ({ engine }) => gone(engine.tensor(wave(64), [64]))],
  ["predict", ({ plain }) => void plain.predict(wave(5 * SIZE))],
  ["predict tensors", ({ plain, x }) => gone(plain.predict(x))],
  ["run", ({ plain }) => plain.run(image, new Float32Array(4))],
  ["profile", ({ plain }) => void plain.profile(undefined, { runs: 1 })],
  ["evaluate", ({ plain }) => void plain.evaluate(samples(70), { loss })],
  ["evaluate a trained one", ({ trained }) => void trained.evaluate(samples(5))],
  ["save", ({ trained }) => void trained.save({ optimizer: true })],
  ["weights =", ({ plain }) => void Object.assign(plain, { weights: { "a.kernel": kernel } })],
  [
    "weights = of a trained one",
    ({ trained }) => void Object.assign(trained, { weights: { "a.kernel": kernel } }),
  ],
  [
    "weights = of both kinds",
    ({ plain }) => void Object.assign(plain, { weights: { "a.kernel": kernel, "groups.gamma": wave(16) } }),
  ],
  ["one weight =", ({ plain }) => void Object.assign(plain.weights, { "a.kernel": kernel })],
  ["load", ({ plain, file }) => plain.load(file)],
  ["load into a trained one", ({ trained, file }) => trained.load(file)],
  ["resume", ({ trained, checkpoint }) => resume(trained, checkpoint)],
  ["resume where nothing was trained", ({ plain, checkpoint }) => resume(plain, checkpoint)],
  ["fit", ({ plain }) => plain.fit(samples(10), { loss, optimizer: sgd(), batchSize: 4 })],
  ["fit on", ({ trained }) => trained.fit(samples(10), { batchSize: 3 })],
  [
    "fit with another optimizer",
    ({ trained }) => trained.fit(samples(4), { optimizer: sgd({ momentum: 0.9 }) }),
  ],
  ["fit with validation", ({ trained }) => trained.fit(samples(4), { validation: samples(70) })],
  [
    "fit that averages weights and gathers gradients",
    ({ trained }) =>
      trained.fit(samples(10), { batchSize: 3, accumulate: 2, ema: 0.9, validationSplit: 0.2 }),
  ],
  [
    "fit that does so for the first time, with groups",
    ({ plain }) => {
      const groups = [{ weights: "*.bias", learningRate: 2 }];
      return plain.fit(samples(10), {
        loss,
        optimizer: sgd(),
        groups,
        batchSize: 4,
        accumulate: 2,
        ema: 0.9,
      });
    },
  ],
  ["fit batch by batch", ({ trained }) => trained.fit([samples(5), samples(5)], {})],
  ["trainStep", ({ trained }) => void trained.trainStep(samples(7))],
  ["gradients of a batch", ({ trained }) => void trained.gradients(samples(7))],
  [
    "apply",
    ({ trained }) => {
      const all = Object.entries(trained.weights);
      const some = (running: boolean) =>
        Object.fromEntries(all.filter(([name]) => /mean|variance/.test(name) === running));
      trained.apply(some(false), { statistics: some(true) });
    },
  ],
  ["an eager op", ({ engine, x, w }) => gone(engine.conv2d(x, w, { padding: "same", activation: "relu" }))],
  ["several results", ({ engine, x }) => gone(...engine.split(x, { axis: 1, sizes: [3, 5] }))],
  [
    "gradients",
    ({ engine, x, w }) => {
      const { value, gradients: made } = gradients(
        () => engine.reduce(engine.conv2d(x, w), { kind: "sum" }),
        [x, w],
      ) as unknown as { value: Tensor; gradients: Tensor[] };
      return gone(value, ...made);
    },
  ],
  ["net(x) in training", ({ trained, x }) => gone(trained(x, { training: true }))],
  [
    "gradients through a network",
    ({ engine, trained, x }) => {
      const { value, gradients: made } = gradients(
        () => engine.sum(trained(x, { training: true })),
        trained.variables,
      );
      return gone(value, ...Object.values(made));
    },
  ],
  [
    "values read while they are recorded",
    ({ engine, x }) => {
      const { value, gradients: made } = gradients(() => {
        const y = engine.mul(x, 2);
        y.data();
        return engine.sum(engine.mul(y, x));
      }, [x]);
      return gone(value, ...made);
    },
  ],
  [
    "a step on tensors",
    ({ x, w, engine }) =>
      engine.scope(() =>
        adam().apply(
          [x, w],
          [x, w].map((tensor) => engine.mul(tensor, 0.5)),
          { clipNorm: 1 },
        ),
      ),
  ],
  ["intermediate", ({ trained }) => gone(trained.intermediate(["b", "c"]))],
];

const { allocate } = Memory.prototype;
const { grow } = WebAssembly.Memory.prototype;
afterEach(() => {
  Memory.prototype.allocate = allocate;
  WebAssembly.Memory.prototype.grow = grow;
});

/** Lets the allocation of that number fail, while `act` runs. Whether it was reached. */
async function failingAt(
  number: number,
  act: () => unknown,
): Promise<{ reached: boolean; error: unknown; undo: Undo }> {
  let count = 0;
  Memory.prototype.allocate = function (bytes, what) {
    if (count++ === number) throw new MemoryError(`${what}: no memory for the test's sake`);
    return allocate.call(this, bytes, what);
  };
  try {
    const undo = (await act()) as Undo;
    return { reached: count > number, error: undefined, undo };
  } catch (error) {
    return { reached: count > number, error, undo: undefined };
  } finally {
    Memory.prototype.allocate = allocate;
  }
}

const ENGINES = {
  "one thread": async () => new Runtime(await load(binary("simd"))),
  "two threads": () => threaded("simd", 2),
  "the checked build": async () => new Runtime(await load(binary("checked"))),
} as const;

describe.each(Object.entries(ENGINES))("memory that runs out, %s", (_, make) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = new Engine(await make());
  });
  afterAll(() => engine.dispose());

  it.each(CALLS)("at any allocation of %s changes nothing", async (_, call) => {
    const world = worldIn(engine);
    const before = answers(world);
    let failures = 0;
    for (let n = 0; ; n++) {
      const { reached, error, undo } = await failingAt(n, () => call(world));
      if (!reached) {
        expect(error).toBeUndefined();
        if (typeof undo === "function") undo();
        break;
      }
      expect(error).toBeInstanceOf(MemoryError);
      failures++;
      expect(answers(world)).toEqual(before);
    }
    // The calls that need no memory are few: `run` must be one.
    if (!/^(run|predict|save|profile)$/.test(_)) expect(failures).toBeGreaterThan(0);
    else expect(failures).toBe(0);
    gone(world.plain, world.trained, world.x, world.w)();
    expect(engine.memory.live).toBe(0);
  });

  it.each(CALLS)(
    "for good, and cannot grow: %s changes nothing, and works when there is some again",
    async (_, call) => {
      const engine = new Engine(await make());
      const world = worldIn(engine);
      const before = answers(world);
      // Memory is filled to the last byte.
      WebAssembly.Memory.prototype.grow = () => {
        throw new RangeError("no growth for the test's sake");
      };
      const ballast: Tensor[] = [];
      for (let size = 2 ** 20; size >= 16; )
        try {
          ballast.push(engine.tensor(new Float32Array(size), [size]));
        } catch {
          size >>= 1;
        }
      const { live } = engine.memory;
      let error: unknown;
      let undo: unknown;
      try {
        undo = await call(world);
      } catch (thrown) {
        error = thrown;
      }
      if (error !== undefined) {
        expect(error).toBeInstanceOf(MemoryError);
        expect(engine.memory.live).toBe(live);
        expect({ ...answers(world), live: before.live }).toEqual(before);
      }
      for (const tensor of ballast) tensor.dispose();
      WebAssembly.Memory.prototype.grow = grow;
      if (error !== undefined) {
        expect(answers(world)).toEqual(before);
        undo = await call(world);
      }
      if (typeof undo === "function") (undo as () => void)();
      engine.dispose();
    },
  );
});
