// How far two answers are apart.

/** The largest difference of two answers relative to the largest value of the first; infinite where lengths differ. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i] - b[i]);
    if (!(d <= worst)) worst = d; // NaN propagates
    largest = Math.max(largest, Math.abs(a[i]));
  }
  return worst === 0 ? 0 : worst / largest;
}
