// The values of a weight in another order of axes: files and layers do not agree on it.
import { type Shape, sizeOf } from "../tensor.ts";

/** Values written one after the other: a line of a cache. */
const LINE = 16;

/** Axis i of the result is axis perm[i] of the data. The data itself where no value moves. */
export function transpose<Data extends Float32Array | Int32Array>(
  data: Data,
  shape: Shape,
  perm: readonly number[],
): Data {
  // Axes of size 1 do not move any value.
  const long = perm.filter((axis) => shape[axis] > 1);
  if (data.length === 0 || long.every((axis, i) => i === 0 || axis > long[i - 1])) return data;
  const axes = long.map((axis, i) => ({
    size: shape[axis],
    from: sizeOf(shape.slice(axis + 1)),
    to: sizeOf(long.slice(i + 1).map((after) => shape[after])),
  }));
  const inner = axes.pop()!;
  // The other axes in the order of the data: as many streams as a line has values are read from the first to the last.
  axes.sort((a, b) => b.from - a.from);
  const fast = axes.pop()!;
  const out = (
    data instanceof Int32Array ? new Int32Array(data.length) : new Float32Array(data.length)
  ) as Data;
  const line = inner.from === 1 ? inner.size : LINE;
  const index = axes.map(() => 0);
  for (let begin = 0; begin < inner.size; begin += line) {
    const end = Math.min(begin + line, inner.size);
    let [from, to, axis] = [0, 0, 0];
    while (axis >= 0) {
      for (let i = 0; i < fast.size; i++) {
        let source = from + i * fast.from + begin * inner.from;
        const last = to + i * fast.to + end;
        for (let at = last - end + begin; at < last; at++) {
          out[at] = data[source];
          source += inner.from;
        }
      }
      // To the next index of the axes outside; -1 after the last.
      for (axis = axes.length - 1; axis >= 0; axis--) {
        from += axes[axis].from;
        to += axes[axis].to;
        if (++index[axis] < axes[axis].size) break;
        from -= axes[axis].size * axes[axis].from;
        to -= axes[axis].size * axes[axis].to;
        index[axis] = 0;
      }
    }
  }
  return out;
}
