// Every operator of TensorFlow graphs that can be translated, by its name.

import type { Operator, Operators } from "./graph-call.ts";
import { controlOperators } from "./graph-operators-control.ts";
import { convOperators } from "./graph-operators-conv.ts";
import { elementwiseOperators } from "./graph-operators-elementwise.ts";
import { dynamicSize, imageOperators } from "./graph-operators-image.ts";
import { reduceOperators } from "./graph-operators-reduce.ts";
import { shapeOperators } from "./graph-operators-shape.ts";
import type { GraphNode } from "./graph-topology.ts";

const OPERATORS: Operators = {
  ...controlOperators,
  ...elementwiseOperators,
  ...convOperators,
  ...imageOperators,
  ...reduceOperators,
  ...shapeOperators,
};

/** How a node is translated; undefined where it cannot be. */
export const operatorOf = (node: GraphNode): Operator | undefined =>
  Object.hasOwn(OPERATORS, node.op) && !dynamicSize(node) ? OPERATORS[node.op] : undefined;
