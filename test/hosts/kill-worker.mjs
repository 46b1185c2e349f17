// Loaded before the server of examples/: SIGUSR2 ends one of the engine's workers, as running out of memory would.
import { createRequire } from "node:module";

const threads = createRequire(import.meta.url)("node:worker_threads");
const workers = [];
threads.Worker = class extends threads.Worker {
  constructor(code, options) {
    super(code, options);
    // The engine carries the code of its workers along; other threads are files.
    if (options?.eval) workers.push(this);
  }
};
process.on("SIGUSR2", () => workers.shift()?.terminate());
