// Samples cut into parts, and parts put together.
import type { CheckedSamples, Numbers } from "../network/samples.ts";

/** Images `from` to before `to`. Typed arrays are views. */
export function partOf(samples: CheckedSamples, from: number, to: number): CheckedSamples {
  const part = (values: Numbers): Numbers => {
    const size = values.length / samples.images;
    const [begin, end] = [from * size, to * size];
    return ArrayBuffer.isView(values)
      ? (values as unknown as Float32Array).subarray(begin, end)
      : Array.prototype.slice.call(values, begin, end);
  };
  const { inputs, labels, perImage } = samples;
  return { inputs: inputs.map(part), labels: labels.map(part), images: to - from, perImage };
}

/** The images of all, one after the other. They have the same numbers per image. */
export function joined(parts: readonly CheckedSamples[]): CheckedSamples {
  if (parts.length === 1) return parts[0];
  const [{ inputs, labels, perImage }] = parts;
  return {
    inputs: inputs.map((_, i) => concatenated(parts.map((part) => part.inputs[i]))),
    labels: labels.map((_, i) => concatenated(parts.map((part) => part.labels[i]))),
    images: parts.reduce((sum, { images }) => sum + images, 0),
    perImage,
  };
}

function concatenated(lists: readonly Numbers[]): Numbers {
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
}
