// The pool of a worker engine: its queue, micro-batches, cancellation, and workers that die. Workers run in this thread, held back and
// ended by the test, so that nothing depends on time.
import { describe, expect, it } from "vitest";
import {
  adam,
  conv2d,
  createEngine,
  DisposedError,
  dense,
  flatten,
  input,
  model,
  QueueFullError,
  ShapeError,
  sequential,
  WorkerError,
} from "../src/index.ts";
import { FakeWorker, fakeEngine, turns } from "./worker-seam.ts";

const noise = (length: number, seed = 1): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin((i + 1) * 1.7 * seed));
const small = sequential([4], [dense({ units: 3 })]);
const image = (n: number): Float32Array => noise(4, n + 1);
const samples = { x: noise(24), y: Uint8Array.of(0, 1, 2, 0, 1, 2) };
const training = {
  epochs: 2,
  batchSize: 4,
  loss: "softmaxCrossEntropy",
  optimizer: adam({ learningRate: 0.1 }),
} as const;

/** What an engine in this thread answers. */
async function here<T>(use: (net: Awaited<ReturnType<typeof compileHere>>) => T | Promise<T>): Promise<T> {
  return await use(await compileHere());
}
const compileHere = async () => (await createEngine({ build: "simd" })).compile(small, { seed: 5 });
const compile = { seed: 5 };
const reason = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "resolved",
    (error) => error,
  );

describe("the queue", () => {
  it("is bounded: what cannot wait is refused at once, and the rest is answered in order", async () => {
    const { engine, workers } = await fakeEngine({ queue: 2 });
    const net = await engine.compile(small, compile);
    workers[0].hold("predict");
    const answers = [0, 1, 2, 3].map((n) => net.predict(image(n)));
    expect(engine.info).toMatchObject({ workers: 1, running: 2, waiting: 2, restarts: 0 });
    const refused = await reason(net.predict(image(4)));
    expect(refused).toBeInstanceOf(QueueFullError);
    expect(refused).toMatchObject({ name: "QueueFullError", code: "CONVOLITH_QUEUE" });
    expect((refused as Error).message).toBe(
      "predict: 2 requests wait for a worker, as many as may (queue: 2); try again later",
    );
    workers[0].release();
    const expected = await here((net) => [0, 1, 2, 3].map((n) => net.predict(image(n))));
    expect(await Promise.all(answers)).toEqual(expected);
    expect(engine.info).toMatchObject({ running: 0, waiting: 0 });
    await engine.dispose();
  });

  it("gives requests to the worker that has least to do", async () => {
    const { engine, workers } = await fakeEngine({ workers: 3 });
    const net = await engine.compile(small, compile);
    for (const worker of workers) worker.hold("predict");
    const answers = Array.from({ length: 6 }, (_, n) => net.predict(image(n)));
    expect(workers.map(({ sizes }) => sizes.length)).toEqual([2, 2, 2]);
    workers[1].release();
    await Promise.all([answers[1], answers[4]]);
    const later = net.predict(image(6));
    expect(workers.map(({ sizes }) => sizes.length)).toEqual([2, 3, 2]);
    for (const worker of workers) worker.release();
    await Promise.all([...answers, later]);
    await engine.dispose();
  });

  it("lets go of what is aborted: a request that waits is never run, the answer of one that runs is dropped", async () => {
    const { engine, workers } = await fakeEngine();
    const net = await engine.compile(small, compile);
    workers[0].hold("predict");
    const controllers = [0, 1, 2, 3].map(() => new AbortController());
    const answers = controllers.map(({ signal }, n) => reason(net.predict(image(n), { signal })));
    const why = new Error("nobody waits for it");
    controllers[3].abort(why);
    controllers[0].abort(why);
    expect(await Promise.all([answers[0], answers[3]])).toEqual([why, why]);
    expect(engine.info).toMatchObject({ running: 2, waiting: 1 });
    workers[0].release();
    const [second, third] = await here((net) => [net.predict(image(1)), net.predict(image(2))]);
    expect([await answers[1], await answers[2]]).toMatchObject(["resolved", "resolved"]);
    expect(await net.predict(image(1))).toEqual(second);
    expect(await net.predict(image(2))).toEqual(third);
    expect(workers[0].sizes.length).toBe(5);
    expect(await reason(net.predict(image(0), { signal: AbortSignal.abort(why) }))).toBe(why);
    expect(workers[0].sizes.length).toBe(5);
    await engine.dispose();
  });

  it("is emptied with DisposedError when the engine or the network is disposed of", async () => {
    const { engine, workers } = await fakeEngine();
    const net = await engine.compile(small, compile);
    const other = await engine.compile(small, compile);
    workers[0].hold("predict");
    const answers = [net, net, net, other].map((net, n) => reason(net.predict(image(n))));
    await Promise.race([net.dispose(), turns()]);
    expect(await answers[2]).toBeInstanceOf(DisposedError);
    expect(net.disposed).toBe(true);
    expect(await reason(net.predict(image(0)))).toMatchObject({
      message: "predict: the network has been disposed",
    });
    await engine.dispose();
    for (const n of [0, 1, 3]) {
      const error = await answers[n];
      expect(error).toBeInstanceOf(DisposedError);
      expect((error as Error).message).toBe("predict: the engine has been disposed");
    }
    expect(workers[0].stopped).toBe(true);
    expect(other.disposed).toBe(true);
    for (const call of [
      () => other.predict(image(0)),
      () => other.fit(samples, training),
      () => engine.compile(small),
    ])
      expect(await reason(call())).toBeInstanceOf(DisposedError);
  });

  it("keeps the process alive for as long as a request is open, and no longer", async () => {
    const { engine, workers } = await fakeEngine();
    const net = await engine.compile(small, compile);
    expect(workers[0].refs).toBe(0);
    workers[0].hold("predict");
    const answer = net.predict(image(0));
    expect(workers[0].refs).toBe(1);
    workers[0].release();
    await answer;
    expect(workers[0].refs).toBe(0);
    await engine.dispose();
  });
});

describe("micro-batches", () => {
  const options = { ...compile, microBatch: { batchSize: 4, waitMs: 0 } };

  it("run requests that come together as one, and give each its own answer", async () => {
    const { engine, workers } = await fakeEngine();
    const net = await engine.compile(small, options);
    const expected = await here((net) => Array.from({ length: 9 }, (_, n) => net.predict(image(n))));
    expect(await Promise.all(expected.map((_, n) => net.predict(image(n))))).toEqual(expected);
    expect(workers[0].sizes).toEqual([16, 16, 4]);
    const [a, b] = await Promise.all([net.predict(image(0)), net.predict(image(1))]);
    // Whoever gets one may hand its buffer on.
    structuredClone(a, { transfer: [a.buffer as ArrayBuffer] });
    expect(b).toEqual(expected[1]);
    await engine.dispose();
  });

  it("take requests of several images, and of all kinds of arrays, but none as large as themselves", async () => {
    const { engine, workers } = await fakeEngine();
    const net = await engine.compile(small, options);
    const bytes = Uint8Array.from({ length: 8 }, (_, i) => i * 30);
    const given = [noise(12, 2), bytes, [0.25, 0.5, 1, 1 / 3], noise(16, 3), Float64Array.from(noise(4, 4))];
    const expected = await here((net) => given.map((x) => net.predict(x)));
    expect(await Promise.all(given.map((x) => net.predict(x)))).toEqual(expected);
    expect(workers[0].sizes).toEqual([12, 16, 16]);
    await engine.dispose();
  });

  it("are not spoiled by one that fails, or is aborted", async () => {
    const { engine, workers } = await fakeEngine();
    const net = await engine.compile(small, options);
    const [controller, why] = [new AbortController(), new Error("gone")];
    const answers = [
      net.predict(image(0)),
      net.predict(noise(5)),
      net.predict(image(1), { signal: controller.signal }),
      net.predict(image(2)),
    ].map(reason);
    controller.abort(why);
    const all = await Promise.all(answers);
    expect(all[1]).toBeInstanceOf(ShapeError);
    expect(all[2]).toBe(why);
    expect(workers[0].sizes).toEqual([8]);
    expect([all[0], all[3]]).toEqual(["resolved", "resolved"]);
    // The only one of its batch.
    const only = new AbortController();
    const alone = reason(net.predict(image(0), { signal: only.signal }));
    only.abort(why);
    expect(await alone).toBe(why);
    expect(engine.info).toMatchObject({ running: 0, waiting: 0 });
    const [x] = await Promise.all([net.predict(image(0)), net.predict(image(1))]);
    expect(x).toEqual(await here((net) => net.predict(image(0))));
    expect(workers[0].sizes).toEqual([8, 8]);
    await engine.dispose();
  });

  it("grow while all workers are busy, and count as requests that wait", async () => {
    const { engine, workers } = await fakeEngine({ queue: 3 });
    const net = await engine.compile(small, options);
    workers[0].hold("predict");
    // Alone, as it fills a batch by itself.
    const full = [noise(16, 1), noise(16, 2)].map((x) => net.predict(x));
    const first = net.predict(image(0));
    await turns();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const second = net.predict(image(1));
    expect(engine.info).toMatchObject({ running: 2, waiting: 2 });
    const third = net.predict(image(2));
    expect(await reason(net.predict(image(3)))).toBeInstanceOf(QueueFullError);
    workers[0].release();
    await Promise.all([...full, first, second, third]);
    expect(workers[0].sizes).toEqual([16, 16, 12]);
    await engine.dispose();
  });

  it("put several inputs together, and take several outputs apart", async () => {
    const { engine, workers } = await fakeEngine();
    const a = input([2], { name: "a" });
    const b = input([3], { name: "b" });
    const two = model({
      inputs: [a, b],
      outputs: [dense({ units: 2, name: "p" })(a), dense({ units: 4, name: "q" })(b)],
    });
    const net = await engine.compile(two, options);
    const there = (await createEngine({ build: "simd" })).compile(two, compile);
    const given = [0, 1, 2].map((n) => ({ b: noise(3, n + 1), a: noise(2, n + 1) }));
    expect(await Promise.all(given.map((x) => net.predict(x)))).toEqual(given.map((x) => there.predict(x)));
    expect(workers[0].sizes).toEqual([6]);
    await engine.dispose();
  });
});

describe("a training", () => {
  it("runs in one worker; the others predict with the old weights, and have the new ones when it resolves", async () => {
    const { engine, workers } = await fakeEngine({ workers: 3 });
    const net = await engine.compile(small, compile);
    const before = await here((net) => net.predict(image(0)));
    const during: unknown[] = [];
    await net.fit(samples, {
      ...training,
      onBatch: async () => {
        during.push(await net.predict(image(0)), await net.predict(image(0)));
      },
    });
    expect(during.length).toBe(8);
    for (const answer of during) expect(answer).toEqual(before);
    const after = await here(async (net) => {
      await net.fit(samples, training);
      return net.predict(image(0));
    });
    expect(after).not.toEqual(before);
    for (const worker of workers) worker.hold("predict");
    const answers = workers.map(() => net.predict(image(0)));
    for (const worker of workers) worker.release();
    for (const answer of answers) expect(await answer).toEqual(after);
    expect(workers.map(({ calls }) => calls.filter((name) => name === "fit").length).sort()).toEqual([
      0, 0, 1,
    ]);
    // It goes on where the optimizer's state is.
    await net.fit(samples, training);
    expect(workers.map(({ calls }) => calls.filter((name) => name === "fit").length).sort()).toEqual([
      0, 0, 2,
    ]);
    await engine.dispose();
  });

  it("lets its only worker answer meanwhile, with the weights as they are", async () => {
    const { engine } = await fakeEngine();
    const net = await engine.compile(small, compile);
    const seen: unknown[] = [];
    await net.fit(samples, { ...training, onEpoch: async () => void seen.push(await net.predict(image(0))) });
    const expected: unknown[] = [];
    await here((net) =>
      net.fit(samples, { ...training, onEpoch: () => void expected.push(net.predict(image(0))) }),
    );
    expect(seen).toEqual(expected);
    await engine.dispose();
  });
});

describe("a worker that dies", () => {
  it("fails the requests it had, and no others; a new one has all networks and the newest weights", async () => {
    const { engine, workers } = await fakeEngine({ queue: 10 });
    const net = await engine.compile(small, compile);
    const other = await engine.compile(sequential([4], [dense({ units: 2 })]), compile);
    const gone = await engine.compile(small, compile);
    await gone.dispose();
    await net.fit(samples, training);
    const trained = await net.predict(image(0));
    const untrained = await other.predict(image(0));
    workers[0].hold("predict");
    const answers = [net, net, net, other].map((net) => reason(net.predict(image(0))));
    const values = [net.predict(image(0)), other.predict(image(0))];
    workers[0].die("out of memory");
    for (const n of [0, 1]) {
      expect(await answers[n]).toBeInstanceOf(WorkerError);
      expect(((await answers[n]) as Error).message).toBe(
        "predict: the worker ended before it answered: out of memory",
      );
    }
    expect(await Promise.all([answers[2], answers[3]])).toEqual(["resolved", "resolved"]);
    expect(await Promise.all(values)).toEqual([trained, untrained]);
    expect(engine.info).toMatchObject({ workers: 1, restarts: 1, running: 0, waiting: 0 });
    expect(workers.length).toBe(2);
    expect(workers[1].calls.filter((name) => name === "compile").length).toBe(2);
    await engine.dispose();
  });

  it("in a training fails it, and the weights are those before", async () => {
    const { engine, workers } = await fakeEngine({ workers: 2 });
    const net = await engine.compile(small, compile);
    await net.fit(samples, training);
    const before = await net.predict(image(0));
    const trainer = workers.find(({ calls }) => calls.includes("fit"))!;
    const error = await reason(net.fit(samples, { ...training, onEpoch: () => trainer.die("killed") }));
    expect(error).toBeInstanceOf(WorkerError);
    expect((error as Error).message).toBe("fit: the worker ended before it answered: killed");
    await turns();
    expect(engine.info).toMatchObject({ workers: 2, restarts: 1 });
    for (let n = 0; n < 4; n++) expect(await net.predict(image(0))).toEqual(before);
    expect((await net.fit(samples, training)).length).toBe(2);
    await engine.dispose();
  });

  it("again and again while it starts is given up; when none is left the engine says so", async () => {
    let broken = false;
    const { engine, workers } = await fakeEngine({ workers: 2 }, () => {
      const worker = new FakeWorker();
      if (broken) queueMicrotask(() => worker.die("it exited with code 9"));
      return worker;
    });
    const net = await engine.compile(small, compile);
    broken = true;
    workers[0].die("killed");
    await turns();
    expect(engine.info).toMatchObject({ workers: 1, restarts: 1 });
    expect(engine.info.fallback).toBe(
      "a worker does not start again: a worker did not start: it exited with code 9",
    );
    expect(workers.length).toBe(5);
    expect((await net.predict(image(0))).length).toBe(3);
    workers[1].hold("predict");
    const answers = [0, 1, 2].map((n) => reason(net.predict(image(n))));
    workers[1].die("killed");
    for (const answer of answers) expect(await answer).toBeInstanceOf(WorkerError);
    const message =
      /^\w+: the engine's workers have ended and do not start again: a worker did not start: it exited/;
    for (const call of [
      () => net.predict(image(0)),
      () => net.fit(samples, training),
      () => net.save(),
      () => engine.compile(small),
    ]) {
      const error = await reason(call());
      expect(error).toBeInstanceOf(WorkerError);
      expect((error as Error).message).toMatch(message);
    }
    expect(engine.info.workers).toBe(0);
    await engine.dispose();
  });

  it("at the first start makes createWorkerEngine reject, and leaves no other behind", async () => {
    const workers: FakeWorker[] = [];
    const start = (): FakeWorker => {
      const worker = new FakeWorker();
      workers.push(worker);
      if (workers.length === 2) queueMicrotask(() => worker.die("its script could not be loaded"));
      return worker;
    };
    const error = await reason(fakeEngine({ workers: 3 }, start));
    expect(error).toBeInstanceOf(WorkerError);
    expect((error as Error).message).toBe("a worker did not start: its script could not be loaded");
    expect(workers.map(({ stopped }) => stopped)).toEqual([true, true, true]);
  });

  it("does not miss what changed while the next one started", async () => {
    const { engine, workers } = await fakeEngine({ workers: 2 });
    const net = await engine.compile(small, compile);
    const file = await net.save();
    await net.fit(samples, training);
    const made: FakeWorker[] = [];
    workers[1].die("killed");
    // Before the new one is ready.
    await net.load(file);
    const other = await engine.compile(sequential([4], [flatten(), dense({ units: 2 })]), compile);
    await turns(20);
    expect(engine.info).toMatchObject({ workers: 2, restarts: 1 });
    for (const worker of [...workers, ...made]) worker.hold("predict");
    const answers = [0, 0, 0, 0].map(() => net.predict(image(0)));
    const others = [0, 0].map(() => other.predict(image(0)));
    for (const worker of workers) worker.release();
    const expected = await here((net) => net.predict(image(0)));
    for (const answer of answers) expect(await answer).toEqual(expected);
    const [a, b] = await Promise.all(others);
    expect(a).toEqual(b);
    await engine.dispose();
  });

  it("that cannot take new weights is replaced", async () => {
    const { engine, workers } = await fakeEngine({ workers: 2 });
    const net = await engine.compile(sequential([4, 4, 1], [conv2d({ filters: 2, kernel: 3 })]), compile);
    const [a, b] = workers;
    await net.fit({ x: noise(16), y: noise(8) }, { loss: "meanSquaredError", optimizer: { kind: "sgd" } });
    const trainer = a.calls.includes("fit") ? a : b;
    const other = trainer === a ? b : a;
    const { post } = other;
    other.post = (message, transfer) => {
      const { call, value } = message as { call?: string; value: object };
      post.call(
        other,
        call === "setWeights" ? { ...(message as object), value: { ...value, net: -1 } } : message,
        transfer,
      );
    };
    await net.fit({ x: noise(16), y: noise(8) }, {});
    await turns();
    expect(other.stopped).toBe(true);
    expect(engine.info).toMatchObject({ workers: 2, restarts: 1 });
    const answers = await Promise.all([0, 1, 2, 3].map(() => net.predict(noise(16))));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    await engine.dispose();
  });
});
