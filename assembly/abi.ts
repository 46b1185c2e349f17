// Numbers both sides share: plain `export const`, read by asc and by tsc. Nothing else may live here.
// A record is an array of 4-byte fields in linear memory; a constant below is the index of a field in it.

/** Rows (output pixels) of the largest register tile: 6 x 8 floats are 12 of the 15 vector registers x64 has to spare. */
export const MR = 6;
/** Columns (output channels) of a packed panel: two vectors of four lanes. */
export const NR = 8;

/** Bits answered by `build_flags`. */
export const BUILD_RELAXED = 1;
export const BUILD_CHECKED = 2;
