// How large a model may become when it is read: an entry of a few bytes takes a hundred as an object, and functions stand for their nodes.
import { UnsupportedError } from "../../errors.ts";
import { anInteger, anObject, type Checks, checkOptions } from "../../validate.ts";
import { type Place, showPlace } from "./place.ts";

/** The most a model may hold. A file beyond is refused with UnsupportedError before more is made of it. */
export interface OnnxLimits {
  /** Nodes, with functions written out. Default 50,000. */
  nodes?: number;
  /** Functions within functions. Default 16, at most 256. */
  depth?: number;
}

/** The bytes of a file. */
type Bytes = ArrayBuffer | ArrayBufferView;

export interface OnnxOptions {
  /** The files next to the model that hold its tensors, by the names that the model gives them; or what gives a file for its name. */
  external?: Readonly<Record<string, Bytes>> | ((name: string) => Bytes | undefined);
  /** Values of inputs that are always the same, by name: a list, whose shape is that of the input, or with a shape of its own. */
  constants?: Readonly<Record<string, GivenConstant>>;
  limits?: OnnxLimits;
}

type Numbers = ArrayLike<number> | ArrayLike<bigint>;
export type GivenConstant = Numbers | { readonly shape: readonly number[]; readonly data: Numbers };

const LIMITS: Checks<OnnxLimits> = {
  nodes: anInteger(1, Number.MAX_SAFE_INTEGER),
  // Functions are written out by calls that are nested, and stacks end.
  depth: anInteger(1, 256),
};
const OPTIONS: Checks<OnnxOptions> = { external: true, constants: true, limits: anObject(LIMITS) };

/** Names and numbers in lists per node allowed. Networks have 10 to 40. */
const ITEMS_PER_NODE = 100;
/** What a message (a node, an attribute, a tensor, an input) counts as. */
const ITEMS_PER_MESSAGE = 8;

/** What is left of the limits while a model is read. */
export class Budget {
  readonly #nodes: number;
  readonly #depth: number;
  #items = 0;
  #written = 0;

  constructor(options: OnnxOptions) {
    checkOptions("fromOnnx", options, OPTIONS);
    const { nodes = 50_000, depth = 16 } = options.limits ?? {};
    this.#nodes = nodes;
    this.#depth = depth;
  }

  message(place: Place): void {
    this.item(place, ITEMS_PER_MESSAGE);
  }

  /** One more name or number in a list. */
  item(place: Place, count = 1): void {
    const most = this.#nodes * ITEMS_PER_NODE;
    this.#items += count;
    if (this.#items > most)
      refuse(showPlace(place), `the model has more than ${most} names, numbers and attributes`, "nodes");
  }

  /** One more node, that reads and makes so many values. */
  node(values: number, where: string): void {
    if (++this.#written > this.#nodes)
      refuse(where, `the model has more than ${this.#nodes} nodes, functions written out`, "nodes");
    this.#items += values;
    if (this.#items > this.#nodes * ITEMS_PER_NODE)
      refuse(where, `nodes read and make more than ${this.#nodes * ITEMS_PER_NODE} values`, "nodes");
  }

  nesting(depth: number, where: string): void {
    if (depth > this.#depth)
      refuse(where, `functions call each other more than ${this.#depth} deep`, "depth");
  }
}

function refuse(where: string, what: string, limit: keyof OnnxLimits): never {
  throw new UnsupportedError(`onnx: ${where}: ${what}; { limits: { ${limit} } } allows more`);
}
