// What a translation is: a function from one node of our graph to nodes of an ONNX graph. And what translations share.
import { UnsupportedError } from "../../errors.ts";
import type { Edge } from "../../graph/graph.ts";
import type { Op } from "../../graph/op.ts";
import { channelsFirst, type Layout, type OnnxGraph } from "./graph.ts";

/** A node of our graph whose op's parameters have a known type. */
export interface Call<P> {
  readonly inputs: readonly Edge[];
  readonly outputs: readonly Edge[];
  readonly params: P;
  readonly where: string;
}

/** Emits the ONNX nodes that compute the same as the call, and defines the values of its outputs. */
export type Translation<P> = (g: OnnxGraph, call: Call<P>) => void;

// biome-ignore lint/suspicious/noExplicitAny: a table holds ops of every parameter type
export type TranslationEntry = readonly [op: Op<any>, translate: Translation<any>];

/** Ties a translation to its op, so that both agree on the parameters. */
export const entry = <P>(op: Op<P>, translate: Translation<P>): TranslationEntry => [op, translate];

/** Throws the error of a layer that ONNX has no equivalent for. */
export function refuse(where: string, what: string): never {
  throw new UnsupportedError(`toOnnx: ${where} cannot be said in ONNX (${what})`);
}

/** [0, 1, ..., length - 1]. */
export const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** The index that an axis of ours has in a layout. */
export function axisIn(layout: Layout, axis: number, rank: number): number {
  if (layout === "last" || rank < 3 || axis === 0) return axis;
  return axis === rank - 1 ? 1 : axis + 1;
}

/** One value per axis, in the order of a layout. */
export const arranged = <T>(values: readonly T[], layout: Layout): readonly T[] =>
  layout === "first" ? channelsFirst(values) : values;

/** Pixels before and after, on one spatial axis. */
export interface Ends {
  readonly before: number;
  readonly after: number;
}

/** ONNX's order of padding: the start of every axis, then the end of every axis. */
export const padsOf = (axes: readonly Ends[]): number[] => [
  ...axes.map((a) => a.before),
  ...axes.map((a) => a.after),
];

/** ONNX's names for what a border holds. */
export const PAD_MODES = {
  zeros: "constant",
  constant: "constant",
  reflect: "reflect",
  replicate: "edge",
} as const;

/** Pads the spatial axes of a value that is channels first. */
export function padSpatial(
  g: OnnxGraph,
  value: string,
  axes: readonly Ends[],
  mode: keyof typeof PAD_MODES = "zeros",
): string {
  const none = { before: 0, after: 0 };
  return g.emit("Pad", [value, g.ints(padsOf([none, none, ...axes]))], { mode: PAD_MODES[mode] });
}

/**
 * Fills up one axis of a value of int64, or float32, behind as many as were `found` (a list of one), until it has `size`. Only ONNX has
 * values whose size is known at run time.
 */
export function fillUp(
  g: OnnxGraph,
  value: string,
  axis: number,
  rank: number,
  found: string,
  size: number,
  filler: number,
  type: "int64" | "float32" = "int64",
): string {
  const missing = g.emit("Sub", [g.ints([size]), found]);
  const none = (count: number): string[] => (count ? [g.ints(new Array<number>(count).fill(0))] : []);
  const amounts = [...none(rank + axis), missing, ...none(rank - 1 - axis)];
  const pads = amounts.length > 1 ? g.emit("Concat", amounts, { axis: 0 }) : missing;
  const constant = type === "int64" ? g.ints([filler], []) : g.scalar(filler);
  return g.emit("Pad", [value, pads, constant], { mode: "constant" });
}

/** A vector with one number per channel as [c, 1, ...], to combine with a value of that rank that is channels first. */
export const perChannel = (g: OnnxGraph, vector: Edge, rank: number): string =>
  g.weight(vector, vector.shape, [0], [vector.shape[0], ...new Array<number>(rank - 2).fill(1)]);
