// The messages of an ONNX file that are read. Field numbers: onnx/onnx.proto (IR version 10); doc strings and training info are left out.
import { BYTES, type Decoded, FLOAT, INT, many, message, one, schema, TEXT, THERE } from "./schema.ts";

const ENTRY = schema({ key: one(1, TEXT, ""), value: one(2, TEXT, "") });

/** A tensor, its numbers not yet read: they may be in `raw`, in a file of their own, or in the lists of `TENSOR_LISTS`. */
export const TENSOR = schema({
  dims: many(1, INT),
  type: one(2, INT, 0),
  segment: one(3, THERE, false),
  strings: many(6, THERE),
  name: one(8, TEXT, ""),
  raw: one(9, BYTES, undefined),
  external: many(13, message(ENTRY)),
  location: one(14, INT, 0),
});
export type TensorMessage = Decoded<typeof TENSOR>;

const DIMENSION = schema({ value: one(1, INT, undefined), name: one(2, TEXT, undefined) });
const SHAPE = schema({ dims: many(1, message(DIMENSION)) });
const TENSOR_TYPE = schema({ type: one(1, INT, 0), shape: one(2, message(SHAPE), undefined) });
const TYPE = schema({
  tensor: one(1, message(TENSOR_TYPE), undefined),
  sequence: one(4, THERE, false),
  map: one(5, THERE, false),
  opaque: one(7, THERE, false),
  sparse: one(8, THERE, false),
  optional: one(9, THERE, false),
});
export type TypeMessage = Decoded<typeof TYPE>;
const VALUE = schema({ name: one(1, TEXT, ""), type: one(2, message(TYPE), undefined) });
export type ValueMessage = Decoded<typeof VALUE>;

const ATTRIBUTE = schema({
  name: one(1, TEXT, ""),
  float: one(2, FLOAT, 0),
  int: one(3, INT, 0),
  string: one(4, BYTES, undefined),
  tensor: one(5, BYTES, undefined),
  graph: one(6, THERE, false),
  floats: many(7, FLOAT),
  ints: many(8, INT),
  strings: many(9, BYTES),
  tensors: many(10, THERE),
  graphs: many(11, THERE),
  typeProto: one(14, THERE, false),
  type: one(20, INT, 0),
  /** In the nodes of a function: the attribute of the call that gives the value. */
  reference: one(21, TEXT, ""),
  sparse: one(22, THERE, false),
});
export type AttributeMessage = Decoded<typeof ATTRIBUTE>;

const NODE = schema({
  inputs: many(1, TEXT),
  outputs: many(2, TEXT),
  name: one(3, TEXT, ""),
  op: one(4, TEXT, ""),
  attributes: many(5, message(ATTRIBUTE)),
  domain: one(7, TEXT, ""),
});
export type NodeMessage = Decoded<typeof NODE>;

const OPSET = schema({ domain: one(1, TEXT, ""), version: one(2, INT, 0) });
export type OpsetMessage = Decoded<typeof OPSET>;

const FUNCTION = schema({
  name: one(1, TEXT, ""),
  inputs: many(4, TEXT),
  outputs: many(5, TEXT),
  attributes: many(6, TEXT),
  nodes: many(7, message(NODE)),
  opsets: many(9, message(OPSET)),
  domain: one(10, TEXT, ""),
  /** Attributes that have a value where the call gives none. */
  defaults: many(11, message(ATTRIBUTE)),
});
export type FunctionMessage = Decoded<typeof FUNCTION>;

const GRAPH = schema({
  nodes: many(1, message(NODE)),
  name: one(2, TEXT, ""),
  /** Tensors, read when all of the model is known. */
  initializers: many(5, BYTES),
  inputs: many(11, message(VALUE)),
  outputs: many(12, message(VALUE)),
  sparseInitializers: many(15, THERE),
});
export type GraphMessage = Decoded<typeof GRAPH>;

export const MODEL = schema({
  irVersion: one(1, INT, 0),
  producer: one(2, TEXT, ""),
  producerVersion: one(3, TEXT, ""),
  graph: one(7, message(GRAPH), undefined),
  opsets: many(8, message(OPSET)),
  metadata: many(14, message(ENTRY)),
  functions: many(25, message(FUNCTION)),
});
