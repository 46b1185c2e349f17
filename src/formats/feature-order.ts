// Which image the features [n, m] of a value were flattened from, or will be unflattened to. Channels first and channels last flatten to
// different orders, so that weights over such features change places when they come from PyTorch.
import type { Edge, Node } from "../graph/graph.ts";
import { activation, prelu } from "../ops/activation.ts";
import { dense } from "../ops/dense.ts";
import { affine, binary } from "../ops/elementwise.ts";
import { batchNorm } from "../ops/norm.ts";
import { flatten, reshape } from "../ops/shape.ts";
import { logSoftmax, softmax } from "../ops/softmax.ts";
import { type Shape, sizeOf } from "../tensor.ts";

/** The shape [...spatial, c] that features stand for; "mixed" where they stand for several, or for parts of one. */
export type Order = Shape | "mixed";

const RESHAPING: ReadonlySet<unknown> = new Set([flatten, reshape]);
/** Ops that leave every feature in its place. */
const KEEPING: ReadonlySet<unknown> = new Set([
  ...[activation, prelu, affine, binary, batchNorm, softmax, logSoftmax],
  ...RESHAPING,
]);

/** The order of the features of every value where they are not one channel each, or one pixel: those need no reordering. */
export class FeatureOrders {
  readonly #orders = new Map<Edge, Order>();
  #changed = false;
  /** A node that makes features which will be unflattened, and is no dense layer: its channels have an order that is not known. */
  fixed: Node | undefined;

  constructor(nodes: readonly Node[]) {
    do {
      this.#changed = false;
      for (const node of nodes) this.#forwards(node);
      for (const node of [...nodes].reverse()) this.#backwards(node);
    } while (this.#changed);
  }

  /** Undefined where the order is the same, channels first or last. */
  of(edge: Edge): Order | undefined {
    return this.#orders.get(edge);
  }

  #forwards({ op, inputs, outputs }: Node): void {
    for (const y of outputs) {
      if (y.shape.length !== 2) continue;
      if (RESHAPING.has(op) && inputs[0].shape.length > 2) this.#stand(y, imageOf(inputs[0]));
      else if (KEEPING.has(op)) {
        for (const x of inputs) if (alike(x, y)) this.#stand(y, this.of(x));
      } else if (op !== dense && inputs.some((x) => this.of(x))) this.#stand(y, "mixed");
    }
  }

  #backwards(node: Node): void {
    const { op, inputs, outputs } = node;
    const [y] = outputs;
    if (op === reshape && inputs[0].shape.length === 2 && y.shape.length > 2)
      this.#stand(inputs[0], imageOf(y));
    if (KEEPING.has(op)) for (const x of inputs) if (alike(x, y)) this.#stand(x, this.of(y));
    if (op === dense || KEEPING.has(op) || y.shape.length !== 2 || typeof this.of(y) !== "object") return;
    this.fixed = node;
    this.#stand(y, "mixed");
  }

  #stand(edge: Edge, order: Order | undefined): void {
    const before = this.of(edge);
    if (order === undefined || before === "mixed" || `${before}` === `${order}`) return;
    this.#orders.set(edge, before === undefined ? order : "mixed");
    this.#changed = true;
  }
}

/** What [n, ...spatial, c] becomes as features; undefined where the order is the same, channels first or last. */
function imageOf({ shape }: Edge): Shape | undefined {
  const image = shape.slice(1);
  return image.at(-1) === 1 || sizeOf(image.slice(0, -1)) === 1 ? undefined : image;
}

const alike = (x: Edge, y: Edge): boolean => `${x.shape}` === `${y.shape}` && y.shape.length === 2;
