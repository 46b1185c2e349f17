// Arithmetic of a window that slides along one axis: what the cards compute before the reader's eyes and compare with the library.

export interface WindowAxis {
  /** W: pixels of the input. */
  readonly size: number;
  /** F: pixels of the kernel. */
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Pixels of padding before and after. */
  readonly before: number;
  readonly after: number;
}

/** F' = D (F − 1) + 1: what a dilated kernel spans. */
export const span = ({ kernel, dilation }: WindowAxis): number => dilation * (kernel - 1) + 1;

/** floor((W − F' + 2P) / S) + 1, where 2P stands for the padding of both sides. Below 1: the window does not fit. */
export const outputSize = (axis: WindowAxis): number =>
  Math.floor((axis.size - span(axis) + axis.before + axis.after) / axis.stride) + 1;

/** TensorFlow's "same": the output has ceil(W / S) pixels; of an odd padding the larger half comes after. */
export function samePadding(size: number, reach: number, stride: number): [number, number] {
  const all = Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size);
  return [Math.floor(all / 2), Math.ceil(all / 2)];
}

/** The positions on the padded axis that the window of one output reads. */
export const taps = ({ kernel, stride, dilation }: WindowAxis, output: number): number[] =>
  Array.from({ length: kernel }, (_, i) => output * stride + i * dilation);
