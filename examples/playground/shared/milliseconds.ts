/** Three digits of a time: 0.213, 2.13, 21.3, 213. */
export const milliseconds = (ms: number): string =>
  ms.toFixed(Math.max(0, Math.min(3, 2 - Math.floor(Math.log10(Math.max(ms, 1e-3))))));
