type Numbers = ArrayLike<number>;
/** Every element is `===`. A NaN is expected only where `expected` has one. */
export declare function expectEqual(actual: Numbers, expected: Numbers): void;
/**
 * |actual - expected| <= bound, one bound for all or one per element; NaN and infinities must match exactly.
 * Throws when zeros would pass as well: such a bound proves nothing (compare all zeros with `expectEqual`).
 */
export declare function expectWithin(actual: Numbers, expected: Numbers, bound: number | Numbers): void;
/** |actual - expected| <= atol + rtol * |expected|, with everything `expectWithin` insists on. */
export declare function expectClose(actual: Numbers, expected: Numbers, rtol: number, atol: number): void;
/** ||actual - expected|| / ||expected||, summed in float64. NaN in `actual` makes it NaN, below no limit. */
export declare function relativeL2(actual: Numbers, expected: Numbers): number;
export {};
