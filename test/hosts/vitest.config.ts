// The packed package in other people's tools: `npm run test:package`.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("../..", import.meta.url));

export default defineConfig({
  root,
  test: {
    include: ["test/hosts/*.test.ts"],
    globalSetup: ["test/hosts/install.ts"],
    testTimeout: 240_000,
    pool: "forks",
    // What is packed is the same for every Node; CI counts the second.
    reporters: ["default", ["json", { outputFile: `${root}build/tests-package.json` }]],
  },
});
