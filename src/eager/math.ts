// Types of eager mathematics: functions of each value, arithmetic, comparisons and logic with NumPy broadcasting, matrix products.
import type { DType, Tensor } from "../tensor.ts";

/** A tensor, or a number, which stands for a tensor of shape [] of the other operand's type: `engine.pow(x, 2)`. */
export type Operand<D extends DType = "float32"> = Tensor<D> | number;

export interface ClipOptions {
  /** Default: none. */
  min?: number;
  /** Default: none. */
  max?: number;
}

export interface CastOptions<D extends DType = DType> {
  dtype: D;
}

export interface MatMulOptions {
  /** Whether the last two axes of a are exchanged first. Default false. */
  transposeA?: boolean;
  /** The same for b. Default false. */
  transposeB?: boolean;
}

/**
 * There is no type of truth values: comparisons and logic give int32 of 0 and 1, and take what is not 0 as true. Arithmetic of int32
 * gives int32: it wraps round at 32 bits, div cuts towards 0, and what is divided by 0 is 0. The two operands must have one type.
 * Errors of all methods: ArgumentError for what is no tensor or option, ShapeError for what does not fit, DisposedError, MemoryError.
 */
export interface MathOps {
  /** 2^x */
  exp2(x: Tensor): Tensor;
  /** exp(x) − 1, exact near 0 */
  expm1(x: Tensor): Tensor;
  /** The natural logarithm. */
  log(x: Tensor): Tensor;
  /** The logarithm to the base 2. */
  log2(x: Tensor): Tensor;
  /** log(1 + x), exact near 0 */
  log1p(x: Tensor): Tensor;
  /** 1 / sqrt(x) */
  rsqrt(x: Tensor): Tensor;
  /** x² */
  square<D extends DType>(x: Tensor<D>): Tensor<D>;
  /** 1 / x */
  reciprocal(x: Tensor): Tensor;
  /** −1, 0 or 1 */
  sign<D extends DType>(x: Tensor<D>): Tensor<D>;
  /** The next integer below. */
  floor(x: Tensor): Tensor;
  /** The next integer above. */
  ceil(x: Tensor): Tensor;
  /** The nearest integer, of two the even one. */
  round(x: Tensor): Tensor;
  /** The next integer towards 0. */
  trunc(x: Tensor): Tensor;
  /** The error function. */
  erf(x: Tensor): Tensor;
  sin(x: Tensor): Tensor;
  cos(x: Tensor): Tensor;
  tan(x: Tensor): Tensor;
  asin(x: Tensor): Tensor;
  acos(x: Tensor): Tensor;
  atan(x: Tensor): Tensor;
  sinh(x: Tensor): Tensor;
  cosh(x: Tensor): Tensor;
  asinh(x: Tensor): Tensor;
  acosh(x: Tensor): Tensor;
  atanh(x: Tensor): Tensor;

  /** a^b */
  pow<D extends DType = "float32">(a: Operand<D>, b: Operand<D>): Tensor<D>;
  /** The remainder with the sign of b: a − b · floor(a / b). */
  mod<D extends DType = "float32">(a: Operand<D>, b: Operand<D>): Tensor<D>;
  /** floor(a / b) */
  floorDiv<D extends DType = "float32">(a: Operand<D>, b: Operand<D>): Tensor<D>;
  /** (a − b)² */
  squaredDifference<D extends DType = "float32">(a: Operand<D>, b: Operand<D>): Tensor<D>;
  /** The angle of the point (b, a), from −π to π. */
  atan2(a: Operand, b: Operand): Tensor;

  /** 1 where a = b, 0 elsewhere. */
  equal<D extends DType>(a: Operand<D>, b: Operand<D>): Tensor<"int32">;
  /** 1 where a ≠ b, and where one is NaN; 0 elsewhere. */
  notEqual<D extends DType>(a: Operand<D>, b: Operand<D>): Tensor<"int32">;
  /** 1 where a > b, 0 elsewhere. */
  greater<D extends DType>(a: Operand<D>, b: Operand<D>): Tensor<"int32">;
  /** 1 where a ≥ b, 0 elsewhere. */
  greaterEqual<D extends DType>(a: Operand<D>, b: Operand<D>): Tensor<"int32">;
  /** 1 where a < b, 0 elsewhere. */
  less<D extends DType>(a: Operand<D>, b: Operand<D>): Tensor<"int32">;
  /** 1 where a ≤ b, 0 elsewhere. */
  lessEqual<D extends DType>(a: Operand<D>, b: Operand<D>): Tensor<"int32">;
  /** 1 where neither is 0, 0 elsewhere. */
  logicalAnd<D extends DType>(a: Operand<D>, b: Operand<D>): Tensor<"int32">;
  /** 1 where one of them is not 0, 0 elsewhere. */
  logicalOr<D extends DType>(a: Operand<D>, b: Operand<D>): Tensor<"int32">;
  /** 1 where exactly one of them is not 0, 0 elsewhere. */
  logicalXor<D extends DType>(a: Operand<D>, b: Operand<D>): Tensor<"int32">;
  /** 1 where x is 0, 0 elsewhere. */
  logicalNot(x: Tensor<DType>): Tensor<"int32">;
  /** 1 where x is NaN, 0 elsewhere. */
  isNaN(x: Tensor): Tensor<"int32">;
  /** 1 where x is Infinity or −Infinity, 0 elsewhere. */
  isInf(x: Tensor): Tensor<"int32">;
  /** 1 where x is neither infinite nor NaN, 0 elsewhere. */
  isFinite(x: Tensor): Tensor<"int32">;

  /** a where the condition is not 0, b elsewhere; all three broadcast. */
  where<D extends DType = "float32">(condition: Tensor<"int32">, a: Operand<D>, b: Operand<D>): Tensor<D>;
  /** min(max(x, min), max) */
  clip<D extends DType>(x: Tensor<D>, options: ClipOptions): Tensor<D>;
  /** The values as another type. Floats are cut towards 0; NaN becomes 0, what is too large the nearest int32. */
  cast<D extends DType>(x: Tensor<DType>, options: CastOptions<D>): Tensor<D>;
  /** x, as a constant in gradients: PyTorch's `detach`. */
  stopGradient<D extends DType>(x: Tensor<D>): Tensor<D>;
  /** a [..., m, k] times b [..., k, n]: [..., m, n]. Leading axes broadcast; a vector is a row a or a column b. */
  matmul(a: Tensor, b: Tensor, options?: MatMulOptions): Tensor;
}
