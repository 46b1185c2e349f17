// The commands for model files, run from source on small models of every format.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { decode, encode } from "fast-png";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MODEL_COMMANDS } from "../src/cli/model-commands.ts";
import { runCli } from "../src/cli/run.ts";
import { fromOnnx, toOnnx } from "../src/formats/onnx/index.ts";
import {
  conv2d,
  createEngine,
  dense,
  type Engine,
  fromSafetensors,
  globalAvgPool,
  type Network,
  sequential,
  softmax,
} from "../src/index.ts";

const folder = mkdtempSync(join(tmpdir(), "convolith-cli-models-"));
const at = (name: string): string => join(folder, name);

interface Ran {
  code: number;
  out: string;
  err: string;
}

const cli = (...args: string[]): Promise<Ran> => cliOn(undefined, ...args);

async function cliOn(terminal: NodeJS.WriteStream | undefined, ...args: string[]): Promise<Ran> {
  let [out, err] = ["", ""];
  const code = await runCli(args, {
    stdin: async () => readFileSync(at("net.onnx")),
    stdout: (data) => {
      out += typeof data === "string" ? data : Buffer.from(data).toString("latin1");
    },
    stderr: (text) => {
      err += text;
    },
    ...(terminal && { terminal }),
  });
  return { code, out, err };
}

/** A terminal, and what is drawn there. */
function fakeTerminal() {
  let drawn = "";
  const stream = new Writable({
    write(text, _, done) {
      drawn += text;
      done();
    },
  });
  const terminal = Object.assign(stream, { isTTY: true, columns: 100 }) as unknown as NodeJS.WriteStream;
  return { terminal, drawn: () => drawn };
}

let engine: Engine;
let net: Network;

beforeAll(async () => {
  engine = await createEngine();
  const classifier = sequential(
    [8, 6, 3],
    [
      conv2d({ filters: 4, kernel: 3, name: "stem", activation: "relu" }),
      globalAvgPool(),
      dense({ units: 5, name: "head" }),
      softmax({ name: "scores" }),
    ],
  );
  net = engine.compile(classifier, { seed: 3 });
  const painter = sequential([null, null, 3], [conv2d({ filters: 3, kernel: 1, bias: false, name: "swap" })]);
  mkdirSync(folder, { recursive: true });
  writeFileSync(at("net.onnx"), toOnnx(net));
  writeFileSync(at("net.safetensors"), net.save());
  writeFileSync(at("net.json"), JSON.stringify(classifier));
  // Red and blue change places.
  const kernel = [0, 0, 1, 0, 1, 0, 1, 0, 0];
  const swap = engine.compile(painter, { shape: [4, 5, 3], weights: { "swap.kernel": kernel } });
  writeFileSync(at("swap.onnx"), toOnnx(swap));
  writeFileSync(at("swap.json"), JSON.stringify(painter));
  const photo = Uint8Array.from({ length: 4 * 5 * 3 }, (_, i) => (i * 37) % 256);
  writeFileSync(at("photo.png"), encode({ data: photo, width: 5, height: 4, channels: 3, depth: 8 }));
  writeFileSync(at("labels.txt"), "ant\nbee\ncat\ndog\neel\n");
});

afterAll(() => {
  engine.dispose();
  rmSync(folder, { recursive: true, force: true });
});

describe("inspect", () => {
  it.each([
    ["net.onnx", "ONNX"],
    ["net.safetensors", "safetensors"],
    ["net.json", "convolith JSON"],
  ])("tells what is in %s", async (file, format) => {
    const { code, out, err } = await cli("inspect", at(file));
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(new RegExp(`^${format} file of `));
    expect(out).toContain(`${net.parameters} parameters`);
    expect(out).toMatch(/scores +\[5\]|scores \[5\]/);
  });

  it("prints JSON", async () => {
    const { out } = await cli("inspect", at("net.onnx"), "--json", "--batch", "2");
    const { format, inputs, outputs, parameters, batchSize, layers } = JSON.parse(out);
    expect({ format, inputs, outputs, parameters, batchSize }).toEqual({
      format: "ONNX",
      inputs: { input_1: [3, 8, 6] },
      outputs: { scores: [5] },
      parameters: net.parameters,
      batchSize: 2,
    });
    expect(layers.map(({ kind }: { kind: string }) => kind)).toContain("conv2d");
  });

  it("reads standard input", async () => {
    expect((await cli("inspect", "-")).out).toMatch(/^ONNX file of /);
  });
});

describe("run", () => {
  it("lists the likeliest classes", async () => {
    const { code, out } = await cli(
      "run",
      at("net.onnx"),
      "-i",
      at("photo.png"),
      "--top",
      "2",
      "--labels",
      at("labels.txt"),
    );
    expect(code).toBe(0);
    expect(out).toMatch(
      /^scores \[5\]: values from [\d.]+ to [\d.]+\n +[\d.]+ % {2}(ant|bee|cat|dog|eel)\n +[\d.]+ % {2}\w+\n$/,
    );
  });

  it("gives the network's own numbers, whatever the format", async () => {
    const values = async (file: string): Promise<number[]> =>
      JSON.parse((await cli("run", at(file), "-i", at("photo.png"), "--json")).out).outputs[0].values;
    const [a, b] = [await values("net.onnx"), await values("net.safetensors")];
    expect(a).toHaveLength(5);
    a.forEach((value, i) => {
      expect(value).toBeCloseTo(b[i], 6);
    });
  });

  it("writes the picture that a model makes", async () => {
    const { code, err } = await cli("run", at("swap.onnx"), "-i", at("photo.png"), "-o", at("out.png"));
    expect({ code, err: err.replace(/[\d.]+ ms/, "") }).toEqual({ code: 0, err: "computed in \n" });
    const [before, after] = ["photo.png", "out.png"].map((name) => decode(readFileSync(at(name))).data);
    const swapped = Array.from(before, (_, i) => before[i - (i % 3) + 2 - (i % 3)]);
    expect(Array.from(after)).toEqual(swapped);
  });
});

describe("bench", () => {
  it("measures", async () => {
    const { code, out } = await cli("bench", at("net.onnx"), "--runs", "2", "--json");
    expect(code).toBe(0);
    const { ms, runs, layers } = JSON.parse(out);
    expect(ms).toBeGreaterThan(0);
    expect(runs).toBe(2);
    expect(layers.length).toBeGreaterThan(3);
    expect((await cli("bench", at("net.safetensors"), "--runs", "2")).out).toMatch(/ms a run of 1 \(/);
  });
});

describe("convert", () => {
  it("writes safetensors and ONNX that predict the same", async () => {
    const x = Float32Array.from({ length: 8 * 6 * 3 }, (_, i) => (i % 9) / 9);
    const first = Float32Array.from({ length: x.length }, (_, i) => x[(i % 48) * 3 + Math.floor(i / 48)]);
    const expected = net.predict(x);
    expect((await cli("convert", at("net.safetensors"), at("there.onnx"))).code).toBe(0);
    expect((await cli("convert", at("there.onnx"), at("back.safetensors"))).code).toBe(0);
    const there = engine.compile(fromOnnx(readFileSync(at("there.onnx"))));
    const back = engine.compile(fromSafetensors(readFileSync(at("back.safetensors"))));
    for (const copy of [there, back])
      copy.predict<Float32Array>(first).forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i], 6);
      });
  });
});

describe("help", () => {
  it("has examples that run", async () => {
    const files: Readonly<Record<string, string>> = {
      "model.onnx": "net.onnx",
      "resnet18.onnx": "net.onnx",
      "model.json": "swap.json",
      "keras/model.json": "net.json",
      "upscaler/model.json": "swap.json",
      "cat.png": "photo.png",
      "small.png": "photo.png",
      "imagenet.txt": "labels.txt",
    };
    for (const { examples = [] } of Object.values(MODEL_COMMANDS))
      for (const example of examples) {
        // The small models have other sizes.
        const words = example.replace(/ --shape 3,224,224/, "").split(" ");
        const ran = await cli(...words.map((word) => (/\.\w+$/.test(word) ? at(files[word] ?? word) : word)));
        expect(ran.code, `${example}: ${ran.err}`).toBe(0);
      }
  });
});

describe("what is wrong is said in one line", () => {
  it.each<[number, string, string[]]>([
    [2, "name a model file", ["inspect"]],
    [1, "there is no such file or folder", ["inspect", "missing.onnx"]],
    [2, "name a picture", ["run", "net.onnx"]],
    [2, '--shape is "a" but must be sizes', ["inspect", "net.onnx", "--shape", "a"]],
    [1, "does not fit", ["inspect", "net.onnx", "--shape", "3,9,9"]],
    [2, "must end in .onnx or .safetensors", ["convert", "net.onnx", "net.tflite"]],
    [2, "--top is 0", ["run", "net.onnx", "-i", "photo.png", "--top", "0"]],
    [2, "no picture", ["run", "net.onnx", "-i", "photo.png", "-o", "out.png"]],
    [1, "photo.png: this is no model file", ["inspect", "photo.png"]],
    [2, "say how large, as in --shape", ["bench", "swap.json"]],
  ])("%i: %s", async (code, message, args) => {
    const files = args.map((arg) => (/\.\w+$/.test(arg) ? at(arg) : arg));
    const ran = await cli(...files);
    expect(ran.err).toContain(message);
    expect(ran.err.trimEnd().split("\n")).toHaveLength(1);
    expect(ran.code).toBe(code);
  });
});

describe("the stages of a command", () => {
  const CLEARED = "\x1b[2K";

  it.each([
    ["bench", ["net.onnx", "--runs", "2"]],
    ["convert", ["net.onnx", "made.safetensors"]],
    ["run", ["net.onnx", "--image", "photo.png"]],
  ])("of %s are drawn on a terminal alone, and cleared", async (name, args) => {
    const { terminal, drawn } = fakeTerminal();
    const files = args.map((arg) => (/\./.test(arg) ? at(arg) : arg));
    const shown = await cliOn(terminal, name, ...files);
    const hidden = await cli(name, ...files);
    expect([shown.code, hidden.code]).toEqual([0, 0]);
    expect(drawn()).toContain("reading the model");
    if (name === "bench") expect(drawn()).toMatch(/measuring 2 runs, about \S+ s/);
    expect(drawn()).toContain(CLEARED);
    // What is printed is the same, but for times.
    const plain = ({ out, err }: Ran) => `${out}${err}`.replace(/ *[\d.]+/g, "#");
    if (name !== "bench") expect(plain(shown)).toBe(plain(hidden));
    expect(`${shown.out}${shown.err}`).not.toContain("reading the model");
  });

  it("are cleared before an error is told", async () => {
    const { terminal, drawn } = fakeTerminal();
    writeFileSync(at("broken.onnx"), "no model");
    const { code, err } = await cliOn(terminal, "bench", at("broken.onnx"));
    expect(code).toBe(1);
    expect(err).toContain("this is no model file");
    expect(drawn()).toContain(CLEARED);
  });
});
