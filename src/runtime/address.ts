// Places in linear memory that a program settles when it is placed, and arguments of kernel calls made of them.

/**
 * How long a storage's bytes are needed: `kept` as long as the program (weights, records), `run` from their first use to their
 * last within one run (activations, scratch), `fixed` at an address somebody else owns (a tensor, a variable).
 */
export type Lifetime = "kept" | "run" | "fixed";

/** Values made of weights that may change: an array to be read at once, which may be a view of linear memory. */
export interface Computed {
  (): Float32Array;
  /** What they are the product of, for calls that can multiply while they pack them. */
  readonly factors?: Factors;
}

/** Values, and for each index of their last axis a number that multiplies them: a filter, and a scale of each output channel. */
export interface Factors {
  readonly values: Constant;
  readonly scale: Computed;
}

/** Values known before a program runs: numbers, or what is made of weights that may change, see `Program.refresh`. */
export type Constant = Float32Array | Computed;

/** The numbers of a constant, as they are now. */
export const valuesOf = (constant: Constant): Float32Array =>
  typeof constant === "function" ? constant() : constant;

/** The product of factors. */
export function scaled(factors: Factors): Computed {
  const product = (): Float32Array => {
    const scale = factors.scale();
    return valuesOf(factors.values).map((value, i) => value * scale[i % scale.length]);
  };
  return Object.assign(product, { factors });
}

/** A loop of a program, as storages and arguments name it. */
export interface Loop {
  readonly count: number;
  /** The loop round this one. */
  readonly outer: Loop | undefined;
}

/** A range of linear memory whose address is known once the program has been placed. */
export class Storage {
  /** Byte address; 0 until placed. */
  address = 0;
  /** Index of the first and of the last call that touches the storage. */
  first = Infinity;
  last = -1;
  /** The storage whose memory this one takes over, see `Program.overlay`. */
  over: Storage | undefined;

  constructor(
    readonly bytes: number,
    readonly lifetime: Lifetime,
    /** Content of a kept storage, which is constant then. Numbers are let go of once they are uploaded. */
    public data: Constant | Int32Array | undefined = undefined,
    /** The loop in which it was made: its content does not outlive an iteration. */
    readonly loop: Loop | undefined = undefined,
  ) {}
}

/** By how many bytes (or how much) an argument grows with every iteration of a loop. */
export interface Step {
  readonly loop: Loop;
  readonly by: number;
}

const NO_STEPS: readonly Step[] = [];

/** A byte in a storage. `Name` tells what record lies there, where one does. */
export class Address<Name extends string = string> {
  declare protected readonly name: Name;

  constructor(
    readonly storage: Storage,
    readonly offset = 0,
    readonly steps: readonly Step[] = NO_STEPS,
  ) {}

  /** Address of an uninitialised storage of its own. */
  static of(bytes: number, lifetime: Lifetime, loop?: Loop): Address {
    return new Address(new Storage(bytes, lifetime, undefined, loop));
  }

  plus(bytes: number): Address {
    return bytes === 0 ? this : new Address(this.storage, this.offset + bytes, this.steps);
  }

  /** This address in the first iteration of a loop, and `bytes` further in each that follows. */
  stepping(loop: Loop, bytes: number): Address {
    return new Address(this.storage, this.offset, [...this.steps, { loop, by: bytes }]);
  }

  /** The byte address, once the program has been placed. */
  get value(): number {
    return this.storage.address + this.offset;
  }
}

/** A number that grows with every iteration of a loop. */
export class SteppedNumber {
  constructor(
    readonly value: number,
    readonly steps: readonly Step[],
  ) {}
}

/** A number among a kernel's arguments. */
export type Scalar = number | SteppedNumber;

/** Records by the name that kernels give their parameters; see records.ts. */
export interface Records {
  convShape: true;
  winogradShape: true;
  gemmShape: true;
  pixelGrid: true;
  epilogue: true;
  filterGradShape: true;
  poolShape: true;
  padShape: true;
  borderShape: true;
  resizeShape: true;
  copyShape: true;
  suppression: true;
  combineShape: true;
  stridedRows: true;
  broadcastRows: true;
  normShape: true;
  wordRows: true;
  boxShape: true;
  unpoolShape: true;
}

/** A place among a kernel's arguments: any, or none (0); or, for a parameter named after a record, such a record. */
export type Pointer<Name extends string> = Name extends keyof Records ? Address<Name> : Address | 0;

export type Argument = Scalar | Address;
