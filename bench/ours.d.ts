import type { Engine } from "./rows.ts";
export declare function convolith(): Promise<Engine>;
