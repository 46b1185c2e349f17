// What runs on a worker: an instance of the caller's module over the caller's memory, serving the board. See thread-pool.ts.

import { insideWorker } from "./hosts/workers.ts";
import type { Task } from "./thread-pool.ts";
import { kernelsOf } from "./wasm.ts";
import { Board } from "./work-queue.ts";

const caller = insideWorker();
caller.onMessage((message) => {
  const { module, memory, board, worker } = message as Task;
  /** A string of the module: UTF-16, its bytes counted before it. */
  const text = (address: number): string => {
    const length = new Uint32Array(memory.buffer, address - 4, 1)[0] / 2;
    return String.fromCharCode(...new Uint16Array(memory.buffer, address, length));
  };
  // The checked build calls abort where an assertion fails; the caller gets to know which.
  const abort = (what: number, file: number, line: number, column: number) => {
    throw new Error(`${what ? text(what) : "abort"} at ${text(file)}:${line}:${column}`);
  };
  const { exports } = new WebAssembly.Instance(module, { env: { memory, abort } });
  const kernels = kernelsOf(exports).map(([, kernel]) => kernel);
  caller.post("ready");
  new Board(board).serve(kernels, worker);
});
