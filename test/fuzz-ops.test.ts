// A few thousand random calls of eager ops, the same ones every time; `npm run fuzz -- ops` makes any number.
import { expect, it } from "vitest";
import { fuzzOps } from "./fuzz-ops.ts";

it("random calls of ops give the oracle's numbers or a ConvolithError", async () => {
  const { calls, ok, refused, wrong } = await fuzzOps({ calls: 2000, seed: 1 });
  expect(wrong).toEqual([]);
  // Most of them run, and are compared.
  expect(ok).toBeGreaterThan(calls / 2);
  expect(refused).toBeGreaterThan(calls / 10);
});
