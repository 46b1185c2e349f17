// IDX files, as MNIST and its successors come: http://yann.lecun.com/exdb/mnist (section "file formats"). Plain or gzipped.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const UNSIGNED_BYTE = 8; // the third byte of the magic number; the fourth counts the dimensions

/**
 * Reads a file of unsigned bytes. Throws an Error that names the file and what is wrong with it.
 *
 * @param {string} path
 */
export function readIdx(path) {
  /** @type {(what: string) => never} */
  const fail = (what) => {
    throw new Error(`${path}: ${what}`);
  };
  if (!existsSync(path)) fail("there is no such file");
  let bytes = readFileSync(path);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      bytes = gunzipSync(bytes);
    } catch (error) {
      fail(`is gzipped but cannot be unpacked: ${/** @type {Error} */ (error).message}`);
    }
  }
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0)
    fail("is no IDX file: it must begin with two zeros");
  if (bytes[2] !== UNSIGNED_BYTE)
    fail(`holds numbers of type ${bytes[2]} but must hold unsigned bytes, type 8`);
  const rank = bytes[3];
  const start = 4 + 4 * rank;
  if (bytes.length < start) fail(`ends within its header of ${start} bytes`);
  const shape = Array.from({ length: rank }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  const count = shape.reduce((a, b) => a * b, 1);
  if (bytes.length !== start + count)
    fail(`holds ${bytes.length - start} values but its shape [${shape}] needs ${count}`);
  return { shape, data: new Uint8Array(bytes.subarray(start)) };
}

/**
 * Images of 28 x 28 pixels, as the functions of `convolith/image` take them, and what is on each: a number from 0 to 9.
 *
 * @typedef {{ images: import("convolith/image").Image<Uint8Array>[], labels: Uint8Array }} LabelledImages
 */

/**
 * @param {string} folder
 * @param {string} kind "train" or "t10k".
 * @returns {LabelledImages}
 */
export function readSet(folder, kind) {
  /** @param {string} name */
  const find = (name) =>
    [name, `${name}.gz`].map((file) => join(folder, file)).find(existsSync) ?? join(folder, name);
  const { shape, data } = readIdx(find(`${kind}-images-idx3-ubyte`));
  const labels = readIdx(find(`${kind}-labels-idx1-ubyte`));
  if (shape.length !== 3 || shape[1] !== 28 || shape[2] !== 28)
    throw new Error(`${folder}: images have shape [${shape}] but must be [n, 28, 28]`);
  if (shape[0] !== labels.shape[0])
    throw new Error(`${folder}: ${shape[0]} images but ${labels.shape[0]} labels`);
  const images = Array.from({ length: shape[0] }, (_, i) => ({
    ...{ data: data.subarray(i * 784, (i + 1) * 784), width: 28, height: 28, channels: 1 },
  }));
  return { images, labels: labels.data };
}

/**
 * Both sets of a folder, to train and to test on. Where they cannot be read it says what to do, and ends the program.
 *
 * @param {string} folder
 * @returns {LabelledImages[]}
 */
export function readSets(folder) {
  try {
    return ["train", "t10k"].map((kind) => readSet(folder, kind));
  } catch (error) {
    console.error(
      `${/** @type {Error} */ (error).message}\napt-get install dataset-fashion-mnist, or name a folder: npm run train:fashion -- --folder folder`,
    );
    process.exit(1);
  }
}
