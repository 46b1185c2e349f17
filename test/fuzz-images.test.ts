// A few thousand random calls of image functions, the same ones every time; `npm run fuzz -- images` makes any number.
import { expect, it } from "vitest";
import { fuzzImages } from "./fuzz-images.ts";
import { binary } from "./harness.ts";

it("random calls of image functions give the oracle's numbers or a ConvolithError", async () => {
  const { calls, ok, refused, wrong } = await fuzzImages({ wasm: binary("checked"), calls: 4000, seed: 1 });
  expect(wrong).toEqual([]);
  // Most of them run, and are compared.
  expect(ok).toBeGreaterThan(calls / 2);
  expect(refused).toBeGreaterThan(calls / 10);
});
