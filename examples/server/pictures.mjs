// Decoding and encoding off the thread that answers requests: one thread that does the tasks of picture-tasks.mjs in turn.
import { Worker } from "node:worker_threads";
import { PictureError } from "../digits/picture-error.mjs";

/**
 * @typedef {typeof import("./picture-tasks.mjs").tasks} Tasks
 *
 * @typedef {object} Pictures Runs a task, in some thread.
 * @property {<K extends keyof Tasks>(task: K, input: Parameters<Tasks[K]>[0], signal: AbortSignal) => Promise<ReturnType<Tasks[K]>>} run
 *   Rejects with PictureError where the picture is refused, with the signal's reason where that aborts first.
 * @property {() => Promise<void>} close
 */

/** Longest time of a task: a file that was made to take hours to decode ends its thread, and another one starts. */
const LONGEST_MS = 10_000;

/** @typedef {{ task: keyof Tasks, input: any, signal: AbortSignal, resolve: (output: any) => void, reject: (error: unknown) => void }} Job */

/** @returns {Pictures} */
export function startPictures() {
  /** @type {Job[]} */
  const waiting = [];
  /** @type {Job | undefined} */
  let running;
  let closed = false;
  /** @type {NodeJS.Timeout} */
  let limit;
  let thread = start();

  function start() {
    const made = new Worker(new URL("picture-thread.mjs", import.meta.url));
    /** @type {unknown} */
    let failure = new Error("the thread that decodes pictures ended");
    made.on("message", ({ output, message, status }) =>
      settle((job) => {
        if (output !== undefined) job.resolve(output);
        else job.reject(status ? new PictureError(status, message) : new Error(message));
      }),
    );
    made.on("error", (error) => {
      failure = error;
    });
    made.on("exit", () => {
      if (!closed) thread = start();
      settle((job) => job.reject(failure));
    });
    return made;
  }

  /** The task that runs has ended; the next one begins. @param {(job: Job) => void} how */
  function settle(how) {
    clearTimeout(limit);
    if (running) how(running);
    running = undefined;
    next();
  }

  function next() {
    if (running || closed) return;
    running = waiting.shift();
    if (!running) return;
    const { task, input, reject } = running;
    limit = setTimeout(() => {
      reject(new PictureError(400, `decoding takes more than ${LONGEST_MS / 1000} s`));
      thread.terminate();
    }, LONGEST_MS);
    // Tiles are handed over; a file may lie in a buffer that others use.
    thread.postMessage({ task, input }, input.tiles ? [input.tiles.buffer] : []);
  }

  return {
    run: (task, input, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        /** @type {Job} */
        const job = { task, input, signal, resolve, reject };
        signal.addEventListener("abort", () => {
          const place = waiting.indexOf(job);
          if (place >= 0) waiting.splice(place, 1);
          reject(signal.reason);
        });
        waiting.push(job);
        next();
      }),
    async close() {
      closed = true;
      await thread.terminate();
    },
  };
}
