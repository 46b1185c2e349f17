// What is sent to a worker: arrays copied once and moved, or moved at once where the caller gives them away.
import { ArgumentError } from "../errors.ts";
import { describe, isPlain } from "../validate.ts";

/** `slice` of every kind of typed array; Node's Buffer has another of its own, which does not copy. */
const { slice } = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array;

/** Collects the buffers that go along with a message. */
export class Parcel {
  readonly #move: boolean;
  readonly #buffers = new Set<ArrayBuffer>();
  /** Arrays that were given away, and what became of them: one may be given twice. */
  readonly #moved = new Map<ArrayBufferView, ArrayBufferView>();

  /** With `move`, arrays that fill their buffers are given away, and are empty afterwards; parts of larger buffers are copied. */
  constructor(move = false) {
    this.#move = move;
  }

  get transfer(): ArrayBuffer[] {
    return [...this.#buffers];
  }

  /** An array of numbers as it is sent. What is none is left as it is, for the worker to say so. */
  numbers(values: unknown): unknown {
    if (Array.isArray(values)) return areNumbers(values) ? this.#own(Float64Array.from(values)) : values;
    if (!ArrayBuffer.isView(values) || values instanceof DataView) return values;
    const { buffer, byteLength } = values;
    // Memory that is shared already needs no copy.
    if (this.#move && !(buffer instanceof ArrayBuffer)) return values;
    if (!this.#move || byteLength < buffer.byteLength) return this.#own(slice.call(values));
    // At once, though the message may have to wait: nobody changes the values meanwhile.
    const moved = this.#moved.get(values) ?? structuredClone(values, { transfer: [buffer as ArrayBuffer] });
    this.#moved.set(values, moved);
    return this.#own(moved);
  }

  /** One array of numbers, or several by name. */
  inputs(x: unknown): unknown {
    if (!isPlain(x)) return this.numbers(x);
    return Object.fromEntries(Object.entries(x).map(([name, values]) => [name, this.numbers(values)]));
  }

  /** Images and their labels. */
  samples(samples: unknown): unknown {
    if (!isPlain(samples)) return samples;
    const { x, y, weight, ...rest } = samples as Record<string, unknown>;
    return {
      ...("x" in samples && { x: this.inputs(x) }),
      ...("y" in samples && { y: this.inputs(y) }),
      ...("weight" in samples && { weight: this.numbers(weight) }),
      ...rest,
    };
  }

  #own(view: ArrayBufferView): ArrayBufferView {
    this.#buffers.add(view.buffer as ArrayBuffer);
    return view;
  }
}

/** Options of a training as they are sent: of an optimizer its numbers alone, as its code is in the workers. */
export function sendable<O extends object>(options: O): O {
  const { optimizer } = options as { optimizer?: unknown };
  if (!isPlain(optimizer)) return options;
  const { apply: _, ...numbers } = optimizer as { apply?: unknown };
  return { ...options, optimizer: numbers };
}

// Not `every`, which leaves out holes.
function areNumbers(values: readonly unknown[]): boolean {
  for (let i = 0; i < values.length; i++) if (typeof values[i] !== "number") return false;
  return true;
}

/** The ArgumentError of what cannot be sent, which names the part that cannot; any other error as it is. */
export function refusal(error: unknown, where: string, parts: Readonly<Record<string, unknown>>): unknown {
  if ((error as Error | null)?.name !== "DataCloneError") return error;
  const named = Object.entries(parts).find(([, value]) => !canBeSent(value));
  const [name, value] = named ?? ["an argument", undefined];
  const what = named ? `${name} is ${describe(value)}` : name;
  return new ArgumentError(
    `${where}: ${what}, which cannot be sent to a worker: ${(error as Error).message}`,
    { cause: error },
  );
}

function canBeSent(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}
