// The handler that every edge host shares: a picture in, classes with their probabilities out. It knows Request and Response only.
import { createEngine, fromSafetensors } from "convolith";
import { digitInput } from "./input.mjs";
import { PictureError } from "./picture-error.mjs";
import { readPicture } from "./pictures.mjs";

/** Bytes of a file, and pixels of a picture: what is decoded in a few milliseconds. Plans have limits on both time and memory. */
const [MAX_BYTES, MAX_PIXELS] = [256 * 1024, 512 * 512];

/**
 * Answers POST with a PNG or JPEG file by `{ digit, probability, probabilities }`. The network is compiled at the first request: hosts
 * start many instances that never get one.
 *
 * @param {ArrayBuffer | (() => Promise<ArrayBuffer>)} weights The file digits.safetensors, or how to get it.
 * @returns {(request: Request) => Promise<Response>}
 */
export function createHandler(weights) {
  /** @type {ReturnType<typeof load> | undefined} */
  let loading;
  return async (request) => {
    if (request.method !== "POST") return refusal(405, "POST a PNG or JPEG file", { Allow: "POST" });
    try {
      const bytes = await readBody(request);
      const picture = readPicture(bytes, { maxPixels: MAX_PIXELS });
      loading ??= load(weights);
      const { engine, net } = await loading;
      const probabilities = Array.from(net.predict(digitInput(engine, picture)));
      const probability = Math.max(...probabilities);
      return Response.json({ digit: probabilities.indexOf(probability), probability, probabilities });
    } catch (error) {
      if (error instanceof PictureError) return refusal(error.status, error.message);
      // A network that could not be loaded is loaded again by the next request.
      loading = undefined;
      throw error;
    }
  };
}

/** @param {ArrayBuffer | (() => Promise<ArrayBuffer>)} weights */
async function load(weights) {
  const engine = await createEngine();
  const bytes = typeof weights === "function" ? await weights() : weights;
  return { engine, net: engine.compile(fromSafetensors(bytes)) };
}

/**
 * The body, unless it is longer than it may be: a header may lie, so the bytes are counted as they come.
 *
 * @param {Request} request
 */
async function readBody(request) {
  const tooLong = () => new PictureError(413, `the file has more than ${MAX_BYTES} bytes`);
  if (Number(request.headers.get("content-length")) > MAX_BYTES) throw tooLong();
  const body = new Uint8Array(MAX_BYTES);
  let length = 0;
  const reader = request.body?.getReader();
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    if (length + part.value.length > MAX_BYTES) throw tooLong();
    body.set(part.value, length);
    length += part.value.length;
  }
  return body.subarray(0, length);
}

/**
 * @param {number} status
 * @param {string} error
 * @param {Record<string, string>} [headers]
 */
const refusal = (status, error, headers = {}) => Response.json({ error }, { status, headers });
