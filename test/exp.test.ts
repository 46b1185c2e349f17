// The exponential family to the last bits: errors in ulp (units in the last place) over every binade.
import { describe, expect, test } from "vitest";
import { type Activation, activation } from "../src/ops/activation.ts";
import { builds, evaluate } from "./harness.ts";
import * as oracle from "./oracle.ts";

const floats = new Float32Array(1);
const bits = new Uint32Array(floats.buffer);

/** Every `step`-th float from `from` to `to`, both of one sign. */
function sweep(from: number, to: number, step: number): Float32Array {
  const ends = [from, to].map((v) => {
    floats[0] = v;
    return bits[0];
  });
  const first = Math.min(...ends);
  const count = Math.floor((Math.max(...ends) - first) / step) + 1;
  return new Float32Array(Uint32Array.from({ length: count }, (_, i) => first + i * step).buffer);
}

/** The distance between neighbouring floats at `v`. */
function ulp(v: number): number {
  return 2 ** (Math.max(Math.floor(Math.log2(Math.abs(v))), -126) - 23);
}

interface Case {
  what: string;
  params: Activation;
  from: number;
  to: number;
  /** The largest error the kernel may show, in ulp of the exact result. */
  most: number;
}

// The figures of assembly/exp.ts, and what the forms built on it add.
const CASES: Case[] = [
  { what: "exp above 0", params: { kind: "exp" }, from: 1e-30, to: 88.7228, most: 1.04 },
  {
    what: "exp below 0, denormal results too",
    params: { kind: "exp" },
    from: -1e-30,
    to: -103.97,
    most: 1.04,
  },
  { what: "exp - 1", params: { kind: "elu" }, from: -1e-40, to: -150, most: 1 },
  { what: "tanh above 0", params: { kind: "tanh" }, from: 1e-40, to: 20, most: 2.6 },
  { what: "tanh below 0", params: { kind: "tanh" }, from: -1e-40, to: -20, most: 2.6 },
  { what: "sigmoid above 0", params: { kind: "sigmoid" }, from: 1e-30, to: 100, most: 2.6 },
  { what: "sigmoid below 0", params: { kind: "sigmoid" }, from: -1e-30, to: -87, most: 2.6 },
  { what: "silu above 0", params: { kind: "silu" }, from: 1e-30, to: 1e30, most: 2.6 },
  { what: "silu below 0", params: { kind: "silu" }, from: -1e-30, to: -87, most: 2.6 },
  { what: "softplus above 0", params: { kind: "softplus" }, from: 1e-30, to: 1e30, most: 1.7 },
  { what: "softplus below 0", params: { kind: "softplus" }, from: -1e-30, to: -103, most: 1.7 },
  { what: "mish above 0", params: { kind: "mish" }, from: 1e-30, to: 1e30, most: 4.7 },
  { what: "mish below 0", params: { kind: "mish" }, from: -1e-30, to: -87, most: 4.7 },
  { what: "gelu above 0", params: { kind: "gelu" }, from: 1e-30, to: 1e30, most: 4 },
  { what: "gelu's left tail", params: { kind: "gelu" }, from: -1e-30, to: -12.9, most: 8 },
  { what: "geluTanh above 0", params: { kind: "geluTanh" }, from: 1e-30, to: 1e12, most: 4 },
];

describe.each(builds())("errors in ulp, $name build", ({ engine }) => {
  test.each(CASES)("$what: at most $most", async ({ params, from, to, most }) => {
    // A prime step reaches every last bit and every binade.
    const x = sweep(from, to, 10007);
    const input = { shape: [x.length], data: x };
    const [y] = await evaluate(engine, activation, [input], params);
    const [exact] = oracle.activation([input], params);
    let worst = 0;
    let at = 0;
    for (let i = 0; i < x.length; i++) {
      const error = Math.abs(y.data[i] - exact.data[i]) / ulp(exact.data[i]);
      if (!(error <= worst)) {
        worst = error;
        at = i;
      }
    }
    expect(worst, `f(${x[at]}) is ${y.data[at]} but should be ${exact.data[at]}`).toBeLessThanOrEqual(most);
    // Results that are not the exact ones prove that the sweep compares something.
    expect(worst).toBeGreaterThan(0.4);
  });

  test("exp where it ends", async () => {
    // 103.28 is about 149 · ln 2 and gives the smallest float there is; the largest is e^88.72283.
    const x = [-Infinity, -1000, -104, -103.28, 0, -0, 88.7229, 1000, Infinity, NaN];
    const [y] = await evaluate(engine, activation, [{ shape: [x.length], data: x }], { kind: "exp" });
    expect([...y.data]).toEqual([0, 0, 0, 2 ** -149, 1, 1, Infinity, Infinity, Infinity, NaN]);
  });

  test("zeros keep their sign through tanh", async () => {
    const [y] = await evaluate(engine, activation, [{ shape: [2], data: [0, -0] }], { kind: "tanh" });
    expect(Object.is(y.data[0], 0) && Object.is(y.data[1], -0)).toBe(true);
  });
});
