// Reads the code blocks of Markdown pages, and what the HTML comments before them say about them:
//   <!-- before: code -->     runs before the block, and is not shown
//   <!-- prints: /regex/ -->  must match what the block prints
//   <!-- not run: why -->     the block is only type-checked

export interface CodeBlock {
  readonly page: string;
  /** Of its first line of code, from 1. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  readonly before: string;
  readonly prints: RegExp | undefined;
  readonly notRun: string | undefined;
}

const LANGUAGES = ["ts", "js"];
const KINDS = ["before", "prints", "not run"];

/** The ts and js blocks of a page. Throws for a comment that names no kind, or that no block follows. */
export function codeBlocks(page: string, text: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let notes: Record<string, string> = {};
  const lines = text.split("\n");
  const fail = (line: number, what: string): never => {
    throw new Error(`${page}:${line + 1}: ${what}`);
  };
  /** The line on which something ends that began on line `from`. */
  const endOf = (from: number, isEnd: (line: string) => boolean): number => {
    const end = lines.findIndex((line, i) => i >= from && isEnd(line));
    return end < 0 ? fail(from, "this does not end") : end;
  };
  for (let i = 0; i < lines.length; i++) {
    const fence = /^```(\w*)/.exec(lines[i]);
    const comment = /^<!-- ([\w ]+):/.exec(lines[i]);
    if (fence) {
      const end = endOf(i + 1, (line) => line.startsWith("```"));
      if (LANGUAGES.includes(fence[1])) {
        const pattern = notes.prints && /^\/(.*)\/$/.exec(notes.prints);
        blocks.push({
          ...{ page, line: i + 2, language: fence[1] },
          ...{ code: lines.slice(i + 1, end).join("\n"), before: notes.before ?? "" },
          prints: pattern ? new RegExp(pattern[1]) : undefined,
          notRun: notes["not run"],
        });
        notes = {};
      }
      i = end;
    } else if (comment) {
      if (!KINDS.includes(comment[1])) fail(i, `"${comment[1]}" is none of ${KINDS.join(", ")}`);
      const end = endOf(i, (line) => line.endsWith("-->"));
      const whole = lines.slice(i, end + 1).join("\n");
      notes[comment[1]] = whole.slice(comment[0].length, -"-->".length).trim();
      i = end;
    } else if (lines[i].trim() && Object.keys(notes).length) fail(i, "the comments above belong to no block");
  }
  return blocks;
}

/** Rows of the first table below a heading, as cells; the first row is the head. */
export function tableBelow(text: string, heading: string): string[][] {
  const lines = text.split("\n");
  const from = lines.indexOf(heading);
  if (from < 0) throw new Error(`there is no heading "${heading}"`);
  const first = lines.findIndex((line, i) => i > from && line.startsWith("|"));
  const after = lines.findIndex((line, i) => i > first && !line.startsWith("|"));
  const cells = (line: string): string[] =>
    line
      .slice(1, line.lastIndexOf("|"))
      .split("|")
      .map((cell) => cell.trim());
  const [head, , ...body] = lines.slice(first, after < 0 ? undefined : after).map(cells);
  return [head, ...body];
}
