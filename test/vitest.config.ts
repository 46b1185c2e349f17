import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { wasmBytes } from "./wasm-bytes.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

export default defineConfig({
  root,
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/hosts/**", "test/browsers/**"],
    // On a busy machine workers take seconds to start, which hooks wait for.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    // One for each core: by default one core is left out, which is half of those that CI has.
    maxWorkers: availableParallelism(),
    // The second is what CI counts.
    reporters: ["default", ["json", { outputFile: `${root}build/tests-node-${process.versions.node}.json` }]],
  },
  plugins: [wasmBytes],
});
