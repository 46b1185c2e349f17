// Random numbers of a seed: a 32-bit generator (mulberry32), and what is drawn with it.

/** Gives numbers from 0 to below 1, the same for the same seeds. */
export function randomOf(...seeds: readonly number[]): () => number {
  return generator(seeds.reduce((state, seed) => (Math.imul(state ^ seed, 0x9e3779b1) + 0x85ebca6b) | 0, 0));
}

/** Gives numbers from 0 to below 1 from a state of 32 bits on. */
export function generator(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** 0 .. n - 1 in any order: a Fisher–Yates shuffle, whose bias is negligible for n far below 2^32. */
export function permutation(n: number, random: () => number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** A number of the distribution Beta(alpha, alpha). */
export function beta(alpha: number, random: () => number): number {
  const [a, b] = [logGamma(alpha, random), logGamma(alpha, random)];
  // By logarithms: for a small alpha both may be too small for numbers.
  return 1 / (1 + Math.exp(b - a));
}

/** The logarithm of a number of the distribution Gamma(alpha, 1) (Marsaglia and Tsang, 2000). */
function logGamma(alpha: number, random: () => number): number {
  // Above 0, as a logarithm needs.
  const positive = (): number => 1 - random();
  if (alpha < 1) return logGamma(alpha + 1, random) + Math.log(positive()) / alpha;
  const d = alpha - 1 / 3;
  for (;;) {
    const normal = Math.sqrt(-2 * Math.log(positive())) * Math.cos(2 * Math.PI * random());
    const v = (1 + normal / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(positive()) < normal ** 2 / 2 + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}
