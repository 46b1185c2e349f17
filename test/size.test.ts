// What people download: the binaries. Sizes of bundles are held by test/hosts/bundles.test.ts.
import { expect, test } from "vitest";
import { binary } from "./harness.ts";

test("the binaries stay below 180 KB", () => {
  expect(binary("relaxed").length).toBeLessThanOrEqual(180 * 1024);
  expect(binary("simd").length).toBeLessThanOrEqual(180 * 1024);
});
