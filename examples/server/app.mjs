// The HTTP server: who is let in, what is answered, and how it ends.
import { createServer } from "node:http";
import { HttpError, statusOf } from "./http-error.mjs";
import { Metrics } from "./metrics.mjs";
import { routesOf } from "./routes.mjs";

/**
 * @typedef {import("node:http").IncomingMessage} Request
 *
 * @typedef {object} Limits
 * @property {number} requests How many requests are answered at once; those beyond get 503 at once.
 * @property {number} bytes Longest file.
 * @property {number} ms Longest time from a request's headers to its answer.
 *
 * @typedef {object} Answer
 * @property {number} [status] Default 200.
 * @property {string} type
 * @property {string | Uint8Array} body
 *
 * @typedef {object} Route
 * @property {"GET" | "POST"} method
 * @property {(body: Uint8Array, signal: AbortSignal) => Answer | Promise<Answer>} answer
 */

/**
 * @param {object} parts
 * @param {import("./models.mjs").Models} parts.models
 * @param {import("./pictures.mjs").Pictures} parts.pictures
 * @param {Limits} parts.limits
 */
export function createApp({ models, pictures, limits }) {
  const metrics = new Metrics();
  let [inFlight, draining] = [0, false];
  const routes = routesOf({
    ...{ models, pictures, metrics },
    inFlight: () => inFlight,
    ready: () => !draining && models.info().workers > 0,
  });
  const patience = {
    // Whoever sends slower than this gets 408 from Node.
    ...{ requestTimeout: limits.ms, headersTimeout: limits.ms, connectionsCheckingInterval: 1000 },
    // Longer than balancers keep idle connections (nginx: 60 s): they must not send into one that is being closed.
    keepAliveTimeout: 65_000,
  };

  const server = createServer(patience, async (request, response) => {
    const start = performance.now();
    const path = request.url?.split("?")[0] ?? "";
    const known = Object.hasOwn(routes, path);
    // Aborted when the client goes away, or when it takes too long: what still waits for a worker is then taken back.
    const aborter = new AbortController();
    const gone = () => aborter.abort(new HttpError(499, "the client went away"));
    const timer = setTimeout(() => {
      aborter.abort(new HttpError(504, `the answer takes more than ${limits.ms} ms`));
    }, limits.ms);
    response.once("close", gone);
    const answer = await answerOf(known ? routes[path] : undefined, request, aborter.signal);
    response.off("close", gone);
    clearTimeout(timer);
    // The client shall not use the connection again.
    if (draining) response.setHeader("Connection", "close");
    const { status = 200, type, body } = answer;
    response.writeHead(status, {
      ...answer.headers,
      "Content-Type": type,
      "Content-Length": Buffer.byteLength(body),
    });
    response.end(body);
    metrics.count(known ? path : "other", status, (performance.now() - start) / 1000);
  });

  /**
   * @param {Route | undefined} route
   * @param {Request} request
   * @param {AbortSignal} signal
   * @returns {Promise<Answer & { headers?: Record<string, string> }>}
   */
  async function answerOf(route, request, signal) {
    try {
      if (!route)
        throw new HttpError(404, "there is POST /classify, POST /upscale, GET /health and GET /metrics");
      const { method, answer } = route;
      if (request.method !== method)
        throw new HttpError(405, `${method} is what this takes`, { Allow: method });
      if (method === "GET") return await answer(new Uint8Array(), signal);
      if (inFlight >= limits.requests) throw HttpError.overload("as many requests as may are being answered");
      inFlight++;
      try {
        return await answer(await readBody(request, signal, limits.bytes), signal);
      } finally {
        inFlight--;
      }
    } catch (error) {
      const { status, headers } = statusOf(error);
      if (status === 500) console.error(error);
      const body = JSON.stringify({ error: /** @type {Error} */ (error).message });
      return { status, headers, type: "application/json", body };
    }
  }

  return {
    server,

    /**
     * Takes no more connections, answers the requests there are, and ends. Resolves to whether all were answered within `ms`.
     *
     * @param {number} ms
     */
    async drain(ms) {
      draining = true;
      const closed = new Promise((resolve) => server.close(() => resolve(true)));
      server.closeIdleConnections();
      const late = new Promise((resolve) => setTimeout(() => resolve(false), ms).unref());
      const answered = await Promise.race([closed, late]);
      server.closeAllConnections();
      await Promise.all([models.close(), pictures.close()]);
      return answered;
    },
  };
}

/**
 * The body, as long as it is not too long.
 *
 * @param {Request} request
 * @param {AbortSignal} signal
 * @param {number} limit
 */
async function readBody(request, signal, limit) {
  const tooLong = () => new HttpError(413, `the file has more than ${limit} bytes`);
  if (Number(request.headers["content-length"]) > limit) throw tooLong();
  const parts = [];
  let length = 0;
  try {
    // The connection is needed for the answer; Node reads past what is not wanted.
    for await (const part of request.iterator({ destroyOnReturn: false })) {
      length += part.length;
      if (length > limit) throw tooLong();
      parts.push(part);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
  return Buffer.concat(parts);
}
