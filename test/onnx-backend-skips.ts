// Cases of the ONNX project that this library does not compute, and why: each is refused with an UnsupportedError when it is loaded or
// compiled. Patterns are matched against the names of cases, the first that fits counts.

export const SKIPPED: readonly (readonly [cases: RegExp, why: string])[] = [];
