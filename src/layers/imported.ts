// The kinds of layers that only models read from files need: such a model carries them along, so that no other bundle has them.
export * from "./math.ts";
export * from "./reduction.ts";
