// Every layer by its name. The namespace is the registry: loading a model looks its kinds up here, and in those it brings along.
export * from "./activation.ts";
export * from "./adaptive-pool.ts";
export * from "./attention.ts";
export * from "./conv.ts";
export * from "./dense.ts";
export * from "./dropout.ts";
export * from "./elementwise.ts";
export * from "./local.ts";
export * from "./norm.ts";
export * from "./pool.ts";
export * from "./reduce.ts";
export * from "./resize.ts";
export * from "./shape.ts";
