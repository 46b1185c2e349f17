// Runs one op on values that lie in wider tensors, and looks at what lies round them.
import { denseValue, type Op, sizeOf, type TensorType, type Value } from "../src/graph/op.ts";
import { partOf } from "../src/ops/strided.ts";
import { Address } from "../src/runtime/address.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { Program } from "../src/runtime/program.ts";
import { inPieces, type Plain, type Result, typeOf } from "./harness.ts";

/** What a wider tensor has before and after each axis of the value in it. */
export type Room = readonly (readonly [before: number, after: number])[];

/** What lies round a value before a run. As an input it is NaN, so that reading it shows. */
const PAINT = -7.5e33;

/** Names of rooms, for a value of any rank: a part of the channels, an image with a border, a part of an image with a border. */
export const ROOMS = ["channels", "border", "both"] as const;

export function roomFor(kind: (typeof ROOMS)[number] | undefined, rank: number): Room {
  return Array.from({ length: rank }, (_, axis) => {
    if (axis === rank - 1) return kind === "channels" || kind === "both" ? [3, 2] : [0, 0];
    return axis > 0 && (kind === "border" || kind === "both") ? [2, 1] : [0, 0];
  });
}

interface Placed {
  /** The wider tensor. */
  readonly whole: Value;
  readonly value: Value;
  /** Where each element of the value lies in the wider tensor. */
  readonly indices: Int32Array;
}

function placeIn(type: TensorType, room: Room): Placed {
  const shape = type.shape.map((size, i) => room[i][0] + size + room[i][1]);
  const whole = denseValue({ shape, dtype: type.dtype }, Address.of(sizeOf(shape) * 4, "run"));
  const begin = room.map(([before]) => before);
  const value = partOf(whole, begin, type.shape);
  const indices = Int32Array.from({ length: sizeOf(type.shape) }, (_, i) => {
    let rest = i;
    let index = value.base.offset / 4;
    for (let axis = type.shape.length - 1; axis >= 0; axis--) {
      index += (rest % type.shape[axis]) * (value.strides[axis] / 4);
      rest = Math.floor(rest / type.shape[axis]);
    }
    return index;
  });
  return { whole, value, indices };
}

/** The op's outputs, with its inputs and outputs in such rooms. Throws where something is written outside of an output. */
export async function evaluateViews<P>(
  engine: Runtime | Promise<Runtime>,
  op: Op<P>,
  inputs: readonly Plain[],
  params: P,
  inputRoom: (rank: number) => Room,
  outputRoom: (rank: number) => Room,
): Promise<Result[]> {
  const runtime = await engine;
  const results: Result[][] = [];
  for (const executor of [undefined, { run: inPieces }]) {
    const program = new Program(runtime, op.name);
    const types = inputs.map(typeOf);
    const xs = types.map((type) => placeIn(type, inputRoom(type.shape.length)));
    const ys = op.infer(types, params, op.name).map((type) => placeIn(type, outputRoom(type.shape.length)));
    for (const { whole } of [...xs, ...ys]) program.input(whole.base);
    const values = (placed: readonly Placed[]): Value[] => placed.map(({ value }) => value);
    op.forward(program, values(xs), values(ys), params);
    for (const { whole } of ys) program.output(whole.base);
    program.place();
    const { memory } = runtime;
    const contents = ({ whole }: Placed): Float32Array => {
      const first = whole.base.value / 4;
      return memory.floats.subarray(first, first + sizeOf(whole.shape));
    };
    xs.forEach((x, i) => {
      const floats = contents(x).fill(Number.NaN);
      x.indices.forEach((index, j) => {
        floats[index] = inputs[i].data[j];
      });
    });
    for (const y of ys) contents(y).fill(PAINT);
    program.run(executor);
    results.push(
      ys.map((y) => {
        const floats = contents(y);
        const data = Float32Array.from(y.indices, (index) => floats[index]);
        for (const index of y.indices) floats[index] = PAINT;
        const stray = floats.findIndex((v) => v !== Math.fround(PAINT));
        if (stray >= 0) throw new Error(`${op.name}: wrote outside of its output, at element ${stray}`);
        return { shape: y.value.shape, data };
      }),
    );
    program.dispose();
  }
  const [whole, cut] = results;
  whole.forEach(({ data }, i) => {
    if (data.some((v, j) => !Object.is(v, cut[i].data[j])))
      throw new Error(`${op.name}: cutting the range changes the result`);
  });
  return whole;
}
