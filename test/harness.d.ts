import { Runtime } from "../src/engine/runtime.ts";
import { type Op } from "../src/ops/op.ts";
export interface Plain {
    shape: readonly number[];
    data: ArrayLike<number>;
}
export interface Result {
    shape: readonly number[];
    data: Float32Array | Int32Array;
}
export declare const BUILDS: readonly ["simd", "relaxed", "checked"];
export type Build = (typeof BUILDS)[number];
export declare function binary(build: Build): Uint8Array<ArrayBuffer>;
/** Every build this host can run: relaxed SIMD needs Node 22 or later. */
export declare function builds(): {
    name: Build;
    engine: Promise<Runtime>;
}[];
/**
 * The op's outputs. It runs three ways that must agree in every bit: all inputs given per run; every input but the first
 * constant, so that weights are packed ahead; and each call cut at odd places, as threads would cut it.
 */
export declare function evaluate<P>(engine: Runtime | Promise<Runtime>, op: Op<P>, inputs: readonly Plain[], params: P): Promise<Result[]>;
