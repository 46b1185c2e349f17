// Writes assembly/tiles.generated.ts: the micro-kernels, one function per number of rows. AssemblyScript has no arrays of vectors
// in registers, so a tile of 6 x 8 sums is 12 named locals; written by hand that is the same line six times over, three times.
//
// Two kinds of tile, both of `rows` x NR sums that stay in registers:
//   product      sums over K:      rows are output pixels,  columns output channels   (gemm.ts)
//   filter grad  sums over pixels: rows are input values,   columns output channels   (filter-grad.ts)
import { writeFileSync } from "node:fs";

/** Most rows of a tile: pixels x 8 channels, pixels x 4 channels. The baseline build asks for fewer, see tile.ts. */
const ROWS = 6;
const ROWS_HALF = 8;
/** Steps in a turn of the inner loop. A turn may end after each, which keeps the optimiser from moving loads across them. */
const STEPS = 3;

const each = (count, line) => Array.from({ length: count }, (_, i) => line(i));
const indent = (lines, by) => lines.map((line) => " ".repeat(by) + line);

/** out[m + i][0 .. columns) = clamp(start + sum over k of x[m + i][k] * panel[k][0 .. columns)); see gemm.ts. */
function product(name, rows, halves, part) {
  const both = halves === 2;
  const load = (vector, o, offset) =>
    part === vector ? `load_some(${o} + ${offset}, columns - ${4 * vector})` : `v128.load(${o}, ${offset})`;
  const store = (vector, o, c) =>
    part === vector
      ? `store_some(${o} + ${16 * vector}, clamp(${c}, l, h), columns - ${4 * vector});`
      : `v128.store(${o}, clamp(${c}, l, h), ${16 * vector});`;
  const step = (s) => [
    `const b0 = v128.load(w, ${32 * s})${both ? `, b1 = v128.load(w, ${32 * s + 16})` : ""};`,
    ...each(rows, (i) =>
      both
        ? `{ const a = v128.load32_splat(p${i}, ${4 * s}); c${i}0 = madd(a, b0, c${i}0); c${i}1 = madd(a, b1, c${i}1); }`
        : `c${i}0 = madd(v128.load32_splat(p${i}, ${4 * s}), b0, c${i}0);`,
    ),
  ];
  const tile = [
    ...each(rows, (i) => `let p${i} = x + load<u32>(pixels, ${8 * i});`),
    ...each(rows, (i) => `let c${i}0 = v128.load(bias)${both ? `, c${i}1 = v128.load(bias, 16)` : ""};`),
    "if (start != FROM_BIAS) {",
    ...each(rows, (i) => {
      const second = both ? ` c${i}1 = ${load(1, "o", 16)};` : "";
      return `  { const o = to + load<u32>(pixels, ${8 * i + 4}); c${i}0 = ${load(0, "o", 0)};${second} }`;
    }),
    "  if (start == FROM_BOTH) {",
    `    const b0 = v128.load(bias)${both ? ", b1 = v128.load(bias, 16)" : ""};`,
    ...each(
      rows,
      (i) => `    c${i}0 = f32x4.add(c${i}0, b0);${both ? ` c${i}1 = f32x4.add(c${i}1, b1);` : ""}`,
    ),
    "  }",
    "}",
    "let moved: usize = 0; // how far the pointers have moved",
    "let w = bias + skip, run = runs;",
    "for (let r = load<i32>(runs); r > 0; r--) {",
    "  const offset = <usize>load<i32>(run, 4), length = load<i32>(run, 8), move = offset - moved;",
    "  run += 8;",
    ...each(rows, (i) => `  p${i} += move;`),
    "  let left = length;",
    `  for (; left > 0; left -= ${STEPS}) {`,
    ...each(STEPS, (s) => [
      "    {",
      ...indent(step(s), 6),
      "    }",
      ...(s < STEPS - 1 ? [`    if (left == ${s + 1}) break;`] : []),
    ]).flat(),
    ...each(rows, (i) => `    p${i} += ${4 * STEPS};`),
    `    w += ${32 * STEPS};`,
    "  }",
    "  w += <usize>left * 32;",
    "  moved = offset + (<usize>(length - left) << 2);",
    "}",
    "const l = f32x4.splat(lo), h = f32x4.splat(hi);",
    ...each(rows, (i) => {
      const second = both ? ` ${store(1, "o", `c${i}1`)}` : "";
      return `{ const o = to + load<u32>(pixels, ${8 * i + 4}); ${store(0, "o", `c${i}0`)}${second} }`;
    }),
  ];
  return [
    `function ${name}(`,
    "  tiles: i32, panels: i32, out: usize, x: usize, first: usize, panel: usize, skip: usize, pixels: usize, runs: usize, start: i32,",
    "  columns: i32, lo: f32, hi: f32,",
    "): void {",
    `  for (; tiles > 0; tiles--, pixels += ${8 * rows}) {`,
    "    let bias = first, to = out;",
    "    for (let n = panels; n > 0; n--, bias += panel, to += NR * 4) {",
    ...indent(tile, 6),
    "    }",
    "  }",
    "}",
    "",
  ];
}

/** out[row + i][0 .. columns) (+)= sum over pixels of x[pixel][row + i] * dy[pixel][0 .. columns); see filter-grad.ts. */
function filterGrad(rows) {
  const step = (s) => [
    `const p = x + load<u32>(pixels, ${8 * s});`,
    `const b0 = v128.load(dy, ${32 * s}), b1 = v128.load(dy, ${32 * s + 16});`,
    ...each(
      rows,
      (i) =>
        `{ const a = v128.load32_splat(p, ${4 * i}); c${i}0 = madd(a, b0, c${i}0); c${i}1 = madd(a, b1, c${i}1); }`,
    ),
  ];
  return [
    `function filter_grad_${rows}(`,
    "  out: usize, row: usize, x: usize, dy: usize, pixels: usize, length: i32, add: bool, columns: i32,",
    "): void {",
    ...each(rows, (i) => `  let c${i}0 = f32x4.splat(0), c${i}1 = f32x4.splat(0);`),
    `  for (; length > 0; length -= ${STEPS}) {`,
    ...each(STEPS, (s) => [
      "    {",
      ...indent(step(s), 6),
      "    }",
      ...(s < STEPS - 1 ? [`    if (length == ${s + 1}) break;`] : []),
    ]).flat(),
    `    pixels += ${8 * STEPS};`,
    `    dy += ${32 * STEPS};`,
    "  }",
    ...each(rows, (i) => `  store_sums(out + ${i} * row, c${i}0, c${i}1, add, columns);`),
    "}",
    "",
  ];
}

/** A chain of comparisons that calls the function of the number of rows; what the baseline build has no tile for is left out. */
const dispatch = (most, largest, call) =>
  each(most, (i) => most - i).map((rows, i) => {
    const condition = rows > 4 ? `${largest} >= ${rows} && rows == ${rows}` : `rows == ${rows}`;
    return `${i ? "else " : ""}${rows > 1 ? `if (${condition}) ` : ""}${call(rows)};`;
  });

const productArguments = "tiles, panels, out, x, first, panel, skip, pixels, runs, start, columns, lo, hi";
const gradArguments = "out, row, x, dy, pixels, length, add, columns";
const counts = (most) => each(most, (i) => i + 1);

writeFileSync(
  "assembly/tiles.generated.ts",
  [
    "// Written by scripts/generate-tiles.mjs; change that. See tile.ts for what the tiles do.",
    'import { NR } from "./abi";',
    'import { clamp, load_some, madd, store_some } from "./simd";',
    'import { FROM_BIAS, FROM_BOTH, MR, MR_HALF, store_sums } from "./tile";',
    "",
    ...counts(ROWS).flatMap((rows) => product(`product_${rows}`, rows, 2, -1)),
    ...counts(ROWS).flatMap((rows) => product(`product_${rows}_part`, rows, 2, 1)),
    ...counts(ROWS_HALF).flatMap((rows) => product(`product_${rows}_half`, rows, 1, 0)),
    "/**",
    " * `tiles` groups of `rows` pixels, one after the other in the table, by `panels` panels that begin at `first` (with their bias) and",
    " * lie `panel` bytes apart; this block of K begins `skip` bytes into each. `columns` channels a panel: NR, or fewer in the last.",
    " */",
    "export function product_tiles(",
    "  rows: i32, tiles: i32, panels: i32, columns: i32, out: usize, x: usize, first: usize, panel: usize, skip: usize, pixels: usize,",
    "  runs: usize, start: i32, lo: f32, hi: f32,",
    "): void {",
    "  if (columns == NR) {",
    ...indent(
      dispatch(ROWS, "MR", (rows) => `product_${rows}(${productArguments})`),
      4,
    ),
    "  } else if (columns > 4) {",
    ...indent(
      dispatch(ROWS, "MR", (rows) => `product_${rows}_part(${productArguments})`),
      4,
    ),
    "  } else {",
    ...indent(
      dispatch(ROWS_HALF, "MR_HALF", (rows) => `product_${rows}_half(${productArguments})`),
      4,
    ),
    "  }",
    "}",
    "",
    ...counts(ROWS).flatMap(filterGrad),
    "/** One tile of `rows` rows of a filter's gradient; `row` bytes lie between them. */",
    "export function filter_grad_tile(",
    "  rows: i32, out: usize, row: usize, x: usize, dy: usize, pixels: usize, length: i32, add: bool, columns: i32,",
    "): void {",
    ...indent(
      dispatch(ROWS, "MR", (rows) => `filter_grad_${rows}(${gradArguments})`),
      2,
    ),
    "}",
    "",
  ].join("\n"),
);
