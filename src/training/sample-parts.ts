// Samples cut into parts and parts put together, whatever arrays they hold.
import type { CheckedSamples } from "../network/samples.ts";
import type { Numbers } from "../network/trainer-interface.ts";

/** Images `from` to before `to`. Typed arrays are views. */
export function partOf(samples: CheckedSamples, from: number, to: number): CheckedSamples {
  const part = mapNumbers([samples], ([values]) => {
    const size = values.length / samples.images;
    const [begin, end] = [from * size, to * size];
    return ArrayBuffer.isView(values)
      ? (values as unknown as Float32Array).subarray(begin, end)
      : Array.prototype.slice.call(values, begin, end);
  });
  return { ...(part as CheckedSamples), perImage: samples.perImage, images: to - from };
}

/** The images of all, one after the other. They have the same numbers per image. */
export function joined(parts: readonly CheckedSamples[]): CheckedSamples {
  if (parts.length === 1) return parts[0];
  const whole = mapNumbers(parts, (lists) => {
    const length = lists.reduce((sum, list) => sum + list.length, 0);
    const kind = (lists[0] as Float32Array).constructor;
    const typed = ArrayBuffer.isView(lists[0]) && lists.every((list) => list.constructor === kind);
    // Doubles hold the numbers of any two kinds of arrays.
    const all = new (typed ? (kind as Float32ArrayConstructor) : Float64Array)(length);
    let at = 0;
    for (const list of lists) {
      all.set(list, at);
      at += list.length;
    }
    return all;
  });
  const { perImage } = parts[0];
  return {
    ...(whole as CheckedSamples),
    perImage,
    images: parts.reduce((sum, { images }) => sum + images, 0),
  };
}

/** The same structure with what `f` makes of the arrays of numbers that all values have in one place; what is no array is the first's. */
function mapNumbers(values: readonly unknown[], f: (lists: readonly Numbers[]) => Numbers): unknown {
  const [first] = values;
  if (typeof first !== "object" || first === null) return first;
  if (ArrayBuffer.isView(first) || (Array.isArray(first) && typeof first[0] === "number"))
    return f(values as readonly Numbers[]);
  const at = (key: string): unknown =>
    mapNumbers(
      values.map((value) => (value as Readonly<Record<string, unknown>>)[key]),
      f,
    );
  if (Array.isArray(first)) return first.map((_, i) => at(String(i)));
  return Object.fromEntries(Object.keys(first).map((key) => [key, at(key)]));
}
