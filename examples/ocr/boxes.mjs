// From a map of probabilities to the boxes of text lines, upright ones.

/** Pixels above this belong to a line; what has less of it in the mean is none ("Real-time Scene Text Detection with Differentiable
 * Binarization", Liao et al. 2020, whose maps show lines shrunk: boxes grow by area * GROWTH / circumference). */
const THRESHOLD = 0.3;
const LEAST_MEAN = 0.6;
const GROWTH = 1.5;
/** Smaller spots are noise. */
const LEAST_SIDE = 3;

/** @typedef {{ x: number, y: number, width: number, height: number }} Box */

/**
 * @param {ArrayLike<number>} map
 * @param {number} width Of the map.
 * @param {number} height
 * @param {number} scaleX Pixels of the picture per pixel of the map.
 * @param {number} scaleY
 * @param {{ width: number, height: number }} limits The picture, which boxes do not leave.
 * @returns {Box[]} From the top to the bottom.
 */
export function boxesOf(map, width, height, scaleX, scaleY, limits) {
  const seen = new Uint8Array(width * height);
  /** @type {Box[]} */
  const boxes = [];
  for (let first = 0; first < seen.length; first++) {
    if (seen[first] || map[first] <= THRESHOLD) continue;
    let [left, right, top, bottom, sum, count] = [width, 0, height, 0, 0, 0];
    const stack = [first];
    seen[first] = 1;
    while (stack.length) {
      const p = /** @type {number} */ (stack.pop());
      const [x, y] = [p % width, Math.floor(p / width)];
      [left, right, top, bottom] = [
        Math.min(left, x),
        Math.max(right, x),
        Math.min(top, y),
        Math.max(bottom, y),
      ];
      sum += map[p];
      count++;
      for (let dy = -1; dy <= 1; dy++)
        for (let dx = -1; dx <= 1; dx++) {
          const q = p + dy * width + dx;
          const inside = x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height;
          if (!inside || seen[q] || map[q] <= THRESHOLD) continue;
          seen[q] = 1;
          stack.push(q);
        }
    }
    const [w, h] = [right - left + 1, bottom - top + 1];
    if (Math.min(w, h) < LEAST_SIDE || sum / count < LEAST_MEAN) continue;
    const grow = (w * h * GROWTH) / (2 * (w + h));
    const x = Math.max(0, Math.round((left - grow) * scaleX));
    const y = Math.max(0, Math.round((top - grow) * scaleY));
    const x1 = Math.min(limits.width, Math.round((right + 1 + grow) * scaleX));
    const y1 = Math.min(limits.height, Math.round((bottom + 1 + grow) * scaleY));
    boxes.push({ x, y, width: x1 - x, height: y1 - y });
  }
  return boxes.sort((a, b) => a.y - b.y);
}
