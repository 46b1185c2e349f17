// The smallest words of the WebAssembly binary format, for yardsticks encoded by hand: no compiler stands between a figure
// and its instructions.

export const I32 = 0x7f;
export const F32 = 0x7d;
export const V128 = 0x7b;

/** Unsigned LEB128. */
export function leb(value: number): number[] {
  const low = value & 0x7f;
  return value < 0x80 ? [low] : [low | 0x80, ...leb(value >>> 7)];
}

/** Signed LEB128 of a number that is not negative: the last byte's bit 6 is its sign. */
function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}

const sized = (bytes: number[]): number[] => [...leb(bytes.length), ...bytes];
const section = (id: number, bytes: number[]): number[] => [id, ...sized(bytes)];

/** A vector instruction. */
export const vector = (op: number): number[] => [0xfd, ...leb(op)];
export const get = (local: number): number[] => [0x20, ...leb(local)];
export const set = (local: number): number[] => [0x21, ...leb(local)];
/** local = local op value; leaves nothing on the stack. `op` is i32.add or i32.sub. */
export const increment = (local: number, op: number, value: number): number[] => [
  ...[...get(local), 0x41, ...signed(value)],
  ...[op, ...set(local)],
];
export const I32_ADD = 0x6a;
export const I32_SUB = 0x6b;
/** Runs `body` again and again while the local is not zero. */
export const loop = (body: number[], local: number): number[] => [
  ...[0x03, 0x40, ...body],
  ...[...get(local), 0x0d, 0, 0x0b],
];

export interface Function {
  readonly name: string;
  readonly parameters: readonly number[];
  /** The type of the one result, if there is one. */
  readonly result?: number;
  /** How many V128 locals follow the parameters. */
  readonly vectors?: number;
  readonly body: number[];
}

/** A module that exports functions, and `memory` if it has pages. */
export function encode(functions: readonly Function[], pages = 0): Uint8Array<ArrayBuffer> {
  const name = (text: string): number[] => sized([...new TextEncoder().encode(text)]);
  const vec = (items: readonly number[][]): number[] => [...leb(items.length), ...items.flat()];
  const types = functions.map((f) => [
    ...[0x60, ...leb(f.parameters.length), ...f.parameters],
    ...(f.result === undefined ? [0] : [1, f.result]),
  ]);
  const exported = functions.map((f, i) => [...name(f.name), 0, ...leb(i)]);
  if (pages) exported.push([...name("memory"), 2, 0]);
  const bodies = functions.map((f) => {
    const locals = f.vectors ? [1, ...leb(f.vectors), V128] : [0];
    return sized([...locals, ...f.body, 0x0b]);
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vec(types)),
    ...section(3, vec(functions.map((_, i) => leb(i)))),
    ...(pages ? section(5, [1, 0, ...leb(pages)]) : []),
    ...section(7, vec(exported)),
    ...section(10, vec(bodies)),
  ]);
}
