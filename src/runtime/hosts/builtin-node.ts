// The same in dist/node, which takes the place of builtin.ts there: Node before 20.16 and 22.3 gives its modules to imports alone.
import * as os from "node:os";
import * as threads from "node:worker_threads";
import * as zlib from "node:zlib";

const modules = { "node:os": os, "node:worker_threads": threads, "node:zlib": zlib };

export const builtin = (name: keyof typeof modules): unknown => modules[name];
