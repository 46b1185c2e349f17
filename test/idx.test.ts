// The reader of the Fashion-MNIST example: what is whole is read, what is not is named.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
// @ts-expect-error an example is plain JavaScript
import { readIdx, readSet } from "../examples/fashion/idx.mjs";

const folder = mkdtempSync(join(tmpdir(), "convolith-idx-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, bytes: readonly number[] | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, Uint8Array.from(bytes));
  return path;
};
const images = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28, ...new Array<number>(2 * 784).fill(51)];
const labels = [0, 0, 8, 1, 0, 0, 0, 2, 7, 9];

test("reads plain and gzipped files", () => {
  file("train-images-idx3-ubyte", images);
  file("train-labels-idx1-ubyte.gz", gzipSync(Uint8Array.from(labels)));
  const set = readSet(folder, "train");
  const image = { data: new Uint8Array(784).fill(51), width: 28, height: 28, channels: 1 };
  expect(set).toEqual({ images: [image, image], labels: Uint8Array.of(7, 9) });
});

test("names what is wrong", () => {
  const cases: [string, readonly number[] | Uint8Array, RegExp][] = [
    ["magic", [1, 0, 8, 1], /magic: is no IDX file: it must begin with two zeros/],
    ["empty", [], /empty: is no IDX file/],
    ["floats", [0, 0, 13, 1, 0, 0, 0, 0], /type 13 but must hold unsigned bytes, type 8/],
    ["header", images.slice(0, 9), /ends within its header of 16 bytes/],
    ["short", labels.slice(0, -1), /holds 1 values but its shape \[2\] needs 2/],
    ["gzip", gzipSync(Uint8Array.from(labels)).subarray(0, 12), /is gzipped but cannot be unpacked/],
  ];
  for (const [name, bytes, message] of cases) {
    const path = file(name, bytes);
    expect(() => readIdx(path)).toThrow(message);
  }
  expect(() => readIdx(join(folder, "none"))).toThrow(/none: there is no such file/);
  file("t10k-images-idx3-ubyte", images);
  file("t10k-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 1, 7]);
  expect(() => readSet(folder, "t10k")).toThrow(/2 images but 1 labels/);
});
