// Which taps of a window lie inside the input, along one axis: taps at start, start + dilation, ..., at most `kernel` of them.

/** The first tap at or after 0. */
// @ts-ignore: decorator
@inline
export function first_tap(start: i32, dilation: i32): i32 {
  return start >= 0 ? 0 : (dilation - 1 - start) / dilation;
}

/** One past the last tap before `size`. */
// @ts-ignore: decorator
@inline
export function end_tap(start: i32, size: i32, kernel: i32, dilation: i32): i32 {
  const room = size - start;
  if (room > (kernel - 1) * dilation) return kernel;
  return room <= 0 ? 0 : (room + dilation - 1) / dilation;
}
