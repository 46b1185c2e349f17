// Every operator that can be translated, by name.
import type { Operators } from "./operator.ts";
import { ELEMENTWISE } from "./operators-elementwise.ts";
import { IMAGES } from "./operators-image.ts";
import { INDICES } from "./operators-index.ts";
import { NORMS } from "./operators-norm.ts";
import { PRODUCTS } from "./operators-product.ts";
import { QUANTIZATION } from "./operators-quantize.ts";
import { REDUCTIONS } from "./operators-reduce.ts";
import { SHAPES } from "./operators-shape.ts";
import { WINDOWS } from "./operators-window.ts";

export const OPERATORS: Operators = {
  ...ELEMENTWISE,
  ...IMAGES,
  ...INDICES,
  ...NORMS,
  ...PRODUCTS,
  ...QUANTIZATION,
  ...REDUCTIONS,
  ...SHAPES,
  ...WINDOWS,
};
