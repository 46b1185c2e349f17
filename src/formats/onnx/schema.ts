// Messages read by a table of their fields: what a field is called, its number, and how its value is stored.
import { FormatError } from "../../errors.ts";
import { textOf } from "../bytes.ts";
import type { Budget } from "./limits.ts";
import { type Place, showPlace } from "./place.ts";
import { WIRE, Wire, type WireType } from "./wire.ts";

/** How the values of a field are read. */
interface Kind<T> {
  readonly type: WireType;
  read(wire: Wire, budget: Budget, place: Place): T;
}

export interface Field<T> {
  readonly number: number;
  readonly kind: Kind<unknown>;
  readonly repeated: boolean;
  /** The value of a field that is not there. */
  readonly initial: () => T;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;

/** A message by its table of fields. */
export interface Schema<F extends Fields> {
  readonly fields: F;
  /** By number: the table once more, as messages are read. */
  readonly numbered: ReadonlyMap<number, readonly [name: string, field: Field<unknown>]>;
}

export type Decoded<S> =
  S extends Schema<infer F> ? { [K in keyof F]: F[K] extends Field<infer T> ? T : never } : never;

export function schema<const F extends Fields>(fields: F): Schema<F> {
  const numbered = Object.entries(fields).map(
    ([name, field]) => [field.number, [name, field] as const] as const,
  );
  return { fields, numbered: new Map(numbered) };
}

export const INT: Kind<number> = { type: WIRE.varint, read: (wire) => wire.int() };
export const FLOAT: Kind<number> = { type: WIRE.fixed32, read: (wire) => wire.float32() };

/** How messages begin that do not say yet where the byte is. */
const BYTE = "onnx: byte ";

/** Bytes of the file itself, and where in the file they begin. */
export interface Stored {
  readonly bytes: Uint8Array;
  readonly start: number;
}
export const BYTES: Kind<Stored> = {
  type: WIRE.bytes,
  read(wire) {
    const bytes = wire.bytes();
    return { bytes, start: wire.position - bytes.length };
  },
};
export const TEXT: Kind<string> = {
  type: WIRE.bytes,
  read(wire, budget, place) {
    budget.item(place);
    const { bytes, start } = BYTES.read(wire, budget, place);
    try {
      return textOf(bytes);
    } catch (cause) {
      throw new FormatError(`onnx: byte ${start}: the text is no UTF-8`, { cause });
    }
  },
};
/** Something that is there but is not read: how it is refused is up to whoever meets it. */
export const THERE: Kind<true> = {
  type: WIRE.bytes,
  read(wire) {
    wire.bytes();
    return true;
  },
};
/** A message inside this one. */
export const message = <F extends Fields>(of: Schema<F>): Kind<Decoded<Schema<F>>> => ({
  type: WIRE.bytes,
  read(wire, budget, place) {
    const { bytes, start } = BYTES.read(wire, budget, place);
    return decode(new Wire(bytes, start), of, budget, place);
  },
});

/** A field that comes once at most; `initial` is its value where it does not. */
export const one = <T, const D>(number: number, kind: Kind<T>, initial: D): Field<T | D> => ({
  number,
  kind,
  repeated: false,
  initial: () => initial,
});

/** A field that may come any number of times. */
export const many = <T>(number: number, kind: Kind<T>): Field<T[]> => ({
  number,
  kind,
  repeated: true,
  initial: () => [],
});

/**
 * Reads one message. Fields that the table does not have are stepped over; of numbers that come twice, the last counts, as Protocol
 * Buffers say; numbers of a list may be packed or not.
 *
 * @throws FormatError naming the field and the byte.
 * @throws UnsupportedError for more than the budget allows.
 */
export function decode<F extends Fields>(
  wire: Wire,
  { fields, numbered }: Schema<F>,
  budget: Budget,
  place: Place,
): Decoded<Schema<F>> {
  budget.message(place);
  const made: Record<string, unknown> = {};
  for (const name in fields) made[name] = fields[name].initial();
  /** A bit for each field that was there; their numbers are below 32. */
  let given = 0;
  let here = place;
  try {
    while (wire.next()) {
      const known = numbered.get(wire.field);
      if (!known) {
        wire.skip();
        continue;
      }
      const [name, { kind, repeated }] = known;
      const list = repeated ? (made[name] as unknown[]) : undefined;
      here = { parent: place, name, index: list?.length };
      if (wire.type === kind.type) {
        if (!list && kind.type === WIRE.bytes && given & (1 << wire.field))
          throw new FormatError(`onnx: byte ${wire.position}: the field is given twice`);
        given |= 1 << wire.field;
        const value = kind.read(wire, budget, here);
        if (list) {
          budget.item(here);
          list.push(value);
        } else made[name] = value;
      } else if (list && wire.type === WIRE.bytes) {
        const { bytes, start } = BYTES.read(wire, budget, here);
        const packed = new Wire(bytes, start);
        while (!packed.atEnd) {
          budget.item(here);
          list.push(kind.read(packed, budget, here));
        }
      } else
        throw new FormatError(
          `onnx: byte ${wire.position}: the field has wire type ${wire.type} but must have ${kind.type}`,
        );
      here = place;
    }
  } catch (error) {
    throw located(error, here);
  }
  return made as Decoded<Schema<F>>;
}

/** The same error with the place of the innermost message in front of the byte. */
export function located(error: unknown, place: Place): unknown {
  if (!(error instanceof FormatError) || !error.message.startsWith(BYTE)) return error;
  const cause = error.cause === undefined ? undefined : { cause: error.cause };
  return new FormatError(`onnx: ${showPlace(place)}: ${error.message.slice(BYTE.length - 5)}`, cause);
}
