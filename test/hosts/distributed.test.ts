// examples/distributed: processes that train as one hold the same bits, those of one process but for the order of sums.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const script = fileURLToPath(new URL("../../examples/distributed/train.mjs", import.meta.url));

test.each([2, 3])("%d processes train as one", async (processes) => {
  // Few steps: later every rounding has been amplified.
  const args = [script, `${processes}`, "--images", "640", "--epochs", "1"];
  const { stdout, stderr } = await run(process.execPath, args);
  // No progress bar where there is no terminal.
  expect(stderr).toBe("");
  expect(stdout).toContain("the same bits");
  const differs = /differ by (\S+) of their norm after/.exec(stdout);
  expect(Number(differs?.[1])).toBeGreaterThan(0);
  expect(Number(differs?.[1])).toBeLessThan(1e-6);
});
