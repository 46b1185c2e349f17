// Numbers as integers of few bits and a scale, and back.

import type { Value } from "../import/value.ts";
import { type Call, ELEMENTS, type Operators, type Typed } from "./operator.ts";
import { elementType } from "./tensor.ts";

/** Scales and zero points: one, or one for each index of an axis. */
function alongAxis(call: Call, x: Value, i: number): Value {
  const given = call.input(i);
  const axis = call.attributes.int("axis") ?? 1;
  if (given.shape.length === 0 || given.constant?.data.length === 1) return call.w.reshape(given, []);
  if (given.shape.length !== 1)
    call.refuse(`input ${i} has shape [${given.shape}]; blocks have no equivalent here`);
  const after = x.shape.length - call.axis(axis, x.shape.length) - 1;
  return call.w.reshape(given, [...given.shape, ...new Array<number>(after).fill(1)]);
}

function quantize(call: Call): Typed {
  const { w, attributes } = call;
  attributes.ignore("saturate");
  if (attributes.int("block_size")) call.refuse("blocks have no equivalent here");
  attributes.ignore("precision");
  const x = w.cast(call.input(0), "float");
  const scale = alongAxis(call, x, 1);
  const wanted = attributes.int("output_dtype");
  const element = call.has(2) ? call.element(2) : wanted ? elementType(wanted, call.where) : ELEMENTS.uint8;
  const { range, kind } = element;
  if (kind !== "int" || !range) call.refuse(`quantizing to ${element.name} has no equivalent here`);
  let y = w.unary("round", w.arithmetic("div", x, scale));
  if (call.has(2)) y = w.arithmetic("add", y, w.cast(alongAxis(call, x, 2), "float"));
  return { value: w.cast(w.clip(y, range[0], range[1]), "int"), element };
}

function dequantize(call: Call): Typed {
  const { w, attributes } = call;
  if (attributes.int("block_size")) call.refuse("blocks have no equivalent here");
  const x = w.cast(call.input(0), "float");
  const scale = alongAxis(call, x, 1);
  const centred = call.has(2) ? w.arithmetic("sub", x, w.cast(alongAxis(call, x, 2), "float")) : x;
  return { value: w.arithmetic("mul", centred, scale), element: call.element(1) };
}

export const QUANTIZATION: Operators = { DequantizeLinear: dequantize, QuantizeLinear: quantize };
