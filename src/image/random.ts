// Random numbers as a function of a seed, a stream and a counter: the same on every host, and independent of the order of calls.

/** The next number of a stream, uniform in [0, 1). */
export interface Random {
  (): number;
  /** A whole number, uniform from 0 to below `count`. */
  integer(count: number): number;
}

/** 32 mixed bits: the finaliser of MurmurHash3 (Appleby, public domain), a bijection in which every bit depends on every other. */
function mixed(h: number): number {
  let x = h | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/** 2^32 divided by the golden ratio, odd: consecutive multiples are spread over all of 32 bits. */
const GOLDEN = 0x9e3779b9;

/** A key out of integers of up to 53 bits. */
const keyOf = (numbers: readonly number[]): number =>
  numbers.reduce((key, n) => {
    const low = mixed((key + Math.imul(n | 0, GOLDEN)) | 0);
    return mixed((low + Math.imul(Math.floor(n / 2 ** 32) | 0, GOLDEN) + 1) | 0);
  }, GOLDEN | 0);

/** A stream of numbers for some integers. */
export function randomOf(...stream: number[]): Random {
  const key = keyOf(stream);
  // A second key, so that streams of which one key is met again further on in another do not run alike.
  const other = keyOf([...stream, 1]);
  let counter = 0;
  const random = (): number =>
    (mixed(mixed((key + Math.imul(counter++, GOLDEN)) | 0) ^ other) >>> 0) / 2 ** 32;
  return Object.assign(random, { integer: (count: number) => Math.floor(random() * count) });
}
