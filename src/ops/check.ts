// Argument checks the ops share. Every message names the op or layer, the argument, what came and what would be right.
import { ArgumentError, ShapeError } from "../errors.ts";
import { type Shape, sizeOf, type TensorType } from "../graph/op.ts";
import { describe, integer, isIntegerFrom, MAX_INTEGER, refuse } from "../validate.ts";

export function show(shape: readonly (number | string)[]): string {
  return `[${shape.join(",")}]`;
}

/** One integer per axis: a single number stands for all of them. */
export function perAxis(
  value: number | readonly number[],
  axes: number,
  name: string,
  where: string,
  min: number,
): number[] {
  if (typeof value === "number") {
    integer(value, name, where, min);
    return new Array<number>(axes).fill(value);
  }
  if (!Array.isArray(value) || value.length !== axes)
    return refuse(value, name, where, `a number or a list of ${axes}`);
  // Every layer comes by here several times: names are only written for messages.
  for (let i = 0; i < axes; i++)
    if (!isIntegerFrom(value[i], min)) integer(value[i], axes > 1 ? `${name}[${i}]` : name, where, min);
  return [...value];
}

/** Throws unless it is a list of so many integers of at least `min`. */
export function integers(value: unknown, axes: number, name: string, where: string, min: number): void {
  if (!Array.isArray(value)) refuse(value, name, where, `a list of ${axes}`);
  perAxis(value as readonly number[], axes, name, where, min);
}

/** A list with something for every axis of the input. */
export function axisList(value: unknown, axes: number, name: string, where: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length !== axes)
    return refuse(value, name, where, `a list of ${axes}, one per axis of the input`);
  return [...value];
}

/** An axis counted from the front, or from the back when negative. */
export function axisOf(axis: number, rank: number, where: string): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
    throw new ArgumentError(
      `${where}: axis is ${describe(axis)} but the input has rank ${rank} (axes ${-rank} to ${rank - 1})`,
    );
  return axis < 0 ? axis + rank : axis;
}

/** The number of inputs an op takes. */
export function arity(inputs: readonly unknown[], min: number, max: number, where: string): void {
  if (inputs.length < min || inputs.length > max) {
    const range = min === max ? min : max === Infinity ? `at least ${min}` : `${min} to ${max}`;
    throw new ArgumentError(`${where}: takes ${range} inputs but got ${inputs.length}`);
  }
}

/** A rank, with the layout in the message. */
export function rank(input: TensorType, expected: number, layout: string, name: string, where: string): void {
  if (input.shape.length !== expected)
    throw new ShapeError(
      `${where}: ${name} has rank ${input.shape.length} (shape ${show(input.shape)}) but must have rank ${expected} (${layout})`,
    );
}

/** The spatial axes of an input [n, ...spatial, c], one to three. */
export function spatialShape({ shape }: TensorType, where: string): Shape {
  if (shape.length < 3 || shape.length > 5)
    throw new ShapeError(
      `${where}: input has rank ${shape.length} (shape ${show(shape)}) but must have rank 3 to 5 ` +
        "([n, ...spatial, c] with one to three spatial axes)",
    );
  return shape.slice(1, -1);
}

/** The size of a result: an integer of at least 1 for each spatial axis of an input. */
export function checkSize(size: unknown, x: TensorType, where: string): void {
  const axes = x.shape.length - 2;
  if (!Array.isArray(size) || size.length !== axes)
    refuse(size, "size", where, `a list of ${axes}, one per spatial axis of input ${show(x.shape)}`);
  perAxis(size as readonly number[], axes, "size", where, 1);
}

/** Checks a shape that came from outside or out of inference: whole dimensions of at least `least`, below 2 GiB. */
export function checkShape(shape: Shape, name: string, where: string, least = 0): void {
  if (!Array.isArray(shape)) refuse(shape, `shape of ${name}`, where, "a list of sizes");
  for (let i = 0; i < shape.length; i++)
    if (!Number.isInteger(shape[i]) || shape[i] < least)
      throw new ShapeError(
        `${where}: ${name} has shape ${describe(shape)}, whose dimension ${i} is ${describe(shape[i])} but must be an integer of at least ${least}`,
      );
  const bytes = sizeOf(shape) * 4;
  if (bytes > MAX_INTEGER)
    throw new ShapeError(
      `${where}: ${name} of shape ${show(shape)} would take ${bytes} bytes but a tensor may have at most ${MAX_INTEGER}`,
    );
}

/** Only float32 can be computed with. */
export function requireFloats(x: TensorType, where: string): void {
  if (x.dtype !== "float32") throw new ArgumentError(`${where}: input is ${x.dtype} but must be float32`);
}
