// The kinds of layers that only imported models have. A model that was read from a file carries them along; they are in no registry,
// so that bundles without such a file format go without.
export * from "./gather.ts";
export * from "./move.ts";
export * from "./select.ts";
