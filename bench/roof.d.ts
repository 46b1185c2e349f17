/** `relaxed` (fused multiply-add) is undefined without relaxed SIMD; `baseline` is a multiply and an add. */
export declare function measureRoof(): Promise<{
    relaxed: number | undefined;
    baseline: number;
}>;
