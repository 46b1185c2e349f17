// Arithmetic of values one by one as ONNX nodes.
import { type AffineParams, affine, type BinaryParams, binary } from "../../ops/elementwise.ts";
import { entry, type Translation, type TranslationEntry } from "./call.ts";

const BINARY = { add: "Add", sub: "Sub", mul: "Mul", div: "Div", min: "Min", max: "Max" } as const;

const writeBinary: Translation<BinaryParams> = (g, { inputs: [a, b], outputs: [y], params }) => {
  // Broadcasting aligns the last axes; where ranks differ these must be ours.
  const layout = a.shape.length === b.shape.length ? g.layout(a, b) : "last";
  g.define(y, g.emit(BINARY[params.kind], [g.value(a, layout), g.value(b, layout)]), layout);
};

const writeAffine: Translation<AffineParams> = (g, { inputs: [x], outputs: [y], params }) => {
  const layout = g.layout(x);
  const scaled = g.emit("Mul", [g.value(x, layout), g.scalar(params.scale)]);
  g.define(y, g.emit("Add", [scaled, g.scalar(params.offset)]), layout);
};

export const elementwiseTranslations: readonly TranslationEntry[] = [
  entry(binary, writeBinary),
  entry(affine, writeAffine),
];
