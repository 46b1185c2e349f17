// What people download: the binaries. Sizes of bundles are held by test/hosts/bundles.test.ts.
import { expect, test } from "vitest";
import { binary } from "./harness.ts";

test("the binaries stay below 196 KB", () => {
  expect(binary("relaxed").length).toBeLessThanOrEqual(196 * 1024);
  expect(binary("simd").length).toBeLessThanOrEqual(196 * 1024);
});
