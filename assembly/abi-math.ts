// Numbers both sides share of the kernels that only imported models need: kinds of words.ts and fold.ts, and their record.

// WordRows: up to three operands broadcast to the shape of out, read by words.ts.
/** Words of a run (contiguous in out). */
export const WORDS_RUN = 0;
/** Bytes from one word of a run to the next in each operand: 4, or 0 where it is one word. */
export const WORDS_A_STEP = 1;
export const WORDS_B_STEP = 2;
export const WORDS_C_STEP = 3;
/** The axes round the run, at least one, innermost first: how many, then size, byte strides in out, a, b and c of each. */
export const WORDS_AXES = 4;
export const WORDS_DIMS = 5;

/** Words of a run that one unit of work makes. */
export const WORDS_BLOCK = 1024;

// Four words at a time. What the names do not say: i32 where they begin with INT, f32 elsewhere; what is true or false is an i32.
export const WORDS_LOG = 0;
export const WORDS_ERF = 1;
export const WORDS_FLOOR = 2;
export const WORDS_CEIL = 3;
/** To the nearest integer, halves to the even one. */
export const WORDS_ROUND = 4;
export const WORDS_TRUNC = 5;
export const WORDS_SIGN = 6;
export const WORDS_RSQRT = 7;
/** a where a > p, 0 elsewhere. */
export const WORDS_THRESHOLD = 8;
/** a + q below -p, a - q above p, 0 between. */
export const WORDS_SHRINK = 9;
/** a / (1 + e^(p · a)): p is -1 for silu. */
export const WORDS_SWISH = 10;
/** |a| = Infinity, and |a| < Infinity. */
export const WORDS_IS_INF = 11;
export const WORDS_IS_FINITE = 12;
/** f32 to i32, towards 0; NaN gives 0, and what is too large the nearest there is. */
export const WORDS_TO_INT = 13;
/** i32 to f32. */
export const WORDS_TO_FLOAT = 14;
export const WORDS_INT_ABS = 15;
export const WORDS_INT_SIGN = 16;
export const WORDS_EQUAL = 17;
export const WORDS_NOT_EQUAL = 18;
export const WORDS_LESS = 19;
export const WORDS_LESS_OR_EQUAL = 20;
export const WORDS_INT_EQUAL = 21;
export const WORDS_INT_NOT_EQUAL = 22;
export const WORDS_INT_LESS = 23;
export const WORDS_INT_LESS_OR_EQUAL = 24;
/** (a - b)². */
export const WORDS_SQUARED_DIFFERENCE = 25;
/** floor(a / b). */
export const WORDS_FLOOR_DIV = 26;
export const WORDS_INT_ADD = 27;
export const WORDS_INT_SUB = 28;
export const WORDS_INT_MUL = 29;
export const WORDS_INT_MIN = 30;
export const WORDS_INT_MAX = 31;
export const WORDS_INT_AND = 32;
export const WORDS_INT_OR = 33;
export const WORDS_INT_XOR = 34;
/** b where a is not 0, c elsewhere; a is i32, the others are words. */
export const WORDS_WHERE = 35;

// One word at a time, from here on.
export const WORDS_LOG2 = 36;
export const WORDS_LOG1P = 37;
export const WORDS_EXPM1 = 38;
export const WORDS_EXP2 = 39;
export const WORDS_SIN = 40;
export const WORDS_COS = 41;
export const WORDS_TAN = 42;
export const WORDS_ASIN = 43;
export const WORDS_ACOS = 44;
export const WORDS_ATAN = 45;
export const WORDS_SINH = 46;
export const WORDS_COSH = 47;
export const WORDS_ASINH = 48;
export const WORDS_ACOSH = 49;
export const WORDS_ATANH = 50;
export const WORDS_CBRT = 51;
/** a above 0, p · (e^(a / p) - 1) below. */
export const WORDS_CELU = 52;
export const WORDS_POW = 53;
/** The remainder with the sign of b (MOD), and of a (FMOD). For i32, what is divided by 0 gives 0. */
export const WORDS_MOD = 54;
export const WORDS_FMOD = 55;
export const WORDS_ATAN2 = 56;
export const WORDS_INT_DIV = 57;
export const WORDS_INT_MOD = 58;
export const WORDS_INT_FMOD = 59;
export const WORDS_INT_FLOOR_DIV = 60;
export const WORDS_INT_POW = 61;
/** By b bits, all of them from 32 on; RIGHT keeps the sign. */
export const WORDS_INT_LEFT = 62;
export const WORDS_INT_RIGHT = 63;

// How fold.ts combines two values, and what it writes: the last, or each, or each without its own value.
export const FOLD_SUM = 0;
export const FOLD_PROD = 1;
export const FOLD_INT_SUM = 2;
export const FOLD_INT_PROD = 3;
export const FOLD_INT_MAX = 4;
export const FOLD_INT_MIN = 5;
export const FOLD_LAST = 0;
export const FOLD_EACH = 1;
export const FOLD_BEFORE = 2;

/** Columns of a unit of work of fold.ts. */
export const FOLD_BLOCK = 16;

/** Bits of the kind of extreme.ts: the values are i32; the least is sought; the last of equals is taken. */
export const EXTREME_INT = 1;
export const EXTREME_MIN = 2;
export const EXTREME_LAST = 4;
