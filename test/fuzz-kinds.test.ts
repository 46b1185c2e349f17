// A few thousand random calls of the kinds of imported models; `npm run fuzz -- kinds` makes any number.
import { expect, it } from "vitest";
import { fuzzKinds } from "./fuzz-kinds.ts";
import { binary } from "./harness.ts";

it("random layers of imported models give what folding gives, or a ConvolithError", async () => {
  const { calls, ok, refused, wrong } = await fuzzKinds({ wasm: binary("checked"), calls: 3000, seed: 1 });
  expect(wrong).toEqual([]);
  // Most of them run, and are compared.
  expect(ok).toBeGreaterThan(calls / 2);
  expect(refused).toBeGreaterThan(calls / 10);
});
