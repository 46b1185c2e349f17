/** A 2-D convolution of a batch of one. Padding is explicit and symmetric, as in PyTorch: [top, left]. */
export interface Row {
    readonly name: string;
    readonly n: 1;
    readonly h: number;
    readonly w: number;
    readonly c: number;
    readonly oc: number;
    readonly kh: number;
    readonly kw: number;
    readonly stride: number;
    readonly dilation: number;
    readonly groups: number;
    readonly padding: readonly [number, number];
}
/** One layer, ready to run. */
export interface Runner {
    run(): void | Promise<void>;
    /** The answer of the last run, `[1, oh, ow, oc]`. */
    output(): Float32Array;
    dispose(): void | Promise<void>;
}
/** A library under measurement. */
export interface Engine {
    readonly name: string;
    /** `x` is `[1, h, w, c]`, `w` is `[kh, kw, c / groups, oc]`. */
    create(row: Row, x: Float32Array, w: Float32Array, bias: Float32Array): Promise<Runner>;
}
export declare const rows: readonly Row[];
/** [oh, ow] = floor((W − D·(K − 1) − 1 + 2P) / S) + 1. */
export declare function outSize(row: Row): [number, number];
/** Floating-point operations of the direct sum, borders counted as full: a multiply-add is two. */
export declare function flops(row: Row): number;
