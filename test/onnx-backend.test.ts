// The ONNX project's own cases: all pass but those that test/onnx-backend-skips.ts lists, which are refused when they are loaded or compiled.
// `node scripts/run.mjs scripts/onnx-backend.ts` counts them by operator.
import { afterAll, describe, expect, it } from "vitest";
import { createEngine } from "../src/index.ts";
import { available, type BackendCase, cases, DATA, run } from "./onnx-backend.ts";
import { SKIPPED, whySkipped } from "./onnx-backend-skips.ts";

const suite: readonly BackendCase[] = available() ? cases() : [];

describe.skipIf(!suite.length)("the ONNX project's cases", async () => {
  const engine = await createEngine({ build: "simd" });
  afterAll(() => engine.dispose());

  it.each(suite.filter(({ name }) => !whySkipped(name)))("$name", (entry) => {
    expect(run(engine, entry)).toEqual({ kind: "passed" });
  });

  it.each(SKIPPED)("without %s: %s", (pattern, why) => {
    const skipped = suite.filter(({ name }) => whySkipped(name) === why);
    expect(skipped.length, `no case fits ${pattern}`).toBeGreaterThan(0);
    for (const entry of skipped)
      expect([entry.name, run(engine, entry).kind]).toEqual([entry.name, "unsupported"]);
  });

  it("leave no memory behind", () => {
    expect(engine.memory.live).toBe(0);
  });
});

// Said aloud: a suite that is not there is not passed.
it.runIf(!suite.length)(
  `skipped: there are no cases in ${DATA}; install libonnx-testdata or set ONNX_TEST_DATA`,
  () => {},
);
