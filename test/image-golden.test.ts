// The 158 cases of OpenCV 4.6 and scikit-image 0.19 in fixtures/images: bytes must be equal, floats agree to 1e-5 of the largest value.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as image from "../src/image/index.ts";

import { BUILDS, binary } from "./harness.ts";
import * as oracle from "./image-oracle.ts";

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

/** What the oracle makes of it: whoever judges is judged first. */
const ORACLE: Readonly<Record<string, (photo: oracle.Picture, params: Params) => ArrayLike<number>>> = {
  filter2d: (x, { kernel, border }) => oracle.filter2d(x, kernel, { border }).data,
  filter2dU8: (x, { kernel, border }) => oracle.bytes(oracle.filter2d(x, kernel, { border })).data,
  sobel: (x, { dx, dy, size, border }) =>
    oracle.filter2d(x, oracle.sobelKernel(dx, dy, size), { border }).data,
  scharr: (x, { dx, border }) => oracle.filter2d(x, oracle.scharrKernel(dx), { border }).data,
  laplacian: (x, { size, border }) => oracle.filter2d(x, oracle.laplacianKernel(size), { border }).data,
  gaussianBlur: (x, { size, sigma, border }) => oracle.gaussianBlur(x, size, sigma, border).data,
  boxBlur: (x, { size, border }) => oracle.boxBlur(x, [size, size], border).data,
  medianBlur: (x, { size }) => oracle.medianBlur(x, size).data,
  unsharpMask: (x, { sigma, amount }) => oracle.unsharpMask(x, sigma, amount).data,
  gaussianKernel1d: (_, { size, sigma }) => oracle.gaussian1d(size, sigma),
  toGray: (x) => oracle.grayBytes(x).data,
  canny: (x, { low, high, aperture, l2 }) => oracle.canny(oracle.grayBytes(x), low, high, aperture, l2).data,
  cannySmoothed: (x, { low, high, aperture, l2, size, sigma }) => {
    const smooth = oracle.gaussianBlurBytes(oracle.grayBytes(x), size, sigma, "reflect101");
    return oracle.canny(smooth, low, high, aperture, l2).data;
  },
  resize: (x, { width, height, method }) => oracle.resize(x, width, height, method).data,
};

test("there are 158 cases, of these ops", () => {
  expect(cases.length).toBe(158);
  expect([...new Set(cases.map(({ op }) => op))].sort()).toEqual(Object.keys(OPS).sort());
});

const engines = new Map(
  BUILDS.map((build) => [build, image.createImageEngine({ wasm: binary(build) })] as const),
);

/** Throws unless the values of all rows are those of the case: bytes equal, floats to 1e-5 of the largest. */
function compare({ id, dtype, shape, rows }: Case, all: ArrayLike<number>): void {
  const wanted = Array.from(tensor(`y/${id}`).data);
  const [height, ...rest] = shape;
  const rowSize = rest.reduce((a, b) => a * b, 1);
  expect(all.length).toBe(height * rowSize);
  const made = (rows ?? Array.from({ length: height }, (_, y) => y)).flatMap((y) =>
    Array.from({ length: rowSize }, (_, x) => all[y * rowSize + x]),
  );
  if (dtype === "uint8") {
    expect(made).toEqual(wanted);
    return;
  }
  const largest = wanted.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const worst = made.reduce((a, b, i) => Math.max(a, Math.abs(b - wanted[i])), 0);
  expect(worst).toBeLessThanOrEqual(1e-5 * largest);
}

const pictureOf = ({ photo: name }: Case): image.Image<Uint8Array> =>
  name === null ? (undefined as never) : photo(name);

test.each(cases)("$id: $op of $photo, $params", async (golden) => {
  const { op, params } = golden;
  expect(BORDERED.includes(op) ? params.border : "replicate").toBe("replicate");
  for (const engine of engines.values()) compare(golden, OPS[op](await engine, pictureOf(golden), params));
});

test.each(cases.filter(({ op }) => op in ORACLE))("oracle, $id: $op of $photo", (golden) => {
  compare(golden, ORACLE[golden.op](pictureOf(golden), golden.params));
});
