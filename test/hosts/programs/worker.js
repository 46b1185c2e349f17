// A file's network in a worker: nothing of it is computed, or known, in this thread.
import { createWorkerEngine } from "convolith/worker";

const { readFileSync } = await import("node:fs");
const engine = await createWorkerEngine();
const net = await engine.compile(readFileSync(process.argv[2]));
const pixels = Array.from(await net.predict(new Float32Array(16).fill(1)));
console.log(JSON.stringify({ shape: Object.values(net.inputShapes), pixels }));
