// The fully connected layer as ONNX nodes.
import { dense } from "../../ops/dense.ts";
import { entry, type TranslationEntry } from "./call.ts";

export const denseTranslations: readonly TranslationEntry[] = [
  entry(dense, (g, { inputs: [x, w, bias], outputs: [y] }) => {
    const [features, units] = w.shape;
    // Where the input was flattened channels first, the rows of the weight are permuted likewise.
    const c = g.flattenedFrom(x)?.at(-1) ?? 1;
    const weight = g.weight(w, [features / c, c, units], [1, 0, 2], w.shape);
    const operands = [g.value(x, "last"), weight];
    if (x.shape.length === 2) {
      if (bias) operands.push(g.plain(bias));
      g.define(y, g.emit("Gemm", operands), "last");
      return;
    }
    const product = g.emit("MatMul", operands);
    g.define(y, bias ? g.emit("Add", [product, g.plain(bias)]) : product, "last");
  }),
];
