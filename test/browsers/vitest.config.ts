// The playground in real browsers: `npm run test:playground`.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { wasmBytes } from "../wasm-bytes.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

export default defineConfig({
  root,
  test: {
    include: ["test/browsers/*.test.ts"],
    globalSetup: ["test/browsers/site.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    // One browser at a time: frames are timed.
    fileParallelism: false,
    // The page is the same for every Node; CI counts the second.
    reporters: [
      ["default", { summary: false }],
      ["json", { outputFile: `${root}build/tests-playground.json` }],
    ],
  },
  plugins: [wasmBytes],
});
