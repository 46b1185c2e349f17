export interface GoldenTensor {
    shape: number[];
    data: Float32Array;
}
/** The ops the forward cases exercise, by the name of the op object. */
export type GoldenOp = "conv" | "convTranspose" | "maxPool" | "avgPool" | "globalMaxPool" | "globalAvgPool" | "batchNorm" | "groupNorm" | "dense" | "activation" | "prelu" | "softmax" | "logSoftmax" | "pad" | "resize" | "depthToSpace";
export interface GoldenCase {
    name: string;
    /** PyTorch's name of the op, as the fixture has it. */
    source: string;
    op: GoldenOp;
    params: object;
    inputs: GoldenTensor[];
    expected: GoldenTensor;
    /** The op only picks among its inputs (and 0 and 6): nothing is rounded, so the bits must be the same. */
    exact: boolean;
}
/** Cases per op, so that none can vanish unnoticed. */
export declare const FORWARD_COUNTS: Readonly<Record<string, number>>;
/** Cases that have no forward op: losses, optimizer steps and batch statistics, which belong to training. */
export declare const EXCLUDED_COUNTS: Readonly<Record<string, number>>;
/** All forward cases, and the source name of every case left out. */
export declare function loadGolden(): {
    cases: GoldenCase[];
    excluded: string[];
};
