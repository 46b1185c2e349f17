// The 158 cases of OpenCV 4.6 and scikit-image 0.19 in fixtures/images: bytes must be equal, floats agree to 1e-5 of the largest value.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as image from "../src/image/index.ts";
import { hasRelaxedSimd } from "../src/runtime/wasm.ts";
import { BUILDS, binary } from "./harness.ts";

type Params = Readonly<Record<string, never>>;
interface Case {
  id: string;
  op: string;
  photo: string | null;
  params: Params;
  dtype: "uint8" | "float32";
  shape: number[];
  /** The rows that the fixture has, where it has not all. */
  rows?: number[];
}

const folder = new URL("fixtures/images/", import.meta.url);
const { cases } = JSON.parse(readFileSync(new URL("golden.json", folder), "utf8")) as { cases: Case[] };
const file = readFileSync(new URL("golden.safetensors", folder));
const headerBytes = Number(file.readBigUInt64LE(0));
const header = JSON.parse(file.toString("utf8", 8, 8 + headerBytes)) as Record<
  string,
  { shape: number[]; dtype: string; data_offsets: [number, number] }
>;

function tensor(name: string): { shape: number[]; data: Uint8Array | Float32Array } {
  const { shape, dtype, data_offsets: at } = header[name];
  const bytes = new Uint8Array(file.subarray(8 + headerBytes + at[0], 8 + headerBytes + at[1]));
  return { shape, data: dtype === "U8" ? bytes : new Float32Array(bytes.buffer) };
}

function photo(name: string): image.Image<Uint8Array> {
  const { shape, data } = tensor(`photo/${name}`);
  const [height, width, channels = 1] = shape;
  return { data: data as Uint8Array, width, height, channels };
}

type Run = (engine: image.ImageEngine, photo: image.Image<Uint8Array>, params: Params) => ArrayLike<number>;

/** A function that is called with the case's parameters as options. */
const same =
  (op: unknown, float: boolean): Run =>
  (engine, picture, params) =>
    (op as (...args: unknown[]) => image.Image)(engine, picture, float ? { ...params, float } : params).data;

const OPS: Readonly<Record<string, Run>> = {
  filter2d: (engine, picture, { kernel, border }) =>
    image.filter2d(engine, picture, kernel, { border, float: true }).data,
  filter2dU8: (engine, picture, { kernel, border }) =>
    image.filter2d(engine, picture, kernel, { border }).data,
  sobel: same(image.sobel, true),
  scharr: same(image.scharr, true),
  laplacian: same(image.laplacian, true),
  gaussianBlur: same(image.gaussianBlur, true),
  boxBlur: same(image.boxBlur, true),
  medianBlur: (engine, picture, { size }) => image.medianBlur(engine, picture, { size }).data,
  unsharpMask: same(image.unsharpMask, true),
  gaussianKernel1d: (_engine, _picture, { size, sigma }) => image.gaussian1d(size, sigma),
  gaborKernel: (_engine, _picture, { size, ...options }) => image.gabor(size, options as never).flat(),
  toGray: same(image.toGray, false),
  canny: same(image.canny, false),
  cannySmoothed: same(image.canny, false),
  resize: same(image.resize, true),
};

const BORDERED = ["medianBlur"];

test("there are 158 cases, of these ops", () => {
  expect(cases.length).toBe(158);
  expect([...new Set(cases.map(({ op }) => op))].sort()).toEqual(Object.keys(OPS).sort());
});

const builds = BUILDS.filter((build) => build !== "relaxed" || hasRelaxedSimd());
const engines = new Map(
  builds.map((build) => [build, image.createImageEngine({ wasm: binary(build) })] as const),
);

test.each(cases)(
  "$id: $op of $photo, $params",
  async ({ id, op, photo: name, params, dtype, shape, rows }) => {
    const wanted = tensor(`y/${id}`).data;
    expect(BORDERED.includes(op) ? params.border : "replicate").toBe("replicate");
    for (const engine of engines.values()) {
      const all = OPS[op](await engine, name === null ? (undefined as never) : photo(name), params);
      const [height, ...rest] = shape;
      const rowSize = rest.reduce((a, b) => a * b, 1);
      expect(all.length).toBe(height * rowSize);
      const made = (rows ?? Array.from({ length: height }, (_, y) => y)).flatMap((y) =>
        Array.from({ length: rowSize }, (_, x) => all[y * rowSize + x]),
      );
      if (dtype === "uint8") expect(made).toEqual(Array.from(wanted));
      else {
        const largest = Array.from(wanted).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
        const worst = made.reduce((a, b, i) => Math.max(a, Math.abs(b - wanted[i])), 0);
        expect(worst).toBeLessThanOrEqual(1e-5 * largest);
      }
    }
  },
);
