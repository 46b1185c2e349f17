// How large a model may become when it is read: a nested model is written out at every call, so a few kilobytes can stand for millions of
// layers.
import { UnsupportedError } from "../../errors.ts";
import {
  aList,
  aNumber,
  anInteger,
  anObject,
  type Check,
  type Checks,
  checkOptions,
  describe,
  isPlain,
  refuse,
} from "../../validate.ts";

/** The most a model may hold. A file beyond is refused with UnsupportedError before anything is made of it. */
export interface TfjsLimits {
  /** Layers with nested models written out, calls of nested models counted. Default 20,000. */
  layers?: number;
  /** Models nested in each other. Default 32, at most 256. */
  depth?: number;
  /** Bytes of all weights as float32. Default 2^31. */
  bytes?: number;
}

export interface TfjsOptions {
  limits?: TfjsLimits;
  /**
   * Inputs of a graph model whose values are known: a number, or a list of them. They become constants, which the network does not take:
   * graphs need it whose sizes or branches depend on the values of an input.
   */
  known?: Readonly<Record<string, number | readonly number[]>>;
  /** Shapes of inputs of a graph model that says nothing about them, with all axes; null for sizes that are open. */
  shapes?: Readonly<Record<string, readonly (number | null)[]>>;
}

const MOST = Number.MAX_SAFE_INTEGER;
const LIMITS: Checks<TfjsLimits> = {
  layers: anInteger(1, MOST),
  // What is nested is read by calls that are nested, and stacks end.
  depth: anInteger(1, 256),
  bytes: anInteger(0, MOST),
};

/** Things by the names of inputs. */
const byName =
  <T>(check: Check<T>): Check<Readonly<Record<string, T>>> =>
  (value, name, where) => {
    if (!isPlain(value)) return refuse(value, name, where, "an object with the names of inputs");
    for (const [key, item] of Object.entries(value)) check(item, `${name}[${describe(key)}]`, where);
  };

const numbers = aList(aNumber);
const sizes = aList<number | null>((value, name, where) => {
  if (value !== null) anInteger(1)(value as number, name, where);
});

const OPTIONS: Checks<TfjsOptions> = {
  limits: anObject(LIMITS),
  known: byName((value, name, where) => (Array.isArray(value) ? numbers : aNumber)(value, name, where)),
  shapes: byName(sizes),
};

/** Tensors that layers read, per layer allowed. Networks have one to two; a dense graph may have more. */
const READS_PER_LAYER = 16;
/** Bytes of values that stand for weights the file does not hold: the scale and the offset of a normalisation without them. */
const CONSTANT_BYTES = 2 ** 24;

/** What is left of the limits while a model is read. */
export class Budget {
  readonly #limits: Required<TfjsLimits>;
  #layers = 0;
  #reads = 0;
  #constants = 0;

  constructor(options: TfjsOptions) {
    checkOptions("fromTfjs", options, OPTIONS);
    const { layers = 20_000, depth = 32, bytes = 2 ** 31 } = options.limits ?? {};
    this.#limits = { layers, depth, bytes };
  }

  /** One more layer, or call of a nested model, that reads so many tensors. */
  layer(reads: number, where: string): void {
    const { layers } = this.#limits;
    if (++this.#layers > layers)
      this.#refuse(where, `the model has more than ${layers} layers, nested models written out`, "layers");
    this.#reads += reads;
    if (this.#reads > layers * READS_PER_LAYER)
      this.#refuse(where, `layers read more than ${layers * READS_PER_LAYER} tensors`, "layers");
  }

  nesting(depth: number, where: string): void {
    if (depth > this.#limits.depth)
      this.#refuse(where, `models are nested more than ${this.#limits.depth} deep`, "depth");
  }

  weights(bytes: number): void {
    if (bytes > this.#limits.bytes)
      this.#refuse(
        "tfjs",
        `the weights need ${bytes} bytes as float32, above ${this.#limits.bytes}`,
        "bytes",
      );
  }

  constants(bytes: number, where: string): void {
    this.#constants += bytes;
    if (this.#constants > CONSTANT_BYTES)
      throw new UnsupportedError(
        `${where}: weights that the file leaves out need more than ${CONSTANT_BYTES} bytes`,
      );
  }

  #refuse(where: string, what: string, limit: keyof TfjsLimits): never {
    throw new UnsupportedError(`${where}: ${what}; { limits: { ${limit} } } allows more`);
  }
}
