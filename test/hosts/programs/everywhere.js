// What every host must do, in one file for all of them: no host's own API, plain JSON as the answer.

/** The shape of the model's input, the classes it tells apart, the images it learns from. */
const [SIDE, CLASSES, IMAGES] = [12, 5, 6];

/** Values that look random and are the same everywhere, none of few bits: sums are rounded. */
const values = (length, seed) =>
  Float32Array.from({ length }, (_, i) => (((i * 7 + seed * 13) % 31) - 15) / 21);

/** 32 bits of FNV-1a of an array's bytes: equal bits, equal hash. */
function hash(...arrays) {
  let h = 0x811c9dc5;
  for (const { buffer, byteOffset, byteLength } of arrays)
    for (const byte of new Uint8Array(buffer, byteOffset, byteLength)) h = Math.imul(h ^ byte, 0x01000193);
  return (h >>> 0).toString(16).padStart(8, "0");
}

function assert(condition, message) {
  if (!condition) throw new Error(message);
}

const far = (a, b) =>
  a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i])), a.length === b.length ? 0 : Infinity);

function describe({ sequential, conv2d, maxPool2d, flatten, dense }) {
  return sequential(
    [SIDE, SIDE, 3],
    [
      conv2d({ filters: 16, kernel: 3, padding: "same", activation: "relu" }),
      maxPool2d({ size: 2 }),
      conv2d({ filters: 20, kernel: 3, padding: "same", activation: "relu" }),
      flatten(),
      dense({ units: CLASSES }),
    ],
  );
}

const photo = values(SIDE * SIDE * 3, 1);
const samples = {
  x: values(IMAGES * SIDE * SIDE * 3, 2),
  y: Uint8Array.from({ length: IMAGES }, (_, i) => i % CLASSES),
};
const learning = { epochs: 3, batchSize: IMAGES, loss: "softmaxCrossEntropy", seed: 3 };

function predictions(convolith, engine) {
  const net = engine.compile(describe(convolith), { seed: 7 });
  const answer = net.predict(photo);
  // A description that came as JSON, with no other import than the engine's.
  const copy = engine.compile(JSON.parse(JSON.stringify(describe(convolith))), { seed: 7 });
  assert(far(answer, copy.predict(photo)) === 0, "a model from JSON predicts something else");
  return answer;
}

/** Losses of three steps, and what the net predicts then. */
async function learned(convolith, engine) {
  const net = engine.compile(describe(convolith), { seed: 7 });
  const history = await net.fit(samples, { ...learning, optimizer: convolith.adam({ learningRate: 0.01 }) });
  const losses = Float32Array.from(history, ({ loss }) => loss);
  assert(losses[2] < losses[0], `the loss does not fall: ${losses}`);
  const refused = await net
    .fit(samples, { ...learning, optimizer: { kind: "adam" } })
    .catch((error) => `${error.name} ${error.code}: ${error.message}`);
  assert(/^ArgumentError \S+: .*adam\(\)/.test(refused), `an optimizer from JSON: ${refused}`);
  return [losses, net.predict(photo)];
}

function eager(convolith, engine) {
  const x = engine.tensor(photo, [1, SIDE, SIDE, 3]);
  const w = engine.tensor(values(3 * 3 * 3 * 8, 4), [3, 3, 3, 8]);
  const y = engine.relu(engine.conv2d(x, w, { stride: 2 })).data();
  const { gradients } = convolith.gradients(() => engine.reduce(engine.conv2d(x, w), { kind: "sum" }), [w]);
  return [y, gradients[0].data()];
}

async function disposed(convolith) {
  const engine = await convolith.createEngine();
  const net = engine.compile(describe(convolith));
  engine.dispose();
  try {
    net.predict(photo);
  } catch (error) {
    assert(error instanceof convolith.DisposedError, `after dispose: ${error}`);
    return "disposed";
  }
  throw new Error("predicts after dispose");
}

async function threaded(convolith, alone) {
  const engine = await convolith.createEngine({ threads: 2, deterministic: true });
  // Never disposed of, on purpose: a program must end all the same. Kept, so that it is not collected.
  globalThis.convolithKept = engine;
  const answer = predictions(convolith, engine);
  assert(hash(answer) === hash(alone), "two threads predict something else than one");
  const { threads, fallback = "no reason" } = engine.info;
  return threads === 2 ? "two" : { fallback };
}

async function offThread(convolith, { createWorkerEngine }) {
  const engine = await createWorkerEngine({ deterministic: true });
  try {
    const net = await engine.compile(describe(convolith), { seed: 7 });
    const answer = await net.predict(photo);
    await net.fit(samples, { ...learning, optimizer: convolith.adam({ learningRate: 0.01 }) });
    return hash(answer, await net.predict(photo));
  } finally {
    await engine.dispose();
  }
}

/**
 * Runs every check: `convolith` is the package, `worker` its entry `convolith/worker` where the host has loaded it. An answer of a check
 * is a text that all hosts must give, `{ fallback }`, the reason of an engine with one thread, or `{ failed }`.
 */
export async function everywhere(convolith, { worker } = {}) {
  const answers = {};
  const check = async (name, run) => {
    try {
      answers[name] = await run();
    } catch (error) {
      answers[name] = { failed: `${error?.stack ?? error}` };
    }
  };
  const engine = await convolith.createEngine();
  const exact = await convolith.createEngine({ deterministic: true });
  await check("predict", () => {
    const answer = predictions(convolith, exact);
    const quick = predictions(convolith, engine);
    assert(far(answer, quick) < 1e-4, `${engine.info.build} predicts ${quick}, not ${answer}`);
    return hash(answer);
  });
  await check("fit", async () => {
    const [losses, answer] = await learned(convolith, exact);
    const [quick] = await learned(convolith, engine);
    assert(far(losses, quick) < 1e-3, `${engine.info.build} has losses ${quick}, not ${losses}`);
    return hash(losses, answer);
  });
  await check("eager", () => {
    eager(convolith, engine);
    return hash(...eager(convolith, exact));
  });
  await check("threads", () => threaded(convolith, predictions(convolith, exact)));
  if (worker) await check("worker", () => offThread(convolith, worker));
  await check("dispose", () => disposed(convolith));
  const { build } = engine.info;
  engine.dispose();
  exact.dispose();
  return { build, answers };
}
