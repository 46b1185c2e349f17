// What callbacks write, read back: CSV, TensorBoard's event files, and checkpoints, also of a process that is killed.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensors, writeSafetensors } from "../src/formats/safetensors.ts";
import {
  adam,
  checkpoint,
  createEngine,
  csvLog,
  dense,
  dropout,
  type EpochReport,
  type FitOptions,
  FormatError,
  linearWarmup,
  metrics,
  type Network,
  reduceOnPlateau,
  resume,
  type Schedule,
  sequential,
  tensorBoard,
} from "../src/index.ts";
import { crc32c } from "../src/training/tensor-board.ts";

const engine = await createEngine();
afterAll(() => engine.dispose());

const model = sequential([4], [dense({ units: 8 }), dropout({ rate: 0.3 }), dense({ units: 3 })]);
const data = (n: number) => ({
  x: Float32Array.from({ length: n * 4 }, (_, i) => Math.sin(i * 1.7)),
  y: Uint8Array.from({ length: n }, (_, i) => (i * 5) % 3),
});
const train = { loss: "softmaxCrossEntropy", optimizer: adam({ learningRate: 0.05 }) } as const;
const bits = (net: Network): string => String(Object.values(net.weights));
const compiled = (seed = 1): Network => engine.compile(model, { seed });

describe("csvLog", () => {
  it("writes a line for every epoch", async () => {
    using net = compiled();
    let text = "";
    const log = csvLog(async (lines) => {
      await Promise.resolve();
      text += lines;
    });
    const reports = await net.fit(data(20), { ...train, epochs: 3, validation: data(5), callbacks: [log] });
    const [head, ...lines] = text.trimEnd().split("\n");
    expect(head).toBe("epoch,loss,accuracy,valLoss,valAccuracy,imagesPerSecond,ms");
    expect(lines.map((line) => line.split(",").map(Number))).toEqual(
      reports.map(({ epoch, loss, metrics, validation, imagesPerSecond, ms }) => [
        ...[epoch, loss, metrics.accuracy, validation!.loss, validation!.accuracy, imagesPerSecond, ms],
      ]),
    );
    // Appended, without what was not measured; names that need quotes have them.
    const more: string[] = [];
    const appended = csvLog((lines) => more.push(lines), { header: false });
    await appended.onEpoch!(reports[0]);
    await appended.onEpoch!({ ...reports[1], validation: undefined });
    expect(more.map((line) => line.split(",").length)).toEqual([7, 7]);
    expect(more[1].split(",")[3]).toBe("");
    const odd = csvLog((lines) => more.push(lines));
    await odd.onEpoch!({ ...reports[0], metrics: { 'a,"b"': 0.5 }, validation: undefined });
    expect(more[2].split("\n")[0]).toBe('epoch,loss,"a,""b""",imagesPerSecond,ms');
    expect(() => csvLog(5 as never)).toThrow("csvLog: write is 5 but must be a function");
    const failing = net.fit(data(4), {
      ...train,
      callbacks: [csvLog(() => Promise.reject(new Error("full")))],
    });
    await expect(failing).rejects.toThrow("full");
    for (const [callback, shown] of [
      [5, "5"],
      [{ onEpochEnd() {} }, '{"onEpochEnd":a function}'],
    ])
      await expect(net.fit(data(4), { ...train, callbacks: [callback as never] })).rejects.toThrow(
        `callbacks[0] is ${shown} but must be an object with onBatch or onEpoch`,
      );
    await expect(net.fit(data(4), { ...train, callbacks: [{ onEpoch: 5 as never }] })).rejects.toThrow(
      "callbacks[0].onEpoch is 5 but must be a function",
    );
  });
});

/** A reader of protocol buffers: fields by number, as numbers or bytes. */
function fieldsOf(bytes: Uint8Array): [field: number, value: bigint | Uint8Array][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields: [number, bigint | Uint8Array][] = [];
  let at = 0;
  const varint = (): bigint => {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = BigInt(bytes[at++]);
      value |= (byte & 127n) << shift;
      shift += 7n;
      if (byte < 128n) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const type = key & 7;
    const length = type === 1 ? 8 : type === 5 ? 4 : type === 2 ? Number(varint()) : 0;
    if (type === 0) fields.push([key >> 3, varint()]);
    else fields.push([key >> 3, bytes.subarray(at, at + length)]);
    at += length;
    expect(at).toBeLessThanOrEqual(view.byteLength);
  }
  return fields;
}

/** The records of a file, whose checksums are right by a table of another kind. */
function recordsOf(file: Uint8Array): Uint8Array[] {
  const table = Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0x82f63b78 ^ (c >>> 1) : c >>> 1;
    return c >>> 0;
  });
  const masked = (bytes: Uint8Array): number => {
    const crc = ~bytes.reduce((c, byte) => table[(c ^ byte) & 255] ^ (c >>> 8), -1) >>> 0;
    return Number((BigInt((crc >>> 15) | ((crc << 17) >>> 0)) + 0xa282ead8n) & 0xffffffffn) >>> 0;
  };
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const records: Uint8Array[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    expect(view.getUint32(at + 8, true)).toBe(masked(file.subarray(at, at + 8)));
    const record = file.subarray(at + 12, at + 12 + length);
    expect(view.getUint32(at + 12 + length, true)).toBe(masked(record));
    records.push(record);
    at += 16 + length;
  }
  return records;
}

describe("tensorBoard", () => {
  it("has the checksums of CRC-32C", () => {
    const text = (s: string) => new TextEncoder().encode(s);
    expect(crc32c(text("123456789"))).toBe(0xe3069283);
    // RFC 3720, B.4.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  });

  it("writes events that are read back", async () => {
    using net = compiled();
    const chunks: Uint8Array[] = [];
    const losses: number[] = [];
    const write = async (bytes: Uint8Array) => void chunks.push(bytes);
    const before = Date.now() / 1000;
    const reports = await net.fit(data(20), {
      ...{ ...train, epochs: 150, batchSize: 10, validation: data(5) },
      onBatch: ({ loss }) => void losses.push(loss),
      callbacks: [tensorBoard(write, { everySteps: 100 })],
    });
    const events = recordsOf(Buffer.concat(chunks)).map(fieldsOf);
    const of = (event: (typeof events)[number], field: number) => event.find(([n]) => n === field)?.[1];
    for (const event of events) {
      const time = of(event, 1) as Uint8Array;
      const seconds = new DataView(time.buffer, time.byteOffset).getFloat64(0, true);
      expect(seconds).toBeGreaterThanOrEqual(before);
      expect(seconds).toBeLessThan(before + 100);
    }
    const decode = (bytes: unknown) => new TextDecoder().decode(bytes as Uint8Array);
    expect(decode(of(events[0], 3))).toBe("brain.Event:2");
    const scalars = events.slice(1).map((event) => {
      const values = fieldsOf(of(event, 5) as Uint8Array).map(([field, value]) => {
        expect(field).toBe(1);
        const [[tagField, tag], [valueField, number]] = fieldsOf(value as Uint8Array);
        expect([tagField, valueField]).toEqual([1, 2]);
        const bytes = number as Uint8Array;
        return [decode(tag), new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true)];
      });
      return [Number(of(event, 2) ?? 0n), Object.fromEntries(values)];
    });
    const f = Math.fround;
    const epochs = reports.map(({ epoch, loss, metrics, validation }) => [
      epoch,
      {
        ...{ "train/loss": f(loss), "train/accuracy": f(metrics.accuracy!) },
        "validation/loss": f(validation!.loss),
        "validation/accuracy": f(validation!.accuracy!),
      },
    ]);
    const rate = f(0.05);
    const wanted: unknown[] = [...epochs];
    for (const step of [299, 199, 99])
      wanted.splice(Math.floor(step / 2), 0, [
        step,
        { "steps/loss": f(losses[step]), "steps/learningRate": rate },
      ]);
    expect(scalars).toEqual(wanted);
  });
});

describe("checkpoint", () => {
  it("keeps what early stopping, schedules and metrics remember, in the middle of an epoch, too", async () => {
    const epochs = 9;
    const untimed = (reports: readonly EpochReport[]) =>
      reports.map(({ imagesPerSecond: _, ms: __, ...report }) => report);
    // Loss of the training, then that of the validation, of an average; stopping early, and not.
    for (const [patience, validation] of [
      [2, undefined],
      [2, data(6)],
      [100, data(6)],
    ] as const) {
      const options = (): FitOptions & typeof train => ({
        ...{ ...train, batchSize: 8, validation, metrics: ["accuracy", metrics.auc(), metrics.f1()] },
        ...{ ema: 0.5, earlyStopping: { patience, restoreBest: true, startFromEpoch: 1, minDelta: 1e-3 } },
        schedule: linearWarmup(reduceOnPlateau(0.6, { patience: 0, factor: 0.7, cooldown: 1 }), 2),
      });
      const files: Uint8Array[] = [];
      const rates: number[] = [];
      using whole = compiled();
      const save = (bytes: Uint8Array) => void files.push(bytes);
      await whole.fit(data(22), {
        ...{ ...options(), epochs },
        onBatch: ({ learningRate }) => void rates.push(learningRate),
        callbacks: [checkpoint(whole, { everySteps: 1, save }), checkpoint(whole, { everyEpochs: 1, save })],
      });
      expect(whole.history.length < epochs).toBe(patience === 2);
      // It remembered things that matter: the rate fell, and the best epoch is not the last.
      expect(rates.at(-1)).toBeLessThan(0.5);
      for (const file of files.filter((_, i) => i % 3 === 1)) {
        using later = compiled(9);
        const { epochs: done } = resume(later, file);
        expect(untimed(later.history)).toEqual(untimed(whole.history.slice(0, done)));
        // Saved again before it goes on, it is the same file.
        expect(Buffer.compare(later.save({ optimizer: true }), file)).toBe(0);
        const reports = await later.fit(data(22), { ...options(), epochs: epochs - done });
        expect(untimed(later.history)).toEqual(untimed(whole.history));
        expect(reports.length).toBe(whole.history.length - done);
        expect(Buffer.compare(later.save({ optimizer: true }), whole.save({ optimizer: true }))).toBe(0);
      }
      // What was remembered was needed: without it the end is another.
      using other = compiled(9);
      const { epochs: done } = resume(other, files[Math.floor(files.length / 2)]);
      await other.fit(data(22), { ...options(), epochs: epochs - done, initialEpoch: done + 1 });
      expect(other.weights).not.toEqual({ ...whole.weights });
    }
  });

  it("refuses what no loop remembers, and leaves out what others do", async () => {
    using net = compiled();
    let file = net.save();
    await net.fit(data(8), {
      ...{ ...train, epochs: 2, batchSize: 4, schedule: reduceOnPlateau(0.1) },
      onBatch: ({ step }) => {
        if (step === 2) file = net.save({ optimizer: true });
      },
    });
    const { tensors, metadata } = readSafetensors(file);
    const training = JSON.parse(metadata["convolith.training"]);
    const changed = (change: (loop: typeof training.loop) => void): Uint8Array => {
      const copy = structuredClone(training);
      change(copy.loop);
      return writeSafetensors({
        tensors,
        metadata: { ...metadata, "convolith.training": JSON.stringify(copy) },
      });
    };
    using later = compiled();
    for (const [change, message] of [
      [(loop) => (loop.history = 5), /history is 5/],
      [(loop) => (loop.history[0].loss = "1"), /history\[0\]: loss is "1"/],
      [(loop) => delete loop.history[0].metrics, /history\[0\].* metrics/],
      [(loop) => (loop.measured.sums = {}), /sums/],
      [(loop) => (loop.watched = { monitor: "loss" }), /watched/],
      [(loop) => (loop.other = 1), /other/],
    ] as [(loop: typeof training.loop) => void, RegExp][]) {
      const before = bits(later);
      expect(() => resume(later, changed(change))).toThrow(FormatError);
      expect(() => resume(later, changed(change))).toThrow(message);
      expect([bits(later), later.history.length]).toEqual([before, 0]);
    }
    const goOn = (schedule: Schedule) => later.fit(data(8), { ...train, batchSize: 4, schedule });
    resume(
      later,
      changed((loop) => (loop.schedule.rate = "x")),
    );
    await expect(goOn(reduceOnPlateau(0.1))).rejects.toThrow('reduceOnPlateau: state: rate is "x"');
    resume(
      later,
      changed((loop) => (loop.measured.metrics.accuracy = 5)),
    );
    await expect(goOn(reduceOnPlateau(0.1))).rejects.toThrow('state of the metric "accuracy" is 5');
    // A schedule that watches something else, or remembers nothing, begins.
    resume(
      later,
      changed((loop) => (loop.schedule = { ...loop.schedule, monitor: "x", rate: 9 })),
    );
    const rates: number[] = [];
    const schedule = reduceOnPlateau(0.1);
    await later.fit(data(8), {
      ...{ ...train, batchSize: 4, schedule },
      onBatch: ({ learningRate }) => void rates.push(learningRate),
    });
    expect(rates).toEqual([0.1]);
    resume(
      later,
      changed((loop) => (loop.schedule = 5)),
    );
    await goOn(() => 0.1);
  });

  it("saves every so many steps or epochs, and resumes in the middle of an epoch, bit for bit", async () => {
    const options = { ...train, epochs: 3, batchSize: 4, ema: 0.9 } satisfies FitOptions & typeof train;
    const files: Uint8Array[] = [];
    const save = async (bytes: Uint8Array) => {
      await Promise.resolve();
      files.push(bytes);
    };
    using whole = compiled();
    await whole.fit(data(22), options);
    using net = compiled();
    await net.fit(data(22), { ...options, callbacks: [checkpoint(net, { everySteps: 5, save })] });
    expect(files.length).toBe(3);
    for (const [i, file] of files.entries()) {
      using later = compiled(9);
      const step = (i + 1) * 5;
      const done = Math.floor(step / 6);
      expect(resume(later, file)).toEqual({ steps: step, epochs: done, batches: step % 6 });
      const steps: number[] = [];
      const reports = await later.fit(data(22), {
        ...{ batchSize: 4, epochs: 3 - done, ema: 0.9 },
        onBatch: ({ step, batch }) => void steps.push(step, batch),
      });
      expect(reports[0].epoch).toBe(done);
      expect(steps.slice(0, 2)).toEqual([step, step % 6]);
      expect(later.save({ optimizer: true })).toEqual(whole.save({ optimizer: true }));
    }
    // Gathered gradients are not stored: what is saved is a step.
    files.length = 0;
    using gathered = compiled();
    const accumulating = { ...options, accumulate: 4 };
    await gathered.fit(data(22), {
      ...accumulating,
      callbacks: [checkpoint(gathered, { everySteps: 3, save })],
    });
    using again = compiled(9);
    resume(again, files[0]);
    await again.fit(data(22), { batchSize: 4, accumulate: 4, epochs: 2, ema: 0.9 });
    expect(again.save({ optimizer: true })).toEqual(gathered.save({ optimizer: true }));
    files.length = 0;
    const reports: EpochReport[] = [];
    await net.fit(data(22), {
      ...options,
      onEpoch: (report) => void reports.push(report),
      callbacks: [checkpoint(net, { everyEpochs: 2, save })],
    });
    expect(files.length).toBe(2);
    using last = compiled(9);
    resume(last, files[1]);
    expect(last.weights).toEqual({ ...net.weights });
    // A checkpoint after the last batch of an epoch, before its end: nothing is left to train on.
    using ended = compiled();
    let file = ended.save();
    await ended.fit(data(8), {
      ...{ ...train, batchSize: 4 },
      onBatch: ({ batch }) => {
        if (batch === 1) file = ended.save({ optimizer: true });
      },
    });
    using none = compiled();
    resume(none, file);
    const [report] = await none.fit(data(8), { batchSize: 4, validation: data(3) });
    expect(report.loss).toBe(ended.history[0].loss);
    expect(report.validation!.loss).toBeGreaterThan(0);
    expect(none.weights).toEqual({ ...ended.weights });
  });

  it("refuses what it cannot save", () => {
    using net = compiled();
    const save = () => {};
    expect(() => checkpoint(net, { save })).toThrow("give everySteps or everyEpochs, one of the two");
    expect(() => checkpoint(net, { everySteps: 1, everyEpochs: 1, save })).toThrow("one of the two");
    expect(() => checkpoint(net, { everySteps: 0, save })).toThrow("everySteps is 0");
    expect(() => checkpoint(net, { everySteps: 1 } as never)).toThrow("save is missing");
    expect(() => checkpoint(undefined as never, { everySteps: 1, save })).toThrow("net is undefined");
  });
});

describe("a process that is killed", () => {
  const folder = new URL(`../build/killed-${process.pid}/`, import.meta.url);
  const inFolder = (name: string): string => fileURLToPath(new URL(name, folder));
  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    await build({
      entryPoints: [fileURLToPath(new URL("../src/index.ts", import.meta.url))],
      outfile: inFolder("index.mjs"),
      ...{ bundle: true, format: "esm", target: "es2022", loader: { ".deflate": "base64" } },
    });
    // Trains, writing a checkpoint after every step beside the old one, then renaming it.
    writeFileSync(
      inFolder("train.mjs"),
      `import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
       import * as c from ${JSON.stringify(pathToFileURL(inFolder("index.mjs")).href)};
       const engine = await c.createEngine();
       const net = engine.compile(c.sequential([64], [c.dense({ units: 256 }), c.dense({ units: 3 })]), { seed: 1 });
       const x = Float32Array.from({ length: 44 * 64 }, (_, i) => Math.sin(i * 1.7));
       const data = { x, y: Array.from({ length: 44 }, (_, i) => (i * 5) % 3) };
       const done = existsSync("last") ? c.resume(net, readFileSync("last")).epochs : 0;
       const save = (bytes) => {
         writeFileSync("part", bytes);
         renameSync("part", "last");
       };
       await net.fit(data, {
         loss: "softmaxCrossEntropy", optimizer: c.adam(), batchSize: 4,
         epochs: 4 - done, validationSplit: 0.1,
         schedule: c.reduceOnPlateau(0.05, { patience: 0, factor: 0.5, threshold: 0.5 }),
         earlyStopping: { patience: 100, restoreBest: true, mode: "max" },
         onBatch: ({ step }) => console.log(step),
         callbacks: [c.checkpoint(net, { everySteps: 1, save })],
       });
       writeFileSync("end", net.save({ optimizer: true }));`,
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs it, and kills it after it has told of so many steps. */
  const runs = (killAfter = Infinity): Promise<number[]> =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [inFolder("train.mjs")], { cwd: inFolder(".") });
      let [output, errors] = ["", ""];
      child.stdout.on("data", (chunk) => {
        output += chunk;
        if (output.split("\n").length > killAfter) child.kill("SIGKILL");
      });
      child.stderr.on("data", (chunk) => {
        errors += chunk;
      });
      child.on("close", (code, signal) => {
        if (code !== 0 && signal !== "SIGKILL") reject(new Error(errors));
        else resolve(output.trim().split("\n").map(Number));
      });
    });

  it("leaves a whole checkpoint, from which training ends as if it had not been", async () => {
    const steps = await runs();
    expect(steps).toEqual(Array.from({ length: 40 }, (_, i) => i));
    const whole = readFileSync(inFolder("end"));
    for (const name of ["end", "last"]) rmSync(inFolder(name));
    const killed = await runs(13);
    expect(killed.length).toBeLessThan(40);
    expect([existsSync(inFolder("end")), existsSync(inFolder("last"))]).toEqual([false, true]);
    const rest = await runs();
    expect(rest[0]).toBeGreaterThanOrEqual(killed.at(-1)!);
    expect(rest.at(-1)).toBe(39);
    expect(readFileSync(inFolder("end")).equals(whole)).toBe(true);
  });
});
