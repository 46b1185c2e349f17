// Kinds of layers that only imported models have: these carry them along, so that nobody else's bundle does.
export * from "./pool-index.ts";
export * from "./product.ts";
export * from "./sample.ts";
export * from "./statistics.ts";
