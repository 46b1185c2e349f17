// What runs on a worker: an instance of the caller's module over the caller's memory, serving the board. See threads.ts.

import { insideWorker } from "./hosts/workers.ts";
import { kernelsOf, type Share } from "./wasm.ts";
import { Board } from "./work-queue.ts";

const caller = insideWorker();
caller.onMessage((message) => {
  const { module, memory, board } = message as Share & { board: SharedArrayBuffer };
  // The checked build calls abort where an assertion fails; the caller gets to know that it did.
  const abort = () => {
    throw new Error("assertion failed");
  };
  const { exports } = new WebAssembly.Instance(module, { env: { memory, abort } });
  const kernels = kernelsOf(exports).map(([, kernel]) => kernel);
  caller.post("ready");
  new Board(board).serve(kernels);
});
