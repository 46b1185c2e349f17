// Damages files: bytes, and the structure of JSON.
import { concatBytes } from "../src/formats/bytes.ts";
import type { Random } from "./random.ts";

type Place = readonly [parent: Record<string, unknown>, key: string];

/** A copy; null for what is nested too deep for one. */
function clone(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return null;
  }
}

/** Every place of a JSON value where another value could stand. */
function placesOf(root: Record<string, unknown>): Place[] {
  const places: Place[] = [];
  const open = [root];
  for (let parent = open.pop(); parent; parent = open.pop())
    for (const key of Object.keys(parent)) {
      places.push([parent, key]);
      const value = parent[key];
      if (typeof value === "object" && value !== null) open.push(value as Record<string, unknown>);
    }
  return places;
}

const NUMBERS = [
  0,
  1,
  -1,
  2,
  3,
  0.5,
  16,
  255,
  65536,
  2 ** 28,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  1e300,
  -0.1,
];
const TEXTS = [
  "",
  "constructor",
  "__proto__",
  "toString",
  "hasOwnProperty",
  "length",
  ":",
  "a:1",
  "é\u0000",
  "same",
  "valid",
];

/** A value that does not belong where it is put. */
function foreign(random: Random): unknown {
  switch (random.below(10)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
    case 3:
      return random.pick(NUMBERS);
    case 4:
      return random.pick(TEXTS);
    case 5:
      return [];
    case 6:
      return {};
    case 7:
      return random.pick<unknown>([
        { toString: 1 },
        { length: 2 },
        { toString: null, valueOf: null },
        { 0: 1, length: 1e9 },
      ]);
    case 8:
      return Array.from({ length: random.pick([1, 2, 4, 40]) }, () => random.pick(NUMBERS));
    default:
      return random.pick(["x", "a"]).repeat(random.pick([1, 300, 3000]));
  }
}

/** Sets a key as JSON.parse does: "__proto__", too, is a key as others. */
function put(parent: object, key: string, value: unknown): void {
  Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
}

function mutateOnce(root: Record<string, unknown>, random: Random): void {
  const places = placesOf(root);
  if (!places.length) return;
  const [parent, key] = random.pick(places);
  const value = parent[key];
  const list = Array.isArray(parent) ? (parent as unknown[]) : undefined;
  const other = (): unknown => {
    const [from, name] = random.pick(places);
    return clone(from[name]);
  };
  switch (random.below(12)) {
    case 0:
      if (list) list.splice(Number(key), 1);
      else delete parent[key];
      return;
    case 1: {
      put(parent, key, other());
      return;
    }
    case 2:
      if (list) list.splice(random.below(list.length + 1), 0, clone(value));
      else put(parent, random.pick(TEXTS), value);
      return;
    case 3:
      if (list) list.push(...list.splice(random.below(list.length), 1));
      else {
        delete parent[key];
        put(parent, random.pick(TEXTS), value);
      }
      return;
    case 4: {
      put(parent, key, random.chance(0.5) ? [value] : { [random.pick(TEXTS)]: value });
      return;
    }
    case 5:
    case 6:
    case 7:
      if (typeof value === "number") {
        put(
          parent,
          key,
          random.pick([value + 1, value - 1, value * 2, -value, value * 2 ** 16, value / 3, 0, 1, 2]),
        );
        return;
      }
      if (typeof value === "string") {
        put(parent, key, random.pick([value.slice(1), `${value}:1`, value + value]));
        return;
      }
      {
        put(parent, key, foreign(random));
        return;
      }
    case 8: {
      let deep: unknown = value;
      for (let n = random.pick([2, 20, 200, 5000]); n > 0; n--)
        deep = random.chance(0.5) ? [deep] : { config: deep };
      put(parent, key, deep);
      return;
    }
    default: {
      put(parent, key, foreign(random));
      return;
    }
  }
}

/** Changes a number, a text or a flag to another one, of which more can be read. */
function tweakOnce(root: Record<string, unknown>, random: Random): void {
  const leaves = placesOf(root).filter(([parent, key]) => typeof parent[key] !== "object");
  if (!leaves.length) return;
  const [parent, key] = random.pick(leaves);
  const value = parent[key];
  if (typeof value === "number")
    put(
      parent,
      key,
      random.pick([value + 1, value - 1, value * 2, value * 2 ** 16, value / 2, -value, ...NUMBERS]),
    );
  else if (typeof value === "boolean") put(parent, key, !value);
  else {
    const [from, name] = random.pick(leaves.filter(([p, k]) => typeof p[k] === typeof value));
    put(parent, key, random.chance(0.8) ? from[name] : random.pick(TEXTS));
  }
}

/** The value with one to four changes, or one to two small ones. */
export function mutateJson<T>(value: T, random: Random): unknown {
  const root: Record<string, unknown> = { value: clone(value) };
  const small = random.chance(0.6);
  const change = small ? tweakOnce : mutateOnce;
  for (let n = 1 + random.below(small ? 2 : 4); n > 0; n--) change(root, random);
  return root.value;
}

/** JSON text of a value, however deep it is; in some, a key comes twice or text is cut, doubled or swapped. */
export function mutateText(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  const end = Math.min(text.length, at + random.below(random.pick([4, 40, 400])));
  switch (random.below(5)) {
    case 0:
      return text.slice(0, at) + text.slice(end);
    case 1:
      return text.slice(0, end) + text.slice(at);
    case 2:
      return text.replaceAll(
        `"${random.pick(["name", "config", "shape", "inputs", "dtype"])}"`,
        `"${random.pick(TEXTS)}"`,
      );
    case 3:
      return (
        text.slice(0, at) +
        random.pick(["[".repeat(3000), "{", '"', "\\", "null", "1e999", "-"]) +
        text.slice(at)
      );
    default: {
      const brace = text.indexOf("{", at);
      const key = /"[^"\\]{1,40}":/.exec(text.slice(at))?.[0];
      return brace < 0 || !key ? text : `${text.slice(0, brace + 1)}${key}0,${text.slice(brace + 1)}`;
    }
  }
}

/** Text of JSON that may be too deep for JSON.stringify, whose stack is no part of what is tested. */
export function stringify(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch {
    return `${"[".repeat(5000)}${"]".repeat(5000)}`;
  }
}

/** The bytes with one to four changes. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let out = concatBytes([bytes]);
  for (let n = 1 + random.below(4); n > 0; n--) {
    const at = random.below(out.length + 1);
    const end = Math.min(out.length, at + random.below(random.pick([2, 9, 65, 1025])));
    switch (random.below(7)) {
      case 0:
        out = out.slice(0, at);
        break;
      case 1:
        out = concatBytes([out.subarray(0, at), out.subarray(end)]);
        break;
      case 2:
        out = concatBytes([out.subarray(0, end), out.subarray(at)]);
        break;
      case 3:
        out.fill(random.pick([0, 255, 127, 0x7f]), at, end);
        break;
      case 4:
        out = concatBytes([
          out.subarray(0, at),
          Uint8Array.from({ length: random.below(20) }, () => random.below(256)),
          out.subarray(at),
        ]);
        break;
      default:
        // Beginnings of files say how long they are.
        if (out.length)
          out[random.chance(0.3) ? random.below(Math.min(out.length, 16)) : random.below(out.length)] ^=
            1 << random.below(8);
    }
  }
  return out;
}
