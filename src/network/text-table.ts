// Tables in plain text.

/** Columns under their heads, between two rules, then the closing lines. `alignRight`: which columns hold numbers. */
export function textTable(
  head: readonly string[],
  body: readonly (readonly string[])[],
  alignRight: readonly boolean[],
  closing: readonly string[],
): string {
  const widths = head.map((h, i) => Math.max(h.length, ...body.map((row) => row[i].length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (alignRight[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join("  ")
      .trimEnd();
  const rule = widths.map((w) => "─".repeat(w)).join("  ");
  return [line(head), rule, ...body.map(line), rule, ...closing].join("\n");
}
