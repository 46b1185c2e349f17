// Damages the structure of ONNX files: fields of messages changed, exchanged, left out and doubled, with all lengths right.
import { concatBytes } from "../src/formats/bytes.ts";
import type { Random } from "./random.ts";

/** Messages inside messages, by the path of field numbers: model.graph.node.attribute.tensor, and so on. */
const MESSAGES = new Set(
  ["7", "8", "14", "25"]
    .concat(["7.1", "7.5", "7.11", "7.12", "7.1.5", "7.1.5.5", "7.5.13", "25.7", "25.7.5", "25.9"])
    .concat([
      "7.11.2",
      "7.11.2.1",
      "7.11.2.1.2",
      "7.11.2.1.2.1",
      "7.12.2",
      "7.12.2.1",
      "7.12.2.1.2",
      "7.12.2.1.2.1",
    ]),
);

interface Field {
  number: number;
  type: number;
  value: bigint | Uint8Array | Field[];
}

function parse(bytes: Uint8Array, path = ""): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const [number, type] = [key >> 3, key & 7];
    if (type === 0) {
      fields.push({ number, type, value: varint() });
      continue;
    }
    const length = type === 2 ? Number(varint()) : type === 5 ? 4 : 8;
    const value = bytes.subarray(at, at + length);
    at += length;
    const inner = path ? `${path}.${number}` : `${number}`;
    fields.push({ number, type, value: type === 2 && MESSAGES.has(inner) ? parse(value, inner) : value });
  }
  return fields;
}

function varintOf(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

function write(fields: readonly Field[]): Uint8Array {
  return concatBytes(
    fields.flatMap(({ number, type, value }) => {
      const key = Uint8Array.from(varintOf(BigInt(number * 8 + type)));
      if (typeof value === "bigint") return [key, Uint8Array.from(varintOf(value))];
      const content = Array.isArray(value) ? write(value) : value;
      return type === 2 ? [key, Uint8Array.from(varintOf(BigInt(content.length))), content] : [key, content];
    }),
  );
}

const INTEGERS = [
  0n,
  1n,
  2n,
  3n,
  -1n,
  -2n,
  5n,
  7n,
  16n,
  255n,
  65536n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n,
  2n ** 62n,
  -(2n ** 63n),
];

/** Every list of fields in a file. */
function listsOf(root: Field[]): Field[][] {
  const lists = [root];
  for (const list of lists) for (const { value } of list) if (Array.isArray(value)) lists.push(value);
  return lists;
}

/** A file with one to four changes of its structure. */
export function mutateOnnx(file: Uint8Array, random: Random): Uint8Array {
  const root = parse(file);
  const lists = listsOf(root).filter((list) => list.length);
  /** Any short text or bytes of the file: names that are exchanged join nodes otherwise. */
  const texts = lists
    .flat()
    .flatMap(({ value }) => (value instanceof Uint8Array && value.length < 64 ? [value] : []));
  for (let n = 1 + random.below(4); n > 0; n--) {
    const list = random.pick(lists);
    if (!list.length) continue;
    const i = random.below(list.length);
    const field = list[i];
    switch (random.below(8)) {
      case 0:
        list.splice(i, 1);
        break;
      case 1:
        list.splice(i, 0, field);
        break;
      case 2: {
        const j = random.below(list.length);
        [list[i], list[j]] = [list[j], list[i]];
        break;
      }
      case 3:
        field.number = random.pick([field.number, 1, 2, 3, 4, 5, 7, 8, 9, 11, 20]);
        break;
      default:
        if (typeof field.value === "bigint") field.value = random.pick(INTEGERS);
        else if (field.value instanceof Uint8Array)
          if (random.chance(0.6) && texts.length) field.value = random.pick(texts);
          else if (field.value.length) {
            const bytes = Uint8Array.from(field.value);
            bytes[random.below(bytes.length)] = random.pick([0, 1, 2, 127, 128, 255]);
            field.value = bytes;
          }
    }
  }
  return write(root);
}
