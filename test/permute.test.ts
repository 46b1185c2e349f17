// Axes of many values in another order, against one value at a time.
import { describe, expect, it } from "vitest";
import { permute } from "../src/formats/permute.ts";
import { sizeOf } from "../src/tensor.ts";
import { Random } from "./random.ts";

const stridesOf = (shape: readonly number[]): number[] => shape.map((_, i) => sizeOf(shape.slice(i + 1)));

function naive(values: Float32Array, shape: readonly number[], perm: readonly number[]): Float32Array {
  const strides = stridesOf(shape);
  const turned = perm.map((axis) => shape[axis]);
  return Float32Array.from(values, (_, i) => {
    let [rest, from] = [i, 0];
    for (let axis = perm.length - 1; axis >= 0; axis--) {
      from += (rest % turned[axis]) * strides[perm[axis]];
      rest = Math.floor(rest / turned[axis]);
    }
    return values[from];
  });
}

describe("permute", () => {
  it.each(Array.from({ length: 60 }, (_, seed) => [seed]))("case %i", (seed) => {
    const random = new Random(seed);
    const rank = random.below(6);
    const most = [40, 40, 40, 20, 7, 5][rank];
    const shape = Array.from({ length: rank }, () => (random.chance(0.2) ? 1 : 1 + random.below(most)));
    const perm = shape.map((_, i) => i).sort(() => random.next() - 0.5);
    const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => i);
    const strides = stridesOf(shape);
    const out = new Float32Array(values.length);
    permute(
      out,
      values,
      perm.map((axis) => shape[axis]),
      perm.map((axis) => strides[axis]),
    );
    expect(out).toEqual(naive(values, shape, perm));
  });
});
