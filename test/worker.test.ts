// The engine in workers answers as the engine in this thread does: to the bit, with the same errors, in real threads.
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { fromOnnx, toOnnx } from "../src/formats/onnx/index.ts";
import {
  ArgumentError,
  adam,
  asLayer,
  batchNorm,
  type ConvolithError,
  conv2d,
  createEngine,
  dense,
  type Engine,
  FormatError,
  flatten,
  fromSafetensors,
  input,
  MemoryError,
  model,
  relu,
  replaceHead,
  ShapeError,
  sequential,
  UnsupportedError,
  upTo,
} from "../src/index.ts";
import { createWorkerEngine, type WorkerEngine, type WorkerNetwork } from "../src/worker/index.ts";
import { receivedError, sendError } from "../src/worker/sent-error.ts";

const noise = (length: number, seed = 1): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin((i + 1) * 1.7 * seed));
const layers = () => [
  conv2d({ filters: 6, kernel: 3, padding: "same" }),
  batchNorm(),
  relu(),
  flatten(),
  dense({ units: 4 }),
];
const cnn = sequential([8, 8, 3], layers());
const SIZE = 8 * 8 * 3;
const a = input([2], { name: "a" });
const b = input([3], { name: "b" });
const two = model({ inputs: [a, b], outputs: [dense({ units: 2 })(a), dense({ units: 4 })(b)] });

let here: Engine;
let there: WorkerEngine;
beforeAll(async () => {
  here = await createEngine();
  there = await createWorkerEngine({ workers: 2 });
});
afterAll(async () => {
  here.dispose();
  await there.dispose();
});
const failure = async (call: () => unknown): Promise<Error> => {
  try {
    await call();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
};

describe("predict in a worker", () => {
  it("gives the same bits for every kind of array, any number of images and any options", async () => {
    for (const options of [
      { seed: 3 },
      { seed: 3, batchSize: 4 },
      { layout: "nchw" },
      { prefer: "memory" },
    ] as const) {
      const [net, same] = [await there.compile(cnn, options), here.compile(cnn, options)];
      for (const x of [
        noise(5 * SIZE),
        Uint8Array.from({ length: SIZE }, (_, i) => i),
        Array.from(noise(SIZE)),
        Float64Array.from(noise(SIZE)),
        noise(5 * SIZE).subarray(SIZE, 3 * SIZE),
      ])
        expect(await net.predict(x)).toEqual(same.predict(x));
      const { inputShapes, outputShapes, parameters, multiplyAdds, batchSize } = same;
      expect(net).toMatchObject({ inputShapes, outputShapes, parameters, multiplyAdds, batchSize });
      expect(await net.summary()).toBe(same.summary());
      await net.dispose();
    }
  });

  it("takes several inputs by name or in order, and gives several outputs in order", async () => {
    const [net, same] = [await there.compile(two), here.compile(two)];
    const x = { b: noise(6), a: noise(4) };
    const [p, q] = await net.predict(x);
    expect([p, q]).toEqual(same.predict(x));
    expect(await net.predict([noise(4), noise(6)])).toEqual([p, q]);
    expect(net.outputShapes).toEqual(same.outputShapes);
    await net.dispose();
  });

  it("has the weights of models made of trained ones", async () => {
    const trained = fromSafetensors(here.compile(cnn, { seed: 9 }).save());
    for (const made of [
      replaceHead(trained, dense({ units: 2 })),
      sequential([8, 8, 3], [asLayer(upTo(trained, "flatten_1")), dense({ units: 2 })]),
    ]) {
      const [net, same] = [await there.compile(made), here.compile(made)];
      expect(await net.predict(noise(SIZE))).toEqual(same.predict(noise(SIZE)));
      await net.dispose();
    }
  });

  it("reads the values when it is called, and leaves the caller's arrays alone unless they are handed over", async () => {
    const net = await there.compile(cnn);
    const x = noise(SIZE);
    const right = await net.predict(x);
    const answers = [0, 1, 2, 3, 4, 5].map(() => net.predict(x));
    x.fill(0);
    for (const answer of answers) expect(await answer).toEqual(right);
    const given = noise(SIZE);
    const moved = [given, noise(SIZE), noise(SIZE), noise(SIZE), noise(SIZE)].map((x) => {
      const answer = net.predict(x, { transfer: true });
      expect(x.length).toBe(0);
      return answer;
    });
    for (const answer of moved) expect(await answer).toEqual(right);
    const part = noise(2 * SIZE).subarray(0, SIZE);
    expect(await net.predict(part, { transfer: true })).toEqual(right);
    expect(part.length).toBe(SIZE);
    const shared = new Float32Array(new SharedArrayBuffer(4 * SIZE));
    shared.set(noise(SIZE));
    for (const transfer of [false, true]) expect(await net.predict(shared, { transfer })).toEqual(right);
    const same = noise(2);
    const twice = await there.compile(model({ inputs: [a, b], outputs: [dense({ units: 2 })(a)] }));
    expect((await twice.predict({ a: same, b: noise(3) }, { transfer: true })).length).toBe(2);
    await twice.dispose();
    await net.dispose();
  });
});

describe("compile in workers", () => {
  it("takes what Engine.compile takes, and files as bytes", async () => {
    const trained = here.compile(cnn, { seed: 9 });
    const file = trained.save();
    const onnx = toOnnx(trained);
    const x = noise(SIZE, 2);
    const nchw = noise(SIZE, 2);
    const right = trained.predict(x);
    const imported = here.compile(fromOnnx(onnx)).predict(nchw);
    const padded = new Uint8Array([1, 2, 3, ...file]).subarray(3);
    const models = [
      fromSafetensors(file),
      file,
      file.buffer,
      padded,
      JSON.parse(JSON.stringify(trained.model)),
    ];
    for (const model of models) {
      const options = model === models[4] ? { weights: trained.weights } : {};
      const net = await there.compile(model, options);
      expect(await net.predict(x)).toEqual(right);
      await net.dispose();
    }
    for (const model of [fromOnnx(onnx), onnx]) {
      const net = await there.compile(model, { batchSize: 2 });
      expect(await net.predict(nchw)).toEqual(imported);
      await net.dispose();
    }
    expect(file.length).toBeGreaterThan(1000);
    // What was imported and saved again needs kinds that the workers know.
    const again = here.compile(fromOnnx(onnx)).save();
    const net = await there.compile(again);
    expect(await net.predict(nchw)).toEqual(imported);
    await net.dispose();
  });

  it("frees everything when a network is disposed of", async () => {
    const net = await there.compile(cnn);
    await net.dispose();
    await net.dispose();
    expect(net.disposed).toBe(true);
    expect(await failure(() => net.predict(noise(SIZE)))).toMatchObject({ code: "CONVOLITH_DISPOSED" });
    await using again = await there.compile(cnn);
    expect((await again.predict(noise(SIZE))).length).toBe(4);
  });
});

describe("weights", () => {
  it("are saved, loaded and set as in this thread, in every worker", async () => {
    const [net, same, other] = [
      await there.compile(cnn, { seed: 1 }),
      here.compile(cnn, { seed: 1 }),
      here.compile(cnn, { seed: 2 }),
    ];
    expect(await net.save()).toEqual(same.save());
    expect(await net.weights()).toEqual({ ...same.weights });
    const x = noise(SIZE);
    const everywhere = () => Promise.all([0, 1, 2, 3].map(() => net.predict(x)));
    await net.load(other.save());
    for (const answer of await everywhere()) expect(answer).toEqual(other.predict(x));
    expect(await failure(() => net.load(same.save().subarray(0, 100)))).toBeInstanceOf(FormatError);
    for (const answer of await everywhere()) expect(answer).toEqual(other.predict(x));
    await net.setWeights({ "dense_1.bias": [1, 2, 3, 4] });
    other.weights = { "dense_1.bias": [1, 2, 3, 4] };
    for (const answer of await everywhere()) expect(answer).toEqual(other.predict(x));
    await net.dispose();
  });
});

describe("errors", () => {
  let net: WorkerNetwork;
  beforeAll(async () => {
    net = await there.compile(cnn);
  });
  afterAll(() => net.dispose());

  it("are those of this thread: class, code and message", async () => {
    const same = here.compile(cnn);
    const samples = { x: noise(SIZE), y: [0] };
    // Five gigabytes of weights.
    const huge = sequential(
      [16384],
      Array.from({ length: 5 }, () => dense({ units: 16384 })),
    );
    const loss = "softmaxCrossEntropy";
    const pairs: [() => unknown, () => unknown, typeof ConvolithError][] = [
      [
        () => there.compile(sequential([4, 4, 1], [conv2d({ filters: 1, kernel: 9 })])),
        () => here.compile(sequential([4, 4, 1], [conv2d({ filters: 1, kernel: 9 })])),
        ShapeError,
      ],
      [() => there.compile(cnn, { batchSize: 0 }), () => here.compile(cnn, { batchSize: 0 }), ArgumentError],
      [
        () => there.compile({ format: "other" } as never),
        () => here.compile({ format: "other" } as never),
        FormatError,
      ],
      [() => there.compile(cnn, { weights: {} }), () => here.compile(cnn, { weights: {} }), ArgumentError],
      [() => there.compile(huge), () => here.compile(huge), MemoryError],
      [() => net.predict(noise(SIZE + 1)), () => same.predict(noise(SIZE + 1)), ShapeError],
      [() => net.predict([]), () => same.predict([]), ArgumentError],
      [() => net.save({ optimizer: true }), () => same.save({ optimizer: true }), UnsupportedError],
      [() => net.evaluate(samples), () => same.evaluate(samples), ArgumentError],
      [
        () => net.evaluate({ x: noise(5), y: [0] }, { loss }),
        () => same.evaluate({ x: noise(5), y: [0] }, { loss }),
        ShapeError,
      ],
      [
        () => net.fit(samples, { loss, optimizer: adam(), epochs: -1 }),
        () => same.fit(samples, { loss, optimizer: adam(), epochs: -1 }),
        ArgumentError,
      ],
      [
        () => net.fit(samples, { loss, optimizer: adam(), freeze: ["x"] }),
        () => same.fit(samples, { loss, optimizer: adam(), freeze: ["x"] }),
        ArgumentError,
      ],
      [
        () => net.fit({ x: noise(SIZE), y: [7] }, { loss, optimizer: adam() }),
        () => same.fit({ x: noise(SIZE), y: [7] }, { loss, optimizer: adam() }),
        ShapeError,
      ],
      [() => net.load(new Uint8Array(3)), () => same.load(new Uint8Array(3)), FormatError],
      [() => there.compile(new Uint8Array(30)), () => fromSafetensors(new Uint8Array(30)), FormatError],
      [
        () => net.setWeights({ "x.y": [1] }),
        () => {
          same.weights = { "x.y": [1] };
        },
        ShapeError,
      ],
    ];
    for (const [far, near, kind] of pairs) {
      const [error, expected] = [await failure(far), await failure(near)];
      expect(expected).toBeInstanceOf(kind);
      expect(error).toBeInstanceOf(kind);
      const { name, code, message } = expected as ConvolithError;
      // A worker takes no tensors.
      expect(error).toMatchObject({ name, code, message: message.replace(" or a tensor", "") });
    }
  });

  it("tell at once of arguments that cannot be right, or cannot be sent", async () => {
    const tensor = here.tensor(noise(SIZE), [1, 8, 8, 3]);
    const samples = { x: noise(SIZE), y: [0] };
    const cases: [() => unknown, RegExp][] = [
      [
        () => createWorkerEngine({ workers: 0 }),
        /workers is 0 but must be an integer of at least 1|from 1 to 256/,
      ],
      [() => createWorkerEngine({ workers: 257 }), /from 1 to 256/],
      [() => createWorkerEngine({ queue: 1.5 }), /queue is 1.5/],
      [() => createWorkerEngine({ worker: 5 as never }), /worker is 5 but must be a URL/],
      [() => createWorkerEngine({ wasm: 5 as never }), /wasm is 5/],
      [() => createWorkerEngine({ size: 1 } as never), /there is no option "size"/],
      [() => createWorkerEngine(null as never), /options are null/],
      [() => there.compile(cnn, { microBatch: { batchSize: 0 } }), /microBatch: batchSize is 0/],
      [() => there.compile(cnn, { microBatch: 5 as never }), /microBatch: options are 5/],
      [() => there.compile(cnn, null as never), /options are null/],
      [
        () => there.compile((() => {}) as never),
        /^compile: the model is a function, which cannot be sent to a worker/,
      ],
      [
        () => there.compile(cnn, { weights: { f: (() => {}) as never } }),
        /^compile: weights is \{.*cannot be sent/,
      ],
      [() => net.predict(null as never), /^predict: got null but needs "input_1": an array of numbers$/],
      [() => net.predict(tensor as never), /a Tensor of shape \[1,8,8,3\]/],
      [() => net.predict({ a: noise(3) }), /"input_1" is missing/],
      [() => net.predict(["a"] as never), /predict: /],
      [() => net.predict(noise(SIZE), { signal: 5 as never }), /signal is 5 but must be an AbortSignal/],
      [
        () => net.predict(noise(SIZE), { transfer: "yes" as never }),
        /transfer is "yes" but must be true or false/,
      ],
      [() => net.predict(noise(SIZE), { wait: 1 } as never), /there is no option "wait"/],
      [() => net.fit(samples, { onBatch: 5 as never }), /onBatch is 5 but must be a function/],
      [() => net.fit(samples, { signal: {} as never }), /signal is \{\} but must be an AbortSignal/],
      [
        () => net.fit(samples, { loss: (() => {}) as never }),
        /^fit: loss is a function, which cannot be sent/,
      ],
      [
        () => net.fit({ x: tensor, y: [0] } as never, {}),
        /^fit: x is a Tensor of shape .*, which cannot be sent/,
      ],
      [
        () => net.fit(samples, { loss: "softmaxCrossEntropy", optimizer: { kind: "lars" } as never }),
        /optimizer is \{"kind":"lars"\} but must be one such as adam\(\)/,
      ],
      [() => net.fit(5 as never, { loss: "softmaxCrossEntropy", optimizer: adam() }), /the data is 5/],
      [() => net.evaluate(samples, { batchSize: (() => {}) as never }), /^evaluate: batchSize is a function/],
      [() => net.save({ optimizer: 1 as never }), /optimizer is 1 but must be true or false/],
      [() => net.load("file" as never), /the file is "file" but must be/],
      [() => net.setWeights({ w: (() => {}) as never }), /^weights: w is a function, which cannot be sent/],
    ];
    for (const [call, message] of cases) {
      const error = await failure(call);
      expect(error, `${message}`).toBeInstanceOf(ArgumentError);
      expect(error.message).toMatch(message);
    }
    // Nothing of it is left behind.
    expect(there.info).toMatchObject({ waiting: 0, running: 0, restarts: 0 });
    expect(await net.predict(noise(SIZE))).toEqual(here.compile(cnn).predict(noise(SIZE)));
  });

  it("cross threads with their class, their cause, and of unknown ones the stack", () => {
    const cross = (thrown: unknown) => receivedError(structuredClone(sendError(thrown)));
    const inner = new RangeError("too large");
    const error = cross(new MemoryError("no memory", { cause: inner }));
    expect(error).toBeInstanceOf(MemoryError);
    expect(error).toMatchObject({ name: "MemoryError", code: "CONVOLITH_MEMORY", message: "no memory" });
    expect(error.cause).toMatchObject({ name: "RangeError", message: "too large", stack: inner.stack });
    expect(Object.keys(cross(inner))).toEqual([]);
    expect(cross("a text")).toMatchObject({ name: "Error", message: "a text" });
    expect(cross(undefined)).toMatchObject({ name: "Error", message: "undefined" });
    expect(cross({ name: "Odd", message: "an object" })).toMatchObject({ name: "Odd", message: "an object" });
    const circle = new Error("a circle");
    circle.cause = circle;
    expect(cross(circle).cause).toMatchObject({ message: "a circle" });
  });
});

describe("createWorkerEngine", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("says which build runs, on how many threads", async () => {
    expect(there.info).toEqual({
      build: here.info.build,
      threads: 1,
      workers: 2,
      restarts: 0,
      waiting: 0,
      running: 0,
    });
    await using engine = await createWorkerEngine({ deterministic: true });
    expect(engine.info).toMatchObject({ build: "simd", workers: 1 });
    const error = await failure(() => createWorkerEngine({ deterministic: true, build: "relaxed" }));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.message).toMatch(/^createWorkerEngine: deterministic results need build "simd"/);
  });

  it("hands threads to the engines of workers", async () => {
    const { threads } = await createEngine({ threads: 2 }).then((engine) => {
      engine.dispose();
      return engine.info;
    });
    await using engine = await createWorkerEngine({ threads: 2 });
    expect(engine.info.threads).toBe(threads);
    const net = await engine.compile(cnn);
    expect(await net.predict(noise(4 * SIZE))).toEqual(here.compile(cnn).predict(noise(4 * SIZE)));
  });

  it("hands over bytes where messages carry no modules", async () => {
    const clone = structuredClone;
    vi.stubGlobal("structuredClone", (value: unknown, options?: StructuredSerializeOptions) => {
      if (value instanceof WebAssembly.Module) throw new DOMException("no modules", "DataCloneError");
      return clone(value, options);
    });
    await using engine = await createWorkerEngine();
    const net = await engine.compile(cnn);
    expect(await net.predict(noise(SIZE))).toEqual(here.compile(cnn).predict(noise(SIZE)));
  });

  it("rejects where the binary cannot be loaded, and says what could not be", async () => {
    const error = await failure(() => createWorkerEngine({ wasm: new Uint8Array([1, 2, 3]) }));
    expect(error).toBeInstanceOf(FormatError);
    const lost = await failure(() => createWorkerEngine({ wasm: Promise.reject(new Error("404")) }));
    expect(lost).toBeInstanceOf(UnsupportedError);
    expect(lost.message).toBe("createWorkerEngine: could not load the given wasm: 404");
    const script = new URL("./no-such-file.js", import.meta.url);
    const missing = await failure(() => createWorkerEngine({ worker: script }));
    expect(missing).toMatchObject({ name: "WorkerError", code: "CONVOLITH_WORKER" });
    expect(missing.message).toMatch(/^a worker did not start: Cannot find module/);
  });

  it("says where a host has no workers", async () => {
    vi.stubGlobal("Worker", undefined);
    vi.stubGlobal("process", { ...process, getBuiltinModule: undefined });
    const error = await failure(() => createWorkerEngine());
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.message).toMatch(/^createWorkerEngine: this host has neither web workers nor Node's/);
    const edge = await import("../src/runtime/hosts/no-workers.ts");
    expect(edge.whyNoWorkers()).toBe("this runtime has no workers");
    expect(edge.startWorker).toThrow("this runtime has no workers");
  });
});
