// The median of larger windows, for every pixel and channel. Rows as image.ts says.
//
// Bytes: a histogram for every column, and of these, column by column, the histogram of the window (S. Perreault and P. Hébert, "Median
// Filtering in Constant Time", IEEE Transactions on Image Processing, 2007). Floats: the bits of the median, one by one, by counting how
// many values are below.

/** Bytes of a histogram of a column: 256 counts, and 16 of the values that share their upper four bits. */
const COLUMN: usize = 272;

/** Adds 16 counts in bytes to 16 in 16 bits, or takes them away. */
// @ts-ignore: decorator
@inline
function add_counts(sum: usize, counts: usize): void {
  const x = v128.load(counts);
  v128.store(sum, i16x8.add(v128.load(sum), i16x8.extend_low_i8x16_u(x)));
  v128.store(sum, i16x8.add(v128.load(sum, 16), i16x8.extend_high_i8x16_u(x)), 16);
}

// @ts-ignore: decorator
@inline
function take_counts(sum: usize, counts: usize): void {
  const x = v128.load(counts);
  v128.store(sum, i16x8.sub(v128.load(sum), i16x8.extend_low_i8x16_u(x)));
  v128.store(sum, i16x8.sub(v128.load(sum, 16), i16x8.extend_high_i8x16_u(x)), 16);
}

// @ts-ignore: decorator
@inline
function count(column: usize, value: u32, by: u8): void {
  const fine = column + value;
  const coarse = column + 256 + (value >> 4);
  store<u8>(fine, load<u8>(fine) + by);
  store<u8>(coarse, load<u8>(coarse) + by);
}

/** The sums of the lanes up to each. */
// @ts-ignore: decorator
@inline
function running_sums(x: v128): v128 {
  const zero = i32x4.splat(0);
  x = i16x8.add(x, v128.shuffle<i16>(zero, x, 7, 8, 9, 10, 11, 12, 13, 14));
  x = i16x8.add(x, v128.shuffle<i16>(zero, x, 6, 7, 8, 9, 10, 11, 12, 13));
  return i16x8.add(x, v128.shuffle<i16>(zero, x, 4, 5, 6, 7, 8, 9, 10, 11));
}

/** Where the value of a rank lies among 16 counts. `sums` gets the counts before each, from the second on: the first is 0. */
// @ts-ignore: decorator
@inline
function find(counts: usize, rank: u32, sums: usize): usize {
  const a = running_sums(v128.load(counts));
  const b = i16x8.add(
    running_sums(v128.load(counts, 16)),
    v128.shuffle<i16>(a, a, 7, 7, 7, 7, 7, 7, 7, 7),
  );
  v128.store(sums, a, 2);
  v128.store(sums, b, 18);
  const wanted = i16x8.splat(<i16>rank);
  const before = i8x16.narrow_i16x8_s(i16x8.le_u(a, wanted), i16x8.le_u(b, wanted));
  return popcnt(i8x16.bitmask(before));
}

/** One channel of one row: `columns` hold the histograms of all columns of the row's windows. */
function median_histogram_row(q: usize, columns: usize, c: usize, size: i32, n: i32): void {
  const half = <u32>(size * size) >> 1;
  // The window's 16 coarse counts, 256 fine ones, for every 16 of these the window they were last right for, and sums.
  const coarse = columns + <usize>(n + size - 1) * COLUMN;
  const fine = coarse + 32;
  const updated = fine + 512;
  const sums = updated + 64;
  memory.fill(coarse, 0, 32);
  for (let k = 0; k < size; k++) add_counts(coarse, columns + <usize>k * COLUMN + 256);
  for (let k: usize = 0; k < 16; k++) store<i32>(updated + (k << 2), -size);
  store<u16>(sums, 0);
  for (let x = 0; x < n; x++, q += c) {
    const s = find(coarse, half, sums);
    const left = half - <u32>load<u16>(sums + (s << 1));
    // Only the 16 values that hold the median are brought up to date.
    const counts = fine + (s << 5);
    const part = columns + (s << 4);
    let behind = load<i32>(updated + (s << 2));
    if (x - behind >= size) {
      v128.store(counts, i32x4.splat(0));
      v128.store(counts, i32x4.splat(0), 16);
      for (let k = x; k < x + size; k++) add_counts(counts, part + <usize>k * COLUMN);
    } else
      for (; behind < x; behind++) {
        take_counts(counts, part + <usize>behind * COLUMN);
        add_counts(counts, part + <usize>(behind + size) * COLUMN);
      }
    store<i32>(updated + (s << 2), x);
    store<u8>(q, <u8>((s << 4) + find(counts, left, sums)));
    if (x + 1 == n) break;
    take_counts(coarse, columns + <usize>x * COLUMN + 256);
    add_counts(coarse, columns + <usize>(x + size) * COLUMN + 256);
  }
}

/**
 * The median of `size` x `size` bytes, an odd size up to 255. The unit is a channel of `c`, in `rows` rows of `n` pixels, which follow those
 * of the call before unless `first`. `input` is the row above the first window's first; size/2 pixels are readable left and right. For
 * every channel `scratch` has (n + size - 1) 272 + 656 bytes, which keep their values from call to call.
 */
export function image_median_u8(
  out: usize,
  input: usize,
  scratch: usize,
  outPitch: i32,
  inPitch: i32,
  c: i32,
  size: i32,
  n: i32,
  rows: i32,
  first: i32,
  from: i32,
  to: i32,
): void {
  const width = n + size - 1;
  const bytes = <usize>width * COLUMN + 656;
  for (let channel = from; channel < to; channel++) {
    const columns = scratch + <usize>channel * bytes;
    const start = input + channel - (size >> 1) * c;
    if (first) memory.fill(columns, 0, <usize>width * COLUMN);
    for (let y = 0; y < rows; y++) {
      // The first row takes a whole window in, the others a row in and a row out.
      const fresh = first && y == 0;
      const top = start + <usize>y * inPitch;
      for (let k = fresh ? 1 : size; k <= size; k++) {
        let p = top + <usize>k * inPitch;
        for (let x = columns; x < columns + <usize>width * COLUMN; x += COLUMN, p += c) count(x, load<u8>(p), 1);
      }
      if (!fresh) {
        let p = top;
        for (let x = columns; x < columns + <usize>width * COLUMN; x += COLUMN, p += c) count(x, load<u8>(p), 255);
      }
      median_histogram_row(out + <usize>y * outPitch + channel, columns, c, size, n);
    }
  }
}

/** Floats as integers of the same order. */
// @ts-ignore: decorator
@inline
function key_of(x: v128): v128 {
  return v128.xor(x, i32x4.shr_u(i32x4.shr_s(x, 31), 1));
}

/** The median of `size` x `size` floats, pixels `step` bytes apart; NaN where one is in the window. `n` counts values. `input` is the
 * first row of the first window; size/2 pixels are readable left and right. */
export function image_median_f32(
  out: usize,
  input: usize,
  outPitch: i32,
  inPitch: i32,
  step: i32,
  size: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  const half = i32x4.splat((size * size) >> 1);
  for (let y = from; y < to; y++) {
    for (let i = 0; i < n << 2; i += 16) {
      const p = input + <usize>y * inPitch + i - (size >> 1) * step;
      let nan = i32x4.splat(0);
      for (let ky = 0; ky < size; ky++)
        for (let kx = 0; kx < size; kx++) {
          const x = v128.load(p + <usize>ky * inPitch + kx * step);
          nan = v128.or(nan, f32x4.ne(x, x));
        }
      // The largest key that at most half of the others are below.
      let key = i32x4.splat(1 << 31);
      for (let bit = 31; bit >= 0; bit--) {
        const next = i32x4.add(key, i32x4.splat(1 << bit));
        let below = i32x4.splat(0);
        for (let ky = 0; ky < size; ky++)
          for (let kx = 0; kx < size; kx++) {
            const x = v128.load(p + <usize>ky * inPitch + kx * step);
            below = i32x4.sub(below, i32x4.lt_s(key_of(x), next));
          }
        key = v128.bitselect(next, key, i32x4.le_s(below, half));
      }
      v128.store(out + <usize>y * outPitch + i, v128.or(key_of(key), nan));
    }
  }
}
