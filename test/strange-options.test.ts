// Every option of every kind of layer and eager op, with values from everywhere: a result, or an error on purpose that left nothing.
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { Engine } from "../src/engine/engine.ts";
import { ConvolithError, type Model } from "../src/index.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import { binary } from "./harness.ts";
import { exampleOf, factories, type Row, TABLE } from "./layer-rows.ts";

const runtime = new Runtime(await load(binary("checked")));
const engine = new Engine(runtime);
afterAll(() => engine.dispose());

const hostile = { toString: null, valueOf: null, [Symbol.toPrimitive]: null };
const throwing = {
  toString() {
    throw new Error("hostile");
  },
};

/** Values that are no option's, and some that may be. Sizes stay small: what is valid is computed. */
const value = fc.oneof(
  fc.constantFrom<unknown[]>(
    ...[
      undefined,
      null,
      true,
      false,
      Number.NaN,
      Infinity,
      -Infinity,
      -0,
      0.5,
      "",
      "2",
      "same",
      "constructor",
    ],
    ...[
      10n,
      Symbol("s"),
      hostile,
      throwing,
      new Map(),
      new Date(0),
      () => 1,
      {},
      [],
      [[]],
      [null],
      [undefined],
    ],
    ...[Object.create(null), new Int32Array(2), new Array(3), "__proto__", { kind: "elu", alpha: null }],
    ...[
      { constant: hostile },
      { kind: throwing },
      [
        [0, 0],
        [0, 9],
      ],
      [[1n, 0]],
      [Symbol("t")],
      [throwing, 1],
    ],
    ...[2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 53, 1e300],
  ),
  fc.integer({ min: -3, max: 5 }),
  fc.array(fc.integer({ min: -3, max: 5 }), { maxLength: 5 }),
  fc.array(fc.array(fc.integer({ min: -1, max: 3 }), { maxLength: 3 }), { maxLength: 4 }),
  fc.anything({ maxDepth: 2, withBigInt: true, withNullPrototype: true, withTypedArray: true }),
);

/** A result, or an error on purpose; live bytes as before. */
function survives(what: string, run: () => { dispose(): void }[]): void {
  const { live } = engine.memory;
  try {
    for (const made of run()) made.dispose();
  } catch (error) {
    if (!(error instanceof ConvolithError)) throw new Error(`${what}: ${error}`, { cause: error });
    expect(error.message.length).toBeLessThanOrEqual(1501);
  }
  expect(engine.memory.live, what).toBe(live);
}

const SEED = 10;
const KINDS = factories.map(([kind, factory]) => ({ kind, factory, row: [TABLE[kind]].flat()[0] as Row }));

describe.each(KINDS)("$kind", ({ kind, factory, row }) => {
  const options = Object.keys(factory.definition.options);
  const option = fc.constantFrom(...options, "name", "nonsense", "__proto__", "constructor");
  const change = fc.array(fc.tuple(option, value), { minLength: 1, maxLength: 2 });
  const config = (changes: readonly (readonly [string, unknown])[]): Record<string, unknown> =>
    Object.fromEntries([...Object.entries(row.config ?? {}), ...changes]);
  const { model, x } = exampleOf(factory, row);

  it("as a layer of a description", () => {
    fc.assert(
      fc.property(change, (changes) => {
        const [layer] = model.layers;
        const changed: Model = { ...model, layers: [{ ...layer, config: config(changes) }] };
        survives(kind, () => [engine.compile(changed)]);
      }),
      { seed: SEED, numRuns: 150 },
    );
  });

  it("as an eager op", () => {
    const op = (engine as unknown as Record<string, (...args: unknown[]) => unknown>)[kind];
    if (!op) return;
    const inputs = x.map(({ data, shape }) => engine.tensor(data, shape));
    const weights = Object.values(row.weights ?? {}).map((shape) =>
      engine.tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape),
    );
    const { weights: names = [], operands = 0 } = factory.definition;
    const named = names.slice(operands).map((name, i) => [name, weights[operands + i]] as const);
    const front = [...(kind === "concat" ? [inputs] : inputs.slice(0, 2)), ...weights.slice(0, operands)];
    fc.assert(
      fc.property(change, (changes) => {
        const layerOnly = options.filter((name) => factory.definition.options[name].layerOnly);
        const given = Object.entries(config(changes)).filter(([name]) => !layerOnly.includes(name));
        const all = Object.fromEntries([...named.filter(([, w]) => w), ...given]);
        survives(kind, () => [op.call(engine, ...front, all)].flat() as { dispose(): void }[]);
      }),
      { seed: SEED, numRuns: 150 },
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: 4 }), (args) => {
        survives(kind, () => [op.apply(engine, args)].flat() as { dispose(): void }[]);
      }),
      { seed: SEED, numRuns: 50 },
    );
    for (const tensor of [...inputs, ...weights]) tensor.dispose();
  });
});

it("tensors and writes of anything", () => {
  using t = engine.tensor([1, 2], [2]);
  fc.assert(
    fc.property(value, value, value, (data, shape, dtype) => {
      survives("tensor", () => [engine.tensor(data as never, shape as never, dtype as never)]);
      survives("tensor", () => [engine.tensor([1, 2], shape as never)]);
      survives("tensor", () => [engine.tensor(data as never, [2], "int32")]);
      survives("write", () => {
        t.write(data as never);
        return [];
      });
    }),
    { seed: SEED, numRuns: 1000 },
  );
});
